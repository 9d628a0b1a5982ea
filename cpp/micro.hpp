// Small networks, of at most 16 units a layer: the samples stand side by side in the vectors, so that no lane is wasted
// on padding, and the parameters lie as in theta.
#pragma once

#include "dense.hpp"
#include "head.hpp"
#include "optimizers.hpp"

namespace {

constexpr long MOST_VECTORS = 16;  // of samples in a block

// NV vectors of samples of Y[o] = b[o] + Σ_i W[o, i] A[i], where W[o, i] lies at W[o * by_o + i * by_i]; b may be null
template <class T, int NV>
inline void combine(const T* W, long by_o, long by_i, const T* b, const T* A, T* Y, long outputs, long inputs,
                    long width) {
    for (long o = 0; o < outputs; o++) {
        Vec<T> y[NV];
        for (int v = 0; v < NV; v++)
            y[v] = b ? splat(b[o]) : Vec<T>{};
        for (long i = 0; i < inputs; i++) {
            const Vec<T> w = splat(W[o * by_o + i * by_i]);
            for (int v = 0; v < NV; v++)
                y[v] += w * load(A + i * width + v * LANES<T>);
        }
        for (int v = 0; v < NV; v++)
            store<T>(Y + o * width + v * LANES<T>, y[v]);
    }
}

template <class T>
void combine(const T* W, long by_o, long by_i, const T* b, const T* A, T* Y, long outputs, long inputs, long width) {
    long c = 0;
    for (; c + 4 * LANES<T> <= width; c += 4 * LANES<T>)
        combine<T, 4>(W, by_o, by_i, b, A + c, Y + c, outputs, inputs, width);
    for (; c < width; c += LANES<T>)
        combine<T, 1>(W, by_o, by_i, b, A + c, Y + c, outputs, inputs, width);
}

// `count` rows of a few numbers, in this order or as they lie, turned: number i of row s to [i * width + s]. The
// compiler makes vectors of so many.
template <class T, long N> inline void turn(const T* from, const std::int64_t* order, long count, T* to, long width) {
    if (order)
        for (long i = 0; i < N; i++)
            for (long s = 0; s < count; s++)
                to[i * width + s] = from[order[s] * N + i];
    else
        for (long i = 0; i < N; i++)
            for (long s = 0; s < count; s++)
                to[i * width + s] = from[s * N + i];
}

// The same of some rows of any length, from `first` on. What is left of the width is the last row again: rows of zeros
// could lead to infinity, which no weight of zero makes good.
template <class T>
void read_rows(const T* from, const std::int64_t* order, long first, long count, long columns, T* to, long width) {
    constexpr decltype(&turn<T, 1>) kinds[] = {turn<T, 1>, turn<T, 2>, turn<T, 3>, turn<T, 4>};
    if (columns <= 4)
        kinds[columns - 1](order ? from : from + first * columns, order ? order + first : nullptr, count, to, width);
    else
        side_by_side(to, width, count, columns, [&](long s) { return from + sample_at(order, first + s) * columns; });
    for (long i = 0; i < columns; i++)
        for (long s = count; s < width; s++)
            to[i * width + s] = to[i * width + count - 1];
}

// Inputs and targets of `count` samples from `first` on, and the share of each in the weight of the batch
template <class T>
void read_block(const Job<T>& job, long first, long count, double total_weight, const Block<T>& block, T* share) {
    const long n_x = job.layers[0].n_out, n = block.shape.rows, width = block.shape.columns;
    if (job.order)  // those of the next block are soon needed
        for (long s = first + count; s < first + 2 * count && s < job.n_order; s++) {
            __builtin_prefetch(job.X + job.order[s] * n_x);
            __builtin_prefetch(job.y + job.order[s] * n);
        }
    read_rows(job.X, job.order, first, count, n_x, job.layers[0].seen, width);
    read_rows(job.y, job.order, first, count, n, block.y, width);
    const T even = T(1 / total_weight);  // of samples without weights
    for (long s = 0; s < width; s++)
        share[s] = s >= count ? T(0) : job.w ? T(job.w[sample_at(job.order, first + s)] / total_weight) : even;
}

// total[i] += Σ_samples dZ A[i] of N inputs, one vector for each
template <class T, int N> inline void add_products(const T* dZ, const T* A, T* total, long width) {
    Vec<T> sum[N];
    for (int i = 0; i < N; i++)
        sum[i] = load(total + i * LANES<T>);
    for (long c = 0; c < width; c += LANES<T>) {
        const Vec<T> d = load(dZ + c);
        for (int i = 0; i < N; i++)
            sum[i] += d * load(A + i * width + c);
    }
    for (int i = 0; i < N; i++)
        store<T>(total + i * LANES<T>, sum[i]);
}

// dW[o, i] = Σ_samples dZ[o] A[i], db[o] = Σ_samples dZ[o]: added to one vector for each parameter
template <class T> void add_gradient(const Layer<T>& layer, const T* dZ, const T* A, T* g, long width) {
    for (long o = 0; o < layer.n_out; o++, dZ += width) {
        T* const at = g + (layer.W + o * layer.n_in) * LANES<T>;
        long i = 0;
        for (; i + 4 <= layer.n_in; i += 4)
            add_products<T, 4>(dZ, A + i * width, at + i * LANES<T>, width);
        if (layer.n_in & 2) {
            add_products<T, 2>(dZ, A + i * width, at + i * LANES<T>, width);
            i += 2;
        }
        if (layer.n_in & 1)
            add_products<T, 1>(dZ, A + i * width, at + i * LANES<T>, width);
        T* const b = g + (layer.b + o) * LANES<T>;
        Vec<T> total = load(b);
        for (long c = 0; c < width; c += LANES<T>)
            total += load(dZ + c);
        store<T>(b, total);
    }
}

// Numbers of scratch that `micro` needs
template <class T> long micro_scratch(const Job<T>& job) {
    const long width = MOST_VECTORS * LANES<T>;
    return job.n_parameters * LANES<T> + (5 * job.layers[job.n_layers].n_out + 2) * width;
}

// Z = W A + b,  a = g(Z), up to Z of the output layer
template <class T> void forward_block(const Job<T>& job, const Block<T>& block) {
    const long width = block.shape.columns;
    for (long l = 1; l <= job.n_layers; l++) {
        const Layer<T>& layer = job.layers[l];
        T* Z = l == job.n_layers ? block.Z : layer.Z;
        combine(job.theta + layer.W, layer.n_in, 1, job.theta + layer.b, job.layers[l - 1].seen, Z, layer.n_out,
                layer.n_in, width);
        if (l < job.n_layers)
            ACTIVATIONS<T>[layer.activation].forward(layer.option, nullptr, Z, layer.a, {layer.n_out, width, width});
    }
}

// From dZ of the output layer: dW, db of each layer, added to g, and dA = Wᵀ dZ, dZ = dA ⊙ g'(Z) of the one below
template <class T> void backward_block(const Job<T>& job, const Block<T>& block, T* g) {
    const long width = block.shape.columns;
    for (long l = job.n_layers; l > 0; l--) {
        const Layer<T>&layer = job.layers[l], &below = job.layers[l - 1];
        const T* dZ = l == job.n_layers ? block.d : layer.d;
        add_gradient(layer, dZ, below.seen, g, width);
        if (l == 1)
            return;
        combine<T>(job.theta + layer.W, 1, layer.n_in, nullptr, dZ, below.d, layer.n_in, layer.n_out, width);
        ACTIVATIONS<T>[below.activation].backward(below.option, nullptr, below.Z, below.a, below.d, nullptr,
                                                  {below.n_out, width, width});
    }
}

// Σ share L of a block; dZ of the output layer gets the shares, with the 1/m of the cost in them
template <class T> double weigh(const Block<T>& block, const T* share) {
    const long n = block.shape.rows, width = block.shape.columns;
    Vec<T> lost{};
    for (long c = 0; c < width; c += LANES<T>) {
        lost += load(share + c) * load(block.L + c);
        for (long i = c; i < n * width; i += width)
            store<T>(block.d + i, load(block.d + i) * load(share + c));
    }
    return double(sum<T>(lost));
}

// The gradient of all rows of the chunk into job.g, and Σ w L / Σ w
template <class T> double micro(const Job<T>& job, const Chunk& chunk, T* scratch) {
    const Layer<T>& last = job.layers[job.n_layers];
    T* g = scratch;
    T* w = g + job.n_parameters * LANES<T>;
    __builtin_memset(g, 0, sizeof(T) * job.n_parameters * LANES<T>);
    const long vectors = (chunk.rows + LANES<T> - 1) / LANES<T>;
    const long blocks = (vectors + MOST_VECTORS - 1) / MOST_VECTORS;
    double total = 0;
    for (long k = 0; k < blocks; k++) {
        const long r = vectors * k / blocks * LANES<T>, end = vectors * (k + 1) / blocks * LANES<T>;
        const Block<T> block(w + MOST_VECTORS * LANES<T>, last.n_out, end - r);
        read_block(job, chunk.first + r, smaller(end, chunk.rows) - r, chunk.total_weight, block, w);
        forward_block(job, block);
        lose(job, last, block);
        total += weigh(block, w);
        backward_block(job, block, g);
    }
    for (long i = 0; i < job.n_parameters; i++)
        job.g[i] = (chunk.before ? job.g[i] : T(0)) + sum<T>(load(g + i * LANES<T>));
    return total;
}

// Penalties of all weights, added to the gradient; their part of the cost
template <class T> double micro_penalize(const Job<T>& job, double total_weight) {
    double total = 0;
    for (long l = 1; l <= job.n_layers; l++) {
        const Layer<T>& layer = job.layers[l];
        for (long i = layer.W; i < layer.W + layer.n_in * layer.n_out; i++) {
            const double w = job.theta[i], size = w < 0 ? -w : w;
            total += (0.5 * job.l2 * w * w + job.l1 * size) / total_weight;
            job.g[i] +=
                T(job.l2 / total_weight) * T(w) + (w == 0 ? T(0) : T(job.l1 / total_weight) * T(w < 0 ? -1 : 1));
        }
    }
    return total;
}

template <class T> void micro_step(const Job<T>& job, const StepRates& rates) {
    OPTIMIZERS<T>[job.optimizer].step(rates, job.theta, job.g, job.m, job.v, padded<T>(job.n_parameters));
}

}  // namespace
