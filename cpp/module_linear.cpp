// The part of the Python module that is for linear models.
#include "arrays.hpp"
#include "dispatch.hpp"
#include "gil.hpp"
#include "linear_model.hpp"

namespace deltarule {

namespace {

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

template <class T> void bind(nb::module_& module) {
    module.def(
        "column_moments",
        [](const std::string& isa, const Strided<T>& X, const Maybe<In<T>>& w, const In<double>& mean,
           const In<double>& ones, const Out<double>& first, const Out<double>& second, int threads) {
            const LinearJob<T> job = linear_job<T>(X, {}, w, 1, mean, ones, false);
            expect(job.n > 0 && long(first.size()) == job.n && long(second.size()) == job.n, "an array does not fit X");
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

}  // namespace

void bind_linear(nb::module_& module) {
    bind<float>(module);
    bind<double>(module);
}

}  // namespace deltarule
