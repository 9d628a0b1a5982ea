"""Frames of pandas and dicts of columns give what the same polars frame gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from deltarule.errors import DataError, DeltaruleWarning
from deltarule.tabular.fit import fit_table
from deltarule.tabular.frames import as_frame


def columns(m: int = 60) -> dict[str, list[Any]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=m)
    return {
        "x": [None if i == 3 else float(value) for i, value in enumerate(x)],
        "k": rng.integers(0, 9, m).tolist(),
        "color": [None if i % 7 == 5 else str(value) for i, value in enumerate(rng.choice(["red", "blue"], m))],
        "on": (rng.random(m) < 0.5).tolist(),
        "when": (np.datetime64("2020-01-01", "us") + rng.permutation(m) * np.timedelta64(1, "D")).tolist(),
        "y": (2 * x + 1).tolist(),
    }


def test_pandas_and_dicts_predict_as_polars_does() -> None:
    given = columns()
    frame = pl.DataFrame(given)
    model = fit_table(frame, "y", hidden=(4,), epochs=3)
    expected = model.predict(frame)
    pandas = pd.DataFrame(given)
    for table in (given, pandas, pandas.convert_dtypes(), pandas.astype({"color": "category"}), pandas.iloc[::1]):
        assert model.predict(table).equals(expected)
        assert model.evaluate(table) == model.evaluate(frame)
    assert fit_table(pandas, "y", hidden=(4,), epochs=3).predict(frame).equals(expected)


def test_lists_and_structures_are_left_out() -> None:
    with pytest.warns(DeltaruleWarning, match=r"column 'l' is left out: its values are of type List\(Int64\)"):
        assert as_frame({"x": [1, 2], "l": [[1], [2]]}).columns == ["x"]


def test_names_that_are_no_texts() -> None:
    assert as_frame(pd.DataFrame(np.eye(2))).columns == ["0", "1"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (np.eye(3), "expected a table .* found ndarray; give its columns their names"),
        ([{"x": 1}], "found list"),
        ({"x": [1, 2], "y": [1]}, "same length"),
        ({"x": [1, "a"]}, "one kind"),
        ({"x": 3}, "same length|one kind"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "different name"),
    ],
)
def test_other_things_are_refused(table: Any, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        as_frame(table)
    assert "\n" not in str(caught.value)
