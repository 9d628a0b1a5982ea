"""From the same weights, deltarule and scikit-learn take the same steps.

Both are started, given the same weights through the public ``coefs_`` and ``intercepts_``, and trained on without
shuffling. What scikit-learn's tests of the multilayer perceptron read from private attributes, such as the
gradient or the learning rate of a schedule, shows in these steps.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

import deltarule

EPOCHS = 40
N_SAMPLES = 50  # in batches of 20, 20 and 10


def binary() -> Any:
    return make_classification(N_SAMPLES, 6, random_state=0)


def multiclass() -> Any:
    return make_classification(N_SAMPLES, 6, n_informative=4, n_classes=3, random_state=0)


def multilabel() -> Any:
    X, y = make_multilabel_classification(N_SAMPLES, 6, n_classes=3, random_state=0)
    return X / X.max(), y


def regression() -> Any:
    X, y = make_regression(N_SAMPLES, 6, random_state=0)
    return X, y / y.std()


def several_targets() -> Any:
    X, y = make_regression(N_SAMPLES, 6, n_targets=3, random_state=0)
    return X, y / y.std()


TASKS = {
    binary: "MLPClassifier",
    multiclass: "MLPClassifier",
    multilabel: "MLPClassifier",
    regression: "MLPRegressor",
    several_targets: "MLPRegressor",
}
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)


def fit(estimator: Any, *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*arguments)


def train_both(task: Any, sample_weight: Any = None, *, partial: bool = False, **options: Any) -> tuple[Any, Any, Any]:
    X, y = task()
    settings = {
        "hidden_layer_sizes": (5, 4),
        "activation": "tanh",
        "shuffle": False,
        "batch_size": 20,
        "learning_rate_init": 0.05,
        "n_iter_no_change": np.inf,
        "random_state": 0,
        **options,
    }
    both = []
    for package in (neural_network, deltarule):
        estimator = getattr(package, TASKS[task])(**settings, warm_start=True, max_iter=1)
        both.append(fit(estimator, X, y, sample_weight))
    theirs, ours = both
    for target, source in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        target[...] = source
    for estimator in both:
        if partial:
            for _ in range(EPOCHS):
                estimator.partial_fit(X, y)
            continue
        fit(estimator.set_params(max_iter=EPOCHS), X, y, sample_weight)
    return ours, theirs, X


def assert_same(ours: Any, theirs: Any, X: Any, rtol: float = 1e-8) -> None:
    for found, expected in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(found, expected, rtol, atol=rtol)
    method = "predict_proba" if hasattr(theirs, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(ours, method)(X), getattr(theirs, method)(X), rtol, atol=rtol)


@each_task
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_gradients_and_losses(task: Any, activation: str) -> None:
    ours, theirs, X = train_both(task, solver="sgd", momentum=0, alpha=0.1, activation=activation)
    assert_same(ours, theirs, X)
    assert len(ours.loss_curve_) == len(theirs.loss_curve_) == EPOCHS + 1
    # scikit-learn reports the mean over the targets, yet minimizes the sum; deltarule reports what it minimizes
    if task is not several_targets:
        np.testing.assert_allclose(ours.loss_curve_[1:], theirs.loss_curve_[1:])


@each_task
def test_sample_weights(task: Any) -> None:
    weight = np.random.default_rng(0).uniform(0.1, 3, N_SAMPLES)
    assert_same(*train_both(task, weight, solver="sgd", momentum=0, alpha=0.1))


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_momentum(nesterov: bool, momentum: float) -> None:
    assert_same(*train_both(binary, solver="sgd", nesterovs_momentum=nesterov, momentum=momentum))


@pytest.mark.parametrize("power_t", [0.25, 0.5])
def test_inverse_scaling_over_many_partial_fits(power_t: float) -> None:
    options = {"solver": "sgd", "learning_rate": "invscaling", "power_t": power_t, "momentum": 0}
    assert_same(*train_both(multiclass, partial=True, **options))


def test_adaptive_learning_rate() -> None:
    options = {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.02, "n_iter_no_change": 2}
    ours, theirs, X = train_both(multiclass, **options)
    assert_same(ours, theirs, X)
    assert ours.n_iter_ == theirs.n_iter_
    rates = ours.history_["learning_rate"]
    assert rates[-1] < rates[1] / 5  # it did adapt


def test_adam() -> None:
    # an epsilon that does not count, as its place in the formula differs
    assert_same(*train_both(multiclass, solver="adam", beta_1=0.8, beta_2=0.99, epsilon=1e-30))


@each_task
def test_lbfgs(task: Any) -> None:
    # two line searches that differ in rounding only drift apart slowly
    assert_same(*train_both(task, solver="lbfgs", alpha=1.0, max_fun=30), rtol=1e-4)


def test_poisson_loss() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(N_SAMPLES, 2))

    def counts() -> Any:
        return X, np.random.default_rng(1).poisson(np.exp(X.sum(axis=1)))

    TASKS[counts] = "MLPRegressor"
    ours, theirs, X = train_both(counts, loss="poisson", solver="sgd", momentum=0)
    assert_same(ours, theirs, X)
    np.testing.assert_allclose(ours.loss_curve_[1:], theirs.loss_curve_[1:])
