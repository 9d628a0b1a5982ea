"""Accuracy and R² as ``score`` has them, of the same samples again and again.

scikit-learn's metrics look at their arguments for longer than an epoch of a small network takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from ..arrays import Array

Score: TypeAlias = Callable[[Any], float | None]
"""From predictions to what they are worth; None where they have not the shape of the targets."""


def quick_score(estimator: BaseEstimator, y: Any, w: Array | None) -> Score | None:
    """What ``estimator.score`` is on samples with targets `y` and weights `w`; None where it is left to scikit-learn.

    Parameters
    ----------
    y : (m,) or (m, n_L), or anything else
        Targets as the user knows them, of the shape of the predictions.
    w : (m,) or None

    Notes
    -----
    In double precision. scikit-learn takes R² of single precision in single precision, and that of a target that does
    not vary, with weights, as its rounding leaves it.
    """
    score = getattr(estimator.score, "__func__", None)
    if not isinstance(y, np.ndarray) or len(y) < 2:  # R² of one sample is not defined
        return None
    if score is ClassifierMixin.score:
        worth = _accuracy(y, w)
    elif score is RegressorMixin.score:
        worth = _r2(y.astype(np.float64), w)
    else:
        return None

    def quick(prediction: Any) -> float | None:
        fits = isinstance(prediction, np.ndarray) and prediction.shape == y.shape
        return worth(prediction) if fits else None

    return quick


def _accuracy(y: Array, w: Array | None) -> Callable[[Array], float]:
    """Of several labels, all have to be right."""

    def accuracy(prediction: Array) -> float:
        right = prediction == y
        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=w))

    return accuracy


def _r2(y: Array, w: Array | None) -> Callable[[Array], float]:
    """``1 - Σ w (y - ŷ)² / Σ w (y - ȳ)²``, the mean over targets; one that does not vary counts 1 if met, else 0."""
    counts = y if w is None else y[w > 0]
    varies = counts.max(axis=0) > counts.min(axis=0)
    around_mean = np.where(varies, np.average((y - np.average(y, axis=0, weights=w)) ** 2, axis=0, weights=w), 1)

    def r2(prediction: Array) -> float:
        squares = np.average((y - prediction) ** 2, axis=0, weights=w)
        return float(np.mean(np.where(varies, 1 - squares / around_mean, squares == 0)))

    return r2
