"""What a model remembers from one call to the next, and what it must not; arrays that pass without a second look."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

import deltarule
from deltarule import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from deltarule.engines.threads import one_blas_thread
from deltarule.errors import NotFinite, SeparationWarning

KINDS = (LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    return X, (X[:, 0] + rng.normal(size=60) > 0).astype(int)


@pytest.fixture
def apart():
    """Two classes, linearly separable."""
    X = np.random.default_rng(1).normal(size=(40, 2))
    return X, (X[:, 0] > 0).astype(int)


def small(kind):
    return kind(max_iter=3) if kind in (MLPClassifier, MLPRegressor) else kind()


def test_firth_on_the_very_model_that_was_told_to_use_it(apart):
    model = LogisticRegression(C=np.inf)
    with pytest.warns(SeparationWarning, match="firth"):
        model.fit(*apart)
    summary = model.set_params(solver="firth").fit(*apart).summary()
    assert np.isfinite(summary["standard error"]).all()
    fresh = LogisticRegression(C=np.inf, solver="firth").fit(*apart)
    assert_array_equal(summary["standard error"], fresh.summary()["standard error"])


def test_errors_of_firth_again_after_it_was_loaded(apart, tmp_path):
    X, y = apart
    model = LogisticRegression(solver="firth").fit(X, y)
    model.save(tmp_path / "m.safetensors")
    loaded = deltarule.load(tmp_path / "m.safetensors")
    again = loaded.infer(X, y).summary()
    assert_allclose(again["standard error"], model.summary()["standard error"], rtol=1e-9)
    assert again.facts["penalized log-likelihood"] == pytest.approx(model.summary().facts["penalized log-likelihood"])
    assert_allclose(loaded.influence(X, y).leverage, model.influence(X, y).leverage, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_that_failed_can_be_repeated_warm(table):
    X, y = table
    model = MLPRegressor(warm_start=True, random_state=0, max_iter=3)
    with pytest.raises(NotFinite):
        model.fit(X * 1e300, y)
    assert np.isfinite(model.fit(X, y).loss_)


def test_rows_given_once_more_do_not_change_the_shape_of_the_weights(table):
    X, y = table
    model = LinearRegression().fit(X, y)
    model.infer(X, y[:, None])
    assert model.coef_.shape == (4,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_plain_arrays_are_refused_in_scikit_learns_words(kind, table):
    X, y = table
    model = small(kind).fit(X, y)
    assert model.n_features_in_ == 4
    assert not hasattr(model, "feature_names_in_")
    for wrong, words in ((np.nan, "contains NaN"), (np.inf, "contains infinity")):
        bad = X.copy()
        bad[3, 2] = wrong
        for call in (lambda bad=bad: model.fit(bad, y), lambda bad=bad: model.predict(bad)):
            with pytest.raises(ValueError, match=words):
                call()
    with pytest.raises(ValueError, match="4 features"):
        model.predict(X[:, :3])
    with pytest.raises(ValueError, match="0 sample"):
        model.predict(X[:0])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.predict(pd.DataFrame(X, columns=list("abcd")))
    assert any("fitted without feature names" in str(warning.message) for warning in told)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers_whose_sum_is_not_finite_are_finite(kind, table):
    X, y = table
    big = X.copy()
    big[:2, 3] = 1e308, 1.5e308
    small(LogisticRegression).fit(X, y).predict(big)
    with np.errstate(all="ignore"):
        small(kind).fit(X, y).predict(big)


@pytest.mark.parametrize("solver", ["auto", "newton"])
def test_columns_of_a_packed_record(solver):
    """Their strides are not whole numbers of floats."""
    record = np.zeros(50, dtype=[("flag", "u1"), ("x", "<f8", (3,))])
    record["x"] = np.random.default_rng(0).normal(size=(50, 3))
    X, y = record["x"], record["x"] @ [1.0, 2.0, 3.0]
    model = LinearRegression(solver=solver).fit(X, y)
    assert_allclose(model.coef_, [1, 2, 3], rtol=1e-6)
    assert_allclose(model.predict(X), y, atol=1e-6)


HARD = {
    "plain": (1.0, {}),
    "units": (1.0, {"scale": [1e-9, 1.0, 1e9, 1.0]}),
    "far": (1.0, {"shift": 1e4}),
    "dependent": (1.0, {"twice": True}),
    "nearly dependent": (1.0, {"twice": True, "noise": 1e-5}),
    "constant": (1.0, {"scale": [0.0, 1.0, 1.0, 1.0]}),
    "separated": (20.0, {}),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C", [np.inf, 1.0, 1e-3])
@pytest.mark.parametrize("hard", HARD)
def test_steps_that_nobody_watches_are_those_that_somebody_does(hard, C, dtype):
    strength, options = HARD[hard]
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 4))
    y = (strength * (X[:, 1] - X[:, 2]) + rng.logistic(size=120) > 0).astype(int)
    if options.get("twice"):
        X[:, 3] = X[:, 1] + options.get("noise", 0.0) * rng.normal(size=120)
    X = (X * options.get("scale", 1.0) + options.get("shift", 0.0)).astype(dtype)
    w = rng.uniform(0.5, 2, 120)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone, watched = (
            LogisticRegression(C=C, callbacks=callbacks).fit(X, y, w) for callbacks in (None, [lambda run: None])
        )
    assert alone.n_iter_ == watched.n_iter_
    assert_allclose(alone.history_["loss"], watched.history_["loss"], rtol=1e-9, atol=1e-12)
    assert_allclose(alone.decision_function(X), watched.decision_function(X), rtol=1e-4, atol=1e-4)
    if hard != "nearly dependent":  # where they may differ by what the tolerance leaves
        assert_allclose(alone.coef_, watched.coef_, rtol=1e-4, atol=1e-6 * np.abs(watched.coef_).max())


@pytest.mark.parametrize("max_iter", [0, 1, 2, 3, 100])
def test_no_more_steps_than_are_allowed_and_a_word_about_it(table, max_iter):
    model = LogisticRegression(C=np.inf, max_iter=max_iter)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(*table)
    assert bool(told) == (max_iter < 100)
    assert len(model.history_.get("loss", [])) == int(model.n_iter_[0]) <= max_iter
    watched = LogisticRegression(C=np.inf, max_iter=max_iter, callbacks=[lambda run: None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        watched.fit(*table)
    assert_allclose(model.coef_, watched.coef_, rtol=1e-8, atol=1e-12)


def test_a_warning_names_the_line_of_the_user(apart):
    with pytest.warns(SeparationWarning) as told:
        LogisticRegression(C=np.inf).fit(*apart)
    assert [warning.filename for warning in told] == [__file__]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_in_the_middle_of_a_fit_has_its_threads_back(blas_threads):
    X, y = load_iris(return_X_y=True)
    with one_blas_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
        if not child:
            inside = LogisticRegression().fit(X, y).score(X, y) > 0.9
            os._exit(0 if inside and max(blas_threads()) == max(1, len(os.sched_getaffinity(0))) else 1)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "nope"},
        {"solver": "nope"},
        {"callbacks": [lambda run: 1 / 0], "solver": "adam"},
    ],
    ids=["engine", "solver", "callback"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_that_fails_leaves_the_model_as_it_was(kind, wrong, table, tmp_path):
    X, y = table
    model = small(kind).fit(X, y)
    before = model.predict(X)
    fresh = small(kind).set_params(**wrong)
    model.set_params(**wrong)
    for broken in (model, fresh):
        with pytest.raises((ValueError, ZeroDivisionError)):
            broken.fit(X[:, :2], y)
    model.set_params(**small(kind).get_params())
    assert_array_equal(model.predict(X), before)
    assert model.n_features_in_ == 4
    with pytest.raises(NotFittedError):
        fresh.predict(X)
    model.save(tmp_path / "m.safetensors")
    assert_array_equal(deltarule.load(tmp_path / "m.safetensors").predict(X), before)


def test_validation_data_that_do_not_fit_leave_nothing_behind(table):
    X, y = table
    model = LinearRegression()
    with pytest.raises(ValueError, match="features"):
        model.fit(X, y, validation_data=(X[:, :2], y))
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("kind", [LinearRegression, MLPRegressor])
@pytest.mark.parametrize(
    "y",
    [[None, *range(59)], ["nan", *["1"] * 59], np.where(np.eye(60)[:, :2] > 0, np.nan, 1.0)],
    ids=["None", "text", "NaN"],
)
def test_targets_that_are_missing_are_refused(kind, y, table):
    with pytest.raises(ValueError, match="NaN"):
        small(kind).fit(table[0], y)


@pytest.mark.parametrize("kind", [LinearRegression, LogisticRegression, MLPRegressor, MLPClassifier])
def test_sparse_targets_are_refused(kind, table):
    y = sparse.csr_matrix((table[1][:, None] > 0).astype(float))
    with pytest.raises((ValueError, TypeError), match="toarray"):
        small(kind).fit(table[0], y)


def test_targets_beyond_the_precision_of_the_table_are_refused(table):
    X, y = table
    with pytest.raises(ValueError, match="float32"):
        LinearRegression().fit(X.astype(np.float32), y * 1e300)


@pytest.mark.parametrize("options", [{}, {"C": np.inf}, {"solver": "firth"}])
def test_one_class_left_by_the_weights_is_refused(options, table):
    X, y = table
    with pytest.raises(ValueError, match="one class alone"):
        LogisticRegression(**options).fit(X, y, y.astype(float))
    with pytest.raises(ValueError, match="one class alone"):
        LogisticRegression(class_weight={0: 0}, **options).fit(X, y)


def test_other_weights_have_no_errors_that_are_known(table):
    X, y = table
    for model in (LinearRegression().fit(X, y), LogisticRegression(C=np.inf).fit(X, y)):
        assert "standard error" in model.summary().columns
        model.coef_ = model.coef_ + 1
        assert "standard error" not in model.summary().columns


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, bool])
def test_classes_of_whole_numbers_keep_their_type(dtype, table):
    X, _ = table
    y = (X[:, 0] > 0).astype(dtype)
    model = LogisticRegression().fit(X, y)
    assert model.classes_.dtype == dtype
    assert_array_equal(model.classes_, np.unique(y))
    assert_array_equal(model.coef_, LogisticRegression().fit(X, y.astype(str)).coef_)


def test_numbers_that_are_no_classes_are_refused(table):
    X, _ = table
    for y in (np.arange(len(X)) / 7, np.where(X[:, 0] > 0, 0.5, 0), np.where(X[:, 0] > 0, np.inf, 0)):
        with pytest.raises(ValueError, match=r"Unknown label type|infinity"):
            LogisticRegression().fit(X, y)
