"""`Diagnosis`: look for illnesses while a network is trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..callbacks import Callback
from ..engines import Data
from ..errors import InvalidOption
from .examine import fallen
from .findings import SEVERITIES, Evidence, Finding
from .measure import measure, with_weight
from .report import Report
from .updates import update_ratios

if TYPE_CHECKING:
    from ..run import Run


class Diagnosis(Callback):
    """Look at the network after every so many epochs, say what is new or worse, and keep the last report.

    Parameters
    ----------
    every : int
        Epochs between two looks; the end of the training is always looked at.
    rows : int
        Samples to look at on the way, evenly spaced in the training data; at the end it is all of them.
    quiet : bool
        Print nothing.

    Attributes
    ----------
    report : Report or None
        The last one.
    first_seen : dict
        Kind of finding -> the epoch after which it was first found.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from deltarule import Diagnosis, MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> diagnosis = Diagnosis()
    >>> model = MLPClassifier((8,), solver="sgd", learning_rate_init=50, max_iter=3, random_state=0)
    >>> _ = model.set_params(callbacks=[diagnosis]).fit(X / 16, y)
    after epoch 1: critical: dead units: layer 1: 8 of 8 units never active: their slope is zero on every sample. ...
    >>> diagnosis.report.healthy
    False
    """

    runs_last = True  # the best weights are back by then

    def __init__(self, *, every: int = 1, rows: int = 1000, quiet: bool = False) -> None:
        if not all(isinstance(number, int | np.integer) and number >= 1 for number in (every, rows)):
            raise InvalidOption(f"expected whole numbers every >= 1 and rows >= 1, found {every!r} and {rows!r}")
        self.every, self.rows, self.quiet = every, rows, quiet
        self.report: Report | None = None
        self.first_seen: dict[str, int] = {}
        self._told: dict[str, int] = {}

    def on_start(self, run: Run) -> None:
        """Forget the last run."""
        self.report, self.first_seen, self._told = None, {}, {}

    def on_epoch_end(self, run: Run) -> None:
        """Look at some of the samples."""
        if run.epoch % self.every == 0:
            data, _ = with_weight(run.data)
            index = np.unique(np.linspace(0, len(data) - 1, self.rows).astype(int))
            self._look(run, data.rows(index))

    def on_end(self, run: Run) -> None:
        """Look at all samples."""
        self._look(run, with_weight(run.data)[0])

    def _look(self, run: Run, data: Data) -> None:
        found = measure(run.network, data)
        updates = {} if found.broken else update_ratios(run.network, with_weight(run.data)[0], run.plan, run.state)
        self.report = Report.of(Evidence(found, updates, fallen(run.history)))
        if run.failure is not None:
            others = [finding for finding in self.report.findings if finding.kind != "not finite"]
            self.report = replace(self.report, findings=(_failure(run), *others))
        for finding in self.report.findings:
            self.first_seen.setdefault(finding.kind, run.epoch)
            severity = SEVERITIES.index(finding.severity)
            if severity < self._told.get(finding.kind, SEVERITIES.index("note")):  # new, or worse than it was
                self._told[finding.kind] = severity
                if not self.quiet:
                    print(f"after epoch {run.epoch}: {finding}")


def _failure(run: Run) -> Finding:
    """What ended the training, whose weights have been put back to the last good ones."""
    error = run.failure
    assert error is not None
    return Finding(
        "not finite",
        "critical",
        (error.layer,),
        f"the first NaN or infinity was in {error.quantity} of layer {error.layer}, at step {error.step}",
        "Lower the learning rate, or scale the columns of X (and y) to about unit size.",
    )
