"""Least squares on many rows: one pass over ``X`` for the normal equations, one more for the cost and a correction."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Array
from ..equations import ACTIVATIONS, LOSSES
from ..equations.exact import NormalEquations, normal_equations
from . import _native
from .base import Data
from .native import ACTIVATION_CODES, LOSS_CODES, instruction_set
from .tables import contiguous

LOOK = 1024
"""Rows that tell roughly where the columns lie and how far they spread."""

FAR = 1e4
"""Columns whose mean is further from there, in variances, are summed up again from their mean."""

TINY = 1e-12
"""A column that varies by less, relative to its mean, varies by rounding."""

CODES = ACTIVATION_CODES[ACTIVATIONS["identity"].formula], LOSS_CODES[LOSSES["squared_error"].formula, None]


class Solution(NamedTuple):
    """``W`` (k, n), ``b`` (k,), the mean of ``½ (ŷ - y)²`` there, and the triangle ``R`` (n, n).

    ``RᵀR`` is that of the centered, weighted columns, so that these have the singular values of ``R``.
    """

    W: Array
    b: Array
    cost: float
    triangle: Array


def least_squares(data: Data, *, intercept: bool, alpha: float = 0.0, threads: int = 1) -> Solution | None:
    """The ``W``, ``b`` with the smallest ``Σ w (X Wᵀ + b - y)² + alpha Σ W²``, or None if its condition is bad.

    Then the normal equations have lost too much; `deltarule.equations.exact.least_squares` has not. Sums are of
    float64, whatever the precision of the data.
    """
    m, n = data.X.shape
    if m < n and alpha == 0:
        return None
    y, w = contiguous(data)
    mean, scale = _look(data, y, intercept)
    for _ in range(2):
        with np.errstate(all="ignore"):
            G = _products(data, y, w, mean, scale, intercept, threads)
        if not np.isfinite(G).all():
            return None
        if not intercept:
            break
        offset, square = (np.delete(part, n) / G[n, n] for part in (G[n], np.diag(G)))
        if not (np.square(offset) > FAR * (square - np.square(offset))).any():
            break
        mean = mean + scale * offset
    found = normal_equations(G, y.shape[1], ridge=alpha / np.square(scale[:n]))
    # a column that varies by no more than rounding has no weight to be told
    if found is None or (found.deviation * scale[:n] <= TINY * np.abs(mean[:n])).any():
        return None
    return _corrected(data, y, w, mean, scale, found, intercept=intercept, alpha=alpha, threads=threads)


def _look(data: Data, y: Array, intercept: bool) -> tuple[Array, Array]:
    """Where the columns of ``X``, then those of ``y``, roughly are (n + k,), and how far they spread."""
    rows = np.linspace(0, len(data) - 1, min(len(data), LOOK)).astype(np.int64)
    some = np.hstack([data.X[rows], y[rows]]).astype(np.float64)
    with np.errstate(all="ignore"):
        mean = some.mean(axis=0) if intercept else np.zeros(some.shape[1])
        scale = np.sqrt(np.square(some - mean).mean(axis=0))
    return mean, np.where((scale > TINY * np.abs(mean)) & np.isfinite(scale), scale, 1.0)


def _products(data: Data, y: Array, w: Array | None, mean: Array, scale: Array, intercept: bool, threads: int) -> Array:
    """``[X' 1 y']ᵀ diag(w) [X' 1 y']``, (n + 1 + k,) squared."""
    out = np.empty((len(mean) + 1,) * 2)
    columns = (mean, 1 / scale, intercept)
    _native.gram(instruction_set(), data.X, y, w, 1.0, *columns, None, 0, 0, 0, out, threads)
    return out


def _corrected(
    data: Data,
    y: Array,
    w: Array | None,
    mean: Array,
    scale: Array,
    found: NormalEquations,
    *,
    intercept: bool,
    alpha: float,
    threads: int,
) -> Solution:
    """The solution with the error made good that its residuals show; in the units of the data."""
    n, k, total = data.X.shape[1], y.shape[1], data.total_weight
    s, at = scale[:n], mean[:n]
    V, c = found.V * scale[n:, None], found.c * scale[n:] + (mean[n:] if intercept else 0)
    g, a = np.empty(k * (n + 1)), np.empty((len(data), k))
    columns = (np.ascontiguousarray(at), 1 / s, intercept)
    phi = np.concatenate([V.ravel(), c])
    J = _native.descend(instruction_set(), data.X, y, w, total, *columns, *CODES, phi, g, a, threads)
    dV, dc = found.correct(total * g[: k * n].reshape(k, n) + alpha / np.square(s) * V, total * g[k * n :])
    W = (V - dV) / s
    b = c - dc - W @ at if intercept else np.zeros(k)
    return Solution(W, b, float(J), found.triangle * s)
