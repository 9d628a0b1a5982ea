"""Optimizers: one step on the flat parameter vector ``theta`` (P,), given its gradient ``g`` (P,).

Each rule ``(theta, g, *moments, t, alpha, options)`` reads like the paper and works in place; ``t`` counts the steps
from 1. `Optimizer.step` applies it block by block, so that the intermediate results stay in the cache, however long
``theta`` is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, OptimizeResult, minimize

from ..arrays import Array
from ..registry import Entry, Register
from .newton import newton

BLOCK = 32768  # 128 kB of float32: a block, its moments and temporaries fit the second-level cache


@dataclass(frozen=True, kw_only=True, eq=False)
class Optimizer(Entry):
    """One entry of `OPTIMIZERS`.

    Parameters
    ----------
    formula : callable
        The rule, see above.
    moments : tuple of str
        Names of the flat arrays it keeps from step to step, all zero at the start.
    full_batch : bool
        The formula runs to the end by itself, given the cost and gradient over all samples; see `lbfgs`.
    second_order : bool
        It is given the second derivative too; see `newton`.
    """

    moments: tuple[str, ...] = ()
    full_batch: bool = False
    second_order: bool = False

    def start(self, theta: Array) -> dict[str, Array]:
        """The moments before the first step."""
        return {name: np.zeros_like(theta) for name in self.moments}

    def step(self, theta: Array, g: Array, moments: Mapping[str, Array], t: int, alpha: float) -> None:
        """One step in place: `theta` and those of `moments`, all (P,), are overwritten."""
        for start in range(0, len(theta), BLOCK):
            block = slice(start, start + BLOCK)
            parts = [moments[name][block] for name in self.moments]
            self.rule(theta[block], g[block], *parts, t=t, alpha=alpha)


OPTIMIZERS: Register[Optimizer] = Register("optimizer")


def gradient_descent(theta: Array, g: Array, *, t: int, alpha: float) -> None:  # lecture: 7
    """``W = W - α dW``, ``b = b - α db``."""
    theta -= alpha * g


def momentum(theta: Array, g: Array, v: Array, *, t: int, alpha: float, mu: float = 0.9) -> None:
    """A ball with friction: ``v = μ v - α g``, ``θ = θ + v``. Polyak 1964."""
    v *= mu
    v -= alpha * g
    theta += v


def nesterov(theta: Array, g: Array, v: Array, *, t: int, alpha: float, mu: float = 0.9) -> None:
    """Momentum that looks ahead: ``v = μ v - α g``, ``θ = θ + μ v - α g``. Nesterov 1983, Sutskever et al. 2013."""
    step = alpha * g
    v *= mu
    v -= step
    theta += mu * v - step


def rmsprop(
    theta: Array, g: Array, v: Array, *, t: int, alpha: float, decay: float = 0.99, epsilon: float = 1e-8
) -> None:
    """``v = ρ v + (1-ρ) g²``, ``θ = θ - α g / (√v + ε)``. Hinton, lecture 6e, 2012."""
    v += (1 - decay) * (g * g - v)
    theta -= alpha * g / (np.sqrt(v) + epsilon)


def adam(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    *,
    t: int,
    alpha: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """``θ = θ - α m̂ / (√v̂ + ε)``. Kingma and Ba 2015, algorithm 1."""
    m += (1 - beta_1) * (g - m)  # m = β₁ m + (1-β₁) g
    v += (1 - beta_2) * (g * g - v)  # v = β₂ v + (1-β₂) g²
    mhat_step = alpha / (1 - beta_1**t) * m  # α m̂
    vhat = v / (1 - beta_2**t)
    theta -= mhat_step / (np.sqrt(vhat) + epsilon)


def adamw(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    *,
    t: int,
    alpha: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """Adam after ``θ = θ - α λ θ``: decay apart from the gradient. Loshchilov and Hutter 2019, algorithm 2."""
    theta -= alpha * weight_decay * theta
    adam(theta, g, m, v, t=t, alpha=alpha, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)


def lbfgs(
    theta: Array,
    cost_and_gradient: Callable[[Array], tuple[float, Array]],
    l1: Array | None = None,
    *,
    after_step: Callable[[Array], None],
    max_iter: int,
    max_fun: int,
    tol: float,
    memory: int = 10,
    ftol: float = 2.2e-9,
) -> OptimizeResult:
    """Limited-memory BFGS with a line search, by SciPy. Byrd, Lu, Nocedal and Zhu 1995.

    Parameters
    ----------
    theta : (P,)
        Where it starts.
    cost_and_gradient : callable
        ``theta -> (J, g)`` over all samples; the smooth part of the cost.
    l1 : (P,), optional
        Weights of ``Σ l1 |θ|``. The cost then has kinks; it is smooth in ``u, v >= 0`` with ``θ = u - v``, and bounds
        keep them there, so that a parameter that should be zero is exactly zero.
    after_step : callable
        Called with ``theta`` after each step; may raise StopIteration.
    max_iter, max_fun : int
        Most steps, most evaluations of the cost.
    tol : float
        Stop when no component of the gradient is larger.
    memory : int
        Number of steps it remembers.
    ftol : float
        Stop when a step lowers the cost by less, relative to it.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With ``x`` (P,), ``fun``, ``nit`` and ``message``.
    """
    options = {
        "maxiter": max_iter,
        "maxfun": max_fun,
        "gtol": tol,
        "ftol": ftol,
        "maxcor": memory,
        "maxls": 50,
    }
    if l1 is None or not l1.any():
        return minimize(cost_and_gradient, theta, jac=True, method="L-BFGS-B", callback=after_step, options=options)

    def split(uv: Array) -> tuple[float, Array]:
        u, v = np.split(uv, 2)
        J, g = cost_and_gradient(u - v)
        return J + float(l1 @ (u + v)), np.concatenate([g + l1, l1 - g])

    start = np.concatenate([np.maximum(theta, 0), np.maximum(-theta, 0)])
    result = minimize(
        split,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0, np.inf),
        options=options,
        callback=lambda uv: after_step(uv[: len(theta)] - uv[len(theta) :]),
    )
    result.x = result.x[: len(theta)] - result.x[len(theta) :]
    return result


RATE = (0.0, 0.999999999)
TINY = (1e-30, 1.0)  # still above zero in float32
ADAM_BOUNDS = {"beta_1": RATE, "beta_2": RATE, "epsilon": TINY}
for _entry in (
    Optimizer(
        name="gradient_descent",
        formula=gradient_descent,
        aliases=("gd",),
        latex=r"\theta \leftarrow \theta - \alpha g",
    ),
    Optimizer(
        name="momentum",
        formula=momentum,
        moments=("v",),
        bounds={"mu": (0, 1)},
        latex=r"v \leftarrow \mu v - \alpha g,\ \theta \leftarrow \theta + v",
    ),
    Optimizer(
        name="nesterov",
        formula=nesterov,
        moments=("v",),
        bounds={"mu": (0, 1)},
        latex=r"v \leftarrow \mu v - \alpha g,\ \theta \leftarrow \theta + \mu v - \alpha g",
    ),
    Optimizer(
        name="rmsprop",
        formula=rmsprop,
        moments=("v",),
        bounds={"decay": RATE, "epsilon": TINY},
        latex=r"v \leftarrow \rho v + (1-\rho) g^2,\ \theta \leftarrow \theta - \alpha g / (\sqrt v + \epsilon)",
    ),
    Optimizer(
        name="adam",
        formula=adam,
        moments=("m", "v"),
        bounds=ADAM_BOUNDS,
        latex=r"m \leftarrow \beta_1 m + (1-\beta_1) g,\ v \leftarrow \beta_2 v + (1-\beta_2) g^2,\ "
        r"\hat m = \frac{m}{1-\beta_1^t},\ \hat v = \frac{v}{1-\beta_2^t},\ "
        r"\theta \leftarrow \theta - \alpha \hat m / (\sqrt{\hat v} + \epsilon)",
    ),
    Optimizer(
        name="adamw",
        formula=adamw,
        moments=("m", "v"),
        bounds={**ADAM_BOUNDS, "weight_decay": (0, 1e3)},
        latex=r"m \leftarrow \beta_1 m + (1-\beta_1) g,\ v \leftarrow \beta_2 v + (1-\beta_2) g^2,\ "
        r"\hat m = \frac{m}{1-\beta_1^t},\ \hat v = \frac{v}{1-\beta_2^t},\ "
        r"\theta \leftarrow (1 - \alpha\lambda)\theta - \alpha \hat m / (\sqrt{\hat v} + \epsilon)",
    ),
    Optimizer(
        name="lbfgs",
        formula=lbfgs,
        full_batch=True,
        bounds={"memory": (1, 1000), "ftol": (0, 1)},
        latex=r"\theta \leftarrow \theta - H g",
    ),
    Optimizer(
        name="newton",
        formula=newton,
        full_batch=True,
        second_order=True,
        bounds={"gap": (0, 1)},
        latex=r"\theta \leftarrow \theta - (\partial^2 J / \partial \theta^2)^{-1} g",
    ),
):
    OPTIMIZERS.add(_entry)
