"""The array type of every signature."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
"""A NumPy array, float32 or float64 unless a docstring says otherwise."""

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
"""The two working precisions."""

FRACTIONS = np.dtype(object)
"""Arrays of fractions, for the trace: the equations take them, slowly."""


CACHE_LINE = 64
"""Bytes."""

ALONE = 10_000
"""Numbers that BLAS multiplies without other threads, which would keep a core busy for a while after that."""


def zeros_in_lines(n: int, dtype: npt.DTypeLike) -> Array:
    """Zeros (n,) that begin at a cache line, so that whole vectors of them are read at once; unless they are few."""
    size = np.dtype(dtype).itemsize
    if n * size < 64 * CACHE_LINE:
        return np.zeros(n, dtype)
    padded = np.zeros(n + CACHE_LINE // size, dtype)
    begin = -padded.__array_interface__["data"][0] % CACHE_LINE // size
    return padded[begin : begin + n]


def is_plain(X: Array, *, ndim: int, kinds: str = "f") -> bool:
    """Whether `X` is an array with values, all finite, of a type whose kind is one of `kinds`."""
    if type(X) is not np.ndarray or X.ndim != ndim or X.dtype.kind not in kinds or not X.size or not X.flags.aligned:
        return False
    if X.dtype.kind != "f":
        return True
    if X.flags.forc and X.size <= ALONE:
        flat = X.ravel(order="K")
        return math.isfinite(np.vdot(flat, flat))  # of numbers so large that it is not, someone else judges
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(X.sum())


def in_precision(y: Array, dtype: npt.DTypeLike) -> Array:
    """`y` as numbers of that type; those too large for it are infinite, without a warning."""
    if y.dtype == dtype:
        return y
    with np.errstate(over="ignore"):
        return y.astype(dtype)
