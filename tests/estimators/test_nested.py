"""The likelihood-ratio test: equal to statsmodels', and refused where one model is not a part of the other."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from real_tables import binary, fit_logistic, overlapping, table
from scipy import stats

from deltarule import LinearRegression, LogisticRegression, likelihood_ratio_test
from deltarule.errors import InvalidOption


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


def test_models_of_other_weights_are_told_apart():
    X, y = overlapping(300, 2, np.float64)
    small, large = LogisticRegression(C=np.inf), LogisticRegression(C=np.inf).fit(X, y)
    with pytest.raises(InvalidOption, match="same sample weights, found sums of 600 and 300"):
        likelihood_ratio_test(small.fit(X[:, :2], y, np.full(300, 2.0)), large)
    with pytest.raises(InvalidOption, match="same meaning, found precision and frequency"):
        likelihood_ratio_test(small.fit(X[:, :2], y).infer(X[:, :2], y, weights="precision"), large)
