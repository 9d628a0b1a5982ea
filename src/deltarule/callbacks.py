"""What happens beside the training: early stopping, progress, printing; and checkpoints, see `checkpoint`.

A callback has three moments, `on_start`, `on_epoch_end` and `on_end`, and sees the `deltarule.run.Run`. A plain
function of the run will do where only the end of an epoch matters. Who looks at the history only may say in
`epochs_ahead` how many epochs need not be seen one by one: many short epochs are then taken much faster.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array
from .errors import InvalidOption

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from .run import Run

HIGHER_IS_BETTER = re.compile(r"score|accuracy|auc|r2|f1|precision|recall|jaccard|kappa|(^|_)(mcc|neg)(_|$)")
"""Names of values of which more is better, as scikit-learn uses them."""


class Callback:
    """Base of all callbacks; override the moments you need."""

    runs_last = False
    """Called after the others: it wants to see what they have decided."""

    def on_start(self, run: Run) -> None:
        """Before the first epoch."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch, its values already in ``run.history``.

        Of epochs that were taken in one go, network and moments are those of the last.
        """

    def on_end(self, run: Run) -> None:
        """After the last epoch, however it ended."""

    def epochs_ahead(self, run: Run) -> float:
        """How many epochs may be taken in one go, before `on_epoch_end` is called for each of them.

        By default one, and any number if there is no such method. More are for those who look at nothing but the
        history then, and stop none but the last of them. A class with another `on_epoch_end` says it anew.
        """
        return math.inf if type(self).on_epoch_end is Callback.on_epoch_end else 1

    def __init_subclass__(cls, **options: Any) -> None:
        """What a class lets pass says nothing of one that looks at epochs in another way."""
        super().__init_subclass__(**options)
        looks = next(one for one in cls.__mro__ if {"on_epoch_end", "epochs_ahead"} & vars(one).keys())
        if "epochs_ahead" not in vars(looks):
            cls.epochs_ahead = Callback.epochs_ahead  # type: ignore[method-assign]

    def save_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What a checkpoint must hold of this callback: a JSON document and arrays."""
        return {}, {}

    def load_state(self, document: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take up what `save_state` gave."""


class EachEpoch(Callback):
    """Calls a plain function with the run after each epoch."""

    def __init__(self, function: Callable[[Run], Any]) -> None:
        self.function = function

    def on_epoch_end(self, run: Run) -> None:
        """Call it."""
        self.function(run)


def as_callback(callback: Callback | Callable[[Run], Any]) -> Callback:
    """A callback as it is, a function wrapped.

    Raises
    ------
    InvalidOption
        For anything else.
    """
    if isinstance(callback, Callback):
        return callback
    if callable(callback) and not isinstance(callback, type):
        return EachEpoch(callback)
    raise InvalidOption(f"expected a Callback or a function of the run, found {callback!r}", "pass an instance")


class EarlyStopping(Callback):
    """Stop when a value of the history has ceased to improve, and put the best weights back.

    Parameters
    ----------
    monitor : str
        "loss", "validation_loss", "validation_score", or any other name in the history.
    patience : int or inf
        Stop after more than this many epochs without improvement.
    min_delta : float
        An improvement of less does not count.
    higher_is_better : bool, optional
        By default told from the name.
    baseline : float, optional
        The value of the weights at the start: a run that never beats it ends with them.
    restore_best : bool
        End with the weights of the best epoch, also after Ctrl-C or a value that ceased to be finite.

    Attributes
    ----------
    best : float
        The best value.
    best_epoch : int
        Its epoch, counted from 1.
    count : int
        Epochs since it last improved by `min_delta`.
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: float = 10,
        min_delta: float = 0.0,
        *,
        higher_is_better: bool | None = None,
        baseline: float | None = None,
        restore_best: bool = True,
    ) -> None:
        numbers = all(isinstance(value, int | float | np.number) for value in (patience, min_delta))
        if not (numbers and patience >= 0 and min_delta >= 0):
            raise InvalidOption(f"expected patience >= 0 and min_delta >= 0, found {patience!r} and {min_delta!r}")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.higher_is_better = higher_is_better
        self.baseline = baseline
        self.restore_best = restore_best
        self.best, self.best_epoch, self.count = float("nan"), 0, 0
        self.best_theta: Array | None = None
        self._looked = 0  # at the epochs up to this one

    @property
    def sign(self) -> float:
        """1 if lower values are better, -1 if higher ones are."""
        higher = self.higher_is_better
        if higher is None:
            higher = HIGHER_IS_BETTER.search(self.monitor) is not None
        return -1.0 if higher else 1.0

    def on_start(self, run: Run) -> None:
        """Forget the last run, unless this one goes on from it."""
        self._looked = run.epoch
        if run.epoch == 0:
            self.best, self.best_epoch, self.count = float("nan"), 0, 0
            self.best_theta = None
            if self.baseline is not None:
                self.best, self.best_theta = self.baseline, run.network.theta.copy()

    def epochs_ahead(self, run: Run) -> float:
        """As many as cannot exhaust its patience, if it need not remember the weights."""
        return 1 if self.restore_best else self.patience - self.count + 1

    def on_epoch_end(self, run: Run) -> None:
        """Compare, remember, stop."""
        if self.monitor not in run.history:
            known = ", ".join(run.history)
            raise InvalidOption(f"expected a name in the history to monitor ({known}), found {self.monitor!r}")
        self._look(run)
        if self.count > self.patience:
            if run.lower_learning_rate():
                self.count = 0
            else:
                run.stop(
                    f"{self._name()} did not improve more than tol={self.min_delta:f} "
                    f"for {self.patience} consecutive epochs."
                )

    def _look(self, run: Run) -> None:
        """At the epochs it has not seen: one, except after Ctrl-C, which lets all or nothing of an epoch be known."""
        sign, history = self.sign, run.history[self.monitor]
        for epoch in range(max(self._looked, run.first_epoch) + 1, run.epoch + 1):
            value, best = sign * history[epoch - run.epoch - 1], sign * self.best
            first = math.isnan(best) and math.isfinite(value)
            improved = first or value <= best - self.min_delta  # NaN is no improvement on anything
            count = 0 if improved else self.count + 1
            known = self.best, self.best_epoch, self.best_theta
            if first or value < best:
                known = sign * value, epoch, run.network.theta.copy() if self.restore_best else None
            (self.best, self.best_epoch, self.best_theta), self.count, self._looked = known, count, epoch

    def _name(self) -> str:
        return "Training loss" if self.monitor == "loss" else self.monitor.replace("_", " ").capitalize()

    def on_end(self, run: Run) -> None:
        """Put the best weights back."""
        if run.interrupted and self.monitor in run.history:
            self._look(run)
        if self.restore_best and self.best_theta is not None:
            run.network.theta[...] = self.best_theta
            run.recovered = True

    def save_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Best value, epoch and weights, and the count."""
        arrays = {} if self.best_theta is None else {"best_theta": self.best_theta}
        return {"best": self.best, "best_epoch": self.best_epoch, "count": self.count}, arrays

    def load_state(self, document: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take them up."""
        self.best, self.best_epoch, self.count = document["best"], document["best_epoch"], document["count"]
        self.best_theta = arrays.get("best_theta")


class Printer(Callback):
    """A line an epoch, in scikit-learn's words."""

    def epochs_ahead(self, run: Run) -> float:
        """Any number: it prints the history."""
        return math.inf

    def on_epoch_end(self, run: Run) -> None:
        """Print the loss and what the validation measured."""
        print(f"Iteration {run.epoch}, loss = {run.history['loss'][-1]:.8f}")
        for name in ("validation_loss", "validation_score"):
            if run.history.get(name):
                print(f"{name.replace('_', ' ').capitalize()}: {run.history[name][-1]:f}")

    def on_end(self, run: Run) -> None:
        """Say why it ended."""
        print(f"{run.stopped} Stopping.")


class Progress(Callback):
    """A live bar on standard error with the epoch, the losses, and the time left.

    Parameters
    ----------
    label : str
        What stands before the bar.
    """

    def __init__(self, label: str = "training") -> None:
        self.label = label
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __reduce__(self) -> tuple[type[Progress], tuple[str]]:
        return type(self), (self.label,)  # copies do not share a bar that is on the screen

    def on_start(self, run: Run) -> None:
        """Show the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        console = Console(file=sys.stderr)
        self._bar = Bar(*columns, TextColumn("{task.fields[losses]}"), TimeRemainingColumn(), console=console)
        self._bar.start()
        self._task = self._bar.add_task(self.label, total=run.plan.epochs, completed=run.epoch, losses="")

    def epochs_ahead(self, run: Run) -> float:
        """Any number: it shows the history."""
        return math.inf

    def on_epoch_end(self, run: Run) -> None:
        """Move the bar."""
        shown = {"loss": "loss", "validation_loss": "validation", "validation_score": "score"}
        losses = "  ".join(f"{text} {run.history[name][-1]:.4g}" for name, text in shown.items() if name in run.history)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=run.epoch, losses=losses)

    def on_end(self, run: Run) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
