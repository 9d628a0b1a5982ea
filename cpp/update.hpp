// The update: from the gradient of a task to the penalties and the step of the optimizer.
#pragma once

#include "dense.hpp"
#include "head.hpp"
#include "optimizers.hpp"

namespace {

// Ω of n weights, and g += strength / m ∂Ω/∂W. A few vectors are summed at a time before they go to the total.
template <class T> double penalize(const T* W, T* g, long n, double l1, double l2) {
    double squares = 0, sizes = 0;
    for (long begin = 0; begin < n; begin += 8 * LANES<T>) {
        Vec<T> square{}, size{};
        for (long i = begin; i < n && i < begin + 8 * LANES<T>; i += LANES<T>) {
            const Vec<T> w = load(W + i), sign = select<T>(w > 0, splat(T(1)), select<T>(w < 0, splat(T(-1)), w));
            store<T>(g + i, load(g + i) + (T(l2) * w + T(l1) * sign));
            square += w * w;
            size += absolute<T>(w);
        }
        squares += double(sum<T>(square));
        sizes += double(sum<T>(size));
    }
    return 0.5 * l2 * squares + l1 * sizes;
}

// What a chunk adds to a gradient that is kept. Each chunk is summed by itself first: one long sum of float32 would
// lose small terms.
template <class T> void keep(const Chunk& chunk, const T* part, long n, T* g) {
    for (long i = 0; i < n; i += LANES<T>)
        store<T>(g + i, chunk.before > 0 ? load(g + i) + load(part + i) : load(part + i));
}

// g of a share at `at`, added to the sums that it completes, into the place of the first of them
template <class T> void complete_sums(const Job<T>& job, long share, long pairs, long at, long n, const T* g) {
    T* const to = job.shares + at;
    const auto place = [&](long pair) { return (share + 1 - (1L << pair)) * job.n_parameters; };
    for (long i = 0; i < n; i += LANES<T>) {
        Vec<T> sum = load(g + i);
        for (long pair = 1; pair <= pairs; pair++)
            sum = load(to + place(pair) + i) + sum;
        store<T>(to + place(pairs) + i, sum);
    }
}

template <class T>
void gradient_of_share(const Job<T>& job, const Chunk& chunk, const Task& task, const Laid& laid, Part rows, long share,
                       long pairs, T* scratch) {
    T* const own = job.shares + share * job.n_parameters;
    if (pairs == 0)
        return gradient(job, chunk, task, laid, rows, own + task.at, own + task.b, scratch);
    T *g = scratch, *g_b = scratch + task.n;
    gradient(job, chunk, task, laid, rows, g, g_b, scratch);
    complete_sums(job, share, pairs, task.at, task.n, g);
    complete_sums(job, share, pairs, task.b, task.n_b, g_b);
}

// g = Σ of what the shares have at `at`
template <class T> void add_shares(const Job<T>& job, const Chunk& chunk, long at, long n, T* g) {
    const Sums& sums = chunk.sums;
    const T* const shares = job.shares + at;
    const auto part = [&](long k, long i) { return load(shares + sums.at[k].first * job.n_parameters + i); };
    if (sums.n <= 2) {  // as below, but quicker
        for (long i = 0; i < n; i += LANES<T>)
            store<T>(g + i, sums.n == 2 ? part(0, i) + part(1, i) : part(0, i));
        return;
    }
    for (long i = 0; i < n; i += LANES<T>) {
        Vec<T> open[MOST_SHARES];  // sums that wait for the second of their pair
        long k = 0;
        for (long next = 0; next < sums.n; next++) {
            open[k++] = part(next, i);
            for (long pair = 0; pair < sums.at[next].pairs; pair++, k--)
                open[k - 2] += open[k - 1];
        }
        store<T>(g + i, open[0]);
    }
}

// One step of parameters `at` to at + n, whose gradient is g
template <class T> void take_step(const Job<T>& job, bool tiles, const StepRates& rates, long at, const T* g, long n) {
    awake<T>(tiles, n, 512, [&](long i, long end) {
        OPTIMIZERS<T>[job.optimizer].step(rates, job.theta + at + i, g + i, job.m ? job.m + at + i : nullptr,
                                          job.v ? job.v + at + i : nullptr, end - i);
    });
}

// A parameter that all units of a layer share has one gradient; that of the padding stays zero.
template <class T> void sum_shared(T* g, long n_out) {
    T total = 0;
    for (long o = 0; o < n_out; o++)
        total += g[o];
    for (long o = 0; o < n_out; o++)
        g[o] = total;
}

// The gradient of a task, and with the last chunk of a batch its step. The gradient stays in the cache.
template <class T>
void update(const Job<T>& job, const Chunk& chunk, const Task& task, const Laid& laid, double* penalty,
            const StepRates& rates, T* scratch) {
    const Layer<T>& layer = job.layers[task.layer];
    const bool learned = task.panel == LEARNED;
    T *g = scratch, *g_b = scratch + task.n;
    if (chunk.shares) {
        add_shares(job, chunk, task.at, task.n, g);
        add_shares(job, chunk, task.b, task.n_b, g_b);
    } else {
        gradient(job, chunk, task, laid, {0, chunk.rows}, g, g_b, scratch);
    }
    if (job.g) {
        keep(chunk, g, task.n, job.g + task.at);
        keep(chunk, g_b, task.n_b, job.g + task.b);
        g = job.g + task.at;
        g_b = job.g + task.b;
    }
    if (!chunk.last)
        return;
    if (learned && layer.shared)
        sum_shared(g, layer.n_out);
    if (!learned && (job.l1 > 0 || job.l2 > 0))
        *penalty = penalize(job.theta + task.at, g, task.n, job.l1 / chunk.total_weight, job.l2 / chunk.total_weight);
    if (job.optimizer < 0)
        return;
    take_step(job, layer.tiles, rates, task.at, g, task.n);
    take_step(job, layer.tiles, rates, task.b, g_b, task.n_b);
}

// Numbers of scratch of a thread for pieces, with `rows` rows in memory; panels of dZ that stay there are as many as a
// layer has, or as a cache has room for
template <class T> long plan_pieces(Job<T>& job, long rows, bool training) {
    long most = 0, widest = 0;  // numbers of scratch; panels
    // of fewer terms more rows are laid out at a time, and their pieces may be more in all
    const auto make_room = [&](long n, long first_half) {
        const long halves[] = {n - first_half, first_half};
        for (const long K : halves)
            if (K > 0)
                most = larger(most, pieces_size<T>(rows_in_cache<T>(true, rows, K), K));
    };
    for (long l = 1; l <= job.n_layers; l++) {
        const Layer<T>& layer = job.layers[l];
        if (!layer.tiles)
            continue;
        widest = larger(widest, panels<T>(layer.n_out));
        make_room(layer.n_in, job.layers[l - 1].first_half);
        if (training)
            make_room(layer.n_out, layer.first_half);
    }
    const long room = CACHE / long(sizeof(Piece)) / pieces_of(PANEL<T>, rows);
    job.kept = larger(smaller(widest, room), 1);
    return training && widest > 0 ? larger(most, pieces_size_of_gradient<T>(rows, job.kept)) : most;
}

// How the scratch of a thread is divided; how many numbers it has
template <class T> long plan_scratch(Job<T>& job, long rows, bool training) {
    long most = block_size<T>(job.layers[job.n_layers].n_out);  // the head
    if (training)
        most = larger(most, (BLOCK<T> + 1) * PANEL<T>);  // a gradient
    for (long l = 0; l <= job.n_layers && training; l++)
        most = larger(most, job.layers[l].ld * PANEL<T>);  // weights, turned
    job.aside = padded<T>(most);
    return job.aside + plan_pieces(job, rows, training);
}

}  // namespace
