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
};

template <> struct VectorOf<double> {
    typedef double V __attribute__((vector_size(BYTES)));
    typedef std::int64_t I __attribute__((vector_size(BYTES)));
    typedef std::int64_t Int;
};

template <class T> using Vec = typename VectorOf<T>::V;   // of numbers
template <class T> using Mask = typename VectorOf<T>::I;  // of whole numbers, and of what a comparison gives: 0 or -1
template <class T> constexpr long LANES = BYTES / sizeof(T);

template <class T> inline Vec<T> load(const T* p) {
    Vec<T> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

template <class T> inline void store(T* p, Vec<T> v) {
    __builtin_memcpy(p, &v, sizeof v);
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

// NaN in, NaN out: a comparison with NaN is false, so that v itself stays.
template <class T> inline Vec<T> at_least(Vec<T> v, T low) {
    return select<T>(v < low, splat(low), v);
}

template <class T> inline Vec<T> at_most(Vec<T> v, T high) {
    return select<T>(v > high, splat(high), v);
}

template <class T> inline Vec<T> absolute(Vec<T> v) {
    return select<T>(v < 0, -v, v);
}

template <class T> inline T sum(Vec<T> v) {
    T part[LANES<T>];
    store(part, v);
    for (long n = LANES<T> / 2; n > 0; n /= 2)
        for (long i = 0; i < n; i++)
            part[i] += part[i + n];
    return part[0];
}

inline Vec<float> root(Vec<float> v) {
#if defined(__AVX512F__)
    return (Vec<float>)_mm512_sqrt_ps((__m512)v);
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
