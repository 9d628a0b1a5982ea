// Are the numbers right? Elementary functions beside <cmath>, a network beside plain loops, gradients beside
// differences of costs, the steps of the optimizers beside their rules. Python's tests ask more, but need Python on the
// machine.
#pragma once

#include <string>

#include "helpers.hpp"

namespace {

void near(double found, double expected, double tolerance, const std::string& what) {
    if (!(std::abs(found - expected) <= tolerance * (1 + std::abs(expected)))) {
        std::printf("found %.17g, expected %.17g\n", found, expected);
        expect(false, what.c_str());
    }
}

double true_value(const std::string& name, double x) {
    if (name == "exp")
        return std::exp(x);
    if (name == "expm1")
        return std::expm1(x);
    if (name == "log")
        return std::log(x);
    if (name == "log1p")
        return std::log1p(x);
    if (name == "tanh")
        return std::tanh(x);
    if (name == "sigmoid")
        return 1 / (1 + std::exp(-x));
    if (name == "erf")
        return std::erf(x);
    if (name == "root")
        return std::sqrt(x);
    expect(name == "normal", "a function that the test knows");
    return 0.5 * std::erfc(-x * std::sqrt(0.5));
}

void functions(const Target& target) {
    for (const FunctionTraits* f = target.functions; f->name; f++) {
        const std::string name = f->name;
        Numbers<float> x(4096, 0, name == "log" || name == "root" ? 1e-6 : name == "log1p" ? -0.99 : -9, 9, 1);
        std::vector<float> y(4096);
        f->run(x.data, y.data(), 4096);
        for (int i = 0; i < 4096; i++) {
            const double truth = true_value(name, x.data[i]);
            near(y[i] / truth, 1, 1e-6, name);
        }
        float ends[16] = {NAN, INFINITY, -INFINITY}, of_ends[16];
        f->run(ends, of_ends, 16);
        expect(std::isnan(of_ends[0]), "NaN in, NaN out");
        if (name != "expm1")  // which is for x < 80
            near(1 / of_ends[1], 1 / true_value(name, INFINITY), 1e-6, name + " at infinity");
    }
}

// A network, and data for it, in double and rounded
template <class T> struct Problem {
    static constexpr long m = 40;
    NetworkSpec spec;
    std::vector<T> X, y, w, theta, g;

    template <class From> static std::vector<T> rounded(const From& from) { return {from.begin(), from.end()}; }

    explicit Problem(const NetworkSpec& spec)
        : spec(spec),
          X(rounded(Numbers<double>(m * spec.n_features, 0, -1, 1, 1).memory)),
          y(rounded(Numbers<double>(m * spec.layers.back().units, 0, 0.1, 1, 2).memory)),
          w(rounded(Numbers<double>(m, 0, 0, 2, 3).memory)),
          theta(rounded(Numbers<double>(spec.parameters(), 0, -.5, .5, 4).memory)),
          g(theta.size()) {
        const long k = spec.layers.back().units;
        for (long i = 0; k > 1 && i < m; i++) {  // distributions, which every loss takes
            T total = 0;
            for (long o = 0; o < k; o++)
                total += y[i * k + o];
            for (long o = 0; o < k; o++)
                y[i * k + o] /= total;
        }
    }

    Samples<T> samples() const { return {X.data(), y.data(), w.data(), nullptr, m}; }

    double cost(const Target& target) {
        Steps steps;
        steps.l2 = 0.1;
        return deltarule::cost<T>(target, spec, theta.data(), g.data(), samples(), steps, {}).cost;
    }
};

void gradient(const Target& target, const NetworkSpec& spec, const std::string& what) {
    Problem<double> exact(spec);
    Problem<float> single(spec);
    near(single.cost(target), exact.cost(target), 1e-5, what + ", cost of float32");
    const std::vector<double> g = exact.g;
    for (std::size_t i = 0; i < g.size(); i++)
        near(single.g[i], g[i], 1e-4, what + ", gradient of float32");
    constexpr double h = 1e-6;
    for (std::size_t i = 0; i < g.size(); i += 7) {
        const double before = exact.theta[i];
        exact.theta[i] = before + h;
        const double above = exact.cost(target);
        exact.theta[i] = before - h;
        const double below = exact.cost(target);
        exact.theta[i] = before;
        near(g[i], (above - below) / (2 * h), 1e-7, what + ", gradient");
    }
    const long k = spec.layers.back().units;
    std::vector<double> all(Problem<double>::m * k), one(k);
    predict<double>(target, spec, exact.theta.data(), exact.samples(), all.data(), {});
    predict<double>(target, spec, exact.theta.data(), {exact.X.data(), nullptr, nullptr, nullptr, 1}, one.data(), {});
    for (long o = 0; o < k; o++)
        near(one[o], all[o], 1e-12, what + ", a sample by itself");
}

// ŷ of tanh layers under a linear one, and its squared error
void plain_loops(const Target& target, const NetworkSpec& spec) {
    Problem<double> problem(spec);
    double J = 0, total_weight = 0;
    std::vector<double> out(problem.m * spec.layers.back().units);
    predict<double>(target, spec, problem.theta.data(), problem.samples(), out.data(), {});
    for (long i = 0; i < problem.m; i++) {
        const double* at = problem.theta.data();
        std::vector<double> a(problem.X.begin() + i * spec.n_features, problem.X.begin() + (i + 1) * spec.n_features);
        for (const LayerSpec& layer : spec.layers) {
            const long n_in = long(a.size());
            std::vector<double> Z(at + layer.units * n_in, at + layer.units * (n_in + 1));  // the biases
            for (long o = 0; o < layer.units; o++) {
                for (long k = 0; k < n_in; k++)
                    Z[o] += at[o * n_in + k] * a[k];
                if (&layer != &spec.layers.back())
                    Z[o] = std::tanh(Z[o]);
            }
            at += layer.units * (n_in + 1);
            a = Z;
        }
        for (std::size_t o = 0; o < a.size(); o++) {
            near(out[i * a.size() + o], a[o], 1e-12, "a network by plain loops");
            J += problem.w[i] * 0.5 * std::pow(a[o] - problem.y[i * a.size() + o], 2);
        }
        total_weight += problem.w[i];
    }
    near(deltarule::cost<double>(target, spec, problem.theta.data(), nullptr, problem.samples(), {}, {}).cost,
         J / total_weight, 1e-12, "a cost by plain loops");
}

// equations/optimizers.py for one number; `t` counts from 1
void rule(const std::string& name, const double* options, double alpha, int t, double& theta, double g, double& m,
          double& v) {
    if (name == "gradient_descent") {
        theta -= alpha * g;
    } else if (name == "momentum" || name == "nesterov") {
        m = options[0] * m - alpha * g;
        theta += name == "momentum" ? m : options[0] * m - alpha * g;
    } else if (name == "rmsprop") {
        m = options[0] * m + (1 - options[0]) * g * g;
        theta -= alpha * g / (std::sqrt(m) + options[1]);
    } else {
        expect(name == "adam" || name == "adamw", "an optimizer that the test knows");
        if (name == "adamw")
            theta -= alpha * options[3] * theta;
        m = options[0] * m + (1 - options[0]) * g;
        v = options[1] * v + (1 - options[1]) * g * g;
        theta -=
            alpha * m / (1 - std::pow(options[0], t)) / (std::sqrt(v / (1 - std::pow(options[1], t))) + options[2]);
    }
}

template <class T> void optimizer_steps(const Target& target, const NetworkSpec& spec, double tolerance) {
    for (int o = 0; target.optimizers[o].name; o++) {
        Problem<double> exact(spec);
        Problem<T> problem(spec);
        const long P = spec.parameters();
        std::vector<T> m(packed_size<T>(target, spec)), v(m.size());
        std::vector<double> own_m(P), own_v(P);
        for (int t = 1; t <= 3; t++) {
            Steps steps{Problem<T>::m, t - 1, {0.01}, 1, 0, o, {0.9, 0.99, 1e-3, 0.01}, 0, 0.1};
            if (target.optimizers[o].name == std::string("rmsprop"))
                steps.options[1] = 1e-3;
            epochs<T>(target, spec, problem.theta.data(), m.data(), v.data(), problem.samples(), steps, {});
            exact.cost(target);
            for (long i = 0; i < P; i++)
                rule(target.optimizers[o].name, steps.options, 0.01, t, exact.theta[i], exact.g[i], own_m[i], own_v[i]);
        }
        for (long i = 0; i < P; i++)
            near(problem.theta[i], exact.theta[i], tolerance, target.optimizers[o].name);
    }
}

// Vectors that are not full are filled up with samples of which the result knows nothing
template <class T> void filled_up(const Target& target) {
    const int exp = index_of("exp", target.activations);
    int poisson = 0;
    while (target.losses[poisson].name != std::string("poisson_deviance"))
        poisson++;
    const NetworkSpec spec = network({1, 1}, exp, exp, poisson, target.losses[poisson].output, 0, false);
    const T most = sizeof(T) == sizeof(float) ? T(100) : T(800);  // of which e^most is infinite
    const std::vector<T> theta{-most + 5, most};
    for (long m = 1; m < 40; m++) {
        const std::vector<T> X(m, T(1)), y(m, T(1));
        std::vector<T> g(2);
        const Samples<T> samples{X.data(), y.data(), nullptr, nullptr, m};
        const double J = deltarule::cost<T>(target, spec, theta.data(), g.data(), samples, {}, {}).cost;
        expect(std::isfinite(J) && std::isfinite(g[0]) && std::isfinite(g[1]), "a cost of samples that are all finite");
    }
}

void values(const Target& target) {
    functions(target);
    filled_up<float>(target);
    filled_up<double>(target);
    const int identity = index_of("identity", target.activations), tanh = index_of("tanh", target.activations);
    const int softmax = index_of("softmax", target.activations), prelu = index_of("prelu", target.activations);
    for (const auto& sizes : {std::vector<long>{3, 5, 2}, std::vector<long>{3, 19, 33, 2}}) {  // small, and panels
        const NetworkSpec spec = network(sizes, tanh, identity, 0, false, 0, false);
        plain_loops(target, spec);
        optimizer_steps<double>(target, spec, 1e-12);
        optimizer_steps<float>(target, spec, 1e-4);
        for (int a = 0; a < softmax; a++)
            gradient(target, network(sizes, a, identity, 0, false, 0, a == prelu), target.activations[a].name);
        for (int l = 0; target.losses[l].name; l++) {
            const char* fused = target.losses[l].output;
            const int output = fused ? index_of(fused, target.activations) : softmax;
            gradient(target, network(sizes, tanh, output, l, fused, 0, false), target.losses[l].name);
        }
    }
}

}  // namespace
