"""``deltarule trace``: each step of a network with its numbers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deltarule.cli import network as of
from deltarule.cli.numbers import split_outside

if TYPE_CHECKING:
    from deltarule.cli.network import Case
    from deltarule.tracing import Trace

FORMATS = ("text", "markdown", "latex", "html", "json")
_SUFFIXES = {".md": "markdown", ".tex": "latex", ".html": "html", ".htm": "html", ".json": "json", ".txt": "text"}
_SHOW = "What is shown"
NOT_ALL_RIGHT = 1
"""Exit code where an answer was wrong."""


def command(
    model: of.Model = None,
    table: of.Table = None,
    row: of.Row = None,
    target: of.Target = None,
    layers: of.Layers = None,
    activation: of.Activations = None,
    loss: of.LossName = None,
    x: of.Xs = None,
    y: of.Ys = None,
    weights: of.Weights = None,
    dropout: of.Dropout = "0",
    module: of.Module = None,
    sample_weights: of.SampleWeights = None,
    alpha: of.Alpha = "0.1",
    optimizer: of.Optimizer = "gradient_descent",
    penalty: of.Penalty = None,
    seed: of.Seed = 0,
    steps: Annotated[int, typer.Option(metavar="N", help="Updates in a row.", rich_help_panel=_SHOW)] = 1,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Samples an update; all by default.", rich_help_panel=_SHOW)
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="PARTS", help="forward, loss, cost, backward, check, update, after.", rich_help_panel=_SHOW
        ),
    ] = None,
    digits: Annotated[int, typer.Option(metavar="N", min=1, max=15, help="Decimals.", rich_help_panel=_SHOW)] = 4,
    no_dropout: Annotated[
        bool, typer.Option("--no-dropout", help="As the network predicts: nothing dropped.", rich_help_panel=_SHOW)
    ] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Fractions where possible.", rich_help_panel=_SHOW)] = False,
    quiz: Annotated[
        bool, typer.Option("--quiz", help="Leave results out and ask for them.", rich_help_panel=_SHOW)
    ] = False,
    blank: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Results to leave out: Z1,dW2, or all.", rich_help_panel=_SHOW),
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help=", ".join(FORMATS) + ".", rich_help_panel=_SHOW)
    ] = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Where it goes; - is standard output.")
    ] = "-",
) -> None:
    """Show each step of a network on some samples: forward, loss, backward, gradient check, update.

    deltarule trace MODEL TABLE --row 3

    deltarule trace --layers 2-3-1 --activation relu,sigmoid --x 1,2 --y 1 --weights weights.json --alpha 0.1
    """
    given = locals()
    from deltarule.cli.output import check_output
    from deltarule.cli.own import split_name
    from deltarule.errors import InvalidOption

    kind = chosen_format(format_, output)
    inputs = [name for name in (model, table, weights, module and split_name(module)[0]) if name is not None]
    if output != "-":
        check_output(output, inputs=inputs)
    case = of.Asked.among(given).case()
    parts = split_outside(only) if only else []
    blanks = split_outside(blank) if blank else []
    options = {**case.options, "sample_weight": case.w, "exact": exact, "dropout": not no_dropout}
    if quiz:
        if steps != 1 or batch_size is not None or kind != "text" or output != "-":
            raise InvalidOption("expected --quiz on the terminal with one step over all samples")
        ask(case, options, blanks, parts, digits, seed)
        return
    from deltarule.tracing import trace

    found = trace(case.network, case.X, case.y, **options, steps=steps, batch_size=batch_size)
    shown = found.only(*parts) if parts else found
    if not any(iteration.sections for iteration in shown.iterations):
        raise InvalidOption(f"expected targets to show {only}, found none", "give --y, or a table with the target")
    show(shown, kind, output, digits, left_blank(found, blanks))


def left_blank(found: Trace, names: list[str]) -> list[str]:
    """Keys of the numbers to leave out; updated parameters stand under a key of their own."""
    from deltarule.errors import InvalidOption

    known = {step.symbol.key: step for step in found.steps() if step.symbol is not None and step.value is not None}
    for name in names:
        if name not in known and name != "all":
            raise InvalidOption(f"expected results out of {', '.join(known)}, or all, found {name!r}")
    chosen = list(known) if "all" in names else names
    return [f"{name}_new" if known[name].name == "update" else name for name in chosen]


def chosen_format(name: str | None, output: str) -> str:
    """The format asked for, else that of the file name, else text."""
    from deltarule.cli.output import format_of
    from deltarule.errors import InvalidOption

    if name is not None and name not in FORMATS:
        raise InvalidOption(f"expected a format out of {', '.join(FORMATS)}, found {name!r}")
    return name or ("text" if output == "-" else format_of(output, _SUFFIXES))


def show(found: Trace, kind: str, output: str, digits: int, blanks: list[str]) -> None:
    """On standard output, in color on a terminal; or in a file."""
    from deltarule.atomic import atomic_write

    if kind == "text" and output == "-":
        on_terminal(found, digits, blanks)
        return
    width = {"width": 100} if kind == "text" else {}
    text: str = getattr(found, f"to_{kind}")(digits=digits, blanks=blanks, **width)
    if output == "-":
        sys.stdout.write(text)
        return
    with atomic_write(output) as temporary:
        temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def on_terminal(found: Trace, digits: int, blanks: list[str]) -> None:
    """Line by line, as wide as the terminal is."""
    from deltarule.cli.output import console
    from deltarule.tracing.faces.terminal import lines

    screen = console()
    width = screen.width if sys.stdout.isatty() else min(screen.width, 100)
    for line in lines(found, width, digits, frozenset(blanks)):
        line.rstrip()
        screen.print(line, soft_wrap=True)


def ask(case: Case, options: dict[str, Any], blanks: list[str], parts: list[str], digits: int, seed: int) -> None:
    """Show the trace with blanks, ask for each, and check what is typed; one answer a line."""
    from deltarule.cli.output import say
    from deltarule.errors import InvalidOption
    from deltarule.tracing import Quiz

    quiz = Quiz(case.network, case.X, case.y, blanks=blanks, quiz_seed=seed, **options)
    shown = quiz.trace.only(*(parts or ("forward", "loss", "cost", "backward", "update")))
    on_terminal(shown, digits, list(quiz.blanks))
    say("\nWhat belongs in place of each ?  Numbers to two or more digits; an empty line gives up.")
    right = 0
    for key in quiz.keys:
        print(f"{quiz.question(key)}\n> ", end="", flush=True)
        typed = sys.stdin.readline()
        if not sys.stdin.isatty():
            print(typed.rstrip("\n"))
        while typed.strip():
            try:
                judgment = quiz.answer(key, typed.strip())
            except InvalidOption as error:
                say(f"  {error}")
                typed = input_again()
                continue
            say(f"  {judgment.verdict}")
            right += judgment.right
            if not judgment.right:
                say(f"  right: {quiz.expected(key, digits)}")
            break
        else:
            say(f"  not answered; right: {quiz.expected(key, digits)}")
    say(f"{right} of {len(quiz.keys)} right")
    if right < len(quiz.keys):
        raise typer.Exit(NOT_ALL_RIGHT)


def input_again() -> str:
    """Another try, for someone at a terminal; a file has only one."""
    if not sys.stdin.isatty():
        return ""
    print("> ", end="", flush=True)
    return sys.stdin.readline()
