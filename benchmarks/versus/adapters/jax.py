"""JAX, a whole epoch compiled into one `lax.scan` over the minibatches."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp

from ..problems import Problem

jax.config.update("jax_enable_x64", True)
ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "tanh": jnp.tanh}


def run(problem: Problem, X: Any, y: Any) -> tuple[list[float], float]:
    g, many, dtype = ACTIVATIONS[problem.activation], problem.sizes[-1] > 1, X.dtype
    batches = X.reshape(problem.steps, problem.batch_size, -1)
    labels = y.reshape(problem.steps, problem.batch_size)

    def cost(weights: Any, A: Any, t: Any) -> Any:
        for W, b in weights[:-1]:
            A = g(A @ W + b)
        Z = A @ weights[-1][0] + weights[-1][1]
        if many:
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(Z), t[:, None], axis=1))
        return jnp.mean(jax.nn.softplus(Z[:, 0]) - t * Z[:, 0])

    def step(state: Any, batch: Any) -> Any:
        weights, m, v, t = state
        J, gradient = jax.value_and_grad(cost)(weights, *batch)
        t = t + 1
        if problem.optimizer == "adam":
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
            a = (1e-3 / (1 - 0.9**t)).astype(dtype)
            c = (1 - 0.999**t).astype(dtype)
            weights = jax.tree.map(lambda w, m, v: w - a * m / (jnp.sqrt(v / c) + 1e-8), weights, m, v)
        else:
            m = jax.tree.map(lambda m, g: 0.9 * m + g, m, gradient)
            weights = jax.tree.map(lambda w, m: w - 1e-3 * m, weights, m)
        return (weights, m, v, t), J

    @jax.jit
    def epoch(state: Any) -> Any:
        return jax.lax.scan(step, state, (batches, labels))

    weights = [(jnp.asarray(W.astype(dtype)), jnp.asarray(b.astype(dtype))) for W, b in problem.weights()]
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, zeros, zeros, jnp.zeros((), jnp.float64))
    jax.block_until_ready(epoch(state))
    losses = []
    began = time.perf_counter()
    for _ in range(problem.epochs):
        state, costs = epoch(state)
        losses.append(float(costs.mean()))
    return losses, time.perf_counter() - began
