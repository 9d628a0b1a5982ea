"""The table of a linear model as its statistics see it: ``A = [1 X']``, and how its columns depend on each other.

``X'`` are standardized columns: their weights ``φ`` are known as well as those of ``X`` are, and however the columns of
``X`` are scaled, nothing overflows and little is lost to rounding. ``θ = T φ`` leads back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from ..arrays import Array
from ..lazily import cached_property
from .columns import EPS, standardizing

FULL_RANK = 1e-6
"""Reciprocal condition from which a matrix of second derivatives is as good as its columns."""


class Rows(NamedTuple):
    """What is remembered of the rows of a table: no row of it.

    Parameters
    ----------
    n_rows : int
    weighted : bool
        Whether rows have different weights.
    columns : (2, n)
        Mean and scale of the columns of ``X``.
    correlations : (n,)
        Of each column with the target ``Σ j y_j``, j from 1, by which the column is known again.
    target : (2, k)
        Mean and deviation of ``y``.
    """

    n_rows: int
    weighted: bool
    columns: Array
    correlations: Array
    target: Array


@dataclass(frozen=True, eq=False)
class Design:
    """``A = [1 X']`` (m, p), ``X' = (X - μ) / s``; weights (m,), ``μ``, ``s``, is there a 1, and `triangle` of it.

    Where it is `well` conditioned, no columns depend on each other.
    """

    A: Array
    w: Array
    mean: Array
    scale: Array
    intercept: bool
    R: Array
    well: bool

    def inward(self, W: Array, b: Array) -> Array:
        """``φ`` (k, p) of weights (k, n) and (k,) of ``X``."""
        return inward(W, b, self.mean, self.scale, intercept=self.intercept)

    def outward(self) -> Array:
        """``T``, so that ``T φ`` are the weights of ``X``."""
        return outward(self.mean, self.scale, intercept=self.intercept)

    def means(self, Y: Array) -> Array:
        """Weighted means (k,) of the columns of `Y` (m, k)."""
        return self.w @ Y / self.w.sum()

    def rows(self, Y: Array) -> Rows:
        """What there is to remember, with the targets `Y` (m, k)."""
        X, shares = self.A[:, int(self.intercept) :], self.w / self.w.sum()
        mean = shares @ Y
        rest = Y - mean
        square = shares @ np.square(rest)
        y = rest @ np.arange(1.0, Y.shape[1] + 1)
        y *= shares
        size = math.sqrt(square[0] if len(square) == 1 else y @ (y / shares))
        return Rows(
            n_rows=len(Y),
            weighted=bool((self.w != self.w[0]).any()),
            columns=np.array([self.mean, self.scale]),
            correlations=y @ X / (size or 1.0),
            target=np.array([mean, np.sqrt(square)]),
        )

    @cached_property
    def dependence(self) -> Dependence:
        """How its columns depend on each other."""
        return dependence(self.R, self.mean, self.scale, len(self.A))


def design(X: Array, w: Array | None, *, intercept: bool) -> Design:
    """Standardize ``X`` (m, n), sparse or not; `w` (m,) or None, which stands for ones."""
    X = to_dense(X)
    columns = standardizing(X, w, intercept=intercept)
    A = augmented(X, columns.mean, columns.scale, intercept=intercept)
    weights = np.ones(len(X)) if w is None else w.astype(np.float64)
    return Design(A, weights, columns.mean, columns.scale, intercept, *triangle(A, weights))


def to_dense(X: Array) -> Array:
    """``X`` as an array of float64."""
    dense = X if isinstance(X, np.ndarray) else X.toarray()
    return dense.astype(np.float64, copy=False)


def augmented(X: Array, mean: Array, scale: Array, *, intercept: bool) -> Array:
    """``[1 (X - μ) / s]`` (m, p)."""
    A = np.ones((len(X), X.shape[1] + intercept))
    np.subtract(X, mean, out=A[:, intercept:])
    A[:, intercept:] /= scale
    return A


def outward(mean: Array, scale: Array, *, intercept: bool) -> Array:
    """``T`` (p, p) in ``θ = T φ``, ``θ = (b, W)``: ``W = V / s``, ``b = c - Σ V μ / s``."""
    T = np.diag(np.concatenate([np.ones(int(intercept)), 1 / scale]))
    if intercept:
        T[0, 1:] = -mean / scale
    return T


def inward(W: Array, b: Array, mean: Array, scale: Array, *, intercept: bool) -> Array:
    """``φ`` (k, p) of ``W`` (k, n) and ``b`` (k,): the inverse of `outward`."""
    W = W.astype(np.float64)
    start = int(intercept)
    phi = np.empty((len(W), W.shape[1] + start))
    np.multiply(W, scale, out=phi[:, start:])
    if intercept:
        phi[:, 0] = b + W @ mean
    return phi


def triangle(A: Array, h: Array) -> tuple[Array, bool]:
    """Upper triangle ``R`` (p, p) with ``RᵀR = Aᵀ diag(h) A``, and whether its condition leaves ten digits.

    It has fewer rows if `A` (m, p) has fewer. From ``Aᵀ diag(h) A``, which takes the least time, if it does; else from
    ``A = Q R``.

    Raises
    ------
    numpy.linalg.LinAlgError
        For values that are too large to be squared.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        G = A.T @ (A * h[:, None])
    if not np.isfinite(G).all():
        raise np.linalg.LinAlgError("expected values whose squares are finite, found larger ones")
    R = triangle_of_products(G)
    if R is not None:
        return R, True
    return np.linalg.qr(A * np.sqrt(h)[:, None], mode="r"), False  # type: ignore[return-value]


def triangle_of_products(G: Array, well: float = FULL_RANK) -> Array | None:
    """Upper triangle ``R`` with ``RᵀR = G`` (p, p); None where the reciprocal of its condition is not above `well`."""
    size = np.sqrt(G.diagonal())
    if not size.all():
        return None
    scaled = G / size / size[:, None]
    factor, failed = lapack.dpotrf(scaled)
    if failed or not lapack.dpocon(factor, lapack.dlange("1", scaled))[0] > well:
        return None
    return factor * size


# how columns depend on each other


class Dependence(NamedTuple):
    """Condition number of the columns as they are (1 included) and standardized; which depend on each other, (n,)."""

    condition: float
    standardized: float
    exact: Array
    nearly: Array


def dependence(R: Array, mean: Array, scale: Array, m: int, nearly: float = 1e8) -> Dependence:
    """Look for columns that others (and the constant) can stand in for; Belsley, Kuh & Welsch 1980.

    `R` (p, p) is the triangle of ``A``, which has `m` rows and columns of `mean` and `scale` (n,).

    Columns depend on each other *exactly* where the smallest singular value of the standardized ones is zero to
    rounding, and *nearly* where it is smaller than the largest by the factor `nearly`: about half the digits of their
    weights are then lost.
    """
    p, start = R.shape[1], R.shape[1] - len(mean)
    none, scaled, singular = _singular(R)
    largest, smallest = singular[0], max(m, p) * EPS * singular[0]
    conditions = _condition(R @ _inverse_outward(mean, scale, intercept=bool(start))), _ratio(singular)
    if singular[-1] > max(smallest, largest / nearly) and not none.any():
        independent = np.zeros(len(mean), bool)
        return Dependence(*conditions, independent, independent)
    Vt = np.linalg.svd(scaled, full_matrices=True)[2]
    exact = _involved(Vt[singular <= smallest], none, 1e-12)[start:]
    return Dependence(*conditions, exact, _involved(Vt[singular <= largest / nearly], none, 1e-3)[start:] & ~exact)


def dependent_but_for_rounding(D: Design, eps: float) -> Array:
    """Which columns, (n,), others can stand in for if each number was rounded by a share of `eps` of it, at most.

    That moves the columns of ``A``, divided by their size, by no more than ``eps (|μ| + s) / s`` each, and no singular
    value by more than the root of the sum of the squares of these.
    """
    none, scaled, singular = _singular(D.R)
    moved = eps * float(np.linalg.norm(1 + np.abs(D.mean) / D.scale))
    Vt = np.linalg.svd(scaled, full_matrices=True)[2]
    return _involved(Vt[singular <= moved], none, 1e-3)[int(D.intercept) :]


def _singular(R: Array) -> tuple[Array, Array, Array]:
    """Which columns of ``R`` (p, p) are zero; ``R`` with columns of length 1; its singular values, (p,)."""
    size = np.sqrt(np.square(R).sum(axis=0))
    none = size == 0
    scaled = R / np.where(none, 1.0, size)
    missing = np.zeros(max(0, R.shape[1] - len(R)))
    return none, scaled, np.concatenate([np.linalg.svd(scaled, compute_uv=False), missing])


def _involved(directions: Array, none: Array, share: float) -> Array:
    """Columns (p,) that are `none`, or of which more than a `share` lies in `directions` (d, p)."""
    return none | (np.square(directions).sum(axis=0) > share)


def _condition(R: Array) -> float:
    if not np.isfinite(R).all() or min(R.shape) < R.shape[1]:
        return np.inf
    return _ratio(np.linalg.svd(R, compute_uv=False))


def _ratio(singular: Array) -> float:
    return float(singular[0] / singular[-1]) if singular[-1] > 0 else np.inf


def _inverse_outward(mean: Array, scale: Array, *, intercept: bool) -> Array:
    """``T⁻¹``: ``A T⁻¹ = [1 X]``."""
    M = np.diag(np.concatenate([np.ones(int(intercept)), scale]))
    if intercept:
        M[0, 1:] = mean
    return M
