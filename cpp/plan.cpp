#include "plan.hpp"

#include <bit>
#include <thread>

#include "threads.hpp"

namespace deltarule {

namespace {

constexpr long MICRO = 16;  // most units in a layer of a small network

constexpr double RATE = 8e9;   // operations a second of a thread, for each number of its vectors
constexpr double TINY = 2e-6;  // seconds of a step that no second thread can shorten
constexpr long ROWS = 16;      // least of a thread

// Measured, in units of the time in which two threads meet. To wait for one another costs more than that: they are
// never quite done together, and what they need next is in the cache of another core.
constexpr double WAIT = 25;
constexpr double LINE = 0.02, ALL_AT_ONCE = 0.06;  // for a line of memory that another core wrote
constexpr double BYTES = 64;                       // of it

// Of the work on n things, what the busiest thread does
double busiest(long n, int threads) {
    return double(parts(n, long(threads))) / double(n);
}

// What a step consists of
struct Step {
    double weights = 0, units = 0;  // units: that the layers see, and that they compute
    double uneven = 0;              // weights of the busiest thread, where units are shared out
};

Step step_of(const NetworkSpec& spec, long panel, int threads) {
    Step step;
    long n_in = spec.n_features;
    for (const LayerSpec& layer : spec.layers) {
        const double weights = double(n_in) * double(layer.units), even = 1.0 / threads;
        const long inputs = parts(n_in, panel), outputs = parts(layer.units, panel);
        const double forward = busiest(outputs, threads), gradient = outputs == 1 ? even : forward;
        const double backward = n_in == spec.n_features ? even : busiest(inputs, threads);
        step.weights += weights;
        step.units += double(n_in + layer.units);
        step.uneven += weights * (forward + backward + gradient) / 3;
        n_in = layer.units;
    }
    return step;
}

}  // namespace

bool is_small(const NetworkSpec& spec) {
    return spec.n_features <= MICRO && std::ranges::all_of(spec.layers, [](const LayerSpec& layer) {
               return layer.units <= MICRO && !layer.learns && layer.dropout == 0;
           });
}

bool by_shares(const NetworkSpec& spec, long rows) {
    long units = spec.n_features;
    for (const LayerSpec& layer : spec.layers)
        units += 2 * layer.units;
    return spec.parameters() <= rows / shares_of(rows) * units;
}

// Work takes its time, and so does all that one thread has written and another reads, or writes anew. By rows, that is
// the weights and their transposed copy, which all read and one writes, and the activations in the update; by units the
// activations, and of the copy what others wrote; by shares the weights, the copy and the gradients.
template <class T> Plan plan_of(const Kernels<T>& kernels, const NetworkSpec& spec, long rows, const Control& control) {
    if (control.plan)
        return *control.plan;
    Plan best;
    const double one = 6 * double(rows) / (RATE * double(kernels.lanes));  // seconds for a weight
    double least = one * step_of(spec, kernels.panel, 1).weights;
    if (is_small(spec) || control.threads <= 1 || least < TINY)
        return best;
    const bool shares = by_shares(spec, rows);
    const double meet = Crew::seconds_to_meet();
    static const long cores = std::max(1u, std::thread::hardware_concurrency());
    const int most = int(std::min({long(control.threads), cores, shares ? shares_of(rows) : cores}));
    for (int threads = 2; threads <= most; threads++) {
        const Step step = step_of(spec, kernels.panel, threads);
        const double rounds = double(std::bit_width(unsigned(threads - 1)));
        const auto consider = [&](bool by_rows, double weights, double waits, double exchanged, double line) {
            const double lines = exchanged * double(sizeof(T)) / BYTES;
            const double seconds = one * weights + meet * (WAIT * waits * rounds + line * lines);
            if (seconds < least) {
                least = seconds;
                best = {threads, by_rows};
            }
        };
        const double seen = double(rows) * step.units;
        if (shares) {
            consider(true, step.weights * busiest(shares_of(rows), threads), 2, 3 * step.weights, ALL_AT_ONCE);
            continue;
        }
        if (rows >= ROWS * threads)
            consider(true, step.weights / threads, 2, 3 * step.weights + seen, LINE);
        consider(false, step.uneven, 2 + 2 * double(spec.layers.size()), step.weights / 2 + seen, LINE);
    }
    return best;
}

template Plan plan_of(const Kernels<float>&, const NetworkSpec&, long, const Control&);
template Plan plan_of(const Kernels<double>&, const NetworkSpec&, long, const Control&);

}  // namespace deltarule
