// What linear models ask for over a whole table: the plan of the work; the arithmetic is in linear.hpp.
#pragma once

#include "network.hpp"

namespace deltarule {

// Sums of w d and w d² of each column, (n,) each, where d = x - mean.
template <class T>
Outcome column_moments(const Target&, const LinearJob<T>&, double* first, double* second, const Control&);

// The cost of W (k, n) and b (k,), all in phi, its gradient likewise into g, and ŷ into job.a unless that is null.
template <class T> Outcome linear_cost(const Target&, LinearJob<T> job, const double* phi, double* g, const Control&);

// Tᵀ diag(h_ij) T into out (q, q), where T is [X' 1 y'] of q columns, of which n + 1 or n + 1 + k are taken.
template <class T>
Outcome gram(const Target&, const LinearJob<T>&, long i, long j, long q, double* out, const Control&);

}  // namespace deltarule
