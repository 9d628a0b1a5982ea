// What the engine and its kernels say to each other. The engine (network.cpp) plans: memory, threads, order of the
// work. The kernels (kernels.cpp, compiled once for each instruction set) compute.
//
// Layout. Activations are row-major, a sample a row, with rows padded to whole vectors. The weights of a layer lie in
// panels, as the kernels read them: panel j holds the weights of PANEL neighboring units as [n_in][PANEL], padded with
// zeros; the last panel is narrower where that saves work. Gradients and moments have the same layout, so that an
// update is one stream. For dA = dZ W a panel's worth of them is turned at a time. A narrow layer, of a few units, has
// panels over its inputs: its units would leave most of a vector empty.
//
// Sums over the units of a wide layer, or over many inputs, forward and backward, begin with the first half of them for
// some units, and with the second half for the others: a thread that has computed one half can go on with that while
// another one computes the other.
#pragma once

#include <cstdint>

namespace deltarule {

struct Part {
    long begin, end;
};

struct StepRates {
    double alpha;  // learning rate
    double options[4];
    double power[2];  // options[0]^t and options[1]^t, which some rules need
};

template <class T> struct Layer {
    long n_in = 0, n_out = 0;
    long ld = 0;  // from row to row of its activations
    int activation = 0;
    double option = 0;
    bool narrow = false;
    bool tiles = false;                   // its products are those of tiles.hpp
    bool learns = false, shared = false;  // a parameter of the activation, one for each unit or one for all
    double dropout = 0;
    long W = 0, b = 0, p = 0;            // where they start in the packed parameters
    long first_half = 0;                 // units, or inputs, in it, if sums over them are those of two halves; else 0
    bool by_inputs = false;              // two threads have one half each of the inputs and their weights, not of units
    T *Z = nullptr, *a = nullptr;        // (rows, ld); the same memory if g' needs only a
    T *mask = nullptr, *seen = nullptr;  // dropout; what the next layer sees, a itself without dropout
    T *d = nullptr, *e = nullptr;        // dA, then dZ; dA ⊙ ∂g/∂p
};

constexpr long MOST_SHARES = 16;

// The sums of gradients that the threads leave, each of neighboring shares and in the place of its first one; after
// each, so many pairs of sums are complete. They are added two by two, and so on, like the shares of a thread.
struct Sums {
    long n = 0;
    struct {
        long first, pairs;
    } at[MOST_SHARES];
};

// A sequence of samples that are in memory at the same time: a batch, or a part of a large one.
struct Chunk {
    long first = 0;  // its first sample, in the order in which they are seen
    long rows = 0;
    long before = 0;          // samples of the batch in earlier chunks
    bool last = true;         // of its batch
    double total_weight = 1;  // of the batch
    std::uint64_t step = 0;   // key of the dropout masks
    long shares = 0;          // its rows in so many parts, each with a gradient of its own; 0: one gradient of all
    Sums sums = {};           // of those
};

template <class T> struct Job {
    long n_layers = 0;
    Layer<T>* layers = nullptr;  // 0 to n_layers; layers[0].seen are the inputs, if they are not read where they lie
    int loss = 0;
    double loss_option = 0;
    bool fused = false;
    const T* X = nullptr;  // (m, n_x), contiguous
    const T* y = nullptr;  // (m, n_L)
    const T* w = nullptr;  // (m,) or null
    const std::int64_t* order = nullptr;
    long n_order = 0;  // numbers in `order`: samples of all epochs
    std::uint64_t seed = 0;
    long n_parameters = 0;  // packed
    T *theta = nullptr, *m = nullptr, *v = nullptr, *g = nullptr;
    T* shares = nullptr;         // (shares of a chunk, n_parameters), their gradients
    double* row_loss = nullptr;  // weighted, of each row of the chunk
    double* penalty = nullptr;   // of each task
    int optimizer = -1;          // -1: the gradient is wanted, not a step
    double l1 = 0, l2 = 0;
    long aside = 0;  // numbers of a thread's scratch before those that pieces of factors are laid out in
    long kept = 1;   // panels of dZ that stay there
};

// Some terms of a sum, k0 to k1. Those that come first take the place of what was there; with the last, it is complete.
struct Terms {
    long k0, k1;
    bool first = true, last = true;
    bool left_laid = false;  // in scratch, from the call before, for the same rows
};

// The terms of a sum over n, of which the first half counts `first_half`, or 0 if it has none: they come in parts, 0
// and 1, in either order.
struct Halves {
    long n, first_half;
    int count() const { return first_half ? 2 : 1; }
    Terms in_order(int place, int half) const {
        return {half ? first_half : 0, half || !first_half ? n : first_half, place == 0, place + 1 == count()};
    }
};

// Of the sums of layer l over its inputs, and over its outputs
template <class T> Halves inputs_of(const Job<T>& job, long l) {
    return {job.layers[l].n_in, job.layers[l].narrow ? 0 : job.layers[l - 1].first_half};
}

template <class T> Halves outputs_of(const Job<T>& job, long l) {
    return {job.layers[l].n_out, job.layers[l].first_half};
}

constexpr long LEARNED = -1;  // in place of a panel

// A part of the update: inputs i0 to i1 of panel `panel` of dW, and db with the last of them; or, of LEARNED, dp.
struct Task {
    int layer;
    long panel, i0 = 0, i1 = 0;
    long at = 0, n = 0, b = 0, n_b = 0;  // its weights and its biases in the packed parameters
};

// What a thread has laid out for a task already, with the ones before: its inputs, and dZ of its panel, at a place
struct Laid {
    bool left = false, right = false;
    long place = 0;
};

template <class T> struct Kernels {
    long lanes;       // numbers in a vector
    long panel;       // units in a panel
    long block;       // inputs in a task
    long narrow;      // most units of a narrow layer
    long micro_rows;  // see micro.hpp
    // What a thread needs before it multiplies, and gives back
    void (*enter)();
    void (*leave)();
    bool (*by_tiles)(long n_in, long n_out, long rows, bool training);
    // On some rows of the chunk and panels of the layer that is written:
    void (*gather)(const Job<T>&, const Chunk&, Part rows, Part inputs);
    void (*forward)(const Job<T>&, const Chunk&, long layer, Part rows, Part panels, Terms, T* scratch);
    void (*head)(const Job<T>&, const Chunk&, Part rows, T* scratch);
    void (*output)(const Job<T>&, const Chunk&, Part rows, T* scratch, T* out);
    void (*backward)(const Job<T>&, long layer, Part rows, Part panels, Terms, T* scratch);  // writes the one below
    // of a share; added to what so many pairs of shares before it have
    void (*gradient_of_share)(const Job<T>&, const Chunk&, const Task&, const Laid&, Part rows, long share, long pairs,
                              T* scratch);
    void (*update)(const Job<T>&, const Chunk&, const Task&, const Laid&, double* penalty, const StepRates&,
                   T* scratch);
    long (*plan_scratch)(Job<T>&, long rows, bool training);  // see update.hpp
    // Between the layout of theta and the packed one
    void (*pack)(const Layer<T>&, const T* flat, T* packed);
    void (*unpack)(const Layer<T>&, const T* packed, T* flat);
    // One sample
    long (*row_scratch)(const Job<T>&);
    void (*predict_row)(const Job<T>&, const T* theta, const T* x, T* scratch, T* out);
    // Small networks
    double (*micro)(const Job<T>&, const Chunk&, T* scratch);
    long (*micro_scratch)(const Job<T>&);
    double (*micro_penalize)(const Job<T>&, double total_weight);
    void (*micro_step)(const Job<T>&, const StepRates&);
};

enum class LinearCurvature { one, itself, probability };  // of the loss by Z, from ŷ: 1, ŷ, ŷ (1 - ŷ)

// One layer over a whole table, see linear.hpp. Everything that is not the user's is double.
template <class T> struct LinearJob {
    const T* X = nullptr;      // (m, n)
    long row = 0, column = 0;  // from row to row, and from column to column, in numbers
    const T* y = nullptr;      // (m, k), contiguous
    const T* w = nullptr;      // (m,) or null
    long m = 0, n = 0, k = 0;
    double total = 1;              // weight of all rows
    const double* mean = nullptr;  // of each column: x' = (x - mean) inverse
    const double* inverse = nullptr;
    bool intercept = true;
    int activation = 0, loss = 0;
    LinearCurvature curvature = LinearCurvature::one;
    const double* W = nullptr;  // weights of x - mean, then biases, as [n + 1, padded][k, padded unless 1]
    double* a = nullptr;        // ŷ (m, k)
};

// Columns c0 to c1 with columns e0 to e1
struct LinearBlock {
    long c0, c1, e0, e1;
};

// Products of columns, of numbers S: see gram.hpp. Strips and G are in layouts of their own.
template <class T, class S> struct GramKernels {
    long rows, grain;  // rows laid out at a time, and a number of columns that leaves no room in any strip
    void (*lay_out)(const LinearJob<T>&, long r0, long r1, long c0, long c1, long i, long j, S* strips,
                    double* scratch);
    void (*gram)(const S* first, const S* second, long rows, LinearBlock, S* G);
    void (*unpack_gram)(LinearBlock, const S* G, bool onto, double* out, long ld);
    long (*strips_size)(long rows, long columns);
    long (*scratch)(long columns);
    long (*size)(LinearBlock);
};

template <class T> struct LinearKernels {
    long lanes;  // numbers in a vector of doubles
    void (*column_moments)(const LinearJob<T>&, long r0, long r1, double* sums, double* scratch);
    double (*linear_cost)(const LinearJob<T>&, long r0, long r1, double* g, double* scratch);
    long (*scratch)(const LinearJob<T>&);
    GramKernels<T, double> exact;
    GramKernels<T, T> quick;  // in the precision of the data

    template <class S> const GramKernels<T, S>& gram() const {
        if constexpr (sizeof(S) == sizeof(double))
            return exact;
        else
            return quick;
    }
};

struct ActivationTraits {
    const char* name;
    bool from_output;  // its derivative needs only a
};

struct LossTraits {
    const char* name;
    const char* output;  // the output activation it is fused with; null: goes with all
};

struct OptimizerTraits {
    const char* name;
    int moments;
};

// An elementary function of float32, as the kernels compute it, so that its error can be measured; n is a multiple of
// 16
struct FunctionTraits {
    const char* name;
    void (*run)(const float* x, float* y, long n);
};

// What one object, compiled for one instruction set, exports. The lists end with a null name.
struct Target {
    const char* name;
    const Kernels<float>* f32;
    const Kernels<double>* f64;
    const ActivationTraits* activations;
    const LossTraits* losses;
    const OptimizerTraits* optimizers;
    const FunctionTraits* functions;
    const LinearKernels<float>* linear_f32;
    const LinearKernels<double>* linear_f64;

    template <class T> const Kernels<T>& kernels() const {
        if constexpr (sizeof(T) == sizeof(float))
            return *f32;
        else
            return *f64;
    }

    template <class T> const LinearKernels<T>& linear() const {
        if constexpr (sizeof(T) == sizeof(float))
            return *linear_f32;
        else
            return *linear_f64;
    }
};

}  // namespace deltarule
