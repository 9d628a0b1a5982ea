"""A linear model's cost over a whole table, in standardized columns: the definition in NumPy, and the same in C++.

`Table` standardizes a copy of ``X`` and calls the equations. `NativeTable` reads ``X`` as it lies, once for each
cost with its gradient, and standardizes a few rows at a time; its sums are of float64 whatever the precision of ``X``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..equations.columns import Columns, moments, shares
from ..equations.likelihood import Evaluation
from ..equations.losses import curvature_exp, curvature_one, curvature_sigmoid, curvature_softmax
from ..equations.second_derivative import assembled, hessian
from ..lazily import cached_property
from ..network import Network
from ..registry import Formula
from . import _native
from .base import Data, Engine, not_finite
from .native import ACTIVATION_CODES, NativeEngine, instruction_set, loss_code

CURVATURE_CODES = {curvature_one: 0, curvature_exp: 1, curvature_sigmoid: 2, curvature_softmax: 2}
"""How a second derivative follows from ``ŷ``: see ``LinearCurvature`` in ``cpp/kernels.hpp``."""


STRETCH, ROWS_EACH = 32, 100
"""A sample of the rows has one out of so many, and at least so many for each parameter."""

FAR = 1e4
"""Columns whose mean is further from where it was looked for, in squared deviations, are measured again."""

SMALL, WIDEST = 32_768, 64
"""Numbers in a table, and columns, for which Python takes longer than the arithmetic."""

MOST_STEPS = 100
"""At a time."""


class NewtonSteps(NamedTuple):
    """Where the first steps of Newton's method have led (P,), the cost after each of them, and both ends of the way."""

    phi: Array
    costs: list[float]
    first: Evaluation
    last: Evaluation


class Table:
    """``J(φ)`` of one layer over all samples, its gradient, and its second derivative.

    Parameters
    ----------
    engine : Engine
    network : Network
        Of one layer.
    data : Data
    columns : Columns
    threads : int
    """

    dtype: Any

    def __init__(self, engine: Engine, network: Network, data: Data, columns: Columns, threads: int = 1) -> None:
        self.engine, self.network, self.columns, self.threads = engine, network, columns, threads
        self.data = data
        self.dtype = data.X.dtype

    @cached_property
    def standardized(self) -> Data:
        """The samples in `columns`, a copy whose rows lie one after another."""
        X = self.columns.transform(self.data.X)
        X = np.ascontiguousarray(X) if isinstance(X, np.ndarray) else X
        return Data(X, self.data.y, self.data.w)

    def at(self, phi: Array) -> Network:
        """The network with the parameters `phi` (P,)."""
        return self.network.with_theta(phi.astype(self.dtype, copy=False))

    def cost_and_gradient(self, phi: Array, batch: Data | None = None) -> tuple[float, Array]:
        """``J`` and its gradient (P,) over all samples, or those of a `batch` of the standardized ones.

        The gradient in ``b`` is zero if there is none to learn.
        """
        trial, data = self.at(phi), self.standardized if batch is None else batch
        J, g = self.engine.cost_and_gradient(trial, data, {}, threads=self.threads)
        if not self.columns.intercept:
            trial.view(g).b[1][...] = 0
        return J, g

    def sample(self) -> Table | None:
        """Some of the rows as a table of their own, enough to come close to the optimum; None if that is most."""
        return None

    @property
    def curvature(self) -> Formula:
        """That of the loss, see `deltarule.equations.losses.Fused`."""
        found = self.network.loss.curvature(self.network.layers[-1].activation)
        assert found is not None  # see `Cost.refuses_hessian`
        return found

    def predict(self, phi: Array) -> Array:
        """``ŷ`` (m, k) of all samples."""
        return self.engine.predict(self.at(phi), self.standardized.X, threads=self.threads)

    def hessian(self, phi: Array, free: Array) -> Array:
        """Second derivative of ``J`` (F, F) in the parameters that `free` (P,) marks."""
        X = self.standardized.X
        with np.errstate(all="ignore"):
            H = hessian(X, self.predict(phi), shares(X, self.data.w), self.curvature, free)
        if not np.isfinite(H).all():
            raise not_finite(self.at(phi), self.standardized, 1)
        if not self.columns.intercept:
            fixed = np.flatnonzero(np.flatnonzero(free) >= self.network.view(phi).W[1].size)
            H[fixed, :] = H[:, fixed] = 0
        return H


class NativeTable(Table):
    """The same, with ``φ`` and all sums in float64 whatever the precision of the data."""

    def __init__(self, engine: Engine, network: Network, data: Data, columns: Columns, threads: int = 1) -> None:
        super().__init__(engine, network, data, columns, threads)
        self.dtype = np.dtype(np.float64)
        self.y, self.w = contiguous(data)
        self.a: Array = np.empty(data.y.shape)
        self.latest = b""  # the φ that `a` belongs to
        self.kind = CURVATURE_CODES[self.curvature]
        self.total, self.standardization = data.total_weight, (*_standardization(columns), columns.intercept)
        self.rows = instruction_set(), data.X, self.y, self.w, self.total, *self.standardization
        self.codes = ACTIVATION_CODES[network.layers[-1].activation.formula], loss_code(network)

    @staticmethod
    def supports(network: Network, data: Data) -> bool:
        """A dense table, and a loss with a second derivative whose formula the kernels know."""
        return (
            isinstance(data.X, np.ndarray)
            and len(network.layers) == 1
            and NativeEngine().supports(network) is None
            and network.loss.curvature(network.layers[-1].activation) in CURVATURE_CODES
        )

    def sample(self) -> Table | None:
        """Some of the rows, one out of each stretch of them."""
        m = len(self.data)
        size = max(m // STRETCH, ROWS_EACH * self.network.n_parameters)
        if size * 4 > m:
            return None
        return NativeTable(self.engine, self.network, self.data.sample(size), self.columns, self.threads)

    def cost_and_gradient(self, phi: Array, batch: Data | None = None) -> tuple[float, Array]:
        """See `Table`; one pass over ``X``."""
        if batch is not None:
            return super().cost_and_gradient(phi, batch)
        phi = np.ascontiguousarray(phi, dtype=np.float64)
        g = np.empty_like(phi)
        J = _native.linear_cost(*self.rows, *self.codes, phi, g, self.a, self.threads)
        self.latest = phi.tobytes()
        return float(J), g

    def newton_steps(self, start: Array, l2: Array | None, gap: float, most: int) -> NewtonSteps | None:
        """The first steps of Newton's method, of so few numbers that it would take longer to ask for each.

        All but the last one or two, which `deltarule.equations.newton` takes. None for more numbers, or more outputs.

        Parameters
        ----------
        start : (P,)
            Zero, unless no step is to be taken.
        l2 : (P,), optional
            Of the penalty ``½ Σ l2 φ²``.
        gap : float
            Steps that promise less than this share of the cost are not taken.
        most : int
            How many steps there may be.
        """
        (m, n), k = self.data.X.shape, self.y.shape[1]
        if k > 1 or n >= WIDEST or m * (n + 1) > SMALL:
            return None
        phi, costs = start.copy(), np.empty(min(most, MOST_STEPS) + 1)
        g, H = np.empty((2, n + 1)), np.empty((2, n + 1, n + 1))
        places = phi, costs, g, H, self.a
        taken = _native.newton_steps(*self.rows, *self.codes, self.kind, l2, gap, *places, self.threads)
        if not np.isfinite(H).all():
            raise not_finite(self.at(phi), self.standardized, 1)
        self.latest, J = phi.tobytes(), costs[: taken + 1].tolist()
        return NewtonSteps(phi, J[1:], Evaluation(J[0], g[0], H[0]), Evaluation(J[-1], g[1], H[1]))

    def predict(self, phi: Array) -> Array:
        """See `Table`; what the last cost has left, if it was that of `phi`."""
        if phi.tobytes() != self.latest:
            self.cost_and_gradient(phi)
        return self.a

    def hessian(self, phi: Array, free: Array) -> Array:
        """See `Table`."""
        self.predict(phi)
        all_of_one = self.y.shape[1] == 1 and np.count_nonzero(free) == len(free)
        H = self._products(0, 0, self.data.X, self.columns) if all_of_one else self._blocks(free)
        if not np.isfinite(H).all():
            raise not_finite(self.at(phi), self.standardized, 1)
        return H

    def _products(self, i: int, j: int, X: Array, columns: Columns) -> Array:
        """``[X' 1]ᵀ diag(h_ij) [X' 1]`` (n + 1, n + 1) of some columns ``X`` (m, n)."""
        own = columns is self.columns
        standardization = self.standardization if own else (*_standardization(columns), columns.intercept)
        out = np.empty((X.shape[1] + 1,) * 2)
        rows = self.rows[0], X, None, self.w, self.total, *standardization
        _native.gram(*rows, self.a, self.kind, i, j, False, out, self.threads)
        return out

    def _blocks(self, free: Array) -> Array:
        """The matrix of the parameters that `free` (P,) marks, one block for each pair of outputs."""
        n, k = self.network.n_features, self.data.y.shape[1]
        X, columns = self.data.X, self.columns
        taken = np.flatnonzero(free[: k * n].reshape(k, n).any(axis=0))
        if len(taken) < n:
            X = np.ascontiguousarray(X[:, taken])
            columns = replace(columns, mean=columns.mean[taken], scale=columns.scale[taken])
        known: list[Array] = []  # where that of one output is that of all

        def block(i: int, j: int, used_i: Array, used_j: Array) -> Array | None:
            if i != j and k > 1 and not self._coupled:
                return None
            if not known or self.kind > 0:
                known[:] = [self._products(i, j, X, columns)]
            if len(used_i) == len(used_j) == len(taken):
                return known[0]
            places = (np.append(np.searchsorted(taken, used), len(taken)) for used in (used_i, used_j))
            part: Array = known[0][np.ix_(*places)]
            return part

        return assembled(free, n, k, block)

    @property
    def _coupled(self) -> bool:
        """Whether an output has a second derivative by two different ``Z``."""
        return self.curvature is curvature_softmax


def make_table(
    engine: Engine, network: Network, data: Data, columns: Columns, threads: int, *, whole: bool, exact: bool
) -> Table:
    """The native one, if the engine is and all samples are asked for at once (`whole`); `exact` asks for float64."""
    if whole and engine.name == "native" and NativeTable.supports(network, data):
        return NativeTable(engine, network, data, columns, threads)
    if exact and data.X.dtype != np.float64:
        data = data.in_float64()
    return Table(engine, network, data, columns, threads)


def measuring(engine: Engine, X: Array, threads: int) -> Callable[[Array, Array | None, bool], tuple[Array, Array]]:
    """Who measures the columns of `X` for `deltarule.equations.columns.standardizing`."""
    if engine.name == "native" and isinstance(X, np.ndarray):
        return partial(native_moments, threads=threads)
    return moments


def native_moments(X: Array, w: Array | None, centers: bool, threads: int = 1) -> tuple[Array, Array]:
    """`deltarule.equations.columns.moments` in one pass over ``X``, or two if the first row is not like the others."""
    w = None if w is None else np.ascontiguousarray(w, dtype=X.dtype)
    total = float(X.shape[0]) if w is None else float(w.sum(dtype=np.float64))
    start = X[0].astype(np.float64) if centers else np.zeros(X.shape[1])
    for _ in range(2):
        sums = np.empty((2, X.shape[1]))
        _native.column_moments(instruction_set(), X, w, start, np.ones(X.shape[1]), *sums, threads)
        with np.errstate(all="ignore"):
            sums /= total
            if not centers:
                break
            offset, square = sums[0], np.square(sums[0])
            variance, start = sums[1] - square, start + offset
            if not (square > FAR * variance).any():
                return start, variance
    return start, sums[1]


def _standardization(columns: Columns) -> tuple[Array, Array]:
    """``μ`` and ``1 / s``."""
    return np.ascontiguousarray(columns.mean), 1 / columns.scale


def contiguous(data: Data) -> tuple[Array, Array | None]:
    """``y`` and ``w`` in the precision of ``X``, one row after another."""
    y = np.ascontiguousarray(data.y, dtype=data.X.dtype)
    return y, None if data.w is None else np.ascontiguousarray(data.w, dtype=data.X.dtype)
