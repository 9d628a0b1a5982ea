"""``deltarule derive NAME``: a derivative step by step, each step with its rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deltarule.derivations import Derivation

FORMATS = {"text": ".txt", "latex": ".tex", "html": ".html", "json": ".json"}
"""Format -> how its files end."""

STYLES = {"title": "bold cyan", "heading": "bold", "formula": "", "rule": "cyan", "text": ""}


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="An activation or a loss, such as sigmoid, 'leaky_relu(0.2)', bce, mse; or backprop."
        ),
    ] = "",
    face: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="text, latex, html or json; follows OUT.", show_default=False),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="OUT", help="Write to a file: .txt, .tex, .html, .json.")
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="What can be derived.")] = False,
) -> None:
    """Derive the derivative of an activation or a loss, or backpropagation, step by step."""
    from deltarule.atomic import atomic_write
    from deltarule.cli.output import check_output, say, show_table
    from deltarule.derivations import derive, known

    if list_all:
        show_table("Derivations", [(entry, derive(entry).title) for entry in known()], ("name", "what it derives"))
        return
    chosen = _format(face, output)
    derivation = derive(name)
    if output is None or output == "-":
        _print(derivation, chosen)
        return
    check_output(output)
    with atomic_write(output) as path:
        path.write_text(_text(derivation, chosen), encoding="utf-8")
    say(f"{derivation.title}: written to {output}")


def _format(face: str | None, output: str | None) -> str:
    """The format asked for, or the one that the name of the file tells."""
    from deltarule.cli.output import format_of
    from deltarule.errors import InvalidOption

    if face is not None:
        if face not in FORMATS:
            raise InvalidOption(f"expected --format {', '.join(FORMATS)}, found {face!r}")
        return face
    if output is None or output == "-":
        return "text"
    return format_of(output, {ending: name for name, ending in FORMATS.items()})


def _text(derivation: Derivation, face: str) -> str:
    import json

    if face == "json":
        return json.dumps(derivation.to_dict(), indent=2, ensure_ascii=False) + "\n"
    return {"text": derivation.to_text, "latex": derivation.to_latex, "html": derivation.to_html}[face]()


def _print(derivation: Derivation, face: str) -> None:
    import sys

    from rich.text import Text

    from deltarule.cli.output import console
    from deltarule.derivations.pages import styled

    screen = console()
    if face != "text":
        sys.stdout.write(_text(derivation, face))
        return
    for line, kind in styled(derivation, screen.width):
        formula, tab, reason = line.partition("\t")
        text = Text(formula, style=STYLES["formula" if tab else kind])
        screen.print(text.append(reason, style=STYLES[kind]) if tab else text, soft_wrap=True)
