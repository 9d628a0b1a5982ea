"""From options and a number of rows to an untrained estimator, with the reason for every choice made on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deltarule.tabular.choice import Decision, choose_model
from deltarule.tabular.draft import Draft
from deltarule.tabular.options import Options
from deltarule.tabular.target import Task


@dataclass(frozen=True)
class Recipe:
    """An untrained estimator and what led to it.

    Attributes
    ----------
    model : {"linear", "logistic", "mlp"}
    estimator : object
    decisions : tuple of Decision
    by_steps : bool
        It is trained step by step, so that there are epochs to be seen and checkpoints to be written.
    """

    model: str
    estimator: Any
    decisions: tuple[Decision, ...]
    by_steps: bool


def make_recipe(
    options: Options, task: Task, m: int, n_valid: int, n_features: int, n_classes: int, *, intercept: bool = True
) -> Recipe:
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
    intercept : bool
        A formula may leave it out.

    Raises
    ------
    InvalidOption
        For options that do not fit the model or each other, and for sizes beyond the memory.
    """
    model, why = choose_model(options, task)
    draft = Draft(options, task, model, m, n_valid, n_features, n_classes)
    draft.decide("model", model, why, random_state=options.seed, engine=options.engine)
    draft.arguments["fit_intercept"] = intercept
    draft.refuse_foreign()
    if model == "mlp":
        draft.choose_network()
    draft.choose_loss()
    if model == "mlp":
        draft.choose_steps()
        draft.choose_stopping()
    else:
        draft.choose_convex_steps()
    draft.choose_penalties()
    known = {name: value for name, value in draft.arguments.items() if name in draft.takes}
    return Recipe(model, draft.cls(**known), tuple(draft.decisions), draft.arguments["solver"] != "auto")
