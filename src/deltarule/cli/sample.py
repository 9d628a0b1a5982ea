"""``deltarule sample NAME``: one of the tables that scikit-learn ships, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

SAMPLES = {
    "iris": ("species", "150 flowers of 3 species by the size of their leaves"),
    "wine": ("cultivar", "178 wines from 3 cultivars by their chemistry"),
    "breast_cancer": ("diagnosis", "569 tumors, malignant or benign, by their cells"),
    "diabetes": ("progression", "442 patients and how their disease went on"),
    "digits": ("digit", "1,797 handwritten digits of 8 x 8 pixels"),
}
"""Name -> target column, what it is."""


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which table; see --list.", show_default=False)
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="OUT", help="Where it goes; NAME.csv by default, - is standard output."),
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Which tables there are.")] = False,
) -> None:
    """Write one of the tables that scikit-learn ships to a file. Nothing is downloaded."""
    from deltarule.cli.output import say, show_table
    from deltarule.cli.predict import check_table_output
    from deltarule.errors import UnknownName

    if list_all:
        rows = [(key, target, text) for key, (target, text) in SAMPLES.items()]
        show_table("Tables", rows, ("name", "target", "what it is"))
        return
    key = (name or "").strip().lower().replace("-", "_")
    if key not in SAMPLES:
        found = "none" if name is None else repr(name)
        raise UnknownName(
            f"expected the name of a table ({', '.join(SAMPLES)}), found {found}", "see deltarule sample --list"
        )
    path = output or f"{key}.csv"
    if path != "-":
        check_table_output(path, inputs=[])
    from deltarule.tabular import write_table

    frame = sample_table(key)
    _require_free(path, frame)
    write_table(frame, path)
    if path != "-":
        say(f"{len(frame):,} rows and {frame.width} columns written to {path}")
        say(f"next: deltarule train {path} --target {SAMPLES[key][0]}")


def _require_free(path: str, frame: pl.DataFrame) -> None:
    """Refuse a path where anything but this very table lies: it would be lost."""
    from deltarule.errors import OutputError
    from deltarule.tabular.read import file_content

    there = Path(path)
    if path == "-" or not there.is_file() or there.stat().st_size == 0:
        return
    content = file_content(frame, path)
    if there.stat().st_size != len(content) or there.read_bytes() != content:
        raise OutputError(
            f"cannot write {path}: expected nothing there, or the same table, found something else",
            "choose another name with -o, or delete that file first",
        )


def sample_table(name: str) -> pl.DataFrame:
    """The table called `name`, its target last, classes by their names."""
    import polars as pl
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    y = pl.Series(SAMPLES[name][0], bunch.target)
    if name not in ("diabetes", "digits"):
        y = pl.Series(y.name, [str(bunch.target_names[k]) for k in bunch.target])
    return pl.DataFrame(bunch.data, schema=[str(column) for column in bunch.feature_names]).with_columns(y)
