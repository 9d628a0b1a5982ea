"""Linear regression, logistic regression and dense neural networks by gradient descent, readable to the last equation.

>>> from deltarule import MLPClassifier
>>> MLPClassifier(hidden_layer_sizes=(64, 32), activation="gelu")
MLPClassifier(activation='gelu', hidden_layer_sizes=(64, 32))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .callbacks import Callback, Checkpoint, EarlyStopping, Progress
    from .estimators import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
    from .estimators.nested import likelihood_ratio_test
    from .network import Network
    from .tabular.model import load

__version__ = "0.1.0"

_ROOMS = {
    "LinearRegression": "estimators",
    "LogisticRegression": "estimators",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "likelihood_ratio_test": "estimators.nested",
    "load": "tabular.model",
    "Network": "engines",
    "Callback": "callbacks",
    "Checkpoint": "callbacks",
    "EarlyStopping": "callbacks",
    "Progress": "callbacks",
}
"""Public name -> module it lives in. They are imported when first asked for, so that ``import deltarule`` is quick."""

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "Network",
    "Progress",
    "__version__",
    "likelihood_ratio_test",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'deltarule' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_ROOMS[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
