// Which thread takes which tasks of an update.
#pragma once

#include <algorithm>
#include <vector>

#include "workspace.hpp"

namespace deltarule {

// Those who share the units of the layers: all threads, or a thread alone with the units of some rows
struct Team {
    int thread;
    int id, of;  // which of them it is, and how many they are
    Part part(long n) const { return part_of(n, id, of); }

    // The units of every other layer are shared out the other way round: whoever has a panel less of one has one more
    // of the next
    Team of_layer(long l) const { return {thread, turn_of(l, id, of), of}; }
};

// Whether the units of a layer are shared out: who computes some of them also updates their weights, which stay in the
// cache of that core. Of a layer with too few panels the rows are, and the inputs in the update.
inline bool by_units(long panels, Team team) {
    return panels >= team.of;
}

// Whether each of two threads has one half of the inputs of a layer, and their weights
template <class T> bool by_inputs(const Layer<T>& layer, Team team) {
    return team.of == 2 && layer.by_inputs;
}

struct OwnTask {
    std::size_t number;
    Laid laid;
};

inline double work_of(const Task& task) {
    return double(task.n + 2 * task.n_b);
}

// What is laid out already when a task of a layer comes. Each panel has a place; where there are too few, the last one
// is shared, and nobody may count on what is there.
template <class T> void remember_laid(const Workspace<T>& ws, long panels, std::vector<OwnTask>& tasks) {
    std::vector<long> places(panels, -1);
    const long last = ws.job.kept - 1, own = panels <= ws.job.kept ? last : last - 1;
    long taken = 0, inputs = -1;
    for (OwnTask& one : tasks) {
        const Task& task = ws.tasks[one.number];
        if (task.panel == LEARNED)
            continue;
        long& place = places[task.panel];
        const bool known = place >= 0 && place <= own;
        if (place < 0)
            place = std::min(taken++, last);
        one.laid = {task.i0 == inputs, known, place};
        inputs = task.i0;
    }
}

// Who has the units of a task, or its inputs; -1 if nobody has
template <class T> int owner_of(const Workspace<T>& ws, const Task& task, Team team) {
    const Layer<T>& layer = ws.job.layers[task.layer];
    const long panels = ws.panels_of(layer);
    if (by_inputs(layer, team) && task.panel != LEARNED)
        return turn_of(task.layer - 1, task.i0 >= ws.job.layers[task.layer - 1].first_half, team.of);
    if (by_units(panels, team) && !layer.narrow && task.panel != LEARNED)
        return turn_of(task.layer, int(owner_of(task.panel, panels, team.of)), team.of);
    return -1;
}

// Whose each task is: what nobody has goes to whoever has least to do
template <class T> std::vector<int> owners(const Workspace<T>& ws, Team team) {
    std::vector<int> found;
    std::vector<double> work(team.of);
    for (const Task& task : ws.tasks) {
        found.push_back(owner_of(ws, task, team));
        if (found.back() >= 0)
            work[found.back()] += work_of(task);
    }
    for (std::size_t i = 0; i < found.size(); i++)
        if (found[i] < 0) {
            found[i] = int(std::ranges::min_element(work) - work.begin());
            work[found[i]] += work_of(ws.tasks[i]);
        }
    return found;
}

// Of every layer, those of a thread; all, with parameters of its own
template <class T> std::vector<std::vector<OwnTask>> tasks_of(const Workspace<T>& ws, Team team) {
    std::vector<std::vector<OwnTask>> tasks(ws.job.n_layers + 1);
    const std::vector<int> owner = owners(ws, team);
    for (std::size_t i = 0; i < ws.tasks.size(); i++)
        if (ws.by_shares || owner[i] == team.id)
            tasks[ws.tasks[i].layer].push_back({i, {}});
    for (long l = 1; l <= ws.job.n_layers; l++)
        if (ws.job.layers[l].tiles)
            remember_laid(ws, ws.panels_of(ws.job.layers[l]), tasks[l]);
    return tasks;
}

}  // namespace deltarule
