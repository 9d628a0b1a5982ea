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
};

// Whether the units of a layer are shared out: who computes some of them also updates their weights, which stay in the
// cache of that core. Of a layer with too few panels the rows are, and the inputs in the update.
inline bool by_units(long panels, Team team) {
    return panels >= team.of;
}

struct OwnTask {
    std::size_t number;
    Laid laid;
};

inline double cost(const Task& task) {
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
        if (task.panel < 0)
            continue;
        long& place = places[task.panel];
        const bool known = place >= 0 && place <= own;
        if (place < 0)
            place = std::min(taken++, last);
        one.laid = {task.i0 == inputs, known, place};
        inputs = task.i0;
    }
}

// Of every layer, those of the thread's own units, or as much work as the others have; all, with parameters of its own
template <class T> std::vector<std::vector<OwnTask>> tasks_of(const Workspace<T>& ws, Team team) {
    std::vector<std::vector<OwnTask>> tasks(ws.job.n_layers + 1);
    std::vector<double> total(tasks.size()), before(tasks.size());
    for (const Task& task : ws.tasks)
        total[task.layer] += cost(task);
    for (std::size_t i = 0; i < ws.tasks.size(); i++) {
        const Task& task = ws.tasks[i];
        const Layer<T>& layer = ws.job.layers[task.layer];
        const long panels = ws.panels_of(layer);
        const double middle = (before[task.layer] + 0.5 * cost(task)) / total[task.layer];
        before[task.layer] += cost(task);
        const bool owned = by_units(panels, team) && !layer.narrow && task.panel >= 0;
        const long owner =
            owned ? owner_of(task.panel, panels, team.of) : std::min(long(middle * team.of), team.of - 1L);
        if (ws.shared || owner == team.id)
            tasks[task.layer].push_back({i, {}});
    }
    for (long l = 1; l <= ws.job.n_layers; l++)
        if (ws.job.layers[l].tiles)
            remember_laid(ws, ws.panels_of(ws.job.layers[l]), tasks[l]);
    return tasks;
}

}  // namespace deltarule
