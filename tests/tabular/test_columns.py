"""What each column is taken for, and why."""

from __future__ import annotations

import datetime as dt
import warnings

import polars as pl
import pytest

from deltarule.errors import DataError, DeltaruleWarning
from deltarule.tabular import Column, Kind, find_columns
from deltarule.tabular.options import Options
from deltarule.tabular.prepare import prepare

N = 40


def _only(values, name: str = "x", dtype=None) -> Column:
    """The column found, beside one that keeps the table learnable."""
    frame = pl.DataFrame(
        [pl.Series(name, values, dtype=dtype, strict=False), pl.Series("other", [0.5] * len(values) + [1.5])[1:]]
    ).with_columns(y=pl.int_range(pl.len()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeltaruleWarning)
        return find_columns(frame, "y")[0]


KINDS = {
    "float": ([0.5, None, float("nan"), 1.5], Kind.numeric, "float, 2 missing"),
    "whole": ([1, 2, 1, 2], Kind.numeric, "whole numbers"),
    "all distinct floats": ([1.0 * k for k in range(N)], Kind.numeric, "float"),
    "all distinct whole numbers": ([300 + 7 * k for k in range(N)], Kind.numeric, "whole numbers"),
    "consecutive years": (list(range(1980, 1980 + N)), Kind.numeric, "whole numbers"),
    "infinite": ([1.0, float("inf")] * 2, Kind.numeric, "float"),
    "numbers as text": (["1", " 2 ", "NA", "-"], Kind.numeric, "numbers written as text, 2 missing"),
    "floats as text": (["1.5", " 2 ", "1e3"], Kind.numeric, "numbers written as text"),
    "constant with missing values": ([3, None, 3], Kind.numeric, "whole numbers, 1 missing"),
    "duration": ([dt.timedelta(seconds=k) for k in (1, 2)], Kind.numeric, "duration in seconds"),
    "time": ([dt.time(k) for k in (1, 2)], Kind.numeric, "time of day in seconds"),
    "levels": (["red", "blue", None, "n/a"], Kind.categorical, "text with 2 levels, 2 missing"),
    "numbers and a few words": (["0", "1", "2", "3+"] * 10, Kind.categorical, "text with 4 levels"),
    "one level or missing": (["yes", None, "yes"], Kind.categorical, "text with 1 level, 1 missing"),
    "many levels, each often": ([f"v{k % 100}" for k in range(1000)], Kind.categorical, "text with 100 levels"),
    "few rows": (["a", "b", "c"], Kind.categorical, "text with 3 levels"),
    "None is a level": (["None", "mild"], Kind.categorical, "text with 2 levels"),
    "yes and no": (["Yes", "no", ""], Kind.boolean, "Yes or no, 1 missing"),
    "0 and 1 as text": (["0", "1"], Kind.boolean, "0 or 1"),
    "t and f": (["t", "F"], Kind.boolean, "F or t"),
    "y and false": (["y", "false"], Kind.categorical, "text with 2 levels"),
    "boolean": ([True, False, None], Kind.boolean, "true or false, 1 missing"),
    "date": ([dt.date(2020, 1, k) for k in (1, 2)], Kind.date, "date"),
    "moment": ([dt.datetime(2020, 1, k) for k in (1, 2)], Kind.date, "date and time"),
    "ISO": (["2020-01-05", "", "2020-12-31"], Kind.date, "dates written YYYY-MM-DD, 1 missing"),
    "ISO with zone": (["2020-01-05T01:02:03Z", "2020-01-05T01:02:03.5+02:00"], Kind.date, "dates written"),
    "day first": (["13/01/2020", "01/02/2020"], Kind.date, "dates written DD/MM/YYYY"),
    "month first": (["01/13/2020", "01/02/2020"], Kind.date, "dates written MM/DD/YYYY"),
    "months by name": (["5 Jan 2020", "6 May 2020"], Kind.date, "dates written DD Jan YYYY"),
    "no date of the calendar": (["2020-02-30", "2020-02-01"], Kind.categorical, "text with 2 levels"),
    "empty": ([None, None], Kind.drop, "left out: every value is missing"),
    "NaN": ([float("nan")] * 2, Kind.drop, "left out: every value is missing"),
    "words for missing": (["NA", "?", ""], Kind.drop, "left out: every value is missing"),
    "constant": ([3, 3], Kind.drop, "left out: constant, every value is 3"),
    "constant text": (["a", "a "], Kind.drop, "left out: constant, every value is 'a'"),
    "row numbers": (list(range(N)), Kind.drop, "left out: counts the rows"),
    "row numbers from 1 as text": ([str(k) for k in range(1, N + 1)], Kind.drop, "left out: counts the rows"),
    "names": (
        [f"n{k}" for k in range(N)],
        Kind.drop,
        "left out: 40 of 40 values are distinct, looks like an identifier",
    ),
    "prose": (
        [f"n{k % 700}" for k in range(1000)],
        Kind.drop,
        "left out: free text, 700 different values in 1000 rows",
    ),
    "one word among numbers": (
        [*map(str, range(5, 204)), "abc"],
        Kind.drop,
        "left out: numbers, but 1 of 200 values are text (row 200: 'abc')",
    ),
    "ambiguous dates": ([f"{k % 12 + 1}/{k % 11 + 1}/2020" for k in range(N)], Kind.drop, "cannot be told apart"),
    "marks between thousands": (
        [f"{k},{k:03d}" for k in range(1, N)],
        Kind.drop,
        "numbers that are not written plainly, such as '1,001'",
    ),
    "sums of money": ([f"€1,2{k}.50" for k in range(10, N)], Kind.drop, "not written plainly, such as '€1,210.50'"),
    "a day that is none": (
        [f"2021-{k % 12 + 1:02d}-{k % 28 + 1:02d}" for k in range(N)] + ["2021-02-30"],
        Kind.drop,
        f"dates, but for '2021-02-30' in row {N + 1}, which is no day",
    ),
    "dates written in two ways": (
        [f"2024-01-{k:02d}" if k % 2 else f"{k:02d}.01.2024" for k in range(1, 29)],
        Kind.drop,
        "dates written in several ways, such as '2024-01-01'",
    ),
    "lists": ([[1], [2]], Kind.drop, "left out: values of type List(Int64)"),
}


@pytest.mark.parametrize("case", KINDS)
def test_kind_and_reason(case):
    values, kind, why = KINDS[case]
    column = _only(values)
    assert column.kind is kind
    assert why in column.why


@pytest.mark.parametrize(
    "name", ["id", "ID", "PassengerId", "customerID", "user_id", "row id", "uuid", "Unnamed: 0", "index", "id_number"]
)
def test_whole_numbers_named_like_an_identifier(name):
    values = [5 + 3 * k for k in range(N)]
    assert _only(values, name).kind is Kind.drop
    assert _only([*values[1:], values[1]], name).kind is Kind.drop  # one is there twice, as if by mistake
    assert _only(values[:-4] + values[:4], name).kind is Kind.numeric  # a tenth of them
    assert _only([value + 0.5 for value in values], name).kind is Kind.numeric  # a float is no identifier
    assert _only(values[:10], name).kind is Kind.numeric  # too few to tell


@pytest.mark.parametrize("name", ["area", "humidity", "solid", "price index", "paid", "bid", "acid"])
def test_a_real_number_is_not_taken_for_an_identifier(name):
    assert _only([5 + 3 * k for k in range(N)], name).kind is Kind.numeric


def test_categorical_types_count_as_text():
    assert _only(["a", "b"], dtype=pl.Enum(["a", "b"])).kind is Kind.categorical


def _frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "y": [0, 1] * 20,
            "name": [f"n{k}" for k in range(N)],
            "id": list(range(N)),
            "age": [20 + k % 7 for k in range(N)],
            "w": [1.0, 2.0] * 20,
        }
    )


def test_the_remedy_fits_the_column():
    frame = _frame().with_columns(price=pl.Series([f"€{k}" for k in range(N)]))
    with pytest.warns(DeltaruleWarning) as caught:
        find_columns(frame, "y")
    told = str(caught[0].message)
    assert (
        "'name' left out: 40 of 40 values are distinct, looks like an identifier. To use it all the same, name it"
        in told
    )
    assert "such as '€0'. To use it all the same, write plain numbers such as 1234.5" in told


def test_levels_that_differ_only_in_case_are_told():
    frame = pl.DataFrame({"y": [0, 1] * 9, "x": ["Yes", "no", "YES"] * 6, "z": ["a", "b"] * 9})
    with pytest.warns(DeltaruleWarning, match="column 'x': levels that differ only in case .*: 'YES', 'Yes'$"):
        columns = find_columns(frame, "y")
    assert columns[0].why == "text with 3 levels"
    with pytest.warns(DeltaruleWarning, match="column 'x': levels that differ only in case"):
        prepare(frame, "x", Options())


def test_identifiers_are_warned_about_once():
    with pytest.warns(DeltaruleWarning) as caught:
        columns = find_columns(_frame(), "y", weights="w")
    assert len(caught) == 1
    assert "'name' left out" in str(caught[0].message)
    assert "'id' left out" in str(caught[0].message)
    assert [(column.name, column.kind) for column in columns] == [
        ("name", Kind.drop),
        ("id", Kind.drop),
        ("age", Kind.numeric),
    ]


def test_wishes_are_followed_without_a_warning():
    columns = find_columns(_frame(), "y", drop=["w"], categorical=["name", "age"], numeric=["id"])
    assert {column.name: (column.kind.value, column.why) for column in columns} == {
        "name": ("categorical", "as asked, 40 levels"),
        "id": ("numeric", "as asked"),
        "age": ("categorical", "as asked, 7 levels"),
        "w": ("drop", "left out: as asked"),
    }
    assert find_columns(_frame()["y", "age", "w"], "y", drop="age")[0].kind is Kind.drop


WRONG = {
    "target": ({"target": "yy"}, "target column 'yy'"),
    "weights": ({"weights": "ww"}, "did you mean 'w'"),
    "drop": ({"drop": ["aeg"]}, "did you mean 'age'?"),
    "case": ({"drop": ["AGE"]}, "did you mean 'age'?"),
    "categorical": ({"categorical": ["qqqqq"]}, "the columns are 'y', 'name', 'id', 'age', 'w'"),
    "text as numbers": ({"numeric": ["name"]}, "found 'n0' in row 1"),
    "asked twice": ({"drop": ["age"], "numeric": ["age"]}, "drop and numeric at the same time"),
    "target dropped": ({"drop": ["y"]}, "the target and drop"),
    "weights dropped": ({"drop": ["w"], "weights": "w"}, "the weights and drop"),
    "target as weights": ({"weights": "y"}, "found 'y' for both"),
    "nothing left": ({"drop": ["name", "id", "age", "w"]}, "at least one column to learn from"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_names(case):
    options, says = WRONG[case]
    options = {"target": "y"} | options
    with pytest.raises(DataError) as caught:
        find_columns(_frame(), **options)
    assert says in str(caught.value)


def test_a_column_of_lists_cannot_be_forced():
    frame = pl.DataFrame({"y": [0, 1], "x": [[1], [2]]})
    with pytest.raises(DataError, match="expected categories"):
        find_columns(frame, "y", categorical=["x"])


def test_only_the_target():
    with pytest.raises(DataError, match="only the target"):
        find_columns(pl.DataFrame({"y": [0, 1]}), "y")
