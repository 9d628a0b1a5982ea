// From the samples of some epochs to batches, and on to chunks that are in memory at the same time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "workspace.hpp"

namespace deltarule {

constexpr long CHUNK = 1024;  // most rows in memory at the same time, for each computation

// Samples whose cost is one number: those of a step, or all
struct Batch {
    long first, size;
    double weight;
};

template <class T> Batch batch_of(const Samples<T>& samples, long first, long size) {
    if (!samples.w)
        return {first, size, double(size)};
    double weight = 0;
    for (long i = first; i < first + size; i++)
        weight += double(samples.w[samples.at(i)]);
    return {first, size, weight};
}

// The samples of a batch after the first `before`, as many as are in memory at the same time
inline Chunk chunk_of(const Batch& batch, long before, std::uint64_t key, bool by_shares = false, int threads = 1) {
    const long rows = std::min(CHUNK, batch.size - before), shares = by_shares ? shares_of(rows) : 0;
    const bool last = before + rows == batch.size;
    return {.first = batch.first + before,
            .rows = rows,
            .before = before,
            .last = last,
            .total_weight = batch.weight,
            .step = key,
            .shares = shares,
            .sums = sums_of(shares, threads)};
}

// Of all steps; they begin somewhere in the orders of all epochs. Threads that read the weights of samples one after
// the other could find different ones, as these are the user's.
template <class T> std::vector<Batch> batches_of(const Samples<T>& samples, const Steps& steps) {
    std::vector<Batch> batches;
    batches.reserve(steps.alphas.size());
    for (long e = 0; e < steps.epochs; e++) {
        const long begin = samples.order ? e * samples.m : 0;
        for (long s = 0; s < steps.each(); s++) {
            const long first = s * steps.batch_size, size = std::min(steps.batch_size, samples.m - first);
            batches.push_back(batch_of(samples, begin + first, size));
        }
    }
    return batches;
}

// The one that comes after batch s, if it is not passed over
inline const Batch* batch_after(const std::vector<Batch>& batches, std::size_t s) {
    return s + 1 < batches.size() && batches[s + 1].weight > 0 ? &batches[s + 1] : nullptr;
}

}  // namespace deltarule
