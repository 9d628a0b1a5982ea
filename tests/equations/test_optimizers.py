from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest

from deltarule.equations import OPTIMIZERS, optimizers

ALPHA = 0.05


def gradient(theta):
    """Of some cost that is not symmetric in its parameters."""
    return np.array([2.0, -1.0, 0.5]) * theta + np.array([0.3, -0.7, 1.1]) + 0.1 * theta**3


# Each rule once more from its paper: one parameter at a time, in plain Python numbers.


def plain_gradient_descent(x, g, memory, t):
    return x - ALPHA * g


def plain_momentum(x, g, memory, t, mu=0.9):
    memory["v"] = mu * memory.get("v", 0.0) - ALPHA * g
    return x + memory["v"]


def plain_nesterov(x, g, memory, t, mu=0.9):
    """Sutskever et al. 2013 in the variable at which the gradient is taken, Θ = θ + μ v (Bengio et al. 2012, eq. 7)."""
    old = memory.get("v", 0.0)
    memory["v"] = mu * old - ALPHA * g
    theta = x - mu * old  # back from where the gradient was taken
    return (theta + memory["v"]) + mu * memory["v"]


def plain_rmsprop(x, g, memory, t, decay=0.99, epsilon=1e-8):
    memory["v"] = decay * memory.get("v", 0.0) + (1 - decay) * g**2
    return x - ALPHA * g / (sqrt(memory["v"]) + epsilon)


def plain_adam(x, g, memory, t, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    memory["m"] = beta_1 * memory.get("m", 0.0) + (1 - beta_1) * g
    memory["v"] = beta_2 * memory.get("v", 0.0) + (1 - beta_2) * g**2
    m_hat, v_hat = memory["m"] / (1 - beta_1**t), memory["v"] / (1 - beta_2**t)
    return x - ALPHA * m_hat / (sqrt(v_hat) + epsilon)


def plain_adamw(x, g, memory, t, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.01):
    return plain_adam(x, g, memory, t, beta_1, beta_2, epsilon) - ALPHA * weight_decay * x


PLAIN = {
    "gradient_descent": plain_gradient_descent,
    "momentum": plain_momentum,
    "nesterov": plain_nesterov,
    "rmsprop": plain_rmsprop,
    "adam": plain_adam,
    "adamw": plain_adamw,
}
OTHER_OPTIONS = {
    "gradient_descent": {},
    "momentum": {"mu": 0.5},
    "nesterov": {"mu": 0.5},
    "rmsprop": {"decay": 0.7, "epsilon": 0.1},
    "adam": {"beta_1": 0.5, "beta_2": 0.6, "epsilon": 0.1},
    "adamw": {"beta_1": 0.5, "beta_2": 0.6, "epsilon": 0.1, "weight_decay": 0.3},
}
STEPWISE = [name for name, entry in OPTIMIZERS.items() if not entry.full_batch]


def run(optimizer, theta, n_steps, gradients=gradient):
    state = optimizer.start(theta)
    for t in range(1, n_steps + 1):
        optimizer.step(theta, gradients(theta), state, t, ALPHA)
    return theta, state


def test_the_plain_rules_cover_the_register_exactly():
    assert set(PLAIN) == set(STEPWISE)
    assert set(OPTIMIZERS) == {*STEPWISE, "lbfgs", "newton"}
    for name, options in OTHER_OPTIONS.items():
        assert set(options) == set(OPTIMIZERS[name].defaults)


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("name", STEPWISE)
def test_five_steps_are_those_of_the_paper(name, changed):
    options = OTHER_OPTIONS[name] if changed else {}
    theta, _ = run(OPTIMIZERS[name].configured(**options), np.array([1.0, -2.0, 0.5]), 5)
    plain, memories = np.array([1.0, -2.0, 0.5]), [{}, {}, {}]
    for t in range(1, 6):
        g = gradient(plain)
        plain = np.array([PLAIN[name](float(plain[i]), float(g[i]), memories[i], t, **options) for i in range(3)])
    np.testing.assert_allclose(theta, plain, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", STEPWISE)
def test_blocks_change_nothing(name, dtype, monkeypatch):
    rng = np.random.default_rng(0)
    start = rng.normal(size=1001).astype(dtype)
    g = rng.normal(size=1001).astype(dtype)
    whole, whole_state = run(OPTIMIZERS[name], start.copy(), 3, lambda theta: g + theta)
    monkeypatch.setattr(optimizers, "BLOCK", 64)
    pieces, pieces_state = run(OPTIMIZERS[name], start.copy(), 3, lambda theta: g + theta)
    np.testing.assert_array_equal(pieces, whole)
    assert pieces.dtype == dtype
    for moment in OPTIMIZERS[name].moments:
        np.testing.assert_array_equal(pieces_state[moment], whole_state[moment])
        assert pieces_state[moment].dtype == dtype


@pytest.mark.parametrize("name", STEPWISE)
def test_more_parameters_than_a_block(name):
    """Every parameter takes the same steps, wherever it lies."""
    theta, _ = run(OPTIMIZERS[name], np.ones(optimizers.BLOCK + 5), 3, lambda theta: 2 * theta)
    assert theta[0] != 1
    np.testing.assert_array_equal(theta, theta[0])


@pytest.mark.parametrize("name", STEPWISE)
def test_a_step_is_taken_in_place_and_the_gradient_is_left_alone(name):
    optimizer = OPTIMIZERS[name]
    theta, g = np.ones(4), np.arange(4.0)
    state = optimizer.start(theta)
    assert set(state) == set(optimizer.moments)
    arrays = {moment: state[moment] for moment in state}
    same = theta
    optimizer.step(theta, g, state, 1, ALPHA)
    assert same is theta
    assert (theta[1:] < 1).all()
    assert all(state[moment] is arrays[moment] and arrays[moment][1:].any() for moment in state)
    np.testing.assert_array_equal(g, np.arange(4.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", STEPWISE)
def test_no_gradient_no_step(name, dtype):
    theta, _ = run(OPTIMIZERS[name], np.ones(3, dtype), 5, np.zeros_like)
    decay = (1 - ALPHA * 0.01) ** 5 if name == "adamw" else 1
    np.testing.assert_allclose(theta, decay, rtol=1e-6)


@pytest.mark.parametrize("name", STEPWISE)
def test_each_goes_to_the_minimum_of_a_bowl(name):
    theta, _ = run(OPTIMIZERS[name], np.array([1.0, -2.0]), 1000, lambda theta: theta - np.array([3.0, 0.5]))
    np.testing.assert_allclose(theta, [3, 0.5], atol=0.06)


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate():
    theta, _ = run(OPTIMIZERS["adam"], np.zeros(3), 1, lambda theta: np.array([1e-3, -5.0, 1e4]))
    np.testing.assert_allclose(theta, [-ALPHA, ALPHA, -ALPHA], rtol=1e-4)


def bowl(n=12, seed=0):
    """A quadratic ``½ θᵀAθ - bᵀθ``: (A, b, cost and gradient)."""
    rng = np.random.default_rng(seed)
    R = rng.normal(size=(n, 2 * n))
    A, b = R @ R.T / n, rng.normal(size=n)
    return A, b, lambda theta: (float(theta @ A @ theta / 2 - b @ theta), A @ theta - b)


def lbfgs(theta, cost_and_gradient, l1=None, after_step=lambda theta: None, **options):
    given = {"max_iter": 500, "max_fun": 5000, "tol": 1e-10, "ftol": 1e-16, **options}
    return OPTIMIZERS["lbfgs"].formula(theta, cost_and_gradient, l1, after_step=after_step, **given)


def test_lbfgs_reaches_the_minimum_of_a_bowl():
    A, b, bowl_cost = bowl()
    seen = []
    result = lbfgs(np.zeros(12), bowl_cost, after_step=lambda theta: seen.append(theta.copy()))
    np.testing.assert_allclose(result.x, np.linalg.solve(A, b), atol=1e-6)
    assert len(seen) == result.nit
    np.testing.assert_array_equal(seen[-1], result.x)
    costs = [bowl_cost(theta)[0] for theta in seen]
    assert all(later <= earlier for earlier, later in pairwise(costs))


@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize("strength", [0.3, 0.6, 100.0])
def test_lbfgs_with_l1_gives_exact_zeros_and_fulfills_the_optimality_conditions(strength, start):
    _, _, bowl_cost = bowl()
    l1 = np.full(12, strength)
    l1[:2] = 0  # two parameters that are not penalized, as biases are
    result = lbfgs(np.full(12, start), bowl_cost, l1)
    theta, g = result.x, bowl_cost(result.x)[1]
    zero = theta == 0
    assert zero[2:].any()
    assert zero[2:].all() == (strength == 100)
    assert not zero[:2].any()
    np.testing.assert_allclose(g[~zero], -l1[~zero] * np.sign(theta[~zero]), atol=1e-5)
    assert (np.abs(g[zero]) <= l1[zero] + 1e-5).all()
    assert result.fun == pytest.approx(bowl_cost(theta)[0] + l1 @ np.abs(theta), rel=1e-9)


@pytest.mark.parametrize("l1", [None, np.full(12, 0.1)])
def test_lbfgs_tells_each_step_and_can_be_stopped(l1):
    _, _, bowl_cost = bowl()
    seen = []

    def after_step(theta):
        seen.append(theta.copy())
        if len(seen) == 3:
            raise StopIteration

    result = lbfgs(np.zeros(12), bowl_cost, l1, after_step)
    assert len(seen) == 3
    assert all(theta.shape == (12,) for theta in seen)
    np.testing.assert_allclose(result.x, seen[-1], atol=1e-12)


def test_lbfgs_keeps_the_most_steps_and_starts_where_told():
    _, _, bowl_cost = bowl()
    assert lbfgs(np.zeros(12), bowl_cost, max_iter=2).nit == 2
    best = lbfgs(np.zeros(12), bowl_cost).x
    assert lbfgs(best, bowl_cost, tol=1e-4).nit == 0
    np.testing.assert_allclose(lbfgs(np.zeros(12), bowl_cost, memory=3).x, best, atol=1e-6)
