"""``deltarule plot ...``: pictures of activations, of gradient descent, of a decision boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deltarule.cli.numbers import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deltarule.pictures import Descent, Problem

group = typer.Typer(
    name="plot", help="Draw activations, gradient descent on its cost, a decision boundary.", no_args_is_help=True
)

_Table = Annotated[
    str, typer.Argument(metavar="FILE", help="CSV, TSV, Parquet, Arrow or NDJSON, also .gz; - reads standard input.")
]
_Target = Annotated[str, typer.Option("--target", "-t", metavar="COLUMN", help="The column to be predicted.")]
_Features = Annotated[
    list[str] | None,
    typer.Option(metavar="A[,B]", help="One or two columns; by default the one closest to the target."),
]


_Output = Annotated[str, typer.Option("-o", "--output", metavar="OUT", help="A picture: .png, .svg or .pdf.")]


@group.command()
def activation(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Such as sigmoid tanh 'leaky_relu(0.2)'.")],
    output: _Output = "activation.png",
    low: Annotated[float, typer.Option("--from", metavar="Z", help="Where Z begins.")] = -5.0,
    high: Annotated[float, typer.Option("--to", metavar="Z", help="Where Z ends.")] = 5.0,
) -> None:
    """Draw activations and their derivatives side by side; kinks are marked with the value taken there."""
    from deltarule.pictures import plot_activation

    _check(output)
    _save(plot_activation(*names, low=low, high=high), output)


@group.command()
def descent(
    table: _Table,
    target: _Target,
    features: _Features = None,
    output: _Output = "descent.png",
    model: Annotated[str, typer.Option(metavar="MODEL", help="auto, linear, logistic.")] = "auto",
    bias: Annotated[
        bool | None,
        typer.Option("--bias/--no-bias", help="Fit b too; by default with one feature.", show_default=False),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(
            "--alpha", metavar="A,B,...", help="Learning rates; by default slow, good, oscillating, diverging."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Of each walk; by default until it is there.")] = None,
    start: Annotated[str | None, typer.Option(metavar="W,B", help="Where the walks begin; at zero by default.")] = None,
    scale: Annotated[str, typer.Option(metavar="HOW", help="auto, none, deviation, standard.")] = "auto",
    optimizer: Annotated[
        str, typer.Option(metavar="NAME", help="Another one of the register; needs --alpha.")
    ] = "gradient_descent",
) -> None:
    """Draw the cost of a fit with one or two parameters, and gradient descent on it at several learning rates."""
    from deltarule.pictures import descend, plot_descent

    _check(output, table)
    begin = None if start is None else numbers("--start", start, "0.1,0.5")
    alphas = None if rates is None else numbers("--alpha", rates, "0.1,0.5")
    problem = _problem(table, target, features, model)
    found = descend(
        problem.X, problem.y, problem.model,
        bias=bias, rates=alphas, steps=steps, start=begin, scale=scale, optimizer=optimizer,
    )  # fmt: skip
    _report(found)
    _save(plot_descent(found, features=problem.features, target=problem.target), output)


@group.command()
def boundary(
    table: _Table,
    target: _Target,
    features: _Features = None,
    output: _Output = "boundary.png",
) -> None:
    """Draw logistic regression over its data: the sigmoid with its decision boundary, or the line of two features."""
    from deltarule.pictures import plot_boundary

    _check(output, table)
    problem = _problem(table, target, features, "logistic")
    figure = plot_boundary(
        problem.X, problem.y, features=problem.features, classes=problem.classes, target=problem.target
    )
    _save(figure, output)


def _check(output: str, *inputs: str) -> None:
    """Refuse an output that cannot be written before any work is done."""
    from deltarule.cli.output import check_output
    from deltarule.pictures.canvas import check_ending

    check_ending(output)
    check_output(output, inputs=inputs)


def _save(figure: object, output: str) -> None:
    from deltarule.cli.output import say
    from deltarule.pictures import save

    save(figure, output)
    say(f"picture written to {output}")


def _problem(table: str, target: str, features: Sequence[str] | None, model: str) -> Problem:
    from deltarule.cli.output import note, split_names
    from deltarule.pictures import read_problem
    from deltarule.tabular import read_table

    problem = read_problem(read_table(table), target, split_names(features or []), model)
    for text in problem.notes:
        note(text)
    return problem


def _report(found: Descent) -> None:
    """The optimum, the bound, and what became of each walk."""
    from deltarule.cli.output import show_table
    from deltarule.pictures.surface import SEEN

    at = ", ".join(f"{name} = {value:.6g}" for name, value in zip(found.parameters, found.optimum, strict=True))
    rows = [
        ("optimum", at),
        ("cost there", f"J = {found.least:.6g}"),
        ("curvature there", f"λ_min = {found.eigenvalues[0]:.4g}, λ_max = {found.eigenvalues[-1]:.4g}"),
        ("every step goes down", f"α < {found.safe:.4g} = 2/λ_max where the curvature is largest"),
        ("bound", f"α < {found.bound:.4g} = 2/λ_max at the optimum; beyond, descent cannot settle there"),
        ("features", SEEN[found.scale]),
    ]
    show_table(f"{found.model.capitalize()} regression, {len(found.X):,} rows", rows)
    walks = [
        (
            walk.name,
            f"{walk.alpha:.4g}",
            f"{walk.alpha / found.bound:.3g}",
            f"{len(walk.costs) - 1}",
            f"{walk.costs[-1]:.6g}",
            walk.verdict,
        )
        for walk in found.walks
    ]
    show_table("Walks", walks, ("rate", "α", "α / bound", "steps", "last J", "seen"))
