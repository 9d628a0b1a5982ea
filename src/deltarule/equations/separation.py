"""Linearly separable classes: logistic regression without a penalty then has no optimum.

If some direction ``d`` has ``a (d_y - d_k) >= 0`` for every sample ``a`` of every class ``y`` and each other class
``k``, and more than 0 for one of them, then the cost falls for ever along ``d``: the weights in it grow without bound
(Albert & Anderson 1984). Whether there is one is a linear program (Konis 2007), solved exactly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize
from scipy.linalg import lapack

from ..arrays import Array

ROWS = 3000
"""Samples of the first linear program; of those that its answer gets wrong, as many join the next."""

ROUNDING, CLEAR = 1e-7, 1e-4
"""What counts as 0 and as more than 0 in the program, where ``d`` is in -1..1 and columns have the size 1."""

OUT_OF_TIME = 1
"""What linprog calls it."""

SECONDS = 10.0
"""For all programs of a question: with hundreds of columns that nearly separate classes they take hours."""


class Separation(NamedTuple):
    """`complete` or else quasi-complete, with samples on the line; ``d`` (K - 1, p), few of it not zero."""

    complete: bool
    d: Array


class _Programs:
    """Linear programs, which take so many seconds at most, all together."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def solve(self, cost: Array, **constraints: Any) -> Array | None:
        """The solution, if there is one; raises TimeoutError. In a thread of its own, so that Ctrl-C is heard."""
        left, found = self.end - time.monotonic(), []
        if left <= 0:
            raise TimeoutError

        def run() -> None:
            options = {"time_limit": left}
            found.append(optimize.linprog(cost, **constraints, method="highs", options=options))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.1)
        if not found or found[0].status == OUT_OF_TIME:
            raise TimeoutError
        x: Array | None = found[0].x
        return x


def separation(A: Array, Y: Array, start: Array | None = None, seconds: float = SECONDS) -> Separation | None:
    """The direction of separation; None if the classes overlap.

    Parameters
    ----------
    A : (m, p)
        ``[1 X']`` of standardized columns.
    Y : (m, K - 1)
        Zeros and ones of all classes but the first.
    start : (K - 1, p), optional
        A direction that may separate them completely, such as the weights of a fit.
    seconds : float
        For all linear programs.

    Raises
    ------
    TimeoutError
        If that cannot be told in so many seconds. What is told may name more columns than it would with more of them.
    """
    M, programs = _margins(A, Y), _Programs(seconds)
    d = None if start is None else _sure(M, start.ravel())
    complete = d is not None
    if d is None:
        d = _furthest(M, programs)
        if d is None:
            return None
    apart = M @ d > CLEAR
    try:
        complete = complete or bool(apart.all()) or _shortest(M, np.ones(len(M)), None, programs) is not None
    except TimeoutError:
        complete = False
    d = _of_few_columns(M, np.ones(len(M)) if complete else apart.astype(float), d, A.shape[1], programs)
    return Separation(complete, d.reshape(Y.shape[1], -1))


def is_separable(A: Array, Y: Array, seconds: float = SECONDS) -> bool:
    """Whether there is a direction of separation, for columns of any scale; else as `separation`."""
    return _furthest(_margins(A / np.abs(A).max(axis=0), Y), _Programs(seconds)) is not None


def _sure(M: Array, d: Array) -> Array | None:
    """``d`` in -1..1, if each margin is above 0 by more than rounding."""
    size = np.abs(d).max(initial=0.0)
    if not (0 < size < np.inf):
        return None
    d = d / size
    return d if (M @ d).min() > CLEAR else None


def _furthest(M: Array, programs: _Programs) -> Array | None:
    """The ``d`` in -1..1 with the largest ``Σ M d`` and no margin below 0; None if all are 0."""
    total = M.sum(axis=0)  # of all samples: a column may be zero wherever a part of them looks
    total /= np.abs(total).max() or 1.0

    def solve(part: Array) -> Array | None:
        d = programs.solve(-total, A_ub=-M[part], b_ub=np.zeros(len(part)), bounds=(-1, 1))
        return d if d is not None and (M @ d).max(initial=0.0) > CLEAR else None

    return _on_all(M, solve, np.zeros(len(M)))


def _on_all(M: Array, solve: Callable[[Array], Array | None], least: Array) -> Array | None:
    """What `solve` finds for all rows of ``M``: for a part of them, which those join whose margin is below `least`."""
    part = np.random.default_rng(0).permutation(len(M))[:ROWS]
    while True:
        d = solve(part)
        if d is None:
            return None
        lacking = least - M @ d
        wrong = np.flatnonzero(lacking > ROUNDING * max(1.0, float(np.abs(d).max())))
        wrong = wrong[~np.isin(wrong, part)]
        if not len(wrong):
            return d
        part = np.concatenate([part, wrong[np.argsort(-lacking[wrong], kind="stable")][:ROWS]])


def _shortest(M: Array, least: Array, some: Array | None, programs: _Programs) -> Array | None:
    """Of the directions with margins of at `least` (1 or 0), in `some` columns alone, the one with least ``Σ |d|``."""
    columns = np.arange(M.shape[1]) if some is None else some
    n = len(columns)

    def solve(part: Array) -> Array | None:
        rows = M[np.ix_(part, columns)]
        found = programs.solve(np.ones(2 * n), A_ub=np.hstack([-rows, rows]), b_ub=-least[part])
        if found is None:
            return None
        d = np.zeros(M.shape[1])
        d[columns] = found[:n] - found[n:]
        return d

    return _on_all(M, solve, least)


def _of_few_columns(M: Array, least: Array, d: Array, p: int, programs: _Programs) -> Array:
    """A direction that parts what ``d`` parts with fewer columns: those that matter least are left out by turns."""
    try:
        found = _shortest(M, least, None, programs)
        while found is not None:
            d = np.where(np.abs(found) > 1e-9 * np.abs(found).max(), found, 0.0)
            used = np.flatnonzero((d != 0) & (np.arange(len(d)) % p != 0))
            used = used[np.argsort(np.abs(d[used]), kind="stable")]
            intercepts, found, n_left_out = np.arange(0, len(d), p), None, len(used) // 2
            while n_left_out and found is None:
                some = np.sort(np.concatenate([intercepts, used[n_left_out:]]))
                found = _shortest(M, least, some, programs)
                n_left_out //= 2
    except TimeoutError:
        pass  # with the columns found so far
    return d


def _margins(A: Array, Y: Array) -> Array:
    """``M`` with ``M d`` the margin of each sample against each other class, (m (K - 1), (K - 1) p)."""
    q = Y.shape[1]
    all_of = np.column_stack([1 - Y.sum(axis=1), Y])  # (m, K)
    label = all_of.argmax(axis=1)
    rows = []
    for k in range(q + 1):
        at = np.flatnonzero(label != k)
        sign = all_of[at, 1:].copy()  # + in the place of the own class,
        if k:
            sign[:, k - 1] -= 1.0  # - in that of the other; the first class has none
        rows.append((sign[:, :, None] * A[at, None, :]).reshape(len(at), q * A.shape[1]))
    return np.concatenate(rows)


def least_curvature(information: Array, first: Array) -> float:
    """How flat the cost is in its flattest direction, as a share of its curvature where all classes are equally likely.

    Along a direction of separation nothing is left of the curvature, so that a share of some percent rules one out.

    Parameters
    ----------
    information : (q p, q p)
        See `inference.information`.
    first : (q p, q p)
        The same where all classes are equally likely.
    """
    ridged = first.copy()
    diagonal = ridged.ravel()[:: len(first) + 1]
    diagonal += 1e-10 * diagonal.sum()
    values, _, failed = lapack.dsygv(information, ridged, jobz="N")
    return 0.0 if failed else float(values[0])
