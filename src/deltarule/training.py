"""The only training loop: epochs, minibatches, validation, history, stopping; the same for all engines and estimators.

The order of the samples in an epoch is a function of the seed and the number of the epoch alone, as are the dropout
masks of the seed and the step. So there is no generator whose state could be lost, and a run that continues from a
checkpoint takes the very steps it would have taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import engines
from .callbacks import Callback, as_callback
from .cost import Cost
from .engines import Data, Engine, Steps, all_finite, epoch_order
from .engines.base import ceased, first_not_finite, not_finite
from .equations.schedules import Clock
from .errors import DataError, DeltaruleWarning, NotFinite, warn
from .full_batch import full_batch
from .network import FEW_ROWS, Network, check_shapes
from .run import Plan, Run, State, Validation


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
    check_shapes(network, data.X, data.y)
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
        (full_batch if plan.optimizer.full_batch else _minibatches)(run, last)
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
        _check_finite(run)
        run.end_epoch(loss, float(alphas[-1]), began)
    few = run.data.rows(slice(0, FEW_ROWS))
    with np.errstate(all="ignore"):
        if not np.isfinite(network.predict(few.X)).all():  # after the last step, which no cost has told of
            raise not_finite(network, few, state.step)
    if not run.stopped:
        run.stop(f"Maximum iterations ({last_epoch}) reached.", converged=False)


def _check_finite(run: Run) -> None:
    """The weights, and the squares of gradients by which steps are divided."""
    network, state = run.network, run.state
    if not all_finite(network.theta):
        raise not_finite(network, run.data.rows(slice(0, 1)), state.step)
    kept = getattr(state.moments, "packed", state.moments)  # as the engine has them, not a copy
    if "v" in kept and not all_finite(kept["v"]):
        v = network.view(state.moments["v"])
        layer, what, _ = first_not_finite((l, f"v of W[{l}]", v.W[l]) for l in v.W) or (1, "v", ())
        raise ceased(layer, what, state.step)
