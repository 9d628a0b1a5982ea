"""The numbers of a trace, by the package's own equations: `Network.forward`, `Network.backward`, the optimizers.

Rows are samples here, as everywhere in Python; the steps shown turn them into columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ..arrays import FRACTIONS, Array
from ..cost import Cost
from ..engines import Data
from ..engines.base import not_finite, positive_weight
from ..engines.reference import ReferenceEngine, add_penalties
from ..equations import Optimizer
from ..gradient_check import GradientReport, check_gradient
from ..layers import Cache, Deltas, Parameters
from ..network import Network
from ..run import Plan
from ..training import train
from . import exact

MOST_CHECKED = 20_000
"""Parameters; beyond, the gradient check would take minutes."""


@dataclass(frozen=True)
class Setting:
    """How the parameters are updated, and what is asked for.

    Parameters
    ----------
    optimizer : Optimizer
    alpha : float or Fraction
        The learning rate.
    penalties : mapping
        Name -> strength.
    steps : int
    batch_size : int or None
        The batches follow each other in the order of the rows, over and over; all rows by default.
    seed : int
        Of the dropout masks.
    check : bool
        Compare the gradient with finite differences.
    """

    optimizer: Optimizer
    alpha: Any
    penalties: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 1
    batch_size: int | None = None
    seed: int = 0
    check: bool = True


@dataclass
class Calculation:
    """All numbers of one update.

    Attributes
    ----------
    t : int
        The step, counted from 1.
    given : Network
        As the user described it; `network` may have its equations made ready for fractions.
    network, after : Network
        Before the update and after it.
    data : Data
        The batch; `data.w` only where there are weights.
    rows : tuple of int
        Its samples, counted from 1.
    total : number
        ``m``, or the sum of the weights: what the cost is divided by.
    cache, deltas
        Of the forward and the backward pass.
    L : (m,)
    J_data, J, J_after : number
        The cost without penalties, with them, and after the update.
    part, gradient : Parameters
        The gradient without penalties, and with them.
    state : mapping
        Arrays that the optimizer keeps, after the update: name -> Parameters.
    report : GradientReport or None
    """

    t: int
    given: Network
    network: Network
    data: Data
    rows: tuple[int, ...]
    setting: Setting
    total: Any = 0
    cache: Cache = field(default_factory=Cache)
    deltas: Deltas = field(default_factory=Deltas)
    L: Array = field(default_factory=lambda: np.empty(0))
    J_data: Any = None
    J: Any = None
    J_after: Any = None
    part: Parameters = field(default_factory=lambda: Parameters(np.empty(0)))
    gradient: Parameters = field(default_factory=lambda: Parameters(np.empty(0)))
    after: Network | None = None
    state: dict[str, Parameters] = field(default_factory=dict)
    hessian: Array | None = None
    report: GradientReport | None = None

    @property
    def dropout_key(self) -> tuple[int, int] | None:
        """Of this step's masks, the same as in training; None without dropout."""
        drops = any(layer.dropout for layer in self.network.layers) and not self.setting.optimizer.full_batch
        return (self.setting.seed, self.t) if drops else None

    @property
    def weights(self) -> Array | None:
        """What the equations take for sample weights: in fractions, every sample has one."""
        return exact.exact_data(self.data).w if self.network.theta.dtype == FRACTIONS else self.data.w

    def run(self, y: bool = True) -> None:
        """Forward and, if there are targets, loss, backward and the cost."""
        network, data, w = self.network, self.data, self.weights
        with np.errstate(all="ignore"):
            self.cache = network.forward(data.X, dropout_key=self.dropout_key)
            if not y:
                return
            m = len(data) if data.w is None else positive_weight(data)
            self.total = Fraction(m) if network.theta.dtype == FRACTIONS else m
            self.L = network.sample_losses(self.cache, data.y)
            self.J_data = network.cost(self.cache, data.y, w)
            self.part = network.backward(self.cache, data.y, w, deltas=self.deltas)
            self.gradient = network.view(self.part.flat.copy())
            self.J = self._penalized(self.J_data, self.gradient)
        if not np.isfinite(float(self.J)):
            raise not_finite(network.with_theta(network.theta.astype(np.float64)), self.data, self.t)

    def cost_at(self, network: Network) -> Any:
        """``J`` with penalties of another network, on the same batch with the same dropout masks."""
        with np.errstate(all="ignore"):
            cache = network.forward(self.data.X, dropout_key=self.dropout_key)
            J = network.cost(cache, self.data.y, self.weights)
            return self._penalized(J, network.view(np.zeros_like(network.theta)), network)

    def _penalized(self, J: Any, gradient: Parameters, network: Network | None = None) -> Any:
        """The cost with penalties, which are added to `gradient` as well."""
        if not self.setting.penalties:
            return J  # a fraction stays one
        return J + add_penalties(network or self.network, gradient, self.setting.penalties, self.total)

    def compare(self) -> None:
        """The gradient check, in float64."""
        if not self.setting.check or self.network.n_parameters > MOST_CHECKED:
            return
        self.report = check_gradient(
            self.given.with_theta(self.network.theta.astype(np.float64)),
            self.data.in_float64(),
            penalties=_strengths(self.setting),
            gradient=self.gradient.flat.astype(np.float64),
            dropout_key=self.dropout_key,
        )


def calculate(network: Network, data: Data, setting: Setting, *, exactly: bool = False) -> Iterator[Calculation]:
    """The numbers of step after step.

    Parameters
    ----------
    network : Network
        In float64; it is not changed.
    data : Data
        All samples; without targets (`y` of no columns) there is a forward pass and nothing else.
    setting : Setting
    exactly : bool
        In fractions, as far as the formulas allow it.

    Raises
    ------
    NotFinite
        As soon as a cost ceases to be finite.
    """
    start = exact.exact_network(network) if exactly else network
    if exactly:
        fractions = exact.exact_data(data)
        data = Data(fractions.X, fractions.y, None if data.w is None else fractions.w)
    moves = _by_itself(network, data, setting) if setting.optimizer.full_batch and data.y.shape[1] else None
    theta = start.theta.copy()
    moments = setting.optimizer.start(theta)
    for k in range(setting.steps):
        rows = _batch(len(data), setting.batch_size, k)
        now = Calculation(
            k + 1, network, start.with_theta(theta.copy()), data.rows(rows), tuple(map(int, rows + 1)), setting
        )
        now.run(bool(data.y.shape[1]))
        if not data.y.shape[1]:
            yield now
            return
        now.compare()
        if moves is None:
            _step(now, theta, moments, k + 1)
        elif not _follow(now, theta, moves, k):
            return
        now.after = start.with_theta(theta.copy())
        now.J_after = now.cost_at(now.after)
        yield now


def _batch(m: int, size: int | None, k: int) -> Array:
    """The rows of the k-th batch: the last one of an epoch may be smaller, as in training."""
    if size is None or size >= m:
        return np.arange(m)
    first = k % -(-m // size) * size
    return np.arange(first, min(first + size, m))


def _step(now: Calculation, theta: Array, moments: Mapping[str, Array], t: int) -> None:
    optimizer, g = now.setting.optimizer, now.gradient.flat
    with np.errstate(all="ignore"):
        if theta.dtype == FRACTIONS:
            exact.step(optimizer, theta, g, moments, t, now.setting.alpha)
        else:
            optimizer.step(theta, g, moments, t, float(now.setting.alpha))
    now.state = {name: now.network.view(values.copy()) for name, values in moments.items()}


def _by_itself(network: Network, data: Data, setting: Setting) -> list[Array]:
    """``θ`` after each step of an optimizer that runs over the full batch by itself, the start first."""
    trial = network.with_theta(network.theta.astype(np.float64))
    found = [trial.theta.copy()]
    plan = Plan(setting.optimizer, epochs=setting.steps, penalties=_strengths(setting), tol=0.0)
    record = [lambda run: found.append(run.network.theta.copy())]
    train(trial, data.in_float64(), plan, engine="reference", callbacks=record)
    return found


def _follow(now: Calculation, theta: Array, moves: list[Array], k: int) -> bool:
    """Take the k-th step that the optimizer took; False if there is none, because it had arrived."""
    if k and k + 1 >= len(moves):
        return False
    new = moves[min(k + 1, len(moves) - 1)]
    old = theta.astype(np.float64)
    plain = now.given.with_theta(old)
    data = now.data.in_float64()
    now.state = {"s": plain.view(new - old)}
    if now.setting.optimizer.second_order:
        cost = Cost(plain, data, _strengths(now.setting), ReferenceEngine())
        now.hessian = cost.hessian(old, np.ones(len(old), dtype=bool))
    else:
        at = [plain.with_theta(place) for place in (old, new)]
        g = [ReferenceEngine().cost_and_gradient(network, data, _strengths(now.setting))[1] for network in at]
        now.state["y"] = plain.view(g[1] - g[0])
    theta[...] = new
    return True


def _strengths(setting: Setting) -> dict[str, float]:
    """Penalties in floats."""
    return {name: float(strength) for name, strength in setting.penalties.items()}
