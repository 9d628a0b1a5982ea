"""The target: which task it sets and how it is encoded."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from deltarule.errors import DataError, InvalidOption
from deltarule.tabular import Task, encode_target, find_task, rows_with_target


def _series(values) -> pl.Series:
    return pl.Series("y", values, strict=False)


TASKS = {
    "text": (["a", "b", "c"] * 3, "multiclass", "text, 3 classes"),
    "two words": (["a", "b", None] * 3, "binary", "text, 2 classes"),
    "boolean": ([True, False] * 2, "binary", "true or false, 2 classes"),
    "two numbers": ([1, 2] * 5, "binary", "numbers with 2 distinct values"),
    "two floats": ([0.0, 1.0, math.nan] * 5, "binary", "numbers with 2 distinct values"),
    "few whole numbers": ([1, 2, 3] * 9, "multiclass", "whole numbers with 3 distinct values in 27 rows"),
    "few whole floats": ([1.0, 2.0, 3.0] * 9, "multiclass", "whole numbers with 3 distinct values in 27 rows"),
    "few whole numbers as text": (["1", "2", "3"] * 9, "multiclass", "whole numbers"),
    "few rows for each": ([1, 2, 3] * 2, "regression", "whole numbers with 3 distinct values in 6 rows"),
    "many whole numbers": (list(range(30)) * 9, "regression", "whole numbers with 30 distinct values in 270 rows"),
    "floats": ([0.5, 1.5, 2.5] * 9, "regression", "floats with 3 distinct values in 27 rows"),
}


@pytest.mark.parametrize("case", TASKS)
def test_the_task_is_found(case):
    values, kind, why = TASKS[case]
    task = find_task(_series(values))
    assert task.kind == kind
    assert why in task.why
    assert str(task) == kind
    assert task.is_classification == (kind != "regression")


def test_the_task_can_be_asked_for():
    assert find_task(_series([1, 2, 3] * 9), task="regression") == Task("regression", "as asked")
    assert find_task(_series([True, False] * 9), task="regression").kind == "regression"
    assert find_task(_series(["a", "b"] * 9), task="multiclass").kind == "multiclass"
    assert find_task(_series(["800", "1,200", "2,400"] * 9), task="multiclass").kind == "multiclass"
    assert find_task(_series(["5 kg", "10 kg"] * 9)).kind == "binary"


@pytest.mark.parametrize(
    "labels",
    [
        [f"{year}{letter}" for year in range(5, 13) for letter in "ABCD"],
        ["1", "1,2", "2", "1,3"],
        [f"192.168.100.{k}" for k in range(200, 230)],
        ["\u0661", "\u0662", "\u0663"],
    ],
)
def test_labels_that_resemble_numbers_are_classes_all_the_same(labels):
    assert find_task(_series(labels * 9)).is_classification


def test_text_that_can_be_read_is_numbers():
    assert find_task(_series([f"0{k}" for k in range(1000, 1030)] * 9)).kind == "regression"


def test_categories_are_classes_however_they_are_written():
    thousands = pl.Series("y", ["800", "1,200", "2,400"] * 9, dtype=pl.Categorical)
    assert find_task(thousands).kind == "multiclass"


BAD = {
    "all missing": ([None, math.nan], "auto", "expected values to learn from"),
    "one class": (["a"] * 5, "auto", "expected at least two classes, found only 'a'"),
    "one whole number": ([3.0] * 5, "auto", "expected at least two classes, found only '3'"),
    "one float": ([0.5] * 5, "auto", "expected values that differ, found 0.5"),
    "one number as regression": ([3] * 5, "regression", "expected values that differ, found 3.0"),
    "too many classes": ([f"q{k}" for k in range(9)], "auto", "found 9 classes in 9 rows"),
    "numbers but one": ([*map(str, range(100)), "x"], "auto", "1 of 101 values are text (row 101: 'x'); correct"),
    "numbers but one, again and again": ([*map(str, range(30)), "12 kg"] * 4, "auto", "text (row 31: '12 kg')"),
    "thousands": (["800", "1,200", "2,400"] * 9, "auto", "not written plainly, such as '1,200'; write plain numbers"),
    "many with decimal commas": ([f"{k},5" for k in range(30)] * 4, "auto", "not written plainly, such as '0,5'"),
    "numbers but one as regression": ([*map(str, range(100)), "x"], "regression", "found 'x' in row 101"),
    "infinite": ([1.5, None, math.inf], "auto", "found 1 infinite (first in row 3)"),
    "dates": ([dt.date(2020, 1, 1)] * 3, "auto", "expected numbers or classes, found values of type Date"),
    "dates as text": (["2020-01-31", "2020-02-29"] * 9, "auto", "found dates, such as '2020-01-31'; turn them into"),
    "money": ([f"€{k},234.50" for k in range(1, 4)] * 9, "auto", "not written plainly, such as '€1,234.50'"),
    "lists": ([[1], [2]], "auto", "found values of type List(Int64)"),
    "text as regression": ([None, "a", "b", "a"], "regression", "found 'a' in row 2"),
    "three as binary": (["a", "b", "c"] * 3, "binary", "expected two classes for a binary task, found 3"),
    "floats as classes": ([0.5, 1.5, 2.5], "multiclass", "ask for a regression"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_targets(case):
    values, task, says = BAD[case]
    with pytest.raises(DataError) as caught:
        find_task(_series(values), task=task)
    assert says in str(caught.value)
    assert "'y'" in str(caught.value)


def test_an_unknown_task():
    with pytest.raises(InvalidOption, match="expected task to be auto, regression, binary, multiclass"):
        find_task(_series([1, 2]), task="clustering")


CODES = {
    "text": (["b", "a ", "b"], ["a", "b"], [1, 0, 1]),
    "boolean": ([True, False], ["false", "true"], [1, 0]),
    "words keep their spelling": (["True", "FALSE"], ["FALSE", "True"], [1, 0]),
    "numbers in their order": ([10, 9, 2], ["2", "9", "10"], [2, 1, 0]),
    "whole floats": ([1.0, 0.0], ["0", "1"], [1, 0]),
    "floats": ([1.5, -0.5], ["-0.5", "1.5"], [1, 0]),
    "codes with zeros": (["007", "x"], ["007", "x"], [0, 1]),
}


@pytest.mark.parametrize("case", CODES)
def test_classes(case):
    values, names, codes = CODES[case]
    y, classes = encode_target(_series(values), "multiclass")
    assert classes == names
    assert y.dtype == np.int64
    assert y.tolist() == codes


@pytest.mark.parametrize(
    ("values", "classes"),
    [([1, 0], ["0", "1"]), ([1.0, 0.0], ["0", "1"]), (["1", "00"], ["0", "1"]), (["TRUE", "false"], ["False", "True"])],
)
def test_known_classes_are_found_in_another_type(values, classes):
    y, names = encode_target(_series(values), Task("binary", ""), classes)
    assert y.tolist() == [1, 0]
    assert names == classes


def test_a_regression_is_encoded_as_floats():
    y, classes = encode_target(_series(["1", " 2.5", "-3"]), "regression")
    assert classes is None
    assert y.dtype == np.float64
    assert y.tolist() == [1.0, 2.5, -3.0]
    assert encode_target(_series([7]), "regression")[0].tolist() == [7.0]  # one row to evaluate


def test_encoding_refuses():
    with pytest.raises(DataError, match="found 'c' in row 2"):
        encode_target(_series(["a", "c"]), "binary", ["a", "b"])
    with pytest.raises(DataError, match="found none in row 2"):
        encode_target(_series([1, None]), "regression")
    with pytest.raises(DataError, match="found 'a' in row 1"):
        encode_target(_series(["a", "b"]), "regression")
    with pytest.raises(DataError, match="infinite"):
        encode_target(_series([1.0, math.inf]), "regression")


def test_rows_without_a_target_are_left_out():
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "y": ["a", None, "NA", "b"]})
    assert rows_with_target(frame, "y").tolist() == [0, 3]
    with pytest.raises(DataError, match="found 2 rows without one"):
        rows_with_target(pl.DataFrame({"y": [None, math.nan]}), "y")
    with pytest.raises(DataError, match="did you mean 'y'"):
        rows_with_target(frame, "Y")


def test_truth_values_are_two_classes_in_any_case() -> None:
    found = find_task(pl.Series("y", 5 * ["true", "FALSE", "True", "false"]))
    assert (found.kind, str(found.why)) == ("binary", "text, 2 classes")


def test_numbers_among_which_is_some_text_are_named_as_such() -> None:
    values = ["bad" if i % 5 == 0 else str(i / 7) for i in range(60)]
    with pytest.raises(DataError, match="'bad' in row 1"):
        find_task(pl.Series("y", values))
