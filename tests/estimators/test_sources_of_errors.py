"""Errors are the same from the cost, from what a fit has left and from its rows; for columns of any scale, too."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from real_tables import assert_same_summary, fit_logistic, overlapping, table
from scipy import sparse
from sklearn.datasets import load_diabetes

from deltarule import LinearRegression, LogisticRegression, likelihood_ratio_test


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("small", [False, True])
def test_errors_from_the_cost_are_those_of_its_rows(weighted, dtype, classes, small, monkeypatch):
    from deltarule.estimators import measuring

    X, y = overlapping(400, classes, dtype)
    w = np.random.default_rng(0).integers(1, 4, len(X)).astype(dtype) if weighted else None
    if not small:
        monkeypatch.setattr(measuring, "MOST_ENTRIES", 10)
    model = LogisticRegression(C=np.inf).fit(X, y, w)
    assert "_inference" not in vars(model)  # nobody has asked
    assert_same_summary(pickle.loads(pickle.dumps(model)), model.infer(X, y, w))
    part = LogisticRegression(C=np.inf).fit(X[:, :2], y, w)
    found = likelihood_ratio_test(part, model)
    assert_allclose(found, likelihood_ratio_test(part.infer(X[:, :2], y, w), model.fit(X, y, w)), rtol=1e-7)


@pytest.mark.parametrize("left_out", ["intercept", "standardize", "dense", "condition", "engine"])
def test_errors_from_the_rows_where_the_cost_cannot_tell(left_out):
    X, y = overlapping(300, 2, np.float64)
    Z, options = X, {"engine": "reference"} if left_out == "engine" else {}
    if left_out in ("intercept", "standardize"):
        Z, options = X - X.mean(axis=0), {"fit_intercept" if left_out == "intercept" else "standardize": False}
    if left_out == "condition":
        Z = np.c_[X[:, 0], X[:, 0] + 1e-8 * X[:, 1]]
    model = LogisticRegression(C=np.inf, max_iter=1000, **options)
    model.fit(sparse.csr_matrix(Z) if left_out == "dense" else Z, y)
    assert ("_likelihood" in vars(model)) == (left_out == "engine")
    A = Z if left_out == "intercept" else np.c_[np.ones(len(Z)), Z]
    P = model.predict_proba(Z)[:, 1]
    expected = np.sqrt(np.diag(np.linalg.inv((A.T * (P * (1 - P))) @ A)))
    assert_allclose(model.summary()["standard error"], expected, rtol=1e-4 if left_out == "condition" else 1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}])
@pytest.mark.parametrize("targets", [1, 3])
def test_errors_from_what_a_fit_has_left_are_those_of_its_rows(weighted, options, targets):
    X, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, y**2, X[:, 3] + np.sin(y)])[:, :targets]
    y = y[:, 0] if targets == 1 else y
    w = np.random.default_rng(0).uniform(0.1, 3, len(X)) if weighted else None
    model = LinearRegression(**options).fit(X, y, w)
    assert "_inference" not in vars(model)  # nobody has asked
    assert_same_summary(pickle.loads(pickle.dumps(model)), model.infer(X, y, w))
    whole, part = LinearRegression(**options), LinearRegression(**options)
    if targets == 1:
        found = likelihood_ratio_test(part.fit(X[:, :6], y, w).infer(X[:, :6], y, w), whole.fit(X, y, w))
        assert_allclose(found, likelihood_ratio_test(part.fit(X[:, :6], y, w), whole.infer(X, y, w)), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-30, 1e-5, 1e30])
def test_columns_of_any_scale(scale):
    X, y = table("diabetes")
    X = X[:, :3]
    plain, scaled = LinearRegression().fit(X, y).summary(), LinearRegression().fit(X * scale, y).summary()
    assert_allclose(scaled["standard error"][1:] * scale, plain["standard error"][1:], rtol=1e-8)
    assert_allclose(scaled["p"], plain["p"], rtol=1e-7)
    y = (y > 140).astype(int)
    plain, scaled = fit_logistic(X, y).summary(), fit_logistic(X * scale, y).summary()
    assert_allclose(scaled["standard error"][1:] * scale, plain["standard error"][1:], rtol=1e-7)


def test_sparse_and_float32():
    from scipy import sparse

    X, y = table("diabetes")
    plain = LinearRegression().fit(X, y).summary()
    assert_allclose(
        LinearRegression().fit(sparse.csr_matrix(X), y).summary()["standard error"], plain["standard error"], rtol=1e-7
    )
    single = LinearRegression().fit(X.astype(np.float32), y).summary()
    assert_allclose(single["standard error"], plain["standard error"], rtol=1e-4)


@pytest.mark.parametrize("kind", [LinearRegression, LogisticRegression])
def test_intercept_and_intervals_keep_their_digits_where_columns_nearly_depend_on_each_other(kind):
    """Beside the same fit in columns that do not."""
    rng = np.random.default_rng(0)
    x, e, noise = rng.normal(size=(3, 400))
    X = np.c_[100 + x, 100 + x + 1e-6 * e]
    apart = np.c_[x, (X[:, 1] - X[:, 0]) * 1e6]
    y, options = x + noise, {}
    if kind is LogisticRegression:
        y, options = (y > 0).astype(int), {"C": np.inf}
    near, clear = kind(**options).fit(X, y), kind(**options).fit(apart, y)
    assert_allclose(near.summary()["z" if options else "t"][2], clear.summary()["z" if options else "t"][2], rtol=1e-7)
    T = np.array([[1, -100, 0], [0, 1, -1e6], [0, 0, 1e6]])  # from the weights of `apart`, nearly, to those of X
    assert_allclose(near.summary()["standard error"][0], np.sqrt((T @ clear.covariance() @ T.T)[0, 0]), rtol=1e-6)
    ends, expected = (m.predict_interval(Z[:9], kind="confidence") for m, Z in ((near, X), (clear, apart)))
    assert_allclose(ends.upper - ends.lower, expected.upper - expected.lower, rtol=1e-6)
