#include "linear_model.hpp"

#include <algorithm>
#include <cmath>

#include "parts.hpp"

namespace deltarule {

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

// H (P, P), damped; `first` is H of the first place, `mean` the mean of its diagonal
void damp(const double* H, const double* first, double mean, double near, long P, std::vector<double>& damped) {
    std::copy_n(H, P * P, damped.begin());
    for (long i = 0; i < P; i++) {
        const double own = first[i * P + i];
        damped[i * P + i] += DAMPING * near * near * (own > FAR * mean ? mean : own);
    }
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
        damp(H, steps.H, mean, near, P, matrix);
        std::copy_n(g, P, d.begin());
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

#define INSTANTIATE(T)                                                                                     \
    template Outcome column_moments(const Target&, const LinearJob<T>&, double*, double*, const Control&); \
    template Outcome linear_cost(const Target&, LinearJob<T>, const double*, double*, const Control&);     \
    template Outcome newton_steps(const Target&, const LinearJob<T>&, NewtonSteps&, const Control&);

INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace deltarule
