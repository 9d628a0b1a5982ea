"""The training loop of optimizers that step batch by batch: orders, learning rates, epochs, looking for NaN.

The order of the samples in an epoch is a function of the seed and the number of the epoch alone, as are the dropout
masks of the seed and the step. So there is no generator whose state could be lost, and a run that continues from a
checkpoint takes the very steps it would have taken.
"""

from __future__ import annotations

import math
import time
from numbers import Real

import numpy as np

from . import engines
from .engines import Steps, all_finite, epoch_orders
from .engines.base import ceased, first_not_finite, not_finite
from .equations.schedules import Clock
from .errors import InvalidOption, NotFinite
from .network import FEW_ROWS
from .run import Run

AT_ONCE = 1e9
"""Operations of the epochs that are taken in one go: a moment, in which nobody misses anything."""
OF_A_STEP, OF_A_SAMPLE = 1e6, 1e4
"""What a step, and a sample, takes besides: a call is of 1,000 steps at most, and the orders for it of 100,000 samples;
of one epoch, of as many as it has."""


def minibatches(run: Run, last_epoch: int) -> None:
    """Epochs of minibatch steps, up to `last_epoch` or until something stops them."""
    state, plan, network = run.state, run.plan, run.network
    found = state.moments if state.optimizer == plan.optimizer.name else None
    state.optimizer = plan.optimizer.name
    keeper = run.engine if run.cost is None else engines.ReferenceEngine()  # a cost steps in the layout of theta
    state.moments = keeper.moments(network, plan.optimizer, found)
    failed = 0  # epochs up to here are taken one by one
    while state.epoch < last_epoch and not run.stopped:
        n_epochs = 1 if state.epoch < failed else _at_once(run, last_epoch)
        if not _take(run, n_epochs):
            failed = state.epoch + n_epochs
    few = run.data.rows(slice(0, FEW_ROWS))
    with np.errstate(all="ignore"):
        if not np.isfinite(run.engine.predict(network, few.X)).all():  # after the last step, which no cost has told of
            raise not_finite(network, few, state.step)
    if not run.stopped:
        run.stop(f"Maximum iterations ({last_epoch}) reached.", converged=False)


def _at_once(run: Run, last_epoch: int) -> int:
    """How many epochs to take in one go: short ones, as far as nobody has to see the network in between."""
    if run.validation or run.cost is not None:
        return 1
    n_samples = len(run.data)
    work = _n_steps(run) * OF_A_STEP + n_samples * (6.0 * run.network.n_parameters + OF_A_SAMPLE)
    most = min(last_epoch - run.epoch, AT_ONCE / work)
    for callback in run.callbacks:
        ahead = callback.epochs_ahead(run)
        if not isinstance(ahead, Real) or math.isnan(ahead):
            raise InvalidOption(f"expected a number of epochs_ahead of {type(callback).__name__}, found {ahead!r}")
        most = min(most, float(ahead))
    return max(1, int(most))


def _take(run: Run, n_epochs: int) -> bool:
    """Take some epochs, and record each. Of several that do not all end well nothing is left, and False is returned.

    Taken one by one, they then tell where it was, and leave the weights of the last good one.
    """
    began, state, steps = time.perf_counter(), run.state, _steps(run, n_epochs)
    changed = [run.network.theta, *run.engine.kept(state.moments).values()] if n_epochs > 1 else []
    before = [array.copy() for array in changed]
    try:
        losses = _losses(run, steps)
        _check_finite(run, state.step + steps.alphas.size)
        seconds, interruption = (time.perf_counter() - began) / n_epochs, None
    except (NotFinite, KeyboardInterrupt) as error:
        for array, old in zip(changed, before, strict=True):
            array[...] = old
        if n_epochs > 1 and isinstance(error, NotFinite):
            return False
        raise
    first, last = state.epoch, state.epoch + n_epochs
    while state.epoch < last:  # once more after Ctrl-C, which may come between two epochs as well
        try:
            while state.epoch < last:
                i = state.epoch - first
                run.end_epoch(losses[i], float(steps.alphas[i, -1]), seconds, steps=steps.alphas.shape[1])
        except KeyboardInterrupt as error:
            interruption = error  # the weights are those of the last epoch already: it is recorded first
            if n_epochs == 1:
                break
    if interruption is not None:
        raise interruption
    return True


def _n_steps(run: Run) -> int:
    """Of an epoch."""
    return -(-len(run.data) // run.plan.batch_size)


def _steps(run: Run, n_epochs: int) -> Steps:
    """Of the next epochs."""
    state, plan, n_samples, n_steps = run.state, run.plan, len(run.data), _n_steps(run)
    alphas = np.empty((n_epochs, n_steps))
    for e in range(n_epochs):
        epoch, seen = state.epoch + e, state.samples + e * n_samples
        numbers = np.arange(n_steps) + epoch * n_steps
        clock = Clock(epoch, plan.epochs, numbers, plan.epochs * n_steps, seen, state.plateaus)
        alphas[e] = plan.schedule.rates(plan.learning_rate, clock)
    orders = None
    if plan.shuffle and n_steps > 1:
        orders = epoch_orders(state.seed, range(state.epoch, state.epoch + n_epochs), n_samples)
    return Steps(orders, plan.batch_size, alphas, state.step, state.seed)


def _losses(run: Run, steps: Steps) -> list[float]:
    """Take the steps; the mean cost of each epoch."""
    plan, moments = run.plan, run.state.moments
    if run.cost is not None:
        return [run.cost.epoch(steps, plan.optimizer, moments)]
    return run.engine.epochs(
        run.network, run.data, steps, plan.optimizer, moments, plan.penalties, threads=plan.threads
    )


def _check_finite(run: Run, step: int) -> None:
    """The weights, and the squares of gradients by which steps are divided, after `step` steps."""
    network, state = run.network, run.state
    if not all_finite(network.theta):
        raise not_finite(network, run.data.rows(slice(0, 1)), step)
    kept = run.engine.kept(state.moments)
    if "v" in kept and not all_finite(kept["v"]):
        v = network.view(state.moments["v"])
        layer, what, _ = first_not_finite((l, f"v of W[{l}]", v.W[l]) for l in v.W) or (1, "v", ())
        raise ceased(layer, what, step)
