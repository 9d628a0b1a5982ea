"""What a training is given, what changes on its way, and the training under way itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .arrays import Array
from .cost import Cost
from .engines import Data, Engine
from .equations import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from .equations.columns import Columns
from .errors import InvalidOption, NotFinite
from .network import Network

if TYPE_CHECKING:
    from .callbacks import Callback

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
        Name -> one value an epoch: "loss" (mean cost of the batches, penalties included), "learning_rate", "seconds"
        (the mean of epochs that were taken in one go), and what the validation measures.
    """

    seed: int = 0
    epoch: int = 0
    step: int = 0
    samples: int = 0
    plateaus: int = 0
    optimizer: str = ""
    moments: Mapping[str, Array] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)

    def copy(self) -> State:
        """A deep copy."""
        moments = {name: np.array(moment) for name, moment in self.moments.items()}
        return replace(self, moments=moments, history={name: list(values) for name, values in self.history.items()})


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
        The weights at the end of the last epoch, or at the start; of epochs that were taken in one go, of the last.
    first_epoch : int
        Epochs that were done when it began.
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
    first_epoch: int = 0
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
        self.first_epoch = self.epoch
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

    def end_epoch(self, loss: float, alpha: float, seconds: float, *, steps: int = 1) -> None:
        """Measure, record and count the epoch, which has taken so long, remember the weights, tell the callbacks.

        Ctrl-C amid the measuring leaves nothing of the epoch; later, all of it is in the history.
        """
        began, state = time.perf_counter(), self.state
        measured = self.validation(self.network) if self.validation else {}
        own = {"loss": loss, "learning_rate": alpha, "seconds": seconds + (time.perf_counter() - began)}
        taken = own.keys() & measured.keys() if measured else None
        if taken:
            raise InvalidOption(
                f"the training loop records {min(taken)!r} itself, found it in what the validation measures"
            )
        values = {**own, **measured} if measured else own
        counters = state.epoch + 1, state.step + steps, state.samples + len(self.data)
        lengths = {name: len(self.history.get(name, ())) for name in values}
        try:
            self._count(values, counters)
        except KeyboardInterrupt:
            for name, length in lengths.items():
                del self.history.setdefault(name, [])[length:]
            self._count(values, counters)
            raise
        for callback in self.callbacks:
            callback.on_epoch_end(self)

    def _count(self, values: Mapping[str, float], counters: tuple[int, int, int]) -> None:
        self.record(values)
        self.last_good[...] = self.network.theta
        self.state.epoch, self.state.step, self.state.samples = counters
