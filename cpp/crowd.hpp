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

    // After a run of n threads, which took so many seconds and had processors for so many, in all
    void heed(int n, double seconds, double on_processors) {
        if (n != n_)
            begin(n);
        seconds_ += seconds;
        on_processors_ += on_processors;
        if (seconds_ < LOOK)
            return;
        const double share = on_processors_ / (seconds_ * n);
        const int half = n / 2;
        if (n * std::pow(share, n) < half * std::pow(share, half)) {
            most_ = half;
            until_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(REST * Seconds(seconds_));
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
    double seconds_ = 0, on_processors_ = 0;

    void begin(int n) {
        n_ = n;
        seconds_ = on_processors_ = 0;
    }
};

}  // namespace deltarule
