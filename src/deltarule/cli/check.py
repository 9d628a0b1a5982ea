"""``deltarule check``: a hand calculation, or a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deltarule.cli import network as of
from deltarule.cli.numbers import read_document
from deltarule.cli.trace import NOT_ALL_RIGHT

if TYPE_CHECKING:
    from deltarule.cli.network import Case
    from deltarule.tracing import AnswerReport


def command(
    model: of.Model = None,
    table: of.Table = None,
    answers: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="JSON or YAML with any of Z1, a1, L, J, dZ1, dA1, dW1, db1, W1, ..."),
    ] = None,
    gradient: Annotated[bool, typer.Option("--gradient", help="Backpropagation against centered differences.")] = False,
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
    engine: Annotated[str, typer.Option(metavar="NAME", help="Whose gradient is checked.")] = "reference",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Check a hand calculation, or the gradient of a network.

    The exit code is 0 if all is right, 1 if not.

    deltarule check --answers mine.json --layers 2-3-1 --activation relu,sigmoid --x 1,2 --y 1 --weights weights.json

    deltarule check --gradient --layers 2-3-1 --activation tanh,sigmoid

    deltarule check --gradient --module my.py
    """
    given = locals()
    from deltarule.errors import InvalidOption

    if (answers is None) == (not gradient):
        raise InvalidOption("expected --answers FILE or --gradient, one of them", "see deltarule check --help")
    asked = of.Asked.among(given)
    if gradient:
        right = check_gradient(asked, engine, as_json)
    else:
        right = check_hand_calculation(asked.case(), str(answers), as_json)
    if not right:
        raise typer.Exit(NOT_ALL_RIGHT)


def check_hand_calculation(case: Case, path: str, as_json: bool) -> bool:
    """Say for each answer whether it is right."""
    from deltarule.cli.output import show_json
    from deltarule.errors import DataError
    from deltarule.tracing import check_answers

    if case.y is None:
        raise DataError("expected targets to check against, found none", "give --y, or a table with the target")
    given = read_document(path)
    report = check_answers(case.network, case.X, case.y, given, sample_weight=case.w, **case.options)
    if as_json:
        show_json(_document(report))
    else:
        _show(report)
    return report.right


def _document(report: AnswerReport) -> dict[str, Any]:
    from deltarule.tracing.faces.document import plain

    return {
        "right": report.right,
        "answers": [
            {
                "name": x.name,
                "quantity": x.key,
                "right": x.right,
                "cause": x.cause,
                "note": x.note,
                "given": plain(x.given),
                "expected": plain(x.expected),
                "where": None if x.where is None else list(x.where),
            }
            for x in report.judgments
        ],
    }


def _show(report: AnswerReport) -> None:
    from rich.text import Text

    from deltarule.cli.output import console, say

    screen = console()
    for judgment in report.judgments:
        color = "green" if judgment.right else "red"
        screen.print(Text(judgment.verdict, style=color), soft_wrap=True)
        if judgment.detail:
            screen.print(Text(f"    {judgment.detail}", style="dim"), soft_wrap=True)
    say(report.summary)


def check_gradient(asked: of.Asked, engine: str, as_json: bool) -> bool:
    """Each parameter array against centered differences; of a module, each function alone first."""
    from deltarule.cli.output import show_json
    from deltarule.cli.own import read_module
    from deltarule.engines import Data
    from deltarule.gradient_check import check_gradient as check

    if asked.module is not None and asked.layers is None and asked.model is None:
        arrays = check_own(read_module(asked.module))
    else:
        case = asked.case(samples=False)
        X, y, w = samples_of(case)
        strengths = case.options["penalties"]
        report = check(case.network, Data(X, y, w), penalties=strengths, engine=engine)
        arrays = [*check_own(case.own), *report.arrays]
    good = all(array.verdict == "good" for array in arrays)
    if as_json:
        fields = ("name", "error", "worst", "where", "analytic", "numeric", "entries", "kinks", "verdict")
        rows = [{field: getattr(array, field) for field in fields} for array in arrays]
        show_json({"good": good, "arrays": rows})
    else:
        _show_gradient(arrays)
    return good


def samples_of(case: Case) -> tuple[Any, Any, Any]:
    """Samples, targets and weights as the engines take them."""
    from deltarule.errors import DataError
    from deltarule.tracing.build import prepare

    if case.y is None:
        raise DataError("expected targets to compute a gradient, found none", "give --y, or a table with the target")
    _, data, _ = prepare(case.network, case.X, case.y, case.w)
    return data.X, data.y, data.w


def check_own(entries: dict[str, Any]) -> list[Any]:
    """The functions of a user's module, each against its own differences."""
    from dataclasses import replace

    from deltarule.equations import Activation
    from deltarule.errors import DataError
    from deltarule.function_check import check_activation, check_loss

    found = []
    for name, entry in entries.items():
        try:
            single = check_activation(entry) if isinstance(entry, Activation) else check_loss(entry)
        except Exception as error:
            raise DataError(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}") from None
        found.append(replace(single, name=f"{name}'"))
    return found


def _show_gradient(arrays: list[Any]) -> None:
    from deltarule.cli.output import say, show_table

    rows = [
        (
            x.name,
            f"{x.entries:,}",
            f"{x.kinks:,}",
            f"{max(x.error, x.worst):.1e}",
            x.verdict,
            "" if x.verdict == "good" else f"at {list(x.where)}: {x.analytic:.6g} given, {x.numeric:.6g} measured",
        )
        for x in arrays
    ]
    show_table("Gradient check", rows, ("array", "entries", "at kinks", "relative error", "verdict", ""))
    say("centered differences, h = 1e-6, float64; up to 1e-7 is good, above 1e-2 probably wrong")
    kinks = sum(x.kinks for x in arrays)
    if kinks:
        say(f"{kinks} entries left out: between θ - h and θ + h they cross a kink, where the difference says nothing")
