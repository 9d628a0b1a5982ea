// Losses L(ŷ, y): each formula directly above its derivative. To add one, write its struct and name it in LOSSES.
//
// They work on a block of samples: side by side, so that row o holds output o of all of them, or, where a sample has
// many outputs, each in a row of its own. A loss that names an output activation is fused with it: from Z, where
// nothing overflows, come ŷ, L and dZ at once, as they share their exponentials. The others are given ŷ, and their
// derivative is dA.
#pragma once

#include "activations.hpp"

namespace {

// The outputs of the LANES samples from column c on, which stand side by side: one sum, or maximum, in each lane
template <class T> struct SideBySide {
    Shape s;
    long c;

    template <class Do> void each(Do work) const {
        for (long i = c; i < s.rows * s.columns; i += s.columns)
            work(i);
    }
    Vec<T> within(long, Vec<T> v, T) const { return v; }
    Vec<T> total(Vec<T> v) const { return v; }
    Vec<T> largest(Vec<T> v) const { return v; }
    void put(T* L, Vec<T> v) const { store<T>(L + c, v); }
};

// The outputs of the sample of row r: one sum, or maximum, for all lanes
template <class T> struct InARow {
    Shape s;
    long r;

    template <class Do> void each(Do work) const {
        for (long c = 0; c < s.columns; c += LANES<T>)
            work(r * s.ld + c);
    }
    // v at i; past the last output `beyond`
    Vec<T> within(long i, Vec<T> v, T beyond) const {
        const auto end = typename VectorOf<T>::Int(r * s.ld + s.columns - i);
        return select<T>(lane_numbers<T>() < end, v, splat(beyond));
    }
    Vec<T> total(Vec<T> v) const { return splat(sum<T>(v)); }
    Vec<T> largest(Vec<T> v) const {
        T top = v[0];
        for (long i = 1; i < LANES<T>; i++)
            top = v[i] > top ? v[i] : top;
        return splat(top);
    }
    void put(T* L, Vec<T> v) const { L[r] = v[0]; }
};

template <class T, class Do> void each_sample(Shape s, Do work) {
    if (s.unit_is_row)
        for (long c = 0; c < s.columns; c += LANES<T>)
            work(SideBySide<T>{s, c});
    else
        for (long r = 0; r < s.rows; r++)
            work(InARow<T>{s, r});
}

template <class T> inline Vec<T> smoothed(Vec<T> y, T epsilon, T classes) {
    return y * (1 - epsilon) + epsilon / classes;
}

template <class T> struct SquaredError {
    Vec<T> loss(Vec<T> a, Vec<T> y) const { return T(0.5) * (a - y) * (a - y); }
    Vec<T> derivative(Vec<T> a, Vec<T> y) const { return a - y; }
};

template <class T> struct AbsoluteError {
    Vec<T> loss(Vec<T> a, Vec<T> y) const { return absolute<T>(a - y); }
    Vec<T> derivative(Vec<T> a, Vec<T> y) const {
        return select<T>(a > y, splat(T(1)), select<T>(a < y, splat(T(-1)), a - y));
    }
};

template <class T> struct Huber {
    T delta;
    explicit Huber(double delta) : delta(T(delta)) {}
    Vec<T> loss(Vec<T> a, Vec<T> y) const {
        const Vec<T> r = absolute<T>(a - y), q = at_most<T>(r, delta);
        return q * (r - T(0.5) * q);
    }
    Vec<T> derivative(Vec<T> a, Vec<T> y) const { return at_least<T>(at_most<T>(a - y, delta), -delta); }
};

template <class T> struct Quantile {
    T q;
    explicit Quantile(double q) : q(T(q)) {}
    Vec<T> loss(Vec<T> a, Vec<T> y) const {
        const Vec<T> r = y - a;
        return select<T>(r > 0, q * r, (q - 1) * r);
    }
    Vec<T> derivative(Vec<T> a, Vec<T> y) const {
        return select<T>(y > a, splat(T(-q)), select<T>(y < a, splat(T(1 - q)), a - y));
    }
};

template <class T> struct Fused {
    Vec<T> a, L, dZ;
};

// ln(1 + e^Z) - y Z, whose derivative is σ(Z) - y
template <class T> struct BinaryCrossEntropySigmoid {
    T epsilon;
    explicit BinaryCrossEntropySigmoid(double label_smoothing) : epsilon(T(label_smoothing)) {}
    Fused<T> operator()(Vec<T> Z, Vec<T> y) const {
        const Vec<T> e = exp_down<T>(Z), u = e + T(1), inverse = T(1) / u;
        const Vec<T> a = select<T>(Z < 0, e, splat(T(1))) * inverse, t = smoothed<T>(y, epsilon, 2);
        const Vec<T> log_u = log_of_normal<T>(u) + (e - (u - T(1))) * inverse;  // with what rounding 1 + e lost
        return {a, at_least<T>(Z, T(0)) + log_u - t * Z, a - t};
    }
};

template <class T> inline Vec<T> y_log_y(Vec<T> y) {
    return select<T>(y > 0, y * vlog<T>(y), y);
}

template <class T> struct PoissonDevianceExp {
    Fused<T> operator()(Vec<T> Z, Vec<T> y) const {
        const Vec<T> a = vexp<T>(Z);
        return {a, y_log_y<T>(y) - y * Z - y + a, a - y};
    }
};

template <class T> struct PoissonDevianceSoftplus {
    Fused<T> operator()(Vec<T> Z, Vec<T> y) const {
        const Vec<T> a = vsoftplus<T>(Z), s = vsigmoid<T>(Z);
        const Mask<T> low = Z < -30;  // there ln ŷ is Z and σ(Z) / ŷ is 1
        return {a, y_log_y<T>(y) - y * select<T>(low, Z, vlog<T>(a)) - y + a,
                s - y * select<T>(low, splat(T(1)), s / a)};
    }
};

// L of each sample, and d = dA
template <class F, class T> void run_loss(double option, const T*, T* a, const T* y, T* d, T* L, Shape s) {
    const F f = configured<F>(option);
    each_sample<T>(s, [&](auto outputs) {
        Vec<T> total{};
        outputs.each([&](long i) {
            const Vec<T> ai = load(a + i), yi = load(y + i);
            total += outputs.within(i, f.loss(ai, yi), 0);
            store<T>(d + i, f.derivative(ai, yi));
        });
        outputs.put(L, outputs.total(total));
    });
}

// a, L of each sample, and d = dZ
template <class F, class T> void run_fused(double option, const T* Z, T* a, const T* y, T* d, T* L, Shape s) {
    const F f = configured<F>(option);
    each_sample<T>(s, [&](auto outputs) {
        Vec<T> total{};
        outputs.each([&](long i) {
            const Fused<T> found = f(load(Z + i), load(y + i));
            total += outputs.within(i, found.L, 0);
            store<T>(a + i, found.a);
            store<T>(d + i, found.dZ);
        });
        outputs.put(L, outputs.total(total));
    });
}

template <class T> struct Exponentials {
    Vec<T> top, total;
};

// a = e^{Z - top}, where `top` is the largest Z of a sample, and their sum
template <class T, class Outputs> inline Exponentials<T> exponentials(const T* Z, T* a, Outputs outputs) {
    constexpr T low = T(-__builtin_inf());
    Vec<T> top = splat(low), total{};
    outputs.each([&](long i) {
        const Vec<T> Zi = outputs.within(i, load(Z + i), low);
        top = select<T>(Zi > top, Zi, top);
    });
    top = outputs.largest(top);
    outputs.each([&](long i) {
        const Vec<T> e = vexp<T>(load(Z + i) - top);
        store<T>(a + i, e);
        total += outputs.within(i, e, 0);
    });
    return {top, outputs.total(total)};
}

// a = softmax(Z): e^{Z_i} / Σ_j e^{Z_j}, computed from Z - max Z
template <class T> void softmax(const T* Z, T* a, Shape s) {
    each_sample<T>(s, [&](auto outputs) {
        const Vec<T> inverse = T(1) / exponentials(Z, a, outputs).total;
        outputs.each([&](long i) { store<T>(a + i, load(a + i) * inverse); });
    });
}

// dZ = a ⊙ (dA - Σ_j dA_j a_j), in place
template <class T> void softmax_backward(const T* a, T* d, Shape s) {
    each_sample<T>(s, [&](auto outputs) {
        Vec<T> total{};
        outputs.each([&](long i) { total += outputs.within(i, load(d + i) * load(a + i), 0); });
        total = outputs.total(total);
        outputs.each([&](long i) { store<T>(d + i, load(a + i) * (load(d + i) - total)); });
    });
}

// Categorical cross-entropy of softmax: -Σ_j y_j (Z_j - ln Σ_i e^{Z_i}), and dZ = ŷ - y
template <class T> void run_cross_entropy(double option, const T* Z, T* a, const T* y, T* d, T* L, Shape s) {
    const T epsilon = T(option), classes = T(s.unit_is_row ? s.rows : s.columns);
    each_sample<T>(s, [&](auto outputs) {
        const auto found = exponentials(Z, a, outputs);
        const Vec<T> top = found.top, log_total = vlog<T>(found.total), inverse = T(1) / found.total;
        Vec<T> loss{};
        outputs.each([&](long i) {
            const Vec<T> yi = epsilon > 0 ? smoothed<T>(load(y + i), epsilon, classes) : load(y + i);
            const Vec<T> log_a = (load(Z + i) - top) - log_total, ai = load(a + i) * inverse;
            const Vec<T> term = select<T>(yi == 0, splat(T(0)), yi * log_a);  // Z may be infinitely far below
            loss += outputs.within(i, term, 0);
            store<T>(a + i, ai);
            store<T>(d + i, ai - yi);
        });
        outputs.put(L, -outputs.total(loss));
    });
}

template <class T> struct LossKernel : deltarule::LossTraits {
    void (*run)(double option, const T* Z, T* a, const T* y, T* d, T* L, Shape s);
};

template <template <class> class F, class T> constexpr LossKernel<T> loss(const char* name) {
    return {{name, nullptr}, run_loss<F<T>, T>};
}

template <template <class> class F, class T> constexpr LossKernel<T> fused(const char* name, const char* output) {
    return {{name, output}, run_fused<F<T>, T>};
}

template <class T>
constexpr LossKernel<T> LOSSES[] = {
    loss<SquaredError, T>("squared_error"),
    loss<AbsoluteError, T>("absolute_error"),
    loss<Huber, T>("huber"),
    loss<Quantile, T>("quantile"),
    fused<BinaryCrossEntropySigmoid, T>("binary_cross_entropy", "sigmoid"),
    {{"categorical_cross_entropy", "softmax"}, run_cross_entropy<T>},
    fused<PoissonDevianceExp, T>("poisson_deviance", "exp"),
    fused<PoissonDevianceSoftplus, T>("poisson_deviance", "softplus"),
};

}  // namespace
