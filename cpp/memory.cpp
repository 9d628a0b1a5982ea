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

// In whole lines, and one more, as vectors reach past the end
std::size_t in_lines(std::size_t bytes) {
    return rounded_up(bytes + LINE, LINE);
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)

// Each by itself, so that the sanitizer sees where one ends; nothing is kept

Memory::Memory(std::optional<Use> use) : use_(std::move(use)) {}

Memory::~Memory() {
    for (const auto& [start, size] : blocks_)
        std::free(start);
}

void* Memory::bytes(std::size_t n) {
    n = in_lines(n);
    blocks_.reserve(blocks_.size() + 1);
    void* const taken = std::aligned_alloc(LINE, n);
    if (!taken)
        throw std::bad_alloc();
    blocks_.emplace_back(std::memset(taken, 0, n), n);
    return taken;
}

#else

namespace {

// A block of which the first `used` bytes may not be zero: as that use left them, or of no use
struct Mapping {
    char* start;
    std::size_t used = 0;
    std::optional<Use> use = {};
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

// Those of a thread that nobody uses: asking the system for memory at every epoch of a small network would take longer
// than the epoch.
class Unused {
public:
    Unused() { blocks_.reserve(MOST); }

    // As the same use left it; else zeros, in one of no use, in a new one, or in that which has waited longest
    Mapping take(const std::optional<Use>& use) {
        auto found = use ? std::ranges::find(blocks_, use, &Mapping::use) : blocks_.end();
        const bool same = found != blocks_.end();
        if (!same)
            found = std::ranges::find(blocks_, std::optional<Use>(), &Mapping::use);
        if (found == blocks_.end() && blocks_.size() < MOST)
            return {map(KEPT)};
        if (found == blocks_.end())
            found = blocks_.begin();
        Mapping taken = std::move(*found);
        blocks_.erase(found);
        if (!same)
            std::memset(taken.start, 0, std::exchange(taken.used, 0));
        return taken;
    }

    void put(Mapping block) {
        if (blocks_.size() < MOST)
            blocks_.push_back(std::move(block));
        else
            munmap(block.start, KEPT);
    }

    ~Unused() {
        for (const Mapping& block : blocks_)
            munmap(block.start, KEPT);
    }

private:
    static constexpr std::size_t MOST = 3;  // take turns: an epoch, and a cost and a prediction after it
    std::vector<Mapping> blocks_;           // the one that has waited longest comes first
};

thread_local Unused unused;

}  // namespace

Memory::Memory(std::optional<Use> use) : use_(std::move(use)) {
    const Mapping block = unused.take(use_);
    first_ = at_ = block.start;
    end_ = first_ + KEPT;
    used_ = block.used;
}

Memory::~Memory() {
    for (const auto& [start, size] : blocks_)
        munmap(start, size);
    unused.put({first_, used_, keeps_ ? std::move(use_) : std::nullopt});
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
        used_ = std::max(used_, std::size_t(at_ - first_));
    return taken;
}

#endif

}  // namespace deltarule
