"""Columns of mean 0 and deviation 1, in which a linear model is quick to train however its columns are scaled.

A network of one layer sees ``X`` only through ``Z = X Wᵀ + b``. With ``X' = (X - μ) / s`` the same ``Z`` is
``X' Vᵀ + c``, where ``V = W s`` and ``c = b + W μ``. So it may as well learn ``φ = (V, c)`` from ``X'``: the cost at
every point stays what it was, penalties on ``W`` included, and so does its optimum; only the way there is shorter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..arrays import Array
from .second_derivative import weighted_gram

EPS = float(np.finfo(np.float64).eps)

MANY = 1000
"""Columns beyond which no matrix of all their pairs is formed to find a learning rate."""


@dataclass(frozen=True)
class Columns:
    """``φ`` in place of ``θ``, both (P,) with ``P = k (n + 1)``: ``W`` (k, n) row by row, then ``b`` (k,).

    Parameters
    ----------
    mean : (n,)
        ``μ``; zeros where ``b`` cannot make up for it, or ``X`` is sparse and is to stay so.
    scale : (n,)
        ``s``, all positive.
    intercept : bool
        Without it, ``b`` stays zero: the gradient is taken as zero there.
    intercept_scaling : float
        Penalties see ``b / intercept_scaling`` as one more weight; not at all if it is infinite. Needs ``μ = 0``.
    """

    mean: Array
    scale: Array
    intercept: bool = True
    intercept_scaling: float = np.inf

    def _split(self, flat: Array) -> tuple[Array, Array]:
        n = len(self.scale)
        k = len(flat) // (n + 1)
        return flat[: k * n].reshape(k, n), flat[k * n :]

    def transform(self, X: Array) -> Array:
        """``X' = (X - μ) / s`` (m, n), in the precision of `X`; a sparse matrix stays sparse."""
        if sparse.issparse(X):
            return (X @ sparse.diags_array(1 / self.scale)).tocsr().astype(X.dtype, copy=False)
        out = X - self.mean.astype(X.dtype)
        out /= self.scale.astype(X.dtype)
        return out

    def inward(self, theta: Array) -> Array:
        """``φ``: ``V = W s``, ``c = b + W μ``."""
        phi = theta.copy()
        V, c = self._split(phi)
        c += V @ self.mean
        V *= self.scale
        return phi

    def outward(self, phi: Array) -> Array:
        """``θ``: ``W = V / s``, ``b = c - W μ``."""
        theta = phi.copy()
        W, b = self._split(theta)
        W /= self.scale
        b -= W @ self.mean
        return theta

    def strengths(self, n_parameters: int, strength: float, power: int) -> Array:
        """`strength` of ``Σ |W|^power`` as one for each of ``|φ|^power``, (P,)."""
        k = n_parameters // (len(self.scale) + 1)
        on_W, on_b = strength * self.scale**-power, np.full(k, strength * self.intercept_scaling**-power)
        return np.concatenate([on_W] * k + [on_b])


def unchanged(n: int) -> Columns:
    """Columns that are those of ``X`` (m, n) as they are."""
    return Columns(np.zeros(n), np.ones(n))


def standardizing(
    X: Array,
    w: Array | None,
    *,
    center: bool = True,
    ridge: float = 0.0,
    intercept: bool = True,
    measure: Callable[[Array, Array | None, bool], tuple[Array, Array]] | None = None,
    **options: float,
) -> Columns:
    """The columns that give those of `X` (m, n) the mean 0 and the deviation 1.

    Without `center`, and for a sparse `X`, ``s`` is the root of the mean square. Columns that do not vary keep their
    scale. With an L2 penalty, `ridge` is its share in the curvature of the cost, beside that of the loss:
    ``s² = Σ (x - μ)² / m + ridge``. `measure` is `moments`, or the same by other means.
    """
    centers = center and intercept and not sparse.issparse(X)
    mean, square = (measure or moments)(X, w, centers)
    scale = np.sqrt(square)
    varies = scale > 10 * EPS * np.abs(mean)
    if not varies.all():  # of a constant nothing remains
        mean, square = np.where(varies, mean, X[0] if centers else mean), np.where(varies, square, 0.0)
    if X.dtype != np.float64:  # what `transform` takes away is what ``c = b + W μ`` adds
        mean = mean.astype(X.dtype).astype(np.float64)
    if ridge or not (varies.all() and math.isfinite(scale.sum())):
        scale = np.sqrt(square + ridge)
        scale = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
    return Columns(mean, scale, intercept, **options)


def moments(X: Array, w: Array | None, centers: bool) -> tuple[Array, Array]:
    """``μ`` of each column, zero unless `centers`, and the mean of ``(x - μ)²``, both (n,); float64."""
    p = shares(X, w)
    mean = np.asarray(X.T @ p).ravel() if centers else np.zeros(X.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        if centers:
            mean = mean + p @ (X - mean)  # what the long sum has lost, so that a constant column is seen to be one
        return mean, p @ (squares(X) if sparse.issparse(X) else np.square(X - mean))


def shares(X: Array, w: Array | None) -> Array:
    """Weight of each sample, (m,), adding up to 1; float64."""
    return np.full(X.shape[0], 1 / X.shape[0]) if w is None else w.astype(np.float64) / w.sum(dtype=np.float64)


def squares(X: Array) -> Array:
    """Of each entry, (m, n); float64."""
    return sparse.csr_matrix(X, dtype=np.float64).power(2) if sparse.issparse(X) else np.square(X, dtype=np.float64)


def curvature(X: Array, w: Array | None) -> float:
    """The largest eigenvalue of ``XᵀX / m`` (m, n), a column of ones included.

    For the squared error it is how fast the gradient can change; gradient descent converges at a rate of its inverse.
    Beyond `MANY` columns the trace, which is never smaller, stands in for it.
    """
    p = shares(X, w)
    if X.shape[1] <= MANY:
        return float(np.linalg.eigvalsh(weighted_gram(X, X, p))[-1])
    return 1.0 + float(np.sum(p @ squares(X)))
