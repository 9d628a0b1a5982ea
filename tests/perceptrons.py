"""Small perceptrons for the tests of the estimators."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule import MLPClassifier, MLPRegressor

SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}


def classifier(**options: Any) -> MLPClassifier:
    return MLPClassifier(**{**SMALL, **options})


def regressor(**options: Any) -> MLPRegressor:
    return MLPRegressor(**{**SMALL, **options})


def same(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.network_.theta, other.network_.theta)
    assert one.loss_curve_ == other.loss_curve_
