"""The cost of all samples as a function of one flat vector, the way an optimizer over the whole of them sees it.

That vector is ``θ`` itself; for a linear model in standardized columns it is the ``φ`` of
`deltarule.equations.columns`, learned from standardized data, and the network's ``θ`` follows after each epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np

from .arrays import Array
from .engines import Data, Engine, Steps
from .engines.base import not_finite
from .engines.tables import NativeTable, NewtonSteps, Table, make_table
from .engines.threads import one_blas_thread
from .equations import Optimizer
from .equations.columns import Columns, unchanged
from .equations.likelihood import Evaluation
from .equations.newton import free_parameters
from .equations.quadratic import solve, subgradient
from .errors import InvalidOption
from .lazily import cached_property
from .network import Network


class Cost:
    """``J(φ) + Σ l1 |φ|``: its smooth part ``J`` with gradient and second derivative, and the strengths ``l1``.

    Parameters
    ----------
    network : Network
        Whose ``θ`` is learned.
    data : Data
    penalties : mapping
        Penalty name -> strength.
    engine : Engine
    columns : Columns, optional
        Learn in these, in the precision of the data; only for a network of one layer.
    threads : int
    whole : bool
        All samples are asked for at once, never a batch.
    exact : bool
        Costs are compared that differ by less than float32 can tell.

    Attributes
    ----------
    l1, l2 : (P,) or None
    steepest : float
        The largest component of the subgradient (of least norm) where `epoch` took its last step.
    """

    def __init__(
        self,
        network: Network,
        data: Data,
        penalties: Mapping[str, float],
        engine: Engine,
        columns: Columns | None = None,
        threads: int = 1,
        *,
        whole: bool = True,
        exact: bool = False,
    ) -> None:
        self.network, self.engine, self.columns, self.threads = network, engine, columns, threads
        self.given = data
        self.table = None
        if columns is not None:
            self.table = make_table(engine, network, data, columns, threads, whole=whole, exact=exact)
        self.dtype = network.theta.dtype if self.table is None else self.table.dtype
        self.l1 = self._strengths(penalties.get("l1", 0.0), 1)
        self.l2 = self._strengths(penalties.get("l2", 0.0), 2)
        self.penalties = {name: strength for name, strength in penalties.items() if name not in ("l1", "l2")}
        if self.penalties and columns is not None:
            raise InvalidOption(
                f"expected no penalties but l1 and l2 in standardized columns, found {', '.join(self.penalties)}"
            )
        self.steepest = np.inf

    def _strengths(self, strength: float, power: int) -> Array | None:
        """Of ``Σ |φ|^power``, at the place of each parameter (P,); None if all would be 0."""
        if strength == 0:
            return None
        strength /= self.given.total_weight
        if self.columns is not None:
            return self.columns.strengths(self.network.n_parameters, strength, power)
        views = self.network.view(np.zeros(self.network.n_parameters))
        for W in views.W.values():
            W[...] = strength
        return views.flat

    def start(self, dtype: type | np.dtype[np.floating] | None = None) -> Array:
        """``φ`` (P,) of the network as it is, a copy."""
        theta = self.network.theta.astype(dtype or self.dtype)
        return theta if self.columns is None or not theta.any() else self.columns.inward(theta)

    def put(self, phi: Array) -> None:
        """Give the network the parameters that belong to `phi` (P,)."""
        self.network.theta[...] = phi if self.columns is None else self.columns.outward(phi)

    @property
    def data(self) -> Data:
        """The samples as ``J(φ)`` sees them: in standardized columns, if it does."""
        return self.given if self.table is None else self.table.standardized

    def smooth(self, phi: Array, data: Data | None = None) -> tuple[float, Array]:
        """``J`` and its gradient (P,), over all samples or those of a batch `data`."""
        if self.table is None:
            trial = self.network.with_theta(phi.astype(self.dtype, copy=False))
            data = self.data if data is None else data
            J, g = self.engine.cost_and_gradient(trial, data, self.penalties, threads=self.threads)
        else:
            J, g = self.table.cost_and_gradient(phi, data)
        if self.l2 is not None:
            pull = self.l2 * phi
            J += 0.5 * float(pull @ phi)
            g += pull
        return J, g

    def kinked(self, phi: Array) -> float:
        """``Σ l1 |φ|``."""
        return 0.0 if self.l1 is None else float(self.l1 @ np.abs(phi))

    def subgradient(self, phi: Array, g: Array) -> Array:
        """Of the whole cost, the one of least norm, (P,)."""
        return g if self.l1 is None else subgradient(phi, g, self.l1)

    def sample(self) -> Cost | None:
        """The same cost over some of the rows, whose optimum is a good start; None where that would not pay."""
        if self.table is None or self.l1 is not None:
            return None
        table = self.table.sample()
        if table is None:
            return None
        part = copy(self)
        part.__dict__.pop("zero", None)
        part.given, part.table = table.data, table
        return part

    # second derivatives

    def refuses_hessian(self) -> str | None:
        """``None`` if the second derivative is known, else the reason why not."""
        if len(self.network.layers) > 1:
            return f"one layer, found {len(self.network.layers)}"
        if self.penalties:
            return f"no penalties but l1 and l2, found {', '.join(self.penalties)}"
        if self.network.loss.curvature(self.network.layers[-1].activation) is None:
            return f"a loss with a second derivative, found {self.network.loss}"
        return None

    def hessian(self, phi: Array, free: Array) -> Array:
        """Second derivative of ``J`` (F, F) in the parameters that `free` (P,) marks."""
        table = self.table or Table(self.engine, self.network, self.given, unchanged(self.network.n_features))
        H = table.hessian(phi, free)
        if self.l2 is not None:
            H.ravel()[:: len(H) + 1] += self.l2[free]
        return H

    def place(self, phi: Array) -> Evaluation:
        """What an optimizer asks for at `phi` (P,)."""
        quick = self.newton_steps(phi, 0.0, 0)
        if quick is not None:
            return quick.first
        return Evaluation(*self.smooth(phi), self.hessian(phi, np.ones(len(phi), bool)))

    @cached_property
    def zero(self) -> Evaluation:
        """The place where all parameters are zero: Newton's method begins there, and errors are made of it."""
        return self.place(np.zeros(self.network.n_parameters))

    def newton_steps(self, start: Array, gap: float, most: int) -> NewtonSteps | None:
        """See `NativeTable.newton_steps`; None where somebody else takes them."""
        if self.l1 is not None or not isinstance(self.table, NativeTable):
            return None
        return self.table.newton_steps(start, self.l2, gap, most)

    def predict(self, phi: Array) -> Array:
        """``ŷ`` (m, n_L) of all samples with the parameters `phi` (P,); of standardized columns."""
        assert self.table is not None
        return self.table.predict(phi)

    @property
    def price(self) -> float:
        """How many times as long as `smooth` the second derivative takes, about."""
        return 0.04 * (self.network.n_features + 1) * (self.network.sizes[-1] + 1)

    def gap(self, phi: Array) -> tuple[float, float]:
        """The cost at `phi` (P,), and how far it is above the optimum: ``½ vᵀ H⁻¹ v`` of the subgradient ``v``."""
        J, g = self.smooth(phi)
        v = self.subgradient(phi, g)
        free = free_parameters(phi, v, np.zeros_like(v) if self.l1 is None else self.l1)
        v = v[free].astype(np.float64)
        with one_blas_thread():
            return J + self.kinked(phi), 0.5 * float(v @ solve(self.hessian(phi, free), v))

    # descent, step by step

    def epoch(self, steps: Steps, optimizer: Optimizer, moments: Mapping[str, Array]) -> float:
        """Take every step of an epoch; with `l1`, each is followed by ``θ = sign(θ) max(|θ| - α l1, 0)``.

        Returns the mean of the batches' costs, each as it was before its step, as `deltarule.engines.Engine.epochs`.
        """
        phi, total, total_weight, n_samples = self.start(), 0.0, 0.0, len(self.given)
        for t, alpha, rows in steps.batches():
            batch = None if steps.batch_size >= n_samples else self.data.rows(rows)
            weight = (self.given if batch is None else batch).total_weight
            if weight == 0:  # nothing to learn from
                continue
            J, g = self.smooth(phi, batch)
            J += self.kinked(phi)
            if not np.isfinite(J):
                raise not_finite(self.network.with_theta(phi), batch or self.data, t)
            self.steepest = float(np.abs(self.subgradient(phi, g)).max())
            optimizer.step(phi, g, moments, t, alpha)
            if self.l1 is not None:
                phi = (np.sign(phi) * np.maximum(np.abs(phi) - alpha * self.l1, 0)).astype(phi.dtype)
            total += J * weight
            total_weight += weight
        self.put(phi)
        return total / total_weight
