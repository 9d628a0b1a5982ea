"""Standard errors and what follows: equal to statsmodels' on real tables, refused where they would be wrong."""

from __future__ import annotations

import pickle
import re
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud, load_wine
from statsmodels.genmod.families import Binomial

import deltarule
from deltarule import LinearRegression, LogisticRegression, likelihood_ratio_test
from deltarule.errors import DependenceWarning, InvalidOption, SeparationWarning
from deltarule.estimators import separable
from deltarule.estimators.summary import Summary

KINDS = ["classical", "HC0", "HC1", "HC2", "HC3"]
CLOSE = {"rtol": 1e-8, "atol": 1e-11}


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A real table for linear regression."""
    if name == "diabetes":
        return load_diabetes(return_X_y=True)
    if name == "breast cancer":
        X = load_breast_cancer().data
        return X[:, 1:12], X[:, 0]
    if name == "fair":
        data = sm.datasets.fair.load_pandas()
        return data.exog.to_numpy(float), data.endog.to_numpy(float)
    data = {"longley": sm.datasets.longley, "stackloss": sm.datasets.stackloss, "star98": sm.datasets.star98}[name]
    loaded = data.load_pandas()
    X, y = loaded.exog.to_numpy(float), loaded.endog.to_numpy(float)
    return (X[:, :12], y[:, 0] / y.sum(axis=1)) if name == "star98" else (X, y)


LINEAR = ["diabetes", "longley", "stackloss", "star98", "breast cancer", "fair"]


def binary(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A real table for logistic regression."""
    if name == "breast cancer":
        X, y = load_breast_cancer(return_X_y=True)
        return X[:, [0, 1, 4, 8, 9]], y
    if name == "spector":
        data = sm.datasets.spector.load_pandas()
        return data.exog.to_numpy(float), data.endog.to_numpy(int)
    X, y = table("fair")
    return X, (y > 0).astype(int)


BINARY = ["breast cancer", "spector", "fair"]


def fit_logistic(X, y, w=None, **options):
    return LogisticRegression(C=np.inf, **options).fit(X, y, w)


def assert_table(summary: Summary, theirs, statistic: str, rtol: float = 1e-8) -> None:
    for column, values in (
        ("coefficient", theirs.params),
        ("standard error", theirs.bse),
        (statistic, theirs.tvalues),
        ("p", theirs.pvalues),
        ("lower", theirs.conf_int()[:, 0]),
        ("upper", theirs.conf_int()[:, 1]),
    ):
        size = np.abs(values) if column not in ("lower", "upper") else np.abs(values) + np.asarray(theirs.bse)
        assert_allclose((summary[column] - values) / np.where(size > 0, size, 1), 0, atol=rtol, err_msg=column)


# linear regression


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


# logistic regression


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


# nested models


def test_likelihood_ratio_equals_statsmodels():
    X, y = table("diabetes")
    small, large = LinearRegression().fit(X[:, [8, 2]], y), LinearRegression().fit(X, y)
    found = likelihood_ratio_test(small, large)
    ours = sm.OLS(y, sm.add_constant(X)).fit().compare_lr_test(sm.OLS(y, sm.add_constant(X[:, [8, 2]])).fit())
    assert_allclose(found, [ours[0], ours[2], ours[1]], rtol=1e-7)
    X, y = binary("fair")
    found = likelihood_ratio_test(fit_logistic(X[:, :3], y), fit_logistic(X, y))
    expected = 2 * (
        sm.Logit(y, sm.add_constant(X)).fit(disp=0).llf - sm.Logit(y, sm.add_constant(X[:, :3])).fit(disp=0).llf
    )
    assert_allclose(found.statistic, expected, rtol=1e-8)
    assert_allclose(found.p, stats.chi2.sf(expected, X.shape[1] - 3), rtol=1e-6)


def test_what_is_not_nested_is_refused():
    X, y = table("diabetes")
    large = LinearRegression().fit(X[:, :5], y)
    for small, words in (
        (LinearRegression().fit(X[:, 4:6], y), "among those of the larger, found x1"),
        (LinearRegression().fit(X[:-1, :2], y[:-1]), "same rows, found 441 and 442"),
        (LinearRegression().fit(X[:, :2], y + 1), "same rows, found another mean"),
        (LinearRegression().fit(X[:, [0, 0]], y), "do not depend on each other"),
        (LinearRegression().fit(X[:, :5], y), "more weights in the larger model, found 6"),
        (LinearRegression(alpha=1).fit(X[:, :2], y), "expected no penalty"),
        (fit_logistic(X[:, :2], y > 100), "same kind"),
        (object(), "found object"),
    ):
        with pytest.raises(InvalidOption, match=words):
            likelihood_ratio_test(small, large)
    assert likelihood_ratio_test(LinearRegression().fit(X[:, [2, 0]], y), large).degrees_of_freedom == 3
    assert likelihood_ratio_test(LinearRegression(fit_intercept=False).fit(X[:, :5], y), large).degrees_of_freedom == 1


# where there are no errors to be had


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (LogisticRegression(), "found C=1 (scikit-learn's default).*fit with C=np.inf"),
        (LogisticRegression(C=0.5, solver="saga", l1_ratio=1), r"found C=0.5:"),
        (LogisticRegression(C=np.inf, class_weight="balanced"), "class_weight"),
        (LogisticRegression(C=np.inf, solver="gradient_descent", max_iter=2), "standard errors off"),
        (LogisticRegression(C=np.inf, early_stopping=True, solver="adam"), "early_stopping"),
        (LinearRegression(alpha=0.1), "found alpha=0.1: it draws the weights towards zero"),
        (LinearRegression(l1=0.1), "l1=0.1"),
        (LinearRegression(positive=True), "positive"),
        (LinearRegression(solver="gradient_descent", max_iter=3), "standard errors off"),
    ],
)
def test_it_says_why_there_are_none(model, words):
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :4] / X[:, :4].std(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    summary = model.summary()
    assert not summary.has_errors
    assert list(summary.columns)[-1] == "coefficient"
    with pytest.raises(InvalidOption, match=words.replace("(", r"\(").replace(")", r"\)").replace(r"\\", "\\")):
        model.predict_interval(X)
    assert "No standard errors" in str(summary)
    with pytest.raises(InvalidOption):
        model.infer(X, y)


def test_too_few_rows_and_columns_that_depend_on_each_other():
    X, y = table("diabetes")
    with pytest.raises(InvalidOption, match="more samples than parameters"):
        LinearRegression().fit(X[:11], y[:11]).predict_interval(X)
    copied = np.column_stack([X[:, :3], np.ones(len(y)), X[:, 0] - 2 * X[:, 1]])
    summary = LinearRegression().fit(copied, y).summary()
    assert "found x0, x1, x3, x4, whose weights" in summary.notes[0]
    nearly = np.column_stack([X[:, :3], X[:, 0] + 1e-10 * X[:, 5]])
    with pytest.warns(DependenceWarning, match="found x0, x3: their condition number"):
        model = LinearRegression().fit(nearly, y)
    assert any(note.startswith("x0, x3 nearly depend") for note in model.summary().notes)


def test_other_rows_are_refused():
    X, y = table("diabetes")
    model = LinearRegression().fit(X, y)
    with pytest.raises(InvalidOption, match="pass the rows of fit"):
        model.infer(X[::2], y[::2], covariance="HC3")
    with pytest.raises(InvalidOption, match="standard errors off"):
        model.influence(X, y + X[:, 0] * 1000)


@pytest.mark.parametrize(
    "options", [{"covariance": "HC9"}, {"weights": "no"}, {"covariance": "cluster"}, {"groups": [1]}]
)
def test_options_that_are_unknown(options):
    X, y = table("stackloss")
    with pytest.raises(InvalidOption, match="expected"):
        LinearRegression().fit(X, y).infer(X, y, **options)


@pytest.mark.parametrize("groups", [[1.0, np.nan] * 10 + [1], ["a", None] * 10 + ["b"], [1, 2], [0] * 21])
def test_groups_that_cannot_be_used(groups):
    X, y = table("stackloss")
    with pytest.raises(ValueError, match="group"):
        LinearRegression().fit(X, y).infer(X, y, covariance="cluster", groups=groups)


@pytest.mark.parametrize("level", [0, 1, 95, True, "0.9", None])
def test_levels(level):
    with pytest.raises(InvalidOption, match="between 0 and 1"):
        LinearRegression().fit(*table("stackloss")).summary(level)


def assert_same_summary(left, right, rtol=1e-9):
    left, right = left.summary(), right.summary()
    assert left.has_errors
    assert left.columns.keys() == right.columns.keys()
    for name, values in left.columns.items():
        if isinstance(values[0], str):
            assert values == right.columns[name]
        else:
            assert_allclose(values, right.columns[name], rtol=rtol, atol=1e-12 * np.abs(values).max())
    for name, value in left.facts.items():
        if not isinstance(value, str):
            assert_allclose(value, right.facts[name], rtol=rtol, err_msg=name)


def overlapping(m, classes, dtype):
    """Columns in units far apart, one of them rare, some far from zero."""
    rng = np.random.default_rng(m)
    S = rng.normal(size=(m, 4))
    S[:, 3] = rng.random(m) < 0.1
    y = (S @ rng.normal(size=(4, classes)) + rng.gumbel(size=(m, classes))).argmax(axis=1)
    return (S * [1, 1e3, 1e-3, 1] + [0, 1e4, 0, 0]).astype(dtype), y


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


def test_frequencies_of_less_than_one_sample_a_weight_have_no_errors():
    X, y = overlapping(400, 2, np.float64)
    model = LogisticRegression(C=np.inf).fit(X, y, np.full(400, 0.01))
    assert "more samples than parameters" in model.summary().notes[0]


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


def test_a_large_table_is_left_to_infer(monkeypatch):
    from deltarule.estimators import measuring

    X, y = table("diabetes")
    monkeypatch.setattr(measuring, "MOST_ENTRIES", 1000)
    model = LinearRegression(engine="reference").fit(X, y)
    assert "infer(X, y) computes them" in model.summary().notes[0]
    assert model.infer(X, y).summary().has_errors


def test_class_weights_with_firth_are_told_what_helps():
    X, y = load_breast_cancer(return_X_y=True)
    notes = fit_logistic(X[:, :3], y, solver="firth", class_weight="balanced").summary().notes
    assert any("class_weight" in note for note in notes)
    assert not any("HC0" in note for note in notes)


def test_class_weights_have_robust_errors():
    X, y = binary("fair")
    model = fit_logistic(X, y, class_weight="balanced").infer(X, y, covariance="HC0")
    w = len(y) / (2 * np.bincount(y))[y]
    A, p = sm.add_constant(X), model.predict_proba(X)[:, 1]
    B = np.linalg.inv(A.T @ (A * (w * p * (1 - p))[:, None]))
    u = A * (w * (y - p))[:, None]
    assert_allclose(model.covariance(), B @ u.T @ u @ B, rtol=1e-6)


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


def test_values_too_large_to_be_squared():
    X, y = table("stackloss")
    model = LinearRegression().fit(X * 1e200, y)
    assert "squares are finite" in model.summary().notes[0]
    with pytest.raises(ValueError, match="squares are finite"):
        LogisticRegression(solver="firth").fit(X * 1e200, y > 15)


def test_sparse_and_float32():
    from scipy import sparse

    X, y = table("diabetes")
    plain = LinearRegression().fit(X, y).summary()
    assert_allclose(
        LinearRegression().fit(sparse.csr_matrix(X), y).summary()["standard error"], plain["standard error"], rtol=1e-7
    )
    single = LinearRegression().fit(X.astype(np.float32), y).summary()
    assert_allclose(single["standard error"], plain["standard error"], rtol=1e-4)


# what is kept, shown and saved


@pytest.mark.parametrize("covariance", ["classical", "HC3", "cluster"])
@pytest.mark.parametrize("kind", ["linear", "two classes", "three classes", "two targets", "penalized"])
def test_the_file_keeps_errors(tmp_path, kind, covariance):
    X, y = load_iris(return_X_y=True)
    X, y = X[50:, :3], y[50:]
    groups = np.arange(len(y)) % 7
    if kind == "three classes":
        y = np.random.default_rng(0).integers(0, 3, len(y))
        covariance = {"HC3": "HC1"}.get(covariance, covariance)
    target = (
        np.column_stack([X[:, 0] ** 2, X[:, 1] ** 2])
        if kind == "two targets"
        else X[:, 2] ** 2
        if kind == "linear"
        else y
    )
    model = (
        LinearRegression()
        if kind in ("linear", "two targets")
        else LogisticRegression(C=1 if kind == "penalized" else np.inf)
    )
    model.fit(X, target)
    if kind != "penalized":
        model.infer(X, target, covariance=covariance, groups=groups if covariance == "cluster" else None)
    model.save(tmp_path / "model")
    loaded = deltarule.load(tmp_path / "model")
    assert loaded.summary(0.9) == model.summary(0.9)
    assert loaded.solver_ == model.solver_
    if kind != "penalized":
        assert_allclose(np.column_stack(loaded.predict_interval(X)), np.column_stack(model.predict_interval(X)), rtol=0)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
    size = (tmp_path / "model").stat().st_size
    assert size < 16_000  # no rows


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "HC9"), ("meaning", 1), ("n_rows", 0), ("weighted", "no"), ("columns", [[0.0] * 4] * 2),
        ("moments", []), ("doubtful", [4]), ("fit", {}), ("condition", [1.0]), ("target", None),
        ("penalized_likelihood", "x"), ("profile", {}), ("more", 1),
    ],
)  # fmt: skip
def test_a_file_is_not_trusted(key, value):
    from deltarule.errors import ModelFileError
    from deltarule.estimators import persistence

    X, y = table("longley")
    document, arrays = persistence.to_document(LinearRegression().fit(X[:, :4], y))
    assert persistence.from_document(document, arrays).summary().has_errors
    own = {**document["own"], "inference": {**document["own"]["inference"], key: value}}
    with pytest.raises(ModelFileError):
        persistence.from_document({**document, "own": own}, arrays)
    with pytest.raises(ModelFileError, match="one without the other"):
        persistence.from_document(document, {"theta": arrays["theta"]})
    for F in (arrays["factor"][:, :2], arrays["factor"] * np.nan):
        with pytest.raises(ModelFileError, match="factor"):
            persistence.from_document(document, {**arrays, "factor": F})


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("solver", ["exact", "lbfgs", "firth"])
def test_errors_are_those_of_the_fit_whatever_parameters_say_later(tmp_path, solver, intercept):
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :2]
    model = LinearRegression() if solver == "exact" else LogisticRegression(C=np.inf, solver=solver)
    model.set_params(fit_intercept=intercept).fit(X, y)
    before, errors = str(model.summary()), model.covariance()
    model.set_params(fit_intercept=not intercept)
    assert str(model.summary()) == before
    model.save(tmp_path / "model")
    loaded = deltarule.load(tmp_path / "model")
    assert str(loaded.summary()) == before
    assert_allclose(loaded.covariance(), errors)
    if solver != "firth":
        assert model.influence(X, y).leverage.sum() == pytest.approx(2 + intercept)
    assert_allclose(model.infer(X, y).covariance(), errors, rtol=1e-6)


def test_the_summary_as_text_page_and_frame():
    data = load_diabetes(as_frame=True)
    summary = LinearRegression().fit(data.data, data.target).summary(0.9)
    text = str(summary)
    assert "R²:" in text
    assert "from (90 %)" in text
    assert max(map(len, text.splitlines())) <= 100
    assert [line.split()[0] for line in text.splitlines()[-11:]] == ["intercept", *data.data.columns]
    assert "<td>bmi</td>" in summary._repr_html_()
    assert summary.to_frame().columns == ["term", "coefficient", "standard error", "t", "p", "lower", "upper"]
    assert summary.to_dict()["facts"]["samples"] == 442


def test_the_solver_is_told():
    X, y = binary("spector")
    assert LinearRegression().fit(X, y).solver_ == "exact"
    assert LinearRegression(l1=0.1).fit(X, y).solver_ == "newton"
    assert LogisticRegression(solver="auto").fit(X, y).solver_ == "newton"
    assert LogisticRegression(solver="auto", l1_ratio=0.5).fit(X, y).solver_ == "newton"
    wide = np.random.default_rng(0).normal(size=(32, 2000))
    assert LogisticRegression(solver="auto").fit(wide, y).solver_ == "lbfgs"


def test_one_of_three_classes_is_separated():
    x = np.repeat([0.0, 0.0, 0.0, 1.0, 1.0], [20, 20, 20, 15, 15])[:, None]
    y = np.repeat([0, 1, 2, 0, 1], [20, 20, 20, 15, 15])  # class 2 only where x is 0
    with pytest.warns(SeparationWarning, match="quasi-complete separation: .*x0"):
        model = LogisticRegression(C=np.inf).fit(x, y)
    assert "No standard errors" in str(model.summary())


def test_separated_classes_have_no_errors():
    X, y = load_iris(return_X_y=True, as_frame=True)
    with pytest.warns(SeparationWarning, match="quasi-complete separation: .*petal"):
        model = LogisticRegression(C=np.inf).fit(X, y)
    assert "separation" in model.summary().notes[0]
    with pytest.warns(
        SeparationWarning, match="^complete separation: a linear combination of petal length .cm. separates"
    ):
        LogisticRegression(C=np.inf).fit(X[y < 2][["petal length (cm)", "sepal length (cm)"]], y[y < 2])


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


@pytest.mark.parametrize("value", [1.0, 0.1, 1e6, 0.0])
def test_a_constant_target_has_nothing_to_explain(value):
    summary = LinearRegression().fit(np.random.default_rng(0).normal(size=(200, 3)), np.full(200, value)).summary()
    assert np.isnan([summary.facts["R²"], summary.facts["adjusted R²"], summary.facts["F"]]).all()
    assert "the target does not vary" in summary.notes[0]


@pytest.mark.parametrize("asked", [False, True])
def test_weights_assigned_one_by_one_have_no_errors(asked):
    X, y = table("stackloss")
    model = LinearRegression().fit(X, y)
    assert not asked or model.summary().has_errors
    kept = model.coef_[1]
    model.coef_[1] += 1
    assert "weights of fit" in model.summary().notes[0]
    with pytest.raises(InvalidOption, match="weights of fit"):
        model.predict_interval(X)
    model.coef_[1] = kept
    assert model.summary().has_errors


def test_a_class_without_weight_is_told():
    X, y = overlapping(300, 3, np.float64)
    with pytest.warns(SeparationWarning, match="no sample of positive weight of class 2"):
        model = LogisticRegression(C=np.inf).fit(X, y, (y != 2).astype(float))
    assert not model.summary().has_errors


def test_intervals_of_certain_predictions_are_numbers():
    X, y = overlapping(300, 3, np.float64)
    found = LogisticRegression(C=np.inf).fit(X, y).predict_interval(X[:4] * 1e6)
    assert np.isfinite(np.stack(found)).all()
    assert (found.lower <= found.prediction).all()
    assert (found.prediction <= found.upper).all()


def test_models_of_other_weights_are_told_apart():
    X, y = overlapping(300, 2, np.float64)
    small, large = LogisticRegression(C=np.inf), LogisticRegression(C=np.inf).fit(X, y)
    with pytest.raises(InvalidOption, match="same sample weights, found sums of 600 and 300"):
        likelihood_ratio_test(small.fit(X[:, :2], y, np.full(300, 2.0)), large)
    with pytest.raises(InvalidOption, match="same meaning, found precision and frequency"):
        likelihood_ratio_test(small.fit(X[:, :2], y).infer(X[:, :2], y, weights="precision"), large)


COLLINEAR = {
    "twice": lambda X: X[:, 0] * 2,
    "a third": lambda X: X[:, 0] / 3,
    "a sum": lambda X: X[:, 0] + X[:, 1],
    "far from zero": lambda X: X[:, 0] + X[:, 1] + 1000,
    "a constant": lambda X: np.full(len(X), 0.1),
}


@pytest.mark.filterwarnings("ignore:expected columns not far from zero")
@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression(C=np.inf)], ids=["linear", "logistic"])
@pytest.mark.parametrize("m", [300, 5000])
@pytest.mark.parametrize("case", COLLINEAR)
def test_collinear_columns_are_named_in_either_precision(model, m, case):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(m, 3))
    X = np.c_[X + 1000 * (case == "far from zero"), COLLINEAR[case](X)]
    score = X[:, 2] - X[:, 2].mean() + rng.normal(size=m)
    for classes in (2, 3) if isinstance(model, LogisticRegression) else (0,):
        y = score if classes == 0 else np.digitize(score, [0.0, 1.0][: classes - 1])
        told = [str(clone(model).fit(X.astype(dtype), y).summary().notes[0]) for dtype in (np.float64, np.float32)]
        named = [re.search(r"do not depend on each other, found ([x0-9, ]+), whose weights", text)[1] for text in told]
        assert named[0] == named[1]
        assert "x2" not in named[0]
        assert named[0].endswith("x3")


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_columns_that_single_precision_can_tell_apart_are_not_taken_as_collinear(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3)).astype(kind)
    X = np.c_[X, X[:, 0] + 1e-4 * rng.normal(size=500).astype(kind)]
    y = X[:, 1] + rng.normal(size=500) > 0
    summary = LogisticRegression(C=np.inf).fit(X, y).summary()
    assert not any("found x0, x3" in note for note in summary.notes)


def test_classes_of_which_it_takes_too_long_to_tell_whether_they_are_separable(monkeypatch):
    X = np.arange(12.0)[:, None]
    y = (X[:, 0] > 5).astype(int)
    X[5] = X[6]  # on the line
    monkeypatch.setattr(separable, "SECONDS", 0.0)
    with pytest.warns(SeparationWarning, match="nearly separates, or wholly: it takes too long to tell; penalize"):
        model = LogisticRegression(C=np.inf).fit(X, y)
    assert any("too long to tell" in note for note in model.summary().notes)


def test_digits_of_a_summary_show_how_far_a_coefficient_may_be_off():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    model = LinearRegression().fit(X, 1e6 + X @ [1.0, 2.0] + rng.normal(size=40))
    intercept = model.summary().rows()[0]
    value, low, high = (float(cell) for cell in (intercept[1], *intercept[-2:]))
    assert low < value < high
    assert value == pytest.approx(model.intercept_, abs=0.01)
    assert max(len(cell) for row in model.summary().rows()[1:] for cell in row) <= 9
