"""From a table to the one or two features and the target of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ..arrays import Array
from ..errors import DataError, InvalidOption
from ..tabular import encode_target, find_task, rows_with_target
from ..tabular.rows import first_where
from ..tabular.values import parse_numbers, require_finite
from ..tabular.wording import count, near_matches

MOST_ROWS = 20_000
"""Of more, so many are taken evenly: the cost is computed at thousands of points."""


@dataclass(frozen=True)
class Problem:
    """What a picture is drawn of.

    Attributes
    ----------
    X : (m, 1) or (m, 2), float64
    y : (m,), float64
        Numbers, or 0 and 1.
    model : {"linear", "logistic"}
    features : tuple of str
    target : str
    classes : tuple of str
        What 0 and 1 stand for.
    notes : tuple of str
        What was chosen or left out.
    """

    X: Array
    y: Array
    model: str
    features: tuple[str, ...]
    target: str
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def read_problem(frame: pl.DataFrame, target: str, features: Sequence[str] = (), model: str = "auto") -> Problem:
    """One or two numeric columns and the target, without the rows that lack a value.

    Parameters
    ----------
    frame : polars.DataFrame
    target : str
    features : sequence of str
        By default the numeric column that goes along with the target most closely.
    model : {"auto", "linear", "logistic"}
        "auto" is logistic for two classes, else linear.

    Raises
    ------
    DataError
        A column that is not there, holds text or does not vary, or a target of several classes.
    InvalidOption
    """
    if model not in ("auto", "linear", "logistic"):
        raise InvalidOption(f"expected --model auto, linear or logistic, found {model!r}")
    if len(features) > 2:
        raise InvalidOption(f"expected one or two features, found {len(features)}: {', '.join(features)}")
    present = frame[rows_with_target(frame, target).tolist()]
    notes = []
    if len(present) < len(frame):
        notes.append(f"{count(len(frame) - len(present), 'row')} without a target left out")
    task = find_task(present[target], task="regression" if model == "linear" else "auto")
    if task.kind == "multiclass" or (model == "logistic" and task.kind == "regression"):
        wanted = "two classes" if model == "logistic" else "a number or two classes"
        found = "numbers" if task.kind == "regression" else f"{present[target].n_unique()} classes"
        hint = "choose another target" if task.kind == "regression" else "keep the rows of two of them"
        numbers = "" if model == "logistic" else "; for numbers, --model linear"
        raise DataError(f"target {target!r}: expected {wanted}, found {found}", hint + numbers)
    y, classes = encode_target(present[target], task)
    chosen = tuple(features) or _closest(present, target, y, notes)
    columns = [_numbers(present, name, target) for name in chosen]
    complete = ~np.isnan(columns).any(axis=0)
    if not complete.all():
        notes.append(f"{count(int((~complete).sum()), 'row')} with a missing value left out")
    X, y = np.column_stack(columns)[complete], y[complete].astype(np.float64)
    _check_values(X, y, chosen, target, classes)
    if len(X) > MOST_ROWS:
        notes.append(f"{MOST_ROWS:,} of {len(X):,} rows are taken, evenly")
        some = np.linspace(0, len(X) - 1, MOST_ROWS).astype(int)
        X, y = X[some], y[some]
    kind = "logistic" if classes is not None else "linear"
    return Problem(X, y, kind, chosen, target, tuple(map(str, classes or ())), tuple(notes))


def _numbers(frame: pl.DataFrame, name: str, target: str) -> Array:
    """A column as numbers (m,), NaN where missing."""
    if name == target:
        raise InvalidOption(f"expected features other than the target, found {name!r}")
    if name not in frame.columns:
        raise DataError(f"expected the column {name!r}, found no such column", near_matches(name, frame.columns))
    numbers, unreadable = parse_numbers(frame[name])
    if unreadable.any():
        row, value = first_where(frame[name], unreadable)
        raise DataError(f"column {name!r}: expected numbers, found {value!r} in row {row}", "choose another feature")
    require_finite(numbers)
    found: Array = numbers.to_numpy().astype(np.float64)
    return found


def _closest(frame: pl.DataFrame, target: str, y: Array, notes: list[str]) -> tuple[str, ...]:
    """The numeric column with the largest correlation with the target."""
    best, most, others = "", -1.0, 0
    for series in frame.get_columns():
        numbers, unreadable = parse_numbers(series)
        if series.name == target or unreadable.any() or numbers.null_count() == len(numbers):
            continue
        x = numbers.to_numpy().astype(np.float64)
        there = np.isfinite(x)
        if not there.any() or np.ptp(x[there]) == 0 or np.ptp(y[there]) == 0:
            continue
        others += 1
        with np.errstate(all="ignore"):
            size = np.abs(x[there]).max()
            closeness = abs(np.corrcoef(x[there] / size, y[there] / max(np.abs(y).max(), 1e-300))[0, 1])
        if closeness > most:
            best, most = series.name, float(closeness)
    if not best:
        raise DataError(f"expected a column of numbers beside {target!r}, found none that varies")
    if others > 1:
        notes.append(f"feature {best!r}: of {others} numeric columns it goes along with {target!r} most closely")
    return (best,)


def _check_values(X: Array, y: Array, features: Sequence[str], target: str, classes: list[str] | None) -> None:
    """Refuse what no cost can be drawn of."""
    if len(X) < 3:
        raise DataError(f"expected at least 3 rows with a value in each column, found {len(X)}")
    for name, column in zip(features, X.T, strict=True):
        if np.ptp(column) == 0:
            raise DataError(
                f"column {name!r}: expected values that vary, found only {column[0]:g}", "choose another feature"
            )
    if np.ptp(y) == 0:
        only = classes[int(y[0])] if classes else f"{y[0]:g}"
        raise DataError(
            f"target {target!r}: expected values that vary, found only {only} in the rows that are complete"
        )
    if not all(1e-140 < np.abs(column).max() < 1e140 for column in (*X.T, y)):
        raise DataError(
            "expected numbers that can be squared, found some beyond 1e140 or all below 1e-140", "rescale them"
        )
