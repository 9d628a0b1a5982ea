"""How a column of dates becomes numbers: where it lies on the time line, and where in the year, the week, the day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.errors import ModelFileError
from deltarule.fields import read_field
from deltarule.tabular.dates import FORMATS, describe_format, find_formats, parse_dates
from deltarule.tabular.encoders import Encoder
from deltarule.tabular.scaling import Scaler

_MICROSECONDS_A_DAY = 86_400_000_000.0
_LAST_DAY = 2**63 / _MICROSECONDS_A_DAY
CYCLES = {"month": 12.0, "weekday": 7.0, "hour": 24.0}
"""Cycle -> its length; a position in it becomes a point on a circle, so that December lies beside January."""


@dataclass(frozen=True)
class DateEncoder(Encoder):
    """Days, scaled, and a sine and cosine for each cycle that varied in training.

    Attributes
    ----------
    format : str
        How the training table writes dates in text; empty for a date type.
    origin : float
        The median of the training rows in days since 1970: scaling keeps its digits when counted from there.
    scaler : Scaler
        Of the days since `origin`.
    cycles : tuple of str
        Some of ``month``, ``weekday``, ``hour``.
    missing : bool
        There were missing dates: they have their own column.
    """

    kind = "date"
    format: str
    origin: float
    scaler: Scaler
    cycles: tuple[str, ...]
    missing: bool

    @classmethod
    def fit(cls, series: pl.Series, how: str, text_format: str = "") -> Self:
        """Learn from the training rows."""
        if series.dtype == pl.String and not text_format:
            text_format = (find_formats(series) or [""])[0]
        moments = parse_dates(series, text_format)
        days = _days(moments)
        origin = days.median()
        origin = float(origin) if isinstance(origin, float) else 0.0
        cycles = tuple(name for name in CYCLES if _position(moments, name).drop_nulls().n_unique() > 1)
        return cls(series.name, text_format, origin, Scaler.fit(days - origin, how), cycles, moments.has_nulls())

    @property
    def feature_names(self) -> list[str]:
        """``when: days``, ``when: month (sin)``, ``when: month (cos)``, ..., ``when is missing``."""
        cyclic = [f"{self.name}: {cycle} ({wave})" for cycle in self.cycles for wave in ("sin", "cos")]
        return [f"{self.name}: days", *cyclic] + [f"{self.name} is missing"] * self.missing

    def units(self) -> list[tuple[float, float]]:
        """Days since the origin; sines, cosines and the flag are as they are."""
        return [self.scaler.units(), *[(0.0, 1.0)] * (len(self.feature_names) - 1)]

    def write(self, series: pl.Series, out: Array) -> list[str]:
        """Fill `out`, shape (m, number of features); a missing date is the median day and on no circle."""
        moments = parse_dates(series, self.format)
        out[:, 0] = self.scaler.apply(_days(moments) - self.origin, out.dtype)
        for k, cycle in enumerate(self.cycles):
            angle = _position(moments, cycle).to_numpy() * (2 * np.pi / CYCLES[cycle])
            out[:, 1 + 2 * k] = np.nan_to_num(np.sin(angle))
            out[:, 2 + 2 * k] = np.nan_to_num(np.cos(angle))
        if self.missing:
            out[:, -1] = moments.is_null().to_numpy()
        gaps = [] if self.missing else self._notes(series, moments.is_null(), "missing", "the median day")
        return gaps + self._far(series, self.scaler.far(out[:, 0]))

    def describe(self) -> str:
        """One line for people."""
        written = f" written {describe_format(self.format)}" if self.format else ""
        day = np.datetime64(round(self.origin), "D")
        cycles = "".join(f", {cycle}" for cycle in self.cycles)
        return f"{self.name}: date{written}, days since {day} {self.scaler.describe()}{cycles}"

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The inverse of `to_json`; raises ModelFileError."""
        read = partial(read_field, document, "preprocessing")
        cycles: list[Any] = read("cycles", list)
        text_format, origin = read("format", str), read("origin", float)
        if [name for name in CYCLES if name in cycles] != cycles:
            raise ModelFileError(
                f"preprocessing: expected cycles among {', '.join(CYCLES)}, found {str(cycles)[:40]!r}"
            )
        if text_format and text_format not in FORMATS:
            raise ModelFileError(f"preprocessing: expected a known date format, found {text_format[:40]!r}")
        if abs(origin) > _LAST_DAY:
            raise ModelFileError(f"preprocessing: expected a day of the calendar, found {origin!r} days since 1970")
        scaler = Scaler.from_json(read("scaler", dict))
        return cls(read("name", str), text_format, origin, scaler, tuple(cycles), read("missing", bool))


def _days(moments: pl.Series) -> pl.Series:
    return moments.dt.epoch("us").cast(pl.Float64) / _MICROSECONDS_A_DAY


def _position(moments: pl.Series, cycle: str) -> pl.Series:
    """Where in its cycle a moment lies: whole months and weekdays, hours with their minutes."""
    parts = moments.dt
    if cycle == "month":
        return parts.month().cast(pl.Float64)
    if cycle == "weekday":
        return parts.weekday().cast(pl.Float64)
    return parts.hour().cast(pl.Float64) + parts.minute().cast(pl.Float64) / 60
