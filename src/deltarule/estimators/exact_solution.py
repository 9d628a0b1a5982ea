"""From the rows of linear regression to its optimum in closed form, and from there into a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from ..arrays import Array
from ..engines import Data
from ..equations.exact import (
    LeastSquares,
    centered,
    least_squares,
    most_steps,
    nonnegative,
    ridge,
    sparse_least_squares,
)
from ..errors import DataError, DeltaruleWarning, warn
from .measuring import TOO_MUCH

FINEST = 1e-12  # tolerance for a sparse `X`


def solve(
    data: Data, *, intercept: bool, alpha: float, positive: bool, tol: float
) -> tuple[Array, Array, LeastSquares | None]:
    """``W`` (n_L, n_x) and ``b`` (n_L,) of the smallest sum of squares; with rank and singular values, if there are."""
    if sparse.issparse(data.X):
        W, b, converged = sparse_least_squares(data.X, data.y, data.w, intercept=intercept, tol=min(tol, FINEST))
        if not converged:
            warn(f"lsqr failed to converge in {most_steps(data.X)} steps", ConvergenceWarning)
        return W, b, None
    if not positive and alpha == 0:
        X, y = (A.astype(np.float64, copy=False) for A in (data.X, data.y))
        found = least_squares(X, y, data.w, intercept=intercept)
        return found.W, found.b, found
    A, B, x_mean, y_mean = centered(data.X, data.y, data.w, intercept=intercept)
    W = (nonnegative if positive else ridge)(A, B, alpha)
    return W, y_mean - W @ x_mean, None


def put(theta: Array, W: Array, b: Array, named: Callable[[Array], str]) -> None:
    """Put weights (n_L, n_x), (n_L,) into `theta`, if it can hold them; columns (n_x,) of bool are `named` if not."""
    if theta.dtype != W.dtype:
        size = np.abs(W)
        if not (size.min() > 1e-36 and size.max() < 1e36):
            _check_range(W, theta.dtype, named)
    theta[: W.size], theta[W.size :] = W.ravel(), b
    if not np.isfinite(theta).all():
        text = f"expected weights that {theta.dtype} holds, found others of X, y or sample weights so large or small"
        raise DataError(text, "rescale them to about unit size")


def _check_range(W: Array, dtype: np.dtype[Any], named: Callable[[Array], str]) -> None:
    """Refuse weights (n_L, n_x) that are too large for a precision, and tell those that are too small."""
    with np.errstate(over="ignore"):
        kept = W.astype(dtype)
    lost = ~(np.abs(kept - W) <= TOO_MUCH * np.abs(W)).all(axis=0)  # as is what is not finite
    if not lost.any():
        return
    text = f"expected weights of about 1e-38 to 1e38, which {dtype} holds, found others of {named(lost)}"
    advice = "rescale these columns, or pass float64"
    if not np.isfinite(kept).all():
        raise DataError(text, advice)
    warn(f"{text}, which are taken as zero, or nearly; {advice}", DeltaruleWarning)
