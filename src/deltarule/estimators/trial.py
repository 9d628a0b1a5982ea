"""Some steps of L-BFGS before Newton's method: where columns hardly depend on each other, they are all it takes."""

from __future__ import annotations

from math import log

from ..callbacks import Callback
from ..run import Run

FEWEST, TALL = 200, 200
"""Parameters, and rows for each of them: with fewer parameters or more rows, Newton's method is quicker."""

LOOK = 4
"""Steps that tell how quickly the gains become smaller."""

LAST = 1e-11
"""Gain of the last step, relative to the cost, about."""


def steps_worth_trying(n_parameters: int, n_samples: int) -> int:
    """How many steps of L-BFGS take about half as long as Newton's method; 0 where there is nothing to gain.

    In units of one step: three second derivatives, and nine solutions of as many equations as there are parameters.
    """
    if n_parameters < FEWEST or n_samples > TALL * n_parameters:
        return 0
    return int(0.075 * n_parameters + 4.5 + 0.18 * n_parameters**2 / n_samples)


class Promising(Callback):
    """Ends a trial of `most` steps that will not arrive in time, as far as its last steps tell."""

    def __init__(self, most: int) -> None:
        self.most = most

    def on_epoch_end(self, run: Run) -> None:
        """Look how quickly the cost has fallen."""
        J = run.history["loss"][-LOOK - 2 :]
        if len(J) < LOOK + 2:
            return
        gain, before, least = J[-2] - J[-1], J[0] - J[1], LAST * abs(J[-1])
        if not gain > least:
            return
        if gain >= before or run.epoch + LOOK * log(gain / least) / log(before / gain) > self.most:
            run.stop("Newton's method is quicker.", converged=False)
