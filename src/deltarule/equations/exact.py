"""The global optimum of linear regression, in closed form: what gradient descent must reach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

from ..arrays import Array


class LeastSquares(NamedTuple):
    """``W`` (k, n), ``b`` (k,), and the rank and singular values (min(m, n),) of the centered, weighted columns."""

    W: Array
    b: Array
    rank: int
    singular: Array


def least_squares(X: Array, y: Array, w: Array | None = None, *, intercept: bool = True) -> LeastSquares:  # lecture: 8
    """The ``W``, ``b`` with the smallest ``Σ w (X Wᵀ + b - y)²``; of several, the ``W`` of smallest norm.

    Parameters
    ----------
    X : (m, n)
    y : (m, k)
    w : (m,), optional
        Sample weights.
    intercept : bool
        Fit ``b``; otherwise it is zero.

    Notes
    -----
    Columns are centered, so that ``b`` drops out, and the rest is solved by singular values (LAPACK ``gelsd``), in
    float64 for data of either precision. Singular values below ``max(m, n) ε`` of the largest count as zero: columns
    that depend on each other share their weight.
    """
    A, B, x_mean, y_mean = centered(X, y, w, intercept=intercept)
    cond = max(A.shape) * np.finfo(np.float64).eps
    solution, _, rank, singular = linalg.lstsq(A, B, cond=cond, check_finite=False)
    W = solution.T
    b = y_mean - W @ x_mean
    return LeastSquares(W.astype(X.dtype, copy=False), b.astype(X.dtype, copy=False), int(rank), singular)


def centered(
    X: Array, y: Array, w: Array | None = None, *, intercept: bool = True
) -> tuple[Array, Array, Array, Array]:
    """``X`` (m, n), ``y`` (m, k), less their means and times the root of the weights, and the means; in float64."""
    A, B = X.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    x_mean, y_mean = np.zeros(A.shape[1]), np.zeros(B.shape[1])
    if intercept:
        x_mean, y_mean = np.average(A, axis=0, weights=w), np.average(B, axis=0, weights=w)
        A, B = A - x_mean, B - y_mean
    if w is not None:
        root = np.sqrt(w.astype(np.float64))[:, None]
        A, B = A * root, B * root
    return A, B, x_mean, y_mean
