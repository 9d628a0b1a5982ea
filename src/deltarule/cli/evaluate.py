"""``deltarule evaluate MODEL FILE``."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A file written by deltarule train.")],
    table: Annotated[str, typer.Argument(metavar="FILE", help="Rows with the target; - reads standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Compare a model's predictions with the truth, beside a trivial baseline."""
    from deltarule.cli.output import judge, load_model, note, notes, show_json, show_metrics
    from deltarule.tabular import read_table
    from deltarule.tabular.wording import count

    trained = load_model(model, target=True)
    told: list[str] = []
    found = trained.evaluate(read_table(table), notes=told)
    for text in told:
        note(text)
    if as_json:
        show_json(
            {"model": model, "target": trained.outcome.name, "task": trained.outcome.kind, **found, "notes": notes()}
        )
        return
    title = f"{trained.outcome.name}: {trained.outcome.kind} on {count(found['rows'], 'row')}"
    title += trained.weighting if found["weights"] else ""
    show_metrics(title, found["metrics"], found["baseline"], found["baseline_is"])
    remedy = "they may be of another kind than those of the training"
    judge(found["metrics"], found["baseline"], found["rows"], remedy)
