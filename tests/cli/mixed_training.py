"""The mixed table as a file, and a model trained on it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from cli_tables import Cli, Ran, mixed_table


def write(path: Path, task: str = "binary", m: int = 240) -> pl.DataFrame:
    table = mixed_table(m, task=task)
    table.write_csv(path)
    return table


def trained(cli: Cli, tmp_path: Path, *options: object, task: str = "binary") -> Ran:
    """A model of the mixed table, in a few epochs."""
    if not (tmp_path / "t.csv").exists():
        write(tmp_path / "t.csv", task)
    ran = cli("train", "t.csv", "--target", "outcome", "--epochs", 8, "--hidden", "8", *options)
    assert ran.code == 0, ran.err
    return ran
