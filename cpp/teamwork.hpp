// How the threads of one computation share the sums of a layer: who takes which of them, in which order, and when each
// waits for the others.
#pragma once

#include <algorithm>
#include <utility>

#include "patience.hpp"
#include "tasks.hpp"
#include "threads.hpp"

namespace deltarule {

// Which half of the terms of its sums a unit begins with: that of the other one of two threads, or of its own
enum Begin { OTHERS, OWN };

template <class T> class Teamwork {
protected:
    Workspace<T>& ws_;
    const Kernels<T>& k_;
    const int threads_;
    Patience& patience_;

    Teamwork(Workspace<T>& workspace, int threads, Patience& patience)
        : ws_(workspace), k_(workspace.kernels), threads_(threads), patience_(patience), barrier_(threads) {}

    Team all(int id) const { return {id, id, threads_}; }

    long panels_of(const Layer<T>& layer) const { return ws_.panels_of(layer); }

    bool by_units(const Layer<T>& layer, Team team) const { return deltarule::by_units(panels_of(layer), team); }

    // Whether each of two threads has one half of the units over which the next layer's sums are taken
    static bool halved(const Layer<T>& layer, Team team) { return team.of == 2 && layer.first_half > 0; }

    // Whether nobody else reads the weights that a thread has of a layer
    static bool apart(const Layer<T>& layer, Team team) {
        return team.of == 1 || halved(layer, team) || by_inputs(layer, team);
    }

    void arrive(Team team) {
        if (team.of > 1)
            barrier_.arrive(team.thread);
    }

    void wait(Team team) {
        if (team.of > 1)
            barrier_.wait(team.thread);
    }

    void meet(Team team) {
        arrive(team);
        wait(team);
    }

    // Whoever hears of it may use the same units of the processor
    void ask(double work) {
        if (patience_.ask(work))
            ws_.enter();
    }

    // Work on some panels, a few at a time, so that the user is heard; by tiles, which are quick, more of them, as the
    // left factor is laid out for each few
    template <class Work> void slices(int id, Part panels, Part rows, Terms terms, Work work) {
        const double cost = 2.0 * double(k_.panel) * double(terms.k1 - terms.k0) * double(rows.end - rows.begin);
        const long step = std::max(ws_.tiles ? 16L : 1L, long(SLICE / (cost + 1)));
        for (long p = panels.begin; p < panels.end && !patience_.stopped(); p += step) {
            const long end = std::min(p + step, panels.end);
            work({p, end}, terms);
            terms.left_laid = true;
            if (id == 0)
                ask(cost * double(end - p));
        }
    }

    // Sums over units of layer `from`, of which each of two threads has one half, into those of layer `to`: first for
    // the other one, then, on top of what that has summed, for its own
    template <class Sum, class Meanwhile>
    void in_turn(const Job<T>& job, long from, long to, Halves halves, Team team, Sum sum, Meanwhile meanwhile) {
        const long n = panels_of(job.layers[to]);
        const int half = team.of_layer(from).id;
        const Part mine = team.of_layer(to).part(n), others = mine.begin == 0 ? Part{mine.end, n} : Part{0, mine.begin};
        sum(others, halves.in_order(0, half));
        arrive(team);
        Terms terms = halves.in_order(1, half);
        terms.left_laid =
            !meanwhile();  // by the sums for the other one, which has some: halved layers have panels enough
        wait(team);
        sum(mine, terms);
    }

    // Some of n panels, half by half of the terms of their sums, in the order that a pair of threads would take, so
    // that one thread or seven find the same bits. Who has the first half of these units has the second half of the
    // terms, as every other layer is shared out the other way round.
    template <class Work> static void each_half(Halves halves, Part panels, long n, Begin begin, Work work) {
        if (halves.count() == 1)
            return work(panels, halves.in_order(0, 0));
        int before = -1;  // the half that came last
        for (int side = 0; side < 2; side++) {
            const Part there = part_of(n, side, 2);
            const Part some{std::max(panels.begin, there.begin), std::min(panels.end, there.end)};
            const int own = 1 - side;  // as every other layer is shared out the other way round
            for (int place = 0; place < 2 && some.begin < some.end; place++) {
                const int half = (begin == OWN) == (place == 0) ? own : 1 - own;
                Terms terms = halves.in_order(place, half);
                terms.left_laid = half == std::exchange(before, half);
                work(some, terms);
            }
        }
    }

private:
    Barrier barrier_;
};

}  // namespace deltarule
