"""``deltarule train FILE --target COLUMN``: from a table to a model file."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from deltarule.cli.output import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deltarule.callbacks import Callback
    from deltarule.tabular.columns import Column
    from deltarule.tabular.model import TabularModel
    from deltarule.tabular.options import Options
    from deltarule.tabular.prepare import Prepared


class TrainCommand(TyperCommand):
    """Its help ends with the names in the registers, which are read only when the help is asked for."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The usual help, then the names."""
        from deltarule.engines import ENGINES
        from deltarule.equations import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES

        names = {
            "activations": [name for name, entry in ACTIVATIONS.items() if not entry.output_only],
            "losses": LOSSES,
            "optimizers": OPTIMIZERS,
            "schedules": SCHEDULES,
            "engines": ["auto", *ENGINES],
        }
        lines = [f"{kind}: {', '.join(known)}" for kind, known in names.items()]
        lines.append("Options of an entry go in parentheses: --activation 'leaky_relu(slope=0.2)'.")
        self.epilog = "\n\n".join(lines)
        super().format_help(ctx, formatter)


_DATA, _MODEL, _STEPS, _OUTPUT = "Table", "Model", "Training", "Output"

MOST_COLUMNS = 30
"""Beyond, columns that are alike share a line."""


def command(
    table: Annotated[
        str,
        typer.Argument(metavar="FILE", help="CSV, TSV, Parquet, Arrow or NDJSON, also .gz; - reads standard input."),
    ],
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="COLUMN", help="The column to be predicted.", show_default=False),
    ] = None,
    formula: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Such as 'y ~ x + log(z) + C(group)', for a linear or logistic model.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="MODEL", help="Where the model goes.", rich_help_panel=_OUTPUT)
    ] = "model.safetensors",
    task: Annotated[
        str, typer.Option(metavar="TASK", help="auto, regression, binary, multiclass.", rich_help_panel=_DATA)
    ] = "auto",
    drop: Annotated[
        list[str] | None, typer.Option(metavar="COLUMNS", help="Leave out, separated by commas.", rich_help_panel=_DATA)
    ] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(metavar="COLUMNS", help="Use as categories.", rich_help_panel=_DATA)
    ] = None,
    numeric: Annotated[
        list[str] | None, typer.Option(metavar="COLUMNS", help="Use as numbers.", rich_help_panel=_DATA)
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the sample weights.", rich_help_panel=_DATA)
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="A,B,C", help="Percent for training, validation and test.", rich_help_panel=_DATA)
    ] = "70,15,15",
    scale: Annotated[
        str, typer.Option(metavar="HOW", help="standard, robust, none.", rich_help_panel=_DATA)
    ] = "standard",
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="auto: mlp or the simple one; linear, logistic, mlp.", rich_help_panel=_MODEL
        ),
    ] = "auto",
    hidden: Annotated[
        str | None,
        typer.Option(metavar="UNITS", help="Units of each hidden layer, such as 64,32.", rich_help_panel=_MODEL),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Of the hidden layers, one for all or one each: relu,tanh.", rich_help_panel=_MODEL
        ),
    ] = None,
    loss: Annotated[
        str, typer.Option(metavar="NAME", help="Follows the task by default.", rich_help_panel=_MODEL)
    ] = "auto",
    dropout: Annotated[
        float, typer.Option(metavar="SHARE", help="Of the hidden units left out in a step.", rich_help_panel=_MODEL)
    ] = 0.0,
    l1: Annotated[float, typer.Option("--l1", metavar="STRENGTH", help="L1 penalty.", rich_help_panel=_MODEL)] = 0.0,
    l2: Annotated[
        float | None, typer.Option("--l2", metavar="STRENGTH", help="L2 penalty.", rich_help_panel=_MODEL)
    ] = None,
    class_weight: Annotated[
        str, typer.Option(metavar="HOW", help="none, or balanced: rare classes count as much.", rich_help_panel=_MODEL)
    ] = "none",
    optimizer: Annotated[str, typer.Option(metavar="NAME", help="adam by default.", rich_help_panel=_STEPS)] = "auto",
    learning_rate: Annotated[
        float | None, typer.Option(metavar="RATE", rich_help_panel=_STEPS, show_default=False)
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the learning rate; constant by default.", rich_help_panel=_STEPS),
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="The most.", rich_help_panel=_STEPS)] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="ROWS", rich_help_panel=_STEPS, show_default=False)] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Epochs without a lower validation loss; 20 by default.", rich_help_panel=_STEPS
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="The same seed gives the same model.", rich_help_panel=_STEPS)
    ] = 0,
    engine: Annotated[str, typer.Option(metavar="NAME", help="Who computes.", rich_help_panel=_STEPS)] = "auto",
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the state of the training after each epoch.", rich_help_panel=_STEPS),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.", rich_help_panel=_STEPS)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output.", rich_help_panel=_OUTPUT)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Nothing but notes and errors.", rich_help_panel=_OUTPUT)
    ] = False,
) -> int:
    """Train a model on a table and write it to a file.

    What is not said is found out, and each choice is shown with its reason.
    """
    asked = locals()
    from deltarule.cli.output import notes
    from deltarule.tabular import read_table
    from deltarule.tabular.choice import contender
    from deltarule.tabular.fit import train
    from deltarule.tabular.prepare import prepare

    notes()
    target, formula = _target_of(target, formula)
    options = _options(asked | {"formula": formula})
    _check_files(table, output, checkpoint, resume=resume)
    prepared = prepare(read_table(table), target, options)
    if checkpoint is not None:
        _require_steps(prepared)
    if not (quiet or as_json):
        _show_decisions(prepared)
    began = time.perf_counter()
    trained = train(prepared, _callbacks(checkpoint, resume=resume, quiet=quiet))
    seconds = time.perf_counter() - began
    trained.save(output)
    if as_json:
        _show_json(trained, output, seconds)
    elif not quiet:
        _show_result(trained, table, output, seconds, contest=contender(options, prepared.task) is not None)
    if not trained.report["interrupted"]:
        return 0
    print(f"deltarule: interrupted: the best model so far is in {output}", file=sys.stderr)
    return INTERRUPTED


def _options(asked: Mapping[str, Any]) -> Options:
    """What was asked for on the command line, under the names it has there, read into options."""
    from deltarule.cli.output import split_names
    from deltarule.tabular.options import Options

    names = [field.name for field in dataclasses.fields(Options)]
    read = {name: split_names(asked[name] or []) for name in ("drop", "categorical", "numeric")}
    hidden = None if asked["hidden"] is None else _whole_numbers(asked["hidden"], "--hidden")
    return Options(
        **{name: asked[name] for name in names} | read | {"hidden": hidden, "split": _shares(asked["split"])}
    )


def _check_files(table: str, output: str, checkpoint: str | None, *, resume: bool) -> None:
    """Refuse names of files that cannot be written or must not be, before any work is done."""
    from deltarule.cli.output import check_output
    from deltarule.errors import InvalidOption

    if resume and checkpoint is None:
        raise InvalidOption("expected --checkpoint FILE beside --resume, found none", "name the file to go on from")
    if output == "-":
        raise InvalidOption("expected a path for the model, found -", "such as -o model.safetensors")
    check_output(output, inputs=[table], kind="model")
    if checkpoint is not None:
        check_output(checkpoint, inputs=[table, output], kind=None if resume else "checkpoint")


def _require_steps(prepared: Prepared) -> None:
    """Refuse a checkpoint of a training that has no state between its beginning and its end."""
    from deltarule.errors import InvalidOption

    if not prepared.recipe.by_steps:
        raise InvalidOption(
            "expected a training of several steps for --checkpoint, found a linear model, which is solved in one",
            "leave it out, or name an --optimizer",
        )


def _target_of(target: str | None, formula: str | None) -> tuple[str, str | None]:
    """The column to be predicted, named by an option or on the left of the formula, and the right of it."""
    from deltarule.errors import InvalidOption

    right = None
    if formula is not None:
        from deltarule.tabular.expressions import split_formula

        left, right = split_formula(formula)
        if left is not None and target not in (None, left):
            raise InvalidOption(f"expected one column to be predicted, found {target!r} and {left!r} in the formula")
        target = left or target
    if not target:
        raise InvalidOption("expected the column to be predicted, found no --target; see deltarule train --help")
    return target, right


def _whole_numbers(text: str, name: str) -> tuple[int, ...]:
    from deltarule.errors import InvalidOption

    try:
        return tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise InvalidOption(
            f"expected {name} as whole numbers separated by commas, found {text!r}", "such as 64,32"
        ) from None


def _shares(text: str) -> tuple[float, float, float]:
    """Three shares that add up to 1, from percent or shares."""
    from deltarule.errors import InvalidOption

    try:
        training, validation, test = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidOption(
            f"expected --split as three numbers separated by commas, found {text!r}", "such as 70,15,15"
        ) from None
    total = 100.0 if training + validation + test > 1.5 else 1.0
    if min(training, validation, test) < 0 or abs(training + validation + test - total) > 1e-9 * total:
        raise InvalidOption(
            f"expected --split as three numbers that add up to 100 or to 1, found {text!r}", "such as 70,15,15"
        )
    return training / total, validation / total, test / total


def _callbacks(checkpoint: str | None, *, resume: bool, quiet: bool) -> list[Callback]:
    from deltarule.callbacks import Progress
    from deltarule.checkpoint import Checkpoint

    found: list[Callback] = []
    if checkpoint is not None:
        found.append(Checkpoint(checkpoint, resume=resume))
    if not quiet and sys.stderr.isatty():
        found.append(Progress())
    return found


def _show_decisions(prepared: Prepared) -> None:
    from deltarule.cli.output import show_table

    show_table("Columns", _summary(prepared.columns), ("column", "used as", "because"))
    rows = [(d.what, d.choice, d.why) for d in prepared.decisions]
    show_table("Choices", rows, ("what", "choice", "because"))


def _summary(columns: Sequence[Column]) -> list[tuple[str, str, str]]:
    """One line a column; where they are many, one line for those that are alike."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for column in columns:
        own = column.name if len(columns) <= MOST_COLUMNS else ""
        alike.setdefault((own, str(column.kind), column.why), []).append(column.name)
    return [
        (", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]}, ..., {names[-1]} ({len(names)})", kind, why)
        for (_, kind, why), names in alike.items()
    ]


def _show_result(trained: TabularModel, table: str, output: str, seconds: float, *, contest: bool) -> None:
    from deltarule.cli.output import say, show_metrics, show_summary
    from deltarule.tabular.values import count

    report = trained.report
    n_epochs = len(trained.history.get("loss", []))
    best = f", the best was epoch {report['best_epoch']}" if report["best_epoch"] else ""
    say()
    if contest:
        say(next(f"model kept: {d['choice']}, {d['why']}" for d in report["decisions"] if d["what"] == "model"))
    how = f"trained for {count(n_epochs, 'epoch')}{best}," if report["stopped"] else "solved"
    say(f"{how} in {seconds:.1f} s. {report['stopped']}".rstrip())
    if hasattr(trained.estimator, "summary"):
        show_summary(trained.summary())
    if report["test"] is None:
        say("no rows were kept for a test: deltarule evaluate measures the model on another table")
    else:
        title = f"Test, on {count(report['rows']['test'], 'row')} that training has not seen"
        show_metrics(title, report["test"], report["baseline"], report["baseline_is"])
        _judge(trained)
    say()
    say(f"model written to {output}")
    shown = "FILE" if table == "-" else shlex.quote(table)
    say(f"next: deltarule predict {shlex.quote(output)} {shown} -o predictions.csv")


def _judge(trained: TabularModel) -> None:
    from deltarule.cli.output import note
    from deltarule.tabular.metrics import beats

    if beats(trained.report["test"], trained.report["baseline"]) is False:
        slower = "a lower --learning-rate, " if hasattr(trained.estimator, "hidden_layer_sizes") else ""
        note(
            f"the model is no better than the baseline on the test rows; {slower}a higher --l2, another --model or "
            "more rows may help"
        )


def _show_json(trained: TabularModel, output: str, seconds: float) -> None:
    from deltarule.cli.output import notes, show_json

    show_json(
        {
            "model": output,
            "target": trained.outcome.name,
            "task": trained.outcome.kind,
            "architecture": str(trained.estimator.network_),
            "epochs": len(trained.history.get("loss", [])),
            "seconds": round(seconds, 3),
            **trained.report,
            "summary": trained.summary().to_dict() if hasattr(trained.estimator, "summary") else None,
            "notes": notes(),
        }
    )
