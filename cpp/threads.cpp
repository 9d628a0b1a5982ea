#include "threads.hpp"

#include <pthread.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <chrono>
#include <ctime>
#include <exception>
#include <mutex>
#include <thread>

#include "crowd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace deltarule {

namespace {

constexpr int LOOKS = 400;                     // before a waiting thread lets others run
constexpr std::chrono::milliseconds AWAKE(1);  // before an idle thread goes to sleep: the next epoch may be near
constexpr int MOST_THREADS = 1024;

void pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Waiting for what other threads are about to do
template <class Done> void wait_until(Done done) {
    for (int look = 0; !done(); look++) {
        if (look < LOOKS)
            pause();
        else
            std::this_thread::yield();
    }
}

// For which this thread has had a processor
double seconds_on_processor() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

int current_processor() {
#if defined(__linux__)
    return sched_getcpu();
#else
    return -1;
#endif
}

// Goes on elsewhere: a new thread begins on the processor of whoever started it, and the system may leave both there
// for many milliseconds. Afterwards it may be anywhere among those that the process has now.
void leave(int processor) {
#if defined(__linux__)
    const pthread_t self = pthread_self();
    cpu_set_t all;
    if (processor < 0 || pthread_getaffinity_np(self, sizeof all, &all) != 0)
        return;
    cpu_set_t others = all;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) > 0 && pthread_setaffinity_np(self, sizeof others, &others) == 0)
        pthread_setaffinity_np(self, sizeof all, &all);
#else
    (void)processor;
#endif
}

}  // namespace

// The helper threads; they live as long as the process.
struct Pool {
    std::mutex busy;  // held by the crew that has the helpers
    std::atomic<int> crews{0};
    std::atomic<unsigned long> round{0};  // number of the run, and in its low bits how many threads take part
    std::atomic<int> working{0};
    const std::function<void(int)>* task = nullptr;
    int helpers = 0;
    Crowd crowd;

    void help(int id, unsigned long seen) {
        for (;;) {
            const auto idle_since = std::chrono::steady_clock::now();
            for (int look = 0; round.load(std::memory_order_acquire) == seen; look++) {
                if (look < LOOKS)
                    pause();
                else if (std::chrono::steady_clock::now() - idle_since < AWAKE)
                    std::this_thread::yield();
                else
                    round.wait(seen, std::memory_order_acquire);
            }
            seen = round.load(std::memory_order_acquire);
            if (id < int(seen % MOST_THREADS)) {
                (*task)(id);
                working.fetch_sub(1, std::memory_order_release);
            }
        }
    }

    void grow(int wanted) {
        while (helpers < wanted) {
            const int id = helpers + 1;
            std::thread([this, id, seen = round.load(), processor = current_processor()] {
                leave(processor);
                help(id, seen);
            }).detach();
            helpers = id;
        }
    }
};

namespace {

std::atomic<Pool*> pool{nullptr};

// A child process has none of its parent's threads: it begins with a pool of its own.
void forget() {
    pool.store(new Pool);
}

Pool& the_pool() {
    static const bool ready = [] {
        forget();
        pthread_atfork(nullptr, nullptr, forget);
        return true;
    }();
    (void)ready;
    return *pool.load();
}

}  // namespace

void Barrier::arrive(int id) {
    places_[id].arrived.store(++places_[id].often, std::memory_order_release);
}

void Barrier::wait(int id) {
    const unsigned often = places_[id].often;
    for (const Place& other : places_)
        if (&other != &places_[id])  // one that is ahead may have arrived again
            wait_until([&] { return int(other.arrived.load(std::memory_order_acquire) - often) >= 0; });
}

Crew::Crew(int wanted) : pool_(&the_pool()) {
    const int others = pool_->crews.fetch_add(1);
    if (wanted <= 1 || others > 0 || !pool_->busy.try_lock())
        return;
    size_ = wanted < MOST_THREADS ? wanted : MOST_THREADS - 1;
    try {
        pool_->grow(size_ - 1);
    } catch (const std::exception&) {  // the system has no more threads or memory to give: fewer will do
        size_ = std::min(size_, pool_->helpers + 1);
    }
    if (size_ == 1)
        pool_->busy.unlock();
}

Crew::~Crew() {
    if (size_ > 1)
        pool_->busy.unlock();
    pool_->crews.fetch_sub(1);
}

void Crew::run(const std::function<void(int)>& task) {
    if (size_ == 1)
        return task(0);
    Pool& p = *pool_;
    p.task = &task;
    p.working.store(size_ - 1, std::memory_order_relaxed);
    const unsigned long runs = p.round.load(std::memory_order_relaxed) / MOST_THREADS;
    p.round.store((runs + 1) * MOST_THREADS + size_, std::memory_order_release);
    p.round.notify_all();
    const struct Wait {  // even if the task throws here: the others are still at it
        Pool& pool;
        ~Wait() {
            wait_until([&] { return pool.working.load(std::memory_order_acquire) == 0; });
        }
    } wait{p};
    task(0);
}

void Crew::run_in_step(const std::function<void(int)>& task) {
    if (size_ == 1)
        return task(0);
    std::atomic<double> wanted{0}, had{0};
    run([&](int id) {
        const auto began = std::chrono::steady_clock::now();
        const double before = seconds_on_processor();
        task(id);
        had.fetch_add(seconds_on_processor() - before, std::memory_order_relaxed);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        wanted.fetch_add(took.count(), std::memory_order_relaxed);
    });
    pool_->crowd.heed(size_, wanted.load(std::memory_order_relaxed), had.load(std::memory_order_relaxed));
}

int Crew::most_in_step() {
    return the_pool().crowd.most();
}

double Crew::seconds_to_meet() {
    constexpr double usual = 2e-7, most = 1e-6;  // longer: they were not on two cores at the time
    constexpr double patience = 1e-3;            // seconds; others may keep the cores busy
    constexpr int trials = 20, waits = 10;
    constexpr int rest = 50;  // after an attempt in vain, so many times as long as it took
    using Clock = std::chrono::steady_clock;
    static std::atomic<double> measured{0};
    static std::atomic<Clock::time_point> next{Clock::time_point::min()};
    if (const double known = measured.load(std::memory_order_relaxed); known > 0)
        return known;
    if (Clock::now() < next.load(std::memory_order_relaxed))
        return most;
    Crew crew(2);
    if (crew.size() == 1)
        return usual;
    const auto start = Clock::now();
    double least = most, total = 0;  // the first thread's between two waits of both
    Barrier barrier(2);
    const auto meet = [&](int id) {
        barrier.arrive(id);
        barrier.wait(id);
    };
    crew.run([&](int id) {
        for (int trial = 0; trial < trials && total < patience; trial++) {
            const auto began = Clock::now();
            for (int i = 0; i < waits; i++)
                meet(id);
            const double took = std::chrono::duration<double>(Clock::now() - began).count();
            meet(id);
            if (id == 0) {
                least = std::min(least, took / waits);
                total += took;
            }
            meet(id);
        }
    });
    if (!(least > 0 && least < most)) {
        const auto end = Clock::now();
        next.store(end + rest * (end - start), std::memory_order_relaxed);
        return most;
    }
    measured.store(least, std::memory_order_relaxed);
    return least;
}

}  // namespace deltarule
