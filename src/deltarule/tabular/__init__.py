"""Tables: reading files, finding out what each column is, turning rows into what a network takes."""

from __future__ import annotations

from deltarule.tabular.columns import Column, Kind, find_columns
from deltarule.tabular.preprocessing import Preprocessing
from deltarule.tabular.read import read_table, write_table
from deltarule.tabular.split import split_rows
from deltarule.tabular.target import Task, drop_missing_target, encode_target, find_task

__all__ = [
    "Column",
    "Kind",
    "Preprocessing",
    "Task",
    "drop_missing_target",
    "encode_target",
    "find_columns",
    "find_task",
    "read_table",
    "split_rows",
    "write_table",
]
