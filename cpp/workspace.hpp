// A network laid out for the kernels, with memory for some samples at a time.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <vector>

#include "network.hpp"

namespace deltarule {

// Zeroed memory, aligned to cache lines, all freed together
class Memory {
public:
    Memory() = default;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() {
        for (void* block : blocks_)
            std::free(block);
    }

    template <class T> T* zeros(long n) {
        constexpr std::size_t line = 64;
        if (n < 0 || std::size_t(n) > std::numeric_limits<std::size_t>::max() / (4 * sizeof(T)))
            throw std::bad_alloc();
        blocks_.reserve(blocks_.size() + 1);
        void* block = std::calloc(n * sizeof(T) + 2 * line, 1);  // a vector may be read past the end
        if (!block)
            throw std::bad_alloc();
        blocks_.push_back(block);
        const auto at = reinterpret_cast<std::uintptr_t>(block);
        return reinterpret_cast<T*>((at + line - 1) / line * line);
    }

private:
    std::vector<void*> blocks_;
};

template <class T> class Workspace {
public:
    const Kernels<T>& kernels;
    Job<T> job;
    bool micro = false;
    std::vector<Task> tasks;  // of an update
    std::vector<T*> scratch;  // one for each thread
    Memory memory;

    Workspace(const Target& target, const NetworkSpec& spec, const Samples<T>& samples, long rows, bool training,
              int threads);

    void load(const T* flat, T* packed) const {
        each_layer([&](const Layer<T>& layer, long at) { kernels.pack(layer, flat + at, packed); }, flat, packed);
    }

    void save(const T* packed, T* flat) const {
        each_layer([&](const Layer<T>& layer, long at) { kernels.unpack(layer, packed, flat + at); }, packed, flat);
    }

    void transpose() const {
        for (const Layer<T>& layer : layers_)
            if (layer.back)
                kernels.transpose(layer, job.theta);
    }

private:
    std::vector<Layer<T>> layers_;
    const Target& target_;

    void place_parameters();
    void place_activations(long rows, bool training);
    void make_tasks();

    // Small networks have the layout of theta itself.
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

}  // namespace deltarule
