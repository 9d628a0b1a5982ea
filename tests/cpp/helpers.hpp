// What the tests of the core share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "../../cpp/dispatch.hpp"
#include "../../cpp/network.hpp"

using namespace deltarule;

namespace {

void expect(bool condition, const char* what) {
    if (!condition) {
        std::printf("failed: %s\n", what);
        std::exit(1);
    }
}

// Numbers that begin `offset` places after where memory would be aligned, and end where the allocation ends
template <class T> struct Numbers {
    std::vector<T> memory;
    T* data;
    Numbers(long n, int offset, double low, double high, unsigned seed)
        : memory(n + offset), data(memory.data() + offset) {
        std::mt19937 random(seed);
        std::uniform_real_distribution<double> draw(low, high);
        std::generate(memory.begin() + offset, memory.end(), [&] { return T(draw(random)); });
    }
};

// Where a list of kernels has this name
template <class Traits> int index_of(const char* name, const Traits* list) {
    int i = 0;
    while (list[i].name && std::strcmp(list[i].name, name) != 0)
        i++;
    return i;
}

NetworkSpec network(std::vector<long> sizes, int activation, int output, int loss, bool fused, double dropout,
                    bool learns) {
    NetworkSpec spec{sizes[0], {}, loss, 0.3, fused};
    for (std::size_t l = 1; l < sizes.size(); l++) {
        const bool last = l + 1 == sizes.size();
        spec.layers.push_back({sizes[l], last ? output : activation, 0.25, learns && !last,
                               learns && l % 2 == 0 && !last, last ? 0 : dropout});
    }
    return spec;
}

}  // namespace
