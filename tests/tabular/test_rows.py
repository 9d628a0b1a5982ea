"""Row numbers are those of the table that rows were taken from, however often they were picked."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from deltarule.errors import DataError
from deltarule.tabular.encoders import read_numbers
from deltarule.tabular.rows import row_number, rows_of


def test_row_numbers_count_in_the_whole_table() -> None:
    assert row_number(0) == 1
    with rows_of(np.array([2, 5, 9])):
        assert [row_number(k) for k in range(3)] == [3, 6, 10]
        with rows_of(np.array([1, 2])):
            assert row_number(0) == 6
            with pytest.raises(DataError, match="'x' in row 10"):
                read_numbers(pl.Series("a", ["1", "x"]))
        assert row_number(0) == 3
    assert row_number(0) == 1


def test_an_error_ends_the_numbering() -> None:
    with pytest.raises(KeyError), rows_of(np.array([7])):
        raise KeyError
    assert row_number(0) == 1
