"""The quick scores are scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from deltarule import MLPClassifier, MLPRegressor
from deltarule.estimators.scores import quick_score

RNG = np.random.default_rng(0)
M = 40
WEIGHTS = [None, RNG.uniform(0.1, 3, M), np.repeat([0.0, 1.0], M // 2)]


class Answering(BaseEstimator):
    """Predicts what it is told."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    def predict(self, X: Any) -> Any:
        return self.answer


class Classifier(ClassifierMixin, Answering):
    pass


class Regressor(RegressorMixin, Answering):
    pass


def classes(kind: str) -> tuple[Any, Any]:
    y, answer = RNG.integers(0, 3, (2, M))
    names = np.array(["ash", "oak", "yew"])
    match kind:
        case "numbers":
            return y, answer
        case "text":
            return names[y].astype(object), names[answer]
        case "a column":
            return y[:, None], answer
        case "several labels":
            return RNG.integers(0, 2, (M, 3)), RNG.integers(0, 2, (M, 3))
    raise AssertionError(kind)


@pytest.mark.parametrize("w", WEIGHTS, ids=["none", "some", "zeros"])
@pytest.mark.parametrize("kind", ["numbers", "text", "a column", "several labels"])
def test_accuracy(kind: str, w: Any) -> None:
    y, answer = classes(kind)
    model = Classifier(answer)
    quick = quick_score(model, y, w)
    assert quick is not None
    assert quick(answer) == pytest.approx(model.score(np.zeros((M, 1)), y, w), rel=1e-14)


def numbers(kind: str) -> tuple[Any, Any]:
    y = RNG.normal(3, 2, (M, 3))
    answer = y + RNG.normal(0, 1, (M, 3))
    match kind:
        case "one":
            return y[:, 0], answer[:, 0]
        case "a column":
            return y[:, :1], answer[:, 0]
        case "single precision":
            return y[:, 0].astype(np.float32), answer[:, 0].astype(np.float32)
        case "whole":
            return y[:, 0].round().astype(int), answer[:, 0]
        case "several":
            return y, answer
        case "one does not vary":
            y[:, 1] = 2
            return y, answer
        case "one does not vary, and is met":
            y[:, 1] = answer[:, 1] = 2
            return y, answer
    raise AssertionError(kind)


@pytest.mark.parametrize("w", WEIGHTS, ids=["none", "some", "zeros"])
@pytest.mark.parametrize(
    "kind",
    [
        "one",
        "a column",
        "single precision",
        "whole",
        "several",
        "one does not vary",
        "one does not vary, and is met",
    ],
)
def test_r2(kind: str, w: Any) -> None:
    y, answer = numbers(kind)
    model = Regressor(answer)
    quick = quick_score(model, y, w)
    assert quick is not None
    assert quick(answer) == pytest.approx(model.score(np.zeros((M, 1)), y, w), rel=1e-5 if y.dtype == "f" else 1e-12)


def test_what_is_left_to_scikit_learn() -> None:
    class Own(MLPClassifier):
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            return 0.5

    assert quick_score(Own(), np.array([0, 1]), None) is None
    assert quick_score(MLPRegressor(), np.array([1.0]), None) is None
    assert quick_score(MLPClassifier(), sparse.csr_array(np.eye(3)), None) is None
    X, y = RNG.normal(size=(M, 2)), RNG.integers(0, 2, M)
    model = Own((3,), early_stopping=True, max_iter=3, n_iter_no_change=9).fit(X, y)
    assert model.validation_scores_ == [0.5] * 3
