"""From options and a number of rows to an untrained estimator, with the reason for every choice made on the way."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from deltarule.equations import LOSSES, OPTIMIZERS
from deltarule.errors import InvalidOption
from deltarule.tabular.options import Options
from deltarule.tabular.target import Task

HIDDEN = (64, 32)
LEARNING_RATE = 0.002
LEARNING_RATES = {"gradient_descent": 0.05, "momentum": 0.01, "nesterov": 0.01}
CONVEX_EPOCHS = 1000
"""Steps over all rows at once."""
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
    "class_weight": "class_weight",
}
"""Option -> parameter of an estimator that has it."""


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
    _check_taken(options, model, takes)
    decisions = [Decision("model", model, why)]
    arguments: dict[str, Any] = {"random_state": options.seed, "engine": options.engine}
    if model == "mlp":
        _choose_network(options, arguments, decisions, m, n_features, n_classes if n_classes > 2 else 1)
    _choose_loss(options, task, n_classes, arguments, decisions)
    if model == "mlp":
        _choose_steps(options, arguments, decisions, m)
        _choose_stopping(options, arguments, decisions, n_valid)
    else:
        _choose_convex_steps(options, arguments, decisions, model)
    _choose_penalties(options, arguments, decisions, task, model)
    known = {name: value for name, value in arguments.items() if name in takes}
    return Recipe(model, cls(**known), tuple(decisions))


def _check_taken(options: Options, model: str, takes: Mapping[str, Any]) -> None:
    """Refuse what was asked for and the model does not have."""
    usual = {"linear": "squared_error", "logistic": "log_loss"}
    for name in options.changed().keys() & _PARAMETERS.keys():
        if _PARAMETERS[name] not in takes and not (name == "loss" and options.loss == usual.get(model)):
            raise InvalidOption(f"expected options of the {model} model, found {name.replace('_', '-')}", "use the mlp")


_L2 = {"linear": 0.0, "logistic": 1.0, "mlp": L2}
_WHY_L2 = {
    "linear": "plain least squares",
    "logistic": "keeps the weights finite where classes do not overlap",
    "mlp": "keeps the weights of a network on few rows small",
}
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
    options: Options, task: Task, n_classes: int, arguments: dict[str, Any], decisions: list[Decision]
) -> None:
    name = {0: "squared_error", 2: "binary_cross_entropy"}.get(n_classes, "categorical_cross_entropy")
    if options.loss == "log_loss" and not task.is_classification:
        raise InvalidOption("expected a loss for a regression, found 'log_loss'", "such as squared_error or huber")
    if options.loss in ("auto", "log_loss"):
        arguments["loss"] = "log_loss" if task.is_classification else name
        decisions.append(Decision("loss", name, f"the usual one for {task}"))
        return
    loss = LOSSES.choose(options.loss)
    if loss.task != LOSSES[name].task:
        raise InvalidOption(
            f"expected a loss for {task}, found {loss}, which is for {loss.task}", f"leave it out, or use {name}"
        )
    arguments["loss"] = str(loss)
    decisions.append(Decision("loss", str(loss), "as asked"))


def _choose_convex_steps(options: Options, arguments: dict[str, Any], decisions: list[Decision], model: str) -> None:
    """A convex cost has one optimum, so training goes on until it is there; the rate follows from the curvature."""
    arguments["max_iter"] = options.epochs or CONVEX_EPOCHS
    if options.optimizer == "auto":
        decisions.append(Decision("optimizer", *_OWN_SOLVER[model]))
        # scikit-learn's name of a solver that takes an L1 penalty, found by L-BFGS all the same
        arguments["solver"] = "auto" if model == "linear" else "saga" if options.l1 else "lbfgs"
        return
    optimizer = OPTIMIZERS.choose(options.optimizer)
    arguments["solver"] = "saga" if model == "logistic" and options.l1 and optimizer.name == "lbfgs" else str(optimizer)
    decisions.append(Decision("optimizer", str(optimizer), "as asked"))
    if not optimizer.full_batch:
        arguments |= {
            "learning_rate_init": options.learning_rate or "auto",
            "learning_rate": options.schedule,
            "batch_size": options.batch_size or "auto",
            "n_iter_no_change": options.patience,
        }
        why = "as asked" if options.learning_rate else "from the curvature of the cost, or the optimizer's own"
        rate = f"{options.learning_rate:g}" if options.learning_rate else "auto"
        decisions.append(Decision("learning rate", f"{rate}, {options.schedule}", why))
        why = "as asked" if options.batch_size else "the whole cost in each step"
        decisions.append(Decision("batch size", str(options.batch_size or "all rows"), why))
    decisions.append(Decision("epochs", str(arguments["max_iter"]), "as asked" if options.epochs else "the most"))


def batch_size(m: int) -> int:
    """Rows of a batch for `m` training rows: a power of two near m / 100, from 16 to 1024."""
    return int(2 ** min(10, max(4, round(math.log2(max(m, 1) / 100)))))


def epochs(m: int) -> int:
    """Most epochs for `m` training rows: 300, fewer when the rows are many."""
    return max(40, min(300, MOST_SAMPLES // max(m, 1)))


def _choose_steps(options: Options, arguments: dict[str, Any], decisions: list[Decision], m: int) -> None:
    optimizer = OPTIMIZERS.choose("adam" if options.optimizer == "auto" else options.optimizer)
    why = "robust to the scale of the gradients" if options.optimizer == "auto" else "as asked"
    n_epochs = options.epochs or (CONVEX_EPOCHS if optimizer.full_batch else epochs(m))
    arguments |= {"solver": str(optimizer), "max_iter": n_epochs}
    decisions.append(Decision("optimizer", str(optimizer), why))
    if not optimizer.full_batch:
        size = min(m, options.batch_size or batch_size(m))
        rate = options.learning_rate or LEARNING_RATES.get(optimizer.name, LEARNING_RATE)
        arguments |= {"batch_size": size, "learning_rate_init": rate, "learning_rate": options.schedule}
        why = "as asked" if options.learning_rate else f"suits {optimizer.name}"
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
    l2 = options.l2 if options.l2 is not None else _L2[model]
    arguments |= {"alpha": l2, "l1": options.l1}
    total = l2 + options.l1
    arguments |= {"C": 1 / total if total else math.inf, "l1_ratio": options.l1 / total if total else 0.0}
    why = "as asked" if options.l2 is not None else _WHY_L2[model]
    decisions.append(Decision("L2 penalty", f"{l2:g}", why))
    if options.l1:
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
