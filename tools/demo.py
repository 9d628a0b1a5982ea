"""Train all three kinds of model on real tables through the command line: ``make demo``.

The tables are those that scikit-learn ships. Each is written to CSV and read back by ``deltarule train``, as a file of
a user would be. The column "scikit-learn" is its counterpart, trained on the same rows, prepared in the same way.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier

import deltarule
from deltarule.tabular import read_table
from deltarule.tabular.options import Options
from deltarule.tabular.prepare import prepare


@dataclass(frozen=True)
class Lesson:
    """A table, the model trained on it, and scikit-learn's counterpart."""

    table: str
    target: str
    model: str
    what: str
    options: dict[str, Any]
    counterpart: Any

    @property
    def flags(self) -> list[str]:
        """The options as they stand on the command line."""
        return [text for name, value in self.options.items() for text in (f"--{name.replace('_', '-')}", str(value))]


LESSONS = (
    Lesson(
        "diabetes",
        "progression",
        "linear",
        "linear regression",
        {"optimizer": "nesterov", "learning_rate": 0.1, "epochs": 2000, "patience": 200},
        LinearRegression(),
    ),
    Lesson(
        "breast_cancer",
        "diagnosis",
        "logistic",
        "logistic regression",
        {"optimizer": "gradient_descent", "learning_rate": 0.5, "epochs": 500},
        LogisticRegression(),
    ),
    Lesson("digits", "digit", "mlp", "neural network", {}, MLPClassifier((64, 32), max_iter=100, random_state=0)),
)


def run(*arguments: str) -> None:
    """Run ``deltarule``, showing what is typed and what it prints."""
    Console().print(f"\n[bold]$ deltarule {' '.join(arguments)}[/bold]", highlight=False)
    done = subprocess.run([sys.executable, "-m", "deltarule", *arguments], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def scores(lesson: Lesson, csv: Path, saved: Path) -> tuple[str, float, float, float]:
    """Name of the score, and on the test rows: trivial baseline, this package, scikit-learn."""
    model = deltarule.load(saved)
    prepared = prepare(read_table(csv), lesson.target, Options(model=lesson.model, **lesson.options))
    metric = "r2" if prepared.task.kind == "regression" else "accuracy"
    train, test = prepared.train, prepared.test
    warnings.simplefilter("ignore", ConvergenceWarning)
    theirs = lesson.counterpart.fit(train.X, train.y).score(test.X, test.y)
    return (
        {"r2": "R²"}.get(metric, metric),
        model.report["baseline"][metric],
        model.report["test"][metric],
        float(theirs),
    )


def main(folder: str) -> None:
    """Train every lesson and print the table of scores."""
    home = Path(folder)
    home.mkdir(exist_ok=True)
    table = Table(title="Scores on the test rows, which no model has seen")
    for column in ("table", "model", "score", "trivial", "scikit-learn", "deltarule"):
        table.add_column(column, justify="left" if column in ("table", "model", "score") else "right")
    for lesson in LESSONS:
        csv, saved = home / f"{lesson.table}.csv", home / f"{lesson.table}.safetensors"
        run("sample", lesson.table, "-o", str(csv))
        run("train", str(csv), "--target", lesson.target, "--model", lesson.model, *lesson.flags, "-o", str(saved))
        metric, trivial, own, theirs = scores(lesson, csv, saved)
        table.add_row(
            lesson.table,
            lesson.what,
            metric,
            f"{round(trivial, 3) + 0:.3f}",
            f"{theirs:.3f}",
            f"[bold]{own:.3f}[/bold]",
        )
    console = Console()
    console.print()
    console.print(table)
    console.print(
        f"Tables and models lie in {home}/. Look into one: {Path(sys.executable).parent}/deltarule inspect {saved}"
    )


if __name__ == "__main__":
    main(sys.argv[1])
