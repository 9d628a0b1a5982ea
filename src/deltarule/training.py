"""The only training loop: epochs, minibatches, validation, history, stopping; the same for all engines and estimators.

The order of the samples in an epoch is a function of the seed and the number of the epoch alone, as are the dropout
masks of the seed and the step. So there is no generator whose state could be lost, and a run that continues from a
checkpoint takes the very steps it would have taken.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from . import engines
from .arrays import Array
from .callbacks import Callback, as_callback
from .cost import Cost
from .engines import Data, Engine, Steps
from .engines.base import not_finite
from .engines.threads import one_blas_thread
from .equations import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from .equations.columns import Columns
from .equations.schedules import Clock
from .errors import DataError, DeltaruleWarning, InvalidOption, NotFinite, warn
from .network import Network, check_targets

HEAD_START = 12
"""Steps that may be taken on a sample of the rows to find a start for all of them."""

WORSE = 0.1
"""Share by which the cost there may be above that of the sample at zero."""

Validation: TypeAlias = Callable[[Network], Mapping[str, float]]
"""Measures a network after each epoch: name -> value, such as ``{"validation_loss": 0.3}``."""


@dataclass(frozen=True)
class Plan:
    """How to train.

    Parameters
    ----------
    optimizer : Optimizer
    schedule : Schedule
    learning_rate : float
        ``α_0``, from which the schedule makes the rate of every step.
    epochs : int
        Epochs of the whole run; for an optimizer over the full batch its steps.
    batch_size : int
    shuffle : bool
        Draw the samples of each epoch in a new order.
    penalties : mapping
        Penalty name -> strength.
    tol : float
        Over the full batch: stop when no component of the gradient is larger.
    max_fun : int
        For L-BFGS and Newton: most evaluations of the cost.
    threads : int
        How many the engine may use.
    columns : Columns, optional
        For a network of one layer: learn in these.
    """

    optimizer: Optimizer = OPTIMIZERS["adam"]
    schedule: Schedule = SCHEDULES["constant"]
    learning_rate: float = 0.001
    epochs: int = 200
    batch_size: int = 200
    shuffle: bool = True
    penalties: Mapping[str, float] = field(default_factory=dict)
    tol: float = 1e-4
    max_fun: int = 15000
    threads: int = 1
    columns: Columns | None = None


@dataclass
class State:
    """All that changes while a network is trained, besides its ``theta``; what a checkpoint must hold.

    Parameters
    ----------
    seed : int
        Of the order of the samples and of the dropout masks.
    epoch, step, samples : int
        Epochs and steps done, samples seen.
    plateaus : int
        How often the loss has ceased to improve and the learning rate was lowered.
    optimizer : str
        Name of the one that the moments belong to; another one begins with its own.
    moments : mapping
        Name -> the optimizer's arrays, (P,), as the engine keeps them.
    history : dict
        Name -> one value an epoch: "loss" (mean cost of the batches, penalties included), "learning_rate", "seconds",
        and what the validation measures.
    """

    seed: int = 0
    epoch: int = 0
    step: int = 0
    samples: int = 0
    plateaus: int = 0
    optimizer: str = ""
    moments: Mapping[str, Array] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Run:
    """A training under way, as callbacks see it.

    Attributes
    ----------
    network : Network
        ``network.theta`` is overwritten step by step; where the plan has columns, epoch by epoch.
    cost : Cost or None
        What is minimized, for an optimizer over the full batch and where the plan has columns.
    plan, state, data, engine, validation
        See `train`.
    stopped : str
        Why training ended; empty while it goes on.
    converged : bool
        It ended because there was nothing left to gain, not because the epochs were used up.
    arrived : bool
        The optimizer over all samples ended by itself, at its optimum.
    stuck : bool
        It ended away from the optimum, whatever is left of the epochs: the cost could not be lowered any further.
    interrupted : bool
        It ended by Ctrl-C.
    failure : NotFinite or None
        It ended because a value ceased to be finite.
    recovered : bool
        A callback has put finite weights back.
    last_good : (P,)
        The weights at the end of the last epoch, or at the start.
    started : list of Callback
        Those that have begun, and will be told the end.
    """

    network: Network
    data: Data
    plan: Plan
    state: State
    engine: Engine
    cost: Cost | None = None
    callbacks: Sequence[Callback] = ()
    validation: Validation | None = None
    stopped: str = ""
    converged: bool = False
    arrived: bool = False
    stuck: bool = False
    interrupted: bool = False
    failure: NotFinite | None = None
    recovered: bool = False
    last_good: Array = field(default_factory=lambda: np.empty(0))
    started: list[Callback] = field(default_factory=list)

    @property
    def history(self) -> dict[str, list[float]]:
        """Name -> one value an epoch."""
        return self.state.history

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self.state.epoch

    def stop(self, reason: str, *, converged: bool = True) -> None:
        """End the training after this epoch."""
        self.stopped, self.converged = reason, converged

    def lower_learning_rate(self) -> bool:
        """Tell the schedule that the loss has ceased to improve; False if it has no lower rate to offer."""
        schedule = self.plan.schedule
        if not schedule.on_plateau or self.history["learning_rate"][-1] <= float(schedule.settings["minimum"]):
            return False
        self.state.plateaus += 1
        return True

    def start(self) -> None:
        """Tell every callback that it begins; they may put the network and the state where an earlier run ended."""
        for callback in self.callbacks:
            callback.on_start(self)
            self.started.append(callback)
        self.last_good = self.network.theta.copy()

    def end(self) -> None:
        """Tell every callback that has begun that it has ended."""
        for callback in self.started:
            callback.on_end(self)

    def record(self, values: Mapping[str, float]) -> None:
        """Add an epoch to the history."""
        history = self.history
        for name, value in values.items():
            history.setdefault(name, []).append(float(value))


def train(
    network: Network,
    data: Data,
    plan: Plan,
    *,
    state: State | None = None,
    epochs: int | None = None,
    engine: str = "auto",
    callbacks: Sequence[Callback | Callable[[Run], Any]] = (),
    validation: Validation | None = None,
) -> Run:
    """Train `network` in place.

    Parameters
    ----------
    network : Network
    data : Data
    plan : Plan
    state : State, optional
        Go on from here.
    epochs : int, optional
        How many epochs to run now; all that the plan has left by default.
    engine : str
    callbacks : sequence of Callback or callable
        A callable is called with the `Run` after each epoch.
    validation : callable, optional

    Returns
    -------
    Run
        With the history and the reason for which it ended.

    Raises
    ------
    DataError
        If the shapes do not fit, or there is nothing to learn from.
    NotFinite
        If a value ceases to be finite and no callback kept better weights.
    """
    check_targets(network, data.X, data.y)
    if not len(data) or not data.total_weight > 0:
        raise DataError("expected at least one sample with a positive weight, found none")
    ordered = sorted(map(as_callback, callbacks), key=lambda c: c.runs_last)
    whole = plan.optimizer.full_batch or plan.columns is not None
    stepping = None if whole else plan.optimizer  # steps that the engine itself takes
    chosen = engines.choose(engine, network, data.X, stepping, plan.penalties)
    cost = _make_cost(network, data, plan, chosen) if whole else None
    run = Run(network, data, plan, state or State(), chosen, cost, ordered, validation)
    try:
        run.start()
        last = plan.epochs if epochs is None else run.state.epoch + epochs
        (_full_batch if plan.optimizer.full_batch else _minibatches)(run, last)
    except KeyboardInterrupt:
        run.stop("Training interrupted by user.", converged=False)
        run.interrupted = True
    except NotFinite as error:
        run.stop(str(error), converged=False)
        run.failure = error
    except BaseException as error:  # someone else's: a callback must still take its bar off the screen
        run.stop(f"Training ended by {type(error).__name__}.", converged=False)
        run.end()
        raise
    if (run.interrupted or run.failure) and len(run.last_good):
        network.theta[...] = run.last_good
    run.end()
    if run.failure and not run.recovered:
        raise run.failure
    if run.interrupted or run.failure:
        before = "weights of the last finished epoch" if run.epoch else "weights it began with"
        kept = "best weights so far" if run.recovered else before
        warn(f"{run.stopped} The {kept} are kept.", DeltaruleWarning)
    return run


def _make_cost(network: Network, data: Data, plan: Plan, engine: Engine) -> Cost:
    exact = plan.optimizer.full_batch
    at_once = exact or plan.batch_size >= len(data)
    return Cost(network, data, plan.penalties, engine, plan.columns, plan.threads, whole=at_once, exact=exact)


def _minibatches(run: Run, last_epoch: int) -> None:
    """Epochs of minibatch steps, up to `last_epoch` or until something stops them."""
    state, plan, network = run.state, run.plan, run.network
    found = state.moments if state.optimizer == plan.optimizer.name else None
    state.optimizer = plan.optimizer.name
    keeper = run.engine if run.cost is None else engines.ReferenceEngine()  # a cost steps in the layout of theta
    state.moments = keeper.moments(network, plan.optimizer, found)
    n_samples = len(run.data)
    n_steps = -(-n_samples // plan.batch_size)
    while state.epoch < last_epoch and not run.stopped:
        began = time.perf_counter()
        first = np.arange(state.step, state.step + n_steps)
        clock = Clock(state.epoch, plan.epochs, first, plan.epochs * n_steps, state.samples, state.plateaus)
        alphas = plan.schedule.rates(plan.learning_rate, clock)
        order = epoch_order(state.seed, state.epoch, n_samples) if plan.shuffle and n_steps > 1 else None
        steps = Steps(order, plan.batch_size, alphas, state.step, state.seed)
        if run.cost is None:
            loss = run.engine.epoch(
                network, run.data, steps, plan.optimizer, state.moments, plan.penalties, threads=plan.threads
            )
        else:
            loss = run.cost.epoch(steps, plan.optimizer, state.moments)
        state.step += n_steps
        state.samples += n_samples
        if not np.isfinite(network.theta).all():
            raise not_finite(network, run.data.rows(slice(0, 1)), state.step)
        _end_epoch(run, loss, float(alphas[-1]), began)
    if not run.stopped:
        run.stop(f"Maximum iterations ({last_epoch}) reached.", converged=False)


def epoch_order(seed: int, epoch: int, n_samples: int) -> Array:
    """The order in which an epoch, counted from 0, sees its samples: int64 (n_samples,)."""
    return np.random.default_rng([seed, epoch]).permutation(n_samples)


def _full_batch(run: Run, last_epoch: int) -> None:
    """An optimizer that steps by itself, given cost and gradient over all samples; a step counts as an epoch."""
    plan, network, cost = run.plan, run.network, run.cost
    assert cost is not None
    reason = cost.refuses_hessian() if plan.optimizer.second_order else None
    if reason:
        raise InvalidOption(f"{plan.optimizer.name} expects {reason}", "choose another optimizer, such as 'lbfgs'")
    whole = FullBatch(run, cost)
    start, second_order = _begin(run, cost)
    if second_order and not (whole.watched or start.any()):
        start = whole.begin(start, last_epoch - run.state.epoch - 1, second_order)
    if not whole.cost_and_gradient(start)[0] <= second_order.pop("worst", np.inf):  # a sample not like the rest
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
    if not run.history:  # it began at the optimum: no step was needed
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
        self.reached: Array | None = None  # by the last step that was finished
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
        for J in found.costs:
            self._count(J)
        self.reached = found.phi.copy()
        second_order |= {"null_space": np.empty((len(zero), 0)), "guess": found.last.H, "begun": True}
        return found.phi

    def after_step(self, phi: Array) -> None:
        """Count an epoch."""
        if self.watched:
            self.cost.put(phi)
        self._count(self.cost_and_gradient(phi)[0] + self.cost.kinked(phi))
        self.reached = phi.copy()
        if self.run.stopped:
            raise StopIteration

    def _count(self, J: float) -> None:
        self.run.state.step += 1
        self.run.state.samples += len(self.run.data)
        _end_epoch(self.run, J, np.nan, self.began)
        self.began = time.perf_counter()

    def put_back(self) -> None:
        """Give a network that did not follow what the last finished step has reached."""
        if self.reached is not None and not self.watched:
            self.cost.put(self.reached)
            self.run.last_good[...] = self.run.network.theta


def _begin(run: Run, cost: Cost) -> tuple[Array, dict[str, Any]]:
    """Where the optimizer begins, (P,), and what it is told of second derivatives."""
    start = cost.start(np.float64)
    if not np.isfinite(start).all():
        raise not_finite(run.network, run.data, 1)
    if not run.plan.optimizer.second_order:
        return start, {}
    part = None if start.any() else cost.sample()
    found = None if part is None else _head_start(run, part, start)
    return (start, _second_order(cost)) if found is None else (found.pop("start"), _second_order(cost) | found)


def _second_order(cost: Cost) -> dict[str, Any]:
    return {"hessian": cost.hessian, "zero": lambda: cost.zero, "price": cost.price}


def _head_start(run: Run, part: Cost, phi: Array) -> dict[str, Any] | None:
    """The optimum of a sample of the rows from `phi` (P,) on, and the second derivative of its cost there.

    Also the worst cost of all rows there may be: nearly that of the sample at `phi`.
    """
    options = {"max_iter": HEAD_START, "max_fun": 2 * HEAD_START, "tol": np.inf, "gap": 1e-3} | _second_order(part)
    with one_blas_thread(), np.errstate(all="ignore"):
        found = run.plan.optimizer.rule(phi, part.smooth, None, after_step=lambda _: None, **options)
        J = part.smooth(phi)[0]
    if not found.success or not np.isfinite(found.x).all():
        return None
    known = {"start": found.x, "worst": J + WORSE * abs(J)}
    if found.null_space is None or found.null_space.size:  # perhaps not one of all rows
        return known
    H = part.hessian(found.x, np.ones(len(phi), dtype=bool))
    return known | {"null_space": found.null_space, "guess": H}


def _end_epoch(run: Run, loss: float, alpha: float, began: float) -> None:
    """Measure, record the epoch, remember the weights as good, and tell the callbacks."""
    measured = run.validation(run.network) if run.validation else {}
    own = {"loss": loss, "learning_rate": alpha, "seconds": time.perf_counter() - began}
    taken = own.keys() & measured.keys() if measured else None
    if taken:
        raise InvalidOption(
            f"the training loop records {min(taken)!r} itself, found it in what the validation measures"
        )
    run.state.epoch += 1
    run.record({**own, **measured} if measured else own)
    run.last_good[...] = run.network.theta
    for callback in run.callbacks:
        callback.on_epoch_end(run)
