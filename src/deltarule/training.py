"""The only way to train: validation, history, stopping, what to keep; the same for all engines and estimators.

Steps are taken in `minibatches` and in `full_batch`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import engines
from .callbacks import Callback, as_callback
from .cost import Cost
from .engines import Data, Engine
from .errors import DataError, DeltaruleWarning, NotFinite, warn
from .full_batch import full_batch
from .minibatches import minibatches
from .network import Network, check_shapes
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
    if data.w is not None and (data.w < 0).any():
        raise DataError(f"expected weights of 0 or more, found {float(data.w.min())!r}")
    ordered = sorted(map(as_callback, callbacks), key=lambda c: c.runs_last)
    whole = plan.optimizer.full_batch or plan.columns is not None
    stepping = None if whole else plan.optimizer  # steps that the engine itself takes
    chosen = engines.choose(engine, network, data.X, stepping, plan.penalties)
    cost = _make_cost(network, data, plan, chosen) if whole else None
    run = Run(network, data, plan, state or State(), chosen, cost, ordered, validation)
    try:
        run.start()
        last = plan.epochs if epochs is None else run.state.epoch + epochs
        (full_batch if plan.optimizer.full_batch else minibatches)(run, last)
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
