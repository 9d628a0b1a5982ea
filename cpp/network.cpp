#include "network.hpp"

#include "computation.hpp"
#include "finite.hpp"

namespace deltarule {

namespace {

constexpr long ROWS = 384;     // of a prediction, for each thread
constexpr long FEW = 4;        // samples that are predicted one by one
constexpr double WORTH = 5e5;  // operations that are worth a thread

bool learns(const NetworkSpec& spec) {
    return std::ranges::any_of(spec.layers, [](const LayerSpec& layer) { return layer.learns; });
}

StepRates rates_of(const Steps& steps, long s) {
    StepRates rates{steps.alphas[s], {}, {}};
    std::copy_n(steps.options, 4, rates.options);
    for (int i = 0; i < 2; i++)
        rates.power[i] = std::pow(steps.options[i], double(steps.first + s + 1));
    return rates;
}

// The same as `Computation::take`, of a small network
template <class T>
bool take_small(Workspace<T>& ws, Patience& patience, const Batch& batch, const StepRates& rates, double& J) {
    Job<T>& job = ws.job;
    J = 0;
    for (long before = 0; before < batch.size; before += CHUNK) {
        const Chunk chunk = chunk_of(batch, before, 0);
        J += ws.kernels.micro(job, chunk, ws.scratch[0]);
        patience.ask(6.0 * double(job.n_parameters + 8) * double(chunk.rows));
        if (patience.stopped())
            return false;
    }
    if (job.l1 > 0 || job.l2 > 0)
        J += ws.kernels.micro_penalize(job, batch.weight);
    if (job.optimizer >= 0 && std::isfinite(J))
        ws.kernels.micro_step(job, rates);
    return true;
}

// All steps, each by take(s, rates, J), up to one that fails or is interrupted
template <class Take> void each_step(const std::vector<Batch>& batches, const Steps& steps, Course& course, Take take) {
    double total = 0, total_weight = 0;
    for (long s = 0; s < long(batches.size()); s++) {
        const double weight = batches[s].weight;
        if (weight > 0) {
            double J = 0;
            if (!take(s, rates_of(steps, s), J))
                return;
            if (!std::isfinite(J)) {
                course.failed = s;
                return;
            }
            total += J * weight;
            total_weight += weight;
        }
        if ((s + 1) % steps.each() == 0)
            course.costs.push_back(std::exchange(total, 0) / std::exchange(total_weight, 0));
    }
}

template <class T> void set_up(Workspace<T>& ws, const T* theta, const Steps& steps) {
    ws.job.l1 = steps.l1;
    ws.job.l2 = steps.l2;
    ws.load(theta, ws.job.theta);
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
Course epochs(const Target& target, const NetworkSpec& spec, T* theta, T* m, T* v, const Samples<T>& samples,
              const Steps& steps, const Control& control) {
    const long batch = std::min(steps.batch_size, samples.m), rows = std::min(batch, CHUNK);
    Crew crew(threads_for(target.kernels<T>(), spec, rows, control));
    Workspace<T> ws(target, spec, samples, {rows, crew.size(), true, batch > rows, (m != nullptr) + (v != nullptr)});
    Job<T>& job = ws.job;
    set_up(ws, theta, steps);
    job.seed = steps.seed;
    job.optimizer = steps.optimizer;
    job.m = m;
    job.v = v;
    job.n_order = samples.m * steps.epochs;
    const std::vector<Batch> batches = batches_of(samples, steps);
    std::vector<Course> courses(crew.size());  // of each thread, which must not run out of memory among others
    for (Course& one : courses)
        one.costs.reserve(steps.epochs);
    Patience patience(control);
    if (ws.micro) {
        const WithDenormals zero(Denormals::zero);
        each_step(batches, steps, courses[0], [&](long s, const StepRates& rates, double& J) {
            return take_small(ws, patience, batches[s], rates, J);
        });
    } else {
        Computation<T> computation(ws, crew, patience);
        crew.run_in_step([&](int id) {
            const Entered<T> entered(ws);
            const WithDenormals zero(Denormals::zero);
            each_step(batches, steps, courses[id], [&](long s, const StepRates& rates, double& J) {
                const std::uint64_t key = steps.first + s + 1;
                return computation.take(id, batches[s], key, rates, true, J, batch_after(batches, s));
            });
        });
    }
    Course course = std::move(courses[0]);
    course.interrupted = patience.stopped();
    if (course.interrupted)
        return course;
    ws.save(job.theta, theta);
    if (course.failed < 0 && all_finite(theta, spec.parameters()))
        ws.memory.keep();
    return course;
}

template <class T> long packed_size(const Target& target, const NetworkSpec& spec) {
    const Layout<T> layout(target, spec, {}, true);
    return rounded_up(layout.job.n_parameters, layout.kernels.lanes);
}

template <class T> void pack(const Target& target, const NetworkSpec& spec, const T* flat, T* packed) {
    Layout<T>(target, spec, {}, true).load(flat, packed);
}

template <class T> void unpack(const Target& target, const NetworkSpec& spec, const T* packed, T* flat) {
    Layout<T>(target, spec, {}, true).save(packed, flat);
}

template <class T>
Outcome cost(const Target& target, const NetworkSpec& spec, const T* theta, T* g, const Samples<T>& samples,
             const Steps& steps, const Control& control) {
    NetworkSpec undropped = spec;
    for (LayerSpec& layer : undropped.layers)
        layer.dropout = 0;
    const long rows = std::min(samples.m, CHUNK);
    Crew crew(threads_for(target.kernels<T>(), spec, rows, control));
    Workspace<T> ws(target, undropped, samples, {rows, crew.size(), true, g != nullptr});
    set_up(ws, theta, steps);
    if (!g)
        ws.job.l1 = ws.job.l2 = 0;
    Patience patience(control);
    double J = 0;
    const Batch all = batch_of(samples, 0, samples.m);
    if (ws.micro) {
        take_small(ws, patience, all, {}, J);
    } else {
        Computation<T> computation(ws, crew, patience);
        crew.run_in_step([&](int id) {
            const Entered<T> entered(ws);
            double mine = 0;
            computation.take(id, all, 0, {}, g != nullptr, mine);
            if (id == 0)
                J = mine;
        });
    }
    const Outcome outcome{J, patience.stopped()};
    if (outcome.interrupted)
        return outcome;
    if (g)
        ws.save(ws.job.g, g);
    if (std::isfinite(J) && (!g || all_finite(g, spec.parameters())))
        ws.memory.keep();
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
        target.kernels<T>().predict_row(job, theta, samples.X + samples.at(i) * spec.n_features, scratch.data(),
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
    Crew crew(threads_worth(2 * weights(spec) * double(samples.m), WORTH, control.threads));
    const long rows = std::min(ROWS, samples.m);
    Workspace<T> ws(target, spec, samples, {rows, crew.size()});
    ws.load(theta, ws.job.theta);
    Patience patience(control);
    crew.run([&](int id) {
        const Entered<T> entered(ws);
        const long place = id * rows;  // its rows of the workspace
        const Part mine = part_of(parts(samples.m, rows), id, crew.size());
        for (long block = mine.begin; block < mine.end && !patience.stopped(); block++) {
            const long n = std::min(rows, samples.m - block * rows);
            Chunk chunk;
            chunk.first = block * rows - place;
            const Part own{place, place + n};
            ws.kernels.gather(ws.job, chunk, own, {0, spec.n_features});
            for (long l = 1; l <= ws.job.n_layers; l++)
                ws.kernels.forward(ws.job, chunk, l, own, {0, ws.panels_of(ws.job.layers[l])},
                                   {0, ws.job.layers[l].n_in}, ws.scratch[id]);
            ws.kernels.output(ws.job, chunk, own, ws.scratch[id], out);
            if (id == 0 && patience.ask(2 * weights(spec) * double(n)))
                ws.enter();
        }
    });
    Outcome outcome;
    outcome.interrupted = patience.stopped();
    if (!outcome.interrupted && all_finite(out, samples.m * spec.layers.back().units))
        ws.memory.keep();
    return outcome;
}

#define INSTANTIATE(T)                                                                                            \
    template Course epochs(const Target&, const NetworkSpec&, T*, T*, T*, const Samples<T>&, const Steps&,        \
                           const Control&);                                                                       \
    template Outcome cost(const Target&, const NetworkSpec&, const T*, T*, const Samples<T>&, const Steps&,       \
                          const Control&);                                                                        \
    template Outcome predict(const Target&, const NetworkSpec&, const T*, const Samples<T>&, T*, const Control&); \
    template long packed_size<T>(const Target&, const NetworkSpec&);                                              \
    template void pack(const Target&, const NetworkSpec&, const T*, T*);                                          \
    template void unpack(const Target&, const NetworkSpec&, const T*, T*);

INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace deltarule
