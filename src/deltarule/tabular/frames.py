"""Tables that are not read from a file: frames of polars or pandas, and dicts of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from deltarule.errors import DataError
from deltarule.tabular.values import settle


def as_frame(table: Any) -> pl.DataFrame:
    """A table of any of these kinds as a polars frame, its types settled as `read_table` does.

    Parameters
    ----------
    table : polars.DataFrame, pandas.DataFrame or dict of columns
        ``m`` rows. The index of a pandas frame is no column.

    Raises
    ------
    DataError
        It is something else, a column holds values of several kinds, or columns differ in length.
    """
    if isinstance(table, pl.DataFrame):
        return settle(table)
    if isinstance(table, Mapping):
        columns = dict(table)
    elif hasattr(table, "iloc") and hasattr(table, "columns"):  # pandas, which is not imported to be asked
        names = list(map(str, table.columns))
        if len(set(names)) < len(names):
            raise DataError("expected a different name for each column of the frame, found some twice")
        columns = {name: _pandas_values(table.iloc[:, k]) for k, name in enumerate(names)}
    else:
        raise DataError(
            f"expected a table (a polars or pandas frame, or a dict of columns), found {type(table).__name__}",
            "give its columns their names, as in {'age': [31, 45]}",
        )
    try:
        return settle(pl.DataFrame([pl.Series(str(name), values) for name, values in columns.items()]))
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"expected columns of the same length and of one kind each, found: {error}") from None


def _pandas_values(column: Any) -> Any:
    """NumPy's values, or a list with None for what is missing, for types that only pandas has."""
    if getattr(column.dtype, "kind", "O") in "iufbmM" and type(column.dtype).__module__.startswith("numpy"):
        return column.to_numpy()
    missing = column.isna().tolist()
    return [None if gone else value for gone, value in zip(missing, column.astype(object).tolist(), strict=True)]
