// Optimizers: one step on a stretch of parameters, given its gradient; the rules of equations/optimizers.py, with what
// all parameters share computed once. To add one, write its struct and name it in OPTIMIZERS.
#pragma once

#include "kernels.hpp"
#include "vec.hpp"

namespace {

template <class T> struct GradientDescent {
    static constexpr int moments = 0;
    T alpha;
    explicit GradientDescent(const deltarule::StepRates& s) : alpha(T(s.alpha)) {}
    void step(Vec<T>& theta, Vec<T> g, Vec<T>&, Vec<T>&) const { theta -= alpha * g; }
};

template <class T> struct Momentum {
    static constexpr int moments = 1;
    T alpha, mu;
    explicit Momentum(const deltarule::StepRates& s) : alpha(T(s.alpha)), mu(T(s.options[0])) {}
    void step(Vec<T>& theta, Vec<T> g, Vec<T>& v, Vec<T>&) const {
        v = mu * v - alpha * g;
        theta += v;
    }
};

template <class T> struct Nesterov {
    static constexpr int moments = 1;
    T alpha, mu;
    explicit Nesterov(const deltarule::StepRates& s) : alpha(T(s.alpha)), mu(T(s.options[0])) {}
    void step(Vec<T>& theta, Vec<T> g, Vec<T>& v, Vec<T>&) const {
        v = mu * v - alpha * g;
        theta += mu * v - alpha * g;
    }
};

template <class T> struct RmsProp {
    static constexpr int moments = 1;
    T alpha, fresh, epsilon;  // share of the new: 1 - decay
    explicit RmsProp(const deltarule::StepRates& s)
        : alpha(T(s.alpha)), fresh(T(1 - s.options[0])), epsilon(T(s.options[1])) {}
    void step(Vec<T>& theta, Vec<T> g, Vec<T>& v, Vec<T>&) const {
        v += fresh * (g * g - v);  // v = ρ v + (1-ρ) g²
        theta -= alpha * g / (root(v) + epsilon);
    }
};

template <class T> struct Adam {
    static constexpr int moments = 2;
    T rate, fresh_1, fresh_2, epsilon;  // 1 - β₁, 1 - β₂; the corrections of m̂ and v̂ are in `rate` and `epsilon`
    explicit Adam(const deltarule::StepRates& s) : Adam(s, __builtin_sqrt(1 - s.power[1])) {}
    Adam(const deltarule::StepRates& s, double root)
        : rate(T(s.alpha * root / (1 - s.power[0]))),
          fresh_1(T(1 - s.options[0])),
          fresh_2(T(1 - s.options[1])),
          epsilon(T(s.options[2] * root)) {}
    void step(Vec<T>& theta, Vec<T> g, Vec<T>& m, Vec<T>& v) const {
        m += fresh_1 * (g - m);                   // m = β₁ m + (1-β₁) g
        v += fresh_2 * (g * g - v);               // v = β₂ v + (1-β₂) g²
        theta -= rate * m / (root(v) + epsilon);  // α m̂ / (√v̂ + ε)
    }
};

template <class T> struct AdamW {
    static constexpr int moments = 2;
    Adam<T> adam;
    T shrink;
    explicit AdamW(const deltarule::StepRates& s) : adam(s), shrink(T(s.alpha * s.options[3])) {}
    void step(Vec<T>& theta, Vec<T> g, Vec<T>& m, Vec<T>& v) const {
        theta -= shrink * theta;
        adam.step(theta, g, m, v);
    }
};

// In place on n numbers, a multiple of LANES
template <class Rule, class T>
void run_step(const deltarule::StepRates& rates, T* theta, const T* g, T* m, T* v, long n) {
    const Rule rule(rates);
    Vec<T> none{};
    for (long i = 0; i < n; i += LANES<T>) {
        Vec<T> theta_i = load(theta + i);
        if constexpr (Rule::moments == 0) {
            rule.step(theta_i, load(g + i), none, none);
        } else if constexpr (Rule::moments == 1) {
            Vec<T> first = load(m + i);
            rule.step(theta_i, load(g + i), first, none);
            store<T>(m + i, first);
        } else {
            Vec<T> first = load(m + i), second = load(v + i);
            rule.step(theta_i, load(g + i), first, second);
            store<T>(m + i, first);
            store<T>(v + i, second);
        }
        store<T>(theta + i, theta_i);
    }
}

template <class T> struct OptimizerKernel : deltarule::OptimizerTraits {
    void (*step)(const deltarule::StepRates& rates, T* theta, const T* g, T* m, T* v, long n);
};

template <template <class> class Rule, class T> constexpr OptimizerKernel<T> optimizer(const char* name) {
    return {{name, Rule<T>::moments}, run_step<Rule<T>, T>};
}

// Their options come in the order of the formula's keywords in equations/optimizers.py.
template <class T>
constexpr OptimizerKernel<T> OPTIMIZERS[] = {
    optimizer<GradientDescent, T>("gradient_descent"),
    optimizer<Momentum, T>("momentum"),
    optimizer<Nesterov, T>("nesterov"),
    optimizer<RmsProp, T>("rmsprop"),
    optimizer<Adam, T>("adam"),
    optimizer<AdamW, T>("adamw"),
};

}  // namespace
