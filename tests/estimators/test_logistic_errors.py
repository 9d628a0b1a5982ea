"""Standard errors of logistic regression and what follows: equal to statsmodels' on real tables."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from real_tables import BINARY, assert_table, binary, fit_logistic, overlapping
from sklearn.datasets import load_wine
from statsmodels.genmod.families import Binomial

from deltarule import LogisticRegression


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("kind", ["classical", "HC0"])
def test_logistic_errors_equal_statsmodels(name, kind):
    X, y = binary(name)
    model = fit_logistic(X, y).infer(X, y, covariance=kind)
    theirs = sm.Logit(y, sm.add_constant(X)).fit(disp=0, tol=1e-13, cov_type="HC0" if kind == "HC0" else "nonrobust")
    assert_table(model.summary(), theirs, "z")
    facts = model.summary().facts
    expected = {
        "samples": theirs.nobs,
        "degrees of freedom": theirs.df_model,
        "residual degrees of freedom": theirs.df_resid,
        "McFadden's R²": theirs.prsquared,
        "log-likelihood": theirs.llf,
        "null log-likelihood": theirs.llnull,
        "AIC": theirs.aic,
        "BIC": theirs.bic,
        "deviance": -2 * theirs.llf,
    }
    if kind == "classical":
        expected |= {"likelihood ratio χ²": theirs.llr}
        assert_allclose(facts["p of χ²"], theirs.llr_pvalue, rtol=1e-5)
    assert_allclose([facts[name] for name in expected], list(expected.values()), rtol=1e-8)
    assert_allclose(facts["condition number"], np.linalg.cond(sm.add_constant(X)), rtol=1e-8)


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_logistic_errors_with_leverage_by_their_definition(kind):
    X, y = binary("spector")
    model = fit_logistic(X, y).infer(X, y, covariance=kind)
    A, p = sm.add_constant(X), model.predict_proba(X)[:, 1]
    B = np.linalg.inv(A.T @ (A * (p * (1 - p))[:, None]))
    h = p * (1 - p) * np.array([a @ B @ a for a in A])
    u = A * ((y - p) / (1 - h) ** (0.5 if kind == "HC2" else 1))[:, None]
    assert_allclose(model.covariance(), B @ u.T @ u @ B, rtol=1e-7)


def test_logistic_weights_equal_a_glm_with_frequencies():
    X, y = binary("spector")
    w = np.random.default_rng(0).uniform(0.5, 3, len(y))
    theirs = sm.GLM(y, sm.add_constant(X), Binomial(), freq_weights=w).fit(method="newton", tol=1e-13)
    summary = fit_logistic(X, y, w).summary()
    assert_table(summary, theirs, "z")
    assert_allclose(summary.facts["null deviance"], theirs.null_deviance, rtol=1e-9)
    assert_allclose(summary.facts["residual degrees of freedom"], theirs.df_resid, rtol=1e-9)


@pytest.mark.parametrize("kind", ["classical", "HC0"])
def test_more_classes_equal_statsmodels(kind):
    data = sm.datasets.anes96.load_pandas()
    X, y = data.exog[["logpopul", "selfLR", "age"]].to_numpy(float), data.endog.to_numpy(int)
    model = fit_logistic(X, y).infer(X, y, covariance=kind)
    theirs = sm.MNLogit(y, sm.add_constant(X)).fit(
        disp=0, method="newton", tol=1e-14, maxiter=100, cov_type="HC0" if kind == "HC0" else "nonrobust"
    )
    summary = model.summary()
    assert_allclose(summary["coefficient"], theirs.params.T.ravel(), rtol=1e-8)
    assert_allclose(summary["standard error"], theirs.bse.T.ravel(), rtol=1e-8)
    assert_allclose(summary["p"], theirs.pvalues.T.ravel(), rtol=1e-6, atol=1e-12)
    assert_allclose([summary.facts[name] for name in ("AIC", "BIC")], [theirs.aic, theirs.bic], rtol=1e-9)
    assert summary.columns["class"][::4] == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("name", BINARY)
def test_intervals_of_probabilities_equal_statsmodels(name):
    X, y = binary(name)
    found = fit_logistic(X, y).predict_interval(X[:9], 0.9)
    theirs = sm.GLM(y, sm.add_constant(X), Binomial()).fit(tol=1e-13)
    expected = theirs.get_prediction(sm.add_constant(X)[:9]).summary_frame(alpha=0.1)
    assert_allclose(np.column_stack(found), expected[["mean", "mean_ci_lower", "mean_ci_upper"]], rtol=1e-8)


def test_intervals_of_more_classes():
    X, y = load_wine(return_X_y=True)
    X = X[:, [1, 4]]
    found = fit_logistic(X, y).predict_interval(X)
    assert_allclose(found.prediction, fit_logistic(X, y).predict_proba(X), rtol=1e-8)
    assert (found.lower > 0).all()
    assert (found.lower < found.prediction).all()
    assert (found.prediction < found.upper).all()
    two = y < 2
    model = fit_logistic(X[two], y[two])
    _, phi, _ = model._link(X[:1])
    from deltarule.equations import inference

    A, phi, known = model._link(X[:9])
    var = inference.link_variance(A, known.factor[0])
    both = inference.probability_interval(A @ phi.T, var, 1.96)
    assert_allclose(both[1][:, 0], 1 - both[2][:, 1], rtol=1e-9)  # of two classes, one is what the other is not


def test_the_delta_method_by_differences():
    from deltarule.equations import inference

    rng = np.random.default_rng(0)
    Z, root = rng.normal(size=(1, 3)), rng.normal(size=(3, 3))
    var = (root @ root.T)[None]
    P, lower, _ = inference.probability_interval(Z, var, 1.0)

    def logits(z):
        p = np.exp(np.append(0.0, z)) / np.exp(np.append(0.0, z)).sum()
        return np.log(p / (1 - p))

    G = np.stack([(logits(Z[0] + 1e-6 * e) - logits(Z[0] - 1e-6 * e)) / 2e-6 for e in np.eye(3)], axis=1)
    s = np.sqrt(np.diag(G @ var[0] @ G.T))
    assert_allclose(np.log(lower / (1 - lower))[0], np.log(P / (1 - P))[0] - s, rtol=1e-7)


def test_odds_ratios():
    X, y = binary("spector")
    found = fit_logistic(X, y).odds_ratios(0.9)
    theirs = sm.Logit(y, sm.add_constant(X)).fit(disp=0, tol=1e-13)
    assert found.columns["term"] == ["x0", "x1", "x2"]
    assert_allclose(found["odds ratio"], np.exp(theirs.params[1:]), rtol=1e-8)
    assert_allclose(np.column_stack([found["lower"], found["upper"]]), np.exp(theirs.conf_int(0.1)[1:]), rtol=1e-8)


def test_class_weights_have_robust_errors():
    X, y = binary("fair")
    model = fit_logistic(X, y, class_weight="balanced").infer(X, y, covariance="HC0")
    w = len(y) / (2 * np.bincount(y))[y]
    A, p = sm.add_constant(X), model.predict_proba(X)[:, 1]
    B = np.linalg.inv(A.T @ (A * (w * p * (1 - p))[:, None]))
    u = A * (w * (y - p))[:, None]
    assert_allclose(model.covariance(), B @ u.T @ u @ B, rtol=1e-6)


def test_intervals_of_certain_predictions_are_numbers():
    X, y = overlapping(300, 3, np.float64)
    found = LogisticRegression(C=np.inf).fit(X, y).predict_interval(X[:4] * 1e6)
    assert np.isfinite(np.stack(found)).all()
    assert (found.lower <= found.prediction).all()
    assert (found.prediction <= found.upper).all()
