"""Classes that a line tells apart without error: logistic regression without a penalty then has no optimum.

If some direction ``d`` has ``a (d_y - d_k) >= 0`` for every sample ``a`` of every class ``y`` and each other class ``k``,
and more than 0 for one of them, then the cost falls for ever along ``d``: the weights in it grow without bound (Albert
& Anderson 1984). Whether there is one is a linear program (Konis 2007), solved exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize

from ..arrays import Array

ROWS = 3000
"""Samples of the first linear program; those that its answer gets wrong join the next."""

ROUNDING, CLEAR = 1e-7, 1e-4
"""What counts as 0 and as more than 0 in the program, where ``d`` is in -1..1 and columns have the size 1."""


class Separation(NamedTuple):
    """`complete` or else quasi-complete, which has samples on the line; ``d`` (K - 1, p), as few of it not zero as can be."""

    complete: bool
    d: Array


def separation(A: Array, Y: Array) -> Separation | None:
    """The direction of separation; None if the classes overlap.

    Parameters
    ----------
    A : (m, p)
        ``[1 X']`` of standardized columns.
    Y : (m, K - 1)
        Zeros and ones of all classes but the first.
    """
    M = _margins(A, Y)
    order = np.random.default_rng(0).permutation(len(M))
    chosen = order[:ROWS]
    while True:
        d = _program(M[chosen])
        margin = M @ d
        if margin[chosen].max(initial=0.0) <= CLEAR:
            return None  # a part of the samples overlaps already, and so do all
        wrong = np.flatnonzero(margin < -ROUNDING)
        wrong = wrong[~np.isin(wrong, chosen)]
        if not len(wrong):
            break
        chosen = np.concatenate([chosen, wrong[np.argsort(margin[wrong], kind="stable")][:ROWS]])
    complete = bool(margin.min() > ROUNDING) or _strictly(M[chosen], M)
    d = _sparse(M, chosen, margin > CLEAR, d)
    return Separation(complete, np.where(np.abs(d) > 1e-6 * np.abs(d).max(), d, 0.0).reshape(Y.shape[1], -1))


def _margins(A: Array, Y: Array) -> Array:
    """``M`` with ``M d`` the margin of each sample against each other class, (m (K - 1), (K - 1) p)."""
    m, q = Y.shape
    all_of = np.column_stack([1 - Y.sum(axis=1), Y])  # (m, K)
    label = all_of.argmax(axis=1)
    rows = []
    for k in range(q + 1):
        at = np.flatnonzero(label != k)
        sign = all_of[at, 1:].copy()  # + in the place of the own class,
        if k:
            sign[:, k - 1] -= 1.0  # - in that of the other; the first class has none
        rows.append((sign[:, :, None] * A[at, None, :]).reshape(len(at), -1))
    return np.concatenate(rows)


def _program(M: Array) -> Array:
    """The ``d`` in -1..1 with the largest ``Σ M d`` such that no margin is negative."""
    found = optimize.linprog(-M.sum(axis=0), A_ub=-M, b_ub=np.zeros(len(M)), bounds=(-1, 1), method="highs")
    return found.x if found.x is not None else np.zeros(M.shape[1])


def _sparse(M: Array, chosen: Array, apart: Array, d: Array) -> Array:
    """Of the directions that part what ``d`` parts, the one with the smallest ``Σ |d|``: it leaves columns out."""
    part, P = M[chosen], M.shape[1]
    least = np.where(apart[chosen], 1.0, 0.0)
    found = optimize.linprog(np.ones(2 * P), A_ub=np.column_stack([-part, part]), b_ub=-least, method="highs")
    if found.x is None:
        return d
    fewer = found.x[:P] - found.x[P:]
    margin = M @ (fewer / np.abs(fewer).max())
    return fewer if margin.min() >= -ROUNDING and (margin[apart] > ROUNDING).all() else d


def _strictly(part: Array, M: Array) -> bool:
    """Whether some ``d`` leaves no sample on the line: the smallest margin as large as it can be."""
    cost = np.append(np.zeros(part.shape[1]), -1.0)
    A = np.column_stack([-part, np.ones(len(part))])
    bounds = [(-1, 1)] * part.shape[1] + [(0, 1)]
    found = optimize.linprog(cost, A_ub=A, b_ub=np.zeros(len(part)), bounds=bounds, method="highs")
    return found.x is not None and found.x[-1] > ROUNDING and bool((M @ found.x[:-1]).min() > ROUNDING)


def flattest(A: Array, w: Array, P: Array) -> float:
    """How flat the cost is in its flattest direction, as a share of its curvature at zero, where no class is told apart.

    Along a direction of separation nothing is left of the curvature, so that a share of some percent rules one out.

    Parameters
    ----------
    A : (m, p)
    w : (m,)
    P : (m, K - 1)
        Probabilities of all classes but the first.
    """
    at_zero = np.full_like(P, 1 / (P.shape[1] + 1))
    first = _information(A, w, at_zero)
    first[np.diag_indices_from(first)] += 1e-10 * np.trace(first)
    return float(linalg.eigh(_information(A, w, P), first, eigvals_only=True)[0])


def _information(A: Array, w: Array, P: Array) -> Array:
    q = P.shape[1]
    blocks = [[A.T @ (A * (w * P[:, i] * ((i == j) - P[:, j]))[:, None]) for j in range(q)] for i in range(q)]
    return np.block(blocks)
