"""Networks begin where those of scikit-learn begin: weights and biases from one distribution, and as good a score."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import make_circles, make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import deltarule

ACTIVATIONS = ["identity", "tanh", "relu"]  # "logistic" is among the deliberate differences


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["MLPRegressor", "MLPClassifier"])
def test_the_first_weights_and_biases_have_the_distribution_of_scikit_learn(kind, activation):
    X, y = np.random.default_rng(0).normal(size=(60, 500)), np.arange(60) % 3
    still = {"hidden_layer_sizes": (400, 300), "activation": activation, "max_iter": 1, "learning_rate_init": 1e-12}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = (
            getattr(module, kind)(**still, random_state=1).fit(X, y) for module in (neural_network, deltarule)
        )
    for attribute in ("coefs_", "intercepts_"):
        for wanted, found in zip(getattr(theirs, attribute)[:2], getattr(ours, attribute)[:2], strict=True):
            assert np.abs(found).max() == pytest.approx(np.abs(wanted).max(), rel=0.02)
            assert found.std() == pytest.approx(wanted.std(), rel=0.1)


@pytest.mark.parametrize(
    ("kind", "data", "options"),
    [
        ("MLPRegressor", lambda seed: make_friedman1(400, random_state=seed), {"learning_rate_init": 0.01}),
        (
            "MLPClassifier",
            lambda seed: make_circles(300, noise=0.1, factor=0.5, random_state=seed),
            {"activation": "tanh"},
        ),
    ],
    ids=["friedman1", "circles"],
)
def test_with_the_import_changed_the_score_is_as_good(kind, data, options):
    scores = np.zeros((2, 6))
    for seed in range(scores.shape[1]):
        X, X_test, y, y_test = train_test_split(*data(seed), random_state=seed)
        scaler = StandardScaler().fit(X)
        for scored, module in zip(scores, (neural_network, deltarule), strict=True):
            model = getattr(module, kind)(random_state=seed, max_iter=200, **options)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(scaler.transform(X), y)
            scored[seed] = model.score(scaler.transform(X_test), y_test)
    theirs, ours = scores.mean(axis=1)
    assert ours > theirs - 0.05, scores
