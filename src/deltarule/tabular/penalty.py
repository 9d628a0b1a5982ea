"""How strong the L2 penalty is unless somebody asks, and why."""

from __future__ import annotations

from deltarule.tabular.advice import FIRTH
from deltarule.tabular.options import Options

L2 = 0.1
"""Divided by the rows of a batch, as every penalty. Chosen by tools/choose_l2.py, on held-out folds of many tables."""
_L2 = {"linear": 0.0, "logistic": 0.0, "mlp": L2}
WHY_L2 = {
    "linear": "plain least squares, with standard errors",
    "logistic": "none, so that there are standard errors",
    "mlp": "against fitting noise; a lower one suits tables with little noise",
}
FINITE_L2 = 1.0
"""For logistic regression where predictions are what counts, or where no line has finite weights."""
WHY_FINITE = "keeps the weights finite where classes do not overlap"


def is_penalized(options: Options, model: str) -> bool:
    """Whether a linear or logistic model has a penalty, so that there are no standard errors of its weights."""
    l2 = options.l2 if options.l2 is not None else default_l2(options, model)
    return bool(l2 or options.l1)


def default_l2(options: Options, model: str) -> float:
    """None for a linear model; for a logistic one, none if it was asked for and its likelihood is maximized."""
    asked = options.model == "logistic" or options.formula is not None
    plain = options.optimizer in ("auto", FIRTH) and options.class_weight == "none" and not options.l1 and asked
    return FINITE_L2 if model == "logistic" and not plain else _L2[model]
