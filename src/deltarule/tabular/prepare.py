"""Everything between a table and the first step of training: rows, columns, split, scaling, target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.equations import LOSSES
from deltarule.errors import DataError
from deltarule.tabular.columns import Column, find_columns
from deltarule.tabular.options import Options
from deltarule.tabular.outcome import Outcome
from deltarule.tabular.preprocessing import Preprocessing
from deltarule.tabular.recipe import Decision, Recipe, choose_model, make_recipe
from deltarule.tabular.scaling import SCALES
from deltarule.tabular.split import MINIMUM_ROWS, split_rows
from deltarule.tabular.target import Task, drop_missing_target, encode_target, find_task
from deltarule.tabular.values import first_where, parse_numbers

_SCALES = {
    "standard": "minus the mean, divided by the standard deviation of the training rows",
    "robust": "minus the median, divided by the interquartile range of the training rows",
    "none": "numbers as they are",
}
assert set(_SCALES) == set(SCALES)


@dataclass(frozen=True)
class Part:
    """Rows for one purpose: `X` (m, n_x), the encoded target `y` (m,), and weights `w` (m,) or None."""

    X: Array
    y: Array
    w: Array | None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Prepared:
    """A table made ready, and an untrained estimator that fits it.

    Attributes
    ----------
    options : Options
    task : Task
    columns : tuple of Column
        Every column but target and weights, with the reason for its use.
    preprocessing : Preprocessing
    outcome : Outcome
    recipe : Recipe
    train, valid, test : Part
    rows : dict
        Purpose -> number of rows.
    decisions : tuple of Decision
        Every choice, in the order in which it was made.
    """

    options: Options
    task: Task
    columns: tuple[Column, ...]
    preprocessing: Preprocessing
    outcome: Outcome
    recipe: Recipe
    train: Part
    valid: Part
    test: Part
    rows: dict[str, int]
    decisions: tuple[Decision, ...]


def prepare(frame: pl.DataFrame, target: str, options: Options) -> Prepared:
    """Make a table ready for training.

    Parameters
    ----------
    frame : polars.DataFrame
    target : str
        The column to be predicted.
    options : Options

    Returns
    -------
    Prepared

    Raises
    ------
    DataError, InvalidOption
        For a table that cannot be learned from, or options that do not fit it.

    Warns
    -----
    DeltaruleWarning
        Columns left out that might have been meant to be used; classes too small to be split.
    """
    n_read = len(frame)
    frame, without_target = drop_missing_target(frame, target)
    if len(frame) < MINIMUM_ROWS:
        raise DataError(f"expected at least {MINIMUM_ROWS} rows with a target, found {len(frame)}", "add rows")
    columns = find_columns(
        frame,
        target,
        drop=options.drop,
        categorical=options.categorical,
        numeric=options.numeric,
        weights=options.weights,
    )
    frame, w, without_weight = _take_weights(frame, options.weights)
    task = _find_task(frame[target], options)
    choose_model(options, task)  # a model that cannot learn the task is refused before the work is done
    y, classes = encode_target(frame[target], task)
    numbers = split_rows(y, task, fractions=options.split, seed=options.seed)
    preprocessing = Preprocessing.fit(frame[numbers[0]], columns, scale=options.scale)  # type: ignore[arg-type]
    recipe = make_recipe(
        options, task, len(numbers[0]), len(numbers[1]), len(preprocessing.feature_names), len(classes or ())
    )
    dtype = np.float32 if recipe.model == "mlp" else np.float64  # the convex ones are solved to the last digits
    train, valid, test = (_part(frame, y, w, rows, preprocessing, dtype) for rows in numbers)
    shift = task.is_classification or LOSSES.choose(_loss(options)).targets == "(-inf, inf)"
    outcome = Outcome.fit(frame[target], task, classes, train.y, train.w, shift=shift)
    rows = {
        "read": n_read,
        "without target": without_target,
        "without weight": without_weight,
        "training": len(train),
        "validation": len(valid),
        "test": len(test),
    }
    decisions = (
        Decision("task", str(task), task.why),
        *_split_decisions(options, task, rows),
        Decision("scaling", options.scale, _SCALES[options.scale]),
        *recipe.decisions,
        Decision("seed", str(options.seed), "the same seed gives the same model"),
    )
    return Prepared(options, task, tuple(columns), preprocessing, outcome, recipe, train, valid, test, rows, decisions)


def _loss(options: Options) -> str:
    return "squared_error" if options.loss in ("auto", "log_loss") else options.loss


def _find_task(series: pl.Series, options: Options) -> Task:
    """The task; a linear model asks for a regression wherever the target can be one."""
    if options.task == "auto" and options.model == "linear":
        return Task(find_task(series, task="regression").kind, "the linear model was asked for")
    return find_task(series, task=options.task)


def _part(
    frame: pl.DataFrame, y: Array, w: Array | None, rows: Array, preprocessing: Preprocessing, dtype: Any
) -> Part:
    # rare values that the training rows lack are taken as anything unseen; their row numbers would say nothing here
    X = preprocessing.transform(frame[rows], dtype, notes=[])
    return Part(X, y[rows], None if w is None else w[rows])


def _take_weights(frame: pl.DataFrame, name: str | None) -> tuple[pl.DataFrame, Array | None, int]:
    """The rows with a positive weight, the weights, and how many rows had a weight of zero."""
    if name is None:
        return frame, None, 0
    w = read_weights(frame[name])
    present = w > 0
    if not present.any():
        raise DataError(f"weights {name!r}: expected at least one positive weight, found none")
    return frame.filter(pl.Series(present)), w[present], int((~present).sum())


def read_weights(series: pl.Series) -> Array:
    """Sample weights (m,), float64, finite and not negative, brought to a mean of 1.

    Raises
    ------
    DataError
        Names the first value that is no weight, and its row.
    """
    numbers, _ = parse_numbers(series)
    wrong = numbers.is_null() | ~numbers.is_finite().fill_null(False) | (numbers < 0).fill_null(False)
    if wrong.any():
        row, value = first_where(series, wrong)
        found = "nothing" if value is None else repr(value)
        raise DataError(
            f"weights {series.name!r}: expected a finite number from 0 in each row, found {found} in row {row}",
            "correct the value, or write 0 to leave the row out",
        )
    w = numbers.to_numpy().astype(np.float64)
    largest = float(w.max(initial=0.0))
    return w if largest == 0 else w / largest / np.mean(w / largest)


def _split_decisions(options: Options, task: Task, rows: dict[str, int]) -> list[Decision]:
    how = "each class by itself" if task.is_classification else "at random"
    shares = ", ".join(f"{100 * share:g} %" for share in options.split)
    found = [
        Decision(
            "split",
            f"{rows['training']:,} training, {rows['validation']:,} validation, {rows['test']:,} test",
            f"{shares} of the rows, {how}",
        )
    ]
    for name in ("without target", "without weight"):
        if rows[name]:
            reason = "the target is missing there" if name == "without target" else "their weight is zero"
            found.append(Decision("rows left out", f"{rows[name]:,} of {rows['read']:,}", reason))
    return found
