// The Python module `deltarule.engines._native`: arrays in, arrays changed in place; checks sizes, computes nothing.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "dispatch.hpp"
#include "linear_model.hpp"
#include "network.hpp"

namespace nb = nanobind;

namespace deltarule {

namespace {

template <class T> using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T> using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
template <class A> using Maybe = std::optional<A>;
using Order = In<std::int64_t>;

constexpr double MOST = 1e12;  // parameters; far beyond any memory, far below what a long can count

void expect(bool condition, const char* message) {
    if (!condition)
        throw std::invalid_argument(message);
}

// Entries of a list that ends with a null name
template <class Traits> int count(const Traits* list) {
    int n = 0;
    while (list[n].name)
        n++;
    return n;
}

template <class T> const T* pointer(const Maybe<In<T>>& array) {
    return array ? array->data() : nullptr;
}

template <class T> T* pointer(const Maybe<Out<T>>& array) {
    return array ? array->data() : nullptr;
}

template <class T>
Samples<T> samples(const NetworkSpec& spec, const In<T>& X, const Maybe<In<T>>& y, const Maybe<In<T>>& w,
                   const Maybe<Order>& order) {
    expect(X.ndim() == 2 && long(X.shape(1)) == spec.n_features, "X does not have the columns of the network");
    const std::size_t m = X.shape(0);
    expect(!y || (y->ndim() == 2 && y->shape(0) == m && long(y->shape(1)) == spec.layers.back().units),
           "y does not have the shape (m, n_L)");
    expect(!w || (w->ndim() == 1 && w->shape(0) == m), "w does not have the shape (m,)");
    if (order) {
        const std::int64_t *first = order->data(), *last = first + order->size();
        expect(std::all_of(first, last, [m](std::int64_t i) { return i >= 0 && std::size_t(i) < m; }),
               "the order names samples that do not exist");
    }
    return {X.data(), pointer<T>(y), pointer<T>(w), order ? order->data() : nullptr, long(order ? order->size() : m)};
}

// Python up to 3.13 ends a thread that asks for the GIL while the interpreter ends, amid frames of C++, which aborts
// the process. So once the interpreter has begun to end, such a thread waits for the end instead, as from Python 3.14
// on.
class Ending {
public:
    std::atomic<int> at_work{0};  // calls without the GIL

    // Called by the thread that ends Python; returns when nobody is under way to the GIL
    void begin() {
        ender_ = std::this_thread::get_id();
        began_ = true;
        if (at_work > 0)
            nb::set_leak_warnings(false);  // what their calls hold is not freed any more
        nb::gil_scoped_release release;
        for (int i = 0; i < 1000 && asking_ > 0; i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

    template <class Take> void ask(Take take) {
        asking_++;
        if (began_ && std::this_thread::get_id() != ender_) {
            asking_--;
            for (;;)
                std::this_thread::sleep_for(std::chrono::hours(1));
        }
        take();
        asking_--;
    }

private:
    std::atomic<bool> began_{false};
    std::atomic<int> asking_{0};
    std::thread::id ender_;
};

Ending& ending() {
    static Ending& one = *new Ending;  // threads may outlive whatever is destroyed at the end
    return one;
}

// Raises what the signal raised, KeyboardInterrupt as a rule; only Python's main thread hears signals
bool signaled() {
    PyGILState_STATE held{};
    ending().ask([&] { held = PyGILState_Ensure(); });
    const bool found = PyErr_CheckSignals() != 0;
    PyGILState_Release(held);
    return found;
}

class WithoutGil {
public:
    WithoutGil() : state_(PyEval_SaveThread()) { ending().at_work++; }
    ~WithoutGil() {
        ending().ask([&] { PyEval_RestoreThread(state_); });
        ending().at_work--;
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

private:
    PyThreadState* state_;
};

template <class Run> Outcome without_gil(int threads, Run run) {
    Outcome outcome;
    {
        const WithoutGil released;
        outcome = run(Control{threads, signaled});
    }
    if (outcome.interrupted)
        throw nb::python_error();
    return outcome;
}

template <class T>
void check_packed(const std::string& isa, const NetworkSpec& spec, std::size_t flat, std::size_t packed) {
    expect(flat == std::size_t(spec.parameters()) && packed == std::size_t(packed_size<T>(target(isa), spec)),
           "an array does not fit the network");
}

template <class T> void bind(nb::module_& module) {
    module.def(
        "epoch",
        [](const std::string& isa, const NetworkSpec& spec, const Out<T>& theta, const Maybe<Out<T>>& m,
           const Maybe<Out<T>>& v, const In<T>& X, const In<T>& y, const Maybe<In<T>>& w, const Maybe<Order>& order,
           long batch_size, std::vector<double> alphas, long first, std::uint64_t seed, int optimizer,
           const std::vector<double>& options, double l1, double l2, int threads) {
            const Target& chosen = target(isa);
            expect(optimizer >= 0 && optimizer < count(chosen.optimizers) && options.size() <= 4, "no such optimizer");
            const std::size_t n = std::size_t(spec.parameters());
            const int moments = chosen.optimizers[optimizer].moments;
            const std::size_t packed = std::size_t(packed_size<T>(chosen, spec));
            expect(theta.size() == n && (!m || m->size() == packed) && (!v || v->size() == packed),
                   "an array does not fit theta");
            expect(int(bool(m)) + int(bool(v)) == moments && (m || !v), "the moments are not those of the optimizer");
            const Samples<T> data = samples<T>(spec, X, y, w, order);
            expect(batch_size > 0 && (long(alphas.size()) - 1) * batch_size < data.m,
                   "there are more steps than batches");
            Steps steps{batch_size, first, std::move(alphas), seed, optimizer, {}, l1, l2};
            std::copy_n(options.begin(), std::min<std::size_t>(options.size(), 4), steps.options);
            const Outcome outcome = without_gil(threads, [&](const Control& control) {
                return epoch<T>(chosen, spec, theta.data(), pointer<T>(m), pointer<T>(v), data, steps, control);
            });
            return std::make_tuple(outcome.cost, outcome.failed);
        },
        nb::arg().noconvert(), nb::arg(), nb::arg().noconvert(), nb::arg().noconvert().none(),
        nb::arg().noconvert().none(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert().none(),
        nb::arg().noconvert().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg());
    module.def(
        "pack",
        [](const std::string& isa, const NetworkSpec& spec, const In<T>& flat, const Out<T>& packed) {
            check_packed<T>(isa, spec, flat.size(), packed.size());
            pack<T>(target(isa), spec, flat.data(), packed.data());
        },
        nb::arg(), nb::arg(), nb::arg().noconvert(), nb::arg().noconvert());
    module.def(
        "unpack",
        [](const std::string& isa, const NetworkSpec& spec, const In<T>& packed, const Out<T>& flat) {
            check_packed<T>(isa, spec, flat.size(), packed.size());
            unpack<T>(target(isa), spec, packed.data(), flat.data());
        },
        nb::arg(), nb::arg(), nb::arg().noconvert(), nb::arg().noconvert());
    module.def(
        "cost",
        [](const std::string& isa, const NetworkSpec& spec, const In<T>& theta, const Maybe<Out<T>>& g, const In<T>& X,
           const In<T>& y, const Maybe<In<T>>& w, double l1, double l2, int threads) {
            const std::size_t n = std::size_t(spec.parameters());
            expect(theta.size() == n && (!g || g->size() == n), "an array does not fit theta");
            const Samples<T> data = samples<T>(spec, X, y, w, {});
            Steps steps;
            steps.l1 = l1;
            steps.l2 = l2;
            return without_gil(threads,
                               [&](const Control& control) {
                                   return cost<T>(target(isa), spec, theta.data(), pointer<T>(g), data, steps, control);
                               })
                .cost;
        },
        nb::arg(), nb::arg(), nb::arg().noconvert(), nb::arg().noconvert().none(), nb::arg().noconvert(),
        nb::arg().noconvert(), nb::arg().noconvert().none(), nb::arg(), nb::arg(), nb::arg());
    module.def(
        "predict",
        [](const std::string& isa, const NetworkSpec& spec, const In<T>& theta, const In<T>& X, const Out<T>& out,
           int threads) {
            expect(theta.size() == std::size_t(spec.parameters()), "theta does not fit the network");
            const Samples<T> data = samples<T>(spec, X, {}, {}, {});
            expect(out.size() == X.shape(0) * std::size_t(spec.layers.back().units), "the output does not fit X");
            without_gil(threads, [&](const Control& control) {
                return predict<T>(target(isa), spec, theta.data(), data, out.data(), control);
            });
        },
        nb::arg(), nb::arg(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg());
}

template <class T> using Strided = nb::ndarray<const T, nb::ndim<2>, nb::device::cpu>;

// X as it lies, and the columns that are made of it
template <class T>
LinearJob<T> linear_job(const Strided<T>& X, const Maybe<In<T>>& y, const Maybe<In<T>>& w, double total,
                        const In<double>& mean, const In<double>& inverse, bool intercept) {
    expect(!y || y->ndim() == 2, "y does not have the shape (m, k)");
    LinearJob<T> job;
    job.X = X.data();
    job.m = long(X.shape(0));
    job.n = long(X.shape(1));
    job.row = X.stride(0);
    job.column = X.stride(1);
    job.k = y ? long(y->shape(1)) : 0;
    job.y = pointer<T>(y);
    job.w = pointer<T>(w);
    job.total = total;
    job.mean = mean.data();
    job.inverse = inverse.data();
    job.intercept = intercept;
    expect(job.m > 0 && total > 0, "there is nothing to sum");
    expect(!y || (long(y->shape(0)) == job.m && job.k > 0), "y does not have the shape (m, k)");
    expect(!w || (w->ndim() == 1 && long(w->shape(0)) == job.m), "w does not have the shape (m,)");
    expect(long(mean.size()) >= job.n && mean.size() == inverse.size(), "mean and scale are not those of the columns");
    return job;
}

template <class T> void bind_linear(nb::module_& module) {
    module.def(
        "column_moments",
        [](const std::string& isa, const Strided<T>& X, const Maybe<In<T>>& w, const In<double>& mean,
           const In<double>& ones, const Out<double>& first, const Out<double>& second, int threads) {
            const LinearJob<T> job = linear_job<T>(X, {}, w, 1, mean, ones, false);
            expect(long(first.size()) == job.n && long(second.size()) == job.n, "an array does not fit X");
            without_gil(threads, [&](const Control& control) {
                return column_moments<T>(target(isa), job, first.data(), second.data(), control);
            });
        },
        nb::arg(), nb::arg().noconvert(), nb::arg().noconvert().none(), nb::arg().noconvert(), nb::arg().noconvert(),
        nb::arg().noconvert(), nb::arg().noconvert(), nb::arg());
    module.def(
        "linear_cost",
        [](const std::string& isa, const Strided<T>& X, const In<T>& y, const Maybe<In<T>>& w, double total,
           const In<double>& mean, const In<double>& inverse, bool intercept, int activation, int loss,
           const In<double>& phi, const Out<double>& g, const Out<double>& a, int threads) {
            const Target& chosen = target(isa);
            LinearJob<T> job = linear_job<T>(X, y, w, total, mean, inverse, intercept);
            job.activation = activation;
            job.loss = loss;
            job.a = a.data();
            const std::size_t P = std::size_t(job.k) * std::size_t(job.n + 1);
            expect(activation >= 0 && activation < count(chosen.activations), "no such activation");
            expect(loss >= 0 && loss < count(chosen.losses), "no such loss");
            expect(chosen.losses[loss].output || std::string("softmax") != chosen.activations[activation].name,
                   "softmax goes with a loss that is fused with it");
            expect(phi.size() == P && g.size() == P && long(a.size()) == job.m * job.k,
                   "an array does not fit X and y");
            return without_gil(threads,
                               [&](const Control& control) {
                                   return linear_cost<T>(chosen, job, phi.data(), g.data(), control);
                               })
                .cost;
        },
        nb::arg(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert().none(), nb::arg(),
        nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(), nb::arg(), nb::arg(), nb::arg().noconvert(),
        nb::arg().noconvert(), nb::arg().noconvert(), nb::arg());
    module.def(
        "gram",
        [](const std::string& isa, const Strided<T>& X, const Maybe<In<T>>& y, const Maybe<In<T>>& w, double total,
           const In<double>& mean, const In<double>& inverse, bool intercept, const Maybe<Out<double>>& a,
           int curvature, long i, long j, bool quick, const Out<double>& out, int threads) {
            LinearJob<T> job = linear_job<T>(X, y, w, total, mean, inverse, intercept);
            job.curvature = LinearCurvature(curvature);
            const long q = job.n + 1 + job.k;
            expect(curvature >= 0 && curvature <= 2 && (curvature == 0 || a), "no such curvature");
            expect(out.ndim() == 2 && long(out.shape(0)) == q && long(out.shape(1)) == q, "the output does not fit X");
            expect(long(mean.size()) == job.n + job.k, "mean and scale are not those of the columns");
            if (a) {
                expect(a->ndim() == 2 && long(a->shape(0)) == job.m, "a does not have the shape (m, k)");
                job.a = a->data();
                job.k = long(a->shape(1));
                expect(!y && i >= 0 && j >= 0 && i < job.k && j < job.k, "no such output");
            }
            without_gil(threads, [&](const Control& control) {
                return (quick ? &gram<T, T> : &gram<T, double>)(target(isa), job, i, j, q, out.data(), control);
            });
        },
        nb::arg(), nb::arg().noconvert(), nb::arg().noconvert().none(), nb::arg().noconvert().none(), nb::arg(),
        nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(), nb::arg().noconvert().none(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg().noconvert(), nb::arg());
    module.def(
        "newton_steps",
        [](const std::string& isa, const Strided<T>& X, const In<T>& y, const Maybe<In<T>>& w, double total,
           const In<double>& mean, const In<double>& inverse, bool intercept, int activation, int loss, int curvature,
           const Maybe<In<double>>& l2, double gap, const Out<double>& phi, const Out<double>& costs,
           const Out<double>& g, const Out<double>& H, const Out<double>& a, int threads) {
            const Target& chosen = target(isa);
            LinearJob<T> job = linear_job<T>(X, y, w, total, mean, inverse, intercept);
            job.activation = activation;
            job.loss = loss;
            job.curvature = LinearCurvature(curvature);
            job.a = a.data();
            const std::size_t P = std::size_t(job.n + 1);
            expect(activation >= 0 && activation < count(chosen.activations), "no such activation");
            expect(loss >= 0 && loss < count(chosen.losses), "no such loss");
            expect(curvature >= 0 && curvature <= 2, "no such curvature");
            expect(job.k == 1 && std::string("softmax") != chosen.activations[activation].name, "there is one output");
            expect(phi.size() == P && g.size() == 2 * P && H.size() == 2 * P * P && long(a.size()) == job.m &&
                       costs.size() > 0 && (!l2 || l2->size() == P),
                   "an array does not fit X and y");
            NewtonSteps steps{
                long(costs.size()) - 1, gap, pointer<double>(l2), phi.data(), costs.data(), g.data(), H.data()};
            without_gil(threads, [&](const Control& control) { return newton_steps<T>(chosen, job, steps, control); });
            return steps.taken;
        },
        nb::arg(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert().none(), nb::arg(),
        nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg().noconvert().none(), nb::arg(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert(),
        nb::arg().noconvert(), nb::arg().noconvert(), nb::arg());
}

using LayerTuple = std::tuple<long, int, double, bool, bool, double>;

}  // namespace

NB_MODULE(_native, module) {
    module.doc() = "The compiled engine; see deltarule.engines.native.";
    nb::class_<NetworkSpec>(module, "Network")
        .def(
            "__init__",
            [](NetworkSpec* self, long n_features, const std::vector<LayerTuple>& layers, int loss, double loss_option,
               bool fused) {
                const Target& any = *targets().back();
                expect(n_features > 0 && !layers.empty(), "a network has inputs and layers");
                expect(loss >= 0 && loss < count(any.losses), "no such loss");
                NetworkSpec spec{n_features, {}, loss, loss_option, fused};
                double parameters = 0, n_in = double(n_features);
                for (const auto& [units, activation, option, learns, shared, dropout] : layers) {
                    parameters += double(units) * (n_in + 2);
                    n_in = double(units);
                    expect(units > 0 && parameters < MOST,
                           "a layer has at least one unit, a network at most 10^12 parameters");
                    expect(activation >= 0 && activation < count(any.activations), "no such activation");
                    spec.layers.push_back({units, activation, option, learns, shared, dropout});
                }
                new (self) NetworkSpec(std::move(spec));
            },
            nb::arg("n_features"), nb::arg("layers"), nb::arg("loss"), nb::arg("loss_option"), nb::arg("fused"));
    module.def("packed_size", [](const std::string& isa, const NetworkSpec& spec, int bytes) {
        return bytes == sizeof(float) ? packed_size<float>(target(isa), spec) : packed_size<double>(target(isa), spec);
    });
    module.def("targets", [] {
        std::vector<std::string> names;
        for (const Target* one : targets())
            names.emplace_back(one->name);
        return names;
    });
    const Target& any = *targets().back();
    nb::list activations, losses, optimizers, functions;
    for (const auto* a = any.activations; a->name; a++)
        activations.append(a->name);
    for (const auto* l = any.losses; l->name; l++)
        losses.append(nb::make_tuple(l->name, l->output ? nb::cast(l->output) : nb::none()));
    for (const auto* o = any.optimizers; o->name; o++)
        optimizers.append(o->name);
    for (const auto* f = any.functions; f->name; f++)
        functions.append(f->name);
    module.attr("ACTIVATIONS") = activations;
    module.attr("LOSSES") = losses;
    module.attr("OPTIMIZERS") = optimizers;
    module.attr("FUNCTIONS") = functions;
    module.def(
        "function",
        [](const std::string& isa, int which, const In<float>& x, const Out<float>& y) {
            expect(x.size() == y.size() && x.size() % 16 == 0 && which >= 0 && which < count(target(isa).functions),
                   "expected arrays of 16 n numbers");
            target(isa).functions[which].run(x.data(), y.data(), long(x.size()));
        },
        nb::call_guard<WithoutGil>());
    module.def("end", [] { ending().begin(); });
    bind<float>(module);
    bind<double>(module);
    bind_linear<float>(module);
    bind_linear<double>(module);
}

}  // namespace deltarule
