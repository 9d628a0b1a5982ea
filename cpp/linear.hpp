// One layer over a whole table, for linear models: the cost with its gradient.
//
// A few rows at a time are read from X in its own type and layout, widened to double and standardized into the cache,
// x' = (x - mean) / scale, with a column of ones behind them. All that follows works on these few rows, so that X is
// read once and no standardized copy of it exists. Every sum is one of doubles, in an order that depends on the shape
// of X alone.
#pragma once

#include "gemm.hpp"
#include "kernels.hpp"
#include "layout.hpp"
#include "losses.hpp"

namespace {

using namespace deltarule;

// Rows standardized at a time: they stay in the first-level cache if they are short, in the second-level one if there
// are several outputs, and the sums are not fetched too often
template <class T> long rows_at_once(const LinearJob<T>& job) {
    const long most = (job.k > 1 ? 32768 : 16384) / padded<double>(job.n + 1) / 8 * 8;
    return smaller(larger(most, 8), 64);
}

// (x - mean) inverse for a column of X or y, x - mean if not SCALED; a one for column n, or zero without an intercept
template <bool SCALED, class T> inline double standard(const LinearJob<T>& job, long r, long c) {
    if (c == job.n)
        return double(job.intercept);
    const long of = c < job.n ? c : c - 1;
    const double x = double(c < job.n ? job.X[r * job.row + c * job.column] : job.y[r * job.k + (c - job.n - 1)]);
    return SCALED ? (x - job.mean[of]) * job.inverse[of] : x - job.mean[of];
}

// The same for a vector of columns from c on, of which those at `end` and beyond are a one and zeros
template <bool SCALED, class T> struct Columns {
    Vec<double> mean{}, inverse{}, rest{};
    Mask<double> taken{};

    Columns(const LinearJob<T>& job, long c, long end) {
        for (long i = 0; i < LANES<double> && c + i < end; i++) {
            mean[i] = job.mean[c + i];
            inverse[i] = job.inverse[c + i];
            taken[i] = -1;
        }
        if (end == job.n && end - c < LANES<double>)
            rest[end - c] = double(job.intercept);
    }

    Vec<double> operator()(Vec<double> x) const {
        return select<double>(taken, SCALED ? (x - mean) * inverse : x - mean, rest);
    }
};

// The numbers of row r from column c on, fewer than a vector holds: it reaches into the rows behind, if there are
// enough
template <class T> inline Vec<double> reach(const LinearJob<T>& job, long r, long c, long end) {
    const T* x = job.X + r * job.row + c;
    if (job.row > 0 && r + LANES<double> < job.m)
        return widened(x);
    T few[LANES<double>] = {};
    __builtin_memcpy(few, x, sizeof(T) * (end - c));
    return widened(few);
}

// Brings what lies from x on nearer, for later
inline void ask_for(const void* x, long bytes) {
    constexpr long line = 64;
    for (long at = 0; at < bytes; at += line)
        __builtin_prefetch(static_cast<const char*>(x) + at, 0, 2);
}

// Columns c0 to `end` of rows one after another, the ones behind the last, and zeros; the rows of the next call are
// asked for
template <bool SCALED, class T>
void standardize_rows(const LinearJob<T>& job, long r0, long r1, long c0, long end, double* tile, long ld) {
    constexpr long N = LANES<double>;
    const long whole = (end - c0) / N * N, bytes = (end - c0) * long(sizeof(T));
    const Columns<SCALED, T> last(job, c0 + whole, end);
    const bool near = bytes * (r1 - r0) <= 131072 && 2 * r1 - r0 <= job.m;
    for (long r = r0; r < r1; r++, tile += ld) {
        const T* x = job.X + r * job.row + c0;
        if (near)
            ask_for(x + (r1 - r0) * job.row, bytes);
        for (long c = 0; c < whole; c += N) {
            const Vec<double> d = widened(x + c) - load(job.mean + c0 + c);
            store<double>(tile + c, SCALED ? d * load(job.inverse + c0 + c) : d);
        }
        if (whole < ld)
            store<double>(tile + whole, last(reach(job, r, c0 + whole, end)));
        for (long c = whole + N; c < ld; c += N)
            store<double>(tile + c, Vec<double>{});
    }
}

// Columns c0 to `end` of columns one after another, in squares, and zeros
template <bool SCALED, class T>
void standardize_columns(const LinearJob<T>& job, long r0, long r1, long c0, long end, double* tile, long ld) {
    constexpr long N = LANES<double>;
    double square[N * N];
    for (long r = r0; r < r1; r++)
        for (long c = end - c0; c < ld; c++)
            tile[(r - r0) * ld + c] = 0;
    for (long c = c0; c < end; c += N)
        for (long r = r0; r < r1; r += N) {
            const bool whole = job.row == 1 && c + N <= end && r + N <= r1;
            for (long i = 0; i < N && !whole; i++)
                for (long j = 0; j < N && r + i < r1 && c + j < end; j++)
                    tile[(r - r0 + i) * ld + c - c0 + j] = standard<SCALED>(job, r + i, c + j);
            if (!whole)
                continue;
            for (long j = 0; j < N; j++) {
                const Vec<double> d = widened(job.X + (c + j) * job.column + r) - job.mean[c + j];
                store<double>(square + j * N, SCALED ? d * job.inverse[c + j] : d);
            }
            transpose_square<double>(square, N, tile + (r - r0) * ld + c - c0, ld);
        }
}

// Columns c0 to c1 of rows r0 to r1, standardized, as [r][ld] with zeros behind: of X, then the ones, then of y.
// Without SCALED they are not divided by their scale.
template <bool SCALED, class T>
void standardize(const LinearJob<T>& job, long r0, long r1, long c0, long c1, double* tile, long ld) {
    long done = smaller(larger(job.n, c0), c1);  // columns of X
    if (job.column == 1 && c0 < done) {
        standardize_rows<SCALED>(job, r0, r1, c0, done, tile, ld);
        done += done == job.n && done < c1;
    } else {
        standardize_columns<SCALED>(job, r0, r1, c0, done, tile, ld);
    }
    for (long r = r0; r < r1 && done < c1; r++, tile += ld)
        for (long c = done; c < c1; c++)
            tile[c - c0] = standard<SCALED>(job, r, c);
}

// Σ w d and Σ w d² of each column, where d = x - mean, for rows r0 to r1
template <class T> void column_moments(const LinearJob<T>& job, long r0, long r1, double* sums, double* scratch) {
    const long ld = padded<double>(job.n), R = rows_at_once(job);
    double *first = sums, *second = sums + ld;
    for (long r = r0; r < r1; r += R) {
        const long rows = smaller(r1 - r, R);
        standardize<true>(job, r, r + rows, 0, job.n, scratch, ld);
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

// So many rows before they are read they are asked for
constexpr long AHEAD = 48;

// Rows of T that have been standardized
struct Kept {
    const double* data;
    long ld;

    Vec<double> operator()(long i, long c) const { return load(data + i * ld + c); }
    Vec<double> last(long i) const { return load(data + (i + 1) * ld - LANES<double>); }
    Kept below(long i) const { return {data + i * ld, ld}; }
    void ask_for_later(long) const {}
};

// The same, not divided by their scale, from the rows of X as they lie: it is quicker to read these twice than to write
// what was read
template <class T> struct AsTheyLie {
    const T* x;
    const LinearJob<T>& job;
    const Columns<false, T>& end;  // behind the whole vectors

    Vec<double> operator()(long i, long c) const { return widened(x + i * job.row + c) - load(job.mean + c); }
    Vec<double> last(long i) const { return end(widened(x + i * job.row + job.n / LANES<double> * LANES<double>)); }
    AsTheyLie below(long i) const { return {x + i * job.row, job, end}; }
    void ask_for_later(long rows) const {
        for (long i = 0; i < rows; i++)
            ask_for(x + (AHEAD + i) * job.row, job.n * long(sizeof(T)));
    }
};

// z = T W of one output, for as many rows as a vector holds at a time
template <class Rows> void products(const Rows& T, const double* W, long ld, long rows, double* z) {
    constexpr long N = LANES<double>;
    for (long r = 0; r < rows; r += N) {
        const Rows t = T.below(r);
        t.ask_for_later(N);
        Vec<double> total[N] = {};
        for (long c = 0; c < ld - N; c += N) {
            const Vec<double> w = load(W + c);
#pragma GCC unroll 8
            for (long i = 0; i < N; i++)
                total[i] += w * t(i, c);
        }
        double square[N * N], turned[N * N];
#pragma GCC unroll 8
        for (long i = 0; i < N; i++)
            store<double>(square + i * N, total[i] + load(W + ld - N) * t.last(i));
        transpose_square<double>(square, N, turned, N);
        Vec<double> sum{};
        for (long i = 0; i < N; i++)
            sum += load(turned + i * N);
        store<double>(z + r, sum);
    }
}

// g += dᵀ T of one output
template <class Rows> void add_rows(const Rows& T, const double* d, long ld, long rows, double* g) {
    constexpr long N = LANES<double>;
    for (long r = 0; r < rows; r += 8) {
        const Rows t = T.below(r);
        Vec<double> factor[8];
#pragma GCC unroll 8
        for (long i = 0; i < 8; i++)
            factor[i] = splat(d[r + i]);
        const auto add = [&](long c, auto numbers) {
            Vec<double> sum = load(g + c), other{};
#pragma GCC unroll 4
            for (long i = 0; i < 8; i += 2) {
                sum += factor[i] * numbers(i);
                other += factor[i + 1] * numbers(i + 1);
            }
            store<double>(g + c, sum + other);
        };
        for (long c = 0; c < ld - N; c += N)
            add(c, [&](long i) { return t(i, c); });
        add(ld - N, [&](long i) { return t.last(i); });
    }
}

// C += A B or AᵀB panel by panel of B, for all columns of C up to ld
template <bool TRANSPOSED>
void add_product(long rows, Matrix<double> A, Matrix<double> B, long K, double* C, long ldc, long columns) {
    constexpr long pair = PANEL<double>;
    for (long c = 0; c < columns; c += pair)
        multiply<double, TRANSPOSED>(
            columns - c < pair ? LANES<double> : pair, rows,
            {.A = A, .B = {B.data + c, B.ld}, .K = K, .start = {C + c, ldc}, .C = C + c, .ldc = ldc});
}

// [rows][from_ld] to [columns][to_ld]
inline void transpose_copy(const double* from, long from_ld, long rows, long columns, double* to, long to_ld) {
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c++)
            to[c * to_ld + r] = from[r * from_ld + c];
}

// Shares of the weight of `rows` rows from r on, zeros up to R, and their targets, those of an output side by side
template <class T> void read_targets(const LinearJob<T>& job, long r, long rows, long R, double* y, double* share) {
    const double each = 1 / job.total;
    for (long i = 0; i < rows; i++)
        share[i] = job.w ? each * double(job.w[r + i]) : each;
    for (long o = 0; o < job.k; o++)
        for (long i = 0; i < rows; i++)
            y[o * R + i] = double(job.y[(r + i) * job.k + o]);
    for (long i = rows; i < R; i++) {
        share[i] = 0;
        for (long o = 0; o < job.k; o++)
            y[o * R + i] = 0;
    }
}

// Σ share L, and d times the share; what has no share does not count, whatever it is
inline double weigh(const double* share, const double* L, double* d, Shape shape) {
    Vec<double> total{};
    for (long c = 0; c < shape.columns; c += LANES<double>) {
        const Vec<double> s = load(share + c);
        total += select<double>(s != 0, s * load(L + c), Vec<double>{});
        for (long i = c; i < shape.rows * shape.columns; i += shape.columns)
            store<double>(d + i, select<double>(s != 0, s * load(d + i), Vec<double>{}));
    }
    return sum<double>(total);
}

// Z (k, R) of R rows, from X where they are read as they `lie`, else from the tile; `rowwise` is scratch
template <class T>
void linear_forward(const LinearJob<T>& job, const AsTheyLie<T>* lie, Kept tile, long R, double* rowwise, double* Z) {
    const long ld = tile.ld, k = job.k, kp = padded<double>(k);
    if (lie)
        return products(*lie, job.W, ld, R, Z);
    if (k == 1)
        return products(tile, job.W, ld, R, Z);
    for (long i = 0; i < R * kp; i++)
        rowwise[i] = 0;
    add_product<false>(R, {tile.data, ld}, {job.W, kp}, ld, rowwise, kp, kp);
    transpose_copy(rowwise, kp, R, k, Z, R);
}

// g (k, ld) += d x' of the same rows
template <class T>
void linear_gradient(const LinearJob<T>& job, const AsTheyLie<T>* lie, Kept tile, long R, double* rowwise,
                     const double* d, double* g) {
    const long ld = tile.ld, k = job.k, kp = padded<double>(k);
    if (lie)
        return add_rows(*lie, d, ld, R, g);
    if (k == 1)
        return add_rows(tile, d, ld, R, g);
    transpose_copy(d, R, k, R, rowwise, kp);
    add_product<true>(k, {rowwise, kp}, {tile.data, ld}, R, g, ld, ld);
}

// Σ w L / total over rows r0 to r1; g (k, ld) grows by its derivative by W, which is in units of X; ŷ goes into job.a
template <class T> double linear_cost(const LinearJob<T>& job, long r0, long r1, double* g, double* scratch) {
    const long ld = padded<double>(job.n + 1), k = job.k, kp = k == 1 ? 1 : padded<double>(k), R = rows_at_once(job);
    double *tile = scratch, *rowwise = tile + R * ld, *Z = rowwise + R * kp, *a = Z + R * k, *d = a + R * k;
    double *y = d + R * k, *L = y + R * k, *share = L + R;
    const Shape shape{k, R, R, true};
    const Columns<false, T> end(job, job.n / LANES<double> * LANES<double>, job.n);
    double total = 0;
    for (long r = r0; r < r1; r += R) {
        const long rows = smaller(r1 - r, R);
        // where the rows behind make whole vectors of the last columns
        const bool direct = k == 1 && job.column == 1 && job.row > 0 && rows == R && r + R + LANES<double> <= job.m;
        const AsTheyLie<T> x{job.X + r * job.row, job, end}, *const lie = direct ? &x : nullptr;
        if (!direct) {
            standardize<false>(job, r, r + rows, 0, job.n + 1, tile, ld);
            for (long i = rows * ld; i < R * ld; i++)
                tile[i] = 0;
        }
        linear_forward(job, lie, {tile, ld}, R, rowwise, Z);
        read_targets(job, r, rows, R, y, share);
        const LossKernel<double>& loss = LOSSES<double>[job.loss];
        if (!loss.output)
            ACTIVATIONS<double>[job.activation].forward(0, nullptr, Z, a, shape);
        loss.run(0, Z, a, y, d, L, shape);
        total += weigh(share, L, d, shape);
        if (job.a)
            transpose_copy(a, R, k, rows, job.a + r * k, k);
        linear_gradient(job, lie, {tile, ld}, R, rowwise, d, g);
    }
    return total;
}

// Numbers of scratch that `column_moments` and `linear_cost` need
template <class T> long linear_scratch(const LinearJob<T>& job) {
    return rows_at_once(job) * (padded<double>(job.n + 1) + 5 * padded<double>(job.k) + 2);
}

}  // namespace
