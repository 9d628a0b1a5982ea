"""``deltarule train FILE --target COLUMN``: from a table to a model file."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from deltarule.cli import train_options as options
from deltarule.cli.numbers import numbers, whole_numbers
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


MOST_COLUMNS = 30
"""Beyond, columns that are alike share a line."""


def command(
    table: options.Table,
    target: options.Target = None,
    formula: options.Formula = None,
    output: options.Output = "model.safetensors",
    task: options.Task = "auto",
    drop: options.Drop = None,
    categorical: options.Categorical = None,
    numeric: options.Numeric = None,
    weights: options.Weights = None,
    split: options.Split = "70,15,15",
    scale: options.Scale = "standard",
    model: options.Model = "auto",
    hidden: options.Hidden = None,
    activation: options.Activation = None,
    loss: options.Loss = "auto",
    dropout: options.Dropout = 0.0,
    l1: options.L1 = 0.0,
    l2: options.L2 = None,
    class_weight: options.ClassWeight = "none",
    optimizer: options.Optimizer = "auto",
    learning_rate: options.LearningRate = None,
    schedule: options.Schedule = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    patience: options.Patience = None,
    seed: options.Seed = 0,
    engine: options.Engine = "auto",
    checkpoint: options.Checkpoint = None,
    resume: options.Resume = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
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
    chosen = _options(asked | {"formula": formula})
    _check_files(table, output, checkpoint, resume=resume)
    prepared = prepare(read_table(table), target, chosen)
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
        _show_result(trained, table, output, seconds, contest=contender(chosen, prepared.task) is not None)
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
    hidden = None if asked["hidden"] is None else whole_numbers("--hidden", asked["hidden"], "64,32")
    return Options(
        **{name: asked[name] for name in names} | read | {"hidden": hidden, "split": _shares(asked["split"])}
    )


def _check_files(table: str, output: str, checkpoint: str | None, *, resume: bool) -> None:
    """Refuse names of files that cannot be written or must not be, before any work is done."""
    from pathlib import Path

    from deltarule.cli.output import check_output, note
    from deltarule.errors import InvalidOption

    if resume and checkpoint is None:
        raise InvalidOption("expected --checkpoint FILE beside --resume, found none", "name the file to go on from")
    if output == "-":
        raise InvalidOption("expected a path for the model, found -", "such as -o model.safetensors")
    check_output(output, inputs=[table], kind="model")
    if checkpoint is not None:
        check_output(checkpoint, inputs=[table, output], kind=None if resume else "checkpoint")
        if not resume and Path(checkpoint).exists():
            note(f"the training begins anew and replaces the checkpoint {checkpoint}; --resume goes on from one")


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


def _shares(text: str) -> tuple[float, float, float]:
    """Three shares that add up to 1, from percent or shares."""
    from deltarule.errors import InvalidOption

    found = numbers("--split", text, "70,15,15")
    if len(found) != 3:
        raise InvalidOption(f"expected --split as three numbers, found {text!r}", "such as 70,15,15")
    training, validation, test = found
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
    from deltarule.cli.output import judge, say, show_metrics, show_summary
    from deltarule.tabular.wording import count

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
        title = f"Test, on {count(report['rows']['test'], 'row')} that training has not seen{trained.weighting}"
        show_metrics(title, report["test"], report["baseline"], report["baseline_is"])
        slower = "a lower --learning-rate, " if hasattr(trained.estimator, "hidden_layer_sizes") else ""
        remedy = f"{slower}a higher --l2, another --model or more rows may help"
        judge(report["test"], report["baseline"], report["rows"]["test"], remedy)
    say()
    say(f"model written to {output}")
    shown = "FILE" if table == "-" else shlex.quote(table)
    say(f"next: deltarule predict {shlex.quote(output)} {shown} -o predictions.csv")


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
