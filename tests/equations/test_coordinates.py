"""Other coordinates: there and back, the gradient of the same cost, columns that become alike."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from deltarule.equations import OPTIMIZERS, coordinates
from deltarule.equations.coordinates import Coordinates, curvature, gram, standardizing, transformed, whitening
from deltarule.gradient_check import check

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)) @ RNG.normal(size=(4, 4)) * [1e-3, 1, 100, 5] + [0, 3, -1000, 1]
Y = RNG.normal(size=(50, 2))
W = RNG.integers(0, 3, 50).astype(float)


def made(kind):
    T = standardizing(X, W, 2)
    h = RNG.uniform(0.1, 1, size=(50, 2))
    return {
        "standard": T,
        "no intercept": standardizing(X, W, 2, intercept=False),
        "white": whitening(X, W, T, 0.0, h),
        "white with ridge": whitening(X, None, T, 0.3, h),
    }[kind]


KINDS = ["standard", "no intercept", "white", "white with ridge"]


def cost(theta):
    V, b = theta[:8].reshape(2, 4), theta[8:]
    return 0.5 * np.square(X @ V.T + b - Y).mean()


def cost_gradient(theta):
    V, b = theta[:8].reshape(2, 4), theta[8:]
    r = (X @ V.T + b - Y) / Y.size
    return np.concatenate([(r.T @ X).ravel(), r.sum(axis=0)])


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(kind):
    T, theta = made(kind), RNG.normal(size=10)
    assert_allclose(T.outward(T.inward(theta)), theta, rtol=1e-6)


@pytest.mark.parametrize("kind", ["standard", "white", "white with ridge"])
def test_the_gradient_is_that_of_the_same_cost(kind):
    T, phi = made(kind), RNG.normal(size=10)
    found = check(lambda phi: cost(T.outward(phi)), T.gradient(cost_gradient(T.outward(phi))), phi)
    assert found.verdict == "good"


def test_without_an_intercept_b_does_not_move():
    assert not made("no intercept").gradient(RNG.normal(size=10))[8:].any()


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_columns_become_alike(kind):
    p = W / W.sum()
    T = standardizing(X, W, 1)
    assert_allclose(np.diag(gram(kind(X), p, T)), 1)
    h = RNG.uniform(0.1, 1, size=(50, 1))
    white = whitening(kind(X), W, T, 0.2, h)
    A = (X - white.mean[0]) / T.scale @ white.rotation[0].T
    H = (A.T * (p * h[:, 0])) @ A + 0.2 * (white.rotation[0] / T.scale**2) @ white.rotation[0].T
    assert_allclose(H, np.eye(4), atol=1e-6)


def test_a_direction_without_curvature_does_not_move():
    twice = np.c_[X, X[:, 0]]
    T = whitening(twice, None, standardizing(twice, None, 1), 0.0, np.ones((50, 1)))
    theta = T.outward(RNG.normal(size=6))
    s = T.scale
    assert_allclose(theta[0] * s[0], theta[4] * s[4], rtol=1e-6)


def test_a_constant_column_keeps_its_scale():
    T = standardizing(np.c_[X, np.full(50, 7.0)], None, 1)
    assert T.scale[-1] == 1


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_curvature_is_the_largest_eigenvalue(kind, intercept, monkeypatch):
    T = standardizing(X, W, 1, intercept=intercept)
    A = np.c_[(X - T.mean) / T.scale, np.full(50, float(intercept))]
    expected = np.linalg.eigvalsh((A.T * (W / W.sum())) @ A)[-1]
    found = curvature(kind(X), W, T)
    assert_allclose(found, expected, rtol=1e-6)
    monkeypatch.setattr(coordinates, "MANY", 3)
    assert expected <= curvature(kind(X), W, T) <= 5.0 + 1e-6


def test_a_step_is_a_step_in_the_other_coordinates():
    T, theta = made("standard"), RNG.normal(size=10)
    phi = T.inward(theta)
    expected = T.outward(phi - 0.1 * T.gradient(cost_gradient(theta)))
    transformed(OPTIMIZERS["gradient_descent"], T).step(theta, cost_gradient(theta), {}, 1, 0.1)
    assert_allclose(theta, expected, rtol=1e-9)


def test_rounds_end_where_nothing_moves():
    plain = Coordinates(np.zeros(4), np.ones(4), 2)
    turned = []

    def turn(theta):
        turned.append(theta)
        return whitening(X, None, standardizing(X, None, 2), 0.0, np.ones((50, 2)))

    search = transformed(OPTIMIZERS["lbfgs"].configured(ftol=1e-15), plain, turn).formula
    options = {"after_step": lambda theta: None, "max_fun": 1000, "tol": 1e-9}
    result = search(np.zeros(10), lambda t: (cost(t), cost_gradient(t)), max_iter=100, **options)
    assert result.success
    assert 2 <= len(turned) <= 4
    A = np.c_[X, np.ones(50)]
    exact = np.linalg.lstsq(A, Y, rcond=None)[0]
    assert_allclose(result.x, np.r_[exact[:4].T.ravel(), exact[4]], rtol=1e-5)
    stopped = search(np.zeros(10), lambda t: (cost(t), cost_gradient(t)), max_iter=1, **options)
    assert stopped.nit == 1
    assert not stopped.success
