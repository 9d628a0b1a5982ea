from __future__ import annotations

import numpy as np
import pytest

from deltarule.equations.exact import least_squares
from deltarule.gradient_check import check

RNG = np.random.default_rng(0)
X, y, w = RNG.normal(size=(20, 3)) + 5, RNG.normal(size=(20, 2)), RNG.uniform(0, 2, 20)


@pytest.mark.parametrize("weights", [None, w])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_gradient_vanishes_at_the_solution(weights, intercept):
    W, b, *_ = least_squares(X, y, weights, intercept=intercept)
    r = (X @ W.T + b - y) * (1 if weights is None else weights[:, None])
    np.testing.assert_allclose(r.T @ X, 0, atol=1e-10)
    if intercept:
        np.testing.assert_allclose(r.sum(axis=0), 0, atol=1e-10)
    else:
        assert not b.any()


def test_it_is_a_minimum():
    W, b, *_ = least_squares(X, y)
    J = 0.5 * np.square(X @ W.T + b - y).sum()
    for _ in range(20):
        assert 0.5 * np.square(X @ (W + 0.01 * RNG.normal(size=W.shape)).T + b - y).sum() > J
    assert check(lambda W: np.square(X @ W.T + b - y).sum(), np.zeros_like(W), W).verdict == "good"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [20, 20_000])
def test_of_many_solutions_it_takes_the_smallest(m, dtype):
    many, targets = np.tile(X, (m // 20, 1)).astype(dtype), np.tile(y, (m // 20, 1)).astype(dtype)
    W, b, *_ = least_squares(np.column_stack([many, many]), targets)
    once, b_once, *_ = least_squares(many, targets)
    exact = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(W, np.column_stack([once, once]) / 2, atol=exact)
    np.testing.assert_allclose(b, b_once, atol=exact)
    wide, *_ = least_squares(X[:2].astype(dtype), y[:2].astype(dtype))
    np.testing.assert_allclose(wide, (np.linalg.pinv(X[:2] - X[:2].mean(0)) @ (y[:2] - y[:2].mean(0))).T, rtol=1e-3)


def test_a_weight_of_two_is_a_row_twice():
    weights = np.where(np.arange(20) < 5, 2.0, 1.0)
    twice = least_squares(np.concatenate([X, X[:5]]), np.concatenate([y, y[:5]]))
    for found, wanted in zip(least_squares(X, y, weights)[:2], twice[:2], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_float32_stays_float32():
    single = least_squares(*(a.astype(np.float32) for a in (X, y, w)))
    for found, wanted in zip(single[:2], least_squares(X, y, w)[:2], strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
