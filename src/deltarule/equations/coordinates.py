"""Linear models in the coordinates of standardized columns, where descent is quick however the columns are scaled.

A network of one layer sees ``X`` only through ``Z = X Wᵀ + b``. With ``X' = (X - μ) / s`` the same ``Z`` is
``X' Vᵀ + c``, where ``V = W s`` and ``c = b + W μ``. An optimizer may as well walk in ``φ = (V, c)``: the cost at every
point stays what it was, penalties included, and so does its optimum; only the way there is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import wraps
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import OptimizeResult

from ..arrays import Array
from ..registry import Formula
from .optimizers import Optimizer

ROUNDS = 20
ABNORMAL = 2  # SciPy's status of a line search that finds nothing lower
MANY = 1000
"""Columns beyond which no matrix of all their pairs is formed."""


@dataclass(frozen=True)
class Coordinates:
    """``φ`` in place of ``θ``, both (P,) with ``P = k (n + 1)``: ``W`` (k, n) row by row, then ``b`` (k,).

    Parameters
    ----------
    mean : (n,) or (k, n)
        ``μ``, for all outputs or for each; zeros where ``b`` is fixed.
    scale : (n,)
        ``s``, all positive.
    n_outputs : int
        ``k``.
    intercept : bool
        Without it, ``b`` stays zero: the gradient is taken as zero there.
    rotation : (k, n, n), optional
        ``R``, with which ``W = V R / s``, one for each output.
    back : (k, n, n), optional
        Its inverse, or pseudo-inverse.
    """

    mean: Array
    scale: Array
    n_outputs: int
    intercept: bool = True
    rotation: Array | None = None
    back: Array | None = None

    def _split(self, flat: Array) -> tuple[Array, Array]:
        n_weights = self.n_outputs * len(self.scale)
        return flat[:n_weights].reshape(self.n_outputs, -1), flat[n_weights:]

    def inward(self, theta: Array) -> Array:
        """``φ``: ``V = W s R⁻¹``, ``c = b + W μ``."""
        W, b = self._split(theta)
        V = _times(W * self.scale, self.back)
        return np.concatenate([V.ravel(), b + (W * self.mean).sum(axis=1)]).astype(theta.dtype, copy=False)

    def outward(self, phi: Array) -> Array:
        """``θ``: ``W = V R / s``, ``b = c - W μ``."""
        V, c = self._split(phi)
        W = _times(V, self.rotation) / self.scale
        return np.concatenate([W.ravel(), c - (W * self.mean).sum(axis=1)]).astype(phi.dtype, copy=False)

    def gradient(self, g: Array) -> Array:
        """``W = V R / s``, ``b = c - W μ``  ->  ``dV = (dW - db μᵀ) / s Rᵀ``, ``dc = db``."""
        dW, db = self._split(g)
        db = db if self.intercept else np.zeros_like(db)
        turned = None if self.rotation is None else self.rotation.transpose(0, 2, 1)
        dV = _times((dW - db[:, None] * self.mean) / self.scale, turned)
        return np.concatenate([dV.ravel(), db]).astype(g.dtype, copy=False)

    def absolute(self, l1: Array) -> Array:
        """Strengths of ``Σ l1 |θ|`` as strengths of ``|φ|``: for an intercept only if `mean` is 0, and no rotation."""
        strength, on_b = self._split(l1)
        return np.concatenate([(strength / self.scale).ravel(), on_b])


def standardizing(
    X: Array, w: Array | None, n_outputs: int, *, intercept: bool = True, center: bool = True, ridge: float = 0.0
) -> Coordinates:
    """The coordinates in which columns of `X` (m, n) have mean 0 and deviation 1.

    Without an intercept there is no centering, and ``s`` is the root of the mean square. A sparse matrix stays sparse.
    Columns that do not vary keep their scale. With an L2 penalty, `ridge` is its share in the curvature of the cost,
    beside that of the loss: ``s² = Σ (x - μ)² / m + ridge``.
    """
    n = X.shape[1]
    p = _shares(X, w)
    mean = np.asarray(X.T @ p).ravel() if intercept and center else np.zeros(n)
    square = _squares(X, p, mean)
    varies = np.sqrt(square) > 10 * np.finfo(X.dtype).eps * np.abs(mean)
    scale = np.sqrt(np.where(varies, square, 0.0) + ridge)
    return Coordinates(mean, np.where((scale > 0) & np.isfinite(scale), scale, 1.0), n_outputs, intercept)


def whitening(X: Array, w: Array | None, T: Coordinates, ridge: float, curvatures: Array) -> Coordinates:
    """`T` turned so that the cost has the same curvature, 1, in all directions.

    Those in which the columns depend on each other, so that there is no curvature, are left out: nothing moves there,
    and the solution is the one of smallest norm.

    Parameters
    ----------
    X : (m, n)
    w : (m,), optional
    T : Coordinates
    ridge : float
        ``strength / m`` of the L2 penalty.
    curvatures : (m, k)
        Second derivative of each sample's loss by each ``Z``.
    """
    p = _shares(X, w)
    means, rotations, backs = [], [], []
    for h in curvatures.T:
        at = replace(T, mean=(p * h / (p @ h)) @ X) if T.mean.any() and p @ h > 0 else T
        scaled = gram(X, p * h, at)
        scaled[np.diag_indices_from(scaled)] += ridge / T.scale**2
        values, Q = np.linalg.eigh(scaled)
        kept = values > len(values) * np.finfo(X.dtype).eps * values[-1]
        root = np.sqrt(values, where=kept, out=np.ones_like(values))
        means.append(at.mean)
        rotations.append((kept / root)[:, None] * Q.T)
        backs.append(Q * (kept * root))
    return replace(T, mean=np.stack(means), rotation=np.stack(rotations), back=np.stack(backs))


def _times(rows: Array, matrices: Array | None) -> Array:
    """Each row (n,) of (k, n) times its matrix of (k, n, n)."""
    return rows if matrices is None else (rows[:, None, :] @ matrices)[:, 0]


def _squares(X: Array, p: Array, mean: Array) -> Array:
    """``Σ p (x - μ)²`` of each column, (n,), where ``μ`` is the mean or zero."""
    if sparse.issparse(X):
        return np.maximum(sparse.csr_matrix(X, dtype=np.float64).power(2).T @ p - mean**2, 0)
    return p @ np.square(X - mean)


def _shares(X: Array, w: Array | None) -> Array:
    """Weight of each sample, (m,), adding up to 1."""
    return np.full(X.shape[0], 1 / X.shape[0]) if w is None else w.astype(np.float64) / w.sum(dtype=np.float64)


def gram(X: Array, shares: Array, T: Coordinates) -> Array:
    """``X'ᵀ diag(shares) X'`` (n, n) of the columns in the coordinates `T`."""
    root = np.sqrt(shares)
    if sparse.issparse(X):
        A = sparse.diags_array(root) @ X @ sparse.diags_array(1 / T.scale)
        mean, sums = T.mean / T.scale, A.T @ root
        cross = np.outer(sums, mean)
        return np.asarray((A.T @ A).toarray()) - cross - cross.T + shares.sum() * np.outer(mean, mean)
    A = (X - T.mean) / T.scale * root[:, None]
    return A.T @ A


def curvature(X: Array, w: Array | None, coordinates: Coordinates) -> float:
    """The largest eigenvalue of ``X'ᵀ X' / m`` in these coordinates, a column of ones included.

    For the squared error it is how fast the gradient can change; gradient descent converges at a rate of its inverse.
    Beyond `MANY` columns the trace, which is never smaller, stands in for it.
    """
    n, p, T = X.shape[1], _shares(X, w), coordinates
    ones = 1.0 if T.intercept else 0.0
    if n > MANY:
        return ones + float((_squares(X, p, T.mean) / T.scale**2).sum())
    cross = ones * (np.asarray(X.T @ p).ravel() - T.mean) / T.scale
    whole = np.block([[gram(X, p, T), cross[:, None]], [cross[None, :], np.full((1, 1), ones)]])
    return float(np.linalg.eigvalsh(whole)[-1])


@dataclass(frozen=True, kw_only=True, eq=False)
class TransformedOptimizer(Optimizer):
    """An optimizer that walks in other `coordinates`; to whoever calls it, ``theta`` is what it always was."""

    coordinates: Coordinates

    def step(self, theta: Array, g: Array, state: Mapping[str, Array], t: int, alpha: float) -> None:
        """One step in place on `theta` (P,), given the gradient `g` (P,) by ``theta``; the moments are those of φ."""
        phi = self.coordinates.inward(theta)
        super().step(phi, self.coordinates.gradient(g), state, t, alpha)
        theta[...] = self.coordinates.outward(phi)


def transformed(
    optimizer: Optimizer, coordinates: Coordinates, turn: Callable[[Array], Coordinates] | None = None
) -> TransformedOptimizer:
    """`optimizer`, walking in `coordinates`; over the full batch, in rounds, each in those that `turn` makes of θ."""
    known = {field.name: getattr(optimizer, field.name) for field in fields(Optimizer)}
    if optimizer.full_batch:
        search = _transformed_search(optimizer.formula, coordinates)
        known["formula"] = search if turn is None else _in_rounds(optimizer.formula, turn)
    return TransformedOptimizer(**known, coordinates=coordinates)


def _in_rounds(formula: Callable[..., OptimizeResult], turn: Callable[[Array], Coordinates]) -> Formula:
    """Search again from where the last search ended, in the coordinates of that place, until nothing moves.

    A search ends where no component of the gradient is above the tolerance. In coordinates in which the curvature is 1
    that is also how far the optimum can be; where it has become small, as for samples that are surely told apart, the
    next round sees what this one could not.
    """

    @wraps(formula)
    def search(
        theta: Array,
        cost_and_gradient: Callable[[Array], tuple[float, Array]],
        l1: Array | None = None,
        *,
        max_iter: int,
        **options: Any,
    ) -> OptimizeResult:
        steps = 0
        for done in range(ROUNDS):
            inner = _transformed_search(formula, turn(theta))
            result = inner(theta, cost_and_gradient, l1, max_iter=max_iter - steps, **options)
            theta, steps = result.x, steps + result.nit
            if done and result.status == ABNORMAL:  # the cost cannot be lowered any further: rounding
                result.success = True
            if not result.success or steps >= max_iter or (done and result.nit <= 1):
                break
        result.nit = steps
        return result

    return search


def _transformed_search(formula: Callable[..., OptimizeResult], T: Coordinates) -> Formula:
    @wraps(formula)
    def search(
        theta: Array,
        cost_and_gradient: Callable[[Array], tuple[float, Array]],
        l1: Array | None = None,
        *,
        after_step: Callable[[Array], None],
        **options: Any,
    ) -> OptimizeResult:
        def inside(phi: Array) -> tuple[float, Array]:
            J, g = cost_and_gradient(T.outward(phi))
            return J, T.gradient(g)

        result = formula(
            T.inward(theta),
            inside,
            None if l1 is None else T.absolute(l1),
            after_step=lambda phi: after_step(T.outward(phi)),
            **options,
        )
        result.x = T.outward(result.x)
        return result

    return search


def penalized_intercept(optimizer: Optimizer, n_outputs: int, *, l2: float = 0.0, l1: float = 0.0) -> Optimizer:
    """`optimizer` over the full batch on the cost plus ``½ l2 Σ b² + l1 Σ |b|``, as liblinear has it."""
    formula = optimizer.formula

    @wraps(formula)
    def search(
        theta: Array,
        cost_and_gradient: Callable[[Array], tuple[float, Array]],
        strengths: Array | None = None,
        **options: Any,
    ) -> OptimizeResult:
        on_b = np.zeros_like(theta)
        on_b[-n_outputs:] = 1.0

        def penalized(theta: Array) -> tuple[float, Array]:
            J, g = cost_and_gradient(theta)
            return J + 0.5 * l2 * float(on_b @ theta**2), g + l2 * on_b * theta

        strengths = l1 * on_b if strengths is None else strengths + l1 * on_b
        return formula(theta, penalized, strengths, **options)

    return replace(optimizer, formula=search)
