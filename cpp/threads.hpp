// The threads that share the work: started once, asleep between runs; a process that was forked starts its own.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

namespace deltarule {

// Where threads meet. Each says when it has arrived, and waits for the others when it needs them, so that it may do
// something else in between. Waiting is short, so they look again and again, and let others run in between.
class Barrier {
public:
    explicit Barrier(int threads) : places_(threads) {}
    void arrive(int id);
    void wait(int id);  // until all others have arrived as often

private:
    struct alignas(128) Place {  // two lines, as processors fetch them in pairs
        std::atomic<unsigned> arrived{0};
        alignas(128) unsigned often = 0;  // the same, for the thread itself, which then need not ask the others' caches
    };
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
    // The same for threads that wait for each other, again and again; how many of them are of use while other programs
    // keep the cores busy
    void run_in_step(const std::function<void(int)>& task);
    static int most_in_step();
    // Seconds in which two threads meet at a barrier: how far apart the cores are. Measured by the first who asks when
    // the helpers are free.
    static double seconds_to_meet();

private:
    Pool* const pool_;
    int size_ = 1;
};

}  // namespace deltarule
