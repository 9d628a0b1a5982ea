// Long work is done in pieces, and between them is asked whether the user wants to stop.
#pragma once

#include <atomic>
#include <chrono>

#include "denormals.hpp"
#include "network.hpp"

namespace deltarule {

constexpr double SLICE = 2e8;      // operations in a piece of work that is not interrupted
constexpr double LEAST = 2e4;      // counted for any piece besides, however small
constexpr double PATIENCE = 0.05;  // seconds between two looks for Ctrl-C

// Asks now and then, on the calling thread, whether the user wants to stop
class Patience {
public:
    explicit Patience(const Control& control) : control_(control) {}

    bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

    // Whether somebody was asked
    bool ask(double work) {
        Unasked& unasked = control_.unasked;
        unasked.work += work + LEAST;
        if (unasked.work < SLICE || stopped())
            return false;
        unasked.work = 0;
        const auto now = std::chrono::steady_clock::now();
        if (std::chrono::duration<double>(now - unasked.since).count() < PATIENCE)
            return false;
        unasked.since = now;
        const WithDenormals kept(Denormals::kept);  // to whoever hears of it
        if (control_.interrupted && control_.interrupted())
            stopped_.store(true, std::memory_order_relaxed);
        return true;
    }

private:
    const Control& control_;
    std::atomic<bool> stopped_{false};
};

}  // namespace deltarule
