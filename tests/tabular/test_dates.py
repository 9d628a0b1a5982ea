"""Dates in text: which day a text means."""

from __future__ import annotations

import polars as pl
import pytest

from deltarule.errors import DataError
from deltarule.tabular.dates import are_in_order, find_formats, parse_dates


def test_a_row_in_another_format_does_not_change_the_meaning_of_the_others() -> None:
    dates = pl.Series("d", ["05/06/2020", "06/13/2020"])
    with pytest.raises(DataError, match="found '06/13/2020' in row 2"):
        parse_dates(dates, "%d/%m/%Y")


def test_an_unambiguous_format_is_read_in_place_of_the_one_of_training() -> None:
    found = parse_dates(pl.Series("d", ["2020-06-05"]), "%d/%m/%Y")
    assert (found.dt.month().item(), found.dt.day().item()) == (6, 5)


def test_nor_does_one_with_a_time_of_day() -> None:
    with pytest.raises(DataError, match="found '06/13/2020 10:00' in row 2"):
        parse_dates(pl.Series("d", ["05/06/2020 09:00", "06/13/2020 10:00"]), "%d/%m/%Y %H:%M")


def test_formats_that_mean_the_same_days_are_one() -> None:
    assert find_formats(pl.Series("d", ["01/01/1970", "01/01/1982"])) == ["%d/%m/%Y"]
    assert len(find_formats(pl.Series("d", ["01/02/1970", "01/01/1982"]))) == 2


def test_rows_in_the_order_of_time() -> None:
    days = pl.Series("d", [f"2020-01-{day:02d}" for day in range(1, 31)])
    moments = parse_dates(days)
    assert are_in_order(moments)
    assert are_in_order(moments.reverse())
    assert not are_in_order(moments.shuffle(seed=0))
    assert not are_in_order(pl.concat([moments[:3]] * 10).sort())  # a day has many rows
