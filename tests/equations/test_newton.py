"""Newton's method: its matrix against differences of the gradient, its optimum against the conditions of one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from deltarule.equations import LOSSES, OPTIMIZERS, second_derivative
from deltarule.equations.quadratic import exact_line_search, minimize_model, solve, subgradient
from deltarule.equations.second_derivative import hessian
from deltarule.network import Network

KINDS = {
    "identity": "squared_error",
    "sigmoid": "binary_cross_entropy",
    "softmax": "categorical_cross_entropy",
    "exp": "poisson_deviance",
}


def problem(activation, k=3, m=40, n=5):
    """A network of one layer, X, y, w."""
    rng = np.random.default_rng(1)
    network = Network.create([n, k], [activation], KINDS[activation])
    network.theta[...] = rng.normal(scale=0.3, size=network.n_parameters)
    X, w = rng.normal(size=(m, n)), rng.uniform(0.5, 2, m)
    y = np.eye(k)[rng.integers(0, k, m)]
    return network, X, y, w


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize("part", [False, True])
def test_the_hessian_is_the_derivative_of_the_gradient(activation, kind, part, monkeypatch):
    monkeypatch.setattr(second_derivative, "ROWS", 16)
    network, X, y, w = problem(activation)
    curvature = LOSSES[KINDS[activation]].fused[activation].curvature
    free = np.random.default_rng(2).random(network.n_parameters) < 0.6 if part else np.ones(18, bool)
    H = hessian(kind(X), network.predict(X), w / w.sum(), curvature, free)

    def gradient(theta):
        at = network.with_theta(theta)
        return at.backward(at.forward(X), y, w).flat

    steps = 1e-6 * np.eye(18)
    differences = [(gradient(network.theta + s) - gradient(network.theta - s)) / 2e-6 for s in steps]
    assert_allclose(H, np.array(differences)[np.ix_(free, free)], atol=1e-8)


def test_every_convex_loss_has_a_curvature():
    fused = {(loss.name, g): f.curvature is not None for loss in LOSSES.values() for g, f in loss.fused.items()}
    assert {pair for pair, known in fused.items() if not known} == {("poisson_deviance", "softplus")}


def bowl(n=12, rank=12):
    rng = np.random.default_rng(0)
    R = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, 2 * n))
    return R @ R.T / n, R @ rng.normal(size=2 * n)


def newton(cost, theta, l1=None, H=None, after_step=lambda theta: None, **options):
    given = {"max_iter": 100, "max_fun": 1000, "tol": 1e-10, "hessian": lambda theta, free: H[np.ix_(free, free)]}
    return OPTIMIZERS["newton"].formula(theta, cost, l1, after_step=after_step, **(given | options))


@pytest.mark.parametrize("rank", [12, 5])
def test_a_bowl_takes_a_few_steps_and_flat_directions_none(rank):
    A, b = bowl(rank=rank)
    seen = []
    result = newton(lambda t: (t @ A @ t / 2 - b @ t, A @ t - b), np.zeros(12), H=A, after_step=seen.append)
    assert_allclose(result.x, np.linalg.pinv(A, rcond=1e-10) @ b, atol=1e-7 * np.abs(result.x).max())
    assert result.success
    assert result.nit == len(seen) <= 5


@pytest.mark.parametrize("rank", [12, 5])
@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0, 1e4])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_l1_ends_at_exact_zeros_and_fulfills_the_optimality_conditions(strength, start, rank):
    A, b = bowl(rank=rank)
    l1 = np.full(12, strength)
    l1[:2] = 0
    result = newton(lambda t: (t @ A @ t / 2 - b @ t, A @ t - b), np.full(12, start), l1, A, tol=1e-8)
    x, g = result.x, A @ result.x - b
    zero = x == 0
    assert result.success
    assert_allclose(g[~zero], -l1[~zero] * np.sign(x[~zero]), atol=1e-6)
    assert (np.abs(g[zero]) <= l1[zero] + 1e-6).all()
    assert zero[2:].all() == (strength == 1e4)
    assert zero[:2].sum() == 0
    assert result.fun == pytest.approx(x @ A @ x / 2 - b @ x + l1 @ np.abs(x), rel=1e-12)


def test_the_subgradient_of_least_norm():
    theta, g, l1 = np.array([0.0, 0, 0, 2, -2, 5]), np.array([0.5, -3, 3, 1, 1, 7]), np.array([1.0, 1, 1, 1, 1, 0])
    assert subgradient(theta, g, l1).tolist() == [0, -2, 2, 2, 0, 7]


def test_the_lowest_point_on_a_way_with_kinks():
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, r, d = rng.normal(size=(3, 6))
        x[0], l1 = 0, rng.uniform(0, 2, 6)
        R = rng.normal(size=(6, 6))
        H = R @ R.T
        if r @ d + l1 @ np.where(x == 0, np.abs(d), np.sign(x) * d) > 0:
            continue
        ts = np.linspace(0, 5, 50_001)
        q = ts * (r @ d) + 0.5 * ts**2 * (d @ H @ d) + np.abs(x + ts[:, None] * d) @ l1
        assert_allclose(exact_line_search(x, r, l1, d, d @ H @ d), ts[q.argmin()], atol=2e-4)


def test_the_model_has_its_minimum_where_the_lasso_has_it():
    from sklearn.linear_model import Lasso

    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 20)), rng.normal(size=60)
    theirs = Lasso(alpha=0.1, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(X, y)
    found = minimize_model(X.T @ X / 60, -X.T @ y / 60, np.zeros(20), np.full(20, 0.1), 1e-12)
    assert_allclose(found, theirs.coef_, atol=1e-9)
    assert ((found == 0) == (theirs.coef_ == 0)).all()


def test_a_singular_matrix_is_solved_where_it_can_be():
    A, b = bowl(rank=5)
    assert_allclose(A @ solve(A, b), b, atol=1e-6 * np.abs(b).max())
    assert_allclose(solve(np.zeros((2, 2)), np.zeros(2)), 0)


def test_it_can_be_stopped_and_counts():
    A, b = bowl()
    options = {"H": np.eye(12) * np.linalg.eigvalsh(A)[-1]}  # too steep: gradient descent
    costs = []

    def cost(t):
        costs.append(t)
        return t @ A @ t / 2 - b @ t, A @ t - b

    def stop(theta):
        raise StopIteration

    assert newton(cost, np.zeros(12), after_step=stop, **options).message == "Stopped."
    short = newton(cost, np.zeros(12), max_iter=2, **options)
    assert (short.nit, short.success) == (2, False)
    assert not newton(cost, np.zeros(12), max_fun=3, **options).success
    best = newton(cost, np.zeros(12), H=A).x
    again = newton(cost, best, tol=1e-4, H=A)
    assert again.success
    assert again.nit <= 1


def logistic_cost(m=4000, n=8):
    """Cost with gradient and second derivative of a logistic regression, and how often the latter was formed."""
    rng = np.random.default_rng(3)
    A = np.c_[rng.normal(size=(m, n)), np.ones(m)]
    y = (rng.random(m) < 1 / (1 + np.exp(-A @ rng.normal(size=n + 1)))).astype(float)
    formed = []

    def cost(phi, rows=slice(None)):
        Z = A[rows] @ phi
        a = 1 / (1 + np.exp(-Z))
        return float((np.logaddexp(0, Z) - y[rows] * Z).mean()), A[rows].T @ (a - y[rows]) / len(Z)

    def second(phi, free, rows=slice(None)):
        formed.append(len(A[rows]))
        a = 1 / (1 + np.exp(-A[rows] @ phi))
        return A[rows].T @ (A[rows] * (a * (1 - a))[:, None]) / len(a)

    return cost, second, formed


@pytest.mark.parametrize("price", [0.5, 50.0])
def test_a_matrix_of_a_sample_serves_where_another_is_dear(price):
    cost, second, formed = logistic_cost()
    options = {"hessian": second, "after_step": lambda _: None, "max_iter": 50, "max_fun": 100, "tol": 1e-6}
    exact = OPTIMIZERS["newton"].rule(np.zeros(9), cost, gap=1e-14, **options).x
    some, every = slice(0, 2000), np.ones(9, bool)
    sample = OPTIMIZERS["newton"].rule(np.zeros(9), lambda phi: cost(phi, some), **options)
    formed.clear()
    about = second(sample.x, every, some)
    found = OPTIMIZERS["newton"].rule(sample.x, cost, None, np.empty((9, 0)), about, price, **options)
    assert found.success
    assert_allclose(found.x, exact, atol=1e-5)
    assert (4000 in formed) == (price < 1)
