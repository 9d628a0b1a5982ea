"""An estimator saved from Python, used on tables: possible where it was trained on columns that have names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from deltarule.errors import DataError
from deltarule.tabular.encoders import read_numbers
from deltarule.tabular.frames import as_frame
from deltarule.tabular.preprocessing import ignored_columns, require_columns
from deltarule.tabular.values import first_where


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


def _present(series: pl.Series) -> pl.Series:
    """Numbers, none of them missing: the estimator has not learned what to do then."""
    numbers = read_numbers(series)
    if numbers.has_nulls():
        row, _ = first_where(numbers, numbers.is_null())
        raise DataError(f"column {series.name!r}: expected a number in each row, found none in row {row}", "fill it in")
    return numbers
