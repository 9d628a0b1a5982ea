// A prediction for one sample, from theta as it lies: nothing is laid out anew, which would take longer than the
// prediction.
#pragma once

#include "dense.hpp"
#include "head.hpp"

namespace {

constexpr long TOGETHER = 4;  // rows of W at a time: enough that none waits for its last sum

// How a row of n numbers is read: some, up to where a vector of theta begins; whole vectors; and the last LANES
// numbers, without those that have been seen already
template <class T> struct Row {
    long n, head, seen;
    Mask<T> fresh;
    explicit Row(long n, long head = 0)
        : n(n),
          head(head),
          seen(head + (n - head) / LANES<T> * LANES<T>),
          fresh(lane_numbers<T>() >= typename VectorOf<T>::Int(seen + LANES<T> - n)) {}
    bool ends_whole() const { return n == seen || seen == 0; }
    Vec<T> end_of(const T* from) const { return number<T>(bits<T>(load(from + n - LANES<T>)) & fresh); }
};

// The sum of each of four vectors
template <class T> inline void sums_of_four(const Vec<T>* v, T* sums) {
    const Vec<T> even = interleave_first<T>(v[0], v[2]) + interleave_second<T>(v[0], v[2]),
                 odd = interleave_first<T>(v[1], v[3]) + interleave_second<T>(v[1], v[3]);
    const Vec<T> first = interleave_first<T>(even, odd), second = interleave_second<T>(even, odd);
    if constexpr (LANES<T> == 2) {
        store<T>(sums, first);
        store<T>(sums + 2, second);
    } else {
        const auto four = folded<T, 4, LANES<T>>(first + second);
        __builtin_memcpy(sums, &four, sizeof four);
    }
}

// z = W x + b of a few rows of W, at most TOGETHER, which are `step` rows apart
template <class T>
inline void products(const T* W, const T* b, const Row<T>& read, long step, const T* x, T* z, long rows) {
    Vec<T> total[TOGETHER] = {};
    const T* row[TOGETHER];
    // too short for the processor to see what will be read next
    const bool brief = step == 1 && read.n * long(sizeof(T)) < 2048;
    for (long r = 0; r < TOGETHER; r++)
        row[r] = W + (r < rows ? r : 0) * step * read.n;
    if (read.head > 0)
#pragma GCC unroll 4
        for (long r = 0; r < TOGETHER; r++)
            total[r] = load_some(row[r], read.head) * load_some(x, read.head);
    for (long i = read.head; i < read.seen; i += LANES<T>)
#pragma GCC unroll 4
        for (long r = 0; r < TOGETHER; r++) {
            total[r] += load(row[r] + i) * load(x + i);
            if (brief)
                __builtin_prefetch(row[r] + TOGETHER * read.n + i);
        }
    if (!read.ends_whole())
#pragma GCC unroll 4
        for (long r = 0; r < TOGETHER; r++)
            total[r] += read.end_of(row[r]) * read.end_of(x);
    T sums[TOGETHER];
    sums_of_four<T>(total, sums);
    for (long r = 0; r < rows; r++) {
        z[r * step] = b[r * step] + sums[r];
        if (read.seen == 0)
            for (long i = 0; i < read.n; i++)
                z[r * step] += row[r][i] * x[i];
    }
}

// Rows of n numbers which lie so far apart begin at the same place of a vector of theta
template <class T> long rows_alike(long n) {
    long step = LANES<T>;
    while (step > 1 && step / 2 * n % LANES<T> == 0)
        step /= 2;
    return step;
}

// z = W x + b of a layer whose W is `before` numbers behind the beginning of theta. Where a vector is a whole line of
// the cache, it is read from one line, not from two, if rows are many and long enough.
template <class T> void products_of_layer(const Layer<T>& layer, const T* W, long before, const T* x, T* z) {
    const long n = layer.n_in, alike = rows_alike<T>(n);
    const bool whole_lines = BYTES == 64 && n >= 2 * LANES<T> && layer.n_out >= TOGETHER * alike;
    const long step = whole_lines ? alike : 1;
    for (long first = 0; first < step; first++, before += n) {
        const Row<T> read(n, whole_lines ? padded<T>(before) - before : 0);
        for (long o = first; o < layer.n_out; o += TOGETHER * step) {
            const long rows = smaller((layer.n_out - o + step - 1) / step, TOGETHER);
            products(W + o * n, W + layer.n_out * n + o, read, step, x, z + o, rows);
        }
    }
}

// Units of the widest layer, padded
template <class T> long widest(const Job<T>& job) {
    long most = 0;
    for (long l = 1; l <= job.n_layers; l++)
        most = larger(most, job.layers[l].n_out);
    return padded<T>(most);
}

// Numbers of scratch that `predict_row` needs: two layers
template <class T> long row_scratch(const Job<T>& job) {
    return 2 * widest(job);
}

// ŷ (n_L,) of x (n_x,), for layers whose activations do not learn
template <class T> void predict_row(const Job<T>& job, const T* theta, const T* x, T* scratch, T* out) {
    const long most = widest(job);
    const T* a = x;
    long before = 0;  // numbers of theta
    for (long l = 1; l <= job.n_layers; l++) {
        const Layer<T>& layer = job.layers[l];
        T* Z = scratch + l % 2 * most;
        products_of_layer(layer, theta + before, before, a, Z);
        const long n = padded<T>(layer.n_out);
        if (const auto& g = ACTIVATIONS<T>[layer.activation]; g.forward)
            g.forward(layer.option, nullptr, Z, Z, {1, n, n});
        else
            softmax(Z, Z, {1, layer.n_out, n});
        before += (layer.n_in + 1) * layer.n_out;
        a = Z;
    }
    __builtin_memcpy(out, a, sizeof(T) * job.layers[job.n_layers].n_out);
}

}  // namespace
