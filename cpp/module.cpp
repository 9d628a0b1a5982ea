// The Python module `deltarule.engines._native`: arrays in, arrays changed in place; checks sizes, computes nothing.
#include "arrays.hpp"

#include <algorithm>

#include "dispatch.hpp"
#include "finite.hpp"
#include "gil.hpp"
#include "network.hpp"
#include "order.hpp"

namespace deltarule {

void bind_linear(nb::module_& module);  // see module_linear.cpp

namespace {

constexpr double MOST = 1e12;  // parameters; far beyond any memory, far below what a long can count

template <class T>
Samples<T> samples(const NetworkSpec& spec, const In<T>& X, const Maybe<In<T>>& y, const Maybe<In<T>>& w,
                   const Maybe<Orders>& order) {
    expect(X.ndim() == 2 && long(X.shape(1)) == spec.n_features, "X does not have the columns of the network");
    const std::size_t m = X.shape(0);
    expect(!y || (y->ndim() == 2 && y->shape(0) == m && long(y->shape(1)) == spec.layers.back().units),
           "y does not have the shape (m, n_L)");
    expect(!w || (w->ndim() == 1 && w->shape(0) == m), "w does not have the shape (m,)");
    if (order) {
        expect(order->ndim() == 2, "an order does not have the shape (epochs, samples)");
        const std::int64_t *first = order->data(), *last = first + order->size();
        expect(std::all_of(first, last, [m](std::int64_t i) { return i >= 0 && std::size_t(i) < m; }),
               "the order names samples that do not exist");
    }
    return {X.data(), pointer<T>(y), pointer<T>(w), order ? order->data() : nullptr, long(order ? order->shape(1) : m)};
}

template <class T>
void check_packed(const std::string& isa, const NetworkSpec& spec, std::size_t flat, std::size_t packed) {
    expect(flat == std::size_t(spec.parameters()) && packed == std::size_t(packed_size<T>(target(isa), spec)),
           "an array does not fit the network");
}

template <class T> void bind(nb::module_& module) {
    module.def(
        "all_finite", [](const In<T>& x) { return all_finite(x.data(), long(x.size())); }, nb::arg().noconvert(),
        nb::call_guard<WithoutGil>());
    module.def(
        "epochs",
        [](const std::string& isa, const NetworkSpec& spec, const Out<T>& theta, const Maybe<Out<T>>& m,
           const Maybe<Out<T>>& v, const In<T>& X, const In<T>& y, const Maybe<In<T>>& w, const Maybe<Orders>& order,
           long batch_size, std::vector<double> alphas, long n_epochs, long first, std::uint64_t seed, int optimizer,
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
            expect(n_epochs > 0 && long(alphas.size()) % n_epochs == 0, "the epochs are not of as many steps each");
            expect(!order || long(order->shape(0)) == n_epochs, "there is not one order for each epoch");
            Steps steps{.batch_size = batch_size,
                        .first = first,
                        .alphas = std::move(alphas),
                        .epochs = n_epochs,
                        .seed = seed,
                        .optimizer = optimizer,
                        .l1 = l1,
                        .l2 = l2};
            expect(data.m > 0 && batch_size > 0 && steps.each() - 1 <= (data.m - 1) / batch_size,
                   "there are more steps than batches");
            std::copy_n(options.begin(), std::min<std::size_t>(options.size(), 4), steps.options);
            const Course course = without_gil(threads, [&](const Control& control) {
                return epochs<T>(chosen, spec, theta.data(), pointer<T>(m), pointer<T>(v), data, steps, control);
            });
            return std::make_tuple(course.costs, course.failed);
        },
        nb::arg().noconvert(), nb::arg(), nb::arg().noconvert(), nb::arg().noconvert().none(),
        nb::arg().noconvert().none(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert().none(),
        nb::arg().noconvert().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
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

using LayerTuple = std::tuple<long, int, double, bool, bool, double>;

}  // namespace

NB_MODULE(_native, module) {
    module.doc() = "The compiled engine; see deltarule.engines.native.";
    nb::class_<NetworkSpec> network(module, "Network");
    network
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
                    expect(spec.layers.size() + 1 == layers.size() ||
                               any.activations[activation].name != std::string("softmax"),
                           "softmax is of the last layer");
                    spec.layers.push_back({units, activation, option, learns, shared, dropout});
                }
                new (self) NetworkSpec(std::move(spec));
            },
            nb::arg("n_features"), nb::arg("layers"), nb::arg("loss"), nb::arg("loss_option"), nb::arg("fused"))
        .def(
            "__eq__", [](const NetworkSpec& self, const NetworkSpec& other) { return self == other; },
            nb::is_operator());
    network.attr("__hash__") = nb::none();
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
    module.def(
        "shuffled",
        [](std::uint64_t seed, std::uint64_t epoch, const Out<std::int64_t>& order) {
            shuffled(seed, epoch, long(order.size()), order.data());
        },
        nb::arg(), nb::arg(), nb::arg().noconvert(), nb::call_guard<WithoutGil>());
    module.def("end", [] { ending().begin(); });
    bind<float>(module);
    bind<double>(module);
    bind_linear(module);
}

}  // namespace deltarule
