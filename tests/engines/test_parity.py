"""Training follows JAX: same weights, same minibatches, gradients by automatic differentiation, rules in plain JAX."""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deltarule.engines import Data, Steps
from deltarule.engines.reference import ReferenceEngine
from deltarule.equations import OPTIMIZERS
from deltarule.network import Network

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)

STEPS, BATCH, ALPHA = 50, 16, 0.02


def binary_cross_entropy(Z, y):
    return jnp.mean(jnp.sum(jax.nn.softplus(Z) - y * Z, axis=1))


def categorical_cross_entropy(Z, y):
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(Z, axis=1), axis=1))


def squared_error(Z, y):
    return 0.5 * jnp.mean(jnp.sum((Z - y) ** 2, axis=1))


NETWORKS = {  # sizes, hidden activation, output activation, loss; and the last two in JAX
    "binary": ([4, 8, 6, 2], "tanh", "sigmoid", "binary_cross_entropy", jnp.tanh, binary_cross_entropy),
    "multiclass": ([4, 10, 3], "relu", "softmax", "categorical_cross_entropy", jax.nn.relu, categorical_cross_entropy),
    "regression": (
        [4, 7, 5, 2],
        "gelu",
        "identity",
        "squared_error",
        lambda Z: jax.nn.gelu(Z, approximate=False),
        squared_error,
    ),
}


def gradient_descent(theta, g, state, t):
    return theta - ALPHA * g, state


def momentum(theta, g, v, t):
    v = 0.9 * v - ALPHA * g
    return theta + v, v


def nesterov(theta, g, v, t):
    v = 0.9 * v - ALPHA * g
    return theta + 0.9 * v - ALPHA * g, v


def rmsprop(theta, g, v, t):
    v = 0.99 * v + 0.01 * g**2
    return theta - ALPHA * g / (jnp.sqrt(v) + 1e-8), v


def adam(theta, g, state, t):
    m, v = (state, state) if not isinstance(state, tuple) else state
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return theta - ALPHA * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), (m, v)


def adamw(theta, g, state, t):
    after, state = adam(theta, g, state, t)
    return after - ALPHA * 0.01 * theta, state


RULES = {rule.__name__: rule for rule in (gradient_descent, momentum, nesterov, rmsprop, adam, adamw)}


def test_the_rules_cover_the_register_exactly():
    assert set(RULES) == {name for name, entry in OPTIMIZERS.items() if not entry.full_batch}


def cost_in_jax(sizes, g, loss, theta, X, y, strength):
    """J of the network, with the L2 penalty of the batch."""
    A, start, squares = X, 0, 0.0
    for n_in, n_out in pairwise(sizes):
        W = theta[start : start + n_in * n_out].reshape(n_out, n_in)
        start += n_in * n_out
        Z = A @ W.T + theta[start : start + n_out]
        start += n_out
        A, squares = g(Z), squares + jnp.sum(W**2)
    return loss(Z, y) + strength / (2 * len(X)) * squares


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_losses_of_fifty_steps_are_those_of_jax(kind, rule):
    sizes, hidden, output, loss, g, jax_loss = NETWORKS[kind]
    network = Network.create(sizes, [hidden] * (len(sizes) - 2) + [output], loss, seed=7)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(STEPS * BATCH, 4))
    score = np.column_stack([X[:, 0] * X[:, 1], np.sin(X[:, 2]), X[:, 3]])
    if kind == "binary":
        y = (score[:, :2] > 0).astype(float)
    elif kind == "multiclass":
        y = np.eye(3)[score.argmax(axis=1)]
    else:
        y = score[:, :2]

    theta = jnp.asarray(network.theta)
    state = jnp.zeros_like(theta)
    value_and_grad = jax.jit(jax.value_and_grad(lambda theta, X, y: cost_in_jax(sizes, g, jax_loss, theta, X, y, 0.1)))
    expected = []
    for t in range(1, STEPS + 1):
        rows = slice((t - 1) * BATCH, t * BATCH)
        J, gradient = value_and_grad(theta, X[rows], y[rows])
        expected.append(float(J))
        theta, state = RULES[rule](theta, gradient, state, t)

    optimizer = OPTIMIZERS[rule]
    moments = optimizer.start(network.theta)
    found = [
        ReferenceEngine().epochs(
            network,
            Data(X, y).rows(slice(t * BATCH, (t + 1) * BATCH)),
            Steps.of_epoch(None, BATCH, np.array([ALPHA]), t, 0),
            optimizer,
            moments,
            {"l2": 0.1},
        )[0]
        for t in range(STEPS)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(network.theta, theta, rtol=1e-8, atol=1e-9)
    assert np.mean(expected[-5:]) < np.mean(expected[:5])
