// The output layer: its activation, the loss, and the gradient with which backpropagation begins.
#pragma once

#include "activations.hpp"
#include "kernels.hpp"
#include "losses.hpp"

namespace {

using namespace deltarule;

// A block of samples side by side: output o of sample s lies at [o * width + s].
template <class T> struct Block {
    T *Z, *a, *y, *d, *e, *L;
    Shape shape;

    Block(T* scratch, long outputs, long width)
        : Z(scratch),
          a(Z + outputs * width),
          y(a + outputs * width),
          d(y + outputs * width),
          e(d + outputs * width),
          L(e + outputs * width),
          shape{outputs, width, width, true} {}
};

template <class T> void activate(const Job<T>& job, const Layer<T>& layer, const Block<T>& block) {
    const auto& g = ACTIVATIONS<T>[layer.activation];
    if (g.forward)
        g.forward(layer.option, job.theta + layer.p, block.Z, block.a, block.shape);
    else
        softmax(block.Z, block.a, block.shape);
}

// ŷ, L, and d = dZ for a weight of 1
template <class T> void lose(const Job<T>& job, const Layer<T>& layer, const Block<T>& block) {
    const auto& g = ACTIVATIONS<T>[layer.activation];
    const LossKernel<T>& loss = LOSSES<T>[job.loss];
    if (!loss.output)
        activate(job, layer, block);
    loss.run(job.loss_option, block.Z, block.a, block.y, block.d, block.L, block.shape);
    if (job.fused)
        return;
    if (g.backward)
        g.backward(layer.option, job.theta + layer.p, block.Z, block.a, block.d, block.e, block.shape);
    else
        softmax_backward(block.a, block.d, block.shape);
}

inline long sample_at(const std::int64_t* order, long i) {
    return order ? order[i] : i;
}

// `n` numbers of each of `count` samples, side by side; what is left of the width is zero
template <class T, class Row> void side_by_side(T* to, long width, long count, long n, Row row) {
    for (long s = 0; s < count; s++) {
        const T* from = row(s);
        for (long o = 0; o < n; o++)
            to[o * width + s] = from[o];
    }
    for (long o = 0; o < n && count < width; o++)
        for (long s = count; s < width; s++)
            to[o * width + s] = 0;
}

// Σ w L of the rows, and dZ of the output layer, with the 1/m of the cost in it
template <class T> void head(const Job<T>& job, const Chunk& chunk, Part rows, T* scratch) {
    const auto [r0, r1] = rows;
    const Layer<T>& layer = job.layers[job.n_layers];
    const long n = layer.n_out, width = job.width;
    const Block<T> block(scratch, n, width);
    for (long r = r0; r < r1; r += width) {
        const long count = r1 - r < width ? r1 - r : width;
        side_by_side(block.Z, width, count, n, [&](long s) { return layer.Z + (r + s) * layer.ld; });
        side_by_side(block.y, width, count, n,
                     [&](long s) { return job.y + sample_at(job.order, chunk.first + r + s) * n; });
        lose(job, layer, block);
        for (long s = 0; s < count; s++) {
            const double w = job.w ? job.w[sample_at(job.order, chunk.first + r + s)] : 1.0;
            const T share = T(w / chunk.total_weight);
            job.row_loss[r + s] = w == 0 ? 0.0 : w * double(block.L[s]);
            for (long o = 0; o < n; o++)
                layer.d[(r + s) * layer.ld + o] = block.d[o * width + s] * share;
            if (layer.e)
                for (long o = 0; o < n; o++)
                    layer.e[(r + s) * layer.ld + o] = block.e[o * width + s] * share;
        }
    }
}

// ŷ of the rows, (rows, n_L), into their places of `out`
template <class T> void output(const Job<T>& job, const Chunk& chunk, Part rows, T* scratch, T* out) {
    const auto [r0, r1] = rows;
    const Layer<T>& layer = job.layers[job.n_layers];
    const long n = layer.n_out, width = job.width;
    const Block<T> block(scratch, n, width);
    for (long r = r0; r < r1; r += width) {
        const long count = r1 - r < width ? r1 - r : width;
        side_by_side(block.Z, width, count, n, [&](long s) { return layer.Z + (r + s) * layer.ld; });
        activate(job, layer, block);
        for (long s = 0; s < count; s++)
            for (long o = 0; o < n; o++)
                out[(chunk.first + r + s) * n + o] = block.a[o * width + s];
    }
}

// The rows' inputs, one after another, unless they are read where they lie
template <class T> void gather(const Job<T>& job, const Chunk& chunk, Part rows) {
    const auto [r0, r1] = rows;
    const Layer<T>& inputs = job.layers[0];
    if (!inputs.seen)
        return;
    // what is soon needed is asked for, line by line: of short rows, those of the next chunk
    const long line = 64 / long(sizeof(T)), lines = (inputs.n_out + line - 1) / line;
    const long ahead = lines > 4 ? 1 + 16 / lines : chunk.rows;
    for (long r = r0; r < r1; r++) {
        if (job.order && chunk.first + r + ahead < job.seen)
            for (long i = 0; i < inputs.n_out; i += line)
                __builtin_prefetch(job.X + job.order[chunk.first + r + ahead] * inputs.n_out + i);
        __builtin_memcpy(inputs.seen + r * inputs.ld, job.X + sample_at(job.order, chunk.first + r) * inputs.n_out,
                         sizeof(T) * inputs.n_out);
    }
}

}  // namespace
