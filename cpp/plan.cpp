#include "plan.hpp"

#include <bit>
#include <thread>

#include "threads.hpp"

namespace deltarule {

namespace {

constexpr long MICRO = 16;  // most units in a layer of a small network

constexpr double RATE = 8e9;   // operations a second of a thread, for each number of its vectors
constexpr double TINY = 2e-6;  // seconds of a step that no second thread can shorten

// Measured, in units of the time in which two threads meet. To wait for one another costs more than that: they are
// never quite done together, and what they need next is in the cache of another core.
constexpr double WAIT = 25;
constexpr double LINE = 0.02, ALL_AT_ONCE = 0.12;  // for a line of memory that another core wrote
constexpr double BYTES = 64;                       // of it

// Of the work on n things of layer l, what a thread does
double share_of(long n, long l, int id, int threads) {
    const Part part = part_of(n, turn_of(l, id, threads), threads);
    return double(part.end - part.begin) / double(n);
}

// Weights of the busiest thread, where units are shared out
double uneven(const NetworkSpec& spec, long panel, int threads) {
    std::vector<double> work(threads);
    long n_in = spec.n_features, l = 1;
    for (const LayerSpec& layer : spec.layers) {
        const long inputs = parts(n_in, panel), outputs = parts(layer.units, panel);
        for (int id = 0; id < threads; id++) {
            const double even = 1.0 / threads;
            const double own = outputs < threads ? even : share_of(outputs, l, id, threads);  // forward and gradient
            const double backward = l == 1 ? even : share_of(inputs, l - 1, id, threads);     // the first has none
            work[id] += double(n_in) * double(layer.units) * (2 * own + backward) / 3;
        }
        n_in = layer.units;
        l++;
    }
    return *std::ranges::max_element(work);
}

// Numbers of a sample: inputs, and of each layer what the next one sees and dZ
long numbers(const NetworkSpec& spec) {
    long n = spec.n_features;
    for (const LayerSpec& layer : spec.layers)
        n += 2 * layer.units;
    return n;
}

}  // namespace

double weights(const NetworkSpec& spec) {
    double n = 0, n_in = double(spec.n_features);
    for (const LayerSpec& layer : spec.layers) {
        n += n_in * double(layer.units);
        n_in = double(layer.units);
    }
    return n;
}

bool is_small(const NetworkSpec& spec) {
    return spec.n_features <= MICRO && std::ranges::all_of(spec.layers, [](const LayerSpec& layer) {
               return layer.units <= MICRO && !layer.learns && layer.dropout == 0;
           });
}

Sums sums_of(long shares, int threads) {
    Sums sums;
    for (long id = 0; id < threads; id++) {
        const Part mine = part_of(shares, id, threads);
        for (long s = mine.begin; s < mine.end; s++) {
            const long pairs = pairs_at(s, mine.begin);
            sums.n -= pairs;  // these are part of a larger one
            sums.at[sums.n++] = {s + 1 - (1L << pairs), pairs_at(s, 0) - pairs};
        }
    }
    return sums;
}

bool by_shares(const NetworkSpec& spec, long rows) {
    return spec.parameters() <= rows / shares_of(rows) * numbers(spec);
}

// Work takes its time, and so does all that one thread has written and another reads: where the rows are in shares, the
// gradients of other threads; where the units are shared out, what the layers see and dA.
template <class T>
int threads_for(const Kernels<T>& kernels, const NetworkSpec& spec, long rows, const Control& control) {
    if (control.all)
        return control.threads;
    const bool shares = by_shares(spec, rows);
    static const long cores = std::max(1u, std::thread::hardware_concurrency());
    const long wanted = std::min(control.threads, Crew::most_in_step());
    const int most = int(std::min({wanted, cores, shares ? shares_of(rows) : cores}));
    const double all = weights(spec), seen = double(rows) * double(numbers(spec) - spec.layers.back().units);
    const double one = 6 * double(rows) / (RATE * double(kernels.lanes));  // seconds for a weight
    double least = one * all;
    if (is_small(spec) || most <= 1 || least < TINY)
        return 1;
    const double meet = Crew::seconds_to_meet();
    int best = 1;
    for (int threads = 2; threads <= most; threads++) {
        const double rounds = double(std::bit_width(unsigned(threads - 1)));
        const double share = shares ? double(parts(shares_of(rows), long(threads))) / double(shares_of(rows)) : 1;
        const double work = shares ? all * share : uneven(spec, kernels.panel, threads);
        const double waits = shares ? 1 : 2 + 2 * double(spec.layers.size());
        const double exchanged = shares ? all * double(sums_of(shares_of(rows), threads).n - 1) : seen;
        const double lines = exchanged * double(sizeof(T)) / BYTES;
        const double seconds = one * work + meet * (WAIT * waits * rounds + (shares ? ALL_AT_ONCE : LINE) * lines);
        if (seconds < least) {
            least = seconds;
            best = threads;
        }
    }
    return best;
}

template int threads_for(const Kernels<float>&, const NetworkSpec&, long, const Control&);
template int threads_for(const Kernels<double>&, const NetworkSpec&, long, const Control&);

}  // namespace deltarule
