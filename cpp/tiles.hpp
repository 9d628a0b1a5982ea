// Products of float32 by the unit of some processors that multiplies tiles of bfloat16 (AMX), faster than vectors do.
//
// A float32 is the sum of three bfloat16, exactly: its first eight bits, the next eight, and the last. Of the nine
// products of the pieces of two numbers the six largest are summed, in float32; what is left out is less than 2^-21 of
// a product, and sums of 32 terms at a time lose less than one long sum. Results and pieces too small for the exponent
// are zero, so that numbers and sums below 2^-103 lose digits; numbers that are not finite give NaN. After Henry, Tang
// and Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations" (2019).
//
// A step adds 32 terms. The left factor is laid out as [rows / 16][steps][piece][16 rows][32 terms], the right one as
// [columns / 16][steps][piece][16 pairs of terms][16 columns][2], where term k makes a pair with term k + 16.
#pragma once

#include "gemm.hpp"

namespace {

using Piece = std::uint16_t;  // a bfloat16

constexpr long TILE = 16, TERMS = 32;  // rows, and columns, of a tile of C; terms of a step
constexpr long PAIR = 2 * TILE;        // rows, and columns, that are multiplied together
constexpr long PIECE = TILE * TERMS;   // from a piece to the next one
constexpr long STEP = 3 * PIECE;

// Most steps at a time: of so many, the pieces of a pair of rows and of a pair of columns fit the first cache together
constexpr long STEPS_AT_ONCE = 4;

inline long steps_of(long K) {
    return (K + TERMS - 1) / TERMS;
}

// Pieces of n rows of the left factor, or columns of the right one
inline long pieces_of(long n, long K) {
    return (n + TILE - 1) / TILE * steps_of(K) * STEP;
}

#if defined(__AMX_BF16__)

struct alignas(64) TileShapes {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};  // of a row
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// The shapes of all tiles, for this thread until `release_tiles`; what else ran on it in between may have changed them
inline void set_up_tiles() {
    static constexpr TileShapes shapes;
    _tile_loadconfig(&shapes);
}

inline void release_tiles() {
    _tile_release();
}

// The unit slows down when it has had nothing to do for a fifth of a microsecond, and then takes half of one to be fast
// again. Work that comes between products gives it something to do now and then, whose result nobody needs.
inline void keep_awake() {
    _tile_dpbf16ps(0, 4, 6);
}

// The pieces of 16 numbers x and 16 numbers y, in pairs
inline void split(Vec<float> x, Vec<float> y, Piece* to) {
    typedef Natural<float> U;
    for (int piece = 0; piece < 3; piece++) {
        const U high_x = (U)x & 0xffff0000u, high_y = (U)y & 0xffff0000u, pairs = high_y | ((U)x >> 16);
        __builtin_memcpy(to + piece * PIECE, &pairs, sizeof pairs);
        x -= (Vec<float>)high_x;
        y -= (Vec<float>)high_y;
    }
}

// The columns of up to 16 rows of A, as rows: rows k to K and columns c to n; zeros beyond
inline void columns(Matrix<float> A, long k, long K, long c, long n, float* to) {
    const float* from = A.data + k * A.ld + c;
    if (K - k >= TILE && n - c >= TILE)
        return transpose_square(from, A.ld, to, TILE);
    float some[TILE * TILE] = {};
    for (long r = 0; r < TILE && r < K - k; r++)
        store<float>(some + r * TILE, load_some<float>(from + r * A.ld, n - c));
    transpose_square(some, TILE, to, TILE);
}

// A (rows, K), or (K, rows) where it is transposed. Of the last tile, rows beyond stay what they were: a row of C
// depends on its own row of A alone, and nobody copies these.
template <bool TRANSPOSED> void lay_left(Matrix<float> A, long rows, long K, Piece* to) {
    for (long r = 0; r < rows; r += TILE)
        for (long k = 0; k < K; k += TERMS, to += STEP) {
            keep_awake();
            float first[TILE * TILE], second[TILE * TILE];
            if (TRANSPOSED) {
                columns(A, k, K, r, rows, first);
                columns(A, k + TILE, K, r, rows, second);
            }
            for (long i = 0; i < TILE && r + i < rows; i++) {
                const float* row = A.data + (r + i) * A.ld + k;
                if (TRANSPOSED)
                    split(load(first + i * TILE), load(second + i * TILE), to + i * TERMS);
                else
                    split(load_some<float>(row, K - k), load_some<float>(row + TILE, K - k - TILE), to + i * TERMS);
            }
        }
}

// B (K, width)
inline void lay_right(Matrix<float> B, long K, long width, Piece* to) {
    for (long c = 0; c < width; c += TILE)
        for (long k = 0; k < K; k += TERMS, to += STEP) {
            keep_awake();
            for (long i = 0; i < TILE; i++) {
                const float* row = B.data + (k + i) * B.ld + c;
                const Vec<float> none{};
                split(k + i < K ? load(row) : none, k + i + TILE < K ? load(row + TILE * B.ld) : none, to + i * TERMS);
            }
        }
}

// Tiles 0 to 3 are sums of up to two rows and two columns of tiles, 4 and 5 pieces of the left factor, 6 and 7 of the
// right one.
template <int M, int N> inline void start_sums(Matrix<float> start) {
    const long bytes = start.ld * long(sizeof(float));
    const float *first = start.data, *second = first + TILE * start.ld;
    _tile_loadd(0, first, bytes);
    if constexpr (N > 1)
        _tile_loadd(1, first + TILE, bytes);
    if constexpr (M > 1)
        _tile_loadd(2, second, bytes);
    if constexpr (M > 1 && N > 1)
        _tile_loadd(3, second + TILE, bytes);
}

template <int M> inline void load_left(const Piece* from, long next) {
    _tile_loadd(4, from, 64);
    if constexpr (M > 1)
        _tile_loadd(5, from + next, 64);
}

template <int N> inline void load_right(const Piece* from, long next) {
    _tile_loadd(6, from, 64);
    if constexpr (N > 1)
        _tile_loadd(7, from + next, 64);
}

template <int M, int N> inline void add_products() {
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (N > 1)
        _tile_dpbf16ps(1, 4, 7);
    if constexpr (M > 1)
        _tile_dpbf16ps(2, 5, 6);
    if constexpr (M > 1 && N > 1)
        _tile_dpbf16ps(3, 5, 7);
}

template <int M, int N> inline void store_sums(float* C, long ldc) {
    const long bytes = ldc * long(sizeof(float));
    _tile_stored(0, C, bytes);
    if constexpr (N > 1)
        _tile_stored(1, C + TILE, bytes);
    if constexpr (M > 1)
        _tile_stored(2, C + TILE * ldc, bytes);
    if constexpr (M > 1 && N > 1)
        _tile_stored(3, C + TILE * ldc + TILE, bytes);
}

// The pieces of a factor, and how far it is from one row, or column, of tiles to the next one
struct Pieces {
    const Piece* at;
    long next;
};

// M rows of tiles, N tiles wide
template <int M, int N> void sum_tiles(Pieces left, Pieces right, long steps, Matrix<float> start, float* C, long ldc) {
    asm volatile("" ::: "memory");  // compilers do not know that tiles are loaded from memory
    start_sums<M, N>(start);
    // a2 b0, a1 b0, a1 b1, a0 b1, a0 b2, a0 b0: the largest last, one factor new at a time
    for (long s = 0; s < steps; s++) {
        const Piece *a = left.at + s * STEP, *b = right.at + s * STEP;
        load_left<M>(a + 2 * PIECE, left.next);
        load_right<N>(b, right.next);
        add_products<M, N>();
        load_left<M>(a + PIECE, left.next);
        add_products<M, N>();
        load_right<N>(b + PIECE, right.next);
        add_products<M, N>();
        load_left<M>(a, left.next);
        add_products<M, N>();
        load_right<N>(b + 2 * PIECE, right.next);
        add_products<M, N>();
        load_right<N>(b, right.next);
        add_products<M, N>();
    }
    store_sums<M, N>(C, ldc);
}

inline void copy_rows(Matrix<float> from, long rows, long width, float* to, long ld) {
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < width; c += TILE)
            store<float>(to + r * ld + c, load(from.data + r * from.ld + c));
}

// Some rows of C, of a panel of one or two tiles; see Product. Sums are the same whichever rows are together.
inline void multiply_pieces(Pieces left, Pieces right, long steps, long rows, long width,
                            const Product<float>& product) {
    static constexpr decltype(&sum_tiles<1, 1>) SUMS[2][2] = {{sum_tiles<1, 1>, sum_tiles<1, 2>},
                                                              {sum_tiles<2, 1>, sum_tiles<2, 2>}};
    alignas(64) float aside[PAIR * PAIR];  // for tiles that are not whole
    for (long r = 0; r < rows; r += PAIR, left.at += 2 * left.next) {
        const long count = smaller(rows - r, PAIR);
        const auto sum = SUMS[count > TILE][width > TILE];
        float* C = product.C + r * product.ldc;
        Matrix<float> start = {product.start.data + r * product.start.ld, product.start.ld};
        if (count % TILE == 0) {
            sum(left, right, steps, start, C, product.ldc);
            continue;
        }
        if (start.ld) {
            copy_rows(start, count, width, aside, PAIR);
            start = {aside, PAIR};
        }
        sum(left, right, steps, start, aside, PAIR);
        copy_rows({aside, PAIR}, count, width, C, product.ldc);
    }
}

#endif

}  // namespace
