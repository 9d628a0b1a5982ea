// Trains a network of float32 with Adam, without Python: what a profiler looks at. Prints microseconds a step.
//
//     steps THREADS STEPS EPOCHS ACTIVATION BATCH N_X N_1 ... N_L
#include <chrono>
#include <cstdio>

#include "../../tests/cpp/helpers.hpp"

int main(int count, char** words) {
    if (count < 8) {
        std::printf("usage: steps THREADS STEPS EPOCHS ACTIVATION BATCH N_X N_1 ... N_L\n");
        return 2;
    }
    const char* isa = std::getenv("DELTARULE_ISA");
    const Target& target = isa ? deltarule::target(isa) : *targets().front();
    std::vector<long> sizes;
    for (int i = 6; i < count; i++)
        sizes.push_back(std::atol(words[i]));
    const long n = std::atol(words[2]), repeats = std::atol(words[3]), batch = std::atol(words[5]), m = n * batch;
    const bool many = sizes.back() > 1;
    const NetworkSpec net = network(
        sizes, index_of(words[4], target.activations), index_of(many ? "softmax" : "sigmoid", target.activations),
        index_of(many ? "categorical_cross_entropy" : "binary_cross_entropy", target.losses), true, 0, false);
    const Numbers<float> X(m * sizes[0], 0, -1, 1, 1);
    Numbers<float> theta(net.parameters(), 0, -0.1, 0.1, 2);
    std::vector<float> y(m * sizes.back()), first(packed_size<float>(target, net)), second(first.size());
    for (long i = 0; i < m; i++)
        y[i * sizes.back() + i % sizes.back()] = many ? 1 : float(i % 2);
    std::vector<std::int64_t> order(m);
    for (long i = 0; i < m; i++)
        order[i] = (i * 7919) % m;
    Steps steps;
    steps.batch_size = batch;
    steps.alphas.assign(n, 1e-3);
    steps.optimizer = index_of("adam", target.optimizers);
    std::copy_n((const double[]){0.9, 0.999, 1e-8}, 3, steps.options);
    const Control control{std::atoi(words[1]), [] { return false; }};
    const auto began = std::chrono::steady_clock::now();
    for (long i = 0; i < repeats; i++)
        epochs<float>(target, net, theta.data, first.data(), second.data(),
                      {X.data, y.data(), nullptr, order.data(), m}, steps, control);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf("%.4g\n", 1e6 * seconds / double(n * repeats));
}
