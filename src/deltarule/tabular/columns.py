"""Which columns of a table a network can use, and as what: the choice and the reason for it, in words.

Nothing is learned here but the kind of a column; the numbers come from the training rows, in
`deltarule.tabular.preprocessing`. Every choice can be overridden by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from deltarule.errors import DataError, DeltaruleWarning, warn
from deltarule.tabular.dates import describe_format, find_formats
from deltarule.tabular.odd_numbers import FEW_LEVELS, NAME_LEVELS, odd_writing
from deltarule.tabular.rows import first_where
from deltarule.tabular.values import case_twins, is_truth_pair, parse_levels, parse_numbers
from deltarule.tabular.wording import near_matches

ENOUGH_ROWS = 20
"""Below this many values, values that are all distinct say nothing about an identifier."""

NEARLY_ALL = 0.9
"""Text, or whole numbers named as such, of more distinct values than this part of the rows look like an identifier."""

MOST_LEVELS = 64
"""Text with more levels than this, and fewer than five rows a level, is free text."""

_ID_WORD = re.compile(
    r"(?:^|[^a-z])(?:id|idx|uuid|guid|pk|key|rowid|rownum)$|^id(?:[^a-z]|$)|^unnamed|^(?:row.?)?index$"
)
_ID_CAMEL = re.compile(r"[a-z](?:Id|ID)$")


class Kind(StrEnum):
    """What a column is to a network."""

    numeric = "numeric"
    categorical = "categorical"
    boolean = "boolean"
    date = "date"
    drop = "drop"


@dataclass(frozen=True)
class Column:
    """One column, what it is used as, and why.

    Attributes
    ----------
    name : str
    kind : Kind
    why : str
        For people: ``"float, 3 missing"``, ``"left out: constant"``.
    format : str
        How dates in text are written, as strptime has it; empty otherwise.
    """

    name: str
    kind: Kind
    why: str
    format: str = ""


def find_columns(
    frame: pl.DataFrame,
    target: str,
    *,
    drop: Iterable[str] = (),
    categorical: Iterable[str] = (),
    numeric: Iterable[str] = (),
    weights: str | None = None,
) -> list[Column]:
    """Find out what each column of a table is.

    Parameters
    ----------
    frame : polars.DataFrame
        The table, ``m`` rows.
    target : str
        The column to be predicted; it is not part of the answer.
    drop, categorical, numeric : iterable of str
        Columns to be left out, or to be used as categories or as numbers, whatever they look like.
    weights : str, optional
        The column of the sample weights; it is not part of the answer.

    Returns
    -------
    list of Column
        In the order of the table.

    Raises
    ------
    DataError
        A name is not in the table or asked for twice, a column asked to be numeric holds text, or no column is
        left to learn from.

    Warns
    -----
    DeltaruleWarning
        Columns that look like identifiers or free text are left out, levels differ only in case; one warning
        names them all.
    """
    asked = _asked(frame, target, weights, {Kind.drop: drop, Kind.categorical: categorical, Kind.numeric: numeric})
    columns: list[Column] = []
    doubtful: dict[str, list[Column]] = {}
    for series in frame.get_columns():
        if series.name in (target, weights):
            continue
        if series.name in asked:
            columns.append(_as_asked(series, asked[series.name]))
            continue
        column, remedy = _classify(series)
        columns.append(column)
        if remedy:
            doubtful.setdefault(remedy, []).append(column)
    if all(column.kind is Kind.drop for column in columns):
        found = "; ".join(f"{column.name}: {column.why}" for column in columns[:5]) or "only the target"
        hint = "; ".join(f"to use {those[0].name!r} all the same, {remedy}" for remedy, those in doubtful.items())
        raise DataError(f"expected at least one column to learn from, found none ({found})", hint)
    told = [
        f"{'; '.join(f'{column.name!r} {column.why}' for column in those)}. To use it all the same, {remedy}"
        for remedy, those in doubtful.items()
    ]
    told += [text for column in columns if column.kind is Kind.categorical for text in case_twins(frame[column.name])]
    if told:
        warn("; ".join(told), DeltaruleWarning)
    return columns


def check_roles(frame: pl.DataFrame, target: str, weights: str | None) -> None:
    """Refuse names of target and weights that are not two columns of the table."""
    for name, role in ((target, "target"), (weights, "weights")):
        if name is not None and name not in frame.columns:
            raise DataError(
                f"expected the {role} column {name!r} in the table, found no such column",
                near_matches(name, frame.columns),
            )
    if target == weights:
        raise DataError(f"expected two columns for target and weights, found {target!r} for both")


def _asked(frame: pl.DataFrame, target: str, weights: str | None, wishes: dict[Kind, Iterable[str]]) -> dict[str, Kind]:
    """Check every name the caller gave; the answer says which kind was asked for which column."""
    check_roles(frame, target, weights)
    asked: dict[str, Kind] = {}
    for kind, names in wishes.items():
        for name in [names] if isinstance(names, str) else names:
            if name not in frame.columns:
                raise DataError(f"{kind} column {name!r} is not in the table", near_matches(name, frame.columns))
            if name in (target, weights):
                role = "target" if name == target else "weights"
                raise DataError(f"column {name!r} cannot be the {role} and {kind} at the same time")
            if asked.setdefault(name, kind) is not kind:
                raise DataError(f"column {name!r} cannot be {asked[name]} and {kind} at the same time")
    return asked


def _as_asked(series: pl.Series, kind: Kind) -> Column:
    if kind is Kind.drop:
        return Column(series.name, kind, "left out: as asked")
    if kind is Kind.categorical:
        if series.dtype.is_nested():
            raise DataError(f"column {series.name!r}: expected categories, found values of type {series.dtype}")
        return Column(series.name, kind, f"as asked, {_levels(parse_levels(series).n_unique())}")
    _, unreadable = parse_numbers(series)
    if unreadable.any():
        row, value = first_where(series, unreadable)
        raise DataError(
            f"column {series.name!r} was asked to be numeric: expected a number, found {value!r} in row {row}",
            "correct the value or leave it empty, or use the column as categorical",
        )
    return Column(series.name, kind, "as asked")


_NAME_EITHER = "name it as numeric (--numeric) or categorical (--categorical)"


def _classify(series: pl.Series) -> tuple[Column, str]:
    """The column, and what to do if it is to be used otherwise; empty where the choice is beyond doubt."""
    kind = series.dtype
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        return _left_out(series, f"values of type {kind}"), "give it one value in each cell"
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return _classify_text(series.cast(pl.String))
    present = series.fill_nan(None).drop_nulls() if kind.is_float() else series.drop_nulls()
    missing = len(series) - len(present)
    trivial = _trivial(series, present, missing)
    if trivial is not None:
        return trivial, ""
    if kind.is_integer():
        return _classify_integers(series, "whole numbers", missing)
    if kind == pl.Boolean:
        found = Kind.boolean, "true or false"
    elif kind in (pl.Date, pl.Datetime):
        found = Kind.date, "date" if kind == pl.Date else "date and time"
    else:
        found = Kind.numeric, _spoken(kind)
    return Column(series.name, found[0], found[1] + _missing(missing)), ""


def _trivial(series: pl.Series, present: pl.Series, missing: int) -> Column | None:
    if present.is_empty():
        return _left_out(series, "every value is missing")
    if not missing and present.n_unique() == 1:
        return _left_out(series, f"constant, every value is {present[0]!r}")
    return None


def _classify_integers(series: pl.Series, what: str, missing: int) -> tuple[Column, str]:
    """An identifier is another one in nearly every row and named like one, or counts the rows from 0 or 1."""
    m, distinct = len(series), series.n_unique()
    if not missing and m >= ENOUGH_ROWS and distinct > NEARLY_ALL * m:
        if distinct == m and series[0] in (0, 1) and (series.diff().drop_nulls() == 1).all():
            return _left_out(series, "counts the rows"), _NAME_EITHER
        if _ID_WORD.search(series.name.strip().lower()) or _ID_CAMEL.search(series.name.strip()):
            return _left_out(series, f"{distinct} of {m} values are distinct, looks like an identifier"), _NAME_EITHER
    return Column(series.name, Kind.numeric, what + _missing(missing)), ""


def _classify_text(series: pl.Series) -> tuple[Column, str]:
    levels = parse_levels(series)
    present = levels.drop_nulls()
    missing = levels.null_count()
    trivial = _trivial(series, present, missing)
    if trivial is not None:
        return trivial, ""
    distinct = present.unique()
    if len(distinct) == 2 and is_truth_pair(distinct):
        pair = " or ".join(sorted(distinct))
        return Column(series.name, Kind.boolean, pair + _missing(missing)), ""
    numbers, unreadable = parse_numbers(series)
    if not unreadable.any():
        whole = (numbers.drop_nulls() % 1 == 0).all()
        if whole:
            return _classify_integers(numbers, "numbers written as text", numbers.null_count())
        return Column(series.name, Kind.numeric, "numbers written as text" + _missing(numbers.null_count())), ""
    formats = find_formats(series)
    if len(formats) == 1:
        why = f"dates written {describe_format(formats[0])}{_missing(missing)}"
        return Column(series.name, Kind.date, why, formats[0]), ""
    return _classify_levels(series, present, unreadable, formats)


def _classify_levels(
    series: pl.Series, present: pl.Series, unreadable: pl.Series, formats: list[str]
) -> tuple[Column, str]:
    """Text that is neither numbers, truth values nor dates: levels, an identifier, or prose."""
    n_levels, n_present = present.n_unique(), len(present)
    if n_levels > FEW_LEVELS:
        why, remedy = odd_writing(series, present, unreadable, formats)
        if why:
            return _left_out(series, why), remedy
    if n_present >= ENOUGH_ROWS and n_levels > NEARLY_ALL * n_present:
        why = f"{n_levels} of {n_present} values are distinct, looks like an identifier"
        return _left_out(series, why), NAME_LEVELS
    if n_levels > MOST_LEVELS and n_levels * 5 > n_present:
        return _left_out(series, f"free text, {n_levels} different values in {n_present} rows"), NAME_LEVELS
    why = f"text with {_levels(n_levels)}{_missing(len(series) - n_present)}"
    return Column(series.name, Kind.categorical, why), ""


def _left_out(series: pl.Series, why: str) -> Column:
    return Column(series.name, Kind.drop, f"left out: {why}")


def _spoken(kind: pl.DataType) -> str:
    if kind.is_float() or kind.is_decimal():
        return "float"
    return {pl.Duration: "duration in seconds", pl.Time: "time of day in seconds"}.get(kind.base_type(), str(kind))


def _levels(count: int) -> str:
    return f"{count} level" + "s" * (count != 1)


def _missing(count: int) -> str:
    return f", {count} missing" if count else ""
