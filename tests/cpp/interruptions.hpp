// Ctrl-C: heard wherever a computation is, without a trace of it, and without harm to whoever hears it.
#pragma once

#include "../../cpp/linear_model.hpp"
#include "../../cpp/patience.hpp"
#include "helpers.hpp"

namespace {

// Whoever hears that there may be an interruption may multiply tiles too, and gives them back
void nested(const Target& target) {
    const NetworkSpec spec = network({512, 1024, 1024, 512, 4}, 2, 0, 0, false, 0, false);
    const long m = 4096, P = spec.parameters();
    const Numbers<float> X(m * 512, 0, -1, 1, 1), y(m * 4, 0, 0, 1, 2), first(P, 0, -.05, .05, 3);
    Steps steps;
    steps.batch_size = 1024;
    steps.alphas.assign(4, 1e-3);
    steps.optimizer = index_of("gradient_descent", target.optimizers);
    for (const int threads : {1, 2}) {
        std::vector<float> theta[2], out(400 * 4);
        int heard = 0;
        for (const bool disturbed : {false, true}) {
            theta[disturbed].assign(first.data, first.data + P);
            const auto interrupted = [&] {
                if (disturbed)
                    predict<float>(target, spec, first.data, {X.data, nullptr, nullptr, nullptr, 400}, out.data(), {});
                heard += disturbed;
                return false;
            };
            for (int i = 0; i < (disturbed ? 20 : 1) && heard == 0; i++) {
                theta[disturbed].assign(first.data, first.data + P);
                epochs<float>(target, spec, theta[disturbed].data(), nullptr, nullptr,
                              {X.data, y.data, nullptr, nullptr, m}, steps, {threads, interrupted, true});
            }
        }
        expect(heard > 0, "somebody heard");
        expect(theta[0] == theta[1], "the same bits when somebody multiplied in between");
    }
}

// Ctrl-C once `after` operations are done, if there are so many
struct Pressed {
    bool heard = false;
    Control control;
    Pressed(int threads, double after)
        : control{threads, [this] { return !std::exchange(heard, true); }, true, {SLICE - after, {}}} {}
};

void heard_in_products(const Target& target) {
    const long m = 190, n = 300, q = n + 2;
    const Numbers<float> X(m * n, 0, -1, 1, 1), y(m, 0, 0, 1, 2);
    const Numbers<double> mean(n + 1, 0, -1, 1, 3), inverse(n + 1, 0, 1, 2, 4);
    LinearJob<float> job;
    job.X = X.data;
    job.row = n;
    job.column = 1;
    job.y = y.data;
    job.m = m;
    job.n = n;
    job.k = 1;
    job.total = double(m);
    job.mean = mean.data;
    job.inverse = inverse.data;
    std::vector<double> out(q * q);
    int times[2] = {};
    for (double after = 1.6e7; after < 2e7; after += 2e4) {
        Pressed pressed(1, after);
        const bool stopped = gram<float, double>(target, job, 0, 0, q, out.data(), pressed.control).interrupted;
        expect(stopped == pressed.heard, "products that Ctrl-C stopped say so");
        times[stopped]++;
    }
    expect(times[0] > 10 && times[1] > 10, "Ctrl-C in the midst of products, and later");
}

void heard_in_epochs(const Target& target) {
    const long m = 100, epochs = 3;
    const int tanh = index_of("tanh", target.activations);
    for (const auto& sizes : {std::vector<long>{3, 5, 2}, std::vector<long>{9, 40, 2}, std::vector<long>{70, 300, 2}}) {
        const NetworkSpec spec = network(sizes, tanh, index_of("identity", target.activations), 0, false, 0, false);
        const Numbers<double> X(m * sizes[0], 0, -1, 1, 1), y(m * 2, 0, 0, 1, 2),
            first(spec.parameters(), 0, -.5, .5, 3);
        std::vector<double> theta(spec.parameters());
        Steps steps;
        steps.batch_size = 30;
        steps.epochs = epochs;
        steps.alphas.assign(4 * epochs, 0.01);
        steps.optimizer = index_of("gradient_descent", target.optimizers);
        for (const int threads : {1, 2}) {
            int times[2] = {};
            for (double after = 1e3; after < 2e8; after *= 1.2) {
                Pressed pressed(threads, after);
                theta.assign(first.data, first.data + theta.size());
                const Course course =
                    deltarule::epochs<double>(target, spec, theta.data(), nullptr, nullptr,
                                              {X.data, y.data, nullptr, nullptr, m}, steps, pressed.control);
                expect(course.interrupted == pressed.heard, "epochs that Ctrl-C stopped say so");
                expect(course.interrupted == std::equal(theta.begin(), theta.end(), first.data),
                       "after Ctrl-C the weights are those from before, else not");
                expect(course.interrupted || long(course.costs.size()) == epochs, "each epoch has a cost");
                times[course.interrupted]++;
            }
            expect(times[0] > 2 && times[1] > 2, "Ctrl-C in the midst of epochs, and later");
        }
    }
}

void heard_anywhere(const Target& target) {
    heard_in_products(target);
    heard_in_epochs(target);
}

}  // namespace
