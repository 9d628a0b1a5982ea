// Where the parameters of a layer lie in memory, and the way there from theta and back; see kernels.hpp.
#pragma once

#include "kernels.hpp"
#include "vec.hpp"

namespace {

using namespace deltarule;

template <class T> constexpr long PANEL = 2 * LANES<T>;
template <class T> constexpr long BLOCK = 5 * PANEL<T>;  // inputs in a task of the update
constexpr long NARROW = 3;                               // most outputs of a narrow layer

template <class T> inline long padded(long n) {
    return (n + LANES<T> - 1) / LANES<T> * LANES<T>;
}

template <class T> inline long panels(long n) {
    return (n + PANEL<T> - 1) / PANEL<T>;
}

// Units in panel j of n: PANEL of them, or in the last one LANES if those are enough
template <class T> inline long width_of(long n, long j) {
    return smaller(padded<T>(n) - j * PANEL<T>, PANEL<T>);
}

// The weights of a layer in squares of LANES x LANES, and single numbers where a square does not fit: both get a place
// in `flat`, where W[o, i] lies at [o * n_in + i], and one in the panels, a square also the row length there
template <class T, class Square, class Number> void each_square(const Layer<T>& layer, Square square, Number number) {
    const long n_in = layer.n_in, n_out = layer.n_out;
    for (long o = 0; o < n_out; o += LANES<T>) {
        const long j = o / PANEL<T>, width = width_of<T>(n_out, j);
        for (long i = 0; i < n_in; i += LANES<T>) {
            const long from = o * n_in + i, to = j * PANEL<T> * n_in + i * width + o % PANEL<T>;
            if (n_out - o >= LANES<T> && n_in - i >= LANES<T>) {
                square(from, to, width);
                continue;
            }
            for (long r = 0; r < LANES<T> && r < n_out - o; r++)
                for (long c = 0; c < LANES<T> && c < n_in - i; c++)
                    number(from + r * n_in + c, to + c * width + r);
        }
    }
}

// The same of a narrow layer, in runs of numbers that lie side by side in both places
template <class T, class Run> void each_run(const Layer<T>& layer, Run run) {
    for (long p = 0; p < panels<T>(layer.n_in); p++) {
        const long i = p * PANEL<T>, width = width_of<T>(layer.n_in, p);
        for (long o = 0; o < layer.n_out; o++)
            run(o * layer.n_in + i, i * layer.n_out + o * width, smaller(width, layer.n_in - i));
    }
}

// From `flat`, W (n_out, n_in), b, p one after another, to the packed layout
template <class T> void pack(const Layer<T>& layer, const T* flat, T* packed) {
    const long n_in = layer.n_in, n_out = layer.n_out;
    T* W = packed + layer.W;
    if (layer.narrow)
        each_run(layer, [&](long from, long to, long n) { __builtin_memcpy(W + to, flat + from, n * sizeof(T)); });
    else
        each_square(
            layer, [&](long from, long to, long width) { transpose_square(flat + from, n_in, W + to, width); },
            [&](long from, long to) { W[to] = flat[from]; });
    for (long o = 0; o < n_out; o++) {
        packed[layer.b + o] = flat[n_out * n_in + o];
        if (layer.learns)
            packed[layer.p + o] = flat[n_out * (n_in + 1) + (layer.shared ? 0 : o)];
    }
}

template <class T> void unpack(const Layer<T>& layer, const T* packed, T* flat) {
    const long n_in = layer.n_in, n_out = layer.n_out;
    const T* W = packed + layer.W;
    if (layer.narrow)
        each_run(layer, [&](long to, long from, long n) { __builtin_memcpy(flat + to, W + from, n * sizeof(T)); });
    else
        each_square(
            layer, [&](long to, long from, long width) { transpose_square(W + from, width, flat + to, n_in); },
            [&](long to, long from) { flat[to] = W[from]; });
    for (long o = 0; o < n_out; o++) {
        flat[n_out * n_in + o] = packed[layer.b + o];
        if (layer.learns && (!layer.shared || o == 0))
            flat[n_out * (n_in + 1) + o] = packed[layer.p + o];
    }
}

// Weights of units u0 to u1 from the inputs of panel p, turned: [u1 - u0][inputs]. u0 is a multiple of LANES; inputs
// that are only padding weigh zero.
template <class T> void turned(const Layer<T>& layer, const T* W, long u0, long u1, long p, T* to) {
    const long i0 = p * PANEL<T>, inputs = width_of<T>(layer.n_in, p);
    for (long o = u0; o < u1; o += LANES<T>) {
        const long j = o / PANEL<T>, width = width_of<T>(layer.n_out, j);
        const T* from = W + j * PANEL<T> * layer.n_in + i0 * width + o % PANEL<T>;
        for (long i = 0; i < inputs; i += LANES<T>) {
            const T* square = from + i * width;
            T* place = to + (o - u0) * inputs + i;
            const long there = layer.n_in - i0 - i;
            if (there >= LANES<T> && u1 - o >= LANES<T>) {
                transpose_square(square, width, place, inputs);
                continue;
            }
            for (long c = 0; c < LANES<T> && c < u1 - o; c++)
                for (long r = 0; r < LANES<T>; r++)
                    place[c * inputs + r] = r < there ? square[r * width + c] : 0;
        }
    }
}

}  // namespace
