"""``deltarule diagnose MODEL FILE``: what keeps a network from learning."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model file, of the command line or of an estimator.")
    ],
    table: Annotated[str, typer.Argument(metavar="FILE", help="Rows with the target; - reads standard input.")],
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="COLUMNS",
            help="The target of a model saved from Python, which does not know its name.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Look for dead and saturated units, gradients that fade or grow, units alike, NaN, and steps too long or short."""
    from deltarule.cli.output import console, note, notes, show_json
    from deltarule.tabular import read_table
    from deltarule.tabular.load import load

    trained = load(model)
    told: list[str] = []
    report = _report(model, trained, read_table(table), target or [], told)
    for text in told:
        note(text)
    if as_json:
        show_json({"model": model, **report.to_dict(), "notes": notes()})
    else:
        console().print(report)


def _report(path: str, trained: Any, frame: Any, target: list[str], told: list[str]) -> Any:
    """The diagnosis of either kind of model."""
    from deltarule.cli.output import split_names
    from deltarule.errors import InvalidOption
    from deltarule.tabular.model import TabularModel
    from deltarule.tabular.named import diagnose_named

    names = split_names(target)
    if not isinstance(trained, TabularModel):
        if not names:
            raise InvalidOption(
                f"{path}: expected --target, the column that this {type(trained).__name__} saved from Python predicts, "
                "found none",
                "name it",
            )
        return diagnose_named(trained, frame, names, notes=told)
    if names not in ((), (trained.outcome.name,)):
        raise InvalidOption(
            f"{path}: expected no --target but its own, {trained.outcome.name!r}, found {', '.join(names)}",
            "leave it out",
        )
    return trained.diagnose(frame, notes=told)
