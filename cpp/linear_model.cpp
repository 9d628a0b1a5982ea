#include "linear_model.hpp"

#include <algorithm>
#include <cmath>

#include "patience.hpp"
#include "plan.hpp"
#include "threads.hpp"
#include "workspace.hpp"

namespace deltarule {

namespace {

constexpr long NUMBERS = 32768;   // in a part of the table that is summed by itself
constexpr long MOST_PARTS = 64;   // whose sums are then added up in their order
constexpr long COLUMNS = 224;     // in a block of the products
constexpr long TASKS = 24;        // enough for the threads to be done at about the same time
constexpr long STRIPS = 1 << 22;  // numbers that are laid out before they are multiplied
constexpr double WORTH = 2e5;     // operations that are worth a thread

int threads_for(double work, const Control& control) {
    return int(std::clamp(work / WORTH, 1.0, double(std::max(control.threads, 1))));
}

// Runs task(part, scratch) for every part, taken from a shared counter; false if the user wants to stop
template <class Run> bool each_part(long count, long scratch, double work, const Control& control, Run task) {
    Crew crew(std::min(long(threads_for(work, control)), count));
    Patience patience(control);
    std::atomic<long> next{0};
    Memory memory;
    std::vector<double*> own(crew.size());
    for (double*& mine : own)
        mine = memory.zeros<double>(scratch);
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

// Into the block across the diagonal of A (q, q) what is in this one, square by square
void mirror(LinearBlock block, double* A, long q) {
    constexpr long side = 32;
    for (long C = block.c0; C < block.c1; C += side)
        for (long E = block.e0; E < block.e1; E += side)
            for (long c = C; c < std::min(C + side, block.c1); c++)
                for (long e = std::max(E, c + 1); e < std::min(E + side, block.e1); e++)
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

namespace {

// The products of columns as few as a block has: a thread lays out some rows, and multiplies them at once
template <class T, class S>
bool narrow_gram(const GramKernels<T, S>& kernels, const LinearJob<T>& job, long i, long j, long q, double* out,
                 const Control& control) {
    const LinearBlock all = {0, q, 0, q};
    const long size = kernels.size(all), count = std::min(parts_of(job, q * q), TASKS);
    const long table = kernels.scratch(q), strips = kernels.strips_size(kernels.rows, q);
    Memory memory;
    S* sums = memory.zeros<S>(count * size);
    const bool done = each_part(count, table + strips, double(job.m) * double(q) * double(q), control,
                                [&](long part, double* scratch) {
                                    const Part rows = part_of(job.m, part, count);
                                    S* own = reinterpret_cast<S*>(scratch + table);
                                    for (long r = rows.begin; r < rows.end; r += kernels.rows) {
                                        const long end = std::min(r + kernels.rows, rows.end);
                                        kernels.lay_out(job, r, end, 0, q, i, j, own, scratch);
                                        kernels.gram(own, own, end - r, all, sums + part * size);
                                    }
                                });
    add_up(sums, count, size);
    kernels.unpack_gram(all, sums, false, out, q);
    mirror(all, out, q);
    return done;
}

// The same of many columns: of as many rows as there is room for, blocks of columns are laid out once, then each pair
// of them is multiplied
template <class T, class S>
bool wide_gram(const GramKernels<T, S>& kernels, const LinearJob<T>& job, long i, long j, long q, double* out,
               const Control& control) {
    const long width = std::max(kernels.grain, COLUMNS / kernels.grain * kernels.grain), side = parts(q, width);
    std::vector<LinearBlock> blocks;
    for (long I = 0; I < side; I++)
        for (long J = I; J < side; J++)
            blocks.push_back({width * I, std::min(width * (I + 1), q), width * J, std::min(width * (J + 1), q)});
    const long pairs = long(blocks.size()), size = kernels.size({0, width, 0, width});
    const long count = std::clamp(TASKS / pairs, 1L, parts_of(job, q * q));
    const long room = kernels.strips_size(kernels.rows, width), chunks = parts(job.m, kernels.rows);
    const long most = std::min(chunks, std::max(count, STRIPS / (room * side)));
    const bool often = sizeof(S) < sizeof(double);  // are sums of few numbers added up
    Memory memory;
    S *strips = memory.zeros<S>(most * side * room), *sums = memory.zeros<S>(pairs * count * size);
    bool done = true;
    for (long first = 0; first < chunks && done; first += most) {
        const long some = std::min(most, chunks - first), last = first + some;
        const double numbers = double(some * kernels.rows) * double(q);
        const auto rows_of = [&](long chunk) {
            const long r = (first + chunk) * kernels.rows;
            return Part{r, std::min(r + kernels.rows, job.m)};
        };
        done = each_part(some * side, kernels.scratch(width), 4 * numbers, control, [&](long task, double* scratch) {
            const Part rows = rows_of(task / side);
            const long c = task % side * width;
            kernels.lay_out(job, rows.begin, rows.end, c, std::min(c + width, q), i, j, strips + task * room, scratch);
        });
        done = done && each_part(pairs * count, 0, numbers * double(q), control, [&](long task, double*) {
                   const LinearBlock& block = blocks[task / count];
                   const Part own = part_of(some, task % count, count);
                   for (long chunk = own.begin; chunk < own.end; chunk++) {
                       const Part rows = rows_of(chunk);
                       const S* of = strips + chunk * side * room;
                       kernels.gram(of + block.c0 / width * room, of + block.e0 / width * room, rows.end - rows.begin,
                                    block, sums + task * size);
                   }
               });
        if (often || last == chunks)
            each_part(pairs, 0, double(q * q), control, [&](long pair, double*) {
                const LinearBlock& block = blocks[pair];
                S* total = sums + pair * count * size;
                add_up(total, count, size);
                kernels.unpack_gram(block, total, often && first > 0, out + block.c0 * q + block.e0, q);
                std::fill_n(total, count * size, S(0));
                if (last == chunks)
                    mirror(block, out, q);
            });
    }
    return done;
}

}  // namespace

template <class T, class S>
Outcome gram(const Target& target, const LinearJob<T>& job, long i, long j, long q, double* out,
             const Control& control) {
    const GramKernels<T, S>& kernels = target.linear<T>().template gram<S>();
    Outcome outcome;
    outcome.interrupted = !(q <= COLUMNS ? narrow_gram<T, S> : wide_gram<T, S>)(kernels, job, i, j, q, out, control);
    return outcome;
}

namespace {

constexpr double DAMPING = 1e-4, FAR = 1e-8;  // see newton.py
constexpr double WELL = 1e-6;                 // share of a column's square that others must leave of it

// x of A x = b into b, A (n, n) symmetric and overwritten; false if a pivot is not above that share of the diagonal
bool solve(std::vector<double>& A, double* b, long n, double share) {
    for (long i = 0; i < n; i++) {
        const double least = share * A[i * n + i];
        for (long j = 0; j <= i; j++) {
            double sum = A[i * n + j];
            for (long k = 0; k < j; k++)
                sum -= A[i * n + k] * A[j * n + k];
            if (j < i)
                A[i * n + j] = sum / A[j * n + j];
            else if (sum > least)
                A[i * n + i] = std::sqrt(sum);
            else
                return false;
        }
    }
    for (long i = 0; i < n; i++) {
        for (long k = 0; k < i; k++)
            b[i] -= A[i * n + k] * b[k];
        b[i] /= A[i * n + i];
    }
    for (long i = n - 1; i >= 0; i--) {
        for (long k = i + 1; k < n; k++)
            b[i] -= A[k * n + i] * b[k];
        b[i] /= A[i * n + i];
    }
    return true;
}

double largest(const double* g, long n) {
    double most = 0;
    for (long i = 0; i < n; i++)
        most = std::max(most, std::abs(g[i]));
    return most;
}

}  // namespace

template <class T>
Outcome newton_steps(const Target& target, const LinearJob<T>& job, NewtonSteps& steps, const Control& control) {
    const long P = job.n + 1;
    double *g = steps.g + P, *H = steps.H + P * P;  // of the place looked at
    Outcome outcome;
    const auto measure = [&](const double* phi) {
        outcome = linear_cost<T>(target, job, phi, g, control);
        if (!outcome.interrupted)
            outcome.interrupted = gram<T, double>(target, job, 0, 0, P, H, control).interrupted;
        for (long i = 0; steps.l2 && i < P; i++) {
            outcome.cost += 0.5 * steps.l2[i] * phi[i] * phi[i];
            g[i] += steps.l2[i] * phi[i];
            H[i * P + i] += steps.l2[i];
        }
        return outcome.cost;
    };
    steps.costs[0] = measure(steps.phi);
    std::copy_n(g, P, steps.g);
    std::copy_n(H, P * P, steps.H);
    const double first = largest(g, P);
    double mean = 0;
    for (long i = 0; i < P; i++)
        mean += H[i * P + i] / double(P);
    std::vector<double> matrix(H, H + P * P), d(g, g + P), there(P);
    if (!steps.most || !solve(matrix, d.data(), P, WELL))
        return outcome;
    while (!outcome.interrupted && steps.taken < steps.most) {
        const double near = std::min(1.0, largest(g, P) / first), F = steps.costs[steps.taken];
        std::copy_n(H, P * P, matrix.begin());
        std::copy_n(g, P, d.begin());
        for (long i = 0; i < P; i++) {
            const double own = steps.H[i * P + i];
            matrix[i * P + i] += DAMPING * near * near * (own > FAR * mean ? mean : own);
        }
        if (!solve(matrix, d.data(), P, 0))
            break;
        double decrement = 0, curvature = 0;
        for (long i = 0; i < P; i++) {
            decrement += g[i] * d[i];
            for (long j = 0; j < P; j++)
                curvature += d[i] * H[i * P + j] * d[j];
            there[i] = steps.phi[i] - d[i];
        }
        if (!(decrement - 0.5 * curvature > steps.gap * std::max(std::abs(steps.costs[0]), std::abs(F))))
            break;
        const bool lower = measure(there.data()) <= F - 1e-4 * decrement;
        if (outcome.interrupted)
            break;
        if (!lower) {
            measure(steps.phi);
            break;
        }
        std::copy_n(there.data(), P, steps.phi);
        steps.costs[++steps.taken] = outcome.cost;
    }
    return outcome;
}

#define INSTANTIATE(T)                                                                                               \
    template Outcome column_moments(const Target&, const LinearJob<T>&, double*, double*, const Control&);           \
    template Outcome linear_cost(const Target&, LinearJob<T>, const double*, double*, const Control&);               \
    template Outcome gram<T, double>(const Target&, const LinearJob<T>&, long, long, long, double*, const Control&); \
    template Outcome newton_steps(const Target&, const LinearJob<T>&, NewtonSteps&, const Control&);

INSTANTIATE(float)
INSTANTIATE(double)
template Outcome gram<float, float>(const Target&, const LinearJob<float>&, long, long, long, double*, const Control&);

}  // namespace deltarule
