// The threads that share the work: started once, asleep between runs; a process that was forked starts its own.
#pragma once

#include <atomic>
#include <functional>

namespace deltarule {

// Where threads wait for one another. Waiting is short, so they look again and again, and let others run in between.
class Barrier {
public:
    explicit Barrier(int threads) : threads_(threads) {}
    void wait();

private:
    const int threads_;
    std::atomic<int> arrived_{0};
    std::atomic<unsigned> round_{0};
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

private:
    Pool* const pool_;
    int size_ = 1;
};

}  // namespace deltarule
