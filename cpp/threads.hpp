// The threads that share the work: started once, asleep between runs; a process that was forked starts its own.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

namespace deltarule {

// Where threads wait for one another, in as many rounds as it takes to hear of all: in the first, each signals to the
// next one, then to the second next, the fourth next ... A flag is written by one thread and read by one other. Waiting
// is short, so they look again and again, and let others run in between.
class Barrier {
public:
    explicit Barrier(int threads) : threads_(threads), places_(threads) {}
    void wait(int id);

private:
    static constexpr int ROUNDS = 10;  // 2^10 threads
    struct alignas(128) Flag {         // two lines, as processors fetch them in pairs
        std::atomic<unsigned> raised{0};
    };
    struct Place {
        Flag flags[ROUNDS];
        unsigned waits = 0;
    };
    const int threads_;
    std::vector<Place> places_;
};

struct Pool;

// As many threads as were asked for, or one if another run has the others: two fits at the same time share the cores by
// taking one each. How many there are never changes a result.
class Crew {
public:
    explicit Crew(int wanted);
    ~Crew();
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;
    int size() const { return size_; }
    // task(0) here and task(1) ... task(size - 1) on the others, where it must not throw; returns when all have
    // returned
    void run(const std::function<void(int)>& task);
    // Seconds in which two threads meet at a barrier: how far apart the cores are. Measured by the first who asks when
    // the helpers are free.
    static double seconds_to_meet();

private:
    Pool* const pool_;
    int size_ = 1;
};

}  // namespace deltarule
