"""Dates: which way of writing them a column of text uses, and their value on one time line.

A format is taken for a column only when every value of the column fits it. Where the day and the month cannot be
told apart (03/04/2020 in every row), two formats fit and nothing is guessed.
"""

from __future__ import annotations

import polars as pl

from deltarule.errors import DataError
from deltarule.tabular.rows import first_where
from deltarule.tabular.values import clean_text, plain_type

_DAYS = {
    "%Y-%m-%d": r"\d{4}-\d{1,2}-\d{1,2}",
    "%Y/%m/%d": r"\d{4}/\d{1,2}/\d{1,2}",
    "%Y.%m.%d": r"\d{4}\.\d{1,2}\.\d{1,2}",
    "%d.%m.%Y": r"\d{1,2}\.\d{1,2}\.\d{4}",
    "%d/%m/%Y": r"\d{1,2}/\d{1,2}/\d{4}",
    "%m/%d/%Y": r"\d{1,2}/\d{1,2}/\d{4}",
    "%d-%m-%Y": r"\d{1,2}-\d{1,2}-\d{4}",
    "%m-%d-%Y": r"\d{1,2}-\d{1,2}-\d{4}",
    "%d %b %Y": r"\d{1,2} [A-Za-z]{3} \d{4}",
    "%d-%b-%Y": r"\d{1,2}-[A-Za-z]{3}-\d{4}",
    "%d %B %Y": r"\d{1,2} [A-Za-z]{4,9} \d{4}",
    "%b %d, %Y": r"[A-Za-z]{3} \d{1,2}, \d{4}",
    "%B %d, %Y": r"[A-Za-z]{4,9} \d{1,2}, \d{4}",
}
_TIMES = {
    "": "",
    " %H:%M": r" \d{1,2}:\d{2}",
    " %H:%M:%S%.f": r" \d{1,2}:\d{2}:\d{2}(\.\d+)?",
    "T%H:%M": r"T\d{2}:\d{2}",
    "T%H:%M:%S%.f": r"T\d{2}:\d{2}:\d{2}(\.\d+)?",
    " %H:%M:%S%.f%#z": r" \d{2}:\d{2}:\d{2}(\.\d+)? ?(Z|[+-]\d{2}:?\d{2})",
    "T%H:%M:%S%.f%#z": r"T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})",
}
FORMATS = {day + time: f"^{day_re}{time_re}$" for day, day_re in _DAYS.items() for time, time_re in _TIMES.items()}
"""strptime format -> what its text looks like."""

_SAMPLE = 100
_APART = 0.9
"""Distinct moments, of all, at least where each row has one of its own."""
_SWAPPED = {"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y", "%d-%m-%Y": "%m-%d-%Y", "%m-%d-%Y": "%d-%m-%Y"}
"""Formats that a row may mean either way, as far as its text goes."""


def find_formats(series: pl.Series) -> list[str]:
    """The date formats that fit every value of a column.

    Parameters
    ----------
    series : polars.Series
        Values of type String; missing values are passed over.

    Returns
    -------
    list of str
        Empty when the column holds no dates; two formats when day and month cannot be told apart. One of those that
        mean the same days, such as those of 01/01/2020.
    """
    text = clean_text(series).drop_nulls()
    if text.is_empty():
        return []
    found: dict[str, pl.Series] = {}
    for name in _looks(text):
        moments = _moments(text, name)
        if not moments.has_nulls() and not any(map(moments.equals, found.values())):
            found[name] = moments
    return list(found)


def are_in_order(moments: pl.Series) -> bool:
    """Whether the rows of a table come one after another in time, or the latest first."""
    there = moments.drop_nulls()
    ordered = there.is_sorted() or there.is_sorted(descending=True)
    return ordered and there.n_unique() > _APART * len(moments)


def has_dates(text: pl.Series) -> bool:
    """Whether every text looks like a date, be it in different formats."""
    anyway = "|".join(FORMATS.values())
    return all(bool(part.str.contains(anyway).all()) for part in (text.head(_SAMPLE), text))  # most are told at once


def impossible_dates(series: pl.Series) -> pl.Series | None:
    """Which values of a column of text, (m,) of bool, are written like the dates around them, but no day: 2021-02-30.

    None if they are not all written in one way, or most are no days.
    """
    text = clean_text(series)
    present = text.drop_nulls()
    masks = [text.is_not_null() & _moments(text, name).is_null() for name in _looks(present)]
    fewest = min(masks, key=pl.Series.sum, default=None)
    return None if fewest is None or fewest.sum() * 2 > len(present) else fewest


def _looks(text: pl.Series) -> list[str]:
    """The formats that every text looks like, be it a day or not; most are told from the first texts."""
    start = text.head(_SAMPLE)
    likely = [name for name, looks in FORMATS.items() if start.str.contains(looks).all()]
    return [name for name in likely if text.str.contains(FORMATS[name]).all()]


def _moments(text: pl.Series, name: str) -> pl.Series:
    moments = text.str.to_datetime(name, strict=False, time_unit="us", exact=True)
    return moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if "%#z" in name else moments


def parse_dates(series: pl.Series, name: str = "") -> pl.Series:
    """Read a column as moments on one time line (UTC where a time zone is given).

    Parameters
    ----------
    series : polars.Series
        ``m`` values of type Date, Datetime or String.
    name : str, optional
        The format that the column had in training. If it does not fit every value, the one format that does is
        taken, so that a table written by another program still reads.

    Returns
    -------
    polars.Series
        Datetime in microseconds without a time zone, null where missing.

    Raises
    ------
    DataError
        For values that are no dates; names the column, the first such value and its row.
    """
    series = plain_type(series)
    kind = series.dtype
    if series.null_count() == len(series):
        return pl.Series(series.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(series))
    if kind == pl.Date:
        return series.cast(pl.Datetime("us"))
    if isinstance(kind, pl.Datetime):
        moments = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if kind.time_zone else series
        return moments.cast(pl.Datetime("us"))
    if kind != pl.String:
        raise DataError(f"column {series.name!r}: expected dates, found values of type {kind}")
    return _parse_text(series, name)


def _parse_text(series: pl.Series, name: str) -> pl.Series:
    text = clean_text(series)
    moments = _moments(text, name) if name else pl.Series(series.name, [None] * 0, dtype=pl.Datetime("us"))
    if name and moments.null_count() == text.null_count():
        return moments
    # day and month must not change places because of another row of the file
    swapped = _SWAPPED.get(name[:8], "none")
    fitting = [found for found in find_formats(text) if not found.startswith(swapped)]
    if len(fitting) == 1:
        return _moments(text, fitting[0])
    unreadable = text.is_not_null() & moments.is_null() if name else text.is_not_null()
    if not unreadable.any():
        return text.cast(pl.Datetime("us"))
    row, value = first_where(series, unreadable)
    wanted = f"a date such as {describe_format(name)}" if name else "dates in one unambiguous format"
    raise DataError(f"column {series.name!r}: expected {wanted}, found {value!r} in row {row}")


def describe_format(name: str) -> str:
    """A format as people write it: ``%Y-%m-%d`` is ``YYYY-MM-DD``."""
    spoken = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "hh", "%M": "mm", "%S": "ss", "%.f": "", "%#z": "+hh:mm"}
    for mark, letters in (spoken | {"%b": "Jan", "%B": "January"}).items():
        name = name.replace(mark, letters)
    return name
