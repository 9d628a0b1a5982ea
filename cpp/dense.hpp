// A dense layer: forward, backward, and the gradient of its parameters, each on a part of the rows and panels.
#pragma once

#include "activations.hpp"
#include "dropout.hpp"
#include "layout.hpp"
#include "left.hpp"

namespace {

// What the next layer sees of some rows of panel j: a ⊙ mask
template <class T> void drop(const Job<T>& job, const Chunk& chunk, long l, Part rows, long j) {
    const Layer<T>& layer = job.layers[l];
    const long c = j * PANEL<T>;
    const double threshold = __builtin_nearbyint(layer.dropout * 4294967296.0), most = 4294967295.0;
    const long units = smaller(layer.n_out - c, PANEL<T>);
    for (long r = rows.begin; r < rows.end; r++) {
        T *mask = layer.mask + r * layer.ld + c, *seen = layer.seen + r * layer.ld + c;
        dropout_mask<T>(job.seed, chunk.step, std::uint64_t(l), std::uint64_t(chunk.before + r) * layer.n_out + c,
                        units, std::uint32_t(threshold < most ? threshold : most), T(1 / (1 - layer.dropout)), mask);
        for (long i = 0; i < units; i++)
            seen[i] = layer.a[r * layer.ld + c + i] * mask[i];
    }
}

// What layer l sees of the samples of a chunk
template <class T> Matrix<T> seen_by(const Job<T>& job, const Chunk& chunk, long l) {
    const Layer<T>& below = job.layers[l - 1];
    if (below.seen)
        return {below.seen, below.ld};
    return {job.X + chunk.first * below.n_out, below.n_out};
}

// Z[o] = b[o] + Σ_i W[o, i] A[i] of a narrow layer, LANES samples at a time
template <class T> void forward_narrow(const Layer<T>& layer, const T* W, const T* b, Matrix<T> A, Part rows) {
    T parts[LANES<T> * LANES<T>], columns[LANES<T> * LANES<T>];
    for (long o = 0; o < layer.n_out; o++)
        for (long r = rows.begin; r < rows.end; r += LANES<T>) {
            const long count = smaller(rows.end - r, LANES<T>);
            for (long s = 0; s < count; s++) {
                const T* a = A.data + (r + s) * A.ld;
                Vec<T> total{};
                for (long i = 0; i < layer.n_in; i += PANEL<T>) {
                    const long width = width_of<T>(layer.n_in, i / PANEL<T>);
                    const T* w = W + i * layer.n_out + o * width;
                    for (long c = 0; c < width; c += LANES<T>) {
                        const long there = layer.n_in - i - c;  // what is only padding may be NaN, even times zero
                        total += load(w + c) * (there < LANES<T> ? load_some(a + i + c, there) : load(a + i + c));
                    }
                }
                store<T>(parts + s * LANES<T>, total);
            }
            transpose_square(parts, LANES<T>, columns, LANES<T>);
            Vec<T> Z = splat(b[o]);
            for (long i = 0; i < LANES<T>; i++)
                Z += load(columns + i * LANES<T>);
            for (long s = 0; s < count; s++)
                layer.Z[(r + s) * layer.ld + o] = Z[s];
        }
}

// a = g(Z) of some rows of panel j; of the output layer that is the head's
template <class T> void activation_forward(const Job<T>& job, const Chunk& chunk, long l, Part rows, long j) {
    const Layer<T>& layer = job.layers[l];
    if (l == job.n_layers)
        return;
    const auto& g = ACTIVATIONS<T>[layer.activation];
    const long width = width_of<T>(layer.n_out, j), at = rows.begin * layer.ld + j * PANEL<T>;
    g.forward(layer.option, job.theta + layer.p + j * PANEL<T>, layer.Z + at, layer.a + at,
              {rows.end - rows.begin, width, layer.ld});
    if (layer.mask)
        drop(job, chunk, l, rows, j);
}

// Z = A Wᵀ + b,  a = g(Z), once all terms are there
template <class T>
void forward(const Job<T>& job, const Chunk& chunk, long l, Part rows, Part panels, Terms terms, T* scratch) {
    const Layer<T>& layer = job.layers[l];
    const T *W = job.theta + layer.W, *b = job.theta + layer.b;
    const Matrix<T> A = seen_by(job, chunk, l);
    if (layer.narrow) {
        forward_narrow(layer, W, b, A, rows);
        return activation_forward(job, chunk, l, rows, 0);
    }
    const long K = terms.k1 - terms.k0, most = rows_in_cache<T>(layer.tiles, rows.end - rows.begin, K);
    for (long r = rows.begin; r < rows.end; r += most) {
        const Part here{r, smaller(rows.end, r + most)};
        const Left<T, false> left(layer.tiles, {A.data + r * A.ld + terms.k0, A.ld}, here.end - r, K,
                                  places<T>(scratch + job.aside, terms.left_laid && most >= rows.end - rows.begin));
        for (long j = panels.begin; j < panels.end; j++) {
            const long width = width_of<T>(layer.n_out, j);
            T* Z = layer.Z + r * layer.ld + j * PANEL<T>;
            left.times(width, {.B = {W + j * PANEL<T> * layer.n_in + terms.k0 * width, width},
                               .start = terms.first ? Matrix<T>{b + j * PANEL<T>, 0} : Matrix<T>{Z, layer.ld},
                               .C = Z,
                               .ldc = layer.ld});
            if (terms.last)
                activation_forward(job, chunk, l, here, j);
        }
    }
}

// a = g(Z)  ->  dZ = dA ⊙ g'(Z) of some rows of panel j
template <class T> void activation_backward(const Job<T>& job, long l, Part rows, long j) {
    const Layer<T>& layer = job.layers[l];
    const auto& g = ACTIVATIONS<T>[layer.activation];
    const long n = rows.end - rows.begin, width = width_of<T>(layer.n_out, j),
               at = rows.begin * layer.ld + j * PANEL<T>;
    if (layer.mask)
        for (long r = 0; r < n; r++)
            for (long i = at + r * layer.ld; i < at + r * layer.ld + width; i++)
                layer.d[i] *= layer.mask[i];
    g.backward(layer.option, job.theta + layer.p + j * PANEL<T>, layer.Z + at, layer.a + at, layer.d + at, layer.e + at,
               {n, width, layer.ld});
}

// Z = A Wᵀ + b  ->  dA = dZ W of the layer below, or of that some terms; once all are there, its dZ
template <class T> void backward(const Job<T>& job, long l, Part rows, Part panels, Terms terms, T* scratch) {
    const Layer<T>&layer = job.layers[l], &below = job.layers[l - 1];
    const T* W = job.theta + layer.W;
    const long K = terms.k1 - terms.k0, most = rows_in_cache<T>(layer.tiles, rows.end - rows.begin, K);
    for (long r = rows.begin; r < rows.end; r += most) {
        const Part here{r, smaller(rows.end, r + most)};
        const Left<T, false> left(layer.tiles, {layer.d + r * layer.ld + terms.k0, layer.ld}, here.end - r, K,
                                  places<T>(scratch + job.aside, terms.left_laid && most >= rows.end - rows.begin));
        for (long p = panels.begin; p < panels.end; p++) {
            const long width = width_of<T>(layer.n_in, p);
            T* dA = below.d + r * below.ld + p * PANEL<T>;
            const Product<T> product{.B = {layer.narrow ? W + p * PANEL<T> * layer.n_out : scratch, width},
                                     .start = terms.first ? NOTHING<T> : Matrix<T>{dA, below.ld},
                                     .C = dA,
                                     .ldc = below.ld};
            if (!terms.first)
                ask_for_start<T, 2>(product, 0, smaller(here.end - r, MOST_ROWS<2>));
            if (!layer.narrow)
                awake<T>(layer.tiles, K, 4 * LANES<T>, [&](long k, long end) {
                    turned(layer, W, terms.k0 + k, terms.k0 + end, p, scratch + k * width);
                });
            left.times(width, product);
            if (terms.last)
                activation_backward(job, l - 1, here, p);
        }
    }
}

// sum (width) = Σ rows of B, in four sums, since each addition waits for the one before
template <class T> void sum_rows(Matrix<T> B, long rows, long width, T* sum) {
    for (long c = 0; c < width; c += LANES<T>) {
        Vec<T> total[4] = {};
        long r = 0;
        for (; r + 4 <= rows; r += 4)
            for (long k = 0; k < 4; k++)
                total[k] += load(B.data + (r + k) * B.ld + c);
        for (; r < rows; r++)
            total[0] += load(B.data + r * B.ld + c);
        store<T>(sum + c, (total[0] + total[1]) + (total[2] + total[3]));
    }
}

// dW = dZᵀ A of inputs i0 to i1 of a narrow layer, zero for the inputs that are only padding
template <class T>
void gradient_narrow(const Layer<T>& layer, const Task& task, Matrix<T> A, Matrix<T> dZ, long rows, T* g_W) {
    for (long i = task.i0; i < task.i1; i += PANEL<T>) {
        const long width = width_of<T>(layer.n_in, i / PANEL<T>);
        T* g = g_W + (i - task.i0) * layer.n_out;
        multiply<T, true>(width, layer.n_out,
                          {.A = dZ, .B = {A.data + i, A.ld}, .K = rows, .start = NOTHING<T>, .C = g, .ldc = width});
        for (long o = 0; o < layer.n_out; o++)
            for (long c = layer.n_in - i; c < width; c++)
                g[o * width + c] = 0;
    }
}

// After dW comes the step: where all parameters with their moments are more than a cache holds, they are asked for.
// Tiles and narrow layers do not ask.
template <class T> void next_is_step(const Job<T>& job, long at, Product<T>& product) {
    if (job.optimizer < 0 || 3 * job.n_parameters * long(sizeof(T)) <= CACHE)
        return;
    product.changes[0] = job.theta + at;
    product.changes[1] = (job.m ? job.m : job.theta) + at;
    product.changes[2] = (job.v ? job.v : job.theta) + at;
}

// Z = A Wᵀ + b  ->  dW = dZᵀ A, db = Σ_samples dZ, of some rows; or dp = Σ_samples dA ⊙ ∂g/∂p
template <class T>
void gradient(const Job<T>& job, const Chunk& chunk, const Task& task, const Laid& laid, Part rows, T* g_W, T* g_b,
              T* scratch) {
    const Layer<T>& layer = job.layers[task.layer];
    const long first = rows.begin * layer.ld, n = rows.end - rows.begin;
    if (task.panel == LEARNED)
        return sum_rows({layer.e + first, layer.ld}, n, task.n, g_W);
    const Matrix<T> A = seen_by(job, chunk, task.layer), from{A.data + rows.begin * A.ld, A.ld};
    const Matrix<T> dZ{layer.d + first + task.panel * PANEL<T>, layer.ld};
    if (layer.narrow) {
        gradient_narrow(layer, task, from, dZ, n, g_W);
    } else {
        const long inputs = task.i1 - task.i0, width = task.n / inputs;
        const Left<T, true> left(layer.tiles, {from.data + task.i0, A.ld}, inputs, n,
                                 places<T>(scratch + job.aside, n, job.kept, laid));
        Product<T> product{.B = dZ, .start = NOTHING<T>, .C = g_W, .ldc = width};
        if (chunk.last && !chunk.shares)
            next_is_step(job, task.at, product);
        left.times(width, product);
    }
    sum_rows(dZ, n, task.n_b, g_b);
}

}  // namespace
