"""``deltarule table NAME``: an activation and its derivative in numbers."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An activation, such as sigmoid or 'leaky_relu(0.2)'.")],
    low: Annotated[float, typer.Option("--from", metavar="Z", help="The first Z.")] = -2.0,
    high: Annotated[float, typer.Option("--to", metavar="Z", help="The last Z.")] = 2.0,
    step: Annotated[float, typer.Option(metavar="H", help="From one Z to the next.")] = 0.5,
    digits: Annotated[int, typer.Option(metavar="N", help="Decimals.", min=0, max=15)] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, not rounded.")] = False,
) -> None:
    """Show Z, g(Z) and g'(Z) of an activation; by default the lecture's table."""
    from deltarule.cli.output import show_json, show_table
    from deltarule.equations.activation_table import activation_table

    found = activation_table(name, low, high, step)
    if as_json:
        show_json(
            {
                "activation": name,
                "Z": [Z for Z, _, _ in found],
                "g": [a for _, a, _ in found],
                "dg": [d for *_, d in found],
            }
        )
        return
    rows = [(f"{Z:g}", f"{a:z.{digits}f}", f"{slope:z.{digits}f}") for Z, a, slope in found]
    show_table(name, rows, ("Z", "g(Z)", "g'(Z)"))
