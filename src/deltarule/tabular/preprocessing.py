"""From a table to the matrix a network takes, and what has to be remembered to do the same again.

`Preprocessing.fit` looks at the training rows only. What it keeps is a handful of numbers and the names of levels,
which go into the model file as plain JSON; rows are never kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from deltarule.arrays import Array
from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, ModelFileError, warn
from deltarule.fields import read_field
from deltarule.tabular.columns import Column, Kind
from deltarule.tabular.date_encoder import DateEncoder
from deltarule.tabular.encoders import (
    BooleanEncoder,
    CategoricalEncoder,
    Encoder,
    NumericEncoder,
)
from deltarule.tabular.scaling import SCALES
from deltarule.tabular.wording import near_matches

Scale = Literal["standard", "robust", "none"]

_FROM_JSON = {kind.kind: kind.from_json for kind in (NumericEncoder, CategoricalEncoder, BooleanEncoder, DateEncoder)}


@dataclass(frozen=True)
class Preprocessing:
    """What was learned about the columns of the training rows.

    Attributes
    ----------
    encoders : tuple of Encoder
        One for each column used, in the order of the training table.
    """

    encoders: tuple[Encoder, ...]

    @classmethod
    def fit(
        cls, frame: pl.DataFrame, columns: Iterable[Column], *, scale: Scale = "standard", treatment: bool = False
    ) -> Self:
        """Learn medians, scales and levels.

        Parameters
        ----------
        frame : polars.DataFrame
            The training rows.
        columns : iterable of Column
            The answer of `find_columns`; those of kind ``drop`` are passed over.
        scale : {"standard", "robust", "none"}
            Mean and standard deviation, median and interquartile range, or numbers as they are.
        treatment : bool
            Leave out what the other features of the matrix, and a constant, can stand in for: the first level of a
            category, and the flag of a number that is missing where another column is.

        Returns
        -------
        Preprocessing

        Raises
        ------
        DataError
            No rows, no column, or a value that does not fit the kind of its column.
        InvalidOption
            An unknown `scale`.
        """
        if scale not in SCALES:
            raise InvalidOption(f"expected scale to be {', '.join(SCALES)}, found {scale!r}")
        used = [column for column in columns if column.kind is not Kind.drop]
        if frame.is_empty() or not used:
            found = f"{len(frame)} rows and {len(used)} columns"
            raise DataError(f"expected at least one row and one column to learn from, found {found}")
        require_columns(frame, [column.name for column in used])
        encoders = [_fit_column(frame[column.name], column, scale, treatment=treatment) for column in used]
        return cls(tuple(_with_own_flags(frame, encoders) if treatment else encoders))

    @property
    def columns(self) -> list[str]:
        """Names of the columns that a table must have."""
        return [encoder.name for encoder in self.encoders]

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns of the matrix: ``age``, ``age is missing``, ``color = red``, ``when: days``."""
        return [name for encoder in self.encoders for name in encoder.feature_names]

    @property
    def term_names(self) -> list[str]:
        """Names of the features in the units of `units`."""
        return [name for encoder in self.encoders for name in encoder.term_names]

    def units(self) -> Array:
        """``center`` and ``scale`` of each feature, which is ``(x - center) / scale``, (2, n_x)."""
        return np.array([pair for encoder in self.encoders for pair in encoder.units()]).T

    def remarks(self) -> list[str]:
        """What a reader of the weights has to know of the columns."""
        known = [f"{encoder.name}: {encoder.reference}" for encoder in self.encoders if encoder.reference]
        return [f"reference levels, from which the others differ: {'; '.join(known)}."] if known else []

    def complete(self, frame: pl.DataFrame) -> Array:
        """Which rows of `frame`, (m,) of bool, have all that `transform` needs: all of them, as it fills gaps."""
        return np.ones(len(frame), dtype=bool)

    def transform(
        self, frame: pl.DataFrame, dtype: npt.DTypeLike = np.float64, *, notes: list[str] | None = None
    ) -> Array:
        """Turn rows into numbers.

        Parameters
        ----------
        frame : polars.DataFrame
            ``m`` rows with the columns of the training table, in any order; others are ignored.
        dtype : numpy.float32 or numpy.float64
        notes : list of str, optional
            Takes what the user should know (levels never seen in training, columns ignored). Without it, unseen
            values are said in one `DeltaruleWarning`.

        Returns
        -------
        ndarray, shape (m, n_x)
            All values are finite.

        Raises
        ------
        DataError
            Columns are missing, or hold text, dates or infinity where training had numbers.

        Warns
        -----
        DeltaruleWarning
            See `notes`.
        """
        require_columns(frame, self.columns)
        widths = [len(encoder.feature_names) for encoder in self.encoders]
        X = np.zeros((len(frame), sum(widths)), dtype)  # (m, n_x)
        unseen: list[str] = []
        start = 0
        for encoder, width in zip(self.encoders, widths, strict=True):
            unseen += encoder.write(frame[encoder.name], X[:, start : start + width])
            start += width
        if notes is not None:
            notes += unseen + ignored_columns(frame, self.columns)
        elif unseen:
            warn("; ".join(unseen), DeltaruleWarning)
        return X

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON; numbers survive exactly.

        Returns
        -------
        dict
        """
        return {"columns": [encoder.to_json() for encoder in self.encoders]}

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The inverse of `to_json`.

        Parameters
        ----------
        document : dict
            Every field is checked.

        Raises
        ------
        ModelFileError
            A field is missing, of the wrong type, or makes no sense.
        """
        encoders = []
        for entry in read_field(document, "preprocessing", "columns", list):
            kind = read_field(entry, "preprocessing", "kind", str)
            if kind not in _FROM_JSON:
                known = ", ".join(_FROM_JSON)
                raise ModelFileError(f"preprocessing: expected a kind of column among {known}, found {kind[:40]!r}")
            encoders.append(_FROM_JSON[kind](entry))
        names = [encoder.name for encoder in encoders]
        if not names or len(set(names)) < len(names):
            raise ModelFileError(f"preprocessing: expected columns with different names, found {str(names)[:80]}")
        return cls(tuple(encoders))

    def describe(self) -> list[str]:
        """One line for each column of the table, for people."""
        return [encoder.describe() for encoder in self.encoders]


def _fit_column(series: pl.Series, column: Column, scale: Scale, *, treatment: bool) -> Encoder:
    match column.kind:
        case Kind.numeric:
            return NumericEncoder.fit(series, scale)
        case Kind.boolean:
            return BooleanEncoder.fit(series)
        case Kind.date:
            return DateEncoder.fit(series, scale, column.format)
        case _:
            return CategoricalEncoder.fit(series, treatment=treatment)


def _with_own_flags(frame: pl.DataFrame, encoders: list[Encoder]) -> list[Encoder]:
    """Of columns that are missing in the very same rows, only one flag: that of a category if there is one."""
    flags: dict[int, bytes] = {}
    for k, encoder in enumerate(encoders):
        if getattr(encoder, "missing", False):
            out = np.zeros((len(frame), len(encoder.feature_names)))
            encoder.write(frame[encoder.name], out)
            flags[k] = out[:, -1].astype(bool).tobytes()
    kept: dict[bytes, int] = {}
    for k in sorted(flags, key=lambda k: not isinstance(encoders[k], CategoricalEncoder)):
        kept.setdefault(flags[k], k)
    superfluous = set(flags) - set(kept.values())
    return [_without_flag(e) if k in superfluous else e for k, e in enumerate(encoders)]


def _without_flag(encoder: Any) -> Encoder:
    return dataclasses.replace(encoder, missing=False)


def ignored_columns(frame: pl.DataFrame, known: list[str]) -> list[str]:
    """One line for people if a table has columns that a model does not use."""
    extra = [repr(name) for name in frame.columns if name not in set(known)]
    more = ", ..." if len(extra) > 10 else ""
    return [f"columns that the model does not use are ignored: {', '.join(extra[:10])}{more}"] if extra else []


def require_columns(frame: pl.DataFrame, names: list[str], whose: str = "the training table") -> None:
    """Refuse a table that lacks one of the columns."""
    present = set(frame.columns)
    absent = [name for name in names if name not in present]
    if absent:
        hint = near_matches(absent[0], frame.columns) if len(absent) == 1 else ""
        listed = ", ".join(map(repr, absent[:10])) + (", ..." if len(absent) > 10 else "")
        raise DataError(f"expected the columns of {whose}, found none named {listed}", hint)
