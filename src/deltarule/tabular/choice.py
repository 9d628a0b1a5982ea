"""Which model learns a table: the one asked for, or the better one of a network and the simple model of the task."""

from __future__ import annotations

from dataclasses import dataclass

from deltarule.errors import InvalidOption
from deltarule.tabular.options import Options
from deltarule.tabular.target import Task

PARAMETERS = {
    "hidden": "hidden_layer_sizes",
    "activation": "activation",
    "loss": "loss",
    "optimizer": "solver",
    "learning_rate": "learning_rate_init",
    "schedule": "learning_rate",
    "epochs": "max_iter",
    "batch_size": "batch_size",
    "patience": "n_iter_no_change",
    "dropout": "dropout",
}
"""Option -> parameter of an estimator that has it."""


@dataclass(frozen=True)
class Decision:
    """One choice: what it is about, what was chosen, and why (for people)."""

    what: str
    choice: str
    why: str


def simple_model(task: Task) -> str:
    """The convex model for a task."""
    return "logistic" if task.is_classification else "linear"


def choose_model(options: Options, task: Task) -> tuple[str, str]:
    """Which model, and why; the contest of ``"auto"`` begins with the network, see `contender`.

    Raises
    ------
    InvalidOption
        If the model asked for cannot learn the task.
    """
    if options.model == "auto" and options.formula is not None:
        return simple_model(task), "a formula was given"
    if options.model == "auto":
        given = _of_the_network(options)
        if given:
            return "mlp", f"{spoken(given[0])} was given; without options of a model, {simple_model(task)} is tried too"
        if not options.split[1]:
            return "mlp", f"no validation rows to compare it with a {simple_model(task)} model"
        return "mlp", f"{simple_model(task)} competes: the better one on the validation rows is kept"
    if options.model == "linear" and task.is_classification:
        raise InvalidOption(
            f"expected a regression for the linear model, found {task} ({task.why})", "choose logistic or mlp"
        )
    if options.model == "logistic" and not task.is_classification:
        raise InvalidOption(
            f"expected classes for the logistic model, found {task} ({task.why})", "choose linear or mlp"
        )
    return options.model, "as asked"


def contender(options: Options, task: Task) -> str | None:
    """The simple model that the network must beat on the validation rows; None if there is no contest."""
    open_to_both = (
        options.model == "auto" and options.formula is None and not _of_the_network(options) and options.split[1] > 0
    )
    return simple_model(task) if open_to_both else None


def _of_the_network(options: Options) -> list[str]:
    """The options given that say how a network is to be; a simple model has none of them, or means another thing."""
    return sorted(options.changed().keys() & {*PARAMETERS, "l1", "l2"})


def spoken(option: str) -> str:
    """An option as the command line has it."""
    return "--" + option.replace("_", "-")
