// Memory of one computation.
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "network.hpp"

namespace deltarule {

// What a network needs memory for: so many rows at the same time, of each thread to predict them; to train, with a
// gradient that stays, and with so many moments of the optimizer
struct Room {
    long rows;
    int threads;
    bool training = false, gradient = false;
    int moments = 0;
    bool operator==(const Room&) const = default;
};

// All that decides what lies where
struct Use {
    const Target* target;
    NetworkSpec spec;
    Room room;
    std::size_t number;  // bytes of one
    bool reordered;
    bool operator==(const Use&) const = default;
};

// Aligned to cache lines, all freed together. Zero; but where a computation of the same use kept it, as it left it:
// what a step leaves to the next one, an epoch can leave to the next one, and setting it to zero would take longer than
// some steps. Large amounts come from pages as large as the system offers.
class Memory {
public:
    Memory() : Memory(std::nullopt) {}
    explicit Memory(std::optional<Use> use);
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory();

    template <class T> T* take(long n) {
        if (n < 0 || std::size_t(n) > std::numeric_limits<std::size_t>::max() / (4 * sizeof(T)))
            throw std::bad_alloc();
        return static_cast<T*>(bytes(n * sizeof(T)));
    }

    // For the next one of this use. The results are finite, so that padding is still zero or finite: it goes with them
    // through every sum.
    void keep() { keeps_ = true; }

private:
    std::optional<Use> use_;
    std::vector<std::pair<void*, std::size_t>> blocks_;
    char *first_ = nullptr, *at_ = nullptr, *end_ = nullptr;  // the first block, and what is left of the last one
    std::size_t used_ = 0;  // of the first, by this computation or by one that left it
    bool keeps_ = false;

    void* bytes(std::size_t n);
};

}  // namespace deltarule
