#include "linear_model.hpp"

#include <algorithm>

#include "patience.hpp"
#include "plan.hpp"
#include "threads.hpp"
#include "workspace.hpp"

namespace deltarule {

namespace {

constexpr long NUMBERS = 32768;  // in a part of the table that is summed by itself
constexpr long MOST_PARTS = 64;  // whose sums are then added up in their order
constexpr long COLUMNS = 192;    // in a block of the products
constexpr long TASKS = 24;       // enough for the threads to be done at about the same time
constexpr double WORTH = 2e5;    // operations that are worth a thread

int threads_for(double work, const Control& control) {
    return int(std::clamp(work / WORTH, 1.0, double(std::max(control.threads, 1))));
}

// Runs task(part, scratch) for every part, taken from a shared counter; false if the user wants to stop
template <class Run> bool each_part(long count, long scratch, double work, const Control& control, Run task) {
    Crew crew(std::min(long(threads_for(work, control)), count));
    Patience patience(control);
    std::atomic<long> next{0};
    std::vector<std::vector<double>> memory(crew.size());
    for (auto& own : memory)
        own.resize(scratch);
    crew.run([&](int id) {
        for (long part = next++; part < count && !patience.stopped(); part = next++) {
            task(part, memory[id].data());
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
void add_up(double* sums, long count, long size) {
    for (long step = 1; step < count; step *= 2)
        for (long i = 0; i + step < count; i += 2 * step)
            for (long c = 0; c < size; c++)
                sums[i * size + c] += sums[(i + step) * size + c];
}

// Below the diagonal of A (q, q) what is above it, square by square
void mirror(double* A, long q) {
    constexpr long side = 32;
    for (long C = 0; C < q; C += side)
        for (long E = C; E < q; E += side)
            for (long c = C; c < std::min(C + side, q); c++)
                for (long e = std::max(E, c + 1); e < std::min(E + side, q); e++)
                    A[e * q + c] = A[c * q + e];
}

}  // namespace

template <class T>
Outcome column_moments(const Target& target, const LinearJob<T>& job, double* first, double* second,
                       const Control& control) {
    const LinearKernels<T>& kernels = target.linear<T>();
    const long ld = rounded_up(job.n, kernels.lanes), count = parts_of(job, 2 * ld);
    std::vector<double> sums(count * 2 * ld);
    Outcome outcome;
    outcome.interrupted = !each_part(
        count, kernels.scratch(job), 4.0 * double(job.m) * double(job.n), control, [&](long part, double* scratch) {
            const Part rows = part_of(job.m, part, count);
            kernels.column_moments(job, rows.begin, rows.end, &sums[part * 2 * ld], scratch);
        });
    add_up(sums.data(), count, 2 * ld);
    std::copy_n(sums.data(), job.n, first);
    std::copy_n(sums.data() + ld, job.n, second);
    return outcome;
}

template <class T>
Outcome linear_cost(const Target& target, LinearJob<T> job, const double* phi, double* g, const Control& control) {
    const LinearKernels<T>& kernels = target.linear<T>();
    const long n = job.n, k = job.k, ld = rounded_up(n + 1, kernels.lanes),
               kp = k == 1 ? 1 : rounded_up(k, kernels.lanes);
    std::vector<double> W(ld * kp);
    for (long o = 0; o < k; o++) {
        for (long c = 0; c < n; c++)
            W[c * kp + o] = phi[o * n + c] * job.inverse[c];
        W[n * kp + o] = phi[k * n + o];
    }
    job.W = W.data();
    const long size = k * ld + 1, count = parts_of(job, size);
    std::vector<double> sums(count * size);
    Outcome outcome;
    outcome.interrupted = !each_part(count, kernels.scratch(job), 4.0 * double(job.m) * double(k * ld), control,
                                     [&](long part, double* scratch) {
                                         const Part rows = part_of(job.m, part, count);
                                         double* own = &sums[part * size];
                                         own[size - 1] = kernels.linear_cost(job, rows.begin, rows.end, own, scratch);
                                     });
    add_up(sums.data(), count, size);
    outcome.cost = sums[size - 1];
    for (long o = 0; o < k; o++) {
        for (long c = 0; c < n; c++)
            g[o * n + c] = sums[o * ld + c] * job.inverse[c];
        g[k * n + o] = sums[o * ld + n];
    }
    return outcome;
}

template <class T>
Outcome gram(const Target& target, const LinearJob<T>& job, long i, long j, long q, double* out,
             const Control& control) {
    const LinearKernels<T>& kernels = target.linear<T>();
    const long side = parts(q, COLUMNS), pairs = side * (side + 1) / 2;
    const long count = std::min(parts_of(job, q * q), std::max(1L, TASKS / pairs));
    std::vector<LinearBlock> blocks;
    long size = 0;
    for (long I = 0; I < side; I++)
        for (long J = I; J < side; J++) {
            blocks.push_back({q * I / side, q * (I + 1) / side, q * J / side, q * (J + 1) / side});
            size = std::max(size, kernels.gram_size(blocks.back()));
        }
    std::vector<double> sums(pairs * count * size);
    const double work = double(job.m) * double(q) * double(q);
    Outcome outcome;
    outcome.interrupted =
        !each_part(pairs * count, kernels.gram_scratch(parts(q, side)), work, control, [&](long task, double* scratch) {
            const Part rows = part_of(job.m, task % count, count);
            kernels.gram(job, rows.begin, rows.end, blocks[task / count], i, j, &sums[task * size], scratch);
        });
    for (long pair = 0; pair < pairs; pair++) {
        const LinearBlock& block = blocks[pair];
        double* total = &sums[pair * count * size];
        add_up(total, count, size);
        kernels.unpack_gram(block, total, out + block.c0 * q + block.e0, q);
    }
    mirror(out, q);
    return outcome;
}

#define INSTANTIATE(T)                                                                                     \
    template Outcome column_moments(const Target&, const LinearJob<T>&, double*, double*, const Control&); \
    template Outcome linear_cost(const Target&, LinearJob<T>, const double*, double*, const Control&);     \
    template Outcome gram(const Target&, const LinearJob<T>&, long, long, long, double*, const Control&);

INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace deltarule
