"""Is the derivative of one activation or one loss right? Each against centered differences, with the rules of
`deltarule.gradient_check`; also for functions of the user's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .arrays import Array
from .equations import ACTIVATIONS, LOSSES, Activation, Loss
from .errors import InvalidOption
from .gradient_check import ArrayCheck, check_function


def check_activation(
    g: str | Activation | Callable[..., Array],
    derivative: Callable[..., Array] | None = None,
    *,
    kinks: Sequence[float] = (),
    Z: Array | None = None,
) -> ArrayCheck:
    """Check the derivative of an activation, of the register or of your own.

    Parameters
    ----------
    g : str, Activation or callable
        A callable is ``g(Z)``, element by element.
    derivative : callable, optional
        For a callable `g`: ``g'(Z)`` or ``g'(Z, a)``.
    kinks : sequence of float
        For a callable `g`: where it has no derivative.
    Z : (m, k), optional
        Where to check it; by default from -4 to 4, and at the kinks.

    Examples
    --------
    >>> check_activation("tanh").verdict
    'good'
    >>> import numpy as np
    >>> check_activation(lambda Z: Z * Z, lambda Z: Z).verdict
    'probably wrong'
    """
    if callable(g):
        if derivative is None:
            raise InvalidOption("expected the derivative of the activation too, found none", "give derivative=")
        g = Activation(name="g", formula=g, derivative=of_both(derivative), kinks=tuple(kinks))
    g = ACTIVATIONS.choose(g)
    if Z is None:
        Z = np.concatenate([np.linspace(-4, 4, 33) + 1e-3, g.kinks])[:, None] * np.ones(3)
    Z = np.asarray(Z, dtype=np.float64)
    dA = np.random.default_rng(0).uniform(0.5, 1.5, Z.shape)  # any dA will do
    p = g.initial(Z.shape[1])

    def evaluate(at: Array) -> tuple[float, Array, float]:
        at = at.reshape(Z.shape)
        total = float((dA * g.forward(at, p)).sum())
        return total, np.array([at > kink for kink in g.kinks], dtype=bool).ravel(), abs(total)

    dZ = g.backward(dA, Z, g.forward(Z, p), p)
    return check_function("Z", evaluate, dZ, Z)


def of_both(derivative: Callable[..., Array]) -> Callable[..., Array]:
    """A derivative ``(Z, a)``, as the register has it, from one that may take ``Z`` alone."""
    if isinstance(derivative, np.ufunc):
        n_arrays = derivative.nin
    else:
        takes = inspect.signature(derivative).parameters.values()
        n_arrays = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in takes)
    if n_arrays > 1:
        return derivative

    def both(Z: Array, a: Array, **options: Any) -> Array:
        return derivative(Z, **options)

    return both


def check_loss(
    loss: str | Loss | Callable[..., Array],
    derivative: Callable[[Array, Array], Array] | None = None,
    *,
    a: Array | None = None,
    y: Array | None = None,
    kinks: bool = False,
) -> ArrayCheck:
    """Check the derivative of a loss, of the register or of your own.

    Parameters
    ----------
    loss : str, Loss or callable
        A callable is ``L(a, y)`` with one value a sample, (m,).
    derivative : callable, optional
        For a callable `loss`: ``∂L/∂a`` (m, n), as a function of ``(a, y)``.
    a, y : (m, n), optional
        Predictions and targets; by default of the loss's domain and targets.
    kinks : bool
        For a callable `loss`: it has no derivative at ``a = y``.
    """
    if callable(loss):
        if derivative is None:
            raise InvalidOption("expected the derivative of the loss too, found none", "give derivative=")
        loss = Loss(name="L", formula=loss, derivative=derivative, kinked=kinks)
    loss = LOSSES.choose(loss)
    rng = np.random.default_rng(0)
    if a is None:
        a = rng.uniform(0.1, 0.9, (8, 3))
        a = a / a.sum(axis=1, keepdims=True) if loss.domain == "simplex" else a
    if y is None:
        y = np.eye(3)[rng.integers(3, size=len(a))] if np.shape(a)[1] == 3 else rng.uniform(0.1, 0.9, np.shape(a))
    a, y = np.asarray(a, dtype=np.float64), np.asarray(y, dtype=np.float64)

    def evaluate(at: Array) -> tuple[float, Array, float]:
        at = at.reshape(a.shape)
        total = float(loss.rule(at, y).sum())
        return total, (at > y).ravel() if loss.kinked else np.zeros(0, dtype=bool), abs(total)

    return check_function("a", evaluate, loss.dL(a, y), a)
