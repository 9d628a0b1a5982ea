"""The quick scores are scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from deltarule import MLPClassifier, MLPRegressor
from deltarule.errors import InvalidOption
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
        case "several labels":
            return RNG.integers(0, 2, (M, 3)), RNG.integers(0, 2, (M, 3))
    raise AssertionError(kind)


@pytest.mark.parametrize("w", WEIGHTS, ids=["none", "some", "zeros"])
@pytest.mark.parametrize("kind", ["numbers", "text", "several labels"])
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


def test_a_target_that_does_not_vary_counts_one_or_nothing_whatever_the_weights() -> None:
    """scikit-learn finds -10^31 for some weights, where ȳ is not quite y."""
    y = np.full(M, 7.1, np.float32)
    w = np.where(np.arange(M) < 3, 0, WEIGHTS[1])
    varying = y.copy()
    varying[:3] = 9  # which weighs nothing
    for target in (y, varying):
        quick = quick_score(Regressor(), target, w)
        assert quick is not None
        assert quick(np.full(M, 7.2)) == 0
        assert quick(target.astype(np.float64)) == 1


def test_what_is_left_to_scikit_learn() -> None:
    assert quick_score(MLPRegressor(), np.array([1.0]), None) is None
    assert quick_score(MLPClassifier(), sparse.csr_array(np.eye(3)), None) is None


class OwnScore(MLPClassifier):
    def score(self, X: Any, y: Any) -> float:
        return 0.5


class Columns(MLPClassifier):
    def predict(self, X: Any) -> Any:
        return super().predict(X)[:, None]


class Lists(MLPRegressor):
    def predict(self, X: Any) -> Any:
        return super().predict(X).tolist()


@pytest.mark.parametrize("w", WEIGHTS[:2], ids=["none", "some"])
@pytest.mark.parametrize(
    ("kind", "several"),
    [(kind, several) for kind in (MLPClassifier, MLPRegressor, OwnScore, Lists) for several in (False, True)]
    + [(Columns, False)],  # whose predictions are of one label
)
def test_the_history_has_what_score_says(kind: Any, several: bool, w: Any) -> None:
    model = kind(hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    X, Y = RNG.normal(size=(M, 2)), RNG.normal(size=(M, 3))
    Y = (Y > 0).astype(int) if issubclass(kind, MLPClassifier) else Y
    y = Y if several else Y[:, 0]
    model.fit(X, y, validation_data=(X, y) if w is None else (X, y, w))
    score = model.score(X, y) if kind is OwnScore else model.score(X, y, w)
    assert model.validation_scores_[-1] == pytest.approx(score, rel=1e-12)


def test_a_score_of_one_estimator_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MLPClassifier((3,), max_iter=2)
    monkeypatch.setattr(model, "score", lambda X, y: 0.25)
    X, y = RNG.normal(size=(M, 2)), RNG.integers(0, 2, M)
    assert model.fit(X, y, validation_data=(X, y)).validation_scores_ == [0.25] * 2


@pytest.mark.parametrize("found", [None, "high", np.ones(3)], ids=["None", "text", "array"])
def test_a_scorer_must_return_a_number(found: Any) -> None:
    X, y = RNG.normal(size=(M, 2)), RNG.integers(0, 2, M)
    with pytest.raises(InvalidOption, match="expected a number from early_stopping="):
        MLPClassifier((3,), early_stopping=lambda model, X, y: found).fit(X, y)
