"""A run that can be interrupted and continued, bit for bit, from one safe file."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import model_file
from .callbacks import Callback
from .errors import InvalidOption, ModelFileError

if TYPE_CHECKING:
    from .engines import Data
    from .run import Run

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
        if not isinstance(every, int | np.integer) or every < 1:
            raise InvalidOption(f"expected a whole number of epochs between checkpoints, found {every!r}")
        self.path = Path(path)
        self.every = every
        self.resume = resume
        self._start = np.empty(0)
        self._checksum = 0

    def beside(self, name: str) -> Checkpoint:
        """The same for another run that belongs to this one, in ``PATH.name``."""
        return Checkpoint(self.path.with_name(f"{self.path.name}.{name}"), every=self.every, resume=self.resume)

    def on_start(self, run: Run) -> None:
        """Continue from the file, if asked to and there is one."""
        self._start = run.network.theta.copy()
        self._checksum = checksum(run.data)
        if self.resume and self.path.exists():
            self._load(run)

    def epochs_ahead(self, run: Run) -> float:
        """Up to the next writing."""
        return self.every - run.epoch % self.every

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
            what = f"{name} {expected[name]!r}, found {found.get(name)!r}"
            if name == "data":
                what = "data as it was written with (table, seed and split), found others"
            raise ModelFileError(
                f"{self.path}: the checkpoint is of another run: expected {what}",
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
        if document["stopped"]:
            run.stop(document["stopped"], converged=document["converged"])


def _with_state(run: Run) -> list[Callback]:
    """The callbacks that remember something from epoch to epoch, be it nothing as yet."""
    return [callback for callback in run.callbacks if type(callback).save_state is not Callback.save_state]


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
