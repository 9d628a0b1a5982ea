#include "workspace.hpp"

namespace deltarule {

namespace {

// Where part k of n begins, a multiple of `unit`
long first_of(long n, long k, long parts, long unit) {
    return std::min(n, rounded_up(n * k / parts, unit));
}

constexpr long HALVED = 4;  // panels of a layer whose sums are those of two halves

}  // namespace

template <class T>
void describe(const NetworkSpec& spec, const Samples<T>& samples, std::vector<Layer<T>>& layers, Job<T>& job) {
    job.n_layers = long(spec.layers.size());
    job.layers = layers.data();
    job.loss = spec.loss;
    job.loss_option = spec.loss_option;
    job.fused = spec.fused;
    job.X = samples.X;
    job.y = samples.y;
    job.w = samples.w;
    job.order = samples.order;
    job.n_order = samples.m;
    layers[0].n_out = spec.n_features;
    for (long l = 1; l <= job.n_layers; l++) {
        const LayerSpec& from = spec.layers[l - 1];
        Layer<T>& layer = layers[l];
        layer.n_in = layers[l - 1].n_out;
        layer.n_out = from.units;
        layer.activation = from.activation;
        layer.option = from.option;
        layer.learns = from.learns;
        layer.shared = from.shared;
        layer.dropout = from.dropout;
    }
}

template <class T>
Layout<T>::Layout(const Target& target, const NetworkSpec& spec, const Samples<T>& samples, bool training)
    : kernels(target.kernels<T>()), micro(training && is_small(spec)), layers_(spec.layers.size() + 1) {
    describe(spec, samples, layers_, job);
    long at = 0;
    for (long l = 1; l <= job.n_layers; l++) {
        Layer<T>& layer = layers_[l];
        layer.narrow = !micro && layer.n_out <= kernels.narrow;
        const long units = micro ? layer.n_out : rounded_up(layer.n_out, kernels.lanes);
        layer.W = at;
        layer.b = at + (layer.narrow ? layer.n_out * rounded_up(layer.n_in, kernels.lanes) : units * layer.n_in);
        layer.p = layer.b + units;
        at = layer.p + (layer.learns ? units : 0);
    }
    job.n_parameters = at;
}

template <class T>
Workspace<T>::Workspace(const Target& target, const NetworkSpec& spec, const Samples<T>& samples, const Room& room)
    : Layout<T>(target, spec, samples, room.training),
      memory(Use{&target, spec, room, sizeof(T), samples.order != nullptr}),
      target_(target),
      rows_(room.rows) {
    const auto& [rows, threads, training, gradient, moments] = room;
    by_shares = training && !micro && deltarule::by_shares(spec, rows);
    for (long l = 1; l <= job.n_layers && !micro; l++) {
        layers_[l].tiles = kernels.by_tiles(layers_[l].n_in, layers_[l].n_out, rows, training);
        tiles = tiles || layers_[l].tiles;
    }
    if (training && !micro && !by_shares)
        halve();
    place_activations(micro ? kernels.micro_rows : training ? rows : rows * threads, training);
    job.theta = memory.take<T>(job.n_parameters);
    if (gradient || (training && micro))
        job.g = memory.take<T>(job.n_parameters);
    job.row_loss = memory.take<double>(2 * rows);
    if (training && !micro)
        make_tasks();
    job.penalty = memory.take<double>(long(tasks.size()));
    if (by_shares)
        job.shares = memory.take<T>(2 * shares_of(rows) * job.n_parameters);
    const long most = micro ? kernels.micro_scratch(job) : kernels.plan_scratch(job, rows, training);
    for (int id = 0; id < threads; id++)
        scratch.push_back(memory.take<T>(most));
}

// Whether a first layer has so many inputs that they are shared out; as measured
template <class T> bool sees_many(const Layer<T>& first, long rows) {
    return first.tiles ? first.n_in > 2 * first.n_out && rows <= 512 : first.n_in >= 8 * first.n_out && rows >= 64;
}

template <class T> void Workspace<T>::halve() {
    const auto half = [&](long n) { return n >= HALVED ? n / 2 * kernels.panel : 0; };
    for (long l = 1; l <= job.n_layers; l++)
        layers_[l].first_half = half(this->panels_of(layers_[l]));
    // Of inputs much wider than the layer each thread has one half, as gathering them, and splitting them into pieces,
    // would take as long as the products
    const Layer<T>& first = layers_[1];
    if (sees_many(first, rows_))
        layers_[0].first_half = half(parts(first.n_in, kernels.panel));
    // Of a layer with half as many units as it sees, or fewer, less goes from core to core where each thread has one
    // half of what it sees
    for (long l = 1; l <= job.n_layers; l++) {
        const bool narrowing = l == 1 || (layers_[l].n_in >= 2 * layers_[l].n_out && rows_ >= 100);
        layers_[l].by_inputs = layers_[l - 1].first_half > 0 && this->panels_of(layers_[l]) >= 2 && narrowing;
    }
}

template <class T> void Workspace<T>::place_activations(long rows, bool training) {
    // inputs are read in place, unless they are reordered, read as whole vectors (narrow layers), or have rows that
    // collide in the cache
    const bool in_place = !micro && !job.order && !layers_[1].narrow && layers_[0].n_out * sizeof(T) % 1024 != 0;
    for (long l = in_place; l <= job.n_layers; l++) {
        Layer<T>& layer = layers_[l];
        // rows of a length that is a power of two would all fall on the same few places of the cache
        layer.ld = rounded_up(layer.n_out, kernels.lanes);
        if (layer.ld * sizeof(T) % 256 == 0)
            layer.ld += 64 / long(sizeof(T));
        const long n = rows * layer.ld;
        layer.seen = layer.a = layer.Z = memory.take<T>(n);
        if (l == 0 || !training)
            continue;
        if (!target_.activations[layer.activation].from_output)
            layer.Z = memory.take<T>(n);
        layer.d = memory.take<T>(n);
        if (layer.learns)
            layer.e = memory.take<T>(n);
        if (layer.dropout > 0) {
            layer.mask = memory.take<T>(n);
            layer.seen = memory.take<T>(n);
        }
    }
}

template <class T> Job<T> Workspace<T>::job_of(int id) {
    if (id == 0)
        return job;
    Job<T> own = job;
    std::vector<Layer<T>>& layers = copies_.emplace_back(layers_);
    own.layers = layers.data();
    if (!by_shares) {
        if (layers[0].seen)
            layers[0].seen = memory.template take<T>(rows_ * layers[0].ld);
        return own;
    }
    for (T** changed : {&own.theta, &own.m, &own.v, &own.g})
        if (const T* from = *changed) {
            *changed = memory.template take<T>(job.n_parameters);
            std::copy_n(from, job.n_parameters, *changed);
        }
    own.penalty = memory.template take<double>(long(tasks.size()));
    return own;
}

template <class T> void Workspace<T>::make_tasks() {
    for (long l = 1; l <= job.n_layers; l++) {
        const Layer<T>& layer = layers_[l];
        const long half = layer.by_inputs ? layers_[l - 1].first_half : 0;
        if (half)
            make_tasks(l, {0, half});
        make_tasks(l, {half, layer.n_in});
        if (layer.learns)
            tasks.push_back(
                {.layer = int(l), .panel = LEARNED, .at = layer.p, .n = rounded_up(layer.n_out, kernels.lanes)});
    }
}

template <class T> void Workspace<T>::make_tasks(long l, Part inputs) {
    const long n = inputs.end - inputs.begin, blocks = parts(n, kernels.block);
    const long columns = layers_[l].narrow ? 1 : this->panels_of(layers_[l]);
    for (long k = 0; k < blocks; k++) {
        const long i0 = inputs.begin + first_of(n, k, blocks, kernels.panel);
        const long i1 = inputs.begin + first_of(n, k + 1, blocks, kernels.panel);
        for (long j = 0; j < columns; j++)
            tasks.push_back(task_of(l, j, i0, i1));
    }
}

template <class T> Task Workspace<T>::task_of(long l, long panel, long i0, long i1) const {
    const Layer<T>& layer = layers_[l];
    const long first = panel * kernels.panel,
               width = std::min(kernels.panel, rounded_up(layer.n_out - first, kernels.lanes));
    Task task{.layer = int(l), .panel = panel, .i0 = i0, .i1 = i1, .b = layer.b + first};
    task.n_b = i1 == layer.n_in ? width : 0;
    if (layer.narrow) {
        task.at = layer.W + i0 * layer.n_out;
        task.n = rounded_up(i1 - i0, kernels.lanes) * layer.n_out;
    } else {
        task.at = layer.W + first * layer.n_in + i0 * width;
        task.n = (i1 - i0) * width;
    }
    return task;
}

template void describe(const NetworkSpec&, const Samples<float>&, std::vector<Layer<float>>&, Job<float>&);
template void describe(const NetworkSpec&, const Samples<double>&, std::vector<Layer<double>>&, Job<double>&);
template class Layout<float>;
template class Layout<double>;
template class Workspace<float>;
template class Workspace<double>;

}  // namespace deltarule
