"""Everything between a table and the first step of training: rows, columns, split, scaling, target."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.equations import LOSSES
from deltarule.errors import DataError, DeltaruleWarning, warn
from deltarule.tabular.choice import Decision, choose_model
from deltarule.tabular.columns import Column, Kind, check_roles, find_columns
from deltarule.tabular.dates import are_in_order, parse_dates
from deltarule.tabular.encoders import read_numbers
from deltarule.tabular.options import Options
from deltarule.tabular.outcome import Outcome
from deltarule.tabular.penalty import is_penalized
from deltarule.tabular.preprocessing import Preprocessing
from deltarule.tabular.recipe import Recipe, make_recipe
from deltarule.tabular.rows import first_where, rows_of
from deltarule.tabular.scaling import SCALES
from deltarule.tabular.split import MINIMUM_ROWS, split_rows
from deltarule.tabular.target import Task, encode_target, find_task, rows_with_target
from deltarule.tabular.values import case_twins, parse_numbers

if TYPE_CHECKING:
    from deltarule.tabular.formula import FormulaPreprocessing

_SCALES = {
    "standard": "minus the mean, divided by the standard deviation of the training rows",
    "robust": "minus the median, divided by the interquartile range of the training rows",
    "none": "numbers as they are",
}
assert set(_SCALES) == set(SCALES)

LEAST_WEIGHT, MOST_WEIGHT = 1e-100, 1e100


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
    frame : polars.DataFrame
        The table as it was read.
    options : Options
    task : Task
    columns : tuple of Column
        Every column but target and weights, with the reason for its use.
    preprocessing : Preprocessing or FormulaPreprocessing
    outcome : Outcome
    recipe : Recipe
    train, valid, test : Part
        Only a network has validation rows: nothing else is stopped by them.
    rows : dict
        Purpose -> number of rows.
    decisions : tuple of Decision
        Every choice, in the order in which it was made.
    """

    frame: pl.DataFrame
    options: Options
    task: Task
    columns: tuple[Column, ...]
    preprocessing: Preprocessing | FormulaPreprocessing
    outcome: Outcome
    recipe: Recipe
    train: Part
    valid: Part
    test: Part
    rows: dict[str, int]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class _Rows:
    """The rows to learn from: `used` are their positions in the table, ascending; weights `w` as long, or None."""

    used: Array
    w: Array | None
    counts: dict[str, int]


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
    present = rows_with_target(frame, target)
    if options.formula is not None:
        return _prepare_formula(frame, present, target, options)
    if len(present) < MINIMUM_ROWS:
        raise DataError(f"expected at least {MINIMUM_ROWS} rows with a target, found {len(present)}", "add rows")
    with rows_of(present):
        columns = find_columns(
            frame[present],
            target,
            drop=options.drop,
            categorical=options.categorical,
            numeric=options.numeric,
            weights=options.weights,
        )
    found = _find_rows(frame, present, options)
    with rows_of(found.used):
        return _prepare_rows(frame, found, tuple(columns), target, options)


def _prepare_formula(frame: pl.DataFrame, present: Array, target: str, options: Options) -> Prepared:
    """Make the rows ready that have all values of a formula."""
    from deltarule.tabular.expressions import write_out
    from deltarule.tabular.formula import complete_rows, formula_columns

    check_roles(frame, target, options.weights)
    right = write_out(str(options.formula), [x for x in frame.columns if x not in (target, options.weights)])
    options = dataclasses.replace(options, formula=right)
    with rows_of(present):
        columns = formula_columns(frame[present], target, options.weights, right)
        numbers, categories = ([c.name for c in columns if c.kind is kind] for kind in (Kind.numeric, Kind.categorical))
        complete = complete_rows(frame[present], numbers, categories)
    found = _find_rows(frame, present[complete], options)
    counts = found.counts | {"without target": len(frame) - len(present), "incomplete": int((~complete).sum())}
    if len(found.used) < MINIMUM_ROWS:
        raise DataError(f"expected at least {MINIMUM_ROWS} rows without missing values, found {len(found.used)}")
    with rows_of(found.used):
        return _prepare_rows(frame, _Rows(found.used, found.w, counts), tuple(columns), target, options)


def _find_rows(frame: pl.DataFrame, present: Array, options: Options) -> _Rows:
    """Leave out the rows without a weight."""
    counts = {"read": len(frame), "without target": len(frame) - len(present), "without weight": 0}
    if options.weights is None:
        return _Rows(present, None, counts)
    with rows_of(present):
        w = read_weights(frame[options.weights][present])
    positive = w > 0
    counts["without weight"] = int((~positive).sum())
    return _Rows(present[positive], w[positive], counts)


def _prepare_rows(
    table: pl.DataFrame, found: _Rows, columns: tuple[Column, ...], target: str, options: Options
) -> Prepared:
    """Split, scale and encode the rows to learn from."""
    frame = table[found.used]
    task = _find_task(frame[target], options)
    model, _ = choose_model(options, task)  # one that cannot learn the task is refused before the work is done
    y, classes = encode_target(frame[target], task)
    twins = case_twins(frame[target]) if classes else []
    if twins:
        warn(twins[0], DeltaruleWarning)
    _check_numbers(frame, columns)
    a, b, c = options.split
    shares = (a, b, c) if model == "mlp" else (a + b, 0.0, c)
    split = split_rows(y, task, fractions=shares, seed=options.seed)
    _tell_of_order(frame, columns, shares)
    with rows_of(split[0]):
        preprocessing = _fit_preprocessing(frame[split[0]], columns, model, options)
    n_features, n_classes = len(preprocessing.feature_names), len(classes or ())
    intercept = getattr(preprocessing, "intercept", True)
    recipe = make_recipe(options, task, len(split[0]), len(split[1]), n_features, n_classes, intercept=intercept)
    dtype = np.float32 if model == "mlp" else np.float64  # the convex ones are solved to the last digits
    train, valid, test = (_part(frame, y, found.w, rows, preprocessing, dtype) for rows in split)
    shift = task.is_classification or (intercept and LOSSES.choose(_loss(options)).targets == "(-inf, inf)")
    outcome = Outcome.fit(frame[target], task, classes, train.y, train.w, shift=shift)
    counts = found.counts | {"training": len(train), "validation": len(valid), "test": len(test)}
    decisions = (
        Decision("task", str(task), task.why),
        *_split_decisions(shares, task, model, counts),
        _how_columns_become_numbers(options),
        *recipe.decisions,
        Decision("seed", str(options.seed), "the same seed gives the same model"),
    )
    return Prepared(
        table, options, task, columns, preprocessing, outcome, recipe, train, valid, test, counts, decisions
    )


def _tell_of_order(frame: pl.DataFrame, columns: Iterable[Column], shares: Sequence[float]) -> None:
    """Rows of a test that lie among those of the training, in time, are easier than later ones."""
    if not shares[2]:
        return
    dates = (c for c in columns if c.kind is Kind.date)
    found = next((c.name for c in dates if are_in_order(parse_dates(frame[c.name], c.format))), None)
    if found is not None:
        warn(
            f"the rows are in the order of {found!r}, and split at random: figures are those of moments among "
            "others; for later ones train on the earlier rows, with --split 85,15,0, and evaluate on the later",
            DeltaruleWarning,
        )


def _fit_preprocessing(
    frame: pl.DataFrame, columns: Iterable[Column], model: str, options: Options
) -> Preprocessing | FormulaPreprocessing:
    """Learn from the training rows what the columns are as numbers."""
    if options.formula is not None:
        from deltarule.tabular.formula import FormulaPreprocessing

        return FormulaPreprocessing.fit(frame, options.formula)
    treatment = model != "mlp" and not is_penalized(options, model)
    return Preprocessing.fit(frame, columns, scale=options.scale, treatment=treatment)  # type: ignore[arg-type]


def _how_columns_become_numbers(options: Options) -> Decision:
    if options.formula is not None:
        return Decision("formula", options.formula, "as asked; its columns keep their units")
    return Decision("scaling", options.scale, _SCALES[options.scale])


def _check_numbers(frame: pl.DataFrame, columns: Iterable[Column]) -> None:
    """Refuse infinite values while all rows are at hand: the first one is then the first of the table."""
    for column in columns:
        if column.kind is Kind.numeric:
            read_numbers(frame[column.name])


def _loss(options: Options) -> str:
    return "squared_error" if options.loss in ("auto", "log_loss") else options.loss


def _find_task(series: pl.Series, options: Options) -> Task:
    """The task; a linear model asks for a regression wherever the target can be one."""
    if options.task == "auto" and options.model == "linear":
        return Task(find_task(series, task="regression").kind, "the linear model was asked for")
    return find_task(series, task=options.task)


def _part(
    frame: pl.DataFrame,
    y: Array,
    w: Array | None,
    rows: Array,
    preprocessing: Preprocessing | FormulaPreprocessing,
    dtype: Any,
) -> Part:
    with rows_of(rows):
        # rare values that the training rows lack are taken as anything unseen, which is no news here
        X = preprocessing.transform(frame[rows], dtype, notes=[])
    return Part(X, y[rows], None if w is None else w[rows])


def read_weights(series: pl.Series) -> Array:
    """Sample weights (m,), float64, not negative, of sizes whose squares and sums are finite.

    Raises
    ------
    DataError
        Names the first value that is no weight, and its row; or no weight is positive.
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
    if not w.any():
        raise DataError(f"weights {series.name!r}: expected at least one positive weight, found none")
    low, high = w[w > 0].min(), w.max()
    if low < LEAST_WEIGHT or high > MOST_WEIGHT:
        raise DataError(
            f"weights {series.name!r}: expected 0, or {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}, found {low:g} to {high:g}",
            "divide them by one of them",
        )
    return w


def _split_decisions(
    shares: tuple[float, float, float], task: Task, model: str, rows: dict[str, int]
) -> list[Decision]:
    names = [name for name in ("training", "validation", "test") if name != "validation" or model == "mlp"]
    kept = [share for share, name in zip(shares, ("training", "validation", "test"), strict=True) if name in names]
    how = "each class by itself" if task.is_classification else "at random"
    why = f"{', '.join(f'{100 * share:g} %' for share in kept)} of the rows, {how}"
    if model != "mlp":
        why += "; validation rows are for networks"
    found = [Decision("split", ", ".join(f"{rows[name]:,} {name}" for name in names), why)]
    reasons = {
        "without target": "the target is missing there",
        "without weight": "their weight is zero",
        "incomplete": "values of the formula are missing there",
    }
    for name, reason in reasons.items():
        if rows.get(name):
            found.append(Decision("rows left out", f"{rows[name]:,} of {rows['read']:,}", reason))
    return found
