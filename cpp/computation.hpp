// The work of one computation, and who does which part of it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

#include "denormals.hpp"
#include "threads.hpp"
#include "workspace.hpp"

namespace deltarule {

constexpr long CHUNK = 1024;       // most rows in memory at the same time, for each computation
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
        const WithDenormals kept(Denormals::kept);  // to whoever hears of it
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

// The thread in whose part of n is i
inline long owner_of(long i, long n, int threads) {
    return ((i + 1) * threads - 1) / n;
}

// Samples whose cost is one number: those of a step, or all
struct Batch {
    long first, size;
    double weight;
};

template <class T> Batch batch_of(const Samples<T>& samples, long first, long most) {
    const long size = std::min(most, samples.m - first);
    if (!samples.w)
        return {first, size, double(size)};
    double weight = 0;
    for (long i = first; i < first + size; i++)
        weight += double(samples.w[samples.order ? samples.order[i] : i]);
    return {first, size, weight};
}

// The samples of a batch after the first `before`, as many as are in memory at the same time
inline Chunk chunk_of(const Batch& batch, long before, std::uint64_t key, bool shared) {
    const long rows = std::min(CHUNK, batch.size - before);
    const bool last = before + rows == batch.size;
    return {batch.first + before, rows, before, last, batch.weight, key, shared ? shares_of(rows) : 0};
}

// One computation on several threads, chunk of samples by chunk of samples
template <class T> class Computation {
public:
    Computation(Workspace<T>& workspace, const Crew& crew, bool by_rows, Patience& patience)
        : ws_(workspace),
          k_(workspace.kernels),
          threads_(crew.size()),
          by_rows_(by_rows || workspace.shared || threads_ == 1),
          barrier_(threads_),
          patience_(patience),
          tasks_of_(threads_) {
        for (int id = 0; id < threads_; id++)
            jobs_.push_back({workspace.shared ? workspace.job_of(id) : workspace.job});
        share_tasks();
    }

    // The cost of a batch, if `backward` its gradient, and if the job has an optimizer the step, which is not taken
    // where the cost is not finite. Called by every thread alike; false if the user wants to stop.
    bool take(int id, const Batch& batch, std::uint64_t key, const StepRates& rates, bool backward, double& J) {
        Own& own = jobs_[id];
        const Job<T>& job = own.job;
        J = 0;
        for (long before = 0; before < batch.size; before += CHUNK) {
            const Chunk chunk = chunk_of(batch, before, key, ws_.shared);
            if (ws_.shared)
                ws_.turn(own.job);
            through(job, chunk, id, backward);
            own.turn = !own.turn;
            if (id == 0)
                halt_[own.turn] = patience_.stopped();
            barrier_.wait(id);
            if (halt_[own.turn])
                return false;
            J += losses(job, chunk) / batch.weight;
            if (chunk.last && job.optimizer >= 0 && !std::isfinite(J))
                return true;
            if (backward)
                update(job, chunk, id, rates);
            if (!ws_.shared)
                barrier_.wait(id);
        }
        if (backward && (job.l1 > 0 || job.l2 > 0))
            J += penalties(job);
        return true;
    }

private:
    // Where the rows are in shares, every thread takes the whole step, on parameters of its own: then only gradients
    // go from core to core, and threads meet once. What is read after a meeting is not written before the next one.
    struct alignas(128) Own {
        Job<T> job;
        bool turn = false;
    };

    Workspace<T>& ws_;
    const Kernels<T>& k_;
    const int threads_;
    const bool by_rows_;
    Barrier barrier_;
    Patience& patience_;
    std::vector<Own> jobs_;  // of each thread
    bool halt_[2] = {};      // of a turn, written by the first thread before the others read it
    std::vector<std::vector<std::size_t>> tasks_of_;  // of each thread

    static double cost(const Task& task) { return double(task.n + 2 * task.n_b); }

    // As much work for each thread as for the others. Who computes some units of a layer also updates their weights,
    // which stay in the cache of that core.
    void share_tasks() {
        double total = 0, before = 0;
        for (const Task& task : ws_.tasks)
            total += cost(task);
        for (std::size_t i = 0; i < ws_.tasks.size(); i++) {
            const Task& task = ws_.tasks[i];
            if (ws_.shared) {
                for (std::vector<std::size_t>& tasks : tasks_of_)
                    tasks.push_back(i);
                continue;
            }
            const double middle = (before + 0.5 * cost(task)) / total;
            const long n = parts(ws_.job.layers[task.layer].n_out, k_.panel);
            const bool whole = by_rows_ || task.panel < 0 || n == 1;
            tasks_of_[whole ? std::min(long(middle * threads_), threads_ - 1L) : owner_of(task.panel, n, threads_)]
                .push_back(i);
            before += cost(task);
        }
    }

    // Forward through all layers, the loss, and backward. Either every thread takes some shares of the rows, with the
    // gradient, or some rows all the way, or some units of each layer.
    void through(const Job<T>& job, const Chunk& chunk, int id, bool backward) {
        const Part shares(chunk.shares, id, threads_);
        for (long s = shares.begin; s < shares.end && !patience_.stopped(); s++) {
            const Part rows(chunk.rows, int(s), int(chunk.shares));
            layers(job, chunk, id, rows, rows, backward);
            if (backward)
                gradient(job, chunk, rows, job.shares + s * job.n_parameters);
        }
        if (chunk.shares)
            return;
        const Part mine(chunk.rows, id, threads_);
        layers(job, chunk, id, mine, by_rows_ ? mine : Part(chunk.rows, 0, 1), backward);
    }

    // Rows `mine` are this thread's in what is done by rows; with units shared out, it works on all `rows`.
    void layers(const Job<T>& job, const Chunk& chunk, int id, Part mine, Part rows, bool backward) {
        k_.gather(job, chunk, mine.begin, mine.end);
        for (long l = 1; l <= job.n_layers; l++) {
            between_layers(id);
            slices(id, job, chunk, l, rows, job.layers[l].n_out, k_.forward);
        }
        between_layers(id);
        k_.head(job, chunk, mine.begin, mine.end, ws_.scratch[id]);
        for (long l = job.n_layers; l > 1 && backward; l--) {
            between_layers(id);
            slices(id, job, chunk, l, rows, job.layers[l].n_in, k_.backward);
        }
    }

    void gradient(const Job<T>& job, const Chunk& chunk, Part rows, T* g) {
        for (const Task& task : ws_.tasks)
            k_.gradient(job, chunk, task, rows.begin, rows.end, g + task.at, g + task.b);
    }

    // The gradient of the chunk, and with the last of a batch the step. Every number of it is one thread's, unless each
    // thread has its own.
    void update(const Job<T>& job, const Chunk& chunk, int id, const StepRates& rates) {
        for (const std::size_t i : tasks_of_[id]) {
            if (patience_.stopped())
                return;
            k_.update(job, chunk, ws_.tasks[i], job.penalty + i, rates, ws_.scratch[id]);
            if (id == 0)
                patience_.ask(2 * cost(ws_.tasks[i]) * double(chunk.rows));
        }
    }

    double losses(const Job<T>& job, const Chunk& chunk) const {
        double total = 0;
        for (long r = 0; r < chunk.rows; r++)
            total += job.row_loss[r];
        return total;
    }

    double penalties(const Job<T>& job) const {
        double total = 0;
        for (std::size_t i = 0; i < ws_.tasks.size(); i++)
            total += job.penalty[i];
        return total;
    }

    void between_layers(int id) {
        if (!by_rows_)
            barrier_.wait(id);
    }

    void slices(int id, const Job<T>& job, const Chunk& chunk, long l, Part rows, long units,
                void (*work)(const Job<T>&, const Chunk&, long, long, long, long, long)) {
        const Layer<T>& layer = job.layers[l];
        const long n = parts(units, k_.panel);
        const Part panels = by_rows_ ? Part(n, 0, 1) : Part(n, id, threads_);
        const double cost = 2.0 * double(layer.n_in) * double(layer.n_out) / double(n) * double(rows.end - rows.begin);
        const long step = std::max(1L, long(SLICE / (cost + 1)));
        for (long p = panels.begin; p < panels.end && !patience_.stopped(); p += step) {
            const long end = std::min(p + step, panels.end);
            work(job, chunk, l, rows.begin, rows.end, p, end);
            if (id == 0)
                patience_.ask(cost * double(end - p));
        }
    }
};

}  // namespace deltarule
