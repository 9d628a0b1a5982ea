"""The multilayer perceptrons, as someone uses them who has changed one import line, and what scikit-learn lacks."""

from __future__ import annotations

import pickle
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import SkipTest

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)
from sklearn.utils.multiclass import unique_labels

from deltarule import EarlyStopping, MLPClassifier, MLPRegressor, Progress
from deltarule.equations import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES, Activation
from deltarule.errors import DataError, DeltaruleError, InvalidOption, UnknownName
from perceptrons import classifier, regressor, same

# scikit-learn's checks

# A check wants weights of two to be the same as samples twice, which nothing random per sample can give: neither
# dropout nor a validation set drawn by early stopping. Others call partial_fit, which early stopping and balanced
# weights refuse, as in scikit-learn.
SMOOTH: dict[str, Any] = {"hidden_layer_sizes": (10,), "activation": "tanh", "alpha": 1.0}
VARIANTS = [
    MLPClassifier(),
    MLPRegressor(),
    MLPClassifier(solver="lbfgs", class_weight="balanced", max_iter=30, **SMOOTH),
    MLPRegressor(solver="lbfgs", max_iter=30, **SMOOTH),
    MLPClassifier(solver="sgd", hidden_layer_sizes=(10,), learning_rate_init=0.05),
    MLPClassifier(activation="prelu", hidden_layer_sizes=(10,)),
    MLPRegressor(loss="huber(delta=2)", hidden_layer_sizes=(10, 5), activation=["prelu(shared=true)", "mish"]),
    MLPRegressor(
        solver="sgd", loss="huber", hidden_layer_sizes=(10,), learning_rate="adaptive", learning_rate_init=0.01
    ),
]


@parametrize_with_checks(VARIANTS)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    with suppress(SkipTest):  # of a check for estimators with a decision function, and of one for other array libraries
        check(estimator)


@pytest.mark.parametrize("estimator", [MLPClassifier(max_iter=2), MLPRegressor(max_iter=2)], ids=str)
def test_parameters_and_column_names_are_checked(estimator: Any) -> None:
    check_param_validation(type(estimator).__name__, estimator)
    check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


# every entry of the registers


def improves(model: Any, X: Any, y: Any) -> None:
    model.fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    assert min(model.loss_curve_) < model.loss_curve_[0]
    assert model.n_iter_ == len(model.loss_curve_)


HIDDEN = [name for name, entry in ACTIVATIONS.items() if not entry.output_only]


@pytest.mark.parametrize("activation", [*HIDDEN, "leaky_relu(slope=0.3)", "elu(0.5)"])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_every_activation_learns(activation: str, kind: str, three_classes: Any, curve: Any) -> None:
    make, (X, y) = (classifier, three_classes) if kind == "classifier" else (regressor, curve)
    improves(make(activation=activation, max_iter=20, learning_rate_init=0.01), X, y)


@pytest.mark.parametrize("loss", [*LOSSES, "huber(delta=0.5)", "quantile(0.9)"])
def test_every_loss_learns(loss: str, curve: Any, three_classes: Any, blobs: Any) -> None:
    options = {"loss": loss, "max_iter": 20, "learning_rate_init": 0.01}
    if loss == "categorical_cross_entropy":
        improves(classifier(**options), *three_classes)
    elif loss == "binary_cross_entropy":
        improves(classifier(**options), *blobs)
    else:
        X, y = curve
        improves(regressor(**options), X, np.abs(y) if loss == "poisson_deviance" else y)


@pytest.mark.parametrize(
    "solver",
    [*(name for name, entry in OPTIMIZERS.items() if not entry.second_order), "sgd", "adamw(weight_decay=0.1)"],
)
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_every_optimizer_learns(solver: str, kind: str, three_classes: Any, curve: Any) -> None:
    make, (X, y) = (classifier, three_classes) if kind == "classifier" else (regressor, curve)
    improves(make(solver=solver, max_iter=20, learning_rate_init=0.01), X, y)


@pytest.mark.parametrize("schedule", [*SCHEDULES, "cosine(warmup=0.2)"])
def test_every_schedule_learns(schedule: str, blobs: Any) -> None:
    model = classifier(
        learning_rate=schedule, solver="sgd", learning_rate_init=0.5, max_iter=20, n_iter_no_change=np.inf
    )
    improves(model, *blobs)
    assert len(model.history_["learning_rate"]) == 20


@pytest.mark.parametrize("initializer", list(INITIALIZERS))
def test_every_initializer_learns(initializer: str, curve: Any) -> None:
    improves(regressor(initializer=initializer, activation="sigmoid", max_iter=30, learning_rate_init=0.01), *curve)


def test_an_activation_added_at_run_time_trains_under_its_name_and_options(blobs: Any) -> None:
    def swish(Z: Any, p: Any = None, *, beta: float = 1.0) -> Any:
        return Z / (1 + np.exp(-beta * Z))

    def derivative(Z: Any, a: Any, p: Any = None, *, beta: float = 1.0) -> Any:
        s = 1 / (1 + np.exp(-beta * Z))
        return s + beta * Z * s * (1 - s)

    silu = ACTIVATIONS["silu"]
    entry = replace(silu, name="my_swish", aliases=(), formula=swish, derivative=derivative, options={})
    ACTIVATIONS.add(entry)
    try:
        mine = classifier(activation="my_swish", max_iter=20).fit(*blobs)
        silu_model = classifier(activation="silu", max_iter=20).fit(*blobs)
        np.testing.assert_allclose(mine.network_.theta, silu_model.network_.theta, rtol=1e-6)
        improves(classifier(activation="my_swish(beta=2)", max_iter=20), *blobs)
        with pytest.raises(UnknownName, match="my_swish"):
            classifier(activation="no_swish").fit(*blobs)
    finally:
        ACTIVATIONS.remove("my_swish")


# architecture


def test_a_list_of_activations_and_dropouts_one_a_layer(blobs: Any) -> None:
    model = classifier(hidden_layer_sizes=(6, 5), activation=["tanh", "leaky_relu(0.2)"], dropout=[0.5, 0.0])
    model.fit(*blobs)
    assert str(model.network_).startswith("4 -> 6 tanh (dropout 0.5) -> 5 leaky_relu(slope=0.2) -> 1 sigmoid")
    X = blobs[0]
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))  # nothing is dropped here
    with pytest.raises(AssertionError):
        same(model, clone(model).set_params(dropout=[0.0, 0.0]).fit(*blobs))


def test_without_hidden_layers_it_is_logistic_regression(blobs: Any) -> None:
    X, y = blobs
    model = MLPClassifier((), solver="lbfgs", alpha=1.0, max_iter=500, tol=1e-8).fit(X, y)
    from sklearn.linear_model import LogisticRegression

    expected = LogisticRegression(C=1.0, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0].T, expected.coef_, rtol=1e-3)
    assert model.n_layers_ == 2


def test_coefs_and_intercepts_write_into_the_network(curve: Any) -> None:
    X, y = curve
    model = regressor().fit(X, y)
    before = model.predict(X)
    model.intercepts_[-1][...] += 1
    np.testing.assert_allclose(model.predict(X), before + 1)
    model.coefs_[-1] = np.zeros_like(model.coefs_[-1])
    model.intercepts_[-1] = [7.0]
    np.testing.assert_array_equal(model.predict(X), np.full(len(X), 7.0))
    assert [W.shape for W in model.coefs_] == [(3, 8), (8, 1)]


def test_coefs_and_intercepts_may_be_assigned(curve: Any) -> None:
    X, y = curve
    model, other = (MLPRegressor(hidden_layer_sizes=(8,), max_iter=3, random_state=seed).fit(X, y) for seed in (0, 1))
    network, theta = model.network_, model.network_.theta
    model.coefs_, model.intercepts_ = other.coefs_, [b.tolist() for b in other.intercepts_]
    assert model.network_ is network
    assert model.network_.theta is theta
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    for wrong, says in (
        (other.coefs_[:1], "expected coefs_ of the shapes"),
        ([other.coefs_[0].T, other.coefs_[1]], r"found \[\(8, 3\)"),
        ([W * np.nan for W in other.coefs_], "finite numbers"),
        ([W.astype(str) for W in other.coefs_], "finite numbers"),
    ):
        with pytest.raises(InvalidOption, match=says):
            model.coefs_ = wrong
    with pytest.raises(InvalidOption, match="intercepts_"):
        model.intercepts_ = [[0.0]]
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


# class and sample weights


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_samples_of_weight_zero_are_left_out(solver: str, blobs: Any) -> None:
    X, y = blobs
    w = np.ones(len(y))
    w[::3] = 0
    model = classifier(solver=solver).fit(X, np.where(w == 0, 1 - y, y), sample_weight=w)
    same(model, classifier(solver=solver).fit(X[w > 0], y[w > 0], sample_weight=w[w > 0]))


@pytest.mark.parametrize("make", [classifier, regressor])
def test_weights_are_repetitions(make: Any, blobs: Any) -> None:
    X, y = blobs
    w = np.random.default_rng(0).integers(1, 4, len(y))
    options = {"solver": "lbfgs", "max_iter": 10, "alpha": 1.0}
    weighted = make(**options).fit(X, y, sample_weight=w)
    repeated = make(**options).fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    np.testing.assert_allclose(weighted.network_.theta, repeated.network_.theta, rtol=1e-6, atol=1e-9)


def test_class_weights_are_sample_weights(three_classes: Any) -> None:
    X, y = three_classes
    given = {0: 1.0, 1: 2.0, 2: 0.5}
    same(classifier(class_weight=given).fit(X, y), classifier().fit(X, y, sample_weight=[given[k] for k in y]))
    counts = np.bincount(y)
    balanced = len(y) / (3 * counts[y])
    same(classifier(class_weight="balanced").fit(X, y), classifier().fit(X, y, sample_weight=balanced))
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    both = w * [given[k] for k in y]
    same(classifier(class_weight=given).fit(X, y, w), classifier().fit(X, y, both))


@pytest.mark.filterwarnings("ignore:A column-vector")
@pytest.mark.parametrize("kind", ["labels", "column", "indicators", "sparse indicators"])
def test_balanced_weights_count_repetitions(kind: str, blobs: Any) -> None:
    X, y = blobs
    w = np.where(y == 1, 5, 1) + np.arange(120) % 2
    Y: Any = {"labels": y, "column": y[:, None]}.get(kind, np.c_[y, X[:, 2] > 0.5].astype(int))
    again = np.repeat(np.arange(120), w)
    options = {"hidden_layer_sizes": (), "solver": "lbfgs", "class_weight": "balanced", "alpha": 1.0, "tol": 1e-9}
    repeated = classifier(**options, max_iter=500).fit(X[again], Y[again].ravel() if kind == "column" else Y[again])
    weighted = classifier(**options, max_iter=500).fit(X, sparse.csr_array(Y) if "sparse" in kind else Y, w)
    np.testing.assert_allclose(weighted.network_.theta, repeated.network_.theta, rtol=1e-5, atol=1e-6)


def test_a_rare_class_is_found_with_balanced_weights() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = np.where(X[:, 0] + rng.normal(size=400) > 2.3, "rare", "usual")
    options = {"max_iter": 60, "learning_rate_init": 0.01}
    found = [(classifier(class_weight=w, **options).fit(X, y).predict(X) == "rare").sum() for w in (None, "balanced")]
    assert found[1] > 2 * found[0]


# kinds of targets


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [False, True], [-1, 1], [3.0, 8.0], np.array(["a", "b"], object), [10**12, -5]]
)
def test_labels_come_back_as_they_are(labels: Any, blobs: Any) -> None:
    X, y = blobs
    labels = np.asarray(labels)
    model = classifier(max_iter=60, learning_rate_init=0.02).fit(X, labels[y])
    assert model.predict(X).dtype == unique_labels(labels).dtype  # as in scikit-learn
    assert model.score(X, labels[y]) > 0.8
    assert model.predict_proba(X).shape == (120, 2)
    np.testing.assert_array_equal(model.classes_, np.unique(labels))


@pytest.mark.parametrize("make", [list, pd.Series, pl.Series, lambda y: pd.Series(y, dtype="category"), np.c_])
def test_labels_may_come_in_any_container(make: Any, blobs: Any) -> None:
    X, y = blobs
    y = np.array(["no", "yes"])[y]
    if make is np.c_:
        with pytest.warns(UserWarning, match="column-vector"):
            model = classifier().fit(X, y[:, None])
    else:
        model = classifier().fit(X, make(y))
    same(model, classifier().fit(X, y))
    assert set(model.predict(X)) <= {"no", "yes"}


def test_one_class_is_learned_as_scikit_learn_does(blobs: Any) -> None:
    X = blobs[0]
    for options in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
        model = classifier(**options).fit(X, ["only"] * 120)
        assert set(model.predict(X)) == {"only"}
        assert model.classes_.tolist() == ["only"]
        np.testing.assert_array_equal(model.predict_proba(X), np.ones((120, 1)))
    assert model.score(X, ["only"] * 120) == 1


def test_several_classes(three_classes: Any) -> None:
    X, y = three_classes
    names = np.array(["low", "mid", "top"])
    model = classifier(max_iter=100, learning_rate_init=0.02).fit(X, names[y])
    assert model.score(X, names[y]) > 0.8
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(names[proba.argmax(axis=1)], model.predict(X))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), proba)
    assert model.out_activation_ == "softmax"


def test_probabilities_that_are_all_zero_are_shared_out_alike(three_classes: Any) -> None:
    X, y = three_classes
    model = classifier(output_activation="hard_sigmoid", loss="squared_error").fit(X, y)
    model.coefs_[-1], model.intercepts_[-1] = np.zeros((8, 3)), [-100.0, -100.0, -100.0]
    np.testing.assert_allclose(model.predict_proba(X), 1 / 3)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_multilabel(container: Any) -> None:
    X, y = make_multilabel_classification(200, 6, n_classes=3, random_state=0)
    X = StandardScaler().fit_transform(X)
    model = classifier(max_iter=200, learning_rate_init=0.02).fit(X, container(y))
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.6
    assert model.n_outputs_ == 3


def test_several_targets(curve: Any) -> None:
    X, y = curve
    Y = np.c_[y, -2 * y]
    model = regressor(max_iter=300, learning_rate_init=0.02).fit(X, Y)
    assert model.predict(X).shape == (120, 2)
    assert model.score(X, Y) > 0.8
    assert regressor().fit(X, y).predict(X).shape == (120,)


def test_label_smoothing_tempers_the_probabilities(blobs: Any) -> None:
    X, y = blobs
    options = {"max_iter": 300, "learning_rate_init": 0.05}
    plain = classifier(**options).fit(X, y).predict_proba(X).max()
    smooth = classifier(loss="log_loss(label_smoothing=0.2)", **options).fit(X, y).predict_proba(X).max()
    assert smooth < plain


# kinds of data


@pytest.mark.parametrize("make", [classifier, regressor])
def test_the_layout_of_the_data_does_not_change_a_bit(make: Any, blobs: Any, tmp_path: Path) -> None:
    X, y = blobs
    expected = make().fit(X, y)
    read_only = X.copy()
    read_only.flags.writeable = False
    joblib.dump(X, tmp_path / "X")
    mapped = joblib.load(tmp_path / "X", mmap_mode="r")
    strided = np.repeat(X, 2, axis=1)[:, ::2]
    for twin in (np.asfortranarray(X), read_only, mapped, strided, X.tolist(), pd.DataFrame(X).to_numpy()):
        model = make().fit(twin, y)
        same(model, expected)
        np.testing.assert_array_equal(model.predict(twin), expected.predict(X))


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_data(container: Any, solver: str, blobs: Any) -> None:
    X, y = blobs
    X = np.where(np.abs(X) > 0.7, X, 0)
    dense = classifier(solver=solver).fit(X, y)
    model = classifier(solver=solver).fit(container(X), y)
    np.testing.assert_allclose(model.network_.theta, dense.network_.theta, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(container(X)), dense.predict_proba(X), rtol=1e-7)
    early = classifier(early_stopping=True, solver=solver).fit(container(X), y)
    assert len(early.validation_scores_) == early.n_iter_


def test_numbers_that_the_precision_of_the_model_cannot_hold_are_told(blobs: Any) -> None:
    X, y = blobs
    model = classifier().fit(X.astype(np.float32), y)
    beyond = np.full((1, 4), 1e39)
    for found in (beyond, sparse.csr_array(beyond)):
        with pytest.raises(DataError, match="expected numbers in X that float32 can hold"):
            model.predict(found)
    with pytest.raises(DataError, match="expected numbers in X that float32 can hold"):
        model.partial_fit(np.full(X.shape, 1e39), y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_precision_follows_the_data(dtype: Any, blobs: Any) -> None:
    X, y = blobs
    X = (X * 2).astype(dtype)
    model = classifier().fit(X, y)
    expected = np.float32 if dtype == np.float32 else np.float64
    assert model.network_.theta.dtype == model.predict_proba(X).dtype == model.coefs_[0].dtype == expected


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_and_their_column_names(frame: Any, blobs: Any) -> None:
    X, y = blobs
    table = frame(dict(zip("abcd", X.T, strict=True)))
    model = classifier(early_stopping=True).fit(table, y, validation_data=(table, y))
    assert model.feature_names_in_.tolist() == list("abcd")
    same(model, classifier(early_stopping=True).fit(X, y, validation_data=(X, y)))
    np.testing.assert_array_equal(model.predict(table), model.predict(table.__class__(table)))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="feature names"):
        classifier().fit(table, y, validation_data=(table[["b", "a", "c", "d"]], y))


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_in_a_pipeline_that_hands_on_frames(kind: str, blobs: Any) -> None:
    X, y = blobs
    table = {"pandas": pd.DataFrame, "polars": pl.DataFrame}[kind](dict(zip("abcd", X.T, strict=True)))
    scale = ColumnTransformer([("scale", StandardScaler(), ["b", "a"])], remainder="passthrough")
    pipeline = make_pipeline(scale, classifier(max_iter=50, learning_rate_init=0.02)).set_output(transform=kind)
    pipeline.fit(table, y)
    assert pipeline.score(table, y) > 0.8
    assert pipeline[-1].feature_names_in_.tolist() == ["scale__b", "scale__a", "remainder__c", "remainder__d"]


# at home in scikit-learn


def test_grid_search_and_cross_validation(blobs: Any) -> None:
    X, y = blobs
    grid = {"activation": ["tanh", "leaky_relu(0.2)"], "dropout": [0.0, 0.2], "callbacks": [None, [Progress()]]}
    search = GridSearchCV(classifier(), grid, cv=2, n_jobs=2, scoring="roc_auc").fit(X, y)
    assert search.best_params_["activation"] in grid["activation"]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    alone = GridSearchCV(classifier(), grid, cv=2, scoring="roc_auc").fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert np.isfinite(cross_val_score(regressor(), X, y, cv=3)).all()


@pytest.mark.parametrize("make", [classifier, regressor])
def test_clone_and_pickle(make: Any, blobs: Any) -> None:
    X, y = blobs
    options = {"activation": ["prelu"], "callbacks": [EarlyStopping("loss")], "early_stopping": "validation_loss"}
    model = make(**options).fit(X, y)
    twin = clone(model)
    with pytest.raises(NotFittedError):
        twin.predict(X)
    same(twin.fit(X, y), model)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.history_ == model.history_
    again.network_.b[2][...] += 1  # its views are on its own parameters
    assert again.intercepts_[1][0] == again.network_.theta[-1]


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_n_jobs_does_not_change_a_bit(n_jobs: int, solver: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20000, 6))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    options = {"solver": solver, "max_iter": 2}
    model, alone = classifier(n_jobs=n_jobs, **options).fit(X, y), classifier(**options).fit(X, y)
    same(model, alone)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_the_random_state_decides(blobs: Any) -> None:
    same(classifier(random_state=4).fit(*blobs), classifier(random_state=4).fit(*blobs))
    one, other = classifier(random_state=4).fit(*blobs), classifier(random_state=5).fit(*blobs)
    assert not np.array_equal(one.network_.theta, other.network_.theta)
    state = np.random.RandomState(4)
    same(classifier(random_state=state).fit(*blobs), one)


def test_it_says_when_it_has_not_converged(blobs: Any) -> None:
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\) reached"):
        classifier().fit(*blobs)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge: Maximum iterations"):
        classifier(solver="lbfgs").fit(*blobs)


def test_nothing_can_be_asked_before_it_is_fitted(blobs: Any) -> None:
    model = classifier()
    for name in ("coefs_", "loss_curve_", "n_layers_", "out_activation_"):
        assert not hasattr(model, name)
    with pytest.raises(NotFittedError):
        model.predict(blobs[0])


# what is refused

BAD_PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "activation": ({"activation": "rellu"}, "did you mean 'relu'"),
    "option of an activation": ({"activation": "leaky_relu(slop=1)"}, "slope"),
    "activation no text": ({"activation": [3]}, "found 3"),
    "too many activations": ({"activation": ["relu", "tanh"]}, "one a hidden layer"),
    "output only": ({"activation": "softmax"}, "output activation"),
    "solver": ({"solver": "adm"}, "adamw"),
    "loss": ({"loss": "hinge"}, "categorical_cross_entropy"),
    "loss for other outputs": ({"loss": "categorical_cross_entropy"}, "softmax"),
    "schedule": ({"learning_rate": "fast"}, "one_cycle"),
    "initializer": ({"initializer": "random"}, "glorot_uniform"),
    "engine": ({"engine": "steam"}, "reference"),
    "scorer": ({"early_stopping": "foo"}, "get_scorer_names"),
    "output activation": ({"output_activation": "tanh"}, "probabilities"),
    "text as a size": ({"hidden_layer_sizes": ("a",)}, "hidden_layer_sizes"),
    "None as a size": ({"hidden_layer_sizes": (None,)}, "hidden_layer_sizes"),
    "nested sizes": ({"hidden_layer_sizes": [[5]]}, "hidden_layer_sizes"),
    "a matrix of sizes": ({"hidden_layer_sizes": np.ones((2, 2), int)}, "hidden_layer_sizes"),
    "half a unit": ({"hidden_layer_sizes": (2.5,)}, "2.5"),
    "no units": ({"hidden_layer_sizes": (0,)}, "must be > 0"),
    "text as sizes": ({"hidden_layer_sizes": "64,32"}, "hidden_layer_sizes"),
    "absurd sizes": ({"hidden_layer_sizes": (10**6, 10**6)}, "smaller layers"),
    "dropout of all": ({"dropout": 1.0}, "dropout"),
    "dropout of all in a layer": ({"dropout": [1.0]}, "dropout"),
    "too many dropouts": ({"dropout": [0.1, 0.1]}, "dropout"),
    "text as dropout": ({"dropout": ["a"]}, "dropout"),
    "None as dropout": ({"dropout": [None]}, "dropout"),
    "a number as a callback": ({"callbacks": [3]}, "found 3"),
    "a callback alone": ({"callbacks": EarlyStopping()}, "callbacks"),
    "a name that is not in the history": ({"callbacks": [EarlyStopping("validation_loss")]}, "learning_rate"),
    "no jobs": ({"n_jobs": 0}, "n_jobs"),
    "negative alpha": ({"alpha": -1}, "alpha"),
}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_bad_parameters_give_one_clear_line(name: str, blobs: Any) -> None:
    options, message = BAD_PARAMETERS[name]
    with pytest.raises(ValueError, match=message) as caught:
        classifier(**options).fit(*blobs)
    assert "\n" not in str(caught.value)


def test_bad_data_give_one_clear_line(blobs: Any) -> None:
    X, y = blobs
    for bad, message in [
        ((X, X[:, 0]), "continuous"),
        ((np.where(X > 2, np.nan, X), y), "NaN"),
        ((X, y, -np.ones(120)), "sample_weight"),
        ((X, y, np.zeros(120)), "weight"),
        ((X[:5], y), "inconsistent"),
    ]:
        with pytest.raises(ValueError, match=message):
            classifier().fit(*bad)
    assert issubclass(DataError, DeltaruleError)


def test_an_activation_of_ones_own_may_give_the_probabilities() -> None:
    entry = Activation(
        name="arctan_sigmoid",
        formula=lambda Z: np.arctan(Z) / np.pi + 0.5,
        derivative=lambda Z, a: 1 / (np.pi * (1 + Z * Z)),
        range="(0, 1)",
    )
    ACTIVATIONS.add(entry)
    try:
        X = np.linspace(-2, 2, 60)[:, None]
        y = (X[:, 0] > 0).astype(int)
        model = MLPClassifier(4, output_activation="arctan_sigmoid", solver="lbfgs", random_state=0).fit(X, y)
        assert model.score(X, y) > 0.9
    finally:
        ACTIVATIONS.remove("arctan_sigmoid")
