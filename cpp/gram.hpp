// The matrix of the products of columns, Tᵀ diag(h) T, that Newton's method and least squares need.
//
// A block of it is the work of a thread: its columns are standardized for a few rows at a time, those of the right in
// panels, and multiplied in tiles that stay in registers.
#pragma once

#include "linear.hpp"

namespace {

// Columns of a tile, in two vectors, and its rows; rows of the table that are standardized at a time
constexpr long PAIR = PANEL<double>, TALL = MOST_ROWS<2>, GRAM_ROWS = 64;

// The second derivative of the loss of a row by Z_i and Z_j, times its share of the weight
template <class T> inline double curvature(const LinearJob<T>& job, long r, long i, long j) {
    const double share = (job.w ? double(job.w[r]) : 1.0) / job.total;
    if (job.curvature == LinearCurvature::one)
        return share;
    const double ai = job.a[r * job.k + i], aj = job.a[r * job.k + j];
    if (job.curvature == LinearCurvature::itself)
        return share * ai;
    return share * ai * (i == j ? 1 - aj : -aj);
}

inline long up_to_pair(long n) {
    return panels<double>(n) * PAIR;
}

inline long up_to_tall(long n) {
    return (n + TALL - 1) / TALL * TALL;
}

// From row to row of the left columns: whole vectors, as many as the tiles read
inline long left_ld(long columns) {
    return up_to_pair(up_to_tall(columns));
}

// Columns c0 to c1 times columns e0 to e1, over rows r0 to r1: G (c1 - c0, e1 - e0), in panels of PAIR columns and
// blocks of TALL rows, grows by Tᵀ diag(h_ij) T, above its diagonal where the columns are the same.
template <class T>
void gram(const LinearJob<T>& job, long r0, long r1, LinearBlock block, long i, long j, double* G, double* scratch) {
    const auto [c0, c1, e0, e1] = block;
    const bool same = c0 == e0;
    const long tall = up_to_tall(c1 - c0), broad = up_to_pair(e1 - e0);
    const long ld = left_ld(c1 - c0 > e1 - e0 ? c1 - c0 : e1 - e0);
    double *left = scratch, *right = left + GRAM_ROWS * ld;
    for (long r = r0; r < r1; r += GRAM_ROWS) {
        const long rows = r1 - r < GRAM_ROWS ? r1 - r : GRAM_ROWS;
        standardize<true>(job, r, r + rows, e0, e1, left, ld);
        for (long e = 0; e < broad; e += PAIR)
            for (long q = 0; q < rows; q++)
                __builtin_memcpy(right + e * rows + q * PAIR, left + q * ld + e, sizeof(double) * PAIR);
        if (!same)
            standardize<true>(job, r, r + rows, c0, c1, left, ld);
        for (long q = 0; q < rows; q++) {
            const double h = curvature(job, r + q, i, j);
            for (long c = q * ld; c < (q + 1) * ld; c += LANES<double>)
                store<double>(left + c, h * load(left + c));
        }
        for (long c = 0; c < broad; c += PAIR)
            for (long t = 0; t < (same && c + PAIR < tall ? c + PAIR : tall); t += TALL) {
                double* total = G + c * tall + t * PAIR;
                multiply<double, 2, true>(TALL, {.A = {left + t, ld},
                                                 .B = {right + c * rows, PAIR},
                                                 .K = rows,
                                                 .start = {total, PAIR},
                                                 .C = total,
                                                 .ldc = PAIR});
            }
    }
}

// Such a G as [c][e] with rows of ld numbers
inline void unpack_gram(LinearBlock block, const double* G, double* out, long ld) {
    const long rows = block.c1 - block.c0, columns = block.e1 - block.e0, tall = up_to_tall(rows);
    for (long c = 0; c < rows; c++)
        for (long e = 0; e < columns; e++)
            out[c * ld + e] = G[e / PAIR * PAIR * tall + c * PAIR + e % PAIR];
}

// Numbers that it takes
inline long gram_size(LinearBlock block) {
    return up_to_tall(block.c1 - block.c0) * up_to_pair(block.e1 - block.e0);
}

// Numbers of scratch that it takes for blocks of so many columns
inline long gram_scratch(long columns) {
    return GRAM_ROWS * (left_ld(columns) + up_to_pair(columns));
}

}  // namespace
