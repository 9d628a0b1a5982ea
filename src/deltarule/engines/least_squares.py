"""Least squares on many rows: one pass over ``X`` for the normal equations, one more for the cost and a correction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..arrays import Array
from ..equations import ACTIVATIONS, LOSSES
from ..equations.design import Rows
from ..equations.exact import WELL, NormalEquations, normal_equations
from ..equations.inference import LeastSquaresSums
from . import _native
from .base import Data, Engine
from .native import ACTIVATION_CODES, LOSS_CODES, instruction_set
from .solution import TINY, Solution, known_of
from .tables import SMALL, WIDEST, contiguous
from .threads import one_blas_thread, usable_threads
from .triangle import by_triangle

LOOK, LEAST = 2**18, 128
"""Numbers, and rows at least, that tell roughly where the columns lie and how far they spread."""

FAR = 1e4
"""Columns whose mean is further from there, in variances, are summed up again from their mean."""

MANY, QUICK = 300, 1e-4
"""Products of so many columns of float32 are of float32, if the reciprocal condition is at least so good,"""

ROUNDS, ROUNDING = 5, 1e-17
"""and at most so many corrections leave an error of no more than this share of the cost."""

CODES = ACTIVATION_CODES[ACTIVATIONS["identity"].formula], LOSS_CODES[LOSSES["squared_error"].formula, None]


def least_squares(
    engine: Engine, data: Data, *, intercept: bool, alpha: float = 0.0, n_jobs: int | None = None
) -> Solution | None:
    """The ``W``, ``b`` with the smallest ``Σ w (X Wᵀ + b - y)² + alpha Σ W²``; None if this is not for the engine, or
    if its condition is bad.

    Then the normal equations have lost too much; `deltarule.equations.exact.least_squares` has not. Sums are of
    float64, whatever the precision of the data; but the products of many float32 columns are of float32 where the
    condition is good enough for the residuals to make up for that.
    """
    m, n = data.X.shape
    if engine.name != "native" or not isinstance(data.X, np.ndarray) or m < n:
        return None
    p = n + 1 + data.y.shape[1]
    if p <= m and p <= WIDEST and m * p <= SMALL and intercept and alpha == 0:
        with one_blas_thread(m, p):
            return by_triangle(data)
    problem = Problem(data, *contiguous(data), intercept, alpha, usable_threads(n_jobs))
    with one_blas_thread():
        if data.X.dtype == np.float32 and n >= MANY:
            found = problem.solve(quick=True)
            if found is not None:
                return found
        return problem.solve(quick=False)


@dataclass(frozen=True)
class Problem:
    """What `least_squares` is given, with ``y`` and ``w`` as the compiled module takes them."""

    data: Data
    y: Array
    w: Array | None
    intercept: bool
    alpha: float
    threads: int

    def solve(self, *, quick: bool) -> Solution | None:
        """The solution; None if the condition is bad for products of that precision."""
        n = self.data.X.shape[1]
        mean, scale = _locate_columns(self.data, self.y, self.intercept)
        others = np.arange(len(mean) + 1) != n  # all but the column of ones
        for _ in range(2):
            with np.errstate(all="ignore"):
                G = self._products(mean, scale, quick)
                if not np.isfinite(G).all():
                    return None
                if not self.intercept:
                    break
                offset, square = G[n, others] / G[n, n], G.diagonal()[others] / G[n, n]
                if not (offset**2 > FAR * (square - offset**2)).any():
                    break
            mean = mean + scale * offset
        else:
            return None  # what cannot be centered is for singular values
        ridge = self.alpha / np.square(scale[:n])
        well, dtype = (QUICK, np.float32) if quick else (WELL, np.float64)
        k = self.y.shape[1]
        found = normal_equations(G, k, intercept=self.intercept, ridge=ridge, well=well, dtype=dtype)
        # a column that varies by no more than rounding has no weight to be told
        if found is None or (found.deviation * scale[:n] <= TINY * np.abs(mean[:n])).any():
            return None
        solution = self._corrected(mean, scale, found, ROUNDS if quick else 1)
        if solution is None:
            return None
        W, b, deviance = solution
        total = self.data.total_weight
        sums = self._sums(G, mean, scale, found, deviance)
        given = sums.rows.columns, sums.rows.target[1], sums.condition, partial(LeastSquaresSums, *sums)
        return Solution(W, b, float(deviance.sum()) / (2 * total), *given)

    def _products(self, mean: Array, scale: Array, quick: bool) -> Array:
        """``[X' 1 y']ᵀ diag(w) [X' 1 y']``, (n + 1 + k,) squared."""
        out = np.empty((len(mean) + 1,) * 2)
        columns = (mean, 1 / scale, True)
        _native.gram(
            *(instruction_set(), self.data.X, self.y, self.w, 1.0, *columns),
            *(None, 0, 0, 0, quick, out, self.threads),
        )
        return out

    def _corrected(
        self, mean: Array, scale: Array, found: NormalEquations, rounds: int
    ) -> tuple[Array, Array, Array] | None:
        """``W``, ``b`` in the units of the data, without the error that their residuals show, and ``Σ w r²`` (k,).

        None if after so many rounds there is still one.
        """
        n, k, total = self.data.X.shape[1], self.y.shape[1], self.data.total_weight
        s, at = scale[:n], mean[:n]
        y, origin = self._near(mean[n:], scale[n:])
        V, c = found.V * scale[n:, None], found.c * scale[n:] + (mean[n:] - origin if self.intercept else 0)
        g, a = np.empty(k * (n + 1)), np.empty((len(self.data), k))
        columns = (np.ascontiguousarray(at), 1 / s, self.intercept)
        least = 1e-14 * float(np.square(scale[n:]).sum())  # where ``y`` is told without error
        for _ in range(rounds):
            phi = np.concatenate([V.ravel(), c])
            J = _native.linear_cost(
                *(instruction_set(), self.data.X, y, self.w, total, *columns),
                *(*CODES, phi, g, a, self.threads),
            )
            dV, dc = g[: k * n].reshape(k, n) + self.alpha / total / np.square(s) * V, g[k * n :]
            off_V, off_c = found.correct(total * dV, total * dc)
            V, c = V - off_V, c - off_c
            if rounds == 1 or np.sum(dV * off_V) + dc @ off_c <= ROUNDING * max(J, least):
                deviance = np.array([2 * total * float(J)]) if k == 1 else self._weights() @ np.square(y - a)
                return V / s, c + origin - V / s @ at if self.intercept else np.zeros(k), deviance
        return None

    def _near(self, mean: Array, scale: Array) -> tuple[Array, Array]:
        """``y`` (m, k), less what it is counted from (k,): from zero, or if it is far from there, from about its mean.

        Of predictions far from zero the residuals would have lost too much.
        """
        far = np.square(mean) > FAR * np.square(scale)
        if not (self.intercept and far.any()):
            return self.y, np.zeros_like(mean)
        origin = np.where(far, mean, 0.0).astype(self.y.dtype)
        return np.ascontiguousarray(self.y - origin), origin.astype(np.float64)

    def _weights(self) -> Array:
        return np.ones(len(self.y)) if self.w is None else self.w.astype(np.float64)

    def _sums(self, G: Array, mean: Array, scale: Array, found: NormalEquations, deviance: Array) -> LeastSquaresSums:
        """What there is to know of the rows, from their products ``[X' 1 y']ᵀ diag(w) [X' 1 y']``."""
        n = self.data.X.shape[1]
        total = G[n, n]
        x, y = slice(0, n), slice(n, None)
        x_means, y_means = G[n, :n] / total, G[n, n + 1 :] / total
        between = (G[:, n + 1 :] - G[n, :, None] * y_means) / total  # (n + 1 + k, k)
        covariance = between[n + 1 :] * scale[y] * scale[y, None]
        y_mean, spread = mean[y] + scale[y] * y_means, np.sqrt(np.maximum(covariance.diagonal(), 0))
        order = np.arange(1.0, len(spread) + 1)
        size = np.sqrt(max(0.0, float(order @ covariance @ order)))
        weighted, log_weights = known_of(self.w)
        rows = Rows(
            n_rows=len(self.y),
            weighted=weighted,
            columns=np.stack([mean[x] + scale[x] * x_means if self.intercept else mean[x], found.deviation * scale[x]]),
            correlations=between[:n] @ (scale[y] * order) / found.deviation / (size or 1.0),
            target=np.stack([y_mean, spread]),
        )
        return LeastSquaresSums(
            factor=found.factor,
            size=found.size * scale[x],
            condition=found.condition,
            intercept=self.intercept,
            rows=rows,
            total=float(total),
            log_weights=log_weights,
            deviance=deviance,
            null_deviance=total * (spread**2 + (0 if self.intercept else y_mean**2)),
        )


def _locate_columns(data: Data, y: Array, intercept: bool) -> tuple[Array, Array]:
    """Where the columns of ``X``, then those of ``y``, roughly are (n + k,), and how far they spread."""
    enough = min(1024, max(LEAST, LOOK // data.X.shape[1]))
    rows = slice(None) if len(data) <= enough else np.linspace(0, len(data) - 1, enough).astype(np.int64)
    some = np.hstack([data.X[rows], y[rows]], dtype=np.float64)
    with np.errstate(all="ignore"):
        mean = some.mean(axis=0) if intercept else np.zeros(some.shape[1])
        some -= mean
        scale = np.sqrt(np.einsum("ij,ij->j", some, some) / len(some))
    return mean, np.where((scale > TINY * np.abs(mean)) & np.isfinite(scale), scale, 1.0)
