"""`trace`: from a network and some samples to the tree of steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..engines import Data, check_seed
from ..equations import OPTIMIZERS, PENALTIES, Optimizer
from ..errors import DataError, InvalidOption
from ..network import Network, check_shapes
from .backward import backward_sections
from .calculation import Calculation, Setting, calculate
from .exact import is_exact, rational
from .forward import cost_section, forward_sections, loss_section
from .tree import Iteration, Section, Trace
from .update import after_section, check_section, update_section

MOST_STEPS = 1000


def trace(
    network: Any,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    alpha: float = 0.1,
    optimizer: str | Optimizer = "gradient_descent",
    penalties: Mapping[str, float] | None = None,
    steps: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
    dropout: bool = True,
    exact: bool = False,
    check: bool = True,
) -> Trace:
    """Each step of a network on some samples, with its numbers.

    Parameters
    ----------
    network : Network or fitted estimator
        It is not changed; what is shown is computed in float64.
    X : (m, n_x)
        Samples are rows, as everywhere in Python; the trace shows them as columns, as on the slides.
    y : (m,) or (m, n_L), optional
        Targets as the network takes them; class numbers for a softmax. Without them there is the forward pass alone.
    sample_weight : (m,), optional
    alpha : float
        Learning rate.
    optimizer : str
        Of the register.
    penalties : mapping, optional
        Name -> strength, such as ``{"l2": 0.1}``.
    steps : int
        How many updates in a row.
    batch_size : int, optional
        Each update sees so many samples, one batch after the other; all of them by default.
    seed : int
        Of the dropout masks.
    dropout : bool
        A network with dropout is shown as it is trained; False shows it as it predicts, with nothing dropped.
    exact : bool
        Fractions, as far as the formulas allow them.
    check : bool
        Compare the gradient with finite differences.

    Returns
    -------
    Trace

    Raises
    ------
    DataError, InvalidOption, UnknownName
        For what does not fit.
    NotFinite
        If the cost is not a finite number.

    Examples
    --------
    >>> import deltarule
    >>> network = deltarule.Network.create([2, 3, 1], ["relu", "sigmoid"], "binary_cross_entropy", seed=0)
    >>> found = deltarule.trace(network, [[1, 2]], [1])
    >>> found["dW2"].shape
    (1, 3)
    """
    numbers, data, setting = prepare(
        network, X, y, sample_weight, alpha=alpha, optimizer=optimizer, penalties=penalties, steps=steps,
        batch_size=batch_size, seed=seed, dropout=dropout, exact=exact, check=check,
    )  # fmt: skip
    return to_tree(list(calculate(numbers, data, setting, exactly=exact)), numbers, data, setting, exactly=exact)


def prepare(
    network: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    alpha: float = 0.1,
    optimizer: str | Optimizer = "gradient_descent",
    penalties: Mapping[str, float] | None = None,
    steps: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
    dropout: bool = True,
    exact: bool = False,
    check: bool = True,
) -> tuple[Network, Data, Setting]:
    """The arguments of `trace`, checked; the network in float64."""
    found = getattr(network, "network_", network)
    if not isinstance(found, Network):
        raise InvalidOption(f"expected a Network or a fitted estimator, found {type(network).__name__}")
    plain = found.with_theta(found.theta.astype(np.float64))
    if not dropout:
        plain = replace(plain, layers=tuple(replace(layer, dropout=0.0) for layer in plain.layers))
    encoding = getattr(network, "_encoding", None)  # of a classifier: labels to numbers
    data = _data(plain, X, y if encoding is None or y is None else encoding.encode(np.asarray(y), float), sample_weight)
    for name, n in (("steps", steps), ("batch_size", batch_size)):
        if n is not None and not (isinstance(n, int | np.integer) and 1 <= n <= (MOST_STEPS if name == "steps" else n)):
            raise InvalidOption(f"expected {name} to be a whole number from 1{_most(name)}, found {n!r}")
    check_seed(seed)
    rule = OPTIMIZERS.choose(optimizer)
    if rule.full_batch and batch_size is not None:
        raise InvalidOption(f"{rule.name} takes all samples at once", "leave out the batch size")
    if not (np.isfinite(float(alpha)) and float(alpha) > 0):
        raise InvalidOption(f"expected a learning rate alpha above 0, found {alpha!r}")
    strengths = {}
    for name, strength in (penalties or {}).items():
        if not (np.isfinite(float(strength)) and float(strength) >= 0):
            raise InvalidOption(f"expected the strength of {name} to be 0 or more, found {strength!r}")
        if strength:
            strengths[PENALTIES[name].name] = rational(strength) if exact else float(strength)
    number = rational(alpha) if exact else float(alpha)
    return plain, data, Setting(rule, number, strengths, steps, batch_size, seed, check)


def _most(name: str) -> str:
    return f" to {MOST_STEPS}" if name == "steps" else ""


def _data(network: Network, X: Any, y: Any, sample_weight: Any) -> Data:
    X = _numbers("X", X)
    X = X[None, :] if X.ndim == 1 and len(X) == network.n_features else X
    if y is None:
        if X.ndim != 2 or X.shape[1] != network.n_features or not len(X):
            raise DataError(f"expected X of shape (m, {network.n_features}), found {X.shape}")
        return Data(X, np.empty((len(X), 0)))
    y = _numbers("y", y)
    n_out = network.sizes[-1]
    if n_out > 1 and y.ndim <= 1 and network.loss.task == "multiclass":
        y = _one_hot(np.atleast_1d(y), n_out, len(X))
    if y.ndim < 2:
        y = y.reshape(-1, 1) if n_out == 1 or y.size != n_out else y.reshape(1, n_out)
    if not X.size:
        raise DataError("expected at least one sample, found none")
    check_shapes(network, X, y)
    network.loss.check_targets(y)
    w = None
    if sample_weight is not None:
        w = _numbers("sample_weight", sample_weight).ravel()
        if w.shape != (len(X),) or (w < 0).any() or not w.sum() > 0:
            raise DataError(f"expected {len(X)} sample weights, none below 0 and one above, found {w.tolist()}")
    return Data(X, y, w)


def _one_hot(y: Array, n_classes: int, m: int) -> Array:
    """Class numbers, from 0, as rows with a single one; for one sample a row of probabilities stays what it is."""
    if m == 1 and len(y) == n_classes:
        return y[None, :]
    if not (np.mod(y, 1) == 0).all() or y.min() < 0 or y.max() >= n_classes:
        raise DataError(f"expected classes from 0 to {n_classes - 1}, or one-hot rows, found {y.tolist()[:10]}")
    return np.asarray(np.eye(n_classes)[y.astype(int)])


def _numbers(name: str, values: Any) -> Array:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"expected numbers in {name}, found {str(values)[:60]!r}") from None
    if not np.isfinite(found).all():
        raise DataError(f"expected finite numbers in {name}, found NaN or infinity")
    return found


def to_tree(calculations: list[Calculation], network: Network, data: Data, setting: Setting, *, exactly: bool) -> Trace:
    """The tree of what was computed."""
    iterations = tuple(Iteration(now.t, now.rows, tuple(_sections(now))) for now in calculations)
    facts = {
        "sizes": network.sizes,
        "activations": [str(layer.activation) for layer in network.layers],
        "dropout": [layer.dropout for layer in network.layers],
        "loss": str(network.loss),
        "samples": len(data),
        "optimizer": str(setting.optimizer),
        "alpha": float(setting.alpha),
        "penalties": {name: float(strength) for name, strength in setting.penalties.items()},
    }
    found = Trace(str(network), facts, iterations, tuple(_conventions(data, calculations, network)))
    return found if not exactly else _with_end_of_exactness(found)


def _sections(now: Calculation) -> Iterator[Section]:
    yield from forward_sections(now)
    if now.J is None:
        return
    yield loss_section(now)
    yield cost_section(now)
    yield from backward_sections(now)
    if now.setting.check:
        yield check_section(now)
    yield update_section(now)
    yield after_section(now)


def _conventions(data: Data, calculations: list[Calculation], network: Network) -> Iterator[str]:
    if data.w is not None:
        yield "dA and dZ are derivatives of each example's weighted loss w L; the 1/Σw of J comes in with dW and db"
    elif len(data) > 1 and data.y.shape[1]:
        yield "dA and dZ are derivatives of each example's loss L; the 1/m of J comes in with dW and db"
    if any(layer.dropout for layer in network.layers) and not calculations[0].cache.mask:
        yield f"{calculations[0].setting.optimizer.name} takes all samples without dropout"


def _with_end_of_exactness(found: Trace) -> Trace:
    """Say after which step the numbers are no longer fractions."""
    for step in found.steps():
        if step.value is not None and not is_exact(step.value) and step.symbol is not None:
            name = step.symbol.name + (f"[{step.symbol.layer}]" if step.symbol.layer else "")
            note = f"exact up to {name}: from there on decimals, since {_culprit(step.name)} is no fraction"
            return replace(found, notes=(*found.notes, note))
    return replace(found, notes=(*found.notes, "exact throughout: every number is a fraction"))


def _culprit(name: str) -> str:
    return {"activation": "its activation", "loss": "its logarithm or root", "update": "the optimizer's root"}.get(
        name, f"the result of the step {name!r}"
    )
