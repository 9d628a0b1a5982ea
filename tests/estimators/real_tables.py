"""Real tables, as statsmodels and scikit-learn have them, and how a summary is compared with another."""

from __future__ import annotations

import numpy as np
import statsmodels.api as sm
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer, load_diabetes

from deltarule import LogisticRegression
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
