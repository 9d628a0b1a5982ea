"""A network in exact numbers: the very equations of the package, on NumPy arrays of fractions.

Everything stays an array of Python objects: `fractions.Fraction` as long as a formula allows it, `float` from the
first one on that does not (a sigmoid, a logarithm, a square root). So exactness ends by itself, and where can be seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import wraps
from numbers import Rational
from typing import Any

import numpy as np

from ..arrays import Array
from ..engines import Data
from ..equations import Optimizer
from ..equations.losses import Fused
from ..network import Network
from ..registry import Entry

LARGEST_DENOMINATOR = 10**6


def rational(value: Any) -> Fraction | float:
    """The fraction that a float stands for: the simple one that rounds to it, else its decimal digits; NaN stays."""
    if isinstance(value, Rational):
        return Fraction(value)
    if not np.isfinite(value):
        return float(value)
    simple = Fraction(float(value)).limit_denominator(LARGEST_DENOMINATOR)
    return simple if float(simple) == float(value) else Fraction(repr(float(value)))


def as_fractions(array: Array) -> Array:
    """An array of the same shape whose entries are fractions."""
    found = np.empty(array.shape, dtype=object)
    found.ravel()[:] = [rational(value) for value in array.ravel().tolist()]
    return found


def is_exact(array: Any) -> bool:
    """Whether every entry is a whole number or a fraction."""
    return all(isinstance(value, Rational | np.bool_) for value in np.asarray(array, dtype=object).ravel())


def exact_network(network: Network) -> Network:
    """The same network with fractions for parameters and options, and equations that take them."""
    layers = tuple(dataclasses.replace(layer, activation=_lift(layer.activation)) for layer in network.layers)
    loss = _lift(network.loss)
    fused = {
        name: Fused(_exactly(pair.loss), _exactly(pair.gradient), latex=pair.latex)
        for name, pair in network.loss.fused.items()
    }
    return dataclasses.replace(
        network,
        layers=layers,
        loss=dataclasses.replace(loss, fused=fused),
        theta=as_fractions(network.theta),
    )


def exact_data(data: Data) -> Data:
    """The same samples in fractions. All have a weight, so that the ``1/m`` of the cost is a fraction as well."""
    w = np.ones(len(data)) if data.w is None else data.w
    return Data(as_fractions(np.asarray(data.X)), as_fractions(data.y), as_fractions(w))


def step(
    optimizer: Optimizer, theta: Array, g: Array, moments: Mapping[str, Array], t: int, alpha: Fraction | float
) -> None:
    """One step in place, in fractions if the rule allows it, else in floats."""
    arrays = [theta, *moments.values()]
    trial = [array.copy() for array in arrays]
    rule = dataclasses.replace(optimizer, options=_fractions(optimizer))
    try:
        rule.step(trial[0], g, dict(zip(moments, trial[1:], strict=True)), t, alpha)  # type: ignore[arg-type]
    except (TypeError, AttributeError, ValueError):  # fractions have no square root
        trial = [array.astype(np.float64) for array in arrays]
        optimizer.step(trial[0], g.astype(np.float64), dict(zip(moments, trial[1:], strict=True)), t, float(alpha))
    for array, new in zip(arrays, trial, strict=True):
        array[...] = new


def _fractions(entry: Entry) -> dict[str, Any]:
    return {
        name: rational(value) if isinstance(value, float) else value
        for name, value in entry.settings.items()
        if not isinstance(value, bool)
    }


def _lift(entry: Any) -> Any:
    changes: dict[str, Any] = {name: _exactly(getattr(entry, name)) for name in ("formula", "derivative")}
    if getattr(entry, "learns", None) is not None:
        changes["learns"] = _exactly(entry.learns)
    options = {**entry.options, **_fractions(entry)}
    return dataclasses.replace(entry, **changes, options=options)


def _exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` on arrays of objects: tried on the fractions, else computed in floats."""

    @wraps(function)
    def lifted(*arrays: Any, **options: Any) -> Array:
        try:
            found = function(*arrays, **options)
            if is_exact(found):
                return as_fractions(found)
        except (TypeError, AttributeError, ValueError):  # NumPy finds no exp or log of a fraction
            pass
        floats = [array.astype(np.float64) for array in arrays]
        plain = {name: float(value) if isinstance(value, Fraction) else value for name, value in options.items()}
        return np.asarray(function(*floats, **plain)).astype(object)

    return lifted
