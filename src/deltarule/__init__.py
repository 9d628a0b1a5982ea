"""Linear regression, logistic regression and dense neural networks by gradient descent, readable to the last equation.

>>> from deltarule import MLPClassifier
>>> MLPClassifier(hidden_layer_sizes=(64, 32), activation="gelu")
MLPClassifier(activation='gelu', hidden_layer_sizes=(64, 32))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .callbacks import Callback, EarlyStopping, Progress
    from .checkpoint import Checkpoint
    from .derivations import derive
    from .diagnosis import Diagnosis, diagnose
    from .equations import Activation, Loss
    from .estimators import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
    from .estimators.nested import likelihood_ratio_test
    from .function_check import check_activation, check_loss
    from .gradient_check import check_gradient
    from .network import Network
    from .pictures import plot_activation, plot_boundary, plot_descent
    from .tabular.load import load
    from .tracing import check_answers, trace

__version__ = "0.1.0"

_ROOMS = {
    "LinearRegression": "estimators",
    "LogisticRegression": "estimators",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "likelihood_ratio_test": "estimators.nested",
    "load": "tabular.load",
    "diagnose": "diagnosis",
    "Diagnosis": "diagnosis",
    "Network": "engines",
    "Callback": "callbacks",
    "Checkpoint": "checkpoint",
    "EarlyStopping": "callbacks",
    "Progress": "callbacks",
    "derive": "derivations",
    "plot_activation": "pictures",
    "plot_boundary": "pictures",
    "plot_descent": "pictures",
    "Activation": "equations",
    "Loss": "equations",
    "trace": "tracing",
    "check_answers": "tracing",
    "check_activation": "function_check",
    "check_gradient": "gradient_check",
    "check_loss": "function_check",
}
"""Public name -> module it lives in. They are imported when first asked for, so that ``import deltarule`` is quick."""

__all__ = [
    "Activation",
    "Callback",
    "Checkpoint",
    "Diagnosis",
    "EarlyStopping",
    "LinearRegression",
    "LogisticRegression",
    "Loss",
    "MLPClassifier",
    "MLPRegressor",
    "Network",
    "Progress",
    "__version__",
    "check_activation",
    "check_answers",
    "check_gradient",
    "check_loss",
    "derive",
    "diagnose",
    "likelihood_ratio_test",
    "load",
    "plot_activation",
    "plot_boundary",
    "plot_descent",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name == "course":
        return importlib.import_module(".course", __name__)
    if name not in _ROOMS:
        raise AttributeError(f"module 'deltarule' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_ROOMS[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
