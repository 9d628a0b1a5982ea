"""Standard errors of linear regression and what follows: equal to statsmodels' on real tables."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from real_tables import KINDS, LINEAR, assert_table, binary, fit_logistic, table
from sklearn.datasets import load_linnerud
from statsmodels.genmod.families import Binomial

from deltarule import LinearRegression


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("kind", KINDS)
def test_linear_errors_equal_statsmodels(name, kind):
    X, y = table(name)
    model = LinearRegression().fit(X, y)
    theirs = sm.OLS(y, sm.add_constant(X)).fit()
    if kind != "classical":
        model.infer(X, y, covariance=kind)
        theirs = theirs.get_robustcov_results(kind, use_t=True)
    assert_table(model.summary(), theirs, "t", rtol=1e-7 if name == "longley" else 1e-8)
    facts = model.summary().facts
    assert_allclose(facts["F"], theirs.fvalue, rtol=1e-6)  # they invert it as it is, 1e5 and more of condition
    assert_allclose(facts["p of F"], theirs.f_pvalue, rtol=1e-4, atol=1e-300)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("name", LINEAR)
def test_linear_facts_equal_statsmodels(name, intercept, weighted):
    X, y = table(name)
    w = np.random.default_rng(0).uniform(0.2, 3, len(y)) if weighted else None
    model = LinearRegression(fit_intercept=intercept).fit(X, y, w)
    A = sm.add_constant(X) if intercept else X
    theirs = (sm.WLS(y, A, weights=w) if weighted else sm.OLS(y, A)).fit()
    assert_table(model.summary(), theirs, "t")
    expected = {
        "samples": theirs.nobs,
        "residual degrees of freedom": theirs.df_resid,
        "R²": theirs.rsquared,
        "adjusted R²": theirs.rsquared_adj,
        "F": theirs.fvalue,
        "σ": np.sqrt(theirs.scale),
        "log-likelihood": theirs.llf,
        "AIC": theirs.aic,
        "BIC": theirs.bic,
        "deviance": theirs.ssr,
    }
    facts = model.summary().facts
    if intercept or name != "longley":  # without one, R² there is 0.99999...
        assert_allclose([facts[name] for name in expected], list(expected.values()), rtol=1e-8)
    assert_allclose(facts["condition number"], theirs.condition_number, rtol=1e-6)
    assert_allclose(model.covariance(), theirs.cov_params(), rtol=1e-7, atol=1e-8 * np.abs(model.covariance()).max())


def test_several_targets_each_equal_one():
    X, Y = load_linnerud(return_X_y=True)
    several = LinearRegression().fit(X, Y)
    for kind in KINDS:
        together = several.infer(X, Y, covariance=kind).summary()
        assert together.columns["target"][::4] == ["y0", "y1", "y2"]
        for j in range(3):
            alone = LinearRegression().fit(X, Y[:, j]).infer(X, Y[:, j], covariance=kind)
            rows = slice(4 * j, 4 * j + 4)
            for column in ("coefficient", "standard error", "p", "upper"):
                assert_allclose(together[column][rows], alone.summary()[column], rtol=1e-9)
            assert_allclose(together.facts["F"][j], alone.summary().facts["F"], rtol=1e-9)
            both = several.predict_interval(X[:5]), alone.predict_interval(X[:5])
            assert_allclose(both[0].upper[:, j], both[1].upper, rtol=1e-9)


@pytest.mark.parametrize("name", ["diabetes", "stackloss", "fair"])
def test_clusters_equal_statsmodels(name):
    X, y = table(name)
    groups = np.random.default_rng(1).integers(0, 9, len(y))
    model = LinearRegression().fit(X, y).infer(X, y, covariance="cluster", groups=[f"g{g}" for g in groups])
    theirs = sm.OLS(y, sm.add_constant(X)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert_table(model.summary(), theirs, "t")
    X, y = binary("fair")
    groups = np.random.default_rng(1).integers(0, 9, len(y))
    model = fit_logistic(X, y).infer(X, y, covariance="cluster", groups=groups)
    theirs = sm.Logit(y, sm.add_constant(X)).fit(cov_type="cluster", cov_kwds={"groups": groups}, disp=0, tol=1e-13)
    assert_table(model.summary(), theirs, "z")


def test_frequencies_are_repeated_rows():
    X, y = table("stackloss")
    times = np.random.default_rng(2).integers(0, 4, len(y))
    repeated = np.repeat(X, times, axis=0), np.repeat(y, times)
    for kind in KINDS:
        weighted = LinearRegression().fit(X, y, times).infer(X, y, times, covariance=kind, weights="frequency")
        plain = LinearRegression().fit(*repeated).infer(*repeated, covariance=kind)
        assert_allclose(weighted.summary()["standard error"], plain.summary()["standard error"], rtol=1e-9)
        for name in ("samples", "R²", "adjusted R²", "F", "log-likelihood", "AIC", "BIC", "σ"):
            assert_allclose(weighted.summary().facts[name], plain.summary().facts[name], rtol=1e-9, err_msg=name)
    X, y = binary("spector")
    times = np.random.default_rng(2).integers(0, 4, len(y))
    repeated = np.repeat(X, times, axis=0), np.repeat(y, times)
    for kind in KINDS:
        weighted = fit_logistic(X, y, times).infer(X, y, times, covariance=kind)
        plain = fit_logistic(*repeated).infer(*repeated, covariance=kind)
        assert_allclose(weighted.summary()["standard error"], plain.summary()["standard error"], rtol=1e-8)
        assert_allclose(weighted.summary().facts["BIC"], plain.summary().facts["BIC"], rtol=1e-10)


def test_precisions_have_no_scale():
    X, y = table("stackloss")
    w = np.random.default_rng(0).uniform(0.2, 3, len(y))
    a, b = (LinearRegression().fit(X, y, s * w).summary() for s in (1, 1e6))
    assert_allclose(a["standard error"], b["standard error"], rtol=1e-10)
    assert any("precisions" in note for note in a.notes)


@pytest.mark.parametrize("kind", ["classical", "HC3"])
@pytest.mark.parametrize("name", ["diabetes", "longley", "stackloss"])
def test_linear_intervals_equal_statsmodels(name, kind):
    X, y = table(name)
    model = LinearRegression().fit(X, y).infer(X, y, covariance=kind)
    theirs = sm.OLS(y, sm.add_constant(X)).fit()
    if kind != "classical":
        theirs = theirs.get_robustcov_results(kind, use_t=True)
    new = X[:7] * 1.01
    expected = theirs.get_prediction(sm.add_constant(new, has_constant="add")).summary_frame(alpha=0.1)
    for which, ends in (
        ("confidence", ("mean_ci_lower", "mean_ci_upper")),
        ("prediction", ("obs_ci_lower", "obs_ci_upper")),
    ):
        found = model.predict_interval(new, 0.9, kind=which)
        assert_allclose(found.prediction, expected["mean"], rtol=1e-8)
        assert_allclose(found.prediction, model.predict(new), rtol=1e-9)
        assert_allclose(np.column_stack(found[1:]), expected[list(ends)], rtol=1e-8)


@pytest.mark.parametrize("name", ["diabetes", "longley", "stackloss"])
def test_influence_equals_statsmodels(name):
    X, y = table(name)
    found = LinearRegression().fit(X, y).influence(X, y)
    theirs = sm.OLS(y, sm.add_constant(X)).fit().get_influence()
    assert_allclose(found.leverage, theirs.hat_matrix_diag, rtol=1e-7)
    assert_allclose(found.cooks_distance, theirs.cooks_distance[0], rtol=1e-6, atol=1e-12)
    assert_allclose(found.standardized_residual, theirs.resid_studentized_internal, rtol=1e-6)
    X, y = binary("spector")
    found = fit_logistic(X, y).influence(X, y)
    theirs = sm.GLM(y, sm.add_constant(X), Binomial()).fit(tol=1e-13).get_influence()
    assert_allclose(found.leverage, theirs.hat_matrix_diag, rtol=1e-7)
    assert_allclose(found.cooks_distance, theirs.cooks_distance[0], rtol=1e-6)


def test_cooks_distance_is_how_far_the_weights_move_without_a_row():
    X, y = table("stackloss")
    w = np.random.default_rng(0).uniform(0.2, 3, len(y))
    model = LinearRegression().fit(X, y, w)
    found, V = model.influence(X, y, w), model.covariance()
    theta = np.append(model.intercept_, model.coef_)
    for i in (0, 7, 20):
        without = np.delete(np.arange(len(y)), i)
        other = LinearRegression().fit(X[without], y[without], w[without])
        moved = np.append(other.intercept_, other.coef_) - theta
        assert_allclose(found.cooks_distance[i], moved @ np.linalg.solve(V, moved) / 4, rtol=1e-8)


@pytest.mark.parametrize("value", [1.0, 0.1, 1e6, 0.0])
def test_a_constant_target_has_nothing_to_explain(value):
    summary = LinearRegression().fit(np.random.default_rng(0).normal(size=(200, 3)), np.full(200, value)).summary()
    assert np.isnan([summary.facts["R²"], summary.facts["adjusted R²"], summary.facts["F"]]).all()
    assert "the target does not vary" in summary.notes[0]
