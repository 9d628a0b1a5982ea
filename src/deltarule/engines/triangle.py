"""Least squares on a table of few numbers, from a triangle: ``√w [1 X y] = Q R``."""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np
from scipy.linalg import lapack

from ..arrays import Array
from ..equations.design import Rows
from ..equations.exact import WELL
from ..equations.inference import LeastSquaresSums
from .base import Data
from .solution import TINY, Solution, known_of

AWAY = 100.0
"""Columns whose mean is further from zero, in deviations, are moved there before they are factored: what that loses
otherwise are two digits."""


def by_triangle(data: Data, origin: Array | None = None) -> Solution | None:
    """The solution by ``√w [1 X y] = Q R``, of so few numbers that the kernels' way would take longer.

    Columns are counted from zero (None); or, if one of them is far from there, from about their means (p,).
    """
    n, k, w, total = data.X.shape[1], data.y.shape[1], data.w, data.total_weight
    x, y = slice(1, n + 1), slice(n + 1, None)
    A = np.empty((len(data.y), n + 1 + k), order="F")
    A[:, 0], A[:, x], A[:, y] = 1, data.X, data.y
    if origin is not None:
        A -= origin
    if w is not None:
        A *= np.sqrt(w, dtype=np.float64)[:, None]
    R = lapack.dgeqrf(A, overwrite_a=True)[0][: n + 1 + k] * _upper(n + 1 + k)
    size = np.sqrt(np.einsum("ij,ij->j", R[1:, 1:], R[1:, 1:]))  # of X and y, from their means
    if origin is None and not (np.abs(R[0, 1:]) < AWAY * size).all():
        mean = R[0] / R[0, 0]
        mean[0] = 0
        return by_triangle(data, mean)
    # a column that varies by no more than rounding has no weight to be told
    varies = origin is None or (size[:n] > math.sqrt(total) * TINY * np.abs(origin[x])).all()
    if not (varies and math.isfinite(size.sum())):
        return None
    factor = R[x, x] / size[:n]
    condition = float(lapack.dtrcon(factor)[0]) ** 2
    if condition < WELL:
        return None
    theta = lapack.dtrtrs(R[: n + 1, : n + 1], R[: n + 1, y])[0].T  # b, W
    b, W = theta[:, 0], theta[:, 1:]
    located = np.array([R[0, 1:] / R[0, 0], size / math.sqrt(total)])
    if origin is not None:
        b = b + origin[y] - W @ origin[x]
        located[0] += origin[1:]
    cost = float(np.vdot(R[y, y], R[y, y])) / (2 * total)
    sums = partial(_sums_of_triangle, R, size, factor, condition, located, total, len(data.y), *known_of(w))
    return Solution(W, b, cost, located[:, :n], located[1, n:], condition, sums)


def _sums_of_triangle(
    R: Array,
    size: Array,
    factor: Array,
    condition: float,
    located: Array,
    total: float,
    n_rows: int,
    weighted: bool,
    log_weights: float,
) -> LeastSquaresSums:
    """See `by_triangle`."""
    n = len(factor)
    x, y = slice(1, n + 1), slice(n + 1, None)
    deviance = np.square(R[y, y]).sum(axis=0)
    target = R[1:, y] @ np.arange(1.0, len(deviance) + 1)
    correlations = target @ R[1:, x] / (size[:n] * (math.sqrt(target @ target) or 1.0))
    rows = Rows(n_rows, weighted, located[:, :n], correlations, located[:, n:])
    return LeastSquaresSums(factor, size[:n], condition, True, rows, total, log_weights, deviance, np.square(size[n:]))


@cache
def _upper(p: int) -> Array:
    """Ones on the diagonal and above it (p, p)."""
    return np.asfortranarray(np.triu(np.ones((p, p))))
