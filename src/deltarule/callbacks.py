"""What happens beside the training: early stopping, progress, printing, checkpoints.

A callback has three moments, `on_start`, `on_epoch_end` and `on_end`, and sees the `deltarule.run.Run`. A plain
function of the run will do where only the end of an epoch matters.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import model_file
from .arrays import Array
from .errors import InvalidOption, ModelFileError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from .engines import Data
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
        """After each epoch, its values already in ``run.history``."""

    def on_end(self, run: Run) -> None:
        """After the last epoch, however it ended."""

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
        if not patience >= 0 or not min_delta >= 0:
            raise InvalidOption(f"expected patience >= 0 and min_delta >= 0, found {patience} and {min_delta}")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.higher_is_better = higher_is_better
        self.baseline = baseline
        self.restore_best = restore_best
        self.best, self.best_epoch, self.count = float("nan"), 0, 0
        self.best_theta: Array | None = None

    @property
    def sign(self) -> float:
        """1 if lower values are better, -1 if higher ones are."""
        higher = self.higher_is_better
        if higher is None:
            higher = HIGHER_IS_BETTER.search(self.monitor) is not None
        return -1.0 if higher else 1.0

    def on_start(self, run: Run) -> None:
        """Forget the last run, unless this one goes on from it."""
        if run.epoch == 0:
            self.best, self.best_epoch, self.count = float("nan"), 0, 0
            self.best_theta = None
            if self.baseline is not None:
                self.best, self.best_theta = self.baseline, run.network.theta.copy()

    def on_epoch_end(self, run: Run) -> None:
        """Compare, remember, stop."""
        if self.monitor not in run.history:
            known = ", ".join(run.history)
            raise InvalidOption(f"expected a name in the history to monitor ({known}), found {self.monitor!r}")
        value, best = self.sign * run.history[self.monitor][-1], self.sign * self.best
        first = np.isnan(best) and np.isfinite(value)
        improved = first or value <= best - self.min_delta  # NaN is no improvement on anything
        self.count = 0 if improved else self.count + 1
        if first or value < best:
            self.best, self.best_epoch = self.sign * value, run.epoch
            if self.restore_best:
                self.best_theta = run.network.theta.copy()
        if self.count > self.patience:
            if run.lower_learning_rate():
                self.count = 0
            else:
                run.stop(
                    f"{self._name()} did not improve more than tol={self.min_delta:f} "
                    f"for {self.patience} consecutive epochs."
                )

    def _name(self) -> str:
        return "Training loss" if self.monitor == "loss" else self.monitor.replace("_", " ").capitalize()

    def on_end(self, run: Run) -> None:
        """Put the best weights back."""
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


COUNTERS = ("seed", "epoch", "step", "samples", "plateaus")
"""What of a `deltarule.run.State` is a whole number."""
CHECKPOINT_FIELDS = (*COUNTERS, "fingerprint", "history", "callbacks", "stopped", "converged")


class Checkpoint(Callback):
    """Write all that a run needs to continue, bit for bit, to one safe file.

    Parameters
    ----------
    path : path
        Replaced atomically each time: there is always one whole checkpoint.
    every : int
        Epochs between two writings; the last epoch is always written.
    resume : bool
        If the file exists, continue from it; otherwise begin anew. L-BFGS keeps its memory inside SciPy, so it begins
        anew from the weights it first began with, which leads to the same bits.
    """

    runs_last = True

    def __init__(self, path: str | Path, *, every: int = 1, resume: bool = False) -> None:
        if every < 1:
            raise InvalidOption(f"expected every >= 1 epochs between checkpoints, found {every}")
        self.path = Path(path)
        self.every = every
        self.resume = resume
        self._start = np.empty(0)
        self._checksum = 0

    def on_start(self, run: Run) -> None:
        """Continue from the file, if asked to and there is one."""
        self._start = run.network.theta.copy()
        self._checksum = checksum(run.data)
        if self.resume and self.path.exists():
            self._load(run)

    def on_epoch_end(self, run: Run) -> None:
        """Write every so many epochs."""
        if run.epoch % self.every == 0 or run.stopped or run.epoch >= run.plan.epochs:
            self._save(run)

    def _save(self, run: Run) -> None:
        state = run.state
        arrays = {"theta": run.network.theta, "start": self._start}
        arrays.update({f"moment.{name}": moment for name, moment in state.moments.items()})
        kept = []
        for i, callback in enumerate(_with_state(run)):
            document, callback_arrays = callback.save_state()
            kept.append(document)
            arrays.update({f"callback.{i}.{name}": array for name, array in callback_arrays.items()})
        counters = {name: getattr(state, name) for name in COUNTERS}
        document = {
            "fingerprint": fingerprint(run, self._checksum),
            **counters,
            "history": state.history,
            "callbacks": kept,
            "stopped": run.stopped,
            "converged": run.converged,
        }
        model_file.write(self.path, document, arrays, kind="checkpoint")

    def _check(self, run: Run, document: Mapping[str, Any]) -> None:
        """Refuse what is not whole, or of another run."""
        missing = [name for name in CHECKPOINT_FIELDS if name not in document]
        if missing:
            raise ModelFileError(f"{self.path}: expected {missing[0]!r} in the checkpoint, found none", "delete it")
        counted = all(type(document[name]) is int and document[name] >= 0 for name in COUNTERS)
        history, expected, found = document["history"], fingerprint(run, self._checksum), document["fingerprint"]
        lists = isinstance(history, dict) and all(isinstance(values, list) for values in history.values())
        if not (counted and lists and isinstance(found, dict)):
            raise ModelFileError(
                f"{self.path}: expected counters, a history and a fingerprint in the checkpoint, found others",
                "delete it",
            )
        different = [name for name in expected if expected[name] != found.get(name)]
        if different:
            name = different[0]
            raise ModelFileError(
                f"{self.path}: the checkpoint is of another run: expected {name} {expected[name]!r}, "
                f"found {found.get(name)!r}",
                "delete it, or train with the settings and data it was written with",
            )
        kept = document["callbacks"]
        if not isinstance(kept, list) or len(kept) != len(_with_state(run)):
            raise ModelFileError(f"{self.path}: expected the state of each callback, found another list", "delete it")

    def _load(self, run: Run) -> None:
        document, arrays = model_file.read(self.path, kind="checkpoint")
        self._check(run, document)
        state, theta = run.state, run.network.theta
        names = ("theta", "start", *(f"moment.{name}" for name in run.plan.optimizer.moments))
        shared = {name: array for name, array in arrays.items() if not name.startswith("callback.")}
        wanted = dict.fromkeys(names, (theta.shape, theta.dtype))
        model_file.expect_arrays(shared, wanted, str(self.path))
        self._start = arrays["start"]
        state.seed = document["seed"]
        if run.plan.optimizer.full_batch:
            theta[...] = self._start
            return
        theta[...] = arrays["theta"]
        for name in COUNTERS:
            setattr(state, name, document[name])
        state.history = document["history"]
        state.optimizer = run.plan.optimizer.name
        state.moments = {name: arrays[f"moment.{name}"] for name in run.plan.optimizer.moments}
        for i, (callback, kept) in enumerate(zip(_with_state(run), document["callbacks"], strict=True)):
            prefix = f"callback.{i}."
            own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            try:
                callback.load_state(kept, own)
            except (KeyError, TypeError, ValueError) as error:
                raise ModelFileError(
                    f"{self.path}: expected the state of {type(callback).__name__}, found another ({error!r})",
                    "delete it",
                ) from None
        if document["stopped"] and run.epoch < run.plan.epochs:
            run.stop(document["stopped"], converged=document["converged"])


def _with_state(run: Run) -> list[Callback]:
    """The callbacks that remember something from epoch to epoch."""
    return [callback for callback in run.callbacks if any(callback.save_state())]


def checksum(data: Data) -> int:
    """Of all arrays of the data; it takes a good part of an epoch, so once a run is enough."""
    X = [data.X] if isinstance(data.X, np.ndarray) else [data.X.data, data.X.indices, data.X.indptr]
    value = 0
    for array in (*X, data.y, *([] if data.w is None else [data.w])):
        value = zlib.crc32(np.ascontiguousarray(array).data, value)
    return value


def fingerprint(run: Run, data_checksum: int) -> dict[str, Any]:
    """What must be the same for a run to continue: network, data and plan.

    The number of epochs may differ, unless the schedule is shaped by it.
    """
    plan = run.plan
    return {
        "network": str(run.network),
        "precision": str(run.network.theta.dtype),
        "samples": len(run.data),
        "data": data_checksum,
        "optimizer": str(plan.optimizer),
        "schedule": str(plan.schedule),
        "epochs": plan.epochs if plan.schedule.fixed_length else None,
        "learning_rate": plan.learning_rate,
        "batch_size": plan.batch_size,
        "shuffle": plan.shuffle,
        "penalties": dict(plan.penalties),
        "callbacks": [type(callback).__name__ for callback in _with_state(run)],
    }
