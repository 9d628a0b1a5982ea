"""Tables of activations: ``Z``, ``g(Z)``, ``g'(Z)``."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidOption
from .activations import ACTIVATIONS

LONGEST_TABLE = 10_000  # rows


def activation_table(name: str, low: float, high: float, step: float) -> list[tuple[float, float, float]]:
    """``(Z, g(Z), g'(Z))`` for Z from `low` to `high`; a learned parameter has its initial value.

    Raises
    ------
    UnknownName, InvalidOption
    """
    g = ACTIVATIONS.choose(name)
    if g.rowwise:
        raise InvalidOption(f"expected an activation of one number, found {g.name}, which takes a whole row")
    asked = f"found {low:g} to {high:g} by {step:g}"
    if not (np.isfinite([low, high, step]).all() and low <= high and step > 0):
        raise InvalidOption(f"expected Z from low to high by a step above 0, {asked}")
    if not (high - low) / step < LONGEST_TABLE:
        raise InvalidOption(f"expected a table of at most {LONGEST_TABLE:g} rows, {asked}", "take a longer step")
    Z = low + step * np.arange(int((high - low) / step + 1e-9) + 1)[:, None]  # (rows, 1)
    Z = np.round(Z, 9 - int(np.floor(np.log10(step))))  # -0.6 + 3 * 0.2 is 0, not 1e-16
    p = g.initial(1)
    a = g.forward(Z, p)
    return [tuple(row) for row in np.hstack([Z, a, g.backward(np.ones_like(Z), Z, a, p)]).tolist()]


def sigmoid_table() -> list[tuple[float, float]]:  # lecture: 14
    """The slides' table: ``(Z, σ(Z))`` for Z from -2 to 2 in steps of one half, to two decimals."""
    return [(Z, round(a, 2)) for Z, a, _ in activation_table("sigmoid", -2, 2, 0.5)]
