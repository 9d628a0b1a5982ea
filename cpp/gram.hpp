// The matrix of the products of columns, Tᵀ diag(h) T, that Newton's method and least squares need.
//
// A few rows of a block of columns are standardized at a time, and laid out in strips as wide as tiles are: those of
// the left factor are as wide as a tile has rows, those of the right one as it has columns. Two blocks are then
// multiplied in tiles that stay in registers and read their strips from end to end. Numbers S of strips and products
// are double, or float for a first solution that is corrected afterwards.
#pragma once

#include "linear.hpp"

namespace {

// Rows of a tile, and of the table that are laid out at a time
constexpr long TALL = MOST_ROWS<2>, GRAM_ROWS = 192;

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

// Columns that strips of the left, and of the right factor have room for
inline long tall_of(long columns) {
    return (columns + TALL - 1) / TALL * TALL;
}

template <class S> inline long broad_of(long columns) {
    return panels<S>(columns) * PANEL<S>;
}

// From row to row of standardized columns: whole vectors, as many as all strips take
template <class S> inline long standard_ld(long columns) {
    return broad_of<S>(tall_of(columns));
}

// The first `columns` of a table, strip after strip of WIDTH of them
template <long WIDTH, class S> inline void in_strips(const double* table, long ld, long rows, long columns, S* strips) {
    for (long c = 0; c < columns; c += WIDTH)
        for (long r = 0; r < rows; r++, strips += WIDTH)
            for (long i = 0; i < WIDTH; i++)
                strips[i] = S(table[r * ld + c + i]);
}

// Columns c0 to c1 of up to GRAM_ROWS rows r0 to r1, in strips: those of diag(h_ij) T for the left, then those of T for
// the right
template <class T, class S>
void lay_out(const LinearJob<T>& job, long r0, long r1, long c0, long c1, long i, long j, S* strips, double* table) {
    const long rows = r1 - r0, tall = tall_of(c1 - c0), ld = standard_ld<S>(c1 - c0);
    standardize<true>(job, r0, r1, c0, c1, table, ld);
    in_strips<PANEL<S>>(table, ld, rows, broad_of<S>(c1 - c0), strips + rows * tall);
    for (long r = 0; r < rows; r++) {
        const double h = curvature(job, r0 + r, i, j);
        for (long c = r * ld; c < (r + 1) * ld; c += LANES<double>)
            store<double>(table + c, h * load(table + c));
    }
    in_strips<TALL>(table, ld, rows, tall, strips);
}

// Of a pair of blocks the strips of the first one's left and the second one's right: G, in panels of columns and blocks
// of TALL rows, grows by their product, above its diagonal where the blocks are the same.
template <class S> void gram(const S* first, const S* second, long rows, LinearBlock block, S* G) {
    const bool same = block.c0 == block.e0;
    const long tall = tall_of(block.c1 - block.c0), broad = broad_of<S>(block.e1 - block.e0);
    const S* right = second + rows * tall_of(block.e1 - block.e0);
    for (long e = 0; e < broad; e += PANEL<S>)
        for (long c = 0; c < (same ? smaller(e + PANEL<S>, tall) : tall); c += TALL) {
            S* total = G + e * tall + c * PANEL<S>;
            multiply<S, 2, true>(TALL, {.A = {first + c * rows, TALL},
                                        .B = {right + e * rows, PANEL<S>},
                                        .K = rows,
                                        .start = {total, PANEL<S>},
                                        .C = total,
                                        .ldc = PANEL<S>});
        }
}

// Such a G into out, [c][e] with rows of ld numbers, or added to what is there
template <class S> void unpack_gram(LinearBlock block, const S* G, bool onto, double* out, long ld) {
    const long rows = block.c1 - block.c0, columns = block.e1 - block.e0, tall = tall_of(rows);
    for (long c = 0; c < rows; c++)
        for (long e = 0; e < columns; e++) {
            const double sum = double(G[e / PANEL<S> * PANEL<S> * tall + c * PANEL<S> + e % PANEL<S>]);
            out[c * ld + e] = onto ? out[c * ld + e] + sum : sum;
        }
}

// Numbers that it takes
template <class S> long gram_size(LinearBlock block) {
    return tall_of(block.c1 - block.c0) * broad_of<S>(block.e1 - block.e0);
}

// Numbers in the strips of so many rows and columns, and in the table they come from
template <class S> long strips_size(long rows, long columns) {
    return rows * (tall_of(columns) + broad_of<S>(columns));
}

template <class S> long lay_out_scratch(long columns) {
    return GRAM_ROWS * standard_ld<S>(columns);
}

// Columns that leave no room in any strip
template <class S> constexpr long gram_grain() {
    long columns = TALL;
    while (columns % PANEL<S>)
        columns += TALL;
    return columns;
}

}  // namespace
