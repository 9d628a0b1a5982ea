// A network laid out for the kernels, with memory for some samples at a time.
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "memory.hpp"
#include "plan.hpp"

namespace deltarule {

// Sizes, activations, loss and samples of a job; no memory yet
template <class T>
void describe(const NetworkSpec& spec, const Samples<T>& samples, std::vector<Layer<T>>& layers, Job<T>& job);

// Where the parameters of a network lie for the kernels
template <class T> class Layout {
public:
    const Kernels<T>& kernels;
    const bool micro;  // small networks have the layout of theta itself
    Job<T> job;

    Layout(const Target& target, const NetworkSpec& spec, const Samples<T>& samples, bool training);

    long panels_of(const Layer<T>& layer) const { return parts(layer.n_out, kernels.panel); }

    void load(const T* flat, T* packed) const {
        each_layer([&](const Layer<T>& layer, long at) { kernels.pack(layer, flat + at, packed); }, flat, packed);
    }

    void save(const T* packed, T* flat) const {
        each_layer([&](const Layer<T>& layer, long at) { kernels.unpack(layer, packed, flat + at); }, packed, flat);
    }

protected:
    std::vector<Layer<T>> layers_;

private:
    template <class Move> void each_layer(Move move, const T* from, T* to) const {
        if (micro) {
            std::copy_n(from, job.n_parameters, to);
            return;
        }
        long at = 0;
        for (long l = 1; l <= job.n_layers; l++) {
            const Layer<T>& layer = layers_[l];
            move(layer, at);
            at += layer.n_out * (layer.n_in + 1) + (layer.learns ? layer.shared ? 1 : layer.n_out : 0);
        }
    }
};

// The same with memory for some samples at a time
template <class T> class Workspace : public Layout<T> {
public:
    using Layout<T>::kernels, Layout<T>::micro, Layout<T>::job;
    std::vector<Task> tasks;  // of an update
    bool by_shares = false;   // whether each share of the rows has a gradient of its own
    bool tiles = false;       // whether any product is of tiles
    std::vector<T*> scratch;  // one for each thread
    Memory memory;

    Workspace(const Target& target, const NetworkSpec& spec, const Samples<T>& samples, const Room& room);

    // What a thread does before it calls kernels, and afterwards
    void enter() const {
        if (tiles)
            kernels.enter();
    }
    void leave() const {
        if (tiles)
            kernels.leave();
    }

    // The job for a thread: with inputs of its own, and where the rows are in shares, for all but the first with a copy
    // of everything that a step changes
    Job<T> job_of(int id);

    // Lets the job of a thread write its losses and gradients elsewhere than the last time
    void alternate(Job<T>& own) const {
        const bool first = own.row_loss == job.row_loss;
        own.row_loss = job.row_loss + (first ? rows_ : 0);
        own.shares = job.shares + (first ? shares_of(rows_) * job.n_parameters : 0);
    }

private:
    using Layout<T>::layers_;
    const Target& target_;
    const long rows_;  // see Room
    std::deque<std::vector<Layer<T>>> copies_;

    void place_activations(long rows, bool training);
    void halve();
    void make_tasks();
    void make_tasks(long l, Part inputs);
    Task task_of(long l, long panel, long i0, long i1) const;
};

// While it lives, its thread may call kernels
template <class T> class Entered {
public:
    explicit Entered(const Workspace<T>& ws) : ws_(ws) { ws_.enter(); }
    ~Entered() { ws_.leave(); }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

private:
    const Workspace<T>& ws_;
};

}  // namespace deltarule
