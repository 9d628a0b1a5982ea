// How the work of a step is divided: into sums, which decides the bits of the result, and among how many threads, which
// does not.
#pragma once

#include <algorithm>

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

// Of all layers
double weights(const NetworkSpec& spec);

// Whether its layers are so small that samples, not units, stand side by side
bool is_small(const NetworkSpec& spec);

// In how many shares the rows of a chunk are divided
inline long shares_of(long rows) {
    return rows < 32 ? 1 : 2 * std::clamp(rows / 128, 1L, 8L);
}

// Whether each share of `rows` rows has a gradient of its own: where that is less to exchange between threads than what
// the layers see and their dZ
bool by_shares(const NetworkSpec& spec, long rows);

// How many threads are quickest for steps of `rows` samples
template <class T>
int threads_for(const Kernels<T>& kernels, const NetworkSpec& spec, long rows, const Control& control);

}  // namespace deltarule
