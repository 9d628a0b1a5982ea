"""Tables: reading files, finding out what each column is, turning rows into what a network takes."""

from __future__ import annotations

from deltarule.tabular.columns import Column, Kind, find_columns
from deltarule.tabular.preprocessing import Preprocessing
from deltarule.tabular.read import read_table, write_table
from deltarule.tabular.split import split_rows
from deltarule.tabular.target import Task, encode_target, find_task, rows_with_target

__all__ = [
    "Column",
    "Kind",
    "Preprocessing",
    "Task",
    "encode_target",
    "find_columns",
    "find_task",
    "read_table",
    "rows_with_target",
    "split_rows",
    "write_table",
]
