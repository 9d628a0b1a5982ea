"""The column to be predicted: which task it sets, and its values as the network learns them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.errors import DataError, InvalidOption
from deltarule.tabular.dates import has_dates
from deltarule.tabular.odd_numbers import refuse_odd_numbers
from deltarule.tabular.rows import first_where
from deltarule.tabular.values import clean_text, parse_levels, parse_numbers, require_finite
from deltarule.tabular.wording import near_matches

TaskKind = Literal["regression", "binary", "multiclass"]

MOST_CLASSES = 20
"""Whole numbers with at most this many distinct values are taken for classes, five rows a class provided."""


@dataclass(frozen=True)
class Task:
    """What is to be learned, and how that was found out.

    Attributes
    ----------
    kind : {"regression", "binary", "multiclass"}
    why : str
        For people: ``"text with 3 classes"``, ``"as asked"``.
    """

    kind: TaskKind
    why: str

    @property
    def is_classification(self) -> bool:
        """Whether the target is one of several classes."""
        return self.kind != "regression"

    def __str__(self) -> str:
        return self.kind


def rows_with_target(frame: pl.DataFrame, target: str) -> Array:
    """The rows that have a target: nothing can be learned from the others.

    Parameters
    ----------
    frame : polars.DataFrame
        ``m`` rows.
    target : str
        The column to be predicted.

    Returns
    -------
    ndarray of int64
        Ascending, counted from 0; as `rows_of` takes them.

    Raises
    ------
    DataError
        The column is not there, or is missing in every row.
    """
    if target not in frame.columns:
        raise DataError(f"the target column {target!r} is not in the table", near_matches(target, frame.columns))
    present = _settled(frame[target]).is_not_null().arg_true()
    if present.is_empty():
        raise DataError(f"target {target!r}: expected values to learn from, found {len(frame)} rows without one")
    return present.to_numpy().astype(np.int64)


def find_task(series: pl.Series, *, task: str = "auto") -> Task:
    """Find out what a target asks for.

    Text, truth values and two distinct numbers are classes; so are whole numbers with at most 20 distinct values and
    at least five rows for each. All other numbers are a regression.

    Parameters
    ----------
    series : polars.Series
        The target, ``m`` values; missing ones are passed over.
    task : {"auto", "regression", "binary", "multiclass"}
        ``"auto"`` finds out, the others are checked against the values.

    Returns
    -------
    Task

    Raises
    ------
    InvalidOption
        An unknown `task`.
    DataError
        No or only one value, text or infinity for a regression, a class for nearly every row, not two classes
        for a binary task.
    """
    if task not in ("auto", *get_args(TaskKind)):
        raise InvalidOption(f"expected task to be auto, {', '.join(get_args(TaskKind))}, found {task!r}")
    settled = _settled(series)
    values = settled.drop_nulls()
    if values.is_empty():
        raise DataError(f"target {series.name!r}: expected values to learn from, found none")
    if values.dtype.is_temporal():
        raise DataError(
            f"target {series.name!r}: expected numbers or classes, found values of type {values.dtype}",
            "turn them into numbers, such as days since a date",
        )
    if settled.dtype == pl.Float64:
        require_finite(settled)
    if task == "auto" and series.dtype == values.dtype == pl.String:
        asked = "ask for classes (binary, multiclass)"
        refuse_odd_numbers(series, values, f"target {series.name!r}", "classes", asked)
        if has_dates(values):
            raise DataError(
                f"target {series.name!r}: expected numbers or classes, found dates, such as {values[0]!r}",
                f"turn them into numbers, such as days since a date, or {asked}",
            )
    found = _found(values) if task == "auto" else Task(cast(TaskKind, task), "as asked")
    if found.is_classification:
        _check_classes(series, values, found)
    else:
        _check_numbers(series, values)
    return found


def encode_target(
    series: pl.Series, task: Task | str, classes: list[str] | None = None
) -> tuple[Array, list[str] | None]:
    """The target as numbers.

    Parameters
    ----------
    series : polars.Series
        ``m`` values, none of them missing (see `rows_with_target`).
    task : Task or str
    classes : list of str, optional
        The classes of a trained model, for its order and its check; found in the values by default.

    Returns
    -------
    y : ndarray, shape (m,)
        float64 for a regression, else int64, the index of the class.
    classes : list of str or None
        Names of the classes, numbers in their order and text in that of the alphabet; None for a regression.

    Raises
    ------
    DataError
        A missing value, text or infinity in a regression, or a class that is not among `classes`.
    """
    values = _settled(series)
    if values.has_nulls():
        row, _ = first_where(values, values.is_null())
        raise DataError(f"target {series.name!r}: expected a value in each row, found none in row {row}")
    if str(task) == "regression":
        _check_numbers(series, values, varied=False)
        return parse_numbers(values)[0].to_numpy().astype(np.float64), None
    keys = parse_levels(values)
    classes = _class_names(values, keys) if classes is None else classes
    known = parse_levels(pl.Series(classes, dtype=pl.String))
    codes = keys.replace_strict(known, pl.Series(range(len(classes))), default=None, return_dtype=pl.Int64)
    if (foreign := codes.is_null()).any():
        row, value = first_where(series, foreign)
        listed = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
        raise DataError(f"target {series.name!r}: expected one of the classes {listed}, found {value!r} in row {row}")
    return codes.to_numpy().astype(np.int64), classes


def _class_names(values: pl.Series, keys: pl.Series) -> list[str]:
    """One name a class, numbers in their order, text as it is spelled in the table."""
    if values.dtype != pl.String:
        return sorted(keys.unique().to_list(), key=str if values.dtype == pl.Boolean else float)
    spelled = pl.DataFrame({"key": keys, "name": clean_text(values)})
    return spelled.group_by("key").agg(pl.col("name").min())["name"].sort().to_list()


def _settled(series: pl.Series) -> pl.Series:
    """Numbers as Int64 or Float64 even when written as text, all else as it is; missing is null."""
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        raise DataError(f"target {series.name!r}: expected numbers or classes, found values of type {series.dtype}")
    if series.dtype == pl.Boolean or series.dtype.is_temporal() or series.dtype.is_integer():
        return series
    numbers, unreadable = parse_numbers(series)
    return clean_text(series.cast(pl.String)) if unreadable.any() else numbers


def _found(values: pl.Series) -> Task:
    k = parse_levels(values).n_unique() if values.dtype == pl.String else values.n_unique()
    if values.dtype in (pl.String, pl.Boolean):
        what = "text" if values.dtype == pl.String else "true or false"
        return Task("binary" if k == 2 else "multiclass", f"{what}, {k} classes")
    if k == 2:
        return Task("binary", "numbers with 2 distinct values")
    whole = values.dtype.is_integer() or bool((values % 1 == 0).all())
    if whole and k <= MOST_CLASSES and k * 5 <= len(values):
        return Task("multiclass", f"whole numbers with {k} distinct values in {len(values)} rows")
    what = "whole numbers" if whole else "floats"
    return Task("regression", f"{what} with {k} distinct values in {len(values)} rows")


def _check_classes(series: pl.Series, values: pl.Series, task: Task) -> None:
    levels = parse_levels(values)
    k, m = levels.n_unique(), len(levels)
    if k == 1:
        raise DataError(
            f"target {series.name!r}: expected at least two classes, found only {levels[0]!r}",
            "choose another target, or a table that holds the other class too",
        )
    if k > m / 2:
        if values.dtype == pl.String and parse_numbers(values)[1].sum() * 2 < m:
            _check_numbers(series, values)
        raise DataError(
            f"target {series.name!r}: expected classes that repeat, found {k} classes in {m} rows",
            "choose another target" + ("" if values.dtype == pl.String else ", or ask for a regression"),
        )
    if task.kind == "binary" and k != 2:
        raise DataError(
            f"target {series.name!r}: expected two classes for a binary task, found {k}", "ask for multiclass"
        )


def _check_numbers(series: pl.Series, values: pl.Series, *, varied: bool = True) -> None:
    numbers, unreadable = parse_numbers(values)
    if unreadable.any():
        row, value = first_where(series, parse_numbers(series)[1])
        raise DataError(
            f"target {series.name!r}: expected numbers for a regression, found {value!r} in row {row}",
            "correct the value" + (", or ask for classes (binary, multiclass)" if varied else " or leave it empty"),
        )
    require_finite(numbers)
    if varied and numbers.n_unique() == 1:
        raise DataError(
            f"target {series.name!r}: expected values that differ, found {numbers[0]!r} in every row",
            "choose another target",
        )
