"""When descent over all samples has arrived at the optimum of a convex cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from ..callbacks import EarlyStopping
from ..cost import Cost
from ..run import Run

MOST_FOR_NEWTON = 1500
"""Parameters whose second derivative is worth its while; of more, L-BFGS is quicker than Newton's method."""

STRICT = 60
"""L-BFGS, which does not know how far it is from the optimum, stops at a gradient smaller than `tol` by this factor."""

CLOSE = 5e-6
"""Descent has arrived where the cost is above its minimum by no more than this share of it."""


class Arrival(EarlyStopping):
    """Ends descent over all samples at the optimum, and only there: the cost is convex, so its gradient tells.

    Where the gradient has become small, the second derivative says how far the cost is above its minimum. Descent by
    batches ends as `EarlyStopping` has it.

    Parameters
    ----------
    patience : float
        Epochs without improvement after which batches end, or a schedule such as "adaptive" lowers the rate.
    tol : float
        An improvement of less does not count.
    floor : float
        The smallest cost of which a share is taken: where it can become zero, nothing is a small part of it.
    """

    def __init__(self, patience: float, tol: float, floor: float) -> None:
        super().__init__("loss", patience, tol, restore_best=False)
        self.share, self.floor = min(CLOSE, tol), floor
        self.small = np.inf

    def on_start(self, run: Run) -> None:
        """Gradients above the tolerance are not looked into."""
        super().on_start(run)
        self.small = run.plan.tol

    def epochs_ahead(self, run: Run) -> float:
        """The gradient of every epoch tells; descent by batches is as `EarlyStopping` has it."""
        return super().epochs_ahead(run) if _whole_cost(run) is None else 1

    def on_epoch_end(self, run: Run) -> None:
        """Look, once the gradient is small; if that was too early, when it is smaller still."""
        cost = _whole_cost(run)
        if cost is None or run.plan.schedule.on_plateau:
            super().on_epoch_end(run)
        if cost is None:
            return
        run.converged = False
        if run.stopped or cost.steepest > self.small:
            return
        excess = self._excess(run, cost)
        if excess <= 1:
            run.stop(f"The cost is within {self.share:.0e} of its minimum, relative to it.")
            return
        self.small = cost.steepest * float(np.clip(excess**-0.5, 0.01, 0.9))

    def on_end(self, run: Run) -> None:
        """Say whether it has arrived, whatever ended the training."""
        cost = _whole_cost(run)
        if cost is not None and run.epoch and not (run.converged or run.failure or run.interrupted):
            run.converged = self._excess(run, cost) <= 1

    def _excess(self, run: Run, cost: Cost) -> float:
        """The estimated distance of the cost to its minimum, in units of the allowed one: at most 1 at the optimum."""
        if self.share == 0:
            return np.inf
        if run.network.n_parameters > MOST_FOR_NEWTON:  # no second derivative: a small gradient stands in for it
            return float(STRICT * cost.steepest / run.plan.tol) ** 2
        J, gap = cost.gap(cost.start())
        return gap / (self.share * max(J, self.floor))

    def save_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """That of `EarlyStopping`, and when to look next."""
        document, arrays = super().save_state()
        return {**document, "small": self.small}, arrays

    def load_state(self, document: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take them up."""
        super().load_state(document, arrays)
        self.small = document["small"]


def _whole_cost(run: Run) -> Cost | None:
    """What descent over all samples minimizes; None for descent by batches."""
    return run.cost if run.plan.batch_size >= len(run.data) else None
