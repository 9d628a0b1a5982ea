"""``deltarule predict MODEL FILE -o OUT``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl


def command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A file written by deltarule train, or saved from Python.")
    ],
    table: Annotated[str, typer.Argument(metavar="FILE", help="Rows to predict; - reads standard input.")],
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="OUT", help="Where the predictions go; - is standard output, as CSV."),
    ] = "-",
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMNS", help="Columns of FILE to put before the predictions, separated by commas."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Predict the target for each row of a table.

    Columns may stand in any order; those the model does not know are ignored.
    """
    import polars as pl

    from deltarule.cli.output import load_model, note, say, split_names
    from deltarule.errors import DataError
    from deltarule.tabular import write_table
    from deltarule.tabular.read import read_as_written
    from deltarule.tabular.wording import count, near_matches

    if output != "-":
        check_table_output(output, inputs=[model, table])
    trained = load_model(model)
    frame, fields = read_as_written(table)
    kept = split_names(keep or [])
    for name in kept:
        if name not in frame.columns:
            raise DataError(
                f"expected the column {name!r} to keep, found no such column", near_matches(name, frame.columns)
            )
    notes: list[str] = []
    predicted = trained.predict(frame, notes=notes)
    twice = [name for name in kept if name in predicted.columns]
    if twice:
        raise DataError(f"expected other columns to keep, found {twice[0]!r}, the name of a prediction", "rename it")
    columns = [as_written(frame[name], fields[name]) for name in kept]
    write_table(predicted.select(*columns, pl.all()), output)
    if not quiet:
        for text in notes:
            note(text)
        if output != "-":
            say(f"{count(len(predicted) - predicted.to_series().null_count(), 'prediction')} written to {output}")


def as_written(values: pl.Series, fields: pl.Series) -> pl.Series:
    """A column to keep: its fields, as a number would lose the zeros of ``007``; numbers where they say the same."""
    import polars as pl

    same = fields.dtype != pl.String or values.cast(pl.String).equals(fields, null_equal=True)
    return values if same else fields


def check_table_output(path: str, *, inputs: list[str]) -> None:
    """Refuse an output that cannot be written or whose format is unknown, before any work is done."""
    from deltarule.cli.output import check_output
    from deltarule.tabular.read import output_format

    output_format(path)
    check_output(path, inputs=inputs)
