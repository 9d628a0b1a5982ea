// A whole table is worked on in parts, which the threads take from a shared counter. How it is divided depends on its
// shape alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "patience.hpp"
#include "plan.hpp"
#include "threads.hpp"
#include "workspace.hpp"

namespace deltarule {

constexpr long NUMBERS = 32768;  // in a part of the table that is summed by itself
constexpr long MOST_PARTS = 64;  // whose sums are then added up in their order
constexpr double WORTH = 2e5;    // operations that are worth a thread

// Runs task(part, scratch) for every part, taken from a shared counter; false if the user wants to stop
template <class Run>
[[nodiscard]] bool each_part(long count, long scratch, double work, const Control& control, Run task) {
    Crew crew(std::min(long(threads_worth(work, WORTH, control.threads)), count));
    Patience patience(control);
    std::atomic<long> next{0};
    Memory memory;
    std::vector<double*> own(crew.size());
    for (double*& mine : own)
        mine = memory.take<double>(scratch);
    crew.run([&](int id) {
        for (long part = next++; part < count && !patience.stopped(); part = next++) {
            task(part, own[id]);
            if (id == 0)
                patience.ask(work / double(count));
        }
    });
    return !patience.stopped();
}

// Parts of the table, each of which has `sums` of its own: together no more than the table has numbers
template <class T> long parts_of(const LinearJob<T>& job, long sums) {
    const long numbers = job.m * (job.n + 1);
    return std::clamp(std::min(numbers / NUMBERS, numbers / sums), 1L, MOST_PARTS);
}

// Adds up the sums of the parts, [count][size], into the first, in pairs of neighbors, then pairs of these ...
template <class S> void add_up(S* sums, long count, long size) {
    for (long step = 1; step < count; step *= 2)
        for (long i = 0; i + step < count; i += 2 * step)
            for (long c = 0; c < size; c++)
                sums[i * size + c] += sums[(i + step) * size + c];
}

}  // namespace deltarule
