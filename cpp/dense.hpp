// A dense layer: forward, backward, and the update of its parameters, each on a part of the rows and panels.
#pragma once

#include "activations.hpp"
#include "dropout.hpp"
#include "gemm.hpp"
#include "kernels.hpp"
#include "optimizers.hpp"

namespace {

using namespace deltarule;

template <class T> constexpr long PANEL = 2 * LANES<T>;
template <class T> constexpr long BLOCK = 4 * PANEL<T>;  // inputs in a task of the update

template <class T> inline long padded(long n) {
    return (n + LANES<T> - 1) / LANES<T> * LANES<T>;
}

template <class T> inline long panels(long n) {
    return (n + PANEL<T> - 1) / PANEL<T>;
}

// Units in panel j of n: PANEL of them, or in the last one LANES if those are enough
template <class T> inline long width_of(long n, long j) {
    const long rest = padded<T>(n) - j * PANEL<T>;
    return rest < PANEL<T> ? rest : PANEL<T>;
}

// The panel after panel j of n, each of `depth` rows
template <class T> Ahead next_panel(const T* panels_of, long n, long depth, long j) {
    if (j + 1 >= panels<T>(n))
        return {};
    return {{panels_of + (j + 1) * PANEL<T> * depth}, width_of<T>(n, j + 1) * depth * long(sizeof(T))};
}

// What the next layer sees of units c to c + width: a ⊙ mask
template <class T> void drop(const Job<T>& job, const Chunk& chunk, long l, long r0, long r1, long c, long width) {
    const Layer<T>& layer = job.layers[l];
    const double threshold = __builtin_nearbyint(layer.dropout * 4294967296.0), most = 4294967295.0;
    const long units = layer.n_out - c < width ? layer.n_out - c : width;
    for (long r = r0; r < r1; r++) {
        T *mask = layer.mask + r * layer.ld + c, *seen = layer.seen + r * layer.ld + c;
        dropout_mask<T>(job.seed, chunk.step, std::uint64_t(l), std::uint64_t(chunk.before + r) * layer.n_out + c,
                        units, std::uint32_t(threshold < most ? threshold : most), T(1 / (1 - layer.dropout)), mask);
        for (long i = 0; i < units; i++)
            seen[i] = layer.a[r * layer.ld + c + i] * mask[i];
    }
}

// Z = A Wᵀ + b,  a = g(Z); in the output layer Z alone, the rest is the head's
template <class T> void forward(const Job<T>& job, const Chunk& chunk, long l, long r0, long r1, long p0, long p1) {
    const Layer<T>&layer = job.layers[l], &below = job.layers[l - 1];
    const long rows = r1 - r0, ld = layer.ld;
    const auto& g = ACTIVATIONS<T>[layer.activation];
    const T *W = job.theta + layer.W, *b = job.theta + layer.b;
    for (long j = p0; j < p1; j++) {
        const long width = width_of<T>(layer.n_out, j), at = r0 * ld + j * PANEL<T>;
        multiply<T, false>(width, rows, {below.seen + r0 * below.ld, below.ld}, {W + j * PANEL<T> * layer.n_in, width},
                           layer.n_in, {b + j * PANEL<T>, 0}, layer.Z + at, ld,
                           next_panel(W, layer.n_out, layer.n_in, j));
        if (l < job.n_layers)
            g.forward(layer.option, job.theta + layer.p + j * PANEL<T>, layer.Z + at, layer.a + at, {rows, width, ld});
        if (layer.mask)
            drop(job, chunk, l, r0, r1, j * PANEL<T>, width);
    }
}

// Z = A Wᵀ + b  ->  dA = dZ W of the layer below, and there  a = g(Z)  ->  dZ = dA ⊙ g'(Z)
template <class T> void backward(const Job<T>& job, const Chunk&, long l, long r0, long r1, long p0, long p1) {
    const Layer<T>&layer = job.layers[l], &below = job.layers[l - 1];
    const long rows = r1 - r0, ld = below.ld;
    const auto& g = ACTIVATIONS<T>[below.activation];
    for (long j = p0; j < p1; j++) {
        const long width = width_of<T>(layer.n_in, j), at = r0 * ld + j * PANEL<T>;
        multiply<T, false>(width, rows, {layer.d + r0 * layer.ld, layer.ld},
                           {layer.back + j * PANEL<T> * layer.n_out, width}, layer.n_out, NOTHING<T>, below.d + at, ld,
                           next_panel(layer.back, layer.n_in, layer.n_out, j));
        if (below.mask)
            for (long r = 0; r < rows; r++)
                for (long c = 0; c < width; c++)
                    below.d[at + r * ld + c] *= below.mask[at + r * ld + c];
        g.backward(below.option, job.theta + below.p + j * PANEL<T>, below.Z + at, below.a + at, below.d + at,
                   below.e + at, {rows, width, ld});
    }
}

// Rows i0 to i1 of panel j of W, transposed into `back`; i0 is a multiple of PANEL
template <class T> void transpose_block(const Layer<T>& layer, const T* W, long j, long i0, long i1) {
    const long width = width_of<T>(layer.n_out, j), units = layer.n_out - j * PANEL<T>;
    const T* from = W + j * PANEL<T> * layer.n_in;
    for (long i = i0; i < i1; i += LANES<T>) {
        const long panel = i / PANEL<T>, back_width = width_of<T>(layer.n_in, panel);
        T* to = layer.back + panel * PANEL<T> * layer.n_out + j * PANEL<T> * back_width + i % PANEL<T>;
        for (long o = 0; o < width; o += LANES<T>) {
            const T* square = from + i * width + o;
            if (i1 - i >= LANES<T> && units - o >= LANES<T>) {
                transpose_square(square, width, to + o * back_width, back_width);
                continue;
            }
            for (long r = 0; r < LANES<T> && r < i1 - i; r++)
                for (long c = 0; c < LANES<T> && c < units - o; c++)
                    to[(o + c) * back_width + r] = square[r * width + c];
        }
    }
}

// Ω of n weights, and g += strength / m ∂Ω/∂W
template <class T> double penalize(const T* W, T* g, long n, double l1, double l2) {
    double total = 0;
    for (long i = 0; i < n; i += LANES<T>) {
        const Vec<T> w = load(W + i);
        Vec<T> gradient = load(g + i);
        if (l2 > 0) {
            gradient += T(l2) * w;
            total += 0.5 * l2 * double(sum<T>(w * w));
        }
        if (l1 > 0) {
            gradient += select<T>(w > 0, splat(T(l1)), select<T>(w < 0, splat(T(-l1)), w));
            total += l1 * double(sum<T>(absolute<T>(w)));
        }
        store<T>(g + i, gradient);
    }
    return total;
}

// sum (width) = Σ rows of B
template <class T> void sum_rows(Matrix<T> B, long rows, long width, T* sum) {
    for (long c = 0; c < width; c += LANES<T>) {
        Vec<T> total{};
        for (long r = 0; r < rows; r++)
            total += load(B.data + r * B.ld + c);
        store<T>(sum + c, total);
    }
}

// What a chunk adds to a gradient that is kept. Chunks are summed apart: one sum over all samples would lose the small.
template <class T> void keep(const Chunk& chunk, const T* part, long n, T* g) {
    for (long i = 0; i < n; i += LANES<T>)
        store<T>(g + i, chunk.before > 0 ? load(g + i) + load(part + i) : load(part + i));
}

// One step of parameters `at` to at + n, whose gradient is g, once the batch is complete
template <class T> void take_step(const Job<T>& job, const StepRates& rates, long at, const T* g, long n) {
    OPTIMIZERS<T>[job.optimizer].step(rates, job.theta + at, g, job.m ? job.m + at : nullptr,
                                      job.v ? job.v + at : nullptr, n);
}

// ∂J/∂p = Σ_samples dA ⊙ ∂g/∂p, of all units of a layer
template <class T>
void update_learned(const Job<T>& job, const Chunk& chunk, const Layer<T>& layer, const StepRates& rates, T* scratch) {
    const long n = padded<T>(layer.n_out);
    T* g = job.g + layer.p;
    for (long c = 0; c < n; c += PANEL<T>) {
        const long width = width_of<T>(layer.n_out, c / PANEL<T>);
        sum_rows<T>({layer.e + c, layer.ld}, chunk.rows, width, scratch);
        keep(chunk, scratch, width, g + c);
    }
    if (!chunk.last)
        return;
    if (layer.shared) {
        T total = 0;
        for (long o = 0; o < layer.n_out; o++)
            total += g[o];
        for (long o = 0; o < n; o++)
            g[o] = total;
    }
    if (job.optimizer >= 0)
        take_step(job, rates, layer.p, g, n);
}

// Z = A Wᵀ + b  ->  dW = dZᵀ A, db = Σ_samples dZ, and the step. The gradient of a task stays in the cache.
template <class T>
void update(const Job<T>& job, const Chunk& chunk, const Task& task, double* penalty, const StepRates& rates,
            T* scratch) {
    const Layer<T>&layer = job.layers[task.layer], &below = job.layers[task.layer - 1];
    if (task.panel < 0)
        return update_learned(job, chunk, layer, rates, scratch);
    const long j = task.panel, width = width_of<T>(layer.n_out, j), n = (task.i1 - task.i0) * width;
    const long at = layer.W + j * PANEL<T> * layer.n_in + task.i0 * width, at_b = layer.b + j * PANEL<T>;
    const bool bias = task.i1 == layer.n_in;
    T *g = scratch, *g_b = scratch + n;
    const Matrix<T> dZ{layer.d + j * PANEL<T>, layer.ld};
    const Ahead ahead{{job.theta + at, job.m ? job.m + at : nullptr, job.v ? job.v + at : nullptr},
                      n * long(sizeof(T))};
    multiply<T, true>(width, task.i1 - task.i0, {below.seen + task.i0, below.ld}, dZ, chunk.rows, NOTHING<T>, g, width,
                      ahead);
    if (bias)
        sum_rows(dZ, chunk.rows, width, g_b);
    if (job.g) {
        keep(chunk, g, n, job.g + at);
        g = job.g + at;
        if (bias)
            keep(chunk, g_b, width, job.g + at_b);
        g_b = job.g + at_b;
    }
    if (!chunk.last)
        return;
    if (job.l1 > 0 || job.l2 > 0)
        *penalty = penalize(job.theta + at, g, n, job.l1 / chunk.total_weight, job.l2 / chunk.total_weight);
    if (job.optimizer < 0)
        return;
    take_step(job, rates, at, g, n);
    if (bias)
        take_step(job, rates, at_b, g_b, width);
    if (layer.back)
        transpose_block(layer, job.theta + layer.W, j, task.i0, task.i1);
}

// The whole transposed copy
template <class T> void transpose(const Layer<T>& layer, const T* packed) {
    for (long j = 0; j < panels<T>(layer.n_out); j++)
        transpose_block(layer, packed + layer.W, j, 0, layer.n_in);
}

// Between `flat`, W (n_out, n_in), b, p one after another, and the packed layout
template <class T> void pack(const Layer<T>& layer, const T* flat, T* packed) {
    for (long o = 0; o < layer.n_out; o++) {
        const long j = o / PANEL<T>, width = width_of<T>(layer.n_out, j);
        T* to = packed + layer.W + j * PANEL<T> * layer.n_in + o % PANEL<T>;
        for (long i = 0; i < layer.n_in; i++)
            to[i * width] = flat[o * layer.n_in + i];
        packed[layer.b + o] = flat[layer.n_out * layer.n_in + o];
        if (layer.learns)
            packed[layer.p + o] = flat[layer.n_out * (layer.n_in + 1) + (layer.shared ? 0 : o)];
    }
}

template <class T> void unpack(const Layer<T>& layer, const T* packed, T* flat) {
    for (long o = 0; o < layer.n_out; o++) {
        const long j = o / PANEL<T>, width = width_of<T>(layer.n_out, j);
        const T* from = packed + layer.W + j * PANEL<T> * layer.n_in + o % PANEL<T>;
        for (long i = 0; i < layer.n_in; i++)
            flat[o * layer.n_in + i] = from[i * width];
        flat[layer.n_out * layer.n_in + o] = packed[layer.b + o];
        if (layer.learns && (!layer.shared || o == 0))
            flat[layer.n_out * (layer.n_in + 1) + o] = packed[layer.p + o];
    }
}

}  // namespace
