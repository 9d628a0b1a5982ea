// How many threads are of use while other programs keep the cores busy.
#pragma once

#include <atomic>
#include <chrono>
#include <climits>
#include <cmath>

namespace deltarule {

// Where other programs want the cores as well, a thread has one for a share s of the time. Of n threads that wait for
// each other none gets on unless all have one, so they do n s^n of the work of a core. This finds the share; where half
// as many threads would do more, there are no more for a while.
class Crowd {
public:
    int most() const { return Clock::now() < until_.load() ? most_.load() : INT_MAX; }

    // After a run: for how many seconds, in all, its n threads wanted processors, and had them
    void heed(int n, double wanted, double had) {
        if (n != n_)
            begin(n);
        wanted_ += wanted;
        had_ += had;
        const double seconds = wanted_ / n, share = had_ / wanted_;
        if (seconds < LOOK)
            return;
        const int half = n / 2;
        if (n * std::pow(share, n) < half * std::pow(share, half)) {
            most_ = half;
            until_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(REST * Seconds(seconds));
        }
        begin(n);
    }

private:
    using Clock = std::chrono::steady_clock;
    using Seconds = std::chrono::duration<double>;
    static constexpr double LOOK = 0.02;  // seconds of runs, at least, before it says how they went
    static constexpr double REST = 10;    // so many times as long there are fewer threads then
    std::atomic<int> most_{0};
    std::atomic<Clock::time_point> until_{Clock::time_point::min()};
    int n_ = 0;  // threads of the runs since it last said so, and their seconds
    double wanted_ = 0, had_ = 0;

    void begin(int n) {
        n_ = n;
        wanted_ = had_ = 0;
    }
};

}  // namespace deltarule
