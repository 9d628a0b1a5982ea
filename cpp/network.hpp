// What the engine does: epochs of steps, a cost with its gradient, predictions. Here is the plan; the arithmetic is
// the kernels'.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels.hpp"

namespace deltarule {

struct LayerSpec {
    long units;
    int activation;  // index into the target's list
    double option;
    bool learns, shared;
    double dropout;
    bool operator==(const LayerSpec&) const = default;
};

struct NetworkSpec {
    long n_features;
    std::vector<LayerSpec> layers;
    int loss;
    double loss_option;
    bool fused;
    long parameters() const;
    bool operator==(const NetworkSpec&) const = default;
};

template <class T> struct Samples {
    const T* X = nullptr;
    const T* y = nullptr;
    const T* w = nullptr;                 // null: all weigh 1
    const std::int64_t* order = nullptr;  // null: as they lie; of several epochs one after the other
    long m = 0;                           // how many are seen, in each epoch

    // Which one is seen as number i
    long at(long i) const { return order ? order[i] : i; }
};

struct Steps {
    long batch_size = 1;
    long first = 0;              // steps of the run before these
    std::vector<double> alphas;  // of all steps
    long epochs = 1;             // so many, each of as many steps
    std::uint64_t seed = 0;
    int optimizer = -1;
    double options[4] = {};
    double l1 = 0, l2 = 0;
    long each() const { return long(alphas.size()) / epochs; }
};

struct Outcome {
    double cost = 0;
    bool interrupted = false;
};

// What became of some epochs
struct Course {
    std::vector<double> costs;  // of each that ended: the mean of the batches' costs, penalties included
    long failed = -1;           // the step, from 0 at the first of them, at which the cost ceased to be finite
    bool interrupted = false;
};

// Since somebody last looked whether the user wants to stop: operations, and when that was
struct Unasked {
    double work = 0;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
};

struct Control {
    int threads = 1;                    // at most
    std::function<bool()> interrupted;  // asked now and then by the calling thread; must not throw
    bool all = false;                   // so many, whether it is quicker or not
    mutable Unasked unasked = {};       // of the calling thread: many short pieces of work are as long as a long one
};

// Takes the steps of some epochs, in place on theta and the moments (packed; null where the optimizer has none). Where
// one fails, they are as the steps before it left them; after an interruption theta is as it was, and the moments are
// not.
template <class T>
Course epochs(const Target&, const NetworkSpec&, T* theta, T* m, T* v, const Samples<T>&, const Steps&, const Control&);

// Between the layout of theta and that in which the kernels keep parameters and moments, in packed_size<T> numbers;
// padding must be zero.
template <class T> long packed_size(const Target&, const NetworkSpec&);
template <class T> void pack(const Target&, const NetworkSpec&, const T* flat, T* packed);
template <class T> void unpack(const Target&, const NetworkSpec&, const T* packed, T* flat);

// The cost over all samples; unless g is null, with penalties, and its gradient into g.
template <class T>
Outcome cost(const Target&, const NetworkSpec&, const T* theta, T* g, const Samples<T>&, const Steps&, const Control&);

// ŷ (m, n_L) into out.
template <class T>
Outcome predict(const Target&, const NetworkSpec&, const T* theta, const Samples<T>&, T* out, const Control&);

}  // namespace deltarule
