"""What the values of a column mean: which text is a missing value, a number, a truth value, a category.

Every other module of this room asks here, so that a value means the same when a table is read, when a model
is trained and when it predicts, whatever the format of the file.

A value that says "missing"
    In every column: an empty field, ``NA N/A n/a #N/A <NA> NaN nan NAN null NULL Null ?`` and a float NaN.
    Only among numbers: ``None none - -- . na n.a. N.A. missing Missing unknown Unknown``. In a column of text these
    can be real levels ("None" is a grade of damage, "." a code), so there they stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from deltarule.errors import DataError, DeltaruleWarning, warn
from deltarule.tabular.rows import first_where

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "?")
MISSING_AMONG_NUMBERS = (
    *MISSING,
    "None",
    "none",
    "-",
    "--",
    ".",
    "na",
    "n.a.",
    "N.A.",
    "missing",
    "Missing",
    "unknown",
    "Unknown",
)

TRUTH_PAIRS = (("no", "yes"), ("false", "true"), ("f", "t"), ("n", "y"), ("off", "on"), ("0", "1"))
_FALSE = [pair[0] for pair in TRUTH_PAIRS]
_TRUE = [pair[1] for pair in TRUTH_PAIRS]

_THOUSANDS = r"^[-+]?[1-9][0-9]{0,2}([.,][0-9]{3})+$"
"""How numbers are written whose thousands have marks."""

_FEW, _DISTINGUISHED = 20, 2.0**53
"""Distinct numbers that may be codes, and the size from which double precision does not tell whole numbers apart."""
_CODE = r"^\s*[0-9]+([.,][0-9]*[1-9][0-9]*)?([eE][0-9]+)?\s*$"
"""A number that may be a code or a version: ``1.10``, ``1E5``; not ``2.0``."""

_SAMPLE = 2000
"""Values looked at first: a column whose beginning holds no number at all is not parsed to its end."""


def clean_text(series: pl.Series) -> pl.Series:
    """Text without surrounding white space, the words that mean "missing" turned to null.

    Parameters
    ----------
    series : polars.Series
        Values of type String.

    Returns
    -------
    polars.Series
        The same length and name.
    """
    stripped = series.str.strip_chars()
    return stripped.set(stripped.is_in(list(MISSING)), None)


def settle(frame: pl.DataFrame) -> pl.DataFrame:
    """Bring the types a file can hold down to those this room works with.

    Categories become text, decimals become floats, NaN becomes null. Columns of lists, structures or raw bytes are left
    out, with a warning: a network needs one value in a cell.
    """
    columns = []
    for series in frame.get_columns():
        kind = series.dtype
        if kind.is_nested() or kind in (pl.Binary, pl.Object):
            warn(
                f"column {series.name!r} is left out: its values are of type {kind}, not one number or text in a cell",
                DeltaruleWarning,
            )
        else:
            columns.append(plain_type(series))
    return pl.DataFrame(columns)


def plain_type(series: pl.Series) -> pl.Series:
    """Categories as text, decimals as floats, NaN as null; the other types as they are."""
    kind = series.dtype
    if kind in (pl.Categorical, pl.Enum):
        return series.cast(pl.String)
    if kind.is_decimal():
        return series.cast(pl.Float64)
    if kind.is_float():
        return series.fill_nan(None) if series.is_nan().any() else series
    return series


def parse_numbers(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read a column of any type as numbers.

    Parameters
    ----------
    series : polars.Series
        ``m`` values. Text is stripped first; durations count in seconds, times in seconds since midnight.

    Returns
    -------
    numbers : polars.Series
        Float64, null where a value is missing or is no number; infinities are kept.
    unreadable : polars.Series
        Boolean, true where a value is present and is no number.
    """
    plain = plain_type(series)
    kind = plain.dtype
    if kind == pl.String:
        stripped = plain.str.strip_chars()
        absent = stripped.is_in(list(MISSING_AMONG_NUMBERS)).fill_null(True)
        numbers = stripped.set(absent, None).cast(pl.Float64, strict=False).fill_nan(None)
        return numbers, numbers.is_null() & ~absent
    if kind == pl.Duration:
        numbers = plain.dt.total_microseconds().cast(pl.Float64) / 1e6
    elif kind == pl.Time:
        numbers = plain.cast(pl.Int64).cast(pl.Float64) / 1e9
    elif kind.is_numeric() or kind in (pl.Boolean, pl.Null):
        numbers = plain.cast(pl.Float64)
    else:
        numbers = pl.Series(series.name, [None], dtype=pl.Float64).new_from_index(0, len(series))
    return numbers, numbers.is_null() & plain.is_not_null()


def has_decimal_commas(fields: pl.DataFrame) -> bool:
    """Whether the values of some column are surely numbers with a decimal comma, such as ``0,5``: no thousands are."""
    for field in fields.get_columns():
        present = field.head(_SAMPLE).str.strip_chars()
        present = present.filter(~present.is_in(list(MISSING_AMONG_NUMBERS)))
        if present.str.contains(r"^[-+]?[0-9]*(,[0-9]+)?$").all():
            marked = present.filter(present.str.contains(",", literal=True))
            if not marked.str.contains(_THOUSANDS).all():
                return True
    return False


def infer_type(series: pl.Series, *, decimals: str = ".") -> pl.Series:
    """Give a text column of a file its type: whole numbers, floats, or text; every value is looked at.

    Parameters
    ----------
    series : polars.Series
        Values of type String, as they stand in the file.
    decimals : {".", ".,", ","}
        What may mark decimals: a point; either, as in files separated by semicolons; the comma, which other columns of
        the file have. Columns with points and commas stay text; a warning tells of marks that are, or may be, those of
        thousands, and of values that are the same number, but may be codes.

    Returns
    -------
    polars.Series
        Int64, Float64, or String with missing values as null.
    """
    for candidate in (series,) if decimals == "." else _readings(series, decimals):
        if len(candidate) > _SAMPLE and parse_numbers(candidate.head(_SAMPLE))[1].all():
            continue
        numbers, unreadable = parse_numbers(candidate)
        if unreadable.any() or numbers.null_count() == len(numbers):
            continue
        whole = candidate.str.strip_chars().cast(pl.Int64, strict=False)
        is_whole = whole.null_count() == numbers.null_count()
        _tell_of_same_numbers(series, numbers, is_whole=is_whole)
        return whole if is_whole else numbers
    return clean_text(series)


def _tell_of_same_numbers(series: pl.Series, numbers: pl.Series, *, is_whole: bool) -> None:
    """Warn of values that are the same number, but may be codes: ``007`` and ``7``, ``1.10`` and ``1.1``, long ones."""
    if is_whole:
        codes = series.str.contains(r"^\s*0[0-9]")
        others = numbers.is_in(numbers.filter(codes).implode()) if codes.any() else codes
    elif numbers.head(_SAMPLE).n_unique() <= _FEW and numbers.n_unique() < min(series.n_unique(), _FEW + 1):
        others = series.str.contains(_CODE)
    elif numbers.abs().max() >= _DISTINGUISHED:  # type: ignore[operator]  # there are numbers
        others = numbers.abs() >= _DISTINGUISHED
    else:
        return
    texts = pl.DataFrame({"text": series.str.strip_chars(), "number": numbers}).filter(others).drop_nulls().unique()
    twins = texts.filter(texts["number"].is_duplicated()).sort("number", "text")
    if len(twins):
        warn(
            f"column {series.name!r}: {twins['text'][0]!r} and {twins['text'][1]!r} are read as the same number; if "
            "they are codes, write a letter before each",
            DeltaruleWarning,
        )


def _readings(series: pl.Series, decimals: str) -> tuple[pl.Series, ...]:
    """A column as it is, with points for commas, or without points that mark thousands; none where both stand in it."""
    present = series.drop_nulls().str.strip_chars()
    present = present.filter(~present.is_in(list(MISSING_AMONG_NUMBERS)))
    points, commas = (present.str.contains(mark, literal=True).any() for mark in ".,")
    if points and commas:
        return ()
    pointed = present.filter(present.str.contains(".", literal=True))
    if points and decimals == "," and pointed.str.contains(_THOUSANDS).all():
        warn(
            f"column {series.name!r}: {pointed[0]!r} is read as {pointed[0].replace('.', '')}, as other columns have "
            "decimal commas",
            DeltaruleWarning,
        )
        return (series.str.replace_all(".", "", literal=True),)
    if decimals == ".,":
        _tell_of_thousands(present)
    return (series.str.replace(",", ".", literal=True),) if commas else (series,)


def _tell_of_thousands(present: pl.Series) -> None:
    """Warn of marks that are read as decimals, but stand only where thousands have them."""
    marked = present.filter(present.str.contains("[.,]"))
    unmarked = present.str.contains(r"^[-+]?[0-9]{4,}$").any()  # a thousand without its mark: others mark decimals
    if len(marked) and marked.str.contains(_THOUSANDS).all() and not unmarked:
        warn(
            f"column {present.name!r}: {marked[0]!r} is read as {marked[0].replace(',', '.')}, though all such values "
            "have three decimals: if the mark is that of thousands, leave it out",
            DeltaruleWarning,
        )


def parse_levels(series: pl.Series) -> pl.Series:
    """Read a column of any type as category names; the same category has the same name in every type.

    ``1``, ``1.0`` and the texts "1", "01" and "1.0" are all the level "1"; ``0.5`` and the texts ".50" and "+0.5" are
    "0.5"; true and "True" are "true".

    Parameters
    ----------
    series : polars.Series
        ``m`` values.

    Returns
    -------
    polars.Series
        String, null where missing.
    """
    plain = plain_type(series)
    distinct = plain.unique()
    text = clean_text(distinct.cast(pl.String))
    text = text.str.replace(r"^\+?(-?)0*(\d+)(?:\.0*)?$", "${1}${2}").str.replace("^-0$", "0")
    text = text.str.replace(r"^\+?(-?)0*(\d+\.\d*[1-9])0*$", "${1}${2}")
    text = text.str.replace(r"^\+?(-?)(\.\d*[1-9])0*$", "${1}0${2}")
    lower = text.str.to_lowercase()
    text = lower.zip_with(lower.is_in(["true", "false"]), text)
    return plain.replace_strict(distinct, text, return_dtype=pl.String).cast(pl.String)  # which no rows would stay


def parse_truth(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read a column of any type as truth values.

    Parameters
    ----------
    series : polars.Series
        ``m`` values: booleans, 0 and 1, or the words yes/no, true/false, t/f, y/n, on/off in any case.

    Returns
    -------
    truth : polars.Series
        Boolean, null where a value is missing or is no truth value.
    unreadable : polars.Series
        Boolean, true where a value is present and is no truth value.
    """
    if series.dtype == pl.Boolean:
        return series, series.is_null() & False
    levels = parse_levels(series)
    words = levels.str.to_lowercase()
    truth = words.replace_strict(
        [*_FALSE, *_TRUE], [False] * len(_FALSE) + [True] * len(_TRUE), default=None, return_dtype=pl.Boolean
    )
    return truth, truth.is_null() & levels.is_not_null()


def is_truth_pair(levels: Iterable[str]) -> bool:
    """Whether the two levels of a column are the two sides of one question, such as "Yes" and "no"."""
    found = {level.lower() for level in levels}
    return any(found == set(pair) for pair in TRUTH_PAIRS)


def case_twins(series: pl.Series) -> list[str]:
    """One line for people if levels of a column differ only in case; they stay what they are."""
    levels = parse_levels(series).drop_nulls().unique().sort()
    again = levels.filter(levels.str.to_lowercase().is_duplicated())
    if again.is_empty():
        return []
    listed = ", ".join(map(repr, again.head(6))) + (", ..." if len(again) > 6 else "")
    return [f"column {series.name!r}: levels that differ only in case are different ones: {listed}"]


def require_finite(numbers: pl.Series) -> None:
    """Refuse a column that holds infinite values.

    Parameters
    ----------
    numbers : polars.Series
        Float64.

    Raises
    ------
    DataError
        Names the column, how many there are and the row of the first.
    """
    infinite = numbers.is_infinite()
    if infinite.any():
        row, _ = first_where(numbers, infinite.fill_null(False))
        raise DataError(
            f"column {numbers.name!r}: expected finite numbers, found {infinite.sum()} infinite (first in row {row})",
            "replace them, leave them empty, or drop the column",
        )
