"""How good predictions are, beside those of a model that has learned nothing but the most trivial answer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from deltarule.arrays import Array

HIGHER_IS_BETTER = {"r2", "accuracy", "roc_auc", "balanced_accuracy", "f1_macro"}

NAMES = {
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
    "r2": "R²",
    "accuracy": "accuracy",
    "roc_auc": "area under the ROC curve",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "F1, mean of the classes",
    "log_loss": "log loss",
}
"""Metric -> what people call it."""

Metrics = dict[str, float | None]
"""Name -> value; None where the rows do not define it, such as R² of a single row."""


def regression_metrics(y: Array, prediction: Array, w: Array | None = None) -> Metrics:
    """RMSE, MAE and R² of predictions (m,) of numbers `y` (m,), with sample weights `w` (m,).

    Computed on values brought to the size of the largest, so that no square overflows.
    """
    size = float(max(np.abs(y).max(initial=0.0), np.abs(prediction).max(initial=0.0))) or 1.0
    u, p = y / size, prediction / size
    square = float(np.average((u - p) ** 2, weights=w))
    around_mean = float(np.average((u - np.average(u, weights=w)) ** 2, weights=w))
    return {
        "rmse": size * float(np.sqrt(square)),
        "mae": size * float(np.average(np.abs(u - p), weights=w)),
        "r2": 1 - square / around_mean if around_mean > 0 and np.ptp(y) > 0 else None,
    }


def classification_metrics(y: Array, probability: Array, w: Array | None = None) -> Metrics:
    """Metrics of class probabilities (m, K) for class numbers `y` (m,), with sample weights `w` (m,)."""
    from sklearn import metrics

    n_classes = probability.shape[1]
    chosen = probability.argmax(axis=1)
    values: dict[str, Any] = {"accuracy": metrics.accuracy_score(y, chosen, sample_weight=w)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class without rows here: the means are over the classes that have some
        if n_classes == 2:
            both = len(np.unique(y)) == 2
            values["roc_auc"] = metrics.roc_auc_score(y, probability[:, 1], sample_weight=w) if both else None
        else:
            values["balanced_accuracy"] = metrics.balanced_accuracy_score(y, chosen, sample_weight=w)
            values["f1_macro"] = metrics.f1_score(y, chosen, average="macro", sample_weight=w)
    p = np.clip(probability[np.arange(len(y)), y].astype(np.float64), np.finfo(np.float32).tiny, 1)
    values["log_loss"] = np.average(-np.log(p), weights=w)
    return {name: None if value is None else float(value) for name, value in values.items()}


def headline(metrics: Mapping[str, float | None]) -> str:
    """The metric by which two models are compared: R² or log loss."""
    return "r2" if "r2" in metrics else "log_loss"


def beats(metrics: Mapping[str, float | None], baseline: Mapping[str, float | None]) -> bool | None:
    """Whether a model does better than the baseline in the `headline` metric; None if the rows cannot tell."""
    name = headline(metrics)
    ours, theirs = metrics[name], baseline[name]
    if ours is None or theirs is None:
        return None
    return ours > theirs if name in HIGHER_IS_BETTER else ours < theirs


def number(value: float | None) -> str:
    """A number of a few digits, or a dash."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:,.4f}" if 1e-3 <= abs(value) < 1e6 or value == 0 else f"{value:.4g}"
