// The output layer: its activation, the loss, and the gradient with which backpropagation begins.
#pragma once

#include "activations.hpp"
#include "kernels.hpp"
#include "losses.hpp"

namespace {

using namespace deltarule;

// A block of samples: output o of sample s lies at [o * width + s], or, of many outputs, at [s * ld + o]
template <class T> struct Block {
    T *Z, *a, *y, *d, *e, *L;
    Shape shape;

    // Side by side, all in scratch
    Block(T* scratch, long outputs, long width)
        : Z(scratch),
          a(Z + outputs * width),
          y(a + outputs * width),
          d(y + outputs * width),
          e(d + outputs * width),
          L(e + outputs * width),
          shape{outputs, width, width, true} {}

    // In rows from r on, where the layer has them
    Block(T* scratch, const Layer<T>& layer, long r, long count)
        : Z(layer.Z + r * layer.ld),
          a(scratch),
          y(a + count * layer.ld),
          d(layer.d ? layer.d + r * layer.ld : nullptr),
          e(layer.e ? layer.e + r * layer.ld : nullptr),
          L(y + count * layer.ld),
          shape{count, layer.n_out, layer.ld} {}
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

// Whether a sample has so many outputs that it fills vectors by itself
template <class T> bool fills_vectors(long outputs) {
    return outputs >= 2 * LANES<T>;
}

template <class T> constexpr long MOST_SAMPLES = 8 * LANES<T>;

// Samples in a block of so many outputs
template <class T> long block_width(long outputs) {
    const long width = 8192 / outputs / LANES<T> * LANES<T>;
    return smaller(larger(width, LANES<T>), MOST_SAMPLES<T>);
}

// Numbers of scratch that a block needs: side by side, five of each output; in rows, which are at most twice as long as
// the outputs are many, two
template <class T> long block_size(long outputs) {
    return (5 * outputs + 1) * block_width<T>(outputs);
}

// From so many outputs on, LANES samples by LANES outputs change places at a time
template <class T> constexpr long SQUARE_FROM = LANES<T> / 4 + 1;

// `n` numbers of each of `count` samples, side by side; what is left of the width is zero
template <class T, class Row> void side_by_side(T* to, long width, long count, long n, Row row) {
    if (n < SQUARE_FROM<T>) {
        for (long s = 0; s < width; s++)
            for (long o = 0; o < n; o++)
                to[o * width + s] = s < count ? row(s)[o] : 0;
        return;
    }
    T rows[LANES<T> * LANES<T>], columns[LANES<T> * LANES<T>];
    for (long s = 0; s < width; s += LANES<T>)
        for (long o = 0; o < n; o += LANES<T>) {
            for (long i = 0; i < LANES<T>; i++)
                store<T>(rows + i * LANES<T>, s + i < count ? load_some(row(s + i) + o, n - o) : Vec<T>{});
            transpose_square(rows, LANES<T>, columns, LANES<T>);
            for (long k = 0; k < LANES<T> && o + k < n; k++)
                store<T>(to + (o + k) * width + s, load(columns + k * LANES<T>));
        }
}

// Z of some rows, and y if it is wanted
template <class T>
Block<T> block_of(const Job<T>& job, const Chunk& chunk, long r, long count, bool with_y, T* scratch) {
    const Layer<T>& layer = job.layers[job.n_layers];
    const long n = layer.n_out, width = padded<T>(count);
    const auto y = [&](long s) { return job.y + sample_at(job.order, chunk.first + r + s) * n; };
    if (fills_vectors<T>(n)) {
        const Block<T> block(scratch, layer, r, count);
        for (long s = 0; s < count && with_y; s++) {
            T* const row = block.y + s * layer.ld;
            store<T>(row + padded<T>(n) - LANES<T>, Vec<T>{});  // what is left of the last vector
            __builtin_memcpy(row, y(s), sizeof(T) * n);
        }
        return block;
    }
    const Block<T> block(scratch, n, width);
    side_by_side(block.Z, width, count, n, [&](long s) { return layer.Z + (r + s) * layer.ld; });
    if (with_y)
        side_by_side(block.y, width, count, n, y);
    return block;
}

// Samples that stand side by side, each times its share, into rows
template <class T> void in_rows(const Block<T>& block, const T* from, const T* share, long count, T* to, long ld) {
    const long n = block.shape.rows, width = block.shape.columns;
    if (n < SQUARE_FROM<T>) {
        for (long s = 0; s < count; s++)
            for (long o = 0; o < n; o++)
                to[s * ld + o] = from[o * width + s] * share[s];
        return;
    }
    T columns[LANES<T> * LANES<T>] = {}, rows[LANES<T> * LANES<T>];
    for (long s = 0; s < count; s += LANES<T>)
        for (long o = 0; o < n; o += LANES<T>) {
            for (long k = 0; k < LANES<T>; k++)
                store<T>(columns + k * LANES<T>,
                         o + k < n ? load(from + (o + k) * width + s) * load(share + s) : Vec<T>{});
            transpose_square(columns, LANES<T>, rows, LANES<T>);
            for (long i = 0; i < LANES<T> && s + i < count; i++)
                store<T>(to + (s + i) * ld + o, load(rows + i * LANES<T>));
        }
}

// The samples of a block, each times its share, into rows of the layer
template <class T> void give_back(const Block<T>& block, const T* from, const T* share, long count, T* to, long ld) {
    if (block.shape.unit_is_row)
        return in_rows(block, from, share, count, to, ld);
    for (long s = 0; s < count; s++) {
        const InARow<T> outputs{block.shape, s};
        outputs.each([&](long i) { store<T>(to + i, outputs.within(i, load(from + i) * share[s], 0)); });
    }
}

// Σ w L of the rows, and dZ of the output layer, with the 1/m of the cost in it
template <class T> void head(const Job<T>& job, const Chunk& chunk, Part rows, T* scratch) {
    const auto [r0, r1] = rows;
    const Layer<T>& layer = job.layers[job.n_layers];
    const T even = T(1 / chunk.total_weight);  // of samples without weights: a division for each would take longer
    for (long most = block_width<T>(layer.n_out), r = r0; r < r1; r += most) {
        const long count = smaller(r1 - r, most);
        const Block<T> block = block_of(job, chunk, r, count, true, scratch);
        lose(job, layer, block);
        T share[MOST_SAMPLES<T>] = {};
        for (long s = 0; s < count; s++) {
            const double w = job.w ? job.w[sample_at(job.order, chunk.first + r + s)] : 1.0;
            share[s] = job.w ? T(w / chunk.total_weight) : even;
            job.row_loss[r + s] = w * double(block.L[s]);
        }
        give_back(block, block.d, share, count, layer.d + r * layer.ld, layer.ld);
        if (layer.e)
            give_back(block, block.e, share, count, layer.e + r * layer.ld, layer.ld);
    }
}

// ŷ of the rows, (rows, n_L), into their places of `out`
template <class T> void output(const Job<T>& job, const Chunk& chunk, Part rows, T* scratch, T* out) {
    const auto [r0, r1] = rows;
    const Layer<T>& layer = job.layers[job.n_layers];
    const long n = layer.n_out;
    for (long most = block_width<T>(n), r = r0; r < r1; r += most) {
        const long count = smaller(r1 - r, most), width = padded<T>(count);
        const Block<T> block = block_of(job, chunk, r, count, false, scratch);
        activate(job, layer, block);
        for (long s = 0; s < count; s++) {
            T* const to = out + (chunk.first + r + s) * n;
            if (!block.shape.unit_is_row)
                __builtin_memcpy(to, block.a + s * layer.ld, sizeof(T) * n);
            for (long o = 0; o < n && block.shape.unit_is_row; o++)
                to[o] = block.a[o * width + s];
        }
    }
}

// Some inputs of the rows, one row after another, unless they are read where they lie
template <class T> void gather(const Job<T>& job, const Chunk& chunk, Part rows, Part inputs) {
    const Layer<T>& layer = job.layers[0];
    if (!layer.seen)
        return;
    const auto at = [&](long r) { return job.X + sample_at(job.order, chunk.first + r) * layer.n_out + inputs.begin; };
    // what is soon needed is asked for, line by line: of short rows, those of the next chunk
    const long n = inputs.end - inputs.begin, line = 64 / long(sizeof(T)), lines = (n + line - 1) / line;
    const long ahead = lines > 4 ? 1 + 16 / lines : chunk.rows;
    for (long r = rows.begin; r < rows.end; r++) {
        if (job.order && chunk.first + r + ahead < job.n_order)
            for (long i = 0; i < n; i += line)
                __builtin_prefetch(at(r + ahead) + i);
        __builtin_memcpy(layer.seen + r * layer.ld + inputs.begin, at(r), sizeof(T) * n);
    }
}

}  // namespace
