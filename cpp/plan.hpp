// How the work of a step is divided: into sums, which decides the bits of the result, and among how many threads, which
// does not.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "network.hpp"

namespace deltarule {

// How many parts of a size n is divided into
template <class N> N parts(N n, N size) {
    return (n + size - 1) / size;
}

template <class N> N rounded_up(N n, N to) {
    return parts(n, to) * to;
}

// The part of n that `id` of so many takes
inline Part part_of(long n, long id, long of) {
    return {n * id / of, n * (id + 1) / of};
}

// The thread in whose part of n is i
inline long owner_of(long i, long n, int threads) {
    return ((i + 1) * threads - 1) / n;
}

// Whose turn it is, of so many threads, to take part `id` of layer l
inline int turn_of(long l, int id, int of) {
    return l % 2 ? of - 1 - id : id;
}

// Of all layers
double weights(const NetworkSpec& spec);

// Whether its layers are so small that samples, not units, stand side by side
bool is_small(const NetworkSpec& spec);

// In how many shares the rows of a chunk are divided: a power of two, so that their sums are those of pairs of pairs
inline long shares_of(long rows) {
    return rows < 32 ? 1 : 2 * long(std::bit_floor(std::uint64_t(std::clamp(rows / 128, 1L, MOST_SHARES / 2))));
}

// With how many sums before it, all of shares from `begin` on, a share completes a larger one, as a carry does in
// binary counting: shares 0 to 7 complete 0, 1, 0, 2, 0, 1, 0, 3 pairs; of a thread that begins with share 2, share 3
// completes 1
inline long pairs_at(long share, long begin) {
    long pairs = 0;
    while (share >> pairs & 1 && share + 1 - (2L << pairs) >= begin)
        pairs++;
    return pairs;
}

// What the threads leave of so many shares
Sums sums_of(long shares, int threads);

// Whether each share of `rows` rows has a gradient of its own: where that is less to exchange between threads than what
// the layers see and their dZ
bool by_shares(const NetworkSpec& spec, long rows);

// How many threads, of `most`, so many operations are worth if a thread is worth `each`
inline int threads_worth(double operations, double each, int most) {
    return int(std::clamp(operations / each, 1.0, double(std::max(most, 1))));
}

// How many threads are quickest for steps of `rows` samples
template <class T>
int threads_for(const Kernels<T>& kernels, const NetworkSpec& spec, long rows, const Control& control);

}  // namespace deltarule
