// Activations a = g(Z): each formula directly above its derivative. To add one, write its struct and name it in
// ACTIVATIONS. g(0) and g'(0) must be finite, as padding is Z = 0. Where `from_output`, Z and a are the same memory,
// and `derivative` may read only a. An option comes to a constructor from double. Where `learns`, forward and
// derivative get p as well, and `by_p` is ∂g/∂p.
#pragma once

#include "functions.hpp"
#include "kernels.hpp"

namespace {

template <class T> struct Identity {
    static constexpr bool from_output = true;  // the derivative needs only a, so that Z need not be kept
    Vec<T> forward(Vec<T> Z) const { return Z; }
    Vec<T> derivative(Vec<T>, Vec<T>) const { return splat(T(1)); }
};

template <class T> struct Sigmoid {
    static constexpr bool from_output = true;
    Vec<T> forward(Vec<T> Z) const { return vsigmoid<T>(Z); }
    Vec<T> derivative(Vec<T>, Vec<T> a) const { return a * (1 - a); }
};

template <class T> struct Tanh {
    static constexpr bool from_output = true;
    Vec<T> forward(Vec<T> Z) const { return vtanh<T>(Z); }
    Vec<T> derivative(Vec<T>, Vec<T> a) const { return 1 - a * a; }
};

template <class T> struct Relu {
    static constexpr bool from_output = true;
    Vec<T> forward(Vec<T> Z) const { return at_least<T>(Z, T(0)); }
    Vec<T> derivative(Vec<T>, Vec<T> a) const { return select<T>(a > 0, splat(T(1)), splat(T(0))); }
};

template <class T> struct LeakyRelu {
    static constexpr bool from_output = false;  // a negative slope hides the sign of Z
    T slope;
    explicit LeakyRelu(double slope) : slope(T(slope)) {}
    Vec<T> forward(Vec<T> Z) const { return select<T>(Z > 0, Z, slope * Z); }
    Vec<T> derivative(Vec<T> Z, Vec<T>) const { return select<T>(Z > 0, splat(T(1)), splat(slope)); }
};

template <class T> struct Prelu {
    static constexpr bool from_output = false;
    static constexpr bool learns = true;  // p, one for each unit
    Vec<T> forward(Vec<T> Z, Vec<T> p) const { return select<T>(Z > 0, Z, p * Z); }
    Vec<T> derivative(Vec<T> Z, Vec<T>, Vec<T> p) const { return select<T>(Z > 0, splat(T(1)), p); }
    Vec<T> by_p(Vec<T> Z) const { return at_most<T>(Z, T(0)); }
};

template <class T> struct Elu {
    static constexpr bool from_output = false;
    T alpha;
    explicit Elu(double alpha) : alpha(T(alpha)) {}
    Vec<T> forward(Vec<T> Z) const { return select<T>(Z > 0, Z, alpha * vexpm1<T>(at_most<T>(Z, T(0)))); }
    Vec<T> derivative(Vec<T> Z, Vec<T>) const {
        return select<T>(Z > 0, splat(T(1)), alpha * vexp<T>(at_most<T>(Z, T(0))));
    }
};

template <class T> struct Selu {
    static constexpr bool from_output = false;
    static constexpr T scale = T(1.0507009873554805);
    Elu<T> elu{1.6732632423543772};
    Vec<T> forward(Vec<T> Z) const { return scale * elu.forward(Z); }
    Vec<T> derivative(Vec<T> Z, Vec<T> a) const { return scale * elu.derivative(Z, a); }
};

template <class T> struct Gelu {
    static constexpr bool from_output = false;
    Vec<T> forward(Vec<T> Z) const { return Z * vnormal(Z); }
    Vec<T> derivative(Vec<T> Z, Vec<T>) const {
        const Vec<T> C = at_most<T>(at_least<T>(Z, T(-40)), T(40));  // beyond, the density is zero
        return vnormal(Z) + C * T(0.3989422804014327) * vexp<T>(T(-0.5) * C * C);
    }
};

template <class T> struct GeluTanh {
    static constexpr bool from_output = false;
    static constexpr T root = T(0.7978845608028654), cubic = T(0.044715);  // √(2/π)
    static Vec<T> cut(Vec<T> Z) { return at_most<T>(at_least<T>(Z, T(-1e3)), T(1e3)); }
    static Vec<T> t(Vec<T> C) { return vtanh<T>(root * (C + cubic * C * C * C)); }
    Vec<T> forward(Vec<T> Z) const { return T(0.5) * Z * (1 + t(cut(Z))); }
    Vec<T> derivative(Vec<T> Z, Vec<T>) const {
        const Vec<T> C = cut(Z), u = t(C);
        return T(0.5) * (1 + u) + T(0.5) * C * (1 - u * u) * root * (1 + 3 * cubic * C * C);
    }
};

template <class T> struct Silu {
    static constexpr bool from_output = false;
    Vec<T> forward(Vec<T> Z) const { return Z * vsigmoid<T>(Z); }
    Vec<T> derivative(Vec<T> Z, Vec<T>) const { return vsigmoid<T>(Z) * (1 + Z * vsigmoid<T>(-Z)); }
};

template <class T> struct Softplus {
    static constexpr bool from_output = false;
    Vec<T> forward(Vec<T> Z) const { return vsoftplus<T>(Z); }
    Vec<T> derivative(Vec<T> Z, Vec<T>) const { return vsigmoid<T>(Z); }
};

template <class T> struct Mish {
    static constexpr bool from_output = false;
    // tanh(ln(1 + e)) = e (e + 2) / (e (e + 2) + 2), where e = e^Z
    static Vec<T> t(Vec<T> Z) {
        const Vec<T> e = vexp<T>(at_most<T>(Z, T(20))), q = e * (e + 2);
        return q / (q + 2);
    }
    Vec<T> forward(Vec<T> Z) const { return Z * t(Z); }
    Vec<T> derivative(Vec<T> Z, Vec<T>) const {
        const Vec<T> u = t(Z);
        return u + Z * vsigmoid<T>(Z) * (1 - u * u);
    }
};

template <class T> struct HardSigmoid {
    static constexpr bool from_output = false;
    Vec<T> forward(Vec<T> Z) const { return at_most<T>(at_least<T>(Z / 6 + T(0.5), T(0)), T(1)); }
    Vec<T> derivative(Vec<T> Z, Vec<T>) const { return select<T>((Z > -3) & (Z <= 3), splat(T(1.0 / 6)), splat(T(0))); }
};

template <class T> struct Exp {
    static constexpr bool from_output = true;
    Vec<T> forward(Vec<T> Z) const { return vexp<T>(Z); }
    Vec<T> derivative(Vec<T>, Vec<T> a) const { return a; }
};

template <class G>
concept Learns = requires { G::learns; };

// A rectangle of numbers, rows x columns, with `ld` from row to row, where whole vectors fit; a unit is a column of it,
// or a row of it
struct Shape {
    long rows, columns, ld;
    bool unit_is_row = false;
};

template <class T> inline Vec<T> learned(const T* p, long r, long c, Shape s) {
    return s.unit_is_row ? splat(p[r]) : load(p + c);
}

// a = g(Z), element by element; p is read by those that learn
template <class G, class T> void run_forward(double option, const T* p, const T* Z, T* a, Shape s) {
    const G g = configured<G>(option);
    for (long r = 0; r < s.rows; r++)
        for (long c = 0; c < s.columns; c += LANES<T>) {
            const long i = r * s.ld + c;
            if constexpr (Learns<G>)
                store<T>(a + i, g.forward(load(Z + i), learned(p, r, c, s)));
            else
                store<T>(a + i, g.forward(load(Z + i)));
        }
}

// dZ = dA ⊙ g'(Z), in place; e = dA ⊙ ∂g/∂p for those that learn
template <class G, class T> void run_backward(double option, const T* p, const T* Z, const T* a, T* d, T* e, Shape s) {
    const G g = configured<G>(option);
    for (long r = 0; r < s.rows; r++)
        for (long c = 0; c < s.columns; c += LANES<T>) {
            const long i = r * s.ld + c;
            const Vec<T> dA = load(d + i);
            if constexpr (Learns<G>) {
                store<T>(e + i, dA * g.by_p(load(Z + i)));
                store<T>(d + i, dA * g.derivative(load(Z + i), load(a + i), learned(p, r, c, s)));
            } else {
                store<T>(d + i, dA * g.derivative(load(Z + i), load(a + i)));
            }
        }
}

template <class T> struct ActivationKernel : deltarule::ActivationTraits {
    void (*forward)(double option, const T* p, const T* Z, T* a, Shape s);
    void (*backward)(double option, const T* p, const T* Z, const T* a, T* d, T* e, Shape s);
};

template <template <class> class G, class T> constexpr ActivationKernel<T> activation(const char* name) {
    return {{name, G<T>::from_output}, run_forward<G<T>, T>, run_backward<G<T>, T>};
}

template <class T>
constexpr ActivationKernel<T> ACTIVATIONS[] = {
    activation<Identity, T>("identity"),
    activation<Sigmoid, T>("sigmoid"),
    activation<Tanh, T>("tanh"),
    activation<Relu, T>("relu"),
    activation<LeakyRelu, T>("leaky_relu"),
    activation<Prelu, T>("prelu"),
    activation<Elu, T>("elu"),
    activation<Selu, T>("selu"),
    activation<Gelu, T>("gelu"),
    activation<GeluTanh, T>("gelu_tanh"),
    activation<Silu, T>("silu"),
    activation<Softplus, T>("softplus"),
    activation<Mish, T>("mish"),
    activation<HardSigmoid, T>("hard_sigmoid"),
    activation<Exp, T>("exp"),
    {{"softmax", true}, nullptr, nullptr},  // works on rows: see head.hpp
};

}  // namespace
