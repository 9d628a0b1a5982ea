"""Ctrl-C between any two lines at the end of an epoch: what is recorded, remembered and known are of the same epoch."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from deltarule.callbacks import EarlyStopping
from deltarule.full_batch import FullBatch
from deltarule.network import Network
from deltarule.run import Run
from runs import assert_same_run, make_network, make_plan, run_once

ENDS = (Run.end_epoch, Run._count, Run.record, EarlyStopping.on_epoch_end, EarlyStopping._look, FullBatch.after_step)
VALUES = 3.0, 1.0, 2.0, 2.5, 0.5, 0.7
"""What is measured after the epochs."""


class Interruption:
    """Raises KeyboardInterrupt, as a signal would, at one of the lines of `ENDS` that are run through."""

    def __init__(self, at: int) -> None:
        self.at = self.lines_left = at
        self.watched = {function.__code__ for function in ENDS}

    def __enter__(self) -> Interruption:
        self.others, _ = sys.gettrace(), sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.others)

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._line if frame.f_code in self.watched else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self.lines_left -= 1
            if self.lines_left == 0:
                raise KeyboardInterrupt
        return self._line


def measured(optimizer: str, epochs: int = len(VALUES)) -> tuple[Run, EarlyStopping]:
    """A run with early stopping by `VALUES`."""
    values = iter(VALUES)

    def measure(network: Network) -> dict[str, float]:
        return {"validation_loss": next(values)}

    stopper = EarlyStopping("validation_loss")
    return run_once(plan=make_plan(optimizer, epochs=epochs), validation=measure, callbacks=[stopper]), stopper


def unmeasured(optimizer: str, epochs: int = len(VALUES)) -> tuple[Run, EarlyStopping]:
    """One whose epochs are taken in one go."""
    stopper = EarlyStopping("loss", np.inf, min_delta=0.05, restore_best=False)
    return run_once(plan=make_plan(optimizer, epochs=epochs), callbacks=[stopper]), stopper


def unwatched(optimizer: str, epochs: int = len(VALUES)) -> tuple[Run, EarlyStopping]:
    """One without any callback."""
    return run_once(plan=make_plan(optimizer, epochs=epochs)), EarlyStopping()


@pytest.mark.filterwarnings("ignore::deltarule.errors.DeltaruleWarning")
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("train", [measured, unmeasured, unwatched])
def test_an_epoch_ends_whole_or_not_at_all(train: Any, optimizer: str) -> None:
    undisturbed = {epochs: train(optimizer, epochs) for epochs in range(1, len(VALUES) + 1)}
    found, interruption = set(), Interruption(0)
    while interruption.lines_left == 0:
        interruption = Interruption(interruption.at + 1)
        with interruption:
            run, stopper = train(optimizer)
        found.add(run.epoch)
        assert {len(values) for values in run.history.values()} <= {run.epoch}
        if run.epoch:
            expected, known = undisturbed[run.epoch]
            assert_same_run(run, expected)
            assert (run.state.step, run.state.samples) == (expected.state.step, expected.state.samples)
            assert_array_equal(*([one.best, one.best_epoch, one.count] for one in (stopper, known)))
        else:
            assert_array_equal(run.network.theta, make_network().theta)
    at_once = optimizer == "adam" and train is not measured
    assert found >= ({6} if at_once else {1, 2, 3, 4, 5, 6})
