#include "memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "plan.hpp"

namespace deltarule {

namespace {

constexpr std::size_t LINE = 64, PAGE = 1 << 21, KEPT = 8 << 20;

// In whole lines, and one more, as a vector may be read past the end
std::size_t in_lines(std::size_t bytes) {
    return rounded_up(bytes + LINE, LINE);
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)

// Each by itself, so that the sanitizer sees where one ends

Memory::Memory(std::optional<Use> use) : use_(std::move(use)) {}

Memory::~Memory() {
    for (const auto& [start, size] : blocks_)
        std::free(start);
}

void* Memory::bytes(std::size_t n) {
    n = in_lines(n);
    void* const taken = std::aligned_alloc(LINE, n);
    if (!taken)
        throw std::bad_alloc();
    blocks_.emplace_back(std::memset(taken, 0, n), n);
    return taken;
}

#else

namespace {

// A block, and what the last computation left there
struct Left {
    char* block = nullptr;
    std::size_t used = 0;
    std::optional<Use> use;  // unless what it left is of no use
};

char* map(std::size_t size) {
    // pages of a block that are not touched take no memory; large ones are found sooner
    void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
    madvise(start, size, MADV_HUGEPAGE);
#endif
    return static_cast<char*>(start);
}

// Blocks of a thread that nobody uses: asking the system for memory at every epoch of a small network would take longer
// than the epoch.
class Blocks {
public:
    // One that was left by the same use, or else by none; a new one rather than what another use may come back to
    char* take(const std::optional<Use>& use) {
        const auto find = [&](auto wanted) { return std::ranges::find_if(left_, wanted); };
        auto found = find([&](const Left& one) { return one.block && use && one.use == use; });
        if (found != std::end(left_))
            return std::exchange(found->block, nullptr);
        found = find([](const Left& one) { return one.block && !one.use; });
        if (found == std::end(left_) && find([](const Left& one) { return !one.block; }) != std::end(left_))
            return map(KEPT);
        if (found == std::end(left_))
            found = std::begin(left_);
        std::memset(found->block, 0, found->used);
        return std::exchange(found->block, nullptr);
    }

    void put(Left left) {
        for (Left& one : left_)
            if (!one.block) {
                one = std::move(left);
                return;
            }
        munmap(left.block, KEPT);
    }

    ~Blocks() {
        for (const Left& one : left_)
            if (one.block)
                munmap(one.block, KEPT);
    }

private:
    Left left_[3];  // as many as take turns: an epoch, and a cost and a prediction after it
};

thread_local Blocks unused;

}  // namespace

Memory::Memory(std::optional<Use> use)
    : use_(std::move(use)), first_(unused.take(use_)), at_(first_), end_(first_ + KEPT) {}

Memory::~Memory() {
    for (const auto& [start, size] : blocks_)
        munmap(start, size);
    unused.put({first_, used_, keeps_ ? use_ : std::nullopt});
}

void* Memory::bytes(std::size_t n) {
    n = in_lines(n);
    if (n > std::size_t(end_ - at_)) {
        const std::size_t size = std::max(rounded_up(n, PAGE), 16 * PAGE) + PAGE;
        blocks_.reserve(blocks_.size() + 1);
        char* start = map(size);
        blocks_.emplace_back(start, size);
        at_ = start + (PAGE - reinterpret_cast<std::uintptr_t>(start) % PAGE) % PAGE;
        end_ = start + size;
    }
    void* taken = at_;
    at_ += n;
    if (blocks_.empty())
        used_ = std::size_t(at_ - first_);
    return taken;
}

#endif

}  // namespace deltarule
