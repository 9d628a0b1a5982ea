"""Is the larger of two models better by more than chance? The likelihood-ratio test of nested models."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import special

from ..errors import InvalidOption
from .inference import Inference
from .inferring import Inferring

SAME = 1e-9
"""Relative difference of means and deviations up to which columns are the same."""


class LikelihoodRatio(NamedTuple):
    """``2 (log L_large - log L_small)``, the number of weights that make the difference, and the p-value by χ²."""

    statistic: float
    degrees_of_freedom: int
    p: float


def likelihood_ratio_test(small: Any, large: Any) -> LikelihoodRatio:
    """Test whether the weights that only `large` has are all zero (Wilks 1938).

    Parameters
    ----------
    small, large : LinearRegression or LogisticRegression
        Both of the same kind, fitted without a penalty to the same rows; the columns of `small` must be among those of
        `large`. The models keep no rows, but mean, deviation and correlation of each column, by which this is checked.

    Returns
    -------
    LikelihoodRatio
        Of one target.

    Raises
    ------
    InvalidOption
        Where the models are not nested or of other rows, or have no likelihood of their own.
    """
    for model in (small, large):
        if not isinstance(model, Inferring):
            raise InvalidOption(f"expected two fitted linear or logistic regressions, found {type(model).__name__}")
    if type(small) is not type(large):
        raise InvalidOption(
            f"expected two models of the same kind, found {type(small).__name__} and {type(large).__name__}"
        )
    a, b = small._errors(), large._errors()
    _check_rows(small, large, a, b)
    _check_nested(small, large, a, b)
    fewer, more = (found.factor.shape[1] for found in (a, b))
    if more <= fewer:
        raise InvalidOption(f"expected more weights in the larger model, found {more}, in the smaller {fewer}")
    statistic = 2 * float(b.fit.log_likelihood[0] - a.fit.log_likelihood[0])
    statistic = max(statistic, 0.0)  # what rounding makes of nothing
    return LikelihoodRatio(statistic, more - fewer, float(special.chdtrc(more - fewer, statistic)))


def _check_rows(small: Any, large: Any, a: Inference, b: Inference) -> None:
    """As far as can be known without the rows."""
    for found in (a, b):
        if found.penalized_likelihood is not None:
            raise InvalidOption("expected maxima of the likelihood, found Firth's method", "use solver='lbfgs'")
    if a.target.shape[1] > 1 and not small.of_classes:
        raise InvalidOption(f"expected one target, found {a.target.shape[1]}", "fit each by itself")
    if small.of_classes and not np.array_equal(small.classes_, large.classes_):
        raise InvalidOption("expected models of the same classes, found others")
    if a.n_rows != b.n_rows:
        raise InvalidOption(f"expected models of the same rows, found {a.n_rows:,} and {b.n_rows:,}")
    if a.meaning != b.meaning:
        raise InvalidOption(f"expected weights of the same meaning, found {a.meaning} and {b.meaning}")
    if not _equal(a.n_observations, b.n_observations):
        sums = f"{a.n_observations:g} and {b.n_observations:g}"
        raise InvalidOption(f"expected models of the same sample weights, found sums of {sums}")
    if a.target.shape != b.target.shape or not _equal(a.target, b.target):
        raise InvalidOption("expected models of the same rows, found another mean or deviation of the target")


def _check_nested(small: Any, large: Any, a: Inference, b: Inference) -> None:
    if small._has_intercept and not large._has_intercept:
        raise InvalidOption("expected an intercept in the larger model, as in the smaller, found none")
    named = hasattr(small, "feature_names_in_") and hasattr(large, "feature_names_in_")
    theirs, free = large._column_names(), set(range(b.columns.shape[1]))
    for j, name in enumerate(small._column_names()):
        same = {i for i in free if (not named or theirs[i] == name) and _is_column(a, j, b, i)}
        if not same:
            raise InvalidOption(
                f"expected the columns of the smaller model among those of the larger, found {name}, not one of them",
                "fit both to the same rows, the larger to all columns of the smaller and more",
            )
        free.discard(min(same))


def _is_column(a: Inference, j: int, b: Inference, i: int) -> bool:
    """By mean, deviation, correlation with the target; where one has no intercept, by the root of the mean square."""
    (mean_a, scale_a), (mean_b, scale_b) = a.columns[:, j], b.columns[:, i]
    if (mean_a == 0) != (mean_b == 0):
        return bool(_equal(np.hypot(mean_a, scale_a), np.hypot(mean_b, scale_b)))
    same = _equal(scale_a, scale_b) and abs(mean_a - mean_b) <= SAME * (scale_a + abs(mean_a))
    return bool(same and abs(a.correlations[j] - b.correlations[i]) <= SAME)


def _equal(x: Any, y: Any) -> bool:
    return bool(np.all(np.abs(np.subtract(x, y)) <= SAME * np.maximum(np.abs(x), np.abs(y))))
