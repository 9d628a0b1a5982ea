"""Losses ``L(ŷ, y)``: each formula directly above its derivative, and the cost ``J``.

``a`` (m, n) is the prediction ``ŷ``, ``y`` (m, n) the target. A loss returns (m,): for each sample, the sum over its n
outputs. A loss that is the logarithm of something names the output activations with which it is *fused*: loss and
derivative are then computed from ``Z`` together, where neither can overflow. Every other pairing goes through
``dZ = dA ⊙ g'(Z)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from ..arrays import FRACTIONS, Array
from ..errors import DataError
from ..lazily import cached_property
from ..registry import Entry, Formula, Register
from .activations import Activation, sigmoid, softplus
from .symbolic import Symbolic


class Fused(NamedTuple):
    """A loss and an output activation in one: ``loss(Z, y) -> L`` (m,) and ``gradient(Z, a, y) -> dZ`` (m, n).

    ``curvature(a, V) -> ∂dZ/∂Z V`` (m, n) is the second derivative of the loss times `V` (m, n), for those that are
    convex in ``Z``. `latex` is the formula of ``dZ``.
    """

    loss: Formula
    gradient: Formula
    curvature: Formula | None = None
    latex: str = r"\hat y - y"


@dataclass(frozen=True, kw_only=True, eq=False)
class Loss(Entry):
    """One entry of `LOSSES`.

    Parameters
    ----------
    formula : callable
        ``(a, y) -> L`` (m,).
    derivative : callable
        ``(a, y) -> dA = ∂L/∂a`` (m, n).
    targets : str
        The values ``y`` may take.
    domain : str
        The range the output activation must have; empty if any will do.
    fused : mapping
        Output activation name -> `Fused`.
    task : str
        "regression", "binary" or "multiclass": the targets it is meant for.
    output : str
        The output activation it goes with by default.
    kinked : bool
        It has no derivative at ``ŷ = y``.
    at_kink : str
        What is taken there.
    latex, latex_derivative : str
        Formula and derivative for one output.
    symbolic : Symbolic or None
        The formula for one output as text, for those who derive it.
    """

    derivative: Callable[..., Array]
    targets: str = "(-inf, inf)"
    domain: str = ""
    fused: Mapping[str, Fused] = field(default_factory=dict)
    task: str = "regression"
    output: str = "identity"
    kinked: bool = False
    at_kink: str = ""
    latex_derivative: str = ""
    symbolic: Symbolic | None = None

    @cached_property
    def dL(self) -> Formula:
        """``(a, y) -> ∂L/∂a`` (m, n), with this entry's options filled in, whether fused or not."""
        return self.bind(self.derivative)

    @cached_property
    def _bound_fused(self) -> dict[str, Fused]:
        return {name: Fused(self.bind(f.loss), self.bind(f.gradient)) for name, f in self.fused.items()}

    def accepts(self, activation: Activation) -> str | None:
        """``None`` if `activation` may stand before this loss, else the reason why not."""
        if self.domain and activation.range != self.domain:
            return f"{self.name} needs an output in {self.domain}, {activation.name} gives {activation.range}"
        return None

    def check_targets(self, y: Array) -> None:
        """Refuse targets `y` (m, n) that this loss is not defined for.

        Raises
        ------
        DataError
        """
        low, high = TARGET_BOUNDS[self.targets]
        if low == -np.inf and high == np.inf:
            return
        if y.min(initial=low) < low or y.max(initial=high) > high:
            outside = (y < low) | (y > high)
            raise DataError(f"{self.name} expects y in {self.targets}, found {y[outside][0]:g}", "choose another loss")
        if self.domain == "simplex" and len(y):
            total = y.sum(axis=1, dtype=np.float64)
            off = ~(np.abs(total - 1) <= ONE)
            if off.any():
                raise DataError(
                    f"{self.name} expects rows of y that sum to 1, found one that sums to {total[off][0]:g}",
                    "give the share of each class, or choose another loss",
                )

    def forward(self, g: Activation, Z: Array, a: Array, y: Array) -> Array:
        """``L`` (m,) of each sample, for the output layer ``a = g(Z)``."""
        fused = self._bound_fused.get(g.name)
        return fused.loss(Z, y) if fused else self.rule(a, y)

    def backward(self, g: Activation, Z: Array, a: Array, y: Array) -> Array:
        """``dA = ∂L/∂a`` (m, n), unless fused: then ``dZ = ∂L/∂Z``; see `is_fused`."""
        fused = self._bound_fused.get(g.name)
        return fused.gradient(Z, a, y) if fused else self.dL(a, y)

    def is_fused(self, g: Activation) -> bool:
        """Whether `backward` with this output activation gives ``dZ`` and not ``dA``."""
        return g.name in self.fused

    def curvature(self, g: Activation) -> Formula | None:
        """The second derivative by ``Z`` of the output layer ``a = g(Z)``, see `Fused`; ``None`` if none is known."""
        fused = self.fused.get(g.name)
        return None if fused is None or g.learns or self.options else fused.curvature


ONE = 1e-5
"""How far the shares of the classes may be from 1 together, as float32 rounds them."""

TARGET_BOUNDS = {"(-inf, inf)": (-np.inf, np.inf), "[0, inf)": (0.0, np.inf), "[0, 1]": (0.0, 1.0)}

LOSSES: Register[Loss] = Register("loss")


def cost(L: Array, w: Array | None = None) -> float:  # lecture: 4
    """``J = (1/m) Σ L``; with sample weights `w` (m,), ``Σ w L / Σ w``."""
    total: Any = len(L) if w is None else w.sum()
    sum_L: Any = L.sum() if w is None else w @ L
    if not total > 0:
        raise DataError(f"expected samples with a total weight above 0, found {float(total):g}")
    if L.dtype != FRACTIONS:  # fractions stay what they are
        total, sum_L = float(total), float(sum_L)
    return sum_L / total


def cost_backward(dL: Array, w: Array | None = None) -> Array:
    """``∂J/∂L`` times `dL` (m, n): the ``1/m`` of `cost`, or ``w / Σ w``."""
    if w is None:
        return dL * (1 / len(dL))
    return dL * (w / w.sum()).astype(dL.dtype)[:, None]


def squared_error(a: Array, y: Array) -> Array:
    """``½ (ŷ - y)²``."""
    return np.square(a - y).sum(axis=1) / 2


def d_squared_error(a: Array, y: Array) -> Array:
    """``ŷ - y``."""
    return a - y


def squared_error_identity(Z: Array, y: Array) -> Array:
    """`squared_error` of ``ŷ = Z``."""
    return squared_error(Z, y)


def d_squared_error_identity(Z: Array, a: Array, y: Array) -> Array:
    """``dZ = Z - y``."""
    return a - y


def curvature_one(a: Array, V: Array) -> Array:
    """``dZ = Z - y``  ->  ``V``."""
    return V


def absolute_error(a: Array, y: Array) -> Array:
    """``|ŷ - y|``."""
    return np.abs(a - y).sum(axis=1)


def d_absolute_error(a: Array, y: Array) -> Array:
    """``sign(ŷ - y)``."""
    return np.sign(a - y)


def huber(a: Array, y: Array, *, delta: float = 1.0) -> Array:
    """``½ r²`` if ``|r| <= delta``, else ``delta (|r| - ½ delta)``, with ``r = ŷ - y``. Huber 1964."""
    r = np.abs(a - y)
    q = np.minimum(r, delta)
    return (q * (r - q / 2)).sum(axis=1)


def d_huber(a: Array, y: Array, *, delta: float = 1.0) -> Array:
    """``r`` cut to ``[-delta, delta]``."""
    return np.clip(a - y, -delta, delta)


def quantile(a: Array, y: Array, *, q: float = 0.5) -> Array:
    """``q (y - ŷ)`` if ``y > ŷ``, else ``(1 - q) (ŷ - y)``. Koenker and Bassett 1978."""
    r = y - a
    return np.maximum(q * r, (q - 1) * r).sum(axis=1)


def d_quantile(a: Array, y: Array, *, q: float = 0.5) -> Array:
    """``-q`` if ``y > ŷ``, ``1 - q`` if ``y < ŷ``."""
    dtype = a.dtype.type
    return np.where(y > a, dtype(-q), np.where(y < a, dtype(1 - q), dtype(0)))


def smoothed(y: Array, label_smoothing: float, n_classes: int) -> Array:
    """``(1 - ε) y + ε / K``: targets a fraction ε on the way to the uniform distribution. Szegedy et al. 2016."""
    return y if label_smoothing == 0 else y * (1 - label_smoothing) + label_smoothing / n_classes


def binary_cross_entropy(a: Array, y: Array, *, label_smoothing: float = 0.0) -> Array:
    """``-(y ln ŷ + (1 - y) ln(1 - ŷ))``."""
    y = smoothed(y, label_smoothing, 2)
    return -(xlogy(y, a) + xlogy(1 - y, 1 - a)).sum(axis=1)


def d_binary_cross_entropy(a: Array, y: Array, *, label_smoothing: float = 0.0) -> Array:
    """``(ŷ - y) / (ŷ (1 - ŷ))``."""
    tiny = np.finfo(a.dtype).tiny
    return (a - smoothed(y, label_smoothing, 2)) / np.maximum(a * (1 - a), tiny)


def binary_cross_entropy_sigmoid(Z: Array, y: Array, *, label_smoothing: float = 0.0) -> Array:
    """``ln(1 + e^Z) - y Z``: `binary_cross_entropy` of ``ŷ = σ(Z)``."""
    y = smoothed(y, label_smoothing, 2)
    return (softplus(Z) - y * Z).sum(axis=1)


def d_binary_cross_entropy_sigmoid(Z: Array, a: Array, y: Array, *, label_smoothing: float = 0.0) -> Array:
    """``dZ = ŷ - y``."""
    return a - smoothed(y, label_smoothing, 2)


def curvature_sigmoid(a: Array, V: Array) -> Array:
    """``dZ = σ(Z) - y``  ->  ``ŷ (1 - ŷ) V``."""
    return a * (1 - a) * V


def categorical_cross_entropy(a: Array, y: Array, *, label_smoothing: float = 0.0) -> Array:
    """``-Σ_j y_j ln ŷ_j``, for `y` one-hot."""
    return -xlogy(smoothed(y, label_smoothing, y.shape[1]), a).sum(axis=1)


def d_categorical_cross_entropy(a: Array, y: Array, *, label_smoothing: float = 0.0) -> Array:
    """``-y_j / ŷ_j``."""
    tiny = np.finfo(a.dtype).tiny
    return -smoothed(y, label_smoothing, y.shape[1]) / np.maximum(a, tiny)


def categorical_cross_entropy_softmax(Z: Array, y: Array, *, label_smoothing: float = 0.0) -> Array:
    """``-Σ_j y_j (Z_j - ln Σ_i e^{Z_i})``: `categorical_cross_entropy` of ``ŷ = softmax(Z)``."""
    shifted = Z - Z.max(axis=1, keepdims=True)
    log_a = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(smoothed(y, label_smoothing, y.shape[1]) * log_a).sum(axis=1)


def d_categorical_cross_entropy_softmax(Z: Array, a: Array, y: Array, *, label_smoothing: float = 0.0) -> Array:
    """``dZ = ŷ - y``, since ``Σ_j y_j = 1``."""
    return a - smoothed(y, label_smoothing, y.shape[1])


def curvature_softmax(a: Array, V: Array) -> Array:
    """``dZ = softmax(Z) - y``  ->  ``ŷ ⊙ (V - Σ_j ŷ_j V_j)``."""
    aV = a * V
    return aV - a * aV.sum(axis=1, keepdims=True)


def poisson_deviance(a: Array, y: Array) -> Array:
    """``y ln(y / ŷ) - y + ŷ``: half the Poisson deviance."""
    return (xlogy(y, y) - xlogy(y, a) - y + a).sum(axis=1)


def d_poisson_deviance(a: Array, y: Array) -> Array:
    """``1 - y / ŷ``."""
    return 1 - y / np.maximum(a, np.finfo(a.dtype).tiny)


def poisson_deviance_exp(Z: Array, y: Array) -> Array:
    """``y ln y - y Z - y + e^Z``: `poisson_deviance` of ``ŷ = e^Z``."""
    return (xlogy(y, y) - y * Z - y + np.exp(Z)).sum(axis=1)


def d_poisson_deviance_exp(Z: Array, a: Array, y: Array) -> Array:
    """``dZ = ŷ - y``."""
    return a - y


def curvature_exp(a: Array, V: Array) -> Array:
    """``dZ = e^Z - y``  ->  ``ŷ V``."""
    return a * V


def poisson_deviance_softplus(Z: Array, y: Array) -> Array:
    """`poisson_deviance` of ``ŷ = softplus(Z)``, whose logarithm is ``Z`` where ``Z`` is far below zero."""
    a = softplus(Z)
    log_a = np.where(Z < -30, Z, np.log(np.maximum(a, np.finfo(a.dtype).tiny)))
    return (xlogy(y, y) - y * log_a - y + a).sum(axis=1)


def d_poisson_deviance_softplus(Z: Array, a: Array, y: Array) -> Array:
    """``dZ = σ(Z) - y σ(Z) / ŷ``, where ``σ(Z) / ŷ`` tends to 1 far below zero."""
    s = sigmoid(Z)
    ratio = np.where(Z < -30, 1, s / np.maximum(a, np.finfo(a.dtype).tiny))
    return s - y * ratio


# fmt: off
for _entry in (
    Loss(
        name="squared_error", formula=squared_error, derivative=d_squared_error,
        fused={"identity": Fused(squared_error_identity, d_squared_error_identity, curvature_one)},
        latex=r"\tfrac12(\hat y - y)^2", latex_derivative=r"\hat y - y",
        symbolic=Symbolic("(yhat - y)**2 / 2"),
    ),
    Loss(
        name="absolute_error", formula=absolute_error, derivative=d_absolute_error, kinked=True, at_kink="0",
        latex=r"|\hat y - y|", latex_derivative=r"\operatorname{sign}(\hat y - y)",
        symbolic=Symbolic("y - yhat", "yhat - y", between=("y",)),
    ),
    Loss(
        name="huber", formula=huber, derivative=d_huber, bounds={"delta": (1e-12, 1e12)},
        latex=r"\begin{cases}\tfrac12 r^2 & |r| \le \delta\\ \delta(|r| - \tfrac12\delta) & \text{else}\end{cases}",
        latex_derivative=r"\min(\max(\hat y - y, -\delta), \delta)",
        symbolic=Symbolic(
            "delta * (y - yhat - delta / 2)", "(yhat - y)**2 / 2", "delta * (yhat - y - delta / 2)",
            between=("y - delta", "y + delta"),
        ),
    ),
    Loss(
        name="quantile", formula=quantile, derivative=d_quantile, kinked=True, at_kink="0", bounds={"q": (0, 1)},
        latex=r"\max(q\,(y - \hat y),\ (q - 1)(y - \hat y))",
        latex_derivative=r"\begin{cases}-q & y > \hat y\\ 1 - q & y < \hat y\end{cases}",
        symbolic=Symbolic("q * (y - yhat)", "(1 - q) * (yhat - y)", between=("y",)),
    ),
    Loss(
        name="binary_cross_entropy", formula=binary_cross_entropy, derivative=d_binary_cross_entropy,
        domain="(0, 1)", targets="[0, 1]",
        fused={"sigmoid": Fused(binary_cross_entropy_sigmoid, d_binary_cross_entropy_sigmoid, curvature_sigmoid)},
        task="binary", output="sigmoid", bounds={"label_smoothing": (0, 1)},
        latex=r"-(y \ln \hat y + (1 - y) \ln(1 - \hat y))", latex_derivative=r"\frac{\hat y - y}{\hat y (1 - \hat y)}",
        symbolic=Symbolic(
            "-(y * log(yhat) + (1 - y) * log(1 - yhat))",
            close=(
                ("-((y * (1 - yhat) - (1 - y) * yhat) / (yhat * (1 - yhat)))", "common denominator"),
                ("-((y - yhat) / (yhat * (1 - yhat)))", "expand: the products y ŷ cancel"),
                ("(yhat - y) / (yhat * (1 - yhat))", "the sign into the numerator"),
            ),
        ),
    ),
    Loss(
        name="categorical_cross_entropy", formula=categorical_cross_entropy, derivative=d_categorical_cross_entropy,
        fused={
            "softmax": Fused(
                categorical_cross_entropy_softmax, d_categorical_cross_entropy_softmax, curvature_softmax
            ),
        },
        domain="simplex", targets="[0, 1]", task="multiclass", output="softmax", bounds={"label_smoothing": (0, 1)},
        latex=r"-\sum_j y_j \ln \hat y_j", latex_derivative=r"-\frac{y_j}{\hat y_j}",
    ),
    Loss(
        name="poisson_deviance", formula=poisson_deviance, derivative=d_poisson_deviance, aliases=("poisson",),
        domain="(0, inf)", targets="[0, inf)", output="exp",
        fused={
            "exp": Fused(poisson_deviance_exp, d_poisson_deviance_exp, curvature_exp),
            "softplus": Fused(
                poisson_deviance_softplus,
                d_poisson_deviance_softplus,
                latex=r"\sigma(Z) - y\,\frac{\sigma(Z)}{\hat y}",
            ),
        },
        latex=r"y \ln\frac{y}{\hat y} - y + \hat y", latex_derivative=r"1 - \frac{y}{\hat y}",
        symbolic=Symbolic("y * (log(y) - log(yhat)) - y + yhat", close=(("1 - y / yhat", "write in order"),)),
    ),
):
    LOSSES.add(_entry)
# fmt: on
