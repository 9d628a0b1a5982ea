"""Row numbers as people count them, in the table that they know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import polars as pl

from deltarule.arrays import Array

_SOURCE: ContextVar[Array | None] = ContextVar("_SOURCE", default=None)


@contextmanager
def rows_of(positions: Array) -> Iterator[None]:
    """Within it, row numbers in messages are those of the table from which the rows at `positions` (m,) were taken."""
    outer = _SOURCE.get()
    token = _SOURCE.set(positions if outer is None else outer[positions])
    try:
        yield
    finally:
        _SOURCE.reset(token)


def row_number(position: int) -> int:
    """The number of a row as people count it: from 1, below the header, in the whole table; see `rows_of`."""
    source = _SOURCE.get()
    return (position if source is None else int(source[position])) + 1


def first_where(series: pl.Series, mask: pl.Series) -> tuple[int, object]:
    """The first value a mask points at, with its `row_number`."""
    index = mask.arg_true()[0]
    return row_number(index), series[index]
