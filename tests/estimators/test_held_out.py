"""Samples held out: validation data, early stopping, the best weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import log_loss, roc_auc_score

from deltarule.errors import DataError, InvalidOption
from perceptrons import classifier, regressor, same


def test_validation_data_are_measured_after_each_epoch(three_classes: Any) -> None:
    X, y = three_classes
    model = classifier().fit(X[:100], y[:100], validation_data=(X[100:], y[100:]))
    assert len(model.history_["validation_loss"]) == 5
    assert model.validation_scores_[-1] == model.score(X[100:], y[100:])
    expected = log_loss(y[100:], model.predict_proba(X[100:]))
    assert model.history_["validation_loss"][-1] == pytest.approx(expected)
    same(model, classifier().fit(X[:100], y[:100]))  # it only looks


def test_weights_of_validation_data_count(curve: Any) -> None:
    X, y = curve
    w = np.r_[np.zeros(10), np.ones(10)]
    weighted = regressor().fit(X[:100], y[:100], validation_data=(X[100:], y[100:], w))
    expected = regressor().fit(X[:100], y[:100], validation_data=(X[110:], y[110:]))
    np.testing.assert_allclose(weighted.history_["validation_loss"], expected.history_["validation_loss"])
    np.testing.assert_allclose(weighted.validation_scores_, expected.validation_scores_)


def test_validation_samples_of_weight_zero_are_left_out(curve: Any) -> None:
    X, y = curve
    beyond = X.copy()
    beyond[0] = 1e200
    weighted = regressor().fit(X, y, validation_data=(beyond, y, np.r_[0.0, np.ones(119)]))
    expected = regressor().fit(X, y, validation_data=(X[1:], y[1:]))
    assert weighted.history_["validation_loss"] == expected.history_["validation_loss"]
    with pytest.raises(DataError, match="in validation_data: expected a sample whose class has a weight above zero"):
        classifier(class_weight={0: 0, 1: 1}).fit(X, y > 0, validation_data=(X[:1], [False]))


@pytest.mark.parametrize("given", [False, True])
def test_class_weights_count_on_samples_held_out(given: bool, blobs: Any) -> None:
    weights = []

    def own(model: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        weights.append(np.where(y == 1, sample_weight == 5, sample_weight == 1).all())
        return 0.0

    model = classifier(class_weight={0: 1, 1: 5}, early_stopping=own)
    model.fit(*blobs, validation_data=blobs if given else None)
    assert weights
    assert all(weights)


@pytest.mark.parametrize("name", ["roc_auc", "neg_log_loss", "validation_loss", True, "callable"])
def test_early_stopping_keeps_the_best_epoch(name: Any, blobs: Any) -> None:
    X, y = blobs
    measures = {
        "roc_auc": lambda m: roc_auc_score(y[80:], m.predict_proba(X[80:])[:, 1]),
        "neg_log_loss": lambda m: -log_loss(y[80:], m.predict_proba(X[80:])),
        "validation_loss": lambda m: log_loss(y[80:], m.predict_proba(X[80:])),
        True: lambda m: m.score(X[80:], y[80:]),
        "callable": lambda m: -np.abs(m.predict_proba(X[80:])[:, 1] - y[80:]).mean(),
    }

    def own(model: Any, X: Any, y: Any) -> float:
        return -float(np.abs(model.predict_proba(X)[:, 1] - y).mean())

    early = own if name == "callable" else name
    options = {"hidden_layer_sizes": (30,), "learning_rate_init": 0.1, "max_iter": 200, "n_iter_no_change": 4}
    model = classifier(early_stopping=early, **options).fit(X[:80], y[:80], validation_data=(X[80:], y[80:]))
    assert model.n_iter_ < 200
    kind, best = ("validation_loss", min) if name == "validation_loss" else ("validation_score", max)
    values = model.history_[kind]
    assert measures[name](model) == pytest.approx(best(values))
    at_best = classifier(**{**options, "max_iter": int(values.index(best(values))) + 1}).fit(X[:80], y[:80])
    np.testing.assert_array_equal(at_best.network_.theta, model.network_.theta)


def test_an_unknown_scorer_is_one_line(curve: Any) -> None:
    with pytest.raises(InvalidOption, match="found 'max_eror'; did you mean 'neg_max_error'"):
        regressor(early_stopping="max_eror").fit(*curve)
    with pytest.raises(InvalidOption, match=r"found 'foo'; sklearn.metrics.get_scorer_names"):
        regressor(early_stopping="foo").fit(*curve)


def test_a_scorer_is_given_sample_weights_only_if_it_takes_them(curve: Any) -> None:
    X, y = curve
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    seen: list[Any] = []

    def with_weights(model: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        seen.append(sample_weight)
        return 0.0

    regressor(early_stopping=with_weights, max_iter=2).fit(X, y, w)
    assert [len(s) for s in seen] == [12, 12]
    for scorer in (lambda model, X, y: 1.0, "neg_max_error"):
        regressor(early_stopping=scorer, max_iter=2).fit(X, y, w)


def test_early_stopping_holds_out_a_part_in_which_every_class_has_its_share() -> None:
    y = np.r_[np.zeros(80), np.ones(20)]
    seen = []

    def scorer(model: Any, X: Any, y: Any) -> float:
        seen.append(np.bincount(y.astype(int)).tolist())
        return 0.0

    X = np.random.default_rng(0).normal(size=(100, 2))
    classifier(early_stopping=scorer, validation_fraction=0.25, max_iter=1).fit(X, y)
    assert seen == [[20, 5]]


BAD_VALIDATION = {
    "other columns": (lambda X, y: (X[:, :2], y), "features"),
    "too few targets": (lambda X, y: (X, y[:5]), "in validation_data: .*inconsistent numbers"),
    "NaN in the targets": (lambda X, y: (X, np.full(len(y), np.nan)), "NaN"),
    "two targets": (lambda X, y: (X, np.c_[y, y]), r"\(120, 2\)"),
    "text": (lambda X, y: (X, ["abc"] * len(y)), "abc"),
    "objects": (lambda X, y: (X, [{}] * len(y)), "dict"),
    "complex numbers": (lambda X, y: (X, y + 1j), "in validation_data: Complex"),
    "a sparse matrix": (lambda X, y: (X, sparse.csr_array(y[:, None])), r"in validation_data: .*y\.toarray"),
    "no targets": (lambda X, y: (X, None), "in validation_data"),
    "three dimensions": (lambda X, y: (X, y[:, None, None]), "in validation_data"),
    "no pair": (lambda X, y: (X,), r"\(X, y\)"),
    "no weight": (lambda X, y: (X, y, np.zeros(len(y))), "weight"),
}


@pytest.mark.parametrize("name", BAD_VALIDATION)
def test_validation_data_that_do_not_fit_are_refused_before_training(name: str, curve: Any) -> None:
    make, message = BAD_VALIDATION[name]
    epochs: list[int] = []
    with pytest.raises(ValueError, match=message) as caught:
        regressor(callbacks=[lambda run: epochs.append(run.epoch)]).fit(*curve, validation_data=make(*curve))
    assert "\n" not in str(caught.value)
    assert epochs == []


def test_indicators_of_several_labels_may_be_sparse() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.random.default_rng(1).integers(0, 2, (60, 4))
    models = [
        classifier(max_iter=3).fit(X, y, validation_data=(X, as_given(y)))
        for as_given in (np.asarray, sparse.csr_matrix, sparse.coo_array, sparse.csc_array)
    ]
    assert all(model.validation_scores_ == models[0].validation_scores_ for model in models)


def test_a_scorer_sees_sparse_indicators_as_an_array(blobs: Any) -> None:
    X, _ = blobs
    Y = (X[:, :3] > 0).astype(int)
    sparse_one, dense_one = (classifier(early_stopping="roc_auc").fit(X, y) for y in (sparse.csr_array(Y), Y))
    assert sparse_one.validation_scores_ == dense_one.validation_scores_


def test_a_warm_start_begins_with_what_its_weights_are_worth_now() -> None:
    """Not with the best of the history, which may be that of other weights or of another score."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    y = (X[:, 0] > 0).astype(int)
    model = classifier(hidden_layer_sizes=(8,), warm_start=True, max_iter=3, early_stopping=True).fit(X, y)
    before = model.score(X, y)
    model.set_params(early_stopping="neg_log_loss", max_iter=60).fit(X, y)
    assert model.score(X, y) > before
    theta = model.network_.theta.copy()
    model.set_params(learning_rate_init=10.0, max_iter=3).fit(X, y)
    assert max(model.validation_scores_[-3:]) < max(model.validation_scores_)
    np.testing.assert_array_equal(model.network_.theta, theta)  # no epoch was better than what it began with


def test_validation_targets_a_loss_cannot_take_are_refused(curve: Any) -> None:
    X, y = curve
    with pytest.raises(DataError):
        regressor(loss="poisson").fit(X, np.abs(y), validation_data=(X, y))


def test_a_part_held_out_that_is_too_small_is_refused(curve: Any) -> None:
    X, y = curve
    with pytest.raises(DataError, match="validation set is too small"):
        regressor(early_stopping=True).fit(X[:9], y[:9])


def test_the_best_score_is_remembered(three_classes: Any) -> None:
    model = classifier(early_stopping=True, learning_rate_init=0.05).fit(*three_classes)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None
    plain = classifier().fit(*three_classes)
    assert plain.best_loss_ == min(plain.loss_curve_)
    assert plain.best_validation_score_ is None


def test_a_batch_larger_than_the_data_is_clipped_with_a_word(curve: Any) -> None:
    with pytest.warns(UserWarning, match="clipped"):
        model = regressor(batch_size=1000).fit(*curve)
    same(model, regressor(batch_size=120).fit(*curve))


def test_validation_classes_that_were_not_trained_are_refused(blobs: Any, three_classes: Any) -> None:
    with pytest.raises(DataError, match=r"found also \[2\]"):
        classifier().fit(*blobs, validation_data=three_classes)
