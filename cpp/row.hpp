// A prediction for one sample, from theta as it lies: nothing is laid out anew, which would take longer than the
// prediction.
#pragma once

#include "dense.hpp"
#include "head.hpp"

namespace {

constexpr long TOGETHER = 4;  // rows of W at a time: enough that none waits for its last sum

// The last LANES of n numbers, without those that whole vectors from the first on have seen already
template <class T> struct End {
    long n, seen;
    Mask<T> fresh;
    explicit End(long n)
        : n(n),
          seen(n / LANES<T> * LANES<T>),
          fresh(lane_numbers<T>() >= typename VectorOf<T>::Int(seen + LANES<T> - n)) {}
    bool empty() const { return n == seen || seen == 0; }
    Vec<T> of(const T* from) const { return number<T>(bits<T>(load(from + n - LANES<T>)) & fresh); }
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

// z = W x + b of `rows` neighboring rows of W, at most TOGETHER
template <class T> inline void products(const T* W, const T* b, const End<T>& end, const T* x, T* z, long rows) {
    Vec<T> total[TOGETHER] = {};
    const T* row[TOGETHER];
    const bool brief = end.n * long(sizeof(T)) < 2048;  // too short for the processor to see what will be read next
    for (long r = 0; r < TOGETHER; r++)
        row[r] = W + (r < rows ? r : 0) * end.n;
    for (long i = 0; i < end.seen; i += LANES<T>)
#pragma GCC unroll 4
        for (long r = 0; r < TOGETHER; r++) {
            total[r] += load(row[r] + i) * load(x + i);
            if (brief)
                __builtin_prefetch(row[r] + TOGETHER * end.n + i);
        }
    if (!end.empty())
#pragma GCC unroll 4
        for (long r = 0; r < TOGETHER; r++)
            total[r] += end.of(row[r]) * end.of(x);
    T sums[TOGETHER];
    sums_of_four<T>(total, sums);
    for (long r = 0; r < rows; r++) {
        z[r] = b[r] + sums[r];
        if (end.seen == 0)
            for (long i = 0; i < end.n; i++)
                z[r] += row[r][i] * x[i];
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
    for (long l = 1; l <= job.n_layers; l++) {
        const Layer<T>& layer = job.layers[l];
        const T *W = theta, *b = W + layer.n_out * layer.n_in;
        T* Z = scratch + l % 2 * most;
        const End<T> end(layer.n_in);
        for (long o = 0; o < layer.n_out; o += TOGETHER) {
            const long rows = smaller(layer.n_out - o, TOGETHER);
            products(W + o * layer.n_in, b + o, end, a, Z + o, rows);
        }
        const long n = padded<T>(layer.n_out);
        if (const auto& g = ACTIVATIONS<T>[layer.activation]; g.forward)
            g.forward(layer.option, nullptr, Z, Z, {1, n, n});
        else
            softmax(Z, Z, {1, layer.n_out, n});
        theta = b + layer.n_out;
        a = Z;
    }
    __builtin_memcpy(out, a, sizeof(T) * job.layers[job.n_layers].n_out);
}

}  // namespace
