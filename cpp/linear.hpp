// One layer over a whole table, for linear models: the cost with its gradient, and the matrix of the products of
// columns that Newton's method and least squares need.
//
// A few rows at a time are read from X in its own type and layout, widened to double and standardized into the cache,
// x' = (x - mean) / scale, with a column of ones behind them. All that follows works on these few rows, so that X is
// read once and no standardized copy of it exists. Every sum is one of doubles, in an order that depends on the shape
// of X alone.
#pragma once

#include "gemm.hpp"
#include "kernels.hpp"
#include "losses.hpp"

namespace {

using namespace deltarule;

constexpr long GRAM_ROWS = 64;                          // standardized at a time for `gram`
template <class C> constexpr long PAIR = 2 * LANES<C>;  // columns of a tile of the matrix kernel
constexpr long TALL = MOST_ROWS<2>;                     // and its rows

inline long wide(long n) {
    return (n + LANES<double> - 1) / LANES<double> * LANES<double>;
}

// Rows standardized at a time: they stay in the second-level cache, and the sums are not fetched too often
template <class T> long rows_at_once(const LinearJob<T>& job) {
    const long most = (job.k > 1 ? 32768 : 16384) / wide(job.n + 1) / 8 * 8;
    return most < 8 ? 8 : most > 64 ? 64 : most;
}

template <class T> inline Vec<double> widened(const T* p) {
    typedef T Few __attribute__((vector_size(sizeof(T) * LANES<double>)));
    Few v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Vec<double>);
}

// Column c of rows r0 to r1: of X, then the ones, then those of y
template <class T> void load_column(const LinearJob<T>& job, long r0, long r1, long c, double* to, long ld) {
    const bool own = c < job.n, ones = c == job.n;
    const T* from = own ? job.X + r0 * job.row + c * job.column : job.y + r0 * job.k + (c - job.n - 1);
    const long step = own ? job.row : job.k;
    const double mean = ones ? 0 : job.mean[own ? c : c - 1], inverse = ones ? 1 : job.inverse[own ? c : c - 1];
    for (long r = 0; r < r1 - r0; r++)
        to[r * ld] = ones ? double(job.intercept) : (double(from[r * step]) - mean) * inverse;
}

// Columns c0 to c1 of rows r0 to r1, standardized, as [r][ld] with zeros behind
template <class T>
void standardize(const LinearJob<T>& job, long r0, long r1, long c0, long c1, double* tile, long ld) {
    const long end = c1 < job.n ? c1 : job.n, vectors = job.column == 1 && c0 < end ? (end - c0) / LANES<double> : 0;
    const long done = c0 + vectors * LANES<double>;
    if (vectors)
        for (long r = r0; r < r1; r++) {
            const T* x = job.X + r * job.row;
            double* to = tile + (r - r0) * ld - c0;
            for (long c = c0; c < done; c += LANES<double>)
                store<double>(to + c, (widened(x + c) - load(job.mean + c)) * load(job.inverse + c));
        }
    for (long c = done; c < c1; c++)
        load_column(job, r0, r1, c, tile + c - c0, ld);
    for (long c = c1; c < c0 + ld; c++)
        for (long r = 0; r < r1 - r0; r++)
            tile[r * ld + c - c0] = 0;
}

// Σ w d and Σ w d² of each column, where d = x - mean, for rows r0 to r1
template <class T> void spread(const LinearJob<T>& job, long r0, long r1, double* sums, double* scratch) {
    const long ld = wide(job.n), R = rows_at_once(job);
    double *first = sums, *second = sums + ld;
    for (long r = r0; r < r1; r += R) {
        const long rows = r1 - r < R ? r1 - r : R;
        standardize(job, r, r + rows, 0, job.n, scratch, ld);
        for (long c = 0; c < ld; c += LANES<double>) {
            Vec<double> s = load(first + c), q = load(second + c);
            for (long i = 0; i < rows; i++) {
                const Vec<double> d = load(scratch + i * ld + c), wd = job.w ? d * double(job.w[r + i]) : d;
                s += wd;
                q += wd * d;
            }
            store<double>(first + c, s);
            store<double>(second + c, q);
        }
    }
}

// z = T W of one output, for as many rows as a vector holds at a time
inline void products(const double* tile, const double* W, long ld, long rows, double* z) {
    constexpr long N = LANES<double>;
    for (long r = 0; r < rows; r += N) {
        Vec<double> total[N] = {};
        for (long c = 0; c < ld; c += N) {
            const Vec<double> w = load(W + c);
#pragma GCC unroll 8
            for (long i = 0; i < N; i++)
                total[i] += w * load(tile + (r + i) * ld + c);
        }
        double square[N * N], turned[N * N];
        for (long i = 0; i < N; i++)
            store<double>(square + i * N, total[i]);
        transpose_square<double>(square, N, turned, N);
        Vec<double> sum{};
        for (long i = 0; i < N; i++)
            sum += load(turned + i * N);
        store<double>(z + r, sum);
    }
}

// g += dᵀ T of one output
inline void add_rows(const double* tile, const double* d, long ld, long rows, double* g) {
    for (long r = 0; r < rows; r += 8) {
        Vec<double> factor[8];
#pragma GCC unroll 8
        for (long i = 0; i < 8; i++)
            factor[i] = splat(d[r + i]);
        for (long c = 0; c < ld; c += LANES<double>) {
            Vec<double> sum = load(g + c), other{};
#pragma GCC unroll 4
            for (long i = 0; i < 8; i += 2) {
                sum += factor[i] * load(tile + (r + i) * ld + c);
                other += factor[i + 1] * load(tile + (r + i + 1) * ld + c);
            }
            store<double>(g + c, sum + other);
        }
    }
}

// C += A B or AᵀB panel by panel of B, for all columns of C up to ld
template <bool TRANSPOSED>
void add_product(long rows, Matrix<double> A, Matrix<double> B, long K, double* C, long ldc, long columns) {
    for (long c = 0; c < columns; c += PAIR<double>)
        multiply<double, TRANSPOSED>(columns - c < PAIR<double> ? LANES<double> : PAIR<double>, rows, A,
                                     {B.data + c, B.ld}, K, {C + c, ldc}, C + c, ldc, {});
}

// [rows][from_ld] to [columns][to_ld]
inline void turn(const double* from, long from_ld, long rows, long columns, double* to, long to_ld) {
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c++)
            to[c * to_ld + r] = from[r * from_ld + c];
}

// Σ w L / total over rows r0 to r1; g (k, ld) grows by its derivative; ŷ goes into job.a
template <class T> double descend(const LinearJob<T>& job, long r0, long r1, double* g, double* scratch) {
    const long ld = wide(job.n + 1), k = job.k, kp = k == 1 ? 1 : wide(k), R = rows_at_once(job);
    double *tile = scratch, *rowwise = tile + R * ld, *Z = rowwise + R * kp, *a = Z + R * k, *d = a + R * k;
    double *y = d + R * k, *L = y + R * k;
    double total = 0;
    for (long r = r0; r < r1; r += R) {
        const long rows = r1 - r < R ? r1 - r : R;
        standardize(job, r, r + rows, 0, job.n + 1, tile, ld);
        for (long i = rows * ld; i < R * ld; i++)
            tile[i] = 0;
        if (k == 1) {
            products(tile, job.W, ld, R, Z);
        } else {
            for (long i = 0; i < R * kp; i++)
                rowwise[i] = 0;
            add_product<false>(R, {tile, ld}, {job.W, kp}, ld, rowwise, kp, kp);
            turn(rowwise, kp, R, k, Z, R);
        }
        for (long i = 0; i < R; i++)
            for (long o = 0; o < k; o++)
                y[o * R + i] = i < rows ? double(job.y[(r + i) * k + o]) : 0;
        const Shape shape{k, R, R};
        if (const auto& activation = ACTIVATIONS<double>[job.activation]; activation.forward)
            activation.forward(0, nullptr, Z, a, shape);
        else
            softmax(Z, a, shape);
        LOSSES<double>[job.loss].run(0, Z, a, y, d, L, shape);
        for (long i = 0; i < R; i++) {
            const double share = i < rows ? (job.w ? double(job.w[r + i]) : 1.0) / job.total : 0;
            if (i < rows && share != 0)
                total += share * L[i];
            for (long o = 0; o < k; o++)
                d[o * R + i] = share != 0 ? d[o * R + i] * share : 0;
        }
        for (long i = 0; job.a && i < rows; i++)
            for (long o = 0; o < k; o++)
                job.a[(r + i) * k + o] = a[o * R + i];
        if (k == 1) {
            add_rows(tile, d, ld, R, g);
        } else {
            turn(d, R, k, R, rowwise, kp);
            add_product<true>(k, {rowwise, kp}, {tile, ld}, R, g, ld, ld);
        }
    }
    return total;
}

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

// [r][ld] as panels [r][WIDTH], row r times h[r] if there is an h; what is beyond the columns is anything
template <long WIDTH, class C> void pack(const double* from, long ld, long rows, long columns, const double* h, C* to) {
    for (long c = 0; c < columns; c += WIDTH)
        for (long r = 0; r < rows; r++, to += WIDTH) {
            const double* x = from + r * ld + c;
            const double factor = h ? h[r] : 1;
            for (long i = 0; i < WIDTH; i++)
                to[i] = C(factor * x[i]);
        }
}

template <class C> inline long up_to_pair(long n) {
    return (n + PAIR<C> - 1) / PAIR<C> * PAIR<C>;
}

inline long up_to_tall(long n) {
    return (n + TALL - 1) / TALL * TALL;
}

// total (TALL, PAIR) += AᵀB; in floats, the few rows at hand are summed by themselves before
inline void add_tile(const double* left, const double* right, long rows, double* total) {
    constexpr long width = PAIR<double>;
    multiply<double, 2, true>(TALL, {left, TALL}, {right, width}, rows, {total, width}, total, width, {});
}

inline void add_tile(const float* left, const float* right, long rows, double* total) {
    constexpr long width = PAIR<float>;
    float part[TALL * width];
    multiply<float, 2, true>(TALL, {left, TALL}, {right, width}, rows, NOTHING<float>, part, width, {});
    for (long i = 0; i < TALL * width; i++)
        total[i] += double(part[i]);
}

// Columns c0 to c1 times columns e0 to e1, over rows r0 to r1: G (c1 - c0, e1 - e0), in panels of PAIR columns and
// blocks of TALL rows, grows by Tᵀ diag(h_ij) T, above its diagonal where the columns are the same. The products are of
// type C.
template <class T, class C>
void gram(const LinearJob<T>& job, long r0, long r1, LinearBlock block, long i, long j, double* G, double* scratch) {
    const auto [c0, c1, e0, e1] = block;
    const bool same = c0 == e0;
    const long tall = up_to_tall(c1 - c0), broad = up_to_pair<C>(e1 - e0);
    const long ld = (tall > broad ? tall : broad) + PAIR<C>;
    double *rowwise = scratch, h[GRAM_ROWS];
    C *left = reinterpret_cast<C*>(rowwise + GRAM_ROWS * ld), *right = left + GRAM_ROWS * tall;
    for (long r = r0; r < r1; r += GRAM_ROWS) {
        const long rows = r1 - r < GRAM_ROWS ? r1 - r : GRAM_ROWS;
        for (long q = 0; q < rows; q++)
            h[q] = curvature(job, r + q, i, j);
        standardize(job, r, r + rows, e0, e1, rowwise, ld);
        pack<PAIR<C>>(rowwise, ld, rows, broad, nullptr, right);
        if (!same)
            standardize(job, r, r + rows, c0, c1, rowwise, ld);
        pack<TALL>(rowwise, ld, rows, tall, h, left);
        for (long c = 0; c < broad; c += PAIR<C>)
            for (long t = 0; t < (same && c + PAIR<C> < tall ? c + PAIR<C> : tall); t += TALL)
                add_tile(left + t * rows, right + c * rows, rows, G + c * tall + t * PAIR<C>);
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

// Numbers of scratch that the functions above need
template <class T> long linear_scratch(const LinearJob<T>& job, long columns) {
    const long R = rows_at_once(job), kp = wide(job.k);
    const long descent = R * (wide(job.n + 1) + 5 * kp + 1),
               product = 3 * GRAM_ROWS * (columns + TALL + 2 * PAIR<float>);
    return descent > product ? descent : product;
}

}  // namespace
