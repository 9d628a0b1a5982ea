"""Text that was meant as numbers or dates, but cannot be read as such: what is odd about it, and what to do."""

from __future__ import annotations

import re

import polars as pl

from deltarule.errors import DataError
from deltarule.tabular.dates import describe_format, has_dates, impossible_dates
from deltarule.tabular.rows import first_where
from deltarule.tabular.values import parse_numbers

FEW_LEVELS = 20
"""Numbers with a little text among them, and dates that cannot be told apart, are levels up to this many."""

NAME_LEVELS = "name it as categorical (--categorical)"
_CORRECT = "correct these values or leave them empty"
_PLAIN = "write plain numbers such as 1234.5"
_ONE_WAY = f"write all dates as YYYY-MM-DD, or {NAME_LEVELS}"

_MARKED = re.compile(r"^[-+]?[€$£¥]?\s?[-+]?[0-9]{1,3}([,. '’][0-9]{3})*([.,][0-9]+)?\s?[%€$£¥]?$")
_THOUSANDS = re.compile(r"[0-9][,. '’][0-9]{3}(?:[^0-9]|$)")
_ADDRESS = re.compile(r"^[0-9]{1,3}([.][0-9]{1,3}){3}$")
_DRESSED = re.compile(r"^[-+]?[€$£¥]?\s?[-+]?\d{1,3}([,. '’]\d{3})*([.,]\d+)?\s?([%€$£¥]|[A-Za-z]{1,3})?$")
"""A number with a sign of a currency, a unit, or marks between thousands."""


def odd_writing(series: pl.Series, present: pl.Series, unreadable: pl.Series, formats: list[str]) -> tuple[str, str]:
    """What stands in the way of numbers or dates that are many, and what to do about it; two empty texts if nothing."""
    if len(formats) > 1:
        ways = " or ".join(map(describe_format, formats))
        return f"dates whose day and month cannot be told apart ({ways})", _ONE_WAY
    if mixed := _mixed_numbers(series, unreadable, len(present)):
        return mixed, f"{_CORRECT}, or {NAME_LEVELS}"
    if (no_days := impossible_dates(series)) is not None and no_days.any():
        row, value = first_where(series, no_days)
        return f"dates, but for {value!r} in row {row}, which is no day", f"{_CORRECT}, or {NAME_LEVELS}"
    if has_dates(present):
        return f"dates written in several ways, such as {present[0]!r}", _ONE_WAY
    if present.str.contains(_DRESSED.pattern).all():
        return _not_plain(present[0]), f"{_PLAIN}, or {NAME_LEVELS}"
    return "", ""


def refuse_odd_numbers(series: pl.Series, values: pl.Series, who: str, what: str, remedy: str) -> None:
    """Refuse numbers that cannot be read, `values` of a text column, which nobody has asked to be `what`.

    Raises
    ------
    DataError
        Numbers with a few texts among them, or with marks; `remedy` says how to ask.
    """
    unreadable, many = parse_numbers(series)[1], values.n_unique() > FEW_LEVELS
    if not unreadable.any():
        return
    mixed = _mixed_numbers(series, unreadable, len(values)) if many else ""
    found = mixed or _marked_numbers(values, many=many)
    if found:
        raise DataError(
            f"{who}: expected numbers or {what}, found {found}", f"{_CORRECT if mixed else _PLAIN}, or {remedy}"
        )


def _mixed_numbers(series: pl.Series, unreadable: pl.Series, n_present: int) -> str:
    """What to say of numbers with a few values that are none; else an empty text."""
    if unreadable.sum() * 10 > n_present:
        return ""
    row, value = first_where(series, unreadable)
    return f"numbers, but {unreadable.sum()} of {n_present} values are text (row {row}: {value!r})"


def _marked_numbers(present: pl.Series, *, many: bool) -> str:
    """What to say of values that are all numbers, many or with marks of thousands; else an empty text."""
    if not present.str.contains(_MARKED.pattern).all() or present.str.contains(_ADDRESS.pattern).any():
        return ""
    if not many and not present.str.contains(_THOUSANDS.pattern).any():
        return ""  # such as several choices, 1,3
    marked = present.filter(present.str.contains("[^0-9+-]"))
    return _not_plain(marked[0]) if len(marked) else ""


def _not_plain(value: str) -> str:
    return f"numbers that are not written plainly, such as {value!r}"
