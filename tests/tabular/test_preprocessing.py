"""From rows to numbers and back from the model file."""

from __future__ import annotations

import datetime as dt
import json
import math
import warnings
from contextlib import nullcontext

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, ModelFileError
from deltarule.tabular import Column, Kind, Preprocessing, find_columns
from deltarule.tabular.encoders import CategoricalEncoder
from deltarule.tabular.scaling import LIMIT


def _fit(values, kind: str, scale: str = "standard", text_format: str = "") -> Preprocessing:
    frame = pl.DataFrame([pl.Series("x", values, strict=False)])
    return Preprocessing.fit(frame, [Column("x", Kind(kind), "", text_format)], scale=scale)


def _apply(fitted: Preprocessing, values, dtype=np.float64, notes=None) -> np.ndarray:
    return fitted.transform(pl.DataFrame([pl.Series("x", values, strict=False)]), dtype, notes=notes)


def test_standard_numbers():
    fitted = _fit([1.0, None, 3.0, 5.0, 7.0], "numeric")
    assert fitted.feature_names == ["x", "x is missing"]
    sd = math.sqrt(5)
    np.testing.assert_allclose(
        _apply(fitted, [4.0, None, 9.0, math.nan]), [[0, 0], [0, 1], [5 / sd, 0], [0, 1]], rtol=1e-15
    )


def test_missing_numbers_become_the_median_not_the_mean():
    fitted = _fit([0.0, 0.0, 0.0, 100.0, None], "numeric", "none")
    assert _apply(fitted, [None]).tolist() == [[0.0, 1.0]]
    no_flag = _fit([1.0, 2.0, 9.0], "numeric", "none")
    assert no_flag.feature_names == ["x"]
    with pytest.warns(DeltaruleWarning, match=r"1 value is missing \(first in row 1\), taken as the median, 2"):
        assert _apply(no_flag, [None]).tolist() == [[2.0]]


def test_robust_numbers():
    fitted = _fit([0.0, 1.0, 2.0, 3.0, 1000.0], "numeric", "robust")  # median 2, quartiles 1 and 3
    np.testing.assert_allclose(_apply(fitted, [2.0, 4.0])[:, 0], [0.0, 1.0], rtol=1e-12)
    spiky = _fit([0.0] * 9 + [8.0], "numeric", "robust")  # no spread between the quartiles: half the range
    np.testing.assert_allclose(_apply(spiky, [8.0])[:, 0], [2.0])


@pytest.mark.parametrize("scale", ["standard", "robust"])
@pytest.mark.parametrize("values", [[3.0] * 5, [0.0] * 5, [0.1] * 7, [1e16, 1e16 + 2, 1e16], [None, None, 0.0]])
def test_constant_numbers_become_zero(scale, values):
    assert not _apply(_fit(values, "numeric", scale), [1.0, -7e300, 0.1])[:, 0].any()


def test_a_column_empty_in_the_training_rows():
    for scale in ("standard", "robust", "none"):
        X = _apply(_fit(pl.Series([None, None], dtype=pl.Float64), "numeric", scale), [None, 3.0])
        assert X[:, 1].tolist() == [1.0, 0.0]
        assert np.isfinite(X).all()


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1.0, 1e9, 1e300, 8e307])
def test_any_magnitude_is_scaled_alike(size):
    values = [-size, size / 2, size]
    X = _apply(_fit(values, "numeric"), values)[:, 0]
    np.testing.assert_allclose([X.mean(), X.std()], [0, 1], atol=1e-12)


def test_a_value_from_another_world_is_bounded():
    fitted = _fit([0.0, 1.0], "numeric")
    with pytest.warns(DeltaruleWarning, match=r"2 values are over 1,000,000 times .* \(first 1e\+308 in row 1\)"):
        assert _apply(fitted, [1e308, -1e308], np.float32)[:, 0].tolist() == [LIMIT, -LIMIT]
    with pytest.raises(DataError, match=r"float32 can hold, found 1e\+300 in row 2"):
        _apply(_fit([0.0, 1.0], "numeric", "none"), [1.0, 1e300], np.float32)
    assert _apply(_fit([0.0, 1.0], "numeric", "none"), [1e300]).tolist() == [[1e300]]


def test_categories():
    fitted = _fit(["red", None, "blue", "red"], "categorical")
    assert fitted.feature_names == ["x = blue", "x = red", "x is missing"]
    assert _apply(fitted, [" blue", "red", "NA"]).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_unseen_categories_are_zeros_and_one_warning():
    fitted = _fit(["red", "blue"], "categorical")
    with pytest.warns(DeltaruleWarning, match=r"'x': 2 values .*first 'pink' in row 2") as caught:
        X = _apply(fitted, ["red", "pink", "grey", None])
    assert X.tolist() == [[0, 1], [0, 0], [0, 0], [0, 0]]
    assert len(caught) == 1
    notes: list[str] = []
    _apply(fitted, ["pink"], notes=notes)
    assert len(notes) == 1


def test_rare_levels_share_a_column():
    values = [f"v{k}" for k in range(CategoricalEncoder.CAP + 6)] * 2 + [f"v{k}" for k in range(60)]
    fitted = _fit(values, "categorical")
    assert len(fitted.feature_names) == CategoricalEncoder.CAP + 1
    assert fitted.feature_names[-1] == "x = (other)"
    X = _apply(fitted, ["v0", "v69", "never seen"])
    assert X.sum(axis=1).tolist() == [1, 1, 1]
    assert X[:, -1].tolist() == [0, 1, 1]
    assert "and others" in fitted.describe()[0]


SAME = [["1", "2", None], [1, 2, None], [1.0, 2.0, math.nan], ["1.0", "2.", ""], ["01", " 2", "NA"]]


@pytest.mark.parametrize("trained", SAME)
@pytest.mark.parametrize("seen", SAME)
def test_a_category_is_the_same_in_every_type(trained, seen):
    assert _apply(_fit(trained, "categorical"), seen).tolist() == np.eye(3).tolist()


FRACTIONS = [["-1.25", "0", "0.5"], [-1.25, -0.0, 0.5], ["-01.25", "-0", ".50"], ["-1.250", "+0.0", "+0.5"]]


@pytest.mark.parametrize("trained", FRACTIONS)
@pytest.mark.parametrize("seen", FRACTIONS)
def test_so_is_one_of_fractions_and_zero_has_no_sign(trained, seen):
    assert _fit(trained, "categorical").feature_names == ["x = -1.25", "x = 0", "x = 0.5"]
    assert _apply(_fit(trained, "categorical"), seen).tolist() == np.eye(3).tolist()


def test_truth_is_the_same_in_every_type():
    for values in ([True, False, None], ["YES", "no", ""], [1, 0, None], [1.0, 0.0, math.nan], ["t", "F", None]):
        assert _apply(_fit(["yes", "no"], "boolean"), values).tolist() == [[1], [-1], [0]]
    with pytest.warns(DeltaruleWarning, match="1 value is neither yes nor no"):
        assert _apply(_fit(["yes", "no"], "boolean"), ["perhaps", "yes"]).tolist() == [[0], [1]]
    as_levels = _fit([True, False], "categorical")
    assert _apply(as_levels, ["True", "false"]).tolist() == [[0, 1], [1, 0]]


def test_dates():
    values = [dt.date(2020, 1, 1), dt.date(2020, 4, 1), None, dt.date(2020, 7, 1)]
    fitted = _fit(values, "date")
    assert fitted.feature_names == [
        "x: days",
        "x: month (sin)",
        "x: month (cos)",
        "x is missing",  # all three are Wednesdays, at midnight
    ]
    X = _apply(fitted, values)
    np.testing.assert_allclose(X[:, 1], [0.5, math.sqrt(3) / 2, 0, -0.5], atol=1e-12)
    np.testing.assert_allclose(X[:, 0] * np.std([-91, 0, 91]), [-91, 0, 0, 91], atol=1e-9)
    assert X[2, 1:].tolist() == [0, 0, 1]
    assert "days since 2020-04-01" in fitted.describe()[0]


def test_hours_turn_in_a_circle():
    fitted = _fit([dt.datetime(2020, 1, 1, hour) for hour in (0, 6, 12, 18)], "date", "none")
    assert fitted.feature_names == ["x: days", "x: hour (sin)", "x: hour (cos)"]
    X = _apply(fitted, ["2020-01-01T06:00:00", "2020-01-01T12:00:00"])
    np.testing.assert_allclose(X, [[-0.125, 1, 0], [0.125, 0, -1]], atol=1e-12)


def test_dates_are_the_same_in_every_type_and_format():
    days = ["2020-01-31", "2020-02-01", "2021-12-31"]
    fitted = _fit(days, "date", text_format="%Y-%m-%d")
    expected = _apply(fitted, days)
    dates = [dt.date.fromisoformat(day) for day in days]
    moments = [dt.datetime.fromisoformat(day) for day in days]
    zoned = pl.Series(moments).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    other = ["31.01.2020", "01.02.2020", "31.12.2021"]
    for values in (dates, moments, zoned, [f"{day}T00:00:00" for day in days], [f"{day} 00:00" for day in days], other):
        np.testing.assert_array_equal(_apply(fitted, values), expected)
    np.testing.assert_array_equal(_apply(_fit(days, "date"), days), expected)  # format found again


def test_day_and_month_are_read_as_in_training():
    fitted = _fit(["31/01/2020", "01/02/2020"], "date", "none", "%d/%m/%Y")
    first, second = _apply(fitted, ["01/02/2020", "02/01/2020"])[:, 0]
    assert first - second == 30


BAD = {
    "text in numbers": ("numeric", [1.0, 2.0], ["1", "abc", "x"], "expected numbers, found 'abc' in row 2"),
    "dates in numbers": ("numeric", [1.0, 2.0], [dt.date(2020, 1, 1)], "expected numbers"),
    "infinity": ("numeric", [1.0, 2.0], [1.0, math.inf, -math.inf], "found 2 infinite (first in row 2)"),
    "text in dates": ("date", ["2020-01-01"], ["2020-01-02", "soon"], "'soon' in row 2"),
    "numbers in dates": ("date", ["2020-01-01"], [1, 2], "expected dates, found values of type Int64"),
    "no dates": ("date", [dt.date(2020, 1, 1)], ["soon"], "one unambiguous format, found 'soon' in row 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_values_of_the_wrong_kind(case):
    kind, trained, values, says = BAD[case]
    fitted = _fit(trained, kind)
    with pytest.raises(DataError) as caught:
        _apply(fitted, values)
    assert says in str(caught.value)
    assert "'x'" in str(caught.value)


def test_empty_columns_of_any_type_at_prediction():
    trained = {"numeric": [1.0, 2.0], "boolean": ["yes", "no"], "categorical": ["a", "b"], "date": ["2020-01-01"]}
    for kind, values in trained.items():
        for empty in ([None], [math.nan], ["NA"], [""]):
            with nullcontext() if kind == "boolean" else pytest.warns(DeltaruleWarning, match="1 value is missing"):
                assert np.isfinite(_apply(_fit(values, kind), empty)).all()


def test_dates_without_a_format_may_be_missing():
    with pytest.warns(DeltaruleWarning, match="2 values are missing .* taken as the median day"):
        assert np.isfinite(_apply(_fit([dt.date(2020, 1, 1)], "date"), ["NA", ""])).all()
    assert _fit(["NA", "?"], "date").feature_names == ["x: days", "x is missing"]


def test_durations_and_times_count_in_seconds():
    assert _apply(_fit([1.0, None], "numeric", "none"), [dt.timedelta(minutes=1), None])[:, 0].tolist() == [60.0, 1.0]
    assert _apply(_fit([1.0], "numeric", "none"), [dt.time(1, 0, 0, 500_000)]).tolist() == [[3600.5]]


def test_infinity_in_training():
    with pytest.raises(DataError, match=r"'x': expected finite numbers, found 1 infinite \(first in row 2\)"):
        _fit([1.0, math.inf], "numeric")


def _mixed() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "age": [20.5, None, 40.0, 31.0],
            "color": ["red", "blue", None, "red"],
            "member": ["yes", "no", "yes", None],
            "when": ["2020-01-05", "2020-02-06", "2020-03-07", None],
            "id": [1, 2, 3, 4],
            "y": [0, 1, 0, 1],
        }
    )


def _fitted(scale="standard") -> Preprocessing:
    return Preprocessing.fit(_mixed(), find_columns(_mixed(), "y", drop=["id"]), scale=scale)


def test_order_and_extra_columns_do_not_matter():
    fitted = _fitted()
    assert fitted.columns == ["age", "color", "member", "when"]
    notes: list[str] = []
    X = fitted.transform(_mixed(), notes=notes)
    assert notes == ["columns that the model does not use are ignored: 'id', 'y'"]
    np.testing.assert_array_equal(fitted.transform(_mixed()["when", "member", "color", "age"], notes=notes), X)
    assert len(notes) == 1
    assert X.shape == (4, len(fitted.feature_names))
    assert fitted.transform(_mixed(), np.float32).dtype == np.float32
    assert fitted.transform(_mixed().head(0)).shape == (0, X.shape[1])


def test_missing_columns_are_named():
    with pytest.raises(DataError, match="none named 'age', 'when'"):
        _fitted().transform(_mixed().drop("age", "when"))
    with pytest.raises(DataError, match="did you mean 'Age'"):
        _fitted().transform(_mixed().rename({"age": "Age"}))


def test_fit_refuses():
    with pytest.raises(InvalidOption, match="standard, robust, none"):
        _fitted("minmax")
    with pytest.raises(DataError, match="found 0 rows"):
        Preprocessing.fit(_mixed().head(0), find_columns(_mixed(), "y", drop=["id"]))
    with pytest.raises(DataError, match="0 columns"):
        Preprocessing.fit(_mixed(), [Column("age", Kind.drop, "")])
    with pytest.raises(DataError, match="none named 'nope'"):
        Preprocessing.fit(_mixed(), [Column("nope", Kind.numeric, "")])


def test_description():
    assert _fitted().describe() == [
        "age: number, minus 30.5, divided by 7.96869, missing -> 31 and a flag",
        "color: one of blue, red and missing",
        "member: no -> -1, yes -> +1, missing -> 0",
        "when: date written YYYY-MM-DD, days since 2020-02-06 minus -0.666667, divided by 25.3158, month, weekday",
    ]
    assert "constant in training" in _fit([3.0, 3.0], "numeric").describe()[0]
    assert "as it is" in _fit([3.0], "numeric", "none").describe()[0]
    assert "(9 levels)" in _fit(list("abcdefghi"), "categorical").describe()[0]


def test_no_rows_are_kept():
    frame = pl.DataFrame({"x": [1.25 + k for k in range(1000)], "c": [f"v{k}" for k in range(1000)]})
    columns = [Column("x", Kind.numeric, ""), Column("c", Kind.categorical, "")]
    assert len(json.dumps(Preprocessing.fit(frame, columns).to_json())) < 2000


def _broken(path: list, value) -> dict:
    document = json.loads(json.dumps(_fitted().to_json()))
    at = document
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


BROKEN = [
    (["columns"], {}),
    (["columns"], []),
    (["columns"], None),
    (["columns", 0], 7),
    (["columns", 0, "kind"], "magic"),
    (["columns", 0, "name"], 7),
    (["columns", 0, "name"], "color"),
    (["columns", 0, "missing"], 1),
    (["columns", 0, "scaler"], None),
    (["columns", 0, "scaler", "center"], "0"),
    (["columns", 0, "scaler", "center"], math.nan),
    (["columns", 0, "scaler", "fill"], True),
    (["columns", 0, "scaler", "fill"], 10**400),
    (["columns", 0, "scaler", "scale"], -1.0),
    (["columns", 0, "scaler", "how"], "minmax"),
    (["columns", 1, "levels"], ["a", 1]),
    (["columns", 1, "levels"], ["a", "a"]),
    (["columns", 1, "other"], None),
    (["columns", 3, "cycles"], ["century"]),
    (["columns", 3, "cycles"], ["weekday", "month"]),
    (["columns", 3, "origin"], math.inf),
    (["columns", 3, "origin"], 1e300),
    (["columns", 3, "format"], "%Q"),
]


@pytest.mark.parametrize(("path", "value"), BROKEN)
def test_a_malformed_document_is_refused(path, value):
    with pytest.raises(ModelFileError, match="preprocessing"):
        Preprocessing.from_json(_broken(path, value))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["columns", "kind", "name", "scaler"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values)
def test_foreign_documents_are_refused(document):
    with pytest.raises(ModelFileError):
        Preprocessing.from_json(document)


def test_whole_numbers_in_a_document_are_floats():
    document = _broken(["columns", 0, "scaler", "center"], 30)
    fitted = Preprocessing.from_json(document)
    assert isinstance(fitted.encoders[0].scaler.center, float)


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=False)
labels = st.none() | st.text(max_size=4)
moments = st.none() | st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
truths = st.none() | st.sampled_from(["yes", "no", "Yes", "perhaps"])


@st.composite
def mixed_tables(draw, min_rows=1):
    m = draw(st.integers(min_rows, 12))
    types = {"number": (numbers, pl.Float64), "label": (labels, pl.String), "when": (moments, pl.Datetime("us"))}
    types |= {"truth": (truths, pl.String), "whole": (st.none() | st.integers(-(2**63), 2**63 - 1), pl.Int64)}
    return pl.DataFrame(
        [
            pl.Series(name, draw(st.lists(values, min_size=m, max_size=m)), dtype=kind)
            for name, (values, kind) in types.items()
        ]
    )


COLUMNS = [
    Column(name, Kind(kind), "")
    for name, kind in [
        ("number", "numeric"),
        ("label", "categorical"),
        ("when", "date"),
        ("truth", "boolean"),
        ("whole", "numeric"),
    ]
]


@given(
    mixed_tables(), mixed_tables(), st.sampled_from(["standard", "robust"]), st.sampled_from([np.float32, np.float64])
)
def test_always_finite_and_the_same_after_a_round_trip(train, new, scale, dtype):
    fitted = Preprocessing.fit(train, COLUMNS, scale=scale)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeltaruleWarning)
        X = fitted.transform(new, dtype)
        again = Preprocessing.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
        assert again == fitted
        assert again.transform(new, dtype).tobytes() == X.tobytes()
    assert X.shape == (len(new), len(fitted.feature_names))
    assert np.isfinite(X).all()
    assert np.isfinite(fitted.transform(train, dtype, notes=[])).all()


@given(mixed_tables(min_rows=2), st.randoms())
def test_rows_in_another_order_give_the_same_rows(frame, random):
    fitted = Preprocessing.fit(frame, COLUMNS)
    order = list(range(len(frame)))
    random.shuffle(order)
    X = fitted.transform(frame, notes=[])
    np.testing.assert_array_equal(fitted.transform(frame[order], notes=[]), X[order])


@pytest.mark.parametrize("name", ["n", "count", "rows", "level", "len"])
def test_a_category_may_have_any_name(name):
    frame = pl.DataFrame({name: ["red", "blue", "red"]})
    fitted = Preprocessing.fit(frame, [Column(name, Kind("categorical"), "text")])
    assert fitted.feature_names == [f"{name} = blue", f"{name} = red"]
