"""An estimator saved from Python, used on tables: possible where it was trained on columns that have names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.diagnosis import Report, diagnose_estimator
from deltarule.errors import DataError
from deltarule.tabular.encoders import read_numbers
from deltarule.tabular.frames import as_frame
from deltarule.tabular.preprocessing import ignored_columns, require_columns
from deltarule.tabular.rows import first_where, rows_of


@dataclass(frozen=True)
class NamedEstimator:
    """A fitted estimator with ``feature_names_in_``. It was trained on numbers, so that is what it takes."""

    estimator: Any

    @property
    def columns(self) -> list[str]:
        """Names of the columns that a table must have."""
        return list(map(str, self.estimator.feature_names_in_))

    def predict(self, table: Any, *, notes: list[str] | None = None) -> pl.DataFrame:
        """Predict each row.

        Parameters
        ----------
        table : polars.DataFrame, pandas.DataFrame or dict of columns
            ``m`` rows with the columns of the training table, in any order.
        notes : list of str, optional
            Takes what the user should know.

        Returns
        -------
        polars.DataFrame
            ``m`` rows: "prediction" (one a target if there are several), and for classes "probability of ..." each.

        Raises
        ------
        DataError
            Columns are missing, or hold something else than numbers.
        """
        frame = as_frame(table)
        require_columns(frame, self.columns)
        if notes is not None:
            notes += ignored_columns(frame, self.columns)
        X = pl.DataFrame([_present(frame[name]) for name in self.columns])  # (m, n_x), with the names it checks
        y = self.estimator.predict(X)  # (m,) or (m, K)
        if y.ndim == 2:
            return pl.DataFrame({f"prediction {k}": column for k, column in enumerate(y.T, start=1)})
        found = {"prediction": pl.Series(y.tolist())}
        if hasattr(self.estimator, "classes_"):
            shares = self.estimator.predict_proba(X).T  # (K, m)
            found |= {
                f"probability of {name}": pl.Series(share)
                for name, share in zip(self.estimator.classes_, shares, strict=True)
            }
        return pl.DataFrame(found)


def diagnose_named(estimator: Any, table: Any, targets: Sequence[str], *, notes: list[str] | None = None) -> Report:
    """`deltarule.diagnose` for an estimator saved from Python, on a table.

    Parameters
    ----------
    estimator : object
        Fitted. If it was trained on an array, the columns beside the targets are its features, in their order.
    table : polars.DataFrame, pandas.DataFrame or dict of columns
    targets : sequence of str
        The column, or columns, that it was trained to predict.
    notes : list of str, optional
        Takes what the user should know.

    Raises
    ------
    DataError
        Columns are missing, are too many, or hold something else than numbers.
    """
    frame = as_frame(table)
    require_columns(frame, list(targets))
    rows = np.flatnonzero(frame.select(pl.all_horizontal(pl.col(targets).is_not_null())).to_series().to_numpy())
    with rows_of(rows):
        X, y = named_samples(estimator, frame[rows], targets, notes)
    return diagnose_estimator(estimator, X, y, rows=rows + 1)


def named_samples(
    estimator: Any, frame: pl.DataFrame, targets: Sequence[str], notes: list[str] | None = None
) -> tuple[Any, Array | None]:
    """``X`` (m, n_x) and the targets (m,) or (m, K), None without `targets`, as an estimator takes them.

    Raises
    ------
    DataError
        Columns are missing, are too many, or hold something else than numbers.
    """
    named = hasattr(estimator, "feature_names_in_")
    names = list(map(str, estimator.feature_names_in_)) if named else _beside(frame, targets, estimator)
    require_columns(frame, [*names, *targets])
    if notes is not None:
        notes += ignored_columns(frame, [*names, *targets])
    X = pl.DataFrame([_present(frame[name]) for name in names])
    labels = hasattr(estimator, "classes_") and len(targets) == 1
    y = [(_all_there(frame[name], "label") if labels else _present(frame[name])).to_numpy() for name in targets]
    return X if named else X.to_numpy(), None if not y else y[0] if len(y) == 1 else np.column_stack(y)


def _beside(frame: pl.DataFrame, targets: Sequence[str], estimator: Any) -> list[str]:
    """The columns beside the targets, which must be as many as the features of an estimator without names."""
    names = [name for name in frame.columns if name not in targets]
    if len(names) != estimator.n_features_in_:
        beside, name_it = (" beside the target", "") if targets else ("", ", or name the target")
        raise DataError(
            f"expected {estimator.n_features_in_} columns{beside}, as the model was trained on an array of so many, "
            f"found {len(names)}",
            f"leave the others out of the table{name_it}",
        )
    return names


def _present(series: pl.Series) -> pl.Series:
    """Numbers, none of them missing: the estimator has not learned what to do then."""
    return _all_there(read_numbers(series), "number")


def _all_there(series: pl.Series, what: str) -> pl.Series:
    if series.has_nulls():
        row, _ = first_where(series, series.is_null())
        raise DataError(f"column {series.name!r}: expected a {what} in each row, found none in row {row}", "fill it in")
    return series
