"""``deltarule.diagnose``: a network or an estimator, and the samples to look at it with."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..arrays import Array
from ..engines import Data
from ..equations import OPTIMIZERS
from ..errors import DataError, InvalidOption
from ..network import Network, check_shapes
from ..run import Plan, State
from .findings import Evidence
from .measure import measure, with_weight
from .report import Report
from .updates import update_ratios


def diagnose(
    model: Any,
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    optimizer: str = "gradient_descent",
    learning_rate: float | None = None,
) -> Report:
    """Look for what keeps a network from learning.

    Dead and saturated units, gradients that vanish or explode layer by layer, units that are alike, the first value
    that is not finite, and steps that are too long or too short; each with one sentence on what to do.

    Parameters
    ----------
    model : Network, estimator or model of a table
        An estimator, fitted, of this package; or what `deltarule.load` has read.
    X : (m, n_x)
        Samples; for a model of a table a frame that also has the target, and then no `y`.
    y : (m,) or (m, n_L)
        Targets: for a `Network` as it is trained on, with classes one-hot; else as `fit` takes them.
    sample_weight : (m,), optional
    optimizer, learning_rate : str, float
        For a `Network`, which does not know them: how it is trained, to judge the length of its steps; without a
        learning rate that is left out.

    Returns
    -------
    Report

    Raises
    ------
    DataError
        If `X` or `y` do not fit the model.

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule
    >>> network = deltarule.Network.create([2, 3, 1], ["relu", "sigmoid"], "binary_cross_entropy", seed=0)
    >>> network.b[1][...] = -100
    >>> report = deltarule.diagnose(network, np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([1.0, 0.0]))
    >>> report["dead units"].severity
    'critical'
    """
    if isinstance(model, Network):
        return _diagnose_network(model, X, y, sample_weight, optimizer, learning_rate)
    if hasattr(model, "diagnose"):
        return model.diagnose(X)  # type: ignore[no-any-return]
    if not hasattr(model, "network_"):
        raise InvalidOption(
            f"expected a Network or a fitted estimator of deltarule, found {type(model).__name__}",
            "call its fit, if it is one",
        )
    return diagnose_estimator(model, X, y, sample_weight)


def _diagnose_network(network: Network, X: Any, y: Any, w: Any, optimizer: str, learning_rate: float | None) -> Report:
    dtype = network.theta.dtype
    X = X.tocsr().astype(dtype) if hasattr(X, "tocsr") else _numbers("X", X, dtype)
    Y = _numbers("y", y, dtype)
    data = Data(X, Y[:, None] if Y.ndim == 1 else Y, None if w is None else _weights(w, dtype, len(Y)))
    check_shapes(network, data.X, data.y)
    network.loss.check_targets(data.y)
    if learning_rate is not None and not learning_rate > 0:
        raise InvalidOption(f"expected a learning rate above 0, found {learning_rate}")
    data, places = with_weight(data)
    found = measure(network, data)
    updates = {}
    if learning_rate is not None and found.broken is None:
        plan = Plan(OPTIMIZERS.choose(optimizer), learning_rate=float(learning_rate), batch_size=len(data))
        updates = update_ratios(network, data, plan, State())
    return Report.of(Evidence(found, updates, rows=None if places is None else places + 1))


def _numbers(name: str, values: Any, dtype: Any) -> Array:
    """Something like an array as one, in the precision of the network."""
    if values is None:
        raise DataError(f"expected {name} as numbers, found none")
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError):
        raise DataError(
            f"expected {name} as numbers, found something else", "classes are one-hot for a Network"
        ) from None


def _weights(w: Any, dtype: Any, m: int) -> Array:
    """Sample weights (m,), finite and not negative."""
    weights = _numbers("sample_weight", w, dtype)
    if weights.shape != (m,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise DataError(f"expected {m} sample weights, finite and not negative, found others")
    return weights


def diagnose_estimator(estimator: Any, X: Any, y: Any, sample_weight: Any = None, rows: Array | None = None) -> Report:
    """`diagnose` for an estimator; `rows` (m,) are the numbers of the samples, for messages."""
    data, places = estimator._samples(X, y, sample_weight)
    rows = places + 1 if rows is None else rows[places]
    network, state = estimator.network_, estimator._state
    found = measure(network, data)
    updates = {}
    if found.broken is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a batch that is larger than these samples is no news
            plan = estimator._make_plan(data)
        updates = update_ratios(network, data, plan, state)
    return Report.of(Evidence(found, updates, fallen(estimator.history_), rows))


def fallen(history: dict[str, list[float]]) -> float | None:
    """The share by which the cost of the first epoch was lowered until the last; None without epochs."""
    losses = history.get("loss", [])
    return (losses[0] - losses[-1]) / abs(losses[0]) if len(losses) > 1 and losses[0] else None
