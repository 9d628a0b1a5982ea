"""scikit-learn's multilayer perceptron."""

from __future__ import annotations

import time
import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from ..problems import Problem


def run(problem: Problem, X: Any, y: Any) -> tuple[list[float], float]:
    activation = "logistic" if problem.activation == "sigmoid" else problem.activation
    model = MLPClassifier(
        problem.sizes[1:-1],
        activation,
        solver="adam" if problem.optimizer == "adam" else "sgd",
        nesterovs_momentum=False,
        alpha=0,
        batch_size=problem.batch_size,
        shuffle=False,
        max_iter=1,
        n_iter_no_change=10**6,
        warm_start=True,
    )
    warnings.simplefilter("ignore", ConvergenceWarning)
    threadpool_limits(problem.threads)
    model.fit(X, y)  # allocates the weights
    for i, (W, b) in enumerate(problem.weights()):
        model.coefs_[i][...], model.intercepts_[i][...] = W, b
    model.loss_curve_.clear()
    model.set_params(max_iter=problem.epochs)
    began = time.perf_counter()
    model.fit(X, y)
    return model.loss_curve_, time.perf_counter() - began
