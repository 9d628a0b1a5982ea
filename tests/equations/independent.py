"""Every formula of the registers once more, written independently of the package: what the contract tests compare with.

The activations are those of jax.nn wherever it has them. A new register entry needs a line here; the tests say so.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)

ACTIVATIONS = {
    "identity": lambda Z: Z,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": lambda Z, slope=0.01: jnp.where(Z > 0, Z, slope * Z),
    "prelu": lambda Z, p: jnp.where(Z > 0, Z, p * Z),
    "elu": lambda Z, alpha=1.0: jax.nn.elu(Z, alpha),
    "selu": jax.nn.selu,
    "gelu": lambda Z: jax.nn.gelu(Z, approximate=False),
    "gelu_tanh": lambda Z: jax.nn.gelu(Z, approximate=True),
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "mish": jax.nn.mish,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "exp": jnp.exp,
    "softmax": lambda Z: jax.nn.softmax(Z, axis=1),
}

ACTIVATION_VARIANTS = {
    "leaky_relu": ["leaky_relu(slope=0.2)", "leaky_relu(slope=1.5)"],
    "prelu": ["prelu(initial=-0.1)", "prelu(shared=true)", "prelu(initial=1.5, shared=true)"],
    "elu": ["elu(alpha=0.3)", "elu(alpha=2)"],
}


def _smooth(y, label_smoothing, n_classes):
    return (1 - label_smoothing) * y + label_smoothing / n_classes


def _huber(a, y, delta=1.0):
    r = jnp.abs(a - y)
    return jnp.where(r <= delta, r**2 / 2, delta * r - delta**2 / 2).sum(1)


def _quantile(a, y, q=0.5):
    return jnp.where(y > a, q * (y - a), (1 - q) * (a - y)).sum(1)


def _binary_cross_entropy(a, y, label_smoothing=0.0):
    t = _smooth(y, label_smoothing, 2)
    return -(t * jnp.log(a) + (1 - t) * jnp.log1p(-a)).sum(1)


def _categorical_cross_entropy(a, y, label_smoothing=0.0):
    return -(_smooth(y, label_smoothing, y.shape[1]) * jnp.log(a)).sum(1)


def _poisson_deviance(a, y):
    return (xlogy(y, y) - y * jnp.log(a) - y + a).sum(1)


LOSSES = {
    "squared_error": lambda a, y: ((a - y) ** 2).sum(1) / 2,
    "absolute_error": lambda a, y: jnp.abs(a - y).sum(1),
    "huber": _huber,
    "quantile": _quantile,
    "binary_cross_entropy": _binary_cross_entropy,
    "categorical_cross_entropy": _categorical_cross_entropy,
    "poisson_deviance": _poisson_deviance,
}

LOSS_VARIANTS = {
    "huber": ["huber(delta=0.2)", "huber(delta=30)"],
    "quantile": ["quantile(q=0.1)", "quantile(q=0.9)"],
    "binary_cross_entropy": ["binary_cross_entropy(label_smoothing=0.1)"],
    "categorical_cross_entropy": ["categorical_cross_entropy(label_smoothing=0.2)"],
}

PENALTIES = {
    "l2": lambda W: (W**2).sum() / 2,
    "l1": lambda W: jnp.abs(W).sum(),
}


def variants(register, table):
    """Each entry's name, and the options that the table adds."""
    return [text for name in register for text in [name, *table.get(name, [])]]


def cost(sizes, activations, loss, theta, X, y, w):
    """J of a dense network with flat parameters ``theta``; activations and loss as register entries."""
    A, start = X, 0
    for n_in, n_out, g in zip(sizes[:-1], sizes[1:], activations, strict=True):
        W = theta[start : start + n_in * n_out].reshape(n_out, n_in)
        start += n_in * n_out
        b = theta[start : start + n_out]
        start += n_out
        Z = A @ W.T + b
        if g.name == "prelu":
            n = 1 if g.settings["shared"] else n_out
            A = ACTIVATIONS["prelu"](Z, theta[start : start + n])
            start += n
        else:
            A = ACTIVATIONS[g.name](Z, **g.options)
    L = LOSSES[loss.name](A, y, **loss.options)
    return (w * L).sum() / w.sum()
