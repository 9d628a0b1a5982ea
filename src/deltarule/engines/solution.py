"""What both ways to least squares have in common: their solution, and what they know of the sample weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from ..arrays import Array
from ..equations.inference import LeastSquaresSums

TINY = 1e-12
"""A column that varies by less, relative to its mean, varies by rounding."""


class Solution(NamedTuple):
    """``W`` (k, n), ``b`` (k,), the mean of ``½ (ŷ - y)²`` there, and what is left of the rows.

    Parameters
    ----------
    columns, spread : (2, n), (k,)
        Mean and deviation of the columns of ``X``, and deviation of those of ``y``; see `Rows`.
    condition : float
        See `LeastSquaresSums`.
    sums : callable
        What errors follow from, computed when somebody asks.
    """

    W: Array
    b: Array
    cost: float
    columns: Array
    spread: Array
    condition: float
    sums: Callable[[], LeastSquaresSums]


def known_of(w: Array | None) -> tuple[bool, float]:
    """Whether weights (m,) differ, and ``Σ ln w``."""
    if w is None:
        return False, 0.0
    return bool(w.min() < w.max()), float(special.xlogy(w > 0, w.astype(np.float64)).sum())
