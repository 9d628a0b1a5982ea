// Compiled once for each instruction set; DELTARULE_TARGET names it. The one symbol it exports is its table.
#include "kernels.hpp"

#include "dense.hpp"
#include "gram.hpp"
#include "head.hpp"
#include "micro.hpp"
#include "row.hpp"
#include "update.hpp"

namespace {

template <class T>
constexpr Kernels<T> KERNELS = {
    .lanes = LANES<T>,
    .panel = PANEL<T>,
    .block = BLOCK<T>,
    .narrow = NARROW,
    .micro_rows = MOST_VECTORS<T> * LANES<T>,
    .enter = set_up_tiles,
    .leave = release_tiles,
    .by_tiles = by_tiles<T>,
    .gather = gather<T>,
    .forward = forward<T>,
    .head = head<T>,
    .output = output<T>,
    .backward = backward<T>,
    .gradient_of_share = gradient_of_share<T>,
    .update = update<T>,
    .plan_scratch = plan_scratch<T>,
    .pack = pack<T>,
    .unpack = unpack<T>,
    .row_scratch = row_scratch<T>,
    .predict_row = predict_row<T>,
    .micro = micro<T>,
    .micro_scratch = micro_scratch<T>,
    .micro_penalize = micro_penalize<T>,
    .micro_step = micro_step<T>,
};

template <class T, class S>
constexpr GramKernels<T, S> GRAM = {
    .rows = GRAM_ROWS,
    .grain = gram_grain<S>(),
    .lay_out = lay_out<T, S>,
    .gram = gram<S>,
    .unpack_gram = unpack_gram<S>,
    .strips_size = strips_size<S>,
    .scratch = lay_out_scratch<S>,
    .size = gram_size<S>,
};

template <class T>
constexpr LinearKernels<T> LINEAR = {
    .lanes = LANES<double>,
    .column_moments = column_moments<T>,
    .linear_cost = linear_cost<T>,
    .scratch = linear_scratch<T>,
    .exact = GRAM<T, double>,
    .quick = GRAM<T, T>,
};

template <class To, class From, long N> struct Traits {
    To list[N + 1];
};

template <long N> constexpr auto traits(const ActivationKernel<float> (&from)[N]) {
    Traits<ActivationTraits, void, N> to{};
    for (long i = 0; i < N; i++)
        to.list[i] = {from[i].name, from[i].from_output};
    return to;
}

template <long N> constexpr auto traits(const LossKernel<float> (&from)[N]) {
    Traits<LossTraits, void, N> to{};
    for (long i = 0; i < N; i++)
        to.list[i] = {from[i].name, from[i].output};
    return to;
}

template <long N> constexpr auto traits(const OptimizerKernel<float> (&from)[N]) {
    Traits<OptimizerTraits, void, N> to{};
    for (long i = 0; i < N; i++)
        to.list[i] = {from[i].name, from[i].moments};
    return to;
}

constexpr auto ACTIVATION_TRAITS = traits(ACTIVATIONS<float>);
constexpr auto LOSS_TRAITS = traits(LOSSES<float>);
constexpr auto OPTIMIZER_TRAITS = traits(OPTIMIZERS<float>);

template <Vec<float> (*F)(Vec<float>)> void each(const float* x, float* y, long n) {
    for (long i = 0; i < n; i += LANES<float>)
        store<float>(y + i, F(load(x + i)));
}

constexpr FunctionTraits FUNCTIONS[] = {
    {"exp", each<vexp<float>>},   {"expm1", each<vexpm1<float>>},
    {"log", each<vlog<float>>},   {"log1p", each<vlog1p<float>>},
    {"tanh", each<vtanh<float>>}, {"sigmoid", each<vsigmoid<float>>},
    {"erf", each<verf>},          {"normal", each<vnormal>},
    {"root", each<root>},         {nullptr, nullptr},
};

}  // namespace

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

namespace deltarule::DELTARULE_TARGET {

extern const Target TARGET;
const Target TARGET = {
    .name = TEXT(DELTARULE_TARGET),
    .f32 = &KERNELS<float>,
    .f64 = &KERNELS<double>,
    .activations = ACTIVATION_TRAITS.list,
    .losses = LOSS_TRAITS.list,
    .optimizers = OPTIMIZER_TRAITS.list,
    .functions = FUNCTIONS,
    .linear_f32 = &LINEAR<float>,
    .linear_f64 = &LINEAR<double>,
};

}  // namespace deltarule::DELTARULE_TARGET
