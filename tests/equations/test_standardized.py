"""Standardized columns: there and back, the same Z, penalties of the same size, rates from the curvature."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from deltarule.equations import columns
from deltarule.equations.columns import curvature, standardizing

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)) @ RNG.normal(size=(4, 4)) * [1e-3, 1, 100, 5] + [0, 3, -1000, 1]
W = RNG.integers(0, 3, 50).astype(float)
THETA = RNG.normal(size=10)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("intercept", [True, False])
def test_there_and_back_with_the_same_z(kind, intercept):
    T = standardizing(kind(X), W, intercept=intercept)
    phi = T.inward(THETA)
    assert_allclose(T.outward(phi), THETA, rtol=1e-12)
    Z = X @ THETA[:8].reshape(2, 4).T + THETA[8:]
    assert_allclose(T.transform(kind(X)) @ phi[:8].reshape(2, 4).T + phi[8:], Z, rtol=1e-9)
    assert bool(T.mean.any()) == (kind is np.asarray and intercept)


def test_columns_become_alike():
    T, p = standardizing(X, W), W / W.sum()
    assert_allclose(p @ T.transform(X), 0, atol=1e-12)
    assert_allclose(p @ T.transform(X) ** 2, 1)
    S = sparse.csr_matrix(X)
    assert_allclose(p @ standardizing(S, W).transform(S).toarray() ** 2, 1)
    constant = standardizing(np.c_[X, np.full(50, 0.1)], None)
    assert constant.scale[-1] == 1
    assert not constant.transform(np.c_[X, np.full(50, 0.1)])[:, -1].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_precision_is_kept_and_nothing_overwritten(kind, dtype):
    A = kind(X.astype(dtype))
    assert standardizing(A, W).transform(A).dtype == dtype
    assert (kind(X.astype(dtype)) != A).sum() == 0


@pytest.mark.parametrize("power", [1, 2])
def test_penalties_are_those_of_the_weights(power):
    T = standardizing(X, None)
    phi = T.inward(THETA)
    assert_allclose(T.strengths(10, 3.0, power) @ np.abs(phi) ** power, 3 * (np.abs(THETA[:8]) ** power).sum())
    T = standardizing(X, None, center=False, intercept_scaling=2.0)
    phi = T.inward(THETA)
    whole = (np.abs(THETA[:8]) ** power).sum() + (np.abs(THETA[8:] / 2) ** power).sum()
    assert_allclose(T.strengths(10, 3.0, power) @ np.abs(phi) ** power, 3 * whole)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_the_curvature_is_the_largest_eigenvalue(kind, monkeypatch):
    A = np.c_[X, np.ones(50)]
    expected = np.linalg.eigvalsh((A.T * (W / W.sum())) @ A)[-1]
    assert_allclose(curvature(kind(X), W), expected, rtol=1e-9)
    monkeypatch.setattr(columns, "MANY", 3)
    assert expected <= curvature(kind(X), W) <= np.trace((A.T * (W / W.sum())) @ A) * (1 + 1e-9)
