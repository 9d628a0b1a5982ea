// Computations without Python's lock, and what they ask of Python meanwhile.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "network.hpp"

namespace nb = nanobind;

namespace deltarule {

// Python up to 3.13 ends a thread that asks for its lock while the interpreter ends, amid frames of C++, which aborts
// the process. So once that has begun, such a thread waits for the end instead, as it does from Python 3.14 on.
class Ending {
public:
    std::atomic<int> at_work{0};  // calls without the GIL

    // Called by the thread that ends Python; returns when nobody is under way to the GIL
    void begin() {
        ender_ = std::this_thread::get_id();
        began_ = true;
        if (at_work > 0)
            nb::set_leak_warnings(false);  // what their calls hold is not freed any more
        nb::gil_scoped_release release;
        for (int i = 0; i < 1000 && asking_ > 0; i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

    template <class Take> void ask(Take take) {
        asking_++;
        if (began_ && std::this_thread::get_id() != ender_) {
            asking_--;
            for (;;)
                std::this_thread::sleep_for(std::chrono::hours(1));
        }
        take();
        asking_--;
    }

private:
    std::atomic<bool> began_{false};
    std::atomic<int> asking_{0};
    std::thread::id ender_;
};

inline Ending& ending() {
    static Ending& one = *new Ending;  // threads may outlive whatever is destroyed at the end
    return one;
}

// Raises what the signal raised, KeyboardInterrupt as a rule; only Python's main thread hears signals
inline bool signaled() {
    PyGILState_STATE held{};
    ending().ask([&] { held = PyGILState_Ensure(); });
    const bool found = PyErr_CheckSignals() != 0;
    PyGILState_Release(held);
    return found;
}

class WithoutGil {
public:
    WithoutGil() : state_(PyEval_SaveThread()) { ending().at_work++; }
    ~WithoutGil() {
        ending().ask([&] { PyEval_RestoreThread(state_); });
        ending().at_work--;
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

private:
    PyThreadState* state_;
};

template <class Run> auto without_gil(int threads, Run run) {
    decltype(run(Control{})) outcome;
    {
        const WithoutGil released;
        outcome = run(Control{threads, signaled});
    }
    if (outcome.interrupted)
        throw nb::python_error();
    return outcome;
}

}  // namespace deltarule
