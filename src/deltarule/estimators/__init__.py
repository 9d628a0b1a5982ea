"""Estimators with scikit-learn's interface; see `mlp`."""

from .mlp import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
