"""Firth's penalized likelihood: published results, and its maximum found without a derivative."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq, minimize

from deltarule import LogisticRegression
from deltarule.equations.firth import firth, penalized_likelihood, penalized_score
from deltarule.errors import DataError, InvalidOption

# Heinze and Schemper 2002: endometrial cancer of 79 women; NV, PI, EH, and the grade HG
ENDOMETRIAL = """
0 13 1.64 0, 0 16 2.26 0, 0 8 3.14 0, 0 34 2.68 0, 0 20 1.28 0, 0 5 2.31 0, 0 17 1.8 0, 0 10 1.68 0, 0 26 1.56 0,
0 17 2.31 0, 0 8 2.01 0, 0 7 1.89 0, 0 20 3.15 0, 0 10 1.23 0, 0 18 1.27 0, 0 16 1.76 0, 0 18 2 0, 0 8 2.64 1,
0 29 0.88 1, 0 12 1.27 1, 0 20 1.37 1, 1 38 0.97 1, 1 22 1.14 1, 1 7 0.88 1, 1 25 0.91 1, 1 15 0.58 1, 0 7 0.97 1,
0 28 1.5 0, 0 11 1.33 0, 0 19 2.37 0, 0 10 1.82 0, 0 10 3.13 0, 0 18 1.31 0, 0 14 1.92 0, 0 21 1.64 0, 0 11 2.01 0,
0 17 1.88 0, 0 25 1.93 0, 0 16 2.11 0, 0 19 1.29 0, 0 15 1.72 0, 0 33 0.75 0, 0 24 1.92 0, 0 48 1.84 1, 0 12 1.11 1,
0 19 1.61 1, 0 2 1.18 1, 1 22 1.44 1, 1 40 1.18 1, 1 5 0.93 1, 1 0 1.17 1, 0 21 1.19 1, 0 15 1.06 1, 0 29 2.02 0,
0 15 2.29 0, 0 12 2.33 0, 0 3 2.9 0, 0 20 1.7 0, 0 23 1.41 0, 0 12 2.25 0, 0 22 1.54 0, 0 42 1.97 0, 0 15 1.75 0,
0 13 2.16 0, 0 14 2.57 0, 0 19 1.37 0, 0 12 3.61 0, 0 13 2.04 0, 0 10 2.17 0, 0 12 1.69 1, 1 49 0.27 1, 0 6 1.84 1,
0 5 1.3 1, 0 17 0.96 1, 1 11 1.01 1, 1 21 0.98 1, 0 5 0.35 1, 1 19 1.02 1, 0 33 0.85 1
"""
ROWS = np.array([[float(x) for x in row.split()] for row in ENDOMETRIAL.split(",")])
X, y = ROWS[:, :3], ROWS[:, 3].astype(int)


def test_published_results():
    """Of the R package logistf."""
    model = LogisticRegression(solver="firth").fit(X, y)
    assert_allclose(model.coef_[0], [2.92927330, -0.03475175, -2.60416387], rtol=1e-6)
    assert_allclose(model.intercept_, [3.77455951], rtol=1e-6)
    assert "Wald intervals" in model.summary().title
    model.infer(X, y, intervals="profile")
    summary = model.summary()
    assert "profile likelihood intervals" in summary.title
    assert_allclose(summary["lower"], [1.0825371, 0.6097244, -0.1244587, -4.3651832], rtol=1e-6)
    assert_allclose(summary["upper"], [7.20928050, 7.85463171, 0.04045547, -1.23272106], rtol=1e-6)
    assert_allclose(model.odds_ratios()["upper"], np.exp([7.85463171, 0.04045547, -1.23272106]), rtol=1e-5)
    assert "Wald" in model.summary(0.9).title  # a profile is of one level


def naive(theta, A, y, w):
    """The definition, word for word."""
    p = 1 / (1 + np.exp(-A @ theta))
    information = A.T @ np.diag(w * p * (1 - p)) @ A
    return float(w @ (y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * np.log(np.linalg.det(information)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_maximum_found_without_a_derivative(weighted, intercept):
    w = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else np.ones(len(y))
    model = LogisticRegression(solver="firth", fit_intercept=intercept).fit(X, y, w)
    A = np.column_stack([np.ones(len(y)), X]) if intercept else X
    theta = np.append(model.intercept_, model.coef_) if intercept else model.coef_[0]
    best = minimize(lambda t: -naive(t, A, y, w), theta * 0.9, method="Nelder-Mead",
                    options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 20_000, "maxfev": 20_000})  # fmt: skip
    assert_allclose(theta, best.x, rtol=1e-5)
    assert_allclose(model.summary().facts["penalized log-likelihood"], -best.fun, rtol=1e-9)
    p = model.predict_proba(X)[:, 1]
    assert_allclose(model.covariance(), np.linalg.inv(A.T @ (A * (w * p * (1 - p))[:, None])), rtol=1e-6)


def test_the_score_is_the_derivative():
    rng = np.random.default_rng(0)
    A, w, phi = np.column_stack([np.ones(len(y)), X / X.std(axis=0)]), rng.uniform(0.5, 2, len(y)), rng.normal(size=4)
    assert_allclose(penalized_likelihood(phi, A, y, w), naive(phi, A, y, w))
    score, _ = penalized_score(phi, A, y, w)
    numeric = [(naive(phi + 1e-6 * e, A, y, w) - naive(phi - 1e-6 * e, A, y, w)) / 2e-6 for e in np.eye(4)]
    assert_allclose(score, numeric, rtol=1e-6)


def test_a_profile_by_its_definition():
    """The end of an interval is where the rest, chosen as well as can be, lies half a quantile of χ² below the best."""
    x, target = X[:, [2]], y
    model = LogisticRegression(solver="firth").fit(x, target).infer(x, target, intervals="profile", level=0.9)
    A, w = np.column_stack([np.ones(len(y)), x]), np.ones(len(y))
    best = naive(np.append(model.intercept_, model.coef_), A, y, w)

    def profile(slope):
        precise = {"xatol": 1e-9, "fatol": 1e-13}
        rest = minimize(
            lambda b: -naive(np.array([b[0], slope]), A, y, w), [3.0], method="Nelder-Mead", options=precise
        )
        return -rest.fun

    upper = brentq(lambda s: best - profile(s) - 2.705543454095404 / 2, model.coef_[0, 0], 0.5)
    summary = model.summary(0.9)
    assert_allclose(summary["upper"][1], upper, rtol=1e-6)
    assert_allclose(summary["p"][1], _chi2(2 * (best - profile(0.0))), rtol=1e-4)


def far_out(theta, A, y, w):
    """The definition where `naive` underflows."""
    Z = A @ theta
    singular = np.linalg.svd(A * np.sqrt(w / (2 + 2 * np.cosh(Z)))[:, None], compute_uv=False)
    return float(-w @ np.logaddexp(0, np.where(y == 1, -Z, Z)) + np.log(singular).sum())


@pytest.mark.parametrize(("seed", "columns"), [(0, 1), (1, 1), (2, 2), (3, 2)])
def test_a_profile_of_separated_samples(seed, columns):
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(int(rng.integers(10, 30)), columns)), rng.uniform(0.5, 2, 30)
    z, w = x @ rng.normal(size=columns), w[: len(x)]
    target = (z > np.median(z)).astype(int)
    model = LogisticRegression(solver="firth").fit(x, target, w).infer(x, target, w, intervals="profile")
    A, theta = np.column_stack([np.ones(len(x)), x]), np.append(model.intercept_, model.coef_)

    def excess(value):
        near = theta[[0, *range(2, len(theta))]] * value / theta[1]
        rest = minimize(lambda b: -far_out(np.insert(b, 1, value), A, target, w), near)
        return far_out(theta, A, target, w) + rest.fun - 3.841458820694124 / 2

    summary = model.summary()
    for end in (summary["lower"][1], summary["upper"][1]):
        assert_allclose(end, brentq(excess, end * 0.999, end * 1.001, rtol=1e-8), rtol=1e-6)


@pytest.mark.parametrize("m", [10, 19, 33, 58])
def test_profiles_of_separated_samples_have_ends(m):
    x = np.random.default_rng(m).normal(size=(m, 2))
    summary = (
        LogisticRegression(solver="firth").fit(x, x[:, 0] > 0).infer(x, x[:, 0] > 0, intervals="profile").summary()
    )
    assert np.all(np.array(summary["lower"]) < summary["coefficient"])
    assert np.all(np.array(summary["upper"]) > summary["coefficient"])


def _chi2(x):
    from scipy.stats import chi2

    return chi2.sf(x, 1)


def test_separated_samples_have_finite_weights_and_a_table_of_two_its_half_added():
    """For one column of 0 and 1, Firth's estimate is the log odds ratio with ½ added to each cell."""
    x = np.array([0] * 10 + [1] * 8)
    target = np.array([0] * 6 + [1] * 4 + [1] * 8)
    model = LogisticRegression(solver="firth").fit(x[:, None], target)
    assert_allclose(model.coef_[0, 0], np.log((8.5 / 0.5) / (4.5 / 6.5)), rtol=1e-6)


def test_it_stops_and_says_so():
    A = np.column_stack([np.ones(len(y)), X])
    assert not firth(A, y, np.ones(len(y)), max_iter=2, tol=1e-8).converged
    with pytest.warns(UserWarning, match="firth failed to converge"):
        LogisticRegression(solver="firth", max_iter=1).fit(X, y)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"C": 0.5}, "no other penalty"), ({"l1_ratio": 1}, "no other penalty"), ({"early_stopping": True}, "early_stop")],
)
def test_what_it_does_not_take(options, words):
    with pytest.raises(InvalidOption, match=words):
        LogisticRegression(solver="firth", **options).fit(X, y)


def test_data_that_it_does_not_take():
    with pytest.raises(InvalidOption, match="two classes for solver='firth', found 3"):
        LogisticRegression(solver="firth").fit(X, np.arange(len(y)) % 3)
    with pytest.raises(DataError, match="do not depend on each other, found x0, x1"):
        LogisticRegression(solver="firth").fit(X[:, [0, 0]], y)
    with pytest.raises(InvalidOption, match="classical errors for Firth"):
        LogisticRegression(solver="firth").fit(X, y).infer(X, y, covariance="HC0")
    with pytest.raises(InvalidOption, match="'profile' with solver='firth'"):
        LogisticRegression(C=np.inf).fit(X[:, 1:], y).infer(X[:, 1:], y, intervals="profile")
