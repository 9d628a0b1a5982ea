// The matrix of the products of columns, Tᵀ diag(h) T, that Newton's method and least squares need.
//
// A block of it is the work of a thread: its columns are standardized for a few rows at a time, those of the right in
// panels, and multiplied in tiles that stay in registers.
#pragma once

#include "linear.hpp"

namespace {

// Columns of a tile, in two vectors, and its rows; rows of the table that are standardized at a time
template <class C> constexpr long PAIR = 2 * LANES<C>;
constexpr long TALL = MOST_ROWS<2>;
template <class C> constexpr long GRAM_ROWS = 512 / sizeof(C);

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

template <class C> inline long up_to_pair(long n) {
    return (n + PAIR<C> - 1) / PAIR<C> * PAIR<C>;
}

inline long up_to_tall(long n) {
    return (n + TALL - 1) / TALL * TALL;
}

// total (TALL, PAIR) += AᵀB; in floats, the few rows at hand are summed by themselves before
inline void add_tile(Matrix<double> A, const double* right, long rows, double* total) {
    constexpr long width = PAIR<double>;
    multiply<double, 2, true>(TALL, A, {right, width}, rows, {total, width}, total, width, {});
}

inline void add_tile(Matrix<float> A, const float* right, long rows, double* total) {
    constexpr long width = PAIR<float>;
    float part[TALL * width];
    multiply<float, 2, true>(TALL, A, {right, width}, rows, NOTHING<float>, part, width, {});
    for (long i = 0; i < TALL * width; i += LANES<double>)
        store<double>(total + i, load(total + i) + widened(part + i));
}

// Rows from row to row of the left columns: whole vectors, as many as the tiles read
template <class C> inline long left_ld(long columns) {
    return up_to_pair<C>(up_to_tall(columns));
}

// Columns c0 to c1 times columns e0 to e1, over rows r0 to r1: G (c1 - c0, e1 - e0), in panels of PAIR columns and
// blocks of TALL rows, grows by Tᵀ diag(h_ij) T, above its diagonal where the columns are the same. The products are of
// type C.
template <class T, class C>
void gram(const LinearJob<T>& job, long r0, long r1, LinearBlock block, long i, long j, double* G, double* scratch) {
    const auto [c0, c1, e0, e1] = block;
    const bool same = c0 == e0;
    const long tall = up_to_tall(c1 - c0), broad = up_to_pair<C>(e1 - e0);
    const long ld = left_ld<C>(c1 - c0 > e1 - e0 ? c1 - c0 : e1 - e0);
    C *left = reinterpret_cast<C*>(scratch), *right = left + GRAM_ROWS<C> * ld;
    for (long r = r0; r < r1; r += GRAM_ROWS<C>) {
        const long rows = r1 - r < GRAM_ROWS<C> ? r1 - r : GRAM_ROWS<C>;
        standardize<true>(job, r, r + rows, e0, e1, left, ld);
        for (long e = 0; e < broad; e += PAIR<C>)
            for (long q = 0; q < rows; q++)
                __builtin_memcpy(right + e * rows + q * PAIR<C>, left + q * ld + e, sizeof(C) * PAIR<C>);
        if (!same)
            standardize<true>(job, r, r + rows, c0, c1, left, ld);
        for (long q = 0; q < rows; q++) {
            const C h = C(curvature(job, r + q, i, j));
            for (long c = q * ld; c < (q + 1) * ld; c += LANES<C>)
                store<C>(left + c, h * load(left + c));
        }
        for (long c = 0; c < broad; c += PAIR<C>)
            for (long t = 0; t < (same && c + PAIR<C> < tall ? c + PAIR<C> : tall); t += TALL)
                add_tile({left + t, ld}, right + c * rows, rows, G + c * tall + t * PAIR<C>);
    }
}

// Such a G as [c][e] with rows of ld numbers
template <class C> void unpack_gram(LinearBlock block, const double* G, double* out, long ld) {
    const long rows = block.c1 - block.c0, columns = block.e1 - block.e0, tall = up_to_tall(rows);
    for (long c = 0; c < rows; c++)
        for (long e = 0; e < columns; e++)
            out[c * ld + e] = G[e / PAIR<C> * PAIR<C> * tall + c * PAIR<C> + e % PAIR<C>];
}

// Numbers that it takes
template <class C> long gram_size(LinearBlock block) {
    return up_to_tall(block.c1 - block.c0) * up_to_pair<C>(block.e1 - block.e0);
}

// Numbers of scratch, in doubles, that it takes for blocks of so many columns
template <class C> long gram_scratch(long columns) {
    return GRAM_ROWS<C> * (left_ld<C>(columns) + up_to_pair<C>(columns)) * long(sizeof(C)) / long(sizeof(double));
}

}  // namespace
