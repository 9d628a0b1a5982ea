// The work of one computation, and who does which part of it.
#pragma once

#include <cmath>
#include <utility>

#include "batches.hpp"
#include "teamwork.hpp"

namespace deltarule {

// One computation on several threads, chunk of samples by chunk of samples.
//
// Threads that share the units of the layers meet so; who arrives says that something is done, who waits needs it of
// all:
//
//     arrive, at the end of         done                            wait, before
//     through_layers (last chunk)   reading what forward writes     the first product of `forward`
//     a layer, forward              its own units                   products over those of others; the head
//     `take`, after the head        losses, dZ of the output        their sum, and backward
//     sums for the other thread     these                           going on with them (in_turn)
//     dZ of its own units           these                           products over those of others (below, by inputs)
//     products with the weights     reading weights of others       the update of these (through_layers)
template <class T> class Computation : Teamwork<T> {
public:
    Computation(Workspace<T>& workspace, const Crew& crew, Patience& patience)
        : Teamwork<T>(workspace, crew.size(), patience) {
        for (int id = 0; id < threads_; id++)
            own_.push_back({workspace.job_of(id), tasks_of(workspace, all(id))});
    }

    // The cost of a batch, if `backward` its gradient, and if the job has an optimizer the step, which is not taken
    // where the loss is not finite. Called by every thread alike; false if the user wants to stop. `next` is the batch
    // of the next call, if it is known.
    bool take(int id, const Batch& batch, std::uint64_t key, const StepRates& rates, bool backward, double& J,
              const Batch* next = nullptr) {
        Own& own = own_[id];
        const Job<T>& job = own.job;
        J = 0;
        for (long before = 0; before < batch.size; before += CHUNK) {
            const Chunk chunk = chunk_of(batch, before, key, ws_.by_shares, threads_);
            if (ws_.by_shares) {
                through_shares(own, chunk, id, backward);
            } else {
                k_.gather(job, chunk, {0, chunk.rows}, inputs_seen(job, all(id)));
                forward(job, chunk, all(id), {0, chunk.rows});
            }
            own.second = !own.second;
            if (id == 0)
                halt_[own.second] = patience_.stopped();
            arrive(all(id));
            if (ws_.by_shares && chunk.last && next)
                gather_ahead(own, chunk, *next, id);
            wait(all(id));
            if (halt_[own.second])
                return false;
            J += losses(job, chunk) / batch.weight;
            if (chunk.last && job.optimizer >= 0 && !std::isfinite(J))
                return true;
            if (backward && ws_.by_shares)
                for (long l = job.n_layers; l > 0; l--)
                    update({own, chunk, all(id), rates}, l);
            else if (backward)
                through_layers({own, chunk, all(id), rates});
            else if (!ws_.by_shares)
                arrive(all(id));  // done with the losses: the next chunk waits for it, as it does after the gradient
        }
        if (backward && (job.l1 > 0 || job.l2 > 0)) {
            meet(all(id));
            J += penalties();
        }
        return true;
    }

private:
    // What a thread has of its own. Where the rows are in shares, that is all of the parameters: every thread takes the
    // whole step, then only gradients go from core to core, and threads meet once, or twice with penalties. What is
    // read after a meeting is not written before the next one.
    struct alignas(128) Own {
        Job<T> job;
        std::vector<std::vector<OwnTask>> tasks;  // of each layer
        bool second = false;                      // which of two `halt_` it is
        bool gathered = false;                    // whether it has the inputs of the next samples already
    };

    // One thread's way back through the layers
    struct Pass {
        const Own& own;
        const Chunk& chunk;
        Team team;
        const StepRates& rates;
        long pending = 0;  // a layer that is not updated yet
    };

    using Teamwork<T>::ws_, Teamwork<T>::k_, Teamwork<T>::threads_, Teamwork<T>::patience_;
    using Teamwork<T>::all, Teamwork<T>::panels_of, Teamwork<T>::by_units, Teamwork<T>::halved, Teamwork<T>::apart;
    using Teamwork<T>::arrive, Teamwork<T>::wait, Teamwork<T>::meet, Teamwork<T>::ask;
    using Teamwork<T>::slices, Teamwork<T>::each_half, Teamwork<T>::in_turn;

    std::vector<Own> own_;  // of each thread
    bool halt_[2] = {};     // for each of the two, written by the first thread before the others read it

    static bool nothing() { return false; }

    // What of the inputs this thread reads
    static Part inputs_seen(const Job<T>& job, Team team) {
        const Layer<T>& inputs = job.layers[0];
        if (!by_inputs(job.layers[1], team))
            return {0, inputs.n_out};
        return team.id == 0 ? Part{0, inputs.first_half} : Part{inputs.first_half, inputs.n_out};
    }

    // The inputs of the shares of this thread
    void gather_shares(const Job<T>& job, const Chunk& chunk, int id) {
        const Part shares = all(id).part(chunk.shares);
        for (long s = shares.begin; s < shares.end; s++)
            k_.gather(job, chunk, part_of(chunk.rows, s, chunk.shares), {0, job.layers[0].n_out});
    }

    // Those of the next batch, while others are not done with this one: only where both are in the same shares, as
    // elsewhere others may still read the rows that this thread would write
    void gather_ahead(Own& own, const Chunk& chunk, const Batch& next, int id) {
        own.gathered = std::min(CHUNK, next.size) == chunk.rows;
        if (!own.gathered)
            return;
        Chunk ahead = chunk;
        ahead.first = next.first;
        gather_shares(own.job, ahead, id);
    }

    // The shares of this thread, each by itself all the way to its gradient
    void through_shares(Own& own, const Chunk& chunk, int id, bool backward) {
        ws_.alternate(own.job);
        const Job<T>& job = own.job;
        const Team alone{id, 0, 1};
        const Part shares = all(id).part(chunk.shares);
        if (!std::exchange(own.gathered, false))
            gather_shares(job, chunk, id);
        for (long s = shares.begin; s < shares.end && !patience_.stopped(); s++) {
            const Part rows = part_of(chunk.rows, s, chunk.shares);
            const long pairs = pairs_at(s, shares.begin);
            forward(job, chunk, alone, rows);
            for (long l = job.n_layers; l > 0 && backward; l--) {
                if (l > 1)
                    below(job, l, alone, rows, nothing);
                each_task(own, l, [&](const Task& task, const OwnTask& one) {
                    k_.gradient_of_share(job, chunk, task, one.laid, rows, s, pairs, ws_.scratch[id]);
                });
            }
        }
    }

    // Forward through all layers from the inputs, and the loss. A thread that has one half of the units below begins
    // with that, while the other half is computed.
    void forward(const Job<T>& job, const Chunk& chunk, Team team, Part rows) {
        const Part mine = team.of > 1 ? team.part(chunk.rows) : rows;
        wait(team);
        const auto sum = [&](long l, Part r, Part panels, Terms terms) {
            slices(team.thread, panels, r, terms, [&](Part some, Terms these) {
                k_.forward(job, chunk, l, r, some, these, ws_.scratch[team.thread]);
            });
        };
        for (long l = 1; l <= job.n_layers; l++) {
            const Layer<T>& layer = job.layers[l];
            const bool units = by_units(layer, team), begins = units && l > 1 && halved(job.layers[l - 1], team);
            const Part r = units ? rows : mine;
            const long n = panels_of(layer);
            const Part own = units ? team.of_layer(l).part(n) : Part{0, n};
            if (by_inputs(layer, team)) {
                in_turn(job, l - 1, l, inputs_of(job, l), team, [&](Part p, Terms t) { sum(l, rows, p, t); }, nothing);
            } else {
                if (l > 1 && !begins)
                    wait(team);
                each_half(inputs_of(job, l), own, n, layer.by_inputs ? OTHERS : OWN, [&](Part panels, Terms terms) {
                    if (begins && !terms.first)
                        wait(team);
                    sum(l, r, panels, terms);
                });
            }
            if (l == job.n_layers || !by_inputs(job.layers[l + 1], team))
                arrive(team);
        }
        if (by_units(job.layers[job.n_layers], team))
            wait(team);
        k_.head(job, chunk, mine, ws_.scratch[team.thread]);
    }

    // Backward, with the gradient of every layer, and the step with the last chunk of a batch: as soon as no thread
    // needs the weights of a layer any more. Of layers that are `apart` each needs only its own; of others the next
    // meeting tells. Whoever has arrived for the last time reads nothing any more that forward writes, except what is
    // its own: the units of the first layer, and their weights. `forward` waits for that before it writes.
    void through_layers(Pass pass) {
        const Job<T>& job = pass.own.job;
        for (long l = job.n_layers; l > 1; l--) {
            const bool own_weights = apart(job.layers[l], pass.team);
            if (l < job.n_layers && !own_weights) {
                meet(pass.team);
                catch_up(pass);
            }
            below(job, l, pass.team, {0, pass.chunk.rows}, [&] { return catch_up_early(pass); });
            if (own_weights)
                catch_up(pass);
            pass.pending = l;
        }
        finish(pass);
    }

    // The update of the first layer, and before it that of the one above
    void finish(Pass& pass) {
        const Layer<T>& first = pass.own.job.layers[1];
        // of units of its own the update is nobody else's business
        const bool own_units = by_units(first, pass.team) && !first.learns && !by_inputs(first, pass.team);
        const bool meets = !own_units || (pass.pending && !may_catch_up_early(pass));
        if (meets)
            arrive(pass.team);
        catch_up_early(pass);
        if (meets)
            wait(pass.team);
        catch_up(pass);
        if (own_units)
            arrive(pass.team);
        update(pass, 1);
        if (!own_units)
            arrive(pass.team);
    }

    void catch_up(Pass& pass) {
        if (pass.pending)
            update(pass, pass.pending);
        pass.pending = 0;
    }

    // Before the next meeting
    bool may_catch_up_early(const Pass& pass) const {
        return pass.pending && apart(pass.own.job.layers[pass.pending], pass.team);
    }

    // Whether there was something to do
    bool catch_up_early(Pass& pass) {
        const bool may = may_catch_up_early(pass);
        if (may)
            catch_up(pass);
        return may;
    }

    // From layer l to dZ of the one below. Who has half of the units sums over these, first for the other one; who has
    // half of the inputs sums for these, first over its own units. `meanwhile` is done before it waits for the other;
    // it says whether it used the scratch.
    template <class Meanwhile> void below(const Job<T>& job, long l, Team team, Part rows, Meanwhile meanwhile) {
        const auto sum = [&](Part panels, Terms terms) {
            slices(team.thread, panels, rows, terms,
                   [&](Part some, Terms these) { k_.backward(job, l, rows, some, these, ws_.scratch[team.thread]); });
        };
        const Layer<T>& layer = job.layers[l];
        const long n = panels_of(job.layers[l - 1]);
        const Part own = team.of_layer(l - 1).part(n);
        if (by_inputs(layer, team)) {
            arrive(team);
            each_half(outputs_of(job, l), own, n, OWN, [&](Part panels, Terms terms) {
                if (terms.last) {
                    meanwhile();
                    wait(team);
                }
                sum(panels, terms);
            });
        } else if (halved(layer, team)) {
            in_turn(job, l, l - 1, outputs_of(job, l), team, sum, meanwhile);
        } else {
            each_half(outputs_of(job, l), own, n, layer.by_inputs ? OWN : OTHERS, sum);
        }
    }

    // The gradient of a layer, and with the last chunk of a batch the step. Every number of it is one thread's, unless
    // each thread has its own.
    void update(const Pass& pass, long l) {
        const Job<T>& job = pass.own.job;
        const int thread = pass.team.thread;
        each_task(pass.own, l, [&](const Task& task, const OwnTask& one) {
            k_.update(job, pass.chunk, task, one.laid, job.penalty + one.number, pass.rates, ws_.scratch[thread]);
            if (thread == 0)
                ask(2 * work_of(task) * double(pass.chunk.rows));
        });
    }

    template <class Work> void each_task(const Own& own, long l, Work work) {
        for (const OwnTask& one : own.tasks[l]) {
            if (patience_.stopped())
                return;
            work(ws_.tasks[one.number], one);
        }
    }

    double losses(const Job<T>& job, const Chunk& chunk) const {
        double sums[8] = {};  // side by side: in a single one, each addition would wait for the one before
        for (long r = 0; r < chunk.rows; r++)
            sums[r % 8] += job.row_loss[r];
        return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    }

    // Of the first thread, where each has its own: once the user wants to stop they may differ, and threads that
    // disagree about whether the cost is finite would wait for each other forever.
    double penalties() const {
        double total = 0;
        for (std::size_t i = 0; i < ws_.tasks.size(); i++)
            total += ws_.job.penalty[i];
        return total;
    }
};

}  // namespace deltarule
