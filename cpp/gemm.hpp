// The one matrix kernel: C = start + A B, outer product by outer product, with C in registers.
#pragma once

#include "vec.hpp"

namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int REGISTERS = 32;
#else
constexpr int REGISTERS = 16;
#endif

// Most rows of a tile that is NV vectors wide: the accumulators, a row of B and one broadcast fill the registers.
template <int NV> constexpr int MOST_ROWS = REGISTERS == 32 ? 14 : NV == 2 ? 6 : 12;

constexpr long DEPTH = 256;  // of k at a time: that much of B stays in the first-level cache

template <class T> struct Matrix {
    const T* data;
    long ld;
};

template <class T> constexpr T ZEROS[2 * LANES<T>] = {};
template <class T> constexpr Matrix<T> NOTHING = {ZEROS<T>, 0};  // to start from

// R rows and NV vectors of C. A is (R, K), or (K, R) if TRANSPOSED; B is (K, NV vectors). C starts from `start`, whose
// rows may all be the same (ld 0).
template <class T, int R, int NV, bool TRANSPOSED>
void tile(Matrix<T> A, Matrix<T> B, long K, Matrix<T> start, T* C, long ldc) {
    Vec<T> c[R][NV];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            c[r][j] = load(start.data + r * start.ld + j * LANES<T>);
    const T *a = A.data, *b = B.data;
    long k = 0;
    do {  // K > 0; with a loop that may be empty, compilers keep C on the stack as well
        Vec<T> row[NV];
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            row[j] = load(b + j * LANES<T>);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            const Vec<T> x = splat(TRANSPOSED ? a[r] : a[r * A.ld]);
#pragma GCC unroll 2
            for (int j = 0; j < NV; j++)
                c[r][j] += x * row[j];
        }
        a += TRANSPOSED ? A.ld : 1;
        b += B.ld;
    } while (++k < K);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            store<T>(C + r * ldc + j * LANES<T>, c[r][j]);
}

template <class T> using Tile = void (*)(Matrix<T>, Matrix<T>, long, Matrix<T>, T*, long);

template <class T, int R, int NV, bool TRANSPOSED> constexpr Tile<T> tile_of() {
    if constexpr (R <= MOST_ROWS<NV>)
        return tile<T, R, NV, TRANSPOSED>;
    else
        return nullptr;
}

template <class T, int NV, bool TRANSPOSED>
constexpr Tile<T> TILES[] = {nullptr,
                             tile_of<T, 1, NV, TRANSPOSED>(),
                             tile_of<T, 2, NV, TRANSPOSED>(),
                             tile_of<T, 3, NV, TRANSPOSED>(),
                             tile_of<T, 4, NV, TRANSPOSED>(),
                             tile_of<T, 5, NV, TRANSPOSED>(),
                             tile_of<T, 6, NV, TRANSPOSED>(),
                             tile_of<T, 7, NV, TRANSPOSED>(),
                             tile_of<T, 8, NV, TRANSPOSED>(),
                             tile_of<T, 9, NV, TRANSPOSED>(),
                             tile_of<T, 10, NV, TRANSPOSED>(),
                             tile_of<T, 11, NV, TRANSPOSED>(),
                             tile_of<T, 12, NV, TRANSPOSED>(),
                             tile_of<T, 13, NV, TRANSPOSED>(),
                             tile_of<T, 14, NV, TRANSPOSED>()};

// Memory that is needed next, asked for little by little while the processor computes: `bytes` from each of the places
struct Ahead {
    const void* places[3] = {};
    long bytes = 0;

    void ask(long part, long parts) const {
        constexpr long line = 64;
        for (long at = bytes * part / parts / line * line; at < bytes * (part + 1) / parts; at += line)
            for (const void* place : places)
                if (place)
                    __builtin_prefetch(static_cast<const char*>(place) + at, 0, 2);
    }
};

// C (rows, NV vectors) = start + A B, for K > 0. The rows are shared out evenly: 50 are 5 tiles of 10, not 4 of 12 and
// a rest of 2. Every number of C is summed in the order of k, so that no division of the work changes a bit of it.
template <class T, int NV, bool TRANSPOSED>
void multiply(long rows, Matrix<T> A, Matrix<T> B, long K, Matrix<T> start, T* C, long ldc, Ahead ahead) {
    const long tiles = (rows + MOST_ROWS<NV> - 1) / MOST_ROWS<NV>;
    long k = 0;
    do {
        const long depth = K - k < DEPTH + DEPTH / 2 ? K - k : DEPTH;
        for (long i = 0, r = 0; i < tiles; i++) {
            const long next = rows * (i + 1) / tiles;
            if (k == 0)
                ahead.ask(i, tiles);
            const Matrix<T> from = k ? Matrix<T>{C + r * ldc, ldc} : Matrix<T>{start.data + r * start.ld, start.ld};
            TILES<T, NV, TRANSPOSED>[next - r]({A.data + (TRANSPOSED ? k * A.ld + r : r * A.ld + k), A.ld},
                                               {B.data + k * B.ld, B.ld}, depth, from, C + r * ldc, ldc);
            r = next;
        }
        k += depth;
    } while (k < K);
}

// The same for a panel of `width` columns, one vector or two.
template <class T, bool TRANSPOSED>
void multiply(long width, long rows, Matrix<T> A, Matrix<T> B, long K, Matrix<T> start, T* C, long ldc, Ahead ahead) {
    if (width == 2 * LANES<T>)
        multiply<T, 2, TRANSPOSED>(rows, A, B, K, start, C, ldc, ahead);
    else
        multiply<T, 1, TRANSPOSED>(rows, A, B, K, start, C, ldc, ahead);
}

}  // namespace
