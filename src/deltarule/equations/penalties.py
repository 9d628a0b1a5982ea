"""Penalties ``Ω(W)`` added to the cost: each directly above its derivative. Biases are never penalized."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..registry import Entry, Register


@dataclass(frozen=True, kw_only=True, eq=False)
class Penalty(Entry):
    """One entry of `PENALTIES`: ``formula(W) -> Ω`` and ``derivative(W) -> ∂Ω/∂W``.

    The cost becomes ``J + (strength / m) Ω``, where ``m`` is the number of samples (the sum of their weights) that
    ``J`` is the mean of, as in scikit-learn. `kinks` are the weights at which there is no derivative.
    """

    derivative: Callable[[Array], Array]
    kinks: tuple[float, ...] = ()
    latex_derivative: str = ""


PENALTIES: Register[Penalty] = Register("penalty")


def l2(W: Array) -> float:
    """``½ Σ W²``."""
    w = W.ravel()
    return 0.5 * float(w @ w)


def d_l2(W: Array) -> Array:
    """``W``."""
    return W


def l1(W: Array) -> float:
    """``Σ |W|``."""
    return float(np.abs(W).sum())


def d_l1(W: Array) -> Array:
    """``sign(W)``; 0 at 0."""
    return np.sign(W)


for _entry in (
    Penalty(name="l2", formula=l2, derivative=d_l2, latex=r"\tfrac12 \sum W^2", latex_derivative="W"),
    Penalty(
        name="l1",
        formula=l1,
        derivative=d_l1,
        kinks=(0.0,),
        latex=r"\sum |W|",
        latex_derivative=r"\operatorname{sign}(W)",
    ),
):
    PENALTIES.add(_entry)
