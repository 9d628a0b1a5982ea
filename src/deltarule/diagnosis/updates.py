"""How far a step of the optimizer moves the weights: a few are tried on a copy, exactly as training takes them."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..cost import Cost
from ..engines import Data, ReferenceEngine, Steps, epoch_orders
from ..errors import NotFinite
from ..network import Network
from ..run import Plan, State
from .measure import rms

STEPS = 10
"""Steps tried: enough for the moments of Adam to know the size of the gradient."""


def update_ratios(network: Network, data: Data, plan: Plan, state: State) -> dict[int, float]:
    """``RMS(ΔW[l]) / RMS(W[l])`` of a step, the root of its mean square over `STEPS` steps.

    Parameters
    ----------
    network : Network
        Not changed.
    data : Data
    plan : Plan
        Optimizer, batch size, penalties; the learning rate is the last of the history, if there is one.
    state : State
        Not changed; its moments are gone on from, where they are the optimizer's and finite.

    Returns
    -------
    dict, l -> float
        Without layers whose weights are zero; empty for an optimizer that chooses its steps itself; infinite where
        the steps lead to NaN.
    """
    if plan.optimizer.full_batch:
        return {}
    trial = network.with_theta(network.theta.copy())
    moments, first = _moments(network, plan, state)
    engine = ReferenceEngine()
    cost = None if plan.columns is None else Cost(trial, data, plan.penalties, engine, plan.columns)
    rows = epoch_orders(state.seed, [state.epoch], len(data))[0] if plan.shuffle else np.arange(len(data))
    batch_size, alphas = min(plan.batch_size, len(data)), np.array([learning_rate(plan, state)])
    ratios: dict[int, list[float]] = {l: [] for l in network.W}
    for i in range(STEPS):
        batch = np.take(rows, np.arange(i * batch_size, (i + 1) * batch_size), mode="wrap")
        steps = Steps.of_epoch(batch, batch_size, alphas, first + i, state.seed)
        before = {l: W.copy() for l, W in trial.W.items()}
        try:
            if cost is None:
                engine.epochs(trial, data, steps, plan.optimizer, moments, plan.penalties)
            else:
                cost.epoch(steps, plan.optimizer, moments)
        except NotFinite:
            return dict.fromkeys(ratios, np.inf)
        for l, W in trial.W.items():
            if before[l].any():  # weights that begin at zero have no size to compare with
                ratios[l].append(rms(W - before[l]) / rms(before[l]))
    return {l: rms(np.array(values)) for l, values in ratios.items() if values}


def learning_rate(plan: Plan, state: State) -> float:
    """``α``: the last one of the training, or the one that it starts from."""
    last = state.history.get("learning_rate", [np.nan])[-1]
    return last if np.isfinite(last) else plan.learning_rate


def _moments(network: Network, plan: Plan, state: State) -> tuple[dict[str, Array], int]:
    """Copies of the optimizer's arrays and the steps they have seen; new ones where there are none to go on from."""
    moments = {name: array.copy() for name, array in state.moments.items()}
    if state.optimizer == plan.optimizer.name and all(np.isfinite(array).all() for array in moments.values()):
        return moments, state.step
    return plan.optimizer.start(network.theta), 0
