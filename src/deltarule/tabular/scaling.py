"""Bringing numbers to a common scale, without overflow at any magnitude."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.errors import DataError, ModelFileError
from deltarule.fields import read_field
from deltarule.tabular.rows import row_number

SCALES = ("standard", "robust", "none")
LIMIT = 1e6
"""A scaled number is at most this: a row from another world must not overflow the network."""


@dataclass(frozen=True)
class Scaler:
    """``(x - center) / scale``, with missing values filled in; no magnitude overflows it.

    Attributes
    ----------
    fill : float
        The median of the training rows, for missing values.
    center, scale : float
        Mean and standard deviation, or median and interquartile range, or 0 and 1. A scale of 0 marks a column that
        was constant in training: it is 0 always.
    how : {"standard", "robust", "none"}
    """

    fill: float
    center: float
    scale: float
    how: str

    @classmethod
    def fit(cls, numbers: pl.Series, how: str) -> Self:
        """Learn from finite numbers, missing ones passed over."""
        x = numbers.drop_nulls().to_numpy()
        if how == "none":
            return cls(float(np.median(x)) if x.size else 0.0, 0.0, 1.0, how)
        size = float(np.abs(x).max(initial=0.0))
        if size == 0.0:
            return cls(0.0, 0.0, 0.0, how)
        u = x / size  # in -1..1, so that neither sums nor squares overflow or vanish
        fill = float(np.median(u))
        center, scale = (float(u.mean()), float(u.std())) if how == "standard" else (fill, _spread(u))
        if scale <= 10 * np.finfo(np.float64).eps:  # rounding noise of a constant column
            scale = 0.0
        return cls(fill * size, center * size, scale * size, how)

    def apply(self, numbers: pl.Series, dtype: Any) -> Array:
        """The scaled values, shape (m,), finite in `dtype`."""
        if self.scale == 0.0:
            return np.zeros(len(numbers), dtype)
        x = numbers.fill_null(self.fill).to_numpy()
        if self.how == "none":
            beyond = np.abs(x) > np.finfo(dtype).max
            if beyond.any():
                raise DataError(
                    f"column {numbers.name!r}: expected numbers that {np.dtype(dtype).name} can hold,"
                    f" found {float(x[beyond][0])!r} in row {row_number(int(beyond.argmax()))}",
                    "scale the column",
                )
            return x.astype(dtype)
        with np.errstate(over="ignore"):
            return np.clip((x - self.center) / self.scale, -LIMIT, LIMIT).astype(dtype)

    def far(self, scaled: Array) -> pl.Series:
        """Which of the scaled values were cut at the limit."""
        return pl.Series(np.abs(scaled) >= LIMIT) if self.how != "none" else pl.Series(np.zeros(len(scaled), bool))

    def units(self) -> tuple[float, float]:
        """``(center, scale)``; those of a constant column, which is 0 always, are of no matter."""
        return (self.center, self.scale) if self.scale else (0.0, 1.0)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(self.__dict__)

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The inverse of `to_json`; raises ModelFileError."""
        read = partial(read_field, document, "preprocessing")
        fill, center, scale = (read(key, float) for key in ("fill", "center", "scale"))
        how = read("how", str)
        if how not in SCALES or scale < 0:
            raise ModelFileError(f"preprocessing: expected a scale of {', '.join(SCALES)}, found {how!r}, {scale!r}")
        return cls(fill, center, scale, how)

    def describe(self) -> str:
        """For people, a part of a line."""
        if self.scale == 0.0:
            return "constant in training, ignored"
        return "as it is" if self.how == "none" else f"minus {self.center:.6g}, divided by {self.scale:.6g}"


def _spread(u: Array) -> float:
    """The interquartile range; half the range where more than half of the values are equal."""
    low, high = np.quantile(u, [0.25, 0.75])
    return float(high - low) or float(np.ptp(u)) / 2
