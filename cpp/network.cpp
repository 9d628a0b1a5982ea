#include "network.hpp"

#include <atomic>
#include <chrono>
#include <cmath>

#include "threads.hpp"
#include "workspace.hpp"

namespace deltarule {

namespace {

constexpr long CHUNK = 1024;       // most rows in memory at the same time, for each computation
constexpr long ROWS = 192;         // of a prediction, for each thread
constexpr long FEW = 4;            // samples that are predicted one by one
constexpr double SHARE = 5e5;      // operations that are worth a thread
constexpr double SLICE = 4e7;      // operations in a piece of work that is not interrupted
constexpr double PATIENCE = 0.05;  // seconds between two looks for Ctrl-C

// Asks now and then, on the calling thread, whether the user wants to stop
class Patience {
public:
    explicit Patience(const Control& control) : control_(control) {}

    bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

    void ask(double work) {
        done_ += work;
        if (done_ < SLICE || stopped())
            return;
        done_ = 0;
        const auto now = std::chrono::steady_clock::now();
        if (std::chrono::duration<double>(now - asked_).count() < PATIENCE)
            return;
        asked_ = now;
        if (control_.interrupted && control_.interrupted())
            stopped_.store(true, std::memory_order_relaxed);
    }

private:
    const Control& control_;
    std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
    double done_ = 0;
    std::atomic<bool> stopped_{false};
};

// The part of n that thread `id` of `threads` takes
struct Part {
    long begin, end;
    Part(long n, int id, int threads) : begin(n * id / threads), end(n * (id + 1) / threads) {}
};

int worth(double work, int threads) {
    return int(std::clamp(work / SHARE, 1.0, double(std::max(threads, 1))));
}

bool learns(const NetworkSpec& spec) {
    return std::ranges::any_of(spec.layers, [](const LayerSpec& layer) { return layer.learns; });
}

double weights(const NetworkSpec& spec) {
    double n = 0, n_in = double(spec.n_features);
    for (const LayerSpec& layer : spec.layers) {
        n += n_in * double(layer.units);
        n_in = double(layer.units);
    }
    return n;
}

// One computation on several threads, chunk of samples by chunk of samples
template <class T> class Computation {
public:
    Computation(Workspace<T>& workspace, Crew& crew, Patience& patience, bool by_rows)
        : ws_(workspace),
          k_(workspace.kernels),
          threads_(crew.size()),
          barrier_(threads_),
          patience_(patience),
          by_rows_(by_rows || threads_ == 1) {}

    void wait() { barrier_.wait(); }

    // Forward through all layers, the loss, and backward. Either every thread takes some rows all the way, or every
    // thread takes some units of each layer.
    void through(const Chunk& chunk, int id, bool backward) {
        const Job<T>& job = ws_.job;
        const Part mine(chunk.rows, id, threads_), rows = by_rows_ ? mine : Part(chunk.rows, 0, 1);
        k_.gather(job, chunk, mine.begin, mine.end);
        for (long l = 1; l <= job.n_layers; l++) {
            between_layers();
            slices(id, chunk, l, rows, job.layers[l].n_out, k_.forward);
        }
        between_layers();
        k_.head(job, chunk, mine.begin, mine.end, ws_.scratch[id]);
        for (long l = job.n_layers; l > 1 && backward; l--) {
            between_layers();
            slices(id, chunk, l, rows, job.layers[l].n_in, k_.backward);
        }
    }

    // The gradient of the chunk, and with the last of a batch the step. Every number of it is one thread's.
    void update(const Chunk& chunk, int id, const StepRates& rates) {
        double total = 0, before = 0;
        for (const Task& task : ws_.tasks)
            total += task.cost;
        for (std::size_t i = 0; i < ws_.tasks.size() && !patience_.stopped(); i++) {
            const Task& task = ws_.tasks[i];
            const double middle = before + 0.5 * task.cost;
            before += task.cost;
            if (int(middle / total * threads_) != id)
                continue;
            k_.update(ws_.job, chunk, task, ws_.job.penalty + i, rates, ws_.scratch[id]);
            if (id == 0)
                patience_.ask(2 * task.cost * double(chunk.rows));
        }
    }

    double losses(const Chunk& chunk) const {
        double total = 0;
        for (long r = 0; r < chunk.rows; r++)
            total += ws_.job.row_loss[r];
        return total;
    }

    double penalties() const {
        double total = 0;
        for (std::size_t i = 0; i < ws_.tasks.size(); i++)
            total += ws_.job.penalty[i];
        return total;
    }

private:
    Workspace<T>& ws_;
    const Kernels<T>& k_;
    const int threads_;
    Barrier barrier_;
    Patience& patience_;
    const bool by_rows_;

    void between_layers() {
        if (!by_rows_)
            wait();
    }

    void slices(int id, const Chunk& chunk, long l, Part rows, long units,
                void (*work)(const Job<T>&, const Chunk&, long, long, long, long, long)) {
        const Layer<T>& layer = ws_.job.layers[l];
        const long n = (units + k_.panel - 1) / k_.panel;
        const Part panels = by_rows_ ? Part(n, 0, 1) : Part(n, id, threads_);
        const double cost = 2.0 * double(layer.n_in) * double(layer.n_out) / double(n) * double(rows.end - rows.begin);
        const long step = std::max(1L, long(SLICE / (cost + 1)));
        for (long p = panels.begin; p < panels.end && !patience_.stopped(); p += step) {
            const long end = std::min(p + step, panels.end);
            work(ws_.job, chunk, l, rows.begin, rows.end, p, end);
            if (id == 0)
                patience_.ask(cost * double(end - p));
        }
    }
};

template <class T> double weight_of(const Samples<T>& samples, long first, long n) {
    if (!samples.w)
        return double(n);
    double total = 0;
    for (long i = first; i < first + n; i++)
        total += double(samples.w[samples.order ? samples.order[i] : i]);
    return total;
}

// The samples of a batch, at most `most` at a time
Chunk chunk_of(long first, long batch, long before, long most, double total_weight, long step) {
    Chunk chunk;
    chunk.first = first + before;
    chunk.before = before;
    chunk.rows = std::min(most, batch - before);
    chunk.last = before + chunk.rows == batch;
    chunk.total_weight = total_weight;
    chunk.step = std::uint64_t(step);
    return chunk;
}

StepRates rates_of(const Steps& steps, long s) {
    StepRates rates{steps.alphas[s], {}, {}};
    std::copy_n(steps.options, 4, rates.options);
    for (int i = 0; i < 2; i++)
        rates.power[i] = std::pow(steps.options[i], double(steps.first + s + 1));
    return rates;
}

// The gradient of a batch into job.g, chunk by chunk, and its cost
template <class T> double small_cost(Workspace<T>& ws, long first, long batch, double weight, Patience& patience) {
    double J = 0;
    for (long before = 0; before < batch && !patience.stopped(); before += CHUNK) {
        const Chunk chunk = chunk_of(first, batch, before, CHUNK, weight, 0);
        J += ws.kernels.micro(ws.job, chunk, ws.scratch[0]);
        patience.ask(6.0 * double(ws.job.n_parameters + 8) * double(chunk.rows));
    }
    return J;
}

template <class T>
Outcome small_epoch(Workspace<T>& ws, const Samples<T>& samples, const Steps& steps, Patience& patience) {
    Outcome outcome;
    double total = 0, total_weight = 0;
    for (long s = 0; s < long(steps.alphas.size()); s++) {
        const long first = s * steps.batch_size, batch = std::min(steps.batch_size, samples.m - first);
        const double weight = weight_of(samples, first, batch);
        if (weight == 0)
            continue;
        double J = small_cost(ws, first, batch, weight, patience);
        if (ws.job.l1 > 0 || ws.job.l2 > 0)
            J += ws.kernels.micro_penalize(ws.job, weight);
        if (!std::isfinite(J)) {
            outcome.failed = s;
            break;
        }
        ws.kernels.micro_step(ws.job, rates_of(steps, s));
        total += J * weight;
        total_weight += weight;
        if (patience.stopped())
            break;
    }
    outcome.cost = total / total_weight;
    return outcome;
}

template <class T>
Outcome large_epoch(Workspace<T>& ws, Crew& crew, bool by_rows, const Samples<T>& samples, const Steps& steps,
                    Patience& patience) {
    Outcome outcome;
    Computation<T> computation(ws, crew, patience, by_rows);
    bool halt = false;
    crew.run([&](int id) {
        double total = 0, total_weight = 0;
        for (long s = 0; s < long(steps.alphas.size()); s++) {
            const long first = s * steps.batch_size, batch = std::min(steps.batch_size, samples.m - first);
            const double weight = weight_of(samples, first, batch);
            if (weight == 0)
                continue;
            double J = 0;
            for (long before = 0; before < batch; before += CHUNK) {
                const Chunk chunk = chunk_of(first, batch, before, CHUNK, weight, steps.first + s + 1);
                computation.through(chunk, id, true);
                computation.wait();
                J += computation.losses(chunk) / weight;
                if (chunk.last && !std::isfinite(J))
                    break;
                computation.update(chunk, id, rates_of(steps, s));
                if (id == 0)
                    halt = patience.stopped();
                computation.wait();
                if (halt)
                    return;
            }
            if (std::isfinite(J) && (ws.job.l1 > 0 || ws.job.l2 > 0))
                J += computation.penalties();
            if (!std::isfinite(J) && id == 0)
                outcome.failed = s;
            if (!std::isfinite(J))
                return;
            total += J * weight;
            total_weight += weight;
        }
        if (id == 0)
            outcome.cost = total / total_weight;
    });
    return outcome;
}

}  // namespace

long NetworkSpec::parameters() const {
    long n = 0, n_in = n_features;
    for (const LayerSpec& layer : layers) {
        n += layer.units * (n_in + 1) + (layer.learns ? layer.shared ? 1 : layer.units : 0);
        n_in = layer.units;
    }
    return n;
}

template <class T>
Outcome epoch(const Target& target, const NetworkSpec& spec, T* theta, T* m, T* v, const Samples<T>& samples,
              const Steps& steps, const Control& control) {
    const long batch = std::min(steps.batch_size, samples.m), rows = std::min(batch, CHUNK);
    Crew crew(is_small(spec) ? 1 : worth(6 * weights(spec) * double(rows), control.threads));
    Workspace<T> ws(target, spec, samples, rows, true, crew.size());
    Job<T>& job = ws.job;
    job.seed = steps.seed;
    job.optimizer = steps.optimizer;
    job.l1 = steps.l1;
    job.l2 = steps.l2;
    ws.load(theta, job.theta);
    ws.transpose();
    if (m)
        ws.load(m, job.m = ws.memory.template zeros<T>(job.n_parameters));
    if (v)
        ws.load(v, job.v = ws.memory.template zeros<T>(job.n_parameters));
    if (ws.micro || batch > rows || learns(spec))
        job.g = ws.memory.template zeros<T>(job.n_parameters);
    Patience patience(control);
    const bool by_rows = rows >= 16 * crew.size();
    Outcome outcome =
        ws.micro ? small_epoch(ws, samples, steps, patience) : large_epoch(ws, crew, by_rows, samples, steps, patience);
    outcome.interrupted = patience.stopped();
    if (outcome.interrupted)
        return outcome;
    ws.save(job.theta, theta);
    if (m)
        ws.save(job.m, m);
    if (v)
        ws.save(job.v, v);
    return outcome;
}

template <class T>
Outcome cost(const Target& target, const NetworkSpec& spec, const T* theta, T* g, const Samples<T>& samples,
             const Steps& steps, const Control& control) {
    NetworkSpec undropped = spec;
    for (LayerSpec& layer : undropped.layers)
        layer.dropout = 0;
    const long rows = std::min(samples.m, CHUNK);
    Crew crew(is_small(spec) ? 1 : worth(6 * weights(spec) * double(rows), control.threads));
    Workspace<T> ws(target, undropped, samples, rows, true, crew.size());
    Job<T>& job = ws.job;
    job.l1 = steps.l1;
    job.l2 = steps.l2;
    ws.load(theta, job.theta);
    ws.transpose();
    job.g = ws.memory.template zeros<T>(job.n_parameters);
    Patience patience(control);
    Outcome outcome;
    const double weight = weight_of(samples, 0, samples.m);
    if (ws.micro) {
        outcome.cost = small_cost(ws, 0, samples.m, weight, patience);
        if (job.l1 > 0 || job.l2 > 0)
            outcome.cost += ws.kernels.micro_penalize(job, weight);
    } else {
        Computation<T> computation(ws, crew, patience, rows >= 16 * crew.size());
        bool halt = false;
        crew.run([&](int id) {
            double J = 0;
            for (long before = 0; before < samples.m; before += CHUNK) {
                const Chunk chunk = chunk_of(0, samples.m, before, CHUNK, weight, 0);
                computation.through(chunk, id, g != nullptr);
                computation.wait();
                J += computation.losses(chunk) / weight;
                if (g)
                    computation.update(chunk, id, {});
                if (id == 0)
                    halt = patience.stopped();
                computation.wait();
                if (halt)
                    return;
            }
            if (id == 0)
                outcome.cost = J + computation.penalties();
        });
    }
    outcome.interrupted = patience.stopped();
    if (g && !outcome.interrupted)
        ws.save(job.g, g);
    return outcome;
}

namespace {

// A few samples, one by one; laying out the weights anew would take longer
template <class T>
void predict_rows(const Target& target, const NetworkSpec& spec, const T* theta, const Samples<T>& samples, T* out) {
    std::vector<Layer<T>> layers(spec.layers.size() + 1);
    Job<T> job;
    describe(spec, samples, layers, job);
    std::vector<T> scratch(target.kernels<T>().row_scratch(job));
    for (long i = 0; i < samples.m; i++)
        target.kernels<T>().predict_row(job, theta, samples.X + i * spec.n_features, scratch.data(),
                                        out + i * layers.back().n_out);
}

}  // namespace

template <class T>
Outcome predict(const Target& target, const NetworkSpec& spec, const T* theta, const Samples<T>& samples, T* out,
                const Control& control) {
    if (samples.m == 0)
        return {};
    if (samples.m <= FEW && !learns(spec)) {
        predict_rows(target, spec, theta, samples, out);
        return {};
    }
    Crew crew(worth(2 * weights(spec) * double(samples.m), control.threads));
    const long rows = std::min(ROWS, samples.m);
    Workspace<T> ws(target, spec, samples, rows * crew.size(), false, crew.size());
    ws.load(theta, ws.job.theta);
    Patience patience(control);
    crew.run([&](int id) {
        const long place = id * rows;  // its rows of the workspace
        const Part mine((samples.m + rows - 1) / rows, id, crew.size());
        for (long block = mine.begin; block < mine.end && !patience.stopped(); block++) {
            const long n = std::min(rows, samples.m - block * rows);
            Chunk chunk;
            chunk.first = block * rows - place;
            ws.kernels.gather(ws.job, chunk, place, place + n);
            for (long l = 1; l <= ws.job.n_layers; l++)
                ws.kernels.forward(ws.job, chunk, l, place, place + n, 0,
                                   (ws.job.layers[l].n_out + ws.kernels.panel - 1) / ws.kernels.panel);
            ws.kernels.output(ws.job, chunk, place, place + n, ws.scratch[id], out);
            if (id == 0)
                patience.ask(2 * weights(spec) * double(n));
        }
    });
    Outcome outcome;
    outcome.interrupted = patience.stopped();
    return outcome;
}

#define INSTANTIATE(T)                                                                                      \
    template Outcome epoch(const Target&, const NetworkSpec&, T*, T*, T*, const Samples<T>&, const Steps&,  \
                           const Control&);                                                                 \
    template Outcome cost(const Target&, const NetworkSpec&, const T*, T*, const Samples<T>&, const Steps&, \
                          const Control&);                                                                  \
    template Outcome predict(const Target&, const NetworkSpec&, const T*, const Samples<T>&, T*, const Control&);

INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace deltarule
