// Vectors: as many numbers as one register of the target holds, written with the compiler's own vector type.
//
// Everything here is in an anonymous namespace: kernels.cpp is compiled once for each instruction set, and no function
// of one object may ever be taken for that of another.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

inline long smaller(long a, long b) {
    return a < b ? a : b;
}

inline long larger(long a, long b) {
    return a > b ? a : b;
}

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX2__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

template <class T> struct VectorOf;

template <> struct VectorOf<float> {
    typedef float V __attribute__((vector_size(BYTES)));
    typedef std::int32_t I __attribute__((vector_size(BYTES)));
    typedef std::int32_t Int;
    static constexpr Int most = INT32_MAX;
    typedef std::uint32_t U __attribute__((vector_size(BYTES)));
    typedef std::uint32_t Natural;
};

template <> struct VectorOf<double> {
    typedef double V __attribute__((vector_size(BYTES)));
    typedef std::int64_t I __attribute__((vector_size(BYTES)));
    typedef std::int64_t Int;
    static constexpr Int most = INT64_MAX;
    typedef std::uint64_t U __attribute__((vector_size(BYTES)));
    typedef std::uint64_t Natural;
};

template <class T> using Vec = typename VectorOf<T>::V;   // of numbers
template <class T> using Mask = typename VectorOf<T>::I;  // of whole numbers, and of what a comparison gives: 0 or -1
template <class T> using Natural = typename VectorOf<T>::U;
template <class T> constexpr long LANES = BYTES / sizeof(T);

// 0 1 2 ...
template <class T> inline Mask<T> lane_numbers() {
    Mask<T> n{};
    for (long i = 0; i < LANES<T>; i++)
        n[i] = typename VectorOf<T>::Int(i);
    return n;
}

template <class T> inline Vec<T> load(const T* p) {
    Vec<T> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

template <class T> inline void store(T* p, Vec<T> v) {
    __builtin_memcpy(p, &v, sizeof v);
}

// The first `count` numbers of a vector, then zeros; nothing behind them is read
template <class T> inline Vec<T> load_some(const T* p, long count) {
    count = smaller(larger(count, 0), LANES<T>);
#if defined(__AVX512F__)
    const unsigned first = (1u << count) - 1;
    if constexpr (sizeof(T) == sizeof(float))
        return (Vec<T>)_mm512_maskz_loadu_ps(__mmask16(first), p);
    else
        return (Vec<T>)_mm512_maskz_loadu_pd(__mmask8(first), p);
#else
    T some[LANES<T>] = {};
    for (long i = 0; i < count; i++)
        some[i] = p[i];
    return load(some);
#endif
}

template <class T> inline Vec<T> splat(T x) {
    return x - Vec<T>{};
}

template <class T> inline Mask<T> bits(Vec<T> v) {
    Mask<T> i;
    __builtin_memcpy(&i, &v, sizeof i);
    return i;
}

template <class T> inline Vec<T> number(Mask<T> i) {
    Vec<T> v;
    __builtin_memcpy(&v, &i, sizeof v);
    return v;
}

template <class T> inline Vec<T> select(Mask<T> condition, Vec<T> yes, Vec<T> no) {
    return condition ? yes : no;
}

// NaN in, NaN out: a comparison with NaN is false, so that v itself stays. Compilers make two instructions of what
// AVX-512 has one for.
template <class T> inline Vec<T> at_least(Vec<T> v, T low) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == sizeof(float))
        return (Vec<T>)_mm512_max_ps((__m512)splat(low), (__m512)v);
    else
        return (Vec<T>)_mm512_max_pd((__m512d)splat(low), (__m512d)v);
#else
    return select<T>(v < low, splat(low), v);
#endif
}

template <class T> inline Vec<T> at_most(Vec<T> v, T high) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == sizeof(float))
        return (Vec<T>)_mm512_min_ps((__m512)splat(high), (__m512)v);
    else
        return (Vec<T>)_mm512_min_pd((__m512d)splat(high), (__m512d)v);
#else
    return select<T>(v > high, splat(high), v);
#endif
}

template <class T> inline Vec<T> absolute(Vec<T> v) {
    return number<T>(bits<T>(v) & VectorOf<T>::most);
}

template <class T, long N> struct Few {
    typedef T V __attribute__((vector_size(N * sizeof(T))));
};

// Of N numbers: the first half and the second half are added, of that the same, and so on until so many are left
template <class T, long LEFT, long N> inline typename Few<T, LEFT>::V folded(typename Few<T, N>::V v) {
    if constexpr (N == LEFT) {
        return v;
    } else {
        typename Few<T, N / 2>::V half[2];
        __builtin_memcpy(half, &v, sizeof v);
        return folded<T, LEFT, N / 2>(half[0] + half[1]);
    }
}

template <class T> inline T sum(Vec<T> v) {
    const auto two = folded<T, 2, LANES<T>>(v);
    return two[0] + two[1];
}

// The first halves of two vectors, one number of each in turn: a0 b0 a1 b1 ...; and the second halves
template <class T> inline Vec<T> interleave_first(Vec<T> a, Vec<T> b) {
    if constexpr (LANES<T> == 2)
        return __builtin_shufflevector(a, b, 0, 2);
    else if constexpr (LANES<T> == 4)
        return __builtin_shufflevector(a, b, 0, 4, 1, 5);
    else if constexpr (LANES<T> == 8)
        return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    else
        return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

template <class T> inline Vec<T> interleave_second(Vec<T> a, Vec<T> b) {
    if constexpr (LANES<T> == 2)
        return __builtin_shufflevector(a, b, 1, 3);
    else if constexpr (LANES<T> == 4)
        return __builtin_shufflevector(a, b, 2, 6, 3, 7);
    else if constexpr (LANES<T> == 8)
        return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    else
        return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// A square of LANES x LANES numbers, transposed
template <class T> inline void transpose_square(const T* from, long from_ld, T* to, long to_ld) {
    constexpr int n = int(LANES<T>);
    Vec<T> row[n], next[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; i++)
        row[i] = load(from + i * from_ld);
#pragma GCC unroll 4
    for (int stage = 1; stage < n; stage *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < n / 2; i++) {
            next[2 * i] = interleave_first<T>(row[i], row[i + n / 2]);
            next[2 * i + 1] = interleave_second<T>(row[i], row[i + n / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < n; i++)
            row[i] = next[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; i++)
        store<T>(to + i * to_ld, row[i]);
}

// As many numbers as a vector of doubles holds. Compilers make more of the conversion than it is.
inline Vec<double> widened(const float* p) {
#if defined(__AVX512F__)
    return (Vec<double>)_mm512_cvtps_pd(_mm256_loadu_ps(p));
#elif defined(__AVX2__)
    return (Vec<double>)_mm256_cvtps_pd(_mm_loadu_ps(p));
#else
    Few<float, LANES<double>>::V v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Vec<double>);
#endif
}

inline Vec<double> widened(const double* p) {
    return load(p);
}

// √v to an ulp, of infinity that of the largest number: by Newton's step from 14 bits, as the exact instruction would
// keep the unit busy that divides.
inline Vec<float> root(Vec<float> v) {
#if defined(__AVX512F__)
    const __m512 least = _mm512_set1_ps(__FLT_MIN__), most = _mm512_set1_ps(__FLT_MAX__);
    const __m512 x = _mm512_min_ps(most, (__m512)v);  // of a NaN, the second
    const Vec<float> inverse = (Vec<float>)_mm512_rsqrt14_ps(_mm512_max_ps(least, x));
    const Vec<float> r = (Vec<float>)x * inverse;
    return r + 0.5f * inverse * ((Vec<float>)x - r * r);
#elif defined(__AVX2__)
    return (Vec<float>)_mm256_sqrt_ps((__m256)v);
#elif defined(__x86_64__)
    return (Vec<float>)_mm_sqrt_ps((__m128)v);
#elif defined(__aarch64__)
    return (Vec<float>)vsqrtq_f32((float32x4_t)v);
#else
    for (long i = 0; i < LANES<float>; i++)
        v[i] = __builtin_sqrtf(v[i]);
    return v;
#endif
}

inline Vec<double> root(Vec<double> v) {
#if defined(__AVX512F__)
    return (Vec<double>)_mm512_sqrt_pd((__m512d)v);
#elif defined(__AVX2__)
    return (Vec<double>)_mm256_sqrt_pd((__m256d)v);
#elif defined(__x86_64__)
    return (Vec<double>)_mm_sqrt_pd((__m128d)v);
#elif defined(__aarch64__)
    return (Vec<double>)vsqrtq_f64((float64x2_t)v);
#else
    for (long i = 0; i < LANES<double>; i++)
        v[i] = __builtin_sqrt(v[i]);
    return v;
#endif
}

}  // namespace
