// The one matrix kernel: C = start + A B, outer product by outer product, with C in registers.
#pragma once

#include "vec.hpp"

namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int REGISTERS = 32;
#else
constexpr int REGISTERS = 16;
#endif

// Most rows of a band that is NV vectors wide: the accumulators, a row of B and one broadcast fill the registers.
template <int NV> constexpr int MOST_ROWS = REGISTERS == 32 ? 14 : NV == 2 ? 6 : 12;

template <class T> struct Matrix {
    const T* data;
    long ld;
};

template <class T> constexpr T ZEROS[2 * LANES<T>] = {};
template <class T> constexpr Matrix<T> NOTHING = {ZEROS<T>, 0};  // to start from

// The compiler may assume nothing about a value from here on
template <class P> inline void hide(P& value) {
    asm("" : "+r"(value));
}

// R rows of A, of which number k is read, then k + 1. Each row is found at one of three places plus 0 to 4 times `ld`,
// which an address has room for. A compiler that knew how these depend on each other would hold one register for each
// row instead, most of them on the stack, and a band would take a fifth longer.
template <class T, int R, bool TRANSPOSED> class Rows {
public:
    Rows(const T* A, long ld) : ld_(ld), three_(3 * ld) {
        hide(ld_);
        for (int i = 0; i < 3; i++)
            places_[i] = A + (R > GROUP * i && !TRANSPOSED ? GROUP * i * ld_ : 0);
        for (const T*& place : places_)
            hide(place);
        hide(three_);
    }

    T operator[](int r) const {
        if constexpr (TRANSPOSED)
            return places_[0][r];
        return places_[r / GROUP][r % GROUP == 3 ? three_ : r % GROUP * ld_];
    }

    void next() {
        for (int i = 0; i < 3; i++)
            places_[i] += TRANSPOSED ? ld_ : 1;
    }

    // What is soon read of a matrix whose rows are far apart: it lies in two lines, mostly
    void ask() const {
        if (!TRANSPOSED)
            return;
        __builtin_prefetch(places_[0] + 4 * ld_);
        __builtin_prefetch(places_[0] + 4 * ld_ + R - 1);
    }

private:
    static constexpr int GROUP = 5;
    const T* places_[3];
    long ld_, three_;
};

// C = start + A B. A is (rows, K), or (K, rows) where it is transposed; B is (K, one or two vectors). The rows of
// `start` may all be the same (ld 0), or those of C itself. The step that follows, if any, changes as many numbers as C
// has at three places.
template <class T> struct Product {
    Matrix<T> A = {}, B = {};
    long K = 0;  // > 0
    Matrix<T> start = {};
    T* C = nullptr;
    long ldc = 0;
    const T* changes[3] = {};
};

// Asks for what the step after a product will change while it is computed, evenly over its K terms
template <class T> class Ahead {
public:
    // n numbers from `at` on
    Ahead(const Product<T>& product, long at, long n) {
        const bool any = product.changes[0] != nullptr;
        for (int i = 0; i < 3; i++)
            places_[i] = (const char*)(any ? product.changes[i] + at : product.C);
        step_ = any ? (3 * n * long(sizeof(T)) + product.K - 1) / product.K : 0;
    }

    void ask() {
        __builtin_prefetch(places_[0], 1, 2);
        const char* const later = places_[0] + step_;
        places_[0] = places_[1];
        places_[1] = places_[2];
        places_[2] = later;
    }

private:
    const char* places_[3];
    long step_;  // bytes
};

// A band of C: rows r to r + R, NV vectors wide
template <class T, int R, int NV, bool TRANSPOSED> void band(const Product<T>& product, long r) {
    const long K = product.K, step = product.B.ld, ldc = product.ldc;
    T* const C = product.C + r * ldc;
    Vec<T> c[R][NV];
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            c[i][j] = load(product.start.data + (r + i) * product.start.ld + j * LANES<T>);
    Rows<T, R, TRANSPOSED> a(product.A.data + (TRANSPOSED ? r : r * product.A.ld), product.A.ld);
    const T* b = product.B.data;
    Ahead<T> ahead(product, r * NV * LANES<T>, R * NV * LANES<T>);
    long k = 0;
    do {  // with a loop that may be empty, compilers keep C on the stack as well
        a.ask();
        if (TRANSPOSED)
            ahead.ask();
        Vec<T> row[NV];
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++) {
            row[j] = load(b + j * LANES<T>);
            if (!TRANSPOSED)
                __builtin_prefetch(b + 8 * step + j * LANES<T>);
        }
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {
            const Vec<T> x = splat(a[i]);
#pragma GCC unroll 2
            for (int j = 0; j < NV; j++)
                c[i][j] += x * row[j];
        }
        a.next();
        b += step;
    } while (++k < K);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            store<T>(C + i * ldc + j * LANES<T>, c[i][j]);
}

template <class T> using Band = void (*)(const Product<T>&, long);

template <class T, int R, int NV, bool TRANSPOSED> constexpr Band<T> band_of() {
    if constexpr (R <= MOST_ROWS<NV>)
        return band<T, R, NV, TRANSPOSED>;
    else
        return nullptr;
}

template <class T, int NV, bool TRANSPOSED>
constexpr Band<T> BANDS[] = {nullptr,
                             band_of<T, 1, NV, TRANSPOSED>(),
                             band_of<T, 2, NV, TRANSPOSED>(),
                             band_of<T, 3, NV, TRANSPOSED>(),
                             band_of<T, 4, NV, TRANSPOSED>(),
                             band_of<T, 5, NV, TRANSPOSED>(),
                             band_of<T, 6, NV, TRANSPOSED>(),
                             band_of<T, 7, NV, TRANSPOSED>(),
                             band_of<T, 8, NV, TRANSPOSED>(),
                             band_of<T, 9, NV, TRANSPOSED>(),
                             band_of<T, 10, NV, TRANSPOSED>(),
                             band_of<T, 11, NV, TRANSPOSED>(),
                             band_of<T, 12, NV, TRANSPOSED>(),
                             band_of<T, 13, NV, TRANSPOSED>(),
                             band_of<T, 14, NV, TRANSPOSED>()};

// What the next band begins with, which another thread may have written
template <class T, int NV> inline void ask_for_start(const Product<T>& product, long r, long end) {
    for (; r < end; r++)
        for (int j = 0; j < NV; j++)
            __builtin_prefetch(product.start.data + r * product.start.ld + j * LANES<T>, 1);
}

// All rows, shared out evenly: 50 are 5 bands of 10, not 4 of 12 and a rest of 2. Every number of C is summed in the
// order of k, so that no division of the work changes a bit of it.
template <class T, int NV, bool TRANSPOSED> void multiply(long rows, const Product<T>& product) {
    for (long bands = (rows + MOST_ROWS<NV> - 1) / MOST_ROWS<NV>, r = 0; bands > 0; bands--) {
        const long size = (rows - r) / bands;
        if (product.start.ld)
            ask_for_start<T, NV>(product, r + size, smaller(r + 2 * size, rows));
        BANDS<T, NV, TRANSPOSED>[size](product, r);
        r += size;
    }
}

// The same for a panel of `width` columns, one vector or two.
template <class T, bool TRANSPOSED> void multiply(long width, long rows, const Product<T>& product) {
    if (width == 2 * LANES<T>)
        multiply<T, 2, TRANSPOSED>(rows, product);
    else
        multiply<T, 1, TRANSPOSED>(rows, product);
}

}  // namespace
