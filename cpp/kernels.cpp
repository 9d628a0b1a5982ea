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
    .micro_rows = MOST_VECTORS * LANES<T>,
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

template <class Trait, long N> struct List {
    Trait all[N + 1];
};

// What the engine knows of the entries of a register; the last name is null
template <class Trait, class Kernel, long N> constexpr auto traits(const Kernel (&from)[N]) {
    List<Trait, N> to{};
    for (long i = 0; i < N; i++)
        to.all[i] = from[i];
    return to;
}

constexpr auto ACTIVATION_TRAITS = traits<ActivationTraits>(ACTIVATIONS<float>);
constexpr auto LOSS_TRAITS = traits<LossTraits>(LOSSES<float>);
constexpr auto OPTIMIZER_TRAITS = traits<OptimizerTraits>(OPTIMIZERS<float>);

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
    .activations = ACTIVATION_TRAITS.all,
    .losses = LOSS_TRAITS.all,
    .optimizers = OPTIMIZER_TRAITS.all,
    .functions = FUNCTIONS,
    .linear_f32 = &LINEAR<float>,
    .linear_f64 = &LINEAR<double>,
};

}  // namespace deltarule::DELTARULE_TARGET
