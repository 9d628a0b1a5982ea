// The core by itself, for the sanitizers and for machines without Python: every activation, loss and optimizer, sizes
// around the width of a vector, arrays that begin anywhere, many threads, several fits at the same time, arrays that
// another thread changes, and a fork.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <limits>
#include <string_view>
#include <thread>
#include <tuple>

#include "../../cpp/crowd.hpp"
#include "../../cpp/linear_model.hpp"
#include "../../cpp/memory.hpp"
#include "../../cpp/order.hpp"
#include "helpers.hpp"
#include "interruptions.hpp"
#include "values.hpp"

namespace {

template <class T> bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T> struct Fit {
    std::vector<T> theta, m, v, g, out;
    double cost = 0;
    bool operator==(const Fit& other) const {
        return same_bits(theta, other.theta) && same_bits(m, other.m) && same_bits(v, other.v) &&
               same_bits(g, other.g) && same_bits(out, other.out);
    }
};

template <class T>
Fit<T> fit(const Target& target, const NetworkSpec& spec, long m, long batch, int optimizer, int threads, int offset,
           bool all = false, double most = 1, bool reordered = true) {
    const long n_x = spec.n_features, n_y = spec.layers.back().units, P = spec.parameters();
    Numbers<T> X(m * n_x, offset, -most, most, 1), y(m * n_y, offset, 0, 1, 2), w(m, offset, 0, 2, 3),
        theta(P, offset, -.3, .3, 4);
    std::vector<std::int64_t> order(2 * m);  // of two epochs
    for (long i = 0; i < 2 * m; i++)
        order[i] = i < m ? i * 7919 % m : m - 1 - order[i - m];
    Fit<T> fit{{}, std::vector<T>(P), std::vector<T>(P), std::vector<T>(P), std::vector<T>(m * n_y), 0};
    const Samples<T> samples{X.data, y.data, w.data, reordered ? order.data() : nullptr, m};
    Steps steps;
    steps.batch_size = batch;
    steps.epochs = 2;
    steps.alphas.assign(2 * ((m + batch - 1) / batch), 0.01);
    steps.optimizer = optimizer;
    const double options[4] = {0.9, 0.99, 1e-8, 0.01};
    std::copy_n(options, 4, steps.options);
    steps.l1 = steps.l2 = 0.1;
    const Control control{threads, [] { return false; }, all};
    const int moments = target.optimizers[optimizer].moments;
    std::vector<T> m_packed(packed_size<T>(target, spec)), v_packed(m_packed.size());
    epochs<T>(target, spec, theta.data, moments > 0 ? m_packed.data() : nullptr,
              moments > 1 ? v_packed.data() : nullptr, samples, steps, control);
    unpack(target, spec, m_packed.data(), fit.m.data());
    pack(target, spec, fit.m.data(), m_packed.data());
    unpack(target, spec, v_packed.data(), fit.v.data());
    fit.cost = cost<T>(target, spec, theta.data, fit.g.data(), samples, steps, control).cost;
    for (long few : {0L, 1L, 3L, m})
        predict<T>(target, spec, theta.data, {X.data, nullptr, nullptr, nullptr, few}, fit.out.data(), control);
    fit.theta.assign(theta.data, theta.data + P);
    return fit;
}

template <class T> void registers(const Target& target) {
    const int identity = index_of("identity", target.activations), prelu = index_of("prelu", target.activations);
    const int softmax = index_of("softmax", target.activations);
    for (int a = 0; a < softmax; a++)
        for (const auto& sizes :
             {std::vector<long>{3, 5, 2}, std::vector<long>{3, 19, 33, 2}, std::vector<long>{3, 38, 70, 2}})
            fit<T>(target, network(sizes, a, identity, 0, false, a % 2 ? 0.3 : 0, a == prelu), 40, 9, 4, 2, 1);
    for (int l = 0; target.losses[l].name; l++) {
        const char* output = target.losses[l].output;
        const int code = output ? index_of(output, target.activations) : identity;
        fit<T>(target, network({3, 20, 5}, 2, code, l, output != nullptr, 0, false), 40, 9, 1, 2, 3);
        if (!output)
            fit<T>(target, network({3, 20, 5}, 2, softmax, l, false, 0, false), 40, 9, 1, 2, 3);
    }
    for (int o = 0; target.optimizers[o].name; o++)
        fit<T>(target, network({3, 20, 1}, 2, identity, 0, false, 0, false), 40, 9, o, 2, 1);
}

template <class T> void shapes(const Target& target) {
    for (long n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65})
        for (int offset : {0, 1, 3})
            for (long batch : {1L, n, 40L}) {
                const NetworkSpec spec = network({n, 2 * n + 1, n}, 2, 0, 0, false, 0, false);
                const Fit<T> one = fit<T>(target, spec, 40, batch, 4, 1, offset);
                expect(std::isfinite(one.cost), "a finite cost");
                expect(one == fit<T>(target, spec, 40, batch, 4, 3, 0), "the same bits wherever the arrays begin");
            }
}

template <class T> void threads(const Target& target) {
    const NetworkSpec spec = network({20, 120, 90, 3}, 2, 0, 0, false, 0.2, false);
    const NetworkSpec wide = network({9, 300, 300, 2}, 5, 0, 0, false, 0.2, true);
    const Fit<T> one = fit<T>(target, spec, 2500, 1200, 4, 1, 0);  // by shares
    const Fit<T> few = fit<T>(target, wide, 15, 5, 4, 1, 0), more = fit<T>(target, wide, 90, 45, 4, 1, 0);
    for (int n : {2, 3, 7, 64}) {
        expect(one == fit<T>(target, spec, 2500, 1200, 4, n, 0), "the same bits for any number of threads");
        expect(one == fit<T>(target, spec, 2500, 1200, 4, n, 0, true), "the same bits by shares");
        expect(few == fit<T>(target, wide, 15, 5, 4, n, 0, true), "the same bits of few rows");
        expect(more == fit<T>(target, wide, 90, 45, 4, n, 0, true), "the same bits by units");
    }
    std::vector<std::thread> fits;
    for (int i = 0; i < 6; i++)
        fits.emplace_back(
            [&] { expect(one == fit<T>(target, spec, 2500, 1200, 4, 2, 0), "fits at the same time agree"); });
    for (std::thread& each : fits)
        each.join();
}

Use use_of(long rows) {
    return {targets().front(), network({3, 4, 2}, 0, 0, 0, false, 0, false), {rows, 1}, 4, false};
}

// Whether it is all zero, of which so many bytes are taken and then written
bool finds_zeros(long use, long bytes, bool keep) {
    Memory memory(use_of(use));
    char* const taken = memory.take<char>(bytes);
    const bool zeros = std::count(taken, taken + bytes, 0) == bytes;
    std::memset(taken, 7, bytes);
    if (keep)
        memory.keep();
    return zeros;
}

void memory() {
    for (long use = 0; use < 9; use++) {
        expect(finds_zeros(use, 5000, true), "zeros of a use that is new");
        finds_zeros(use, 1000, true);
        finds_zeros(use, 1000, false);
        expect(finds_zeros(use, 5000, true), "zeros where nothing was kept, however little was taken in between");
        try {
            Memory memory(use_of(use));
            memory.take<char>(100);
            memory.take<char>(-1);
            expect(false, "more memory than there is is refused");
        } catch (const std::bad_alloc&) {
            expect(finds_zeros(use, 5000, true), "zeros after a computation that ended early");
        }
    }
#if !defined(__SANITIZE_ADDRESS__)
    for (long use = 20; use < 26; use++)
        for (bool first : {true, false})
            expect(finds_zeros(use, 1000, true) == first, "the same use finds what it left, also after many others");
#endif
}

// What one computation leaves in memory does not change another, be it of the same use or not, and also where it came
// to no number
template <class T> void memory_kept(const Target& target) {
    const int relu = index_of("relu", target.activations), prelu = index_of("prelu", target.activations);
    const std::vector<long> sizes[] = {{3, 4, 2}, {20, 33, 3}, {9, 130, 110, 10}, {100, 150, 1}};
    std::mt19937 random(1);
    const auto pick = [&](long n) { return long(random() % n); };
    for (int i = 0; i < 60; i++) {
        const bool learns = pick(4) == 0;
        const NetworkSpec spec =
            network(sizes[pick(4)], learns ? prelu : relu, 0, 0, false, pick(4) == 0 ? 0.3 : 0, learns);
        const long m = pick(2) ? 1200 : 256, batch = pick(2) ? m : 100;
        const int optimizer = int(pick(6)), threads = int(1 + pick(2));
        const double most[] = {1, 1, 1000, double(std::numeric_limits<T>::max())};
        const auto run = [&, most = most[pick(4)], reordered = pick(3) > 0] {
            return fit<T>(target, spec, m, batch, optimizer, threads, 0, true, most, reordered);
        };
        Fit<T> fresh;
        std::thread([&] { fresh = run(); }).join();
        expect(run() == fresh, "the same bits whatever was computed before");
    }
}

// Every way in which the threads share a layer out, below and above every other: pairs with halves, layers of fewer
// panels than threads, narrow ones, one layer alone, a parameter that the first layer learns
template <class T> void teams(const Target& target) {
    const int prelu = index_of("prelu", target.activations);
    for (const auto& sizes :
         {std::vector<long>{40, 3}, {40, 300}, {9, 300, 300, 2}, {300, 200, 9, 300}, {9, 20, 300, 200}})
        for (const int activation : {2, prelu}) {
            const NetworkSpec spec = network(sizes, activation, 0, 0, false, 0, activation == prelu);
            const Fit<T> one = fit<T>(target, spec, 33, 11, 4, 1, 0);
            for (int n : {2, 3, 7})
                expect(one == fit<T>(target, spec, 33, 11, 4, n, 0, true), "the same bits, however shared out");
        }
    const NetworkSpec wide = network({9, 300, 300, 2}, 2, 0, 0, false, 0, false);  // several chunks a batch, by units
    const Fit<T> one = fit<T>(target, wide, 1030, 1030, 4, 1, 0);
    for (int n : {2, 3})
        expect(one == fit<T>(target, wide, 1030, 1030, 4, n, 0, true), "the same bits chunk by chunk");
}

// Layers and batches so large that their products may be those of tiles: whole ones, parts of them, by units, by shares
template <class T> void large(const Target& target) {
    for (const auto& [sizes, rows] : {std::pair<std::vector<long>, long>{{130, 100, 97, 4}, 64},
                                      {{97, 520, 130, 2}, 90},
                                      {{160, 300}, 257},
                                      {{100, 96, 96}, 1100},
                                      {{90, 784, 128, 1}, 416},  // more rows at a time of half of the terms
                                      {{300, 100, 96}, 700}}) {
        const NetworkSpec spec = network(sizes, 2, 0, 0, false, 0.2, false);
        const Fit<T> one = fit<T>(target, spec, 2 * rows, rows, 4, 1, 0);
        for (int n : {2, 3, 7})
            expect(one == fit<T>(target, spec, 2 * rows, rows, 4, n, 1, true), "the same bits of large batches");
    }
}

// Inputs so wide that each of two threads has half of them: of tiles, of vectors, in chunks, of one layer, below a pair
// and below a layer that is shared out by rows, with a parameter of the first layer
template <class T> void wide_inputs(const Target& target) {
    const int prelu = index_of("prelu", target.activations);
    for (const auto& [sizes, rows] : {std::pair<std::vector<long>, long>{{410, 160, 128, 3}, 160},
                                      {{1100, 70, 40, 2}, 70},
                                      {{333, 140}, 128},
                                      {{400, 40}, 1100},
                                      {{640, 64, 9, 5}, 65},
                                      {{50, 400, 160, 70, 2}, 128},
                                      {{300, 256, 128, 64, 3}, 100},
                                      {{20, 300, 130, 40, 40}, 1100}})
        for (const int activation : {2, prelu}) {
            const NetworkSpec spec = network(sizes, activation, 0, 0, false, 0, activation == prelu);
            const Fit<T> one = fit<T>(target, spec, 2 * rows, rows, 4, 1, 0);
            for (int n : {2, 3})
                expect(one == fit<T>(target, spec, 2 * rows, rows, 4, n, 1, true), "the same bits of wide inputs");
        }
}

// A moment that has faded is zero in an epoch, on every thread; afterwards numbers so small are what they were
template <class T> void denormals(const Target& target) {
    constexpr T small = std::numeric_limits<T>::min() / 4;
    for (const auto& sizes : {std::vector<long>{3, 5, 2}, std::vector<long>{3, 300, 200}}) {
        const NetworkSpec spec = network(sizes, 2, 0, 0, false, 0, false);
        std::vector<T> X(12), y(4 * sizes[2]), theta(spec.parameters(), T(0.1));
        std::vector<T> v(packed_size<T>(target, spec), small), flat(spec.parameters());
        Steps steps;
        steps.batch_size = 4;
        steps.alphas.assign(1, 0.01);
        steps.optimizer = index_of("momentum", target.optimizers);
        steps.options[0] = 0.9;
        epochs<T>(target, spec, theta.data(), v.data(), nullptr, {X.data(), y.data(), nullptr, nullptr, 4}, steps,
                  {2, [] { return false; }, true});
        unpack(target, spec, v.data(), flat.data());
        for (long i = 0; i < 3 * sizes[1]; i++)  // X is zero, and so is the gradient of the first layer
            expect(flat[i] == 0, "a moment too small for its type is zero");
        volatile T half = small;
        half = half / 2;
        expect(half > 0, "after an epoch, small numbers are as before");
    }
}

// A linear model's sums over a table of any layout: the same numbers as one by one, the same bits for any threads
template <class T> struct Sums {
    std::vector<double> first, second, g, a, products, block;
    double cost = 0;
    bool operator==(const Sums& other) const {
        return first == other.first && second == other.second && g == other.g && a == other.a && cost == other.cost &&
               products == other.products && block == other.block;
    }
};

template <class T> Sums<T> sums(const Target& target, long m, long n, long k, int threads, int offset, bool turned) {
    Numbers<T> X(m * n, offset, -1, 1, 1), y(m * k, offset, 0, 1, 2), w(m, offset, 0, 2, 3);
    const Numbers<T> row_by_row(m * n, 0, -1, 1, 1);
    if (turned)
        for (long i = 0; i < m; i++)
            for (long c = 0; c < n; c++)
                X.data[c * m + i] = row_by_row.data[i * n + c];
    Numbers<double> mean(n + k, 0, -1, 1, 4), inverse(n + k, 0, 1, 2, 5), phi(k * (n + 1), 0, -1, 1, 6);
    LinearJob<T> job;
    job.X = X.data;
    job.row = turned ? 1 : n;
    job.column = turned ? m : 1;
    job.y = y.data;
    job.w = w.data;
    job.m = m;
    job.n = n;
    job.k = k;
    job.total = double(m);
    job.mean = mean.data;
    job.inverse = inverse.data;
    job.activation = index_of(k > 1 ? "softmax" : "sigmoid", target.activations);
    while (std::strcmp(target.losses[job.loss].name, k > 1 ? "categorical_cross_entropy" : "binary_cross_entropy") != 0)
        job.loss++;
    const Control control{threads, [] { return false; }};
    const auto numbers = [](long count) { return std::vector<double>(count); };
    const long q = n + 1 + k;
    Sums<T> found{numbers(n), numbers(n), numbers(k * (n + 1)), numbers(m * k), numbers(q * q), {}, 0};
    column_moments<T>(target, job, found.first.data(), found.second.data(), control);
    gram<T, T>(target, job, 0, 0, q, found.products.data(), control);
    const std::vector<double> quick = found.products;
    gram<T, double>(target, job, 0, 0, q, found.products.data(), control);
    for (long c = 0; c < q * q; c++)
        expect(std::abs(quick[c] - found.products[c]) < 1e-4, "quick products");
    job.a = found.a.data();
    found.cost = linear_cost<T>(target, job, phi.data, found.g.data(), control).cost;
    job.curvature = LinearCurvature::probability;
    found.block = numbers((n + 1) * (n + 1));
    gram<T, double>(target, job, 0, k - 1, n + 1, found.block.data(), control);
    double first = 0, product = 0;
    for (long i = 0; i < m; i++) {
        const double x = (double(job.X[i * job.row]) - mean.data[0]) * inverse.data[0];
        const double last = (double(y.data[i * k + k - 1]) - mean.data[n + k - 1]) * inverse.data[n + k - 1];
        first += double(w.data[i]) * x;
        product += double(w.data[i]) / double(m) * x * last;
    }
    expect(std::abs(first - found.first[0]) < 1e-9 * double(m), "the sum of a column");
    expect(std::abs(product - found.products[q - 1]) < 1e-9, "the product of the first column and the last");
    expect(found.products[q - 1] == found.products[(q - 1) * q], "a symmetric matrix");
    return found;
}

template <class T> void tables(const Target& target) {
    for (long n : {1, 2, 3, 7, 8, 9, 16, 17, 33})
        for (long m : {1, 7, 64, 65, 200})
            for (long k : {1, 3}) {
                const Sums<T> one = sums<T>(target, m, n, k, 1, 0, false);
                expect(one == sums<T>(target, m, n, k, 3, 1, false), "the same bits wherever the table begins");
                expect(one == sums<T>(target, m, n, k, 1, 3, true), "the same bits for columns one after another");
            }
}

template <class T> void wide_tables(const Target& target) {
    for (const auto& [m, n, k] : {std::tuple{9000L, 10L, 1L}, std::tuple{500L, 250L, 3L}, std::tuple{300L, 450L, 1L}}) {
        const Sums<T> one = sums<T>(target, m, n, k, 1, 0, false);
        for (int threads : {2, 3, 7})
            expect(one == sums<T>(target, m, n, k, threads, 0, false), "the same sums for any number of threads");
    }
}

// What comes out is anybody's guess, but no memory is touched that is not ours.
void changed_under_way(const Target& target) {
    const NetworkSpec spec = network({20, 50, 3}, 2, 0, 0, false, 0, false);
    Numbers<float> X(2000 * 20, 0, -1, 1, 1), y(2000 * 3, 0, 0, 1, 2), w(2000, 0, 0, 1, 3),
        theta(spec.parameters(), 0, -1, 1, 4);
    std::atomic<bool> done{false};
    std::thread other([&] {
        const auto change = [](float* at, float to) { reinterpret_cast<std::atomic<float>*>(at)->store(to); };
        for (unsigned i = 0; !done; i++) {
            change(X.data + i * 31u % 40000u, i % 3 ? float(NAN) : 1e30f);
            change(y.data + i * 31u % 6000u, i % 3 ? 0.5f : float(NAN));
            change(w.data + i * 31u % 2000u, i / 2000u % 2 ? 0.0f : 1.0f);  // all of a batch, now and then
        }
    });
    Steps steps;
    steps.batch_size = 100;
    steps.alphas.assign(20, 0.01);
    steps.optimizer = 0;
    for (int i = 0; i < 40; i++)
        epochs<float>(target, spec, theta.data, nullptr, nullptr,
                      {X.data, y.data, i % 4 ? w.data : nullptr, nullptr, 2000}, steps, {2, {}, true});
    done = true;
    other.join();
}

void after_fork(const Target& target) {
    const NetworkSpec spec = network({20, 120, 90, 3}, 2, 0, 0, false, 0, false);
    const Fit<float> here = fit<float>(target, spec, 1000, 500, 4, 2, 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(here == fit<float>(target, spec, 1000, 500, 4, 2, 0) ? 0 : 1);
    int status = 1;
    waitpid(child, &status, 0);
    expect(status == 0, "a forked child has threads of its own");
}

// Every sample once, and nothing beyond them
// Of threads that have less than half of the time that they want there are fewer, for a while
void crowds() {
    Crowd alone, busy, busier, brief, other;
    alone.heed(2, 0.2, 0.19);
    expect(alone.most() == INT_MAX, "two threads that have a core each");
    busy.heed(2, 0.2, 0.09);
    expect(busy.most() == 1, "two threads that have less than one core");
    busy.heed(1, 1e9, 1e9);
    expect(busy.most() == 1, "a while");
    busier.heed(8, 0.8, 0.6);
    expect(busier.most() == 4, "eight threads on six cores");
    brief.heed(2, 0.002, 0.0001);
    expect(brief.most() == INT_MAX, "a hitch");
    other.heed(2, 0.03, 0.001);
    other.heed(4, 0.06, 0.06);
    expect(other.most() == INT_MAX, "runs of another size are not counted together");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    expect(busy.most() == INT_MAX, "the while is over");
}

void orders() {
    for (long n = 0; n < 300; n++) {
        std::vector<std::int64_t> order(n + 1, -1), seen(n);
        shuffled(n, 3, n, order.data());
        expect(order[n] == -1, "an order goes beyond its samples");
        for (long i = 0; i < n; i++)
            seen[order[i]]++;
        expect(std::ranges::count(seen, 1) == n, "an order leaves a sample out");
    }
}

}  // namespace

// "races": only what threads do to each other. "emulated": without the largest, which take long there, and without
// fork, as QEMU 7.2 fails an assertion of its own when the child of a process with threads starts a thread.
int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    const bool emulated = mode == "emulated";
    crowds();
    orders();
    memory();
    for (const Target* target : targets()) {
        threads<float>(*target);
        teams<float>(*target);
        if (!emulated) {
            large<float>(*target);
            wide_inputs<float>(*target);
            wide_tables<float>(*target);
        }
        if (mode == "races")
            continue;
        values(*target);
        memory_kept<float>(*target);
        memory_kept<double>(*target);
        if (target == targets().front())  // others have no state of their own
            nested(*target);
        heard_anywhere(*target);
        denormals<float>(*target);
        denormals<double>(*target);
        registers<float>(*target);
        registers<double>(*target);
        shapes<float>(*target);
        shapes<double>(*target);
        tables<float>(*target);
        tables<double>(*target);
        changed_under_way(*target);
        if (emulated)
            continue;
        threads<double>(*target);
        teams<double>(*target);
        wide_inputs<double>(*target);
        wide_tables<double>(*target);
        after_fork(*target);
    }
    std::printf("all right\n");
}
