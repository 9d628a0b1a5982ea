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
    Columns are centered, so that ``b`` drops out, and the rest is solved by singular values (LAPACK ``gelsd``).
    """
    x_mean, y_mean = np.zeros(X.shape[1], X.dtype), np.zeros(y.shape[1], y.dtype)
    if intercept:
        x_mean, y_mean = np.average(X, axis=0, weights=w), np.average(y, axis=0, weights=w)
    root = np.ones((len(X), 1), X.dtype) if w is None else np.sqrt(w)[:, None]
    solution, *_ = linalg.lstsq((X - x_mean) * root, (y - y_mean) * root, check_finite=False)
    W = solution.T.astype(X.dtype, copy=False)
    return W, (y_mean - W @ x_mean).astype(X.dtype, copy=False)
