"""The global optimum of linear regression, in closed form: what gradient descent must reach."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ..arrays import Array


def least_squares(
    X: Array, y: Array, w: Array | None = None, *, intercept: bool = True
) -> tuple[Array, Array]:  # lecture: 8
    """The ``W``, ``b`` with the smallest ``Σ w (X Wᵀ + b - y)²``; of several, the ``W`` of smallest norm.

    Parameters
    ----------
    X : (m, n)
    y : (m, k)
    w : (m,), optional
        Sample weights.
    intercept : bool
        Fit ``b``; otherwise it is zero.

    Returns
    -------
    W : (k, n)
    b : (k,)

    Notes
    -----
    Columns are centered, so that ``b`` drops out, and the rest is solved by singular values (LAPACK ``gelsd``), in
    float64 for data of either precision. Singular values below ``max(m, n) ε`` of the largest count as zero: columns
    that depend on each other share their weight.
    """
    A, B = X.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    x_mean, y_mean = np.zeros(A.shape[1]), np.zeros(B.shape[1])
    if intercept:
        x_mean, y_mean = np.average(A, axis=0, weights=w), np.average(B, axis=0, weights=w)
    root = np.ones((len(A), 1)) if w is None else np.sqrt(w.astype(np.float64, copy=False))[:, None]
    cond = max(A.shape) * np.finfo(np.float64).eps
    solution, *_ = linalg.lstsq((A - x_mean) * root, (B - y_mean) * root, cond=cond, check_finite=False)
    W = solution.T
    return W.astype(X.dtype, copy=False), (y_mean - W @ x_mean).astype(X.dtype, copy=False)
