"""From options and a number of rows to an untrained estimator, with the reason for every choice made on the way."""

from __future__ import annotations

import inspect
import math
import os
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from deltarule.equations import LOSSES, OPTIMIZERS
from deltarule.errors import InvalidOption
from deltarule.tabular.options import Options
from deltarule.tabular.target import Task

HIDDEN = (64, 32)
LEARNING_RATE = 0.002
L2 = 0.2
"""Divided by the rows of a batch, as every penalty: it holds the weights of a small table, hardly of a large one."""
MOST_SAMPLES = 30_000_000
"""Epochs times rows, unless asked for: bounds the time on a large table."""
TOLERANCE = 1e-6
"""A validation loss that falls by less has not fallen."""


@dataclass(frozen=True)
class Decision:
    """One choice: what it is about, what was chosen, and why (for people)."""

    what: str
    choice: str
    why: str


@dataclass(frozen=True)
class Recipe:
    """An untrained estimator and what led to it.

    Attributes
    ----------
    model : {"linear", "logistic", "mlp"}
    estimator : object
    decisions : tuple of Decision
    """

    model: str
    estimator: Any
    decisions: tuple[Decision, ...]


# option -> (parameter of the estimators, name on the command line)
_PARAMETERS = {
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
    "l1": "l1",
    "l2": "alpha",
    "class_weight": "class_weight",
}


def choose_model(options: Options, task: Task) -> tuple[str, str]:
    """Which model, and why.

    Raises
    ------
    InvalidOption
        If the model asked for cannot learn the task.
    """
    if options.model == "auto":
        return "mlp", "learns any shape; linear and logistic are the simple ones"
    if options.model == "linear" and task.is_classification:
        raise InvalidOption(
            f"expected a regression for the linear model, found {task} ({task.why})", "choose logistic or mlp"
        )
    if options.model == "logistic" and not task.is_classification:
        raise InvalidOption(
            f"expected classes for the logistic model, found {task} ({task.why})", "choose linear or mlp"
        )
    return options.model, "as asked"


def make_recipe(options: Options, task: Task, m: int, n_valid: int, n_features: int, n_classes: int) -> Recipe:
    """Choose what was left open.

    Parameters
    ----------
    options : Options
    task : Task
    m, n_valid : int
        Rows for training and validation.
    n_features : int
        ``n_x``, columns of the matrix.
    n_classes : int
        0 for a regression.

    Raises
    ------
    InvalidOption
        For options that do not fit the model or each other, and for sizes beyond the memory.
    """
    model, why = choose_model(options, task)
    cls = _estimator_class(model, task)
    takes = inspect.signature(cls).parameters
    asked = options.changed()
    for name in asked.keys() & _PARAMETERS.keys():
        if _PARAMETERS[name] not in takes:
            raise InvalidOption(f"the {model} model does not take {name.replace('_', '-')}", "use the model mlp")
    decisions = [Decision("model", model, why)]
    arguments: dict[str, Any] = {"random_state": options.seed, "engine": options.engine}
    iterative = model == "mlp" or options.optimizer != "auto"
    full_batch = options.optimizer != "auto" and OPTIMIZERS.choose(options.optimizer).full_batch
    if model == "mlp":
        _choose_network(options, arguments, decisions, m, n_features, max(n_classes, 1))
    _choose_loss(options, task, n_classes, arguments, decisions, model)
    if iterative:
        _choose_steps(options, arguments, decisions, m, full_batch=full_batch)
        _choose_stopping(options, arguments, decisions, n_valid)
    else:
        decisions.append(Decision("optimizer", *_OWN_SOLVER[model]))
        if options.epochs is not None:
            arguments["max_iter"] = options.epochs
    _choose_penalties(options, arguments, decisions, task, model)
    known = {name: value for name, value in arguments.items() if name in takes}
    return Recipe(model, cls(**known), tuple(decisions))


_OWN_SOLVER = {
    "linear": ("exact", "least squares have a solution in one step; name an optimizer to go there by steps"),
    "logistic": ("lbfgs", "the cost is convex: it finds the optimum; name an optimizer to go there by other steps"),
}


def _estimator_class(model: str, task: Task) -> Any:
    from deltarule import estimators

    if model == "mlp":
        return estimators.MLPClassifier if task.is_classification else estimators.MLPRegressor
    return estimators.LinearRegression if model == "linear" else estimators.LogisticRegression


def _choose_network(
    options: Options, arguments: dict[str, Any], decisions: list[Decision], m: int, n_features: int, n_outputs: int
) -> None:
    hidden = options.hidden or HIDDEN
    sizes = [n_features, *hidden, n_outputs]
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    _check_memory(n_parameters, max(hidden), options.batch_size or batch_size(m))
    arguments |= {
        "hidden_layer_sizes": tuple(hidden),
        "activation": options.activation or "relu",
        "dropout": options.dropout,
    }
    why = "as asked" if options.hidden else "enough for most tables"
    chain = " -> ".join(map(str, sizes))
    decisions.append(Decision("network", chain, f"{n_parameters:,} parameters; hidden layers {why}"))
    why = "as asked" if options.activation else "cheap, and trains well in any depth"
    decisions.append(Decision("activation", arguments["activation"], why))
    if options.dropout:
        decisions.append(Decision("dropout", f"{options.dropout:g}", "as asked"))


def _check_memory(n_parameters: int, widest: int, rows: int) -> None:
    """Refuse what the machine cannot hold: weights, gradient, two moments, the best so far, and a batch, in float32."""
    needed = 4 * (6 * n_parameters + 6 * widest * rows)
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**35
    if needed > 0.9 * there:
        raise InvalidOption(
            f"expected a network that fits into the memory of {there / 1e9:.0f} GB, found one of {n_parameters:,} "
            f"parameters that needs {needed / 1e9:,.0f} GB",
            "use smaller hidden layers",
        )


def _choose_loss(
    options: Options, task: Task, n_classes: int, arguments: dict[str, Any], decisions: list[Decision], model: str
) -> None:
    default = "log_loss" if task.is_classification else "squared_error"
    name = {0: "squared_error", 2: "binary_cross_entropy"}.get(n_classes, "categorical_cross_entropy")
    if options.loss in ("auto", "log_loss"):
        if options.loss == "log_loss" and not task.is_classification:
            raise InvalidOption("expected a loss for a regression, found 'log_loss'", "such as squared_error or huber")
        if model == "mlp":
            arguments["loss"] = default
        decisions.append(Decision("loss", name, f"the usual one for {task}"))
        return
    loss = LOSSES.choose(options.loss)
    if loss.task != ("regression" if not n_classes else "binary" if n_classes == 2 else "multiclass"):
        raise InvalidOption(
            f"expected a loss for {task}, found {loss}, which is for {loss.task}", f"leave it out, or use {name}"
        )
    arguments["loss"] = str(loss)
    decisions.append(Decision("loss", str(loss), "as asked"))


def batch_size(m: int) -> int:
    """Rows of a batch for `m` training rows: a power of two near m / 100, from 16 to 1024."""
    return int(2 ** min(10, max(4, round(math.log2(max(m, 1) / 100)))))


def epochs(m: int) -> int:
    """Most epochs for `m` training rows: 300, fewer when the rows are many."""
    return max(40, min(300, MOST_SAMPLES // max(m, 1)))


def _choose_steps(
    options: Options, arguments: dict[str, Any], decisions: list[Decision], m: int, *, full_batch: bool
) -> None:
    optimizer = "adam" if options.optimizer == "auto" else str(OPTIMIZERS.choose(options.optimizer))
    why = "robust to the scale of the gradients" if options.optimizer == "auto" else "as asked"
    n_epochs = options.epochs or (1000 if full_batch else epochs(m))
    arguments |= {"solver": optimizer, "max_iter": n_epochs}
    decisions.append(Decision("optimizer", optimizer, why))
    if not full_batch:
        size = min(m, options.batch_size or batch_size(m))
        rate = options.learning_rate or LEARNING_RATE
        arguments |= {"batch_size": size, "learning_rate_init": rate, "learning_rate": options.schedule}
        why = "as asked" if options.learning_rate else f"suits {optimizer}" if optimizer == "adam" else "the default"
        decisions.append(Decision("learning rate", f"{rate:g}, {options.schedule}", why))
        why = "as asked" if options.batch_size else f"grows with the {m:,} training rows, 16 to 1024"
        decisions.append(Decision("batch size", str(size), why))
    why = "as asked" if options.epochs else "the most, early stopping usually ends sooner"
    decisions.append(Decision("epochs", str(n_epochs), why))


def _choose_stopping(options: Options, arguments: dict[str, Any], decisions: list[Decision], n_valid: int) -> None:
    arguments |= {"n_iter_no_change": options.patience, "tol": TOLERANCE}
    if n_valid:
        arguments["early_stopping"] = "validation_loss"
        why = f"after {options.patience} epochs without a lower loss on the validation rows; the best weights are kept"
        decisions.append(Decision("early stopping", "validation loss", why))
    else:
        decisions.append(Decision("early stopping", "training loss", "there are no validation rows"))


def _choose_penalties(
    options: Options, arguments: dict[str, Any], decisions: list[Decision], task: Task, model: str
) -> None:
    l2 = options.l2 if options.l2 is not None else L2 if model == "mlp" else None
    if l2 is not None:
        arguments["alpha"] = l2
        why = "as asked" if options.l2 is not None else "keeps the weights of a network on few rows small"
        decisions.append(Decision("L2 penalty", f"{l2:g}", why))
    if options.l1:
        arguments["l1"] = options.l1
        decisions.append(Decision("L1 penalty", f"{options.l1:g}", "as asked"))
    if task.is_classification:
        balanced = options.class_weight == "balanced"
        arguments["class_weight"] = "balanced" if balanced else None
        why = (
            "as asked; probabilities no longer follow the shares of the classes"
            if balanced
            else ("probabilities stay true to the shares of the classes; 'balanced' favors the rare ones")
        )
        decisions.append(Decision("class weights", options.class_weight, why))
