// What linear models ask for over a whole table: the plan of the work; the arithmetic is in linear.hpp.
#pragma once

#include "network.hpp"

namespace deltarule {

// Sums of w d and w d² of each column, (n,) each, where d = x - mean.
template <class T>
Outcome column_moments(const Target&, const LinearJob<T>&, double* first, double* second, const Control&);

// The cost of W (k, n) and b (k,), all in phi, its gradient likewise into g, and ŷ into job.a unless that is null.
template <class T> Outcome linear_cost(const Target&, LinearJob<T> job, const double* phi, double* g, const Control&);

// Tᵀ diag(h_ij) T into out (q, q), where T is [X' 1 y'] of q columns, of which n + 1 or n + 1 + k are taken. Products
// are of numbers S, those of many rows sums of doubles.
template <class T, class S>
Outcome gram(const Target&, const LinearJob<T>&, long i, long j, long q, double* out, const Control&);

// The first steps of Newton's method from phi (P,), which is zero or stays where it is, for one output; what they are,
// and the rest of them, is in equations/newton.py. They end before a step that promises less than `gap` of the cost,
// that does not lower it as it should, or whose matrix is not well conditioned. `costs` are those of all places, the
// first one included; g (2, P) and H (2, P, P) those of the first and the last, ŷ in job.a is of the last. Half the
// squares of phi, times l2 (P,) unless that is null, are part of the cost.
struct NewtonSteps {
    long most;
    double gap;
    const double* l2;
    double *phi, *costs, *g, *H;
    long taken = 0;
};
template <class T> Outcome newton_steps(const Target&, const LinearJob<T>&, NewtonSteps& steps, const Control&);

}  // namespace deltarule
