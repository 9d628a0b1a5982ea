"""LogisticRegression: the optimum, found independently, and every way to it."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.linear_model
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from deltarule import LogisticRegression, model_file
from deltarule.errors import InvalidOption, ModelFileError
from deltarule.estimators import persistence

CANCER = load_breast_cancer(return_X_y=True)
IRIS = load_iris(return_X_y=True)
WINE = load_wine(return_X_y=True)
RNG = np.random.default_rng(0)
BAD = RNG.normal(size=(400, 5)) * [1e-4, 1, 1e3, 10, 1] + [0, 5, 1e4, 0, 0]
BAD_Y = (scale(BAD) @ [1, -2, 0.5, 1, 0] + RNG.logistic(size=400) > 0).astype(int)
TIGHT = {"tol": 1e-10, "max_iter": 2000}


@pytest.mark.filterwarnings("default::deltarule.errors.SeparationWarning")
@parametrize_with_checks(
    [
        LogisticRegression(),
        LogisticRegression(C=np.inf),
        LogisticRegression(solver="saga", l1_ratio=0.5),
        LogisticRegression(solver="newton-cholesky", standardize=False),
        LogisticRegression(solver="gradient_descent"),
        LogisticRegression(solver="newton", l1_ratio=1.0),
        LogisticRegression(solver="adam", class_weight="balanced"),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def newton(X, y, *, C=np.inf, w=None):
    """The optimum of ``Σ w L + ½ ‖W‖² / C`` for two classes, on standardized columns where there is no penalty."""
    mean, s = (X.mean(axis=0), X.std(axis=0)) if np.isinf(C) else (np.zeros(X.shape[1]), np.ones(X.shape[1]))
    A = np.c_[(X - mean) / s, np.ones(len(X))]
    w = np.ones(len(X)) if w is None else w
    ridge = np.r_[np.full(X.shape[1], 1 / C), 0]
    theta = np.zeros(A.shape[1])
    for _ in range(100):
        p = expit(A @ theta)
        g = A.T @ (w * (p - y)) + ridge * theta
        H = (A.T * (w * p * (1 - p))) @ A + np.diag(ridge)
        step = np.linalg.solve(H, g)
        theta -= step
        if np.abs(step).max() < 1e-13 * max(1, np.abs(theta).max()):
            break
    W = theta[:-1] / s
    return W, theta[-1] - W @ mean


@pytest.mark.parametrize("weights", [None, RNG.integers(0, 3, 400)])
@pytest.mark.parametrize("C", [np.inf, 1.0])
def test_the_optimum_is_newtons(C, weights):
    X = BAD if np.isinf(C) else scale(BAD)
    W, b = newton(X, BAD_Y, C=C, w=weights)
    model = LogisticRegression(C=C, **TIGHT).fit(X, BAD_Y, weights)
    assert_allclose(model.coef_[0], W, rtol=1e-6)
    assert_allclose(model.intercept_[0], b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("data", [CANCER, IRIS, WINE], ids=["cancer", "iris", "wine"])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_optimum_is_scikit_learns(data, C, intercept):
    X, y = data
    options = {"C": C, "fit_intercept": intercept}
    theirs = sklearn.linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000, **options)
    theirs.fit(X, y)
    ours = LogisticRegression(**options, **TIGHT).fit(X, y)
    largest = np.abs(theirs.coef_).max()
    assert ours.coef_.shape == theirs.coef_.shape
    assert_allclose(ours.coef_, theirs.coef_, atol=3e-6 * largest)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-4)
    assert ours.intercept_.shape == theirs.intercept_.shape
    assert ours.n_iter_.shape == theirs.n_iter_.shape


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky", "sag", "saga", "gradient_descent"])
def test_every_solver_goes_to_the_same_place(solver):
    X = scale(CANCER[0])
    options = {"tol": 0, "n_iter_no_change": np.inf, "max_iter": 4000} if solver == "gradient_descent" else TIGHT
    W, b = newton(X, CANCER[1], C=0.1)
    model = LogisticRegression(C=0.1, solver=solver, **options).fit(X, CANCER[1])
    assert_allclose(model.coef_[0], W, rtol=1e-5, atol=1e-6)
    assert_allclose(model.intercept_[0], b, rtol=1e-5)


@pytest.mark.parametrize("solver", ["nesterov", "momentum", "adam", "rmsprop", "adamw", "sgd"])
@pytest.mark.parametrize("batch_size", ["auto", 50])
def test_any_optimizer_comes_close(solver, batch_size):
    X, y = CANCER
    best = LogisticRegression(**TIGHT).fit(X, y)
    model = LogisticRegression(solver=solver, batch_size=batch_size, max_iter=100, random_state=0).fit(X, y)
    assert model.score(X, y) > best.score(X, y) - 0.02
    S = sparse.csr_matrix(X * (np.median(X, axis=0) < X))
    model.fit(S, y, np.random.default_rng(1).integers(1, 3, len(y)))
    assert model.score(S, y) > 0.85


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_l1_and_elastic_net(l1_ratio):
    X, y = scale(CANCER[0]), CANCER[1]
    options = {"C": 0.1, "l1_ratio": l1_ratio, "solver": "saga"}
    theirs = sklearn.linear_model.LogisticRegression(tol=1e-10, max_iter=100000, random_state=0, **options).fit(X, y)
    ours = LogisticRegression(tol=1e-8, max_iter=5000, **options).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    assert isinstance(ours.sparsify().coef_, sparse.csr_matrix)
    assert_array_equal(ours.predict(X), ours.densify().predict(X))
    assert isinstance(ours.coef_, np.ndarray)


@pytest.mark.parametrize("l1_ratio", [0, 1])
@pytest.mark.parametrize("scaling", [1, 5.0])
def test_liblinear_penalizes_the_intercept(l1_ratio, scaling):
    X, y = scale(CANCER[0]), CANCER[1]
    options = {"solver": "liblinear", "l1_ratio": l1_ratio, "C": 0.1, "intercept_scaling": scaling}
    theirs = sklearn.linear_model.LogisticRegression(tol=1e-10, max_iter=100000, random_state=0, **options).fit(X, y)
    ours = LogisticRegression(tol=1e-9, max_iter=5000, **options).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, atol=2e-5)
    assert_allclose(ours.intercept_, theirs.intercept_, atol=2e-5)


def test_softmax_without_penalty_is_centered():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(300, 3))
    y = (X @ rng.normal(size=(3, 4)) + rng.gumbel(size=(300, 4))).argmax(axis=1)
    theirs = sklearn.linear_model.LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(X, y)
    for solver in ("lbfgs", "nesterov"):
        ours = LogisticRegression(C=np.inf, solver=solver, tol=1e-12, max_iter=3000, n_iter_no_change=500).fit(X, y)
        assert_allclose(ours.coef_.sum(axis=0), 0, atol=1e-12)
        assert_allclose(ours.intercept_.sum(), 0, atol=1e-12)
        assert_allclose(ours.coef_, theirs.coef_ - theirs.coef_.mean(axis=0), atol=1e-4)


def test_wide_and_collinear():
    X, y = BAD, BAD_Y
    model = LogisticRegression(C=np.inf, **TIGHT).fit(np.c_[X, X[:, :1]], y)
    assert_allclose(model.coef_[0, 0], model.coef_[0, -1], rtol=1e-6)
    assert_allclose(
        model.decision_function(np.c_[X, X[:, :1]]),
        LogisticRegression(C=np.inf, **TIGHT).fit(X, y).decision_function(X),
        atol=1e-5,
    )
    A, b = np.random.default_rng(1).normal(size=(30, 80)), np.arange(30) % 3
    theirs = sklearn.linear_model.LogisticRegression(tol=1e-12, max_iter=5000).fit(A, b)
    assert_allclose(LogisticRegression(**TIGHT).fit(A, b).coef_, theirs.coef_, atol=1e-5)


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3, 1: 0.5}])
def test_a_weight_is_a_number_of_copies(class_weight):
    w = np.random.default_rng(1).integers(0, 4, len(BAD_Y))
    options = {"class_weight": class_weight, **TIGHT}
    X = scale(BAD)
    weighted = LogisticRegression(**options).fit(X, BAD_Y, w)
    repeated = LogisticRegression(**options).fit(np.repeat(X, w, axis=0), np.repeat(BAD_Y, w))
    theirs = sklearn.linear_model.LogisticRegression(class_weight=class_weight, tol=1e-10).fit(X, BAD_Y, w)
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-6, atol=1e-8)
    assert_allclose(weighted.coef_, theirs.coef_, atol=1e-5)


def test_sparse_and_precision():
    X, y = CANCER
    S = X * (np.median(X, axis=0) < X)
    dense = LogisticRegression(**TIGHT).fit(S, y)
    model = LogisticRegression(**TIGHT).fit(sparse.csr_matrix(S), y)
    assert_allclose(model.coef_, dense.coef_, atol=1e-5)
    assert_array_equal(model.predict(sparse.csr_matrix(S)), dense.predict(S))
    for solver in ("lbfgs", "adam"):
        single = LogisticRegression(solver=solver, max_iter=200).fit(X.astype(np.float32), y)
        assert single.coef_.dtype == np.float32
        assert single.predict_proba(X.astype(np.float32)).dtype == np.float32
    assert_allclose(
        LogisticRegression(**TIGHT).fit(scale(X).astype(np.float32), y).coef_,
        LogisticRegression(**TIGHT).fit(scale(X), y).coef_,
        atol=1e-4,
    )


def test_labels_of_any_kind():
    X, y = IRIS
    for labels in (np.array(["a", "b", "c"]), np.array([False, True, True]), np.array([2.0, 1.0, 5.0])):
        model = LogisticRegression().fit(X, labels[y])
        assert model.predict(X).dtype == labels.dtype
        assert model.score(X, labels[y]) > 0.9


def test_what_does_not_go_together():
    X, y = CANCER
    for options, message in [
        ({"l1_ratio": 1.0}, "supports only 'l2' or None penalties, got l1"),
        ({"l1_ratio": 0.5, "solver": "sag"}, "got elasticnet"),
        ({"l1_ratio": 0.5, "solver": "liblinear"}, "Only 'saga'"),
        ({"C": np.inf, "solver": "liblinear"}, "not supported for the liblinear"),
        ({"dual": True}, "dual=False"),
        ({"solver": "wishing"}, "expected a solver out of auto"),
    ]:
        with pytest.raises(ValueError, match=message):
            LogisticRegression(**options).fit(X, y)
    with pytest.raises(InvalidOption, match="multiclass"):
        LogisticRegression(solver="liblinear").fit(*IRIS)
    with pytest.warns(FutureWarning), pytest.raises(InvalidOption, match="must be specified"):
        LogisticRegression(penalty="elasticnet", l1_ratio=None, solver="saga").fit(X, y)


def test_deprecations_are_scikit_learns():
    X, y = scale(CANCER[0]), CANCER[1]
    with pytest.warns(FutureWarning, match="'penalty' was deprecated"):
        none = LogisticRegression(penalty=None, **TIGHT).fit(BAD, BAD_Y)
    assert_allclose(none.coef_, LogisticRegression(C=np.inf, **TIGHT).fit(BAD, BAD_Y).coef_)
    with pytest.warns(FutureWarning), pytest.warns(UserWarning, match="Inconsistent"):
        one = LogisticRegression(penalty="l1", solver="saga", C=0.1).fit(X, y)
    assert (one.coef_ == 0).any()
    with pytest.warns(FutureWarning), pytest.warns(UserWarning, match="will ignore the C"):
        LogisticRegression(penalty=None, C=2.0).fit(BAD, BAD_Y)
    with pytest.warns(FutureWarning, match="l1_ratio=None"):
        LogisticRegression(l1_ratio=None).fit(X, y)
    with pytest.warns(FutureWarning):
        LogisticRegression(penalty="elasticnet", l1_ratio=0.5, solver="saga").fit(X, y)


def test_iterations():
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge: Maximum iterations"):
        one = LogisticRegression(max_iter=1).fit(*CANCER)
    assert one.n_iter_.tolist() == [1]
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\)"):  # SciPy has words of its own for it
        LogisticRegression(max_iter=3, solver="lbfgs(memory=5)").fit(*CANCER)
    with pytest.warns(ConvergenceWarning):
        none = LogisticRegression(max_iter=0).fit(*CANCER)
    assert not none.coef_.any()
    assert none.n_iter_.tolist() == [0]
    seen = []
    LogisticRegression(max_iter=20).set_callbacks(lambda run: seen.append(run.epoch)).fit(*IRIS)
    assert seen == list(range(1, len(seen) + 1))
    plain = LogisticRegression(standardize=False, max_iter=3000, tol=1e-8).fit(scale(CANCER[0]), CANCER[1])
    assert_allclose(plain.coef_, LogisticRegression(**TIGHT).fit(scale(CANCER[0]), CANCER[1]).coef_, atol=1e-4)


def test_warm_start_and_early_stopping():
    X, y = CANCER
    warm = LogisticRegression(warm_start=True, **TIGHT).fit(X, y)
    before = warm.coef_.copy()
    assert warm.fit(X, y).n_iter_[0] < 10
    assert_allclose(warm.coef_, before, atol=1e-5)
    stopped = LogisticRegression(solver="adam", early_stopping="roc_auc", random_state=0, max_iter=50).fit(X, y)
    assert len(stopped.history_["validation_score"]) == stopped.n_iter_[0]


def test_frames_pipelines_and_searches():
    X, y = WINE
    columns = [f"c{i}" for i in range(X.shape[1])]
    expected = LogisticRegression().fit(X, y).predict_proba(X)
    for frame in (pd.DataFrame(X, columns=columns), pl.DataFrame(X, schema=columns)):
        model = LogisticRegression().fit(frame, y)
        assert model.feature_names_in_.tolist() == columns
        assert_allclose(model.predict_proba(frame), expected, atol=1e-5)
    frame = pd.DataFrame(X, columns=columns)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).set_output(transform="pandas").fit(frame, y)
    assert pipeline.score(frame, y) > 0.95
    search = GridSearchCV(LogisticRegression(), {"C": [1e-6, 1.0]}, cv=3).fit(X, y)
    assert search.best_params_["C"] == 1.0
    again = pickle.loads(pickle.dumps(model)).predict_proba(frame)
    assert_array_equal(again, model.predict_proba(frame))
    assert clone(model).get_params() == model.get_params()


@pytest.mark.filterwarnings("ignore::deltarule.errors.SeparationWarning")
@pytest.mark.parametrize("data", [CANCER, WINE], ids=["two", "three"])
def test_the_file(tmp_path, data):
    X, y = data
    model = LogisticRegression(C=np.inf, class_weight={0: 2.0}, max_iter=5).fit(X, y)
    model.save(tmp_path / "model")
    document, arrays = model_file.read(tmp_path / "model", kind="model")
    loaded = persistence.from_document(document["estimator"], arrays)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X), strict=True)
    assert_array_equal(loaded.n_iter_, model.n_iter_, strict=True)
    assert loaded.get_params() == model.get_params()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
    document["estimator"]["network"]["activations"] = ["hard_sigmoid"]
    with pytest.raises(ModelFileError):
        persistence.from_document(document["estimator"], arrays)
    document["estimator"]["multilabel"] = True
    with pytest.raises(ModelFileError):
        persistence.from_document(document["estimator"], arrays)


def test_labels_beyond_all_whole_numbers_are_refused_in_one_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="Unknown label type"):
            LogisticRegression().fit(CANCER[0], CANCER[1] * 1e200)


def test_firth_measures_a_validation_set():
    X, y = scale(CANCER[0][:, :3]), CANCER[1]
    model = LogisticRegression(solver="firth").fit(X, y, validation_data=(X, y))
    assert model.history_["validation_score"] == [model.score(X, y)]
