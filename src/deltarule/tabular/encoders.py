"""How one column becomes numbers: one class a kind, each with what it learned from the training rows.

An encoder is frozen and small: a few numbers and the names of levels, never a row. It fills its own slice of the
matrix, so that a table is turned into numbers without a copy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.errors import DataError, ModelFileError
from deltarule.fields import read_field
from deltarule.tabular.rows import first_where
from deltarule.tabular.scaling import LIMIT, Scaler
from deltarule.tabular.values import parse_levels, parse_numbers, parse_truth, require_finite
from deltarule.tabular.wording import count


@dataclass(frozen=True)
class Encoder(ABC):
    """One column of the table and the columns of the matrix that it becomes.

    Attributes
    ----------
    name : str
        The column of the table.
    """

    kind: ClassVar[str]
    name: str

    @property
    @abstractmethod
    def feature_names(self) -> list[str]:
        """One name for each column of the matrix."""

    @abstractmethod
    def write(self, series: pl.Series, out: Array) -> list[str]:
        """Fill `out`, shape (m, number of features), which holds zeros; the answer is what the user should know."""

    @abstractmethod
    def describe(self) -> str:
        """One line for people."""

    def units(self) -> list[tuple[float, float]]:
        """``(center, scale)`` of each feature, which is ``(x - center) / scale`` of what people know."""
        return [(0.0, 1.0)] * len(self.feature_names)

    @property
    def term_names(self) -> list[str]:
        """Of the features in those units, for a table of weights."""
        return self.feature_names

    @property
    def reference(self) -> str:
        """The level that has no column of its own; empty where all have one, or there are none."""
        return ""

    def _far(self, series: pl.Series, far: pl.Series) -> list[str]:
        return self._notes(series, far, f"over {LIMIT:,.0f} times the spread of training away", "so far away")

    def _notes(self, series: pl.Series, odd: pl.Series, what: str, taken: str) -> list[str]:
        if not odd.any():
            return []
        row, value = first_where(series, odd)
        first = f"first in row {row}" if value is None else f"first {value!r} in row {row}"
        values = count(int(odd.sum()), "value") + (" is" if odd.sum() == 1 else " are")
        return [f"column {self.name!r}: {values} {what} ({first}), taken as {taken}"]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values under the names of the attributes."""
        return {"kind": self.kind} | {
            key: value.to_json() if isinstance(value, Scaler) else list(value) if isinstance(value, tuple) else value
            for key, value in self.__dict__.items()
        }


@dataclass(frozen=True)
class NumericEncoder(Encoder):
    """A number, scaled, and whether it is missing if it was in training."""

    kind = "numeric"
    scaler: Scaler
    missing: bool

    @classmethod
    def fit(cls, series: pl.Series, how: str) -> Self:
        """Learn from the training rows."""
        numbers = read_numbers(series)
        return cls(series.name, Scaler.fit(numbers, how), numbers.has_nulls())

    @property
    def feature_names(self) -> list[str]:
        """``age`` and ``age is missing``."""
        return [self.name, f"{self.name} is missing"] if self.missing else [self.name]

    def units(self) -> list[tuple[float, float]]:
        """Those of the scaler; a flag is as it is."""
        return [self.scaler.units(), (0.0, 1.0)][: 1 + self.missing]

    def write(self, series: pl.Series, out: Array) -> list[str]:
        """Fill `out`, shape (m, 1 or 2)."""
        numbers = read_numbers(series)
        out[:, 0] = self.scaler.apply(numbers, out.dtype)
        far = self._far(series, self.scaler.far(out[:, 0]))
        if not self.missing:
            return far + self._notes(series, numbers.is_null(), "missing", f"the median, {self.scaler.fill:.6g}")
        out[:, 1] = numbers.is_null().to_numpy()
        return far

    def describe(self) -> str:
        """One line for people."""
        flag = f", missing -> {self.scaler.fill:.6g} and a flag" if self.missing else ""
        return f"{self.name}: number, {self.scaler.describe()}{flag}"

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The inverse of `to_json`; raises ModelFileError."""
        read = partial(read_field, document, "preprocessing")
        scaler = Scaler.from_json(read("scaler", dict))
        return cls(read("name", str), scaler, read("missing", bool))


@dataclass(frozen=True)
class BooleanEncoder(Encoder):
    """-1 for no, +1 for yes, 0 for missing."""

    kind = "boolean"

    @classmethod
    def fit(cls, series: pl.Series) -> Self:
        """There is nothing to learn but the name."""
        return cls(series.name)

    @property
    def feature_names(self) -> list[str]:
        """The name of the column."""
        return [self.name]

    @property
    def term_names(self) -> list[str]:
        """``smoker = yes``."""
        return [f"{self.name} = yes"]

    @property
    def reference(self) -> str:
        """What yes is compared with."""
        return "no"

    def units(self) -> list[tuple[float, float]]:
        """Of 0 for no and 1 for yes."""
        return [(0.5, 0.5)]

    def write(self, series: pl.Series, out: Array) -> list[str]:
        """Fill `out`, shape (m, 1)."""
        truth, unreadable = parse_truth(series)
        out[:, 0] = (truth.cast(pl.Int8) * 2 - 1).fill_null(0).to_numpy()
        return self._notes(series, unreadable, "neither yes nor no", "missing")

    def describe(self) -> str:
        """One line for people."""
        return f"{self.name}: no -> -1, yes -> +1, missing -> 0"

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The inverse of `to_json`; raises ModelFileError."""
        return cls(read_field(document, "preprocessing", "name", str))


@dataclass(frozen=True)
class CategoricalEncoder(Encoder):
    """One column of 0 and 1 for each level; with `treatment` for each but the first, the reference.

    Attributes
    ----------
    levels : tuple of str
        The most frequent levels of the training rows, in the order of the alphabet.
    other : bool
        There were more: one column stands for all others, those never seen in training included.
    missing : bool
        There were missing values: they have their own column.
    treatment : bool
        The first level has no column: the weights of all others are differences from it.
    """

    kind = "categorical"
    levels: tuple[str, ...]
    other: bool
    missing: bool
    treatment: bool = False

    CAP: ClassVar[int] = 64

    @classmethod
    def fit(cls, series: pl.Series, *, treatment: bool = False) -> Self:
        """Learn the levels from the training rows."""
        levels = parse_levels(series)
        counted = levels.drop_nulls().alias("level").value_counts(name="rows")  # whatever the column is called
        counts = counted.sort(["rows", "level"], descending=[True, False])
        kept = sorted(counts["level"].head(cls.CAP).to_list())
        return cls(series.name, tuple(kept), len(counts) > cls.CAP, levels.has_nulls(), treatment and bool(kept))

    @property
    def reference(self) -> str:
        """The first level, with `treatment`."""
        return self.levels[0] if self.treatment else ""

    @property
    def feature_names(self) -> list[str]:
        """``color = red``, ``color = (other)`` and ``color is missing``."""
        names = [f"{self.name} = {level}" for level in self.levels[self.treatment :]]
        return names + [f"{self.name} = (other)"] * self.other + [f"{self.name} is missing"] * self.missing

    def write(self, series: pl.Series, out: Array) -> list[str]:
        """Fill `out`, shape (m, number of features); a row of zeros where there is no column for the value."""
        levels = parse_levels(series)
        n_levels = len(self.levels)
        codes = levels.replace_strict(
            pl.Series(self.levels, dtype=pl.String), pl.Series(range(n_levels)), default=-1, return_dtype=pl.Int64
        )
        unseen = (codes == -1) & levels.is_not_null()
        notes: list[str] = []
        if self.other:
            codes = codes.set(unseen, n_levels)
        else:
            taken = f"the reference level {self.reference!r}" if self.treatment else "none of them"
            notes = self._notes(series, unseen, "not among the levels seen in training", taken)
        if not self.missing:
            taken = f"the reference level {self.reference!r}" if self.treatment else "none of the levels"
            notes += self._notes(series, levels.is_null(), "missing", taken)
        codes = codes.set(levels.is_null(), n_levels + self.other if self.missing else -1)
        column = codes.to_numpy() - self.treatment
        rows = np.flatnonzero(column >= 0)
        out[rows, column[rows]] = 1
        return notes

    def describe(self) -> str:
        """One line for people."""
        shown = ", ".join(self.levels[:8]) + (f", ... ({len(self.levels)} levels)" if len(self.levels) > 8 else "")
        extra = " and others" * self.other + " and missing" * self.missing
        reference = f"; reference level {self.reference}" if self.treatment else ""
        return f"{self.name}: one of {shown}{extra}{reference}"

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The inverse of `to_json`; raises ModelFileError."""
        read = partial(read_field, document, "preprocessing")
        levels = read("levels", list)
        if not all(isinstance(level, str) for level in levels) or len(set(levels)) != len(levels):
            raise ModelFileError("preprocessing: expected levels that are different texts")
        other, missing, treatment = (read(key, bool) for key in ("other", "missing", "treatment"))
        if treatment and not levels:
            raise ModelFileError("preprocessing: expected a reference level, found no level")
        return cls(read("name", str), tuple(levels), other, missing, treatment)


def read_numbers(series: pl.Series) -> pl.Series:
    """A column of a table as finite numbers; anything else is refused with its row.

    Raises
    ------
    DataError
        Names the column, the first value that is no finite number and its row.
    """
    numbers, unreadable = parse_numbers(series)
    if unreadable.any():
        row, value = first_where(series, unreadable)
        raise DataError(
            f"column {series.name!r}: expected numbers, found {value!r} in row {row}",
            "correct the value or leave it empty",
        )
    require_finite(numbers)
    return numbers
