// Elementary functions of whole vectors. NaN gives NaN; infinities give what mathematics says.
//
// The series are Taylor's, cut off where the rest is below the precision of the type, tanh near zero is a continued
// fraction; the tail of erfc is fitted. `make accuracy` measures the error over every float32 number and writes
// docs/accuracy.md.
#pragma once

#include <math.h>

#include <type_traits>

#include "vec.hpp"

namespace {

template <class T> struct Format;

template <> struct Format<float> {
    static constexpr int mantissa = 23, bias = 127, exp_terms = 8, log_terms = 5;
    static constexpr std::int32_t sign = INT32_MIN;
    static constexpr float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number in the low bits
    static constexpr float log2e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr float exp_low = -104.0f, exp_high = 89.0f, all_lost = -30.0f;
};

template <> struct Format<double> {
    static constexpr int mantissa = 52, bias = 1023, exp_terms = 14, log_terms = 11;
    static constexpr std::int64_t sign = INT64_MIN;
    static constexpr double magic = 6755399441055744.0;
    static constexpr double log2e = 1.4426950408889634, ln2_high = 6.93147180369123816490e-01,
                            ln2_low = 1.90821492927058770002e-10;
    static constexpr double exp_low = -746.0, exp_high = 710.0, all_lost = -50.0;
};

constexpr double INVERSE_FACTORIAL[] = {
    1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
    1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};

// x = n ln 2 + r with |r| <= ln 2 / 2
template <class T> struct Reduced {
    Vec<T> n, r;
    Mask<T> whole;  // n as a whole number
};

template <class T> inline Reduced<T> reduce(Vec<T> x) {
    using F = Format<T>;
    const Vec<T> shifted = x * F::log2e + F::magic;
    const Vec<T> n = shifted - F::magic;
    return {n, (x - n * F::ln2_high) - n * F::ln2_low, bits<T>(shifted) - bits<T>(splat(F::magic))};
}

// n / 2^by, rounded down, where that is the exponent of a number. Of 64 bits AVX2 shifts only what is not negative.
template <class T> inline Mask<T> shifted_right(Mask<T> n, int by) {
    if constexpr (std::is_same_v<T, float>)
        return n >> by;
    constexpr typename VectorOf<T>::Int more = Format<T>::bias + 1;
    return Mask<T>((Natural<T>(n) + (typename VectorOf<T>::Natural(more) << by)) >> by) - more;
}

// Whole numbers, below 2^22 in size, as T. AVX2 has no instruction for those of 64 bits.
template <class T> inline Vec<T> converted(Mask<T> n) {
    constexpr T magic = Format<T>::magic;
    return number<T>(n + bits<T>(splat(magic))) - magic;
}

// 2^n, for n within the exponents of normal numbers; of anything else, as a NaN leaves it, some number
template <class T> inline Vec<T> power_of_two(Mask<T> n) {
    constexpr typename VectorOf<T>::Natural bias = Format<T>::bias;
    return number<T>(Mask<T>((Natural<T>(n) + bias) << Format<T>::mantissa));
}

// (e^r - 1 - r) / r² = 1/2 + r/6 + ...
template <class T> inline Vec<T> exp_rest(Vec<T> r) {
    constexpr int terms = Format<T>::exp_terms;
    Vec<T> p = splat(T(INVERSE_FACTORIAL[terms - 1]));
#pragma GCC unroll 16
    for (int k = terms - 2; k >= 2; k--)
        p = p * r + T(INVERSE_FACTORIAL[k]);
    return p;
}

// e^x, for x that is not so large or so small that n would not be exact
template <class T> inline Vec<T> exp_of_usual(Vec<T> x) {
    const auto [n, r, whole] = reduce<T>(x);
    const Vec<T> y = r * r * exp_rest<T>(r) + r + T(1);
    // y 2^n, rounded once, also where it is between the smallest normal number and zero
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == sizeof(float))
        return (Vec<T>)_mm512_scalef_ps((__m512)y, (__m512)n);
    else
        return (Vec<T>)_mm512_scalef_pd((__m512d)y, (__m512d)n);
#else
    const Mask<T> half = shifted_right<T>(whole, 1);
    const Mask<T> rest = Mask<T>(Natural<T>(whole) - Natural<T>(half));
    return y * power_of_two<T>(half) * power_of_two<T>(rest);
#endif
}

template <class T> inline Vec<T> vexp(Vec<T> x) {
    return exp_of_usual<T>(at_most<T>(at_least<T>(x, Format<T>::exp_low), Format<T>::exp_high));
}

// e^{-|x|}
template <class T> inline Vec<T> exp_down(Vec<T> x) {
    return exp_of_usual<T>(at_least<T>(-absolute<T>(x), Format<T>::exp_low));
}

// e^x - 1 without cancellation near zero; for x < 80
template <class T> inline Vec<T> vexpm1(Vec<T> x) {
    const auto [n, r, whole] = reduce<T>(at_least<T>(x, Format<T>::all_lost));
    const Vec<T> scale = power_of_two<T>(whole);
    return scale * (r * r * exp_rest<T>(r) + r) + (scale - T(1));
}

// ln of positive normal numbers; ln x = k ln 2 + 2 artanh(s), where s = (m - 1) / (m + 1)
template <class T> inline Vec<T> log_of_normal(Vec<T> x) {
    using F = Format<T>;
    constexpr int terms = F::log_terms;
    const auto places = [](Vec<T> of) { return Natural<T>(bits<T>(of)); };  // a NaN's are as large as there are
    const Mask<T> k = shifted_right<T>(Mask<T>(places(x) - places(splat(T(0.70710678118654752)))), F::mantissa);
    const Vec<T> f = number<T>(Mask<T>(places(x) - (Natural<T>(k) << F::mantissa))) - T(1);
    const Vec<T> s = f / (f + T(2)), s2 = s * s;
    Vec<T> p = splat(T(2.0 / (2 * terms - 1)));
#pragma GCC unroll 16
    for (int i = terms - 2; i >= 1; i--)
        p = p * s2 + T(2.0 / (2 * i + 1));
    const Vec<T> kt = converted<T>(k);
    // 2 artanh(s) = f - s (f - s² p): the leading term is exact
    return kt * F::ln2_high + (f - (s * (f - s2 * p) - kt * F::ln2_low));
}

// ln of zero and normal numbers
template <class T> inline Vec<T> vlog(Vec<T> x) {
    const Vec<T> infinity = splat(T(__builtin_inf())), nan = splat(T(__builtin_nan("")));
    return select<T>(x > 0, select<T>(x == infinity, x, log_of_normal<T>(x)), select<T>(x == 0, -infinity, nan));
}

template <class T> inline Vec<T> vlog1p(Vec<T> x) {
    const Vec<T> u = x + T(1);
    const Vec<T> lost = (x - (u - T(1))) / u;  // what rounding 1 + x lost
    const Vec<T> y = vlog<T>(u);
    return select<T>((u > 0) & (absolute<T>(x) < T(1e6)), y + lost, y);
}

// tanh x for x >= 0
inline Vec<double> tanh_of_size(Vec<double> x) {
    // h / (1 + h), where h = (e^{2x} - 1) / 2; for small h as h - h h / (1 + h), which rounds less
    const Vec<double> h = 0.5 * vexpm1<double>(at_most<double>(x + x, 40.0)), q = h / (h + 1.0);
    return select<double>(h < 0.5, h - h * q, q);
}

// 1 - 2 / (e^{2x} + 1), which is 1 from 10 on. Below 0.85, up to where it is exact enough, Lambert's continued fraction
// x / (1 + y / (3 + y / (5 + y / (7 + y / 9)))) with y = x², as x - x y (14 y + 315) / (15 y² + 420 y + 945), which
// rounds less
inline Vec<float> tanh_of_size(Vec<float> x) {
    const Vec<float> y = x * x, e = exp_of_usual<float>(at_most<float>(x + x, 20.0f));
    const Mask<float> small = x < 0.85f;
    const Vec<float> above = select<float>(small, x * y * (-14.0f * y - 315.0f), splat(-2.0f)),
                     below = select<float>(small, (15.0f * y + 420.0f) * y + 945.0f, e + 1.0f);
    return select<float>(small, x, splat(1.0f)) + above / below;
}

template <class T> inline Vec<T> vtanh(Vec<T> x) {
    const Mask<T> sign = bits<T>(x) & Format<T>::sign;
    return number<T>(bits<T>(tanh_of_size(number<T>(bits<T>(x) ^ sign))) | sign);
}

template <class T> inline Vec<T> vsigmoid(Vec<T> x) {
    const Vec<T> e = exp_down<T>(x);
    return select<T>(x < 0, e, splat(T(1))) / (e + T(1));
}

template <class T> inline Vec<T> vsoftplus(Vec<T> x) {
    return at_least<T>(x, T(0)) + vlog1p<T>(exp_down<T>(x));
}

// erfc(x), where x² = share * root², for x >= 0.9: t e^{P(t) - x²} with t = 1 / (1 + x/2); P fitted to 1e-8 for x from
// 0.8 to 12
inline Vec<float> erfc_tail(Vec<float> x, Vec<float> root, float share) {
    constexpr float P[] = {-1.2654963571451296f, 0.9996065629690296f,    0.3789367021096536f,
                           0.0636669337730861f,  -0.040233083277980294f, -0.14526911667245843f,
                           -0.3362627123989206f, 0.5555693671406441f,    -0.21135699871355934f};
    const Vec<float> t = 1 / (x * 0.5f + 1), capped = at_most<float>(root, 16.0f);
    Vec<float> p = splat(P[8]);
#pragma GCC unroll 8
    for (int k = 7; k >= 0; k--)
        p = p * t + P[k];
    // P - x² in two parts, as rounding it to one would cost many ulp of its exponential: `head` has an exact square
    const Vec<float> head = number<float>(bits<float>(capped) & ~0xfff), square = share * head * head;
    p -= share * (capped - head) * (capped + head);
    const Vec<float> exponent = p - square, lost = p - (exponent + square);
    return t * vexp<float>(exponent) * (lost + 1);
}

// erf(x) for |x| < 0.9, by its series
inline Vec<float> erf_center(Vec<float> x) {
    const Vec<float> x2 = x * x;
    Vec<float> p = splat(float(-INVERSE_FACTORIAL[9] / 19));
#pragma GCC unroll 16
    for (int n = 8; n >= 1; n--)
        p = p * x2 + float((n % 2 ? -1 : 1) * INVERSE_FACTORIAL[n] / (2 * n + 1));
    constexpr float two_over_root_pi = 1.1283791670955126f;
    return x * two_over_root_pi + x * two_over_root_pi * (x2 * p);
}

inline Vec<float> verf(Vec<float> x) {
    const Vec<float> size = absolute<float>(x), tail = 1 - erfc_tail(size, size, 1);
    return select<float>(size < 0.9f, erf_center(x), select<float>(x < 0, -tail, tail));
}

// Φ(x), the distribution function of the normal distribution: exact far into its lower tail
inline Vec<float> vnormal(Vec<float> x) {
    const Vec<float> u = x * 0.70710678118654752f, size = absolute<float>(u),
                     tail = 0.5f * erfc_tail(size, absolute<float>(x), 0.5f);
    return select<float>(size < 0.9f, 0.5f + 0.5f * erf_center(u), select<float>(u < 0, tail, 1 - tail));
}

inline Vec<double> vnormal(Vec<double> x) {
    for (long i = 0; i < LANES<double>; i++)
        x[i] = 0.5 * erfc(-x[i] * 0.70710678118654752);
    return x;
}

// A formula of a register with its option, if it takes one
template <class G> G configured(double option) {
    if constexpr (std::is_constructible_v<G, double>)
        return G(option);
    else
        return G{};
}

}  // namespace
