"""Training by an optimizer that steps by itself over all samples, such as L-BFGS and Newton's method."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array
from .cost import Cost
from .engines.base import not_finite
from .engines.threads import one_blas_thread
from .errors import InvalidOption
from .run import Run

HEAD_START = 12
"""Steps that may be taken on a sample of the rows to find a start for all of them."""

WORSE = 0.1
"""Share by which the cost there may be above that of the sample at zero."""


def full_batch(run: Run, last_epoch: int) -> None:
    """An optimizer that steps by itself, given cost and gradient over all samples; a step counts as an epoch."""
    plan, network, cost = run.plan, run.network, run.cost
    assert cost is not None
    reason = cost.refuses_hessian() if plan.optimizer.second_order else None
    if reason:
        raise InvalidOption(f"{plan.optimizer.name} expects {reason}", "choose another optimizer, such as 'lbfgs'")
    whole = FullBatch(run, cost)
    start, worst, second_order = _begin(run, cost)
    if second_order and not (whole.watched or start.any()):
        start = whole.begin(start, last_epoch - run.state.epoch - 1, second_order)
    if not whole.cost_and_gradient(start)[0] <= worst:  # a sample not like the rest
        start, second_order = cost.start(np.float64), _second_order(cost)
    if not math.isfinite(whole.cost_and_gradient(start)[0]):
        raise not_finite(network, run.data, 1)
    if run.state.epoch >= last_epoch or run.stopped:
        return
    try:
        with one_blas_thread(len(run.data), network.n_parameters):  # SciPy's threads would mostly wait for each other
            result = plan.optimizer.rule(
                start.copy(),
                whole.cost_and_gradient,
                cost.l1,
                after_step=whole.after_step,
                max_iter=last_epoch - run.state.epoch,
                max_fun=plan.max_fun,
                tol=plan.tol,
                **second_order,
            )
        cost.put(result.x)
        if not np.isfinite(network.theta).all():
            raise not_finite(network, run.data, run.state.step)
    except BaseException:
        whole.put_back()
        raise
    if run.epoch == 0:  # it began at the optimum: no step was needed
        run.record({"loss": float(result.fun), "learning_rate": np.nan, "seconds": time.perf_counter() - whole.began})
    if not run.stopped:
        run.stop(str(result.message), converged=bool(result.success))
        run.arrived, run.stuck = run.converged, not run.converged and result.status == 2


class FullBatch:
    """What an optimizer over all samples asks for: the cost, known where it was asked for last, and the end of a step.

    The network follows ``φ`` where somebody looks; else it gets what was reached when the optimizer ends, however it
    does.
    """

    def __init__(self, run: Run, cost: Cost) -> None:
        self.run, self.cost = run, cost
        self.watched = bool(run.callbacks or run.validation)
        self.latest = b"", np.nan, np.empty(0)
        self.reached: dict[int, Array | None] = {}  # after so many epochs
        self.began = time.perf_counter()

    def cost_and_gradient(self, phi: Array) -> tuple[float, Array]:
        """``J(φ)`` and its gradient (P,)."""
        place = phi.tobytes()
        if place != self.latest[0]:
            J, g = self.cost.smooth(phi)
            self.latest = place, J, g.astype(np.float64, copy=False)
        return self.latest[1:]

    def begin(self, zero: Array, most: int, second_order: dict[str, Any]) -> Array:
        """Take the first of Newton's steps, at `most` so many, if there is a quick way; say where that has led (P,).

        What it has found out is added to what Newton's method is told.
        """
        gap = self.run.plan.optimizer.settings.get("gap")
        found = None if gap is None or self.run.stopped else self.cost.newton_steps(zero, float(gap), max(most, 0))
        if found is None:
            return zero
        self.cost.zero, self.latest = found.first, (found.phi.tobytes(), found.last.J, found.last.g)
        if not found.costs:
            return zero
        epochs = range(self.run.epoch + 1, self.run.epoch + 1 + len(found.costs))
        self.reached = dict.fromkeys(epochs, found.phi.copy())
        for J in found.costs:
            self._count(J)
        second_order |= {"null_space": np.empty((len(zero), 0)), "guess": found.last.H, "begun": True}
        return found.phi

    def after_step(self, phi: Array) -> None:
        """Count an epoch."""
        if self.watched:
            self.cost.put(phi)
        epoch = self.run.epoch
        self.reached = {epoch: self.reached.get(epoch), epoch + 1: phi.copy()}  # Ctrl-C may come before it is counted
        self._count(self.cost_and_gradient(phi)[0] + self.cost.kinked(phi))
        if self.run.stopped:
            raise StopIteration

    def _count(self, J: float) -> None:
        self.run.end_epoch(J, np.nan, time.perf_counter() - self.began)
        self.began = time.perf_counter()

    def put_back(self) -> None:
        """Give a network that did not follow what the last finished step has reached."""
        reached = self.reached.get(self.run.epoch)
        if reached is not None and not self.watched:
            self.cost.put(reached)
            self.run.last_good[...] = self.run.network.theta


class Beginning(NamedTuple):
    """Where an optimizer begins, (P,), the worst cost there may be, and what it is told of second derivatives."""

    start: Array
    worst: float
    second_order: dict[str, Any]


def _begin(run: Run, cost: Cost) -> Beginning:
    """Where the network stands, or at the optimum of a sample of the rows."""
    start = cost.start(np.float64)
    if not np.isfinite(start).all():
        raise not_finite(run.network, run.data, 1)
    if not run.plan.optimizer.second_order:
        return Beginning(start, np.inf, {})
    part = None if start.any() else cost.sample()
    found = None if part is None else _head_start(run, part, start)
    if found is None:
        return Beginning(start, np.inf, _second_order(cost))
    return found._replace(second_order=_second_order(cost) | found.second_order)


def _second_order(cost: Cost) -> dict[str, Any]:
    return {"hessian": cost.hessian, "zero": lambda: cost.zero, "price": cost.price}


def _head_start(run: Run, part: Cost, phi: Array) -> Beginning | None:
    """The optimum of a sample of the rows from `phi` (P,) on, and the second derivative of its cost there.

    The worst cost of all rows there may be is nearly that of the sample at `phi`.
    """
    options = {"max_iter": HEAD_START, "max_fun": 2 * HEAD_START, "tol": np.inf, "gap": 1e-3} | _second_order(part)
    with one_blas_thread(), np.errstate(all="ignore"):
        found = run.plan.optimizer.rule(phi, part.smooth, None, after_step=lambda _: None, **options)
        J = part.smooth(phi)[0]
    if not found.success or not np.isfinite(found.x).all():
        return None
    known: dict[str, Any] = {}
    if found.null_space is not None and not found.null_space.size:  # else it is perhaps not one of all rows
        H = part.hessian(found.x, np.ones(len(phi), dtype=bool))
        known = {"null_space": found.null_space, "guess": H}
    return Beginning(found.x, J + WORSE * abs(J), known)
