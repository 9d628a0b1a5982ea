"""Activations ``a = g(Z)``: each formula directly above its derivative.

To add one, write ``g`` and its derivative and add one `Activation` to `ACTIVATIONS`; estimators, command line, docs and
tests read the register. A derivative takes ``(Z, a)`` and uses whichever is cheaper. At a kink it is the **left**
derivative, as PyTorch and JAX take it for ReLU. All functions work element by element on arrays of shape (m, k),
except softmax, which works on rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, ndtr

from ..arrays import Array
from ..lazily import cached_property
from ..registry import Entry, Register
from .symbolic import Symbolic

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017, appendix A1
SQRT_2_PI = 0.7978845608028654  # √(2/π)


@dataclass(frozen=True, kw_only=True, eq=False)
class Activation(Entry):
    """One entry of `ACTIVATIONS`.

    Parameters
    ----------
    formula : callable
        ``g(Z)``, or ``g(Z, p)`` if `learns`.
    derivative : callable
        ``g'(Z, a)``, or ``g'(Z, a, p)`` if `learns`; for softmax the product ``(dA, a) -> dZ`` (see `rowwise`).
    range : str
        The values of ``a``; an interval is open where a value is only approached. A loss that has a domain takes the
        activations with exactly that range.
    kinks : tuple of float
        Where ``g`` has no derivative.
    at_kink : str
        The convention there, in words.
    rowwise : bool
        Each output depends on the whole row of ``Z``; only for the output layer.
    output_only : bool
        Not offered for hidden layers.
    learns : callable or None
        For a learned parameter ``p``: ``∂g/∂p`` as a function ``(Z)``. Its options are ``initial`` and ``shared``.
    initializer : str
        The initializer that keeps the variance from layer to layer with this activation.
    latex_name : str
        The function's sign where it has one of its own, such as σ.
    onnx : str
        Name of the ONNX operator; empty where several are needed.
    use : str
        What it is used for.
    symbolic : Symbolic or None
        The formula as text, for those who derive it.
    """

    derivative: Callable[..., Any]
    range: str = "(-inf, inf)"
    kinks: tuple[float, ...] = ()
    at_kink: str = ""
    rowwise: bool = False
    output_only: bool = False
    learns: Callable[[Array], Array] | None = None
    initializer: str = "glorot_uniform"
    latex_derivative: str = ""
    latex_name: str = ""
    onnx: str = ""
    use: str = ""
    symbolic: Symbolic | None = None

    @cached_property
    def dg(self) -> Callable[..., Array]:
        """The derivative with this entry's options filled in."""
        return self.bind(self.derivative)

    def n_learned(self, units: int) -> int:
        """How many learned parameters a layer of `units` units has."""
        if self.learns is None:
            return 0
        return 1 if self.settings.get("shared") else units

    def initial(self, units: int) -> Array | None:
        """The learned parameters of a new layer, (k,), or (1,) if shared; None if there are none."""
        return np.full(self.n_learned(units), float(self.settings["initial"])) if self.learns else None

    def forward(self, Z: Array, p: Array | None = None) -> Array:
        """``a = g(Z)``, (m, k) -> (m, k)."""
        return self.rule(Z) if p is None else self.rule(Z, p)

    def backward(self, dA: Array, Z: Array, a: Array, p: Array | None = None) -> Array:
        """``dZ = dA ⊙ g'(Z)``, (m, k); for softmax the product with its Jacobian."""
        return self.dg(dA, a) if self.rowwise else dA * self.slope(Z, a, p)

    def slope(self, Z: Array, a: Array, p: Array | None = None) -> Array:
        """``g'(Z)``, (m, k); not for softmax, which has a Jacobian."""
        return self.dg(Z, a) if p is None else self.dg(Z, a, p)

    def backward_learned(self, dA: Array, Z: Array, dp: Array) -> None:
        """``dp = Σ_samples dA ⊙ ∂g/∂p``, written into `dp`: (k,), or (1,) if shared."""
        assert self.learns is not None
        per_unit = (dA * self.learns(Z)).sum(axis=0)
        dp[...] = per_unit if dp.size == per_unit.size else per_unit.sum()


ACTIVATIONS: Register[Activation] = Register("activation")


def identity(Z: Array) -> Array:
    """``Z``."""
    return Z


def d_identity(Z: Array, a: Array) -> Array:
    """``1``."""
    return np.ones_like(Z)


def sigmoid(Z: Array) -> Array:  # lecture: 9
    """``σ(Z) = 1 / (1 + e^{-Z})``, computed without overflow."""
    return expit(Z)


def d_sigmoid(Z: Array, a: Array) -> Array:  # lecture: 15
    """``σ' = e^{-Z} / (1 + e^{-Z})² = σ (1 - σ)``."""
    return a * (1 - a)


def tanh(Z: Array) -> Array:  # lecture: 10
    """``(e^Z - e^{-Z}) / (e^Z + e^{-Z}) = 2 σ(2Z) - 1``."""
    return np.tanh(Z)


def d_tanh(Z: Array, a: Array) -> Array:
    """``1 - tanh²(Z)``."""
    return 1 - a * a


def relu(Z: Array) -> Array:  # lecture: 11
    """``max(0, Z)``."""
    return np.maximum(Z, 0)


def d_relu(Z: Array, a: Array) -> Array:
    """``1`` if ``Z > 0``, else ``0``."""
    return (Z > 0).astype(Z.dtype)


def leaky_relu(Z: Array, *, slope: float = 0.01) -> Array:  # lecture: 12
    """``Z`` if ``Z > 0``, else ``slope Z``."""
    return np.where(Z > 0, Z, slope * Z)


def d_leaky_relu(Z: Array, a: Array, *, slope: float = 0.01) -> Array:
    """``1`` if ``Z > 0``, else ``slope``."""
    return np.where(Z > 0, Z.dtype.type(1), Z.dtype.type(slope))


def prelu(Z: Array, p: Array, *, initial: float = 0.25, shared: bool = False) -> Array:  # lecture: 13
    """``Z`` if ``Z > 0``, else ``p Z``, with `p` learned: the slides' ``a``, (k,) or (1,)."""
    return np.where(Z > 0, Z, p * Z)


def d_prelu(Z: Array, a: Array, p: Array) -> Array:
    """``1`` if ``Z > 0``, else ``p``."""
    return np.where(Z > 0, Z.dtype.type(1), p)


def d_prelu_dp(Z: Array) -> Array:
    """``∂g/∂p``: ``0`` if ``Z > 0``, else ``Z``."""
    return np.minimum(Z, 0)


def elu(Z: Array, *, alpha: float = 1.0) -> Array:
    """``Z`` if ``Z > 0``, else ``alpha (e^Z - 1)``. Clevert et al. 2015."""
    return np.where(Z > 0, Z, alpha * np.expm1(np.minimum(Z, 0)))


def d_elu(Z: Array, a: Array, *, alpha: float = 1.0) -> Array:
    """``1`` if ``Z > 0``, else ``alpha e^Z``."""
    return np.where(Z > 0, Z.dtype.type(1), alpha * np.exp(np.minimum(Z, 0)))


def selu(Z: Array) -> Array:
    """``λ Z`` if ``Z > 0``, else ``λ α (e^Z - 1)``, with the constants of Klambauer et al. 2017."""
    return SELU_SCALE * elu(Z, alpha=SELU_ALPHA)


def d_selu(Z: Array, a: Array) -> Array:
    """``λ`` if ``Z > 0``, else ``λ α e^Z``."""
    return SELU_SCALE * d_elu(Z, a, alpha=SELU_ALPHA)


def gelu(Z: Array) -> Array:
    """``Z Φ(Z)``, with Φ the distribution function of the normal distribution. Hendrycks and Gimpel 2016."""
    return Z * ndtr(Z)


def d_gelu(Z: Array, a: Array) -> Array:
    """``Φ(Z) + Z φ(Z)``."""
    density = 0.3989422804014327 * np.exp(-0.5 * np.square(np.clip(Z, -40, 40)))
    return ndtr(Z) + Z * density


def gelu_tanh(Z: Array) -> Array:
    """``Z/2 (1 + tanh(√(2/π) (Z + 0.044715 Z³)))``, the tanh form of GELU."""
    return 0.5 * Z * (1 + _gelu_t(Z))


def d_gelu_tanh(Z: Array, a: Array) -> Array:
    """``(1 + t)/2 + Z/2 (1 - t²) u'``, where ``t = tanh(u)``, ``u = √(2/π) (Z + 0.044715 Z³)``."""
    t = _gelu_t(Z)
    C = np.clip(Z, -1e3, 1e3)  # beyond, 1 - t² is zero and Z² must not overflow
    return 0.5 * (1 + t) + 0.5 * C * (1 - t * t) * SQRT_2_PI * (1 + 3 * 0.044715 * C * C)


def _gelu_t(Z: Array) -> Array:
    C = np.clip(Z, -1e3, 1e3)
    return np.tanh(SQRT_2_PI * (C + 0.044715 * C * C * C))


def silu(Z: Array) -> Array:
    """``Z σ(Z)``, also called swish."""
    return Z * sigmoid(Z)


def d_silu(Z: Array, a: Array) -> Array:
    """``σ(Z) (1 + Z (1 - σ(Z)))``."""
    s = sigmoid(Z)
    return s * (1 + Z * sigmoid(-Z))


def softplus(Z: Array) -> Array:
    """``ln(1 + e^Z)``, computed as ``max(Z, 0) + ln(1 + e^{-|Z|})``."""
    return np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))


def d_softplus(Z: Array, a: Array) -> Array:
    """``σ(Z)``."""
    return sigmoid(Z)


def mish(Z: Array) -> Array:
    """``Z tanh(softplus(Z))``. Misra 2019."""
    return Z * np.tanh(softplus(Z))


def d_mish(Z: Array, a: Array) -> Array:
    """``t + Z σ(Z) (1 - t²)``, where ``t = tanh(softplus(Z))``."""
    t = np.tanh(softplus(Z))
    return t + Z * sigmoid(Z) * (1 - t * t)


def hard_sigmoid(Z: Array) -> Array:
    """``min(max(Z/6 + 1/2, 0), 1)``."""
    return np.clip(Z / 6 + 0.5, 0, 1)


def d_hard_sigmoid(Z: Array, a: Array) -> Array:
    """``1/6`` if ``-3 < Z <= 3``, else ``0``."""
    return np.where((Z > -3) & (Z <= 3), Z.dtype.type(1 / 6), Z.dtype.type(0))


def exp(Z: Array) -> Array:
    """``e^Z``: the mean of a count under the Poisson deviance."""
    return np.exp(Z)


def d_exp(Z: Array, a: Array) -> Array:
    """``e^Z``."""
    return a


def softmax(Z: Array) -> Array:
    """``e^{Z_i} / Σ_j e^{Z_j}`` in each row, computed from ``Z - max Z``."""
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    e /= e.sum(axis=1, keepdims=True)
    return e


def d_softmax(dA: Array, a: Array) -> Array:
    """``dZ = a ⊙ (dA - Σ_j dA_j a_j)``: the Jacobian ``diag(a) - a aᵀ`` times ``dA``."""
    return a * (dA - (dA * a).sum(axis=1, keepdims=True))


LEFT = "left derivative"
# fmt: off
for _entry in (
    Activation(
        name="identity", formula=identity, derivative=d_identity, aliases=("linear",), onnx="Identity",
        latex="Z", latex_derivative="1", use="the output of a regression",
        symbolic=Symbolic("Z"),
    ),
    Activation(
        name="sigmoid", formula=sigmoid, derivative=d_sigmoid, aliases=("logistic",), range="(0, 1)", onnx="Sigmoid",
        latex_name=r"\sigma", latex=r"\frac{1}{1 + e^{-Z}}", latex_derivative=r"\sigma(Z)\,(1 - \sigma(Z))",
        use="the output of a binary classification",
    ),
    Activation(
        name="tanh", formula=tanh, derivative=d_tanh, range="(-1, 1)", onnx="Tanh",
        latex_name=r"\tanh", latex=r"\frac{e^{Z} - e^{-Z}}{e^{Z} + e^{-Z}}", latex_derivative=r"1 - \tanh^2(Z)",
        use="hidden layers, zero mean; recurrent networks",  # lecture: 16
        symbolic=Symbolic(
            "(exp(Z) - exp(-Z)) / (exp(Z) + exp(-Z))",
            close=(
                ("1 - (exp(Z) - exp(-Z))**2 / (exp(Z) + exp(-Z))**2", "split the fraction"),
                ("1 - ((exp(Z) - exp(-Z)) / (exp(Z) + exp(-Z)))**2", "quotient of squares"),
                ("1 - tanh(Z)**2", "definition of tanh"),
            ),
        ),
    ),
    Activation(
        name="relu", formula=relu, derivative=d_relu, range="[0, inf)", kinks=(0.0,), at_kink=f"0, the {LEFT}",
        initializer="he_uniform", onnx="Relu", latex=r"\max(0, Z)",
        latex_derivative=r"\begin{cases}1 & Z > 0\\ 0 & Z \le 0\end{cases}",
        use="hidden layers; convolutional networks",
        symbolic=Symbolic("0", "Z", between=("0",)),
    ),
    Activation(
        name="leaky_relu", formula=leaky_relu, derivative=d_leaky_relu, kinks=(0.0,), at_kink=f"slope, the {LEFT}",
        initializer="he_uniform", onnx="LeakyRelu", latex=r"\begin{cases}Z & Z > 0\\ s Z & Z \le 0\end{cases}",
        latex_derivative=r"\begin{cases}1 & Z > 0\\ s & Z \le 0\end{cases}",
        use="hidden layers whose units must not die; convolutional networks",
        symbolic=Symbolic("slope * Z", "Z", between=("0",)),
    ),
    Activation(
        name="prelu", formula=prelu, derivative=d_prelu, learns=d_prelu_dp, kinks=(0.0,), at_kink=f"p, the {LEFT}",
        initializer="he_uniform", onnx="PRelu", latex=r"\begin{cases}Z & Z > 0\\ p Z & Z \le 0\end{cases}",
        latex_derivative=r"\begin{cases}1 & Z > 0\\ p & Z \le 0\end{cases}",
        use="leaky ReLU with its slope learned, one a unit or one a layer",
        symbolic=Symbolic("p * Z", "Z", between=("0",)),
    ),
    Activation(
        name="elu", formula=elu, derivative=d_elu, range="(-alpha, inf)", kinks=(0.0,), at_kink=f"alpha, the {LEFT}",
        bounds={"alpha": (0, 1e6)}, initializer="he_uniform", onnx="Elu",
        latex=r"\begin{cases}Z & Z > 0\\ \alpha(e^{Z} - 1) & Z \le 0\end{cases}",
        latex_derivative=r"\begin{cases}1 & Z > 0\\ \alpha e^{Z} & Z \le 0\end{cases}",
        use="hidden layers, mean near zero",
        symbolic=Symbolic("alpha * (exp(Z) - 1)", "Z", between=("0",)),
    ),
    Activation(
        name="selu", formula=selu, derivative=d_selu, range="(-1.758, inf)", kinks=(0.0,),
        at_kink=f"1.758, the {LEFT}", initializer="lecun_normal", onnx="Selu",
        latex=r"\lambda\begin{cases}Z & Z > 0\\ \alpha(e^{Z} - 1) & Z \le 0\end{cases}",
        latex_derivative=r"\lambda\begin{cases}1 & Z > 0\\ \alpha e^{Z} & Z \le 0\end{cases}",
        use="deep networks that normalize themselves",
        symbolic=Symbolic(
            "lamda * alpha * (exp(Z) - 1)", "lamda * Z", between=("0",),
            where={"lamda": repr(SELU_SCALE), "alpha": repr(SELU_ALPHA)},
        ),
    ),
    Activation(
        name="gelu", formula=gelu, derivative=d_gelu, range="[-0.170, inf)", initializer="he_uniform", onnx="Gelu",
        latex=r"Z\,\Phi(Z)", latex_derivative=r"\Phi(Z) + Z\,\varphi(Z)", use="hidden layers, smooth",
        symbolic=Symbolic("Z * Phi(Z)"),
    ),
    Activation(
        name="gelu_tanh", formula=gelu_tanh, derivative=d_gelu_tanh, range="[-0.170, inf)", initializer="he_uniform",
        latex=r"\tfrac{Z}{2}\left(1 + \tanh u\right),\ u = \sqrt{2/\pi}\,(Z + 0.044715 Z^3)",
        latex_derivative=r"\tfrac{1 + \tanh u}{2} + \tfrac{Z}{2}(1 - \tanh^2 u)\,u'",
        use="GELU where the error function is slow",
        symbolic=Symbolic(
            "Z / 2 * (1 + tanh(u))", where={"u": "sqrt(2 / pi) * (Z + 0.044715 * Z**3)"},
            close=(
                (
                    "(1 + tanh(u)) / 2 + Z / 2 * (1 - tanh(u)**2) * sqrt(2 / pi) * (1 + 3 * 0.044715 * Z**2)",
                    "write in order",
                ),
            ),
        ),
    ),
    Activation(
        name="silu", formula=silu, derivative=d_silu, aliases=("swish",), range="[-0.278, inf)",
        initializer="he_uniform", latex=r"Z\,\sigma(Z)", latex_derivative=r"\sigma(Z)\,(1 + Z(1 - \sigma(Z)))",
        use="hidden layers, smooth",
        symbolic=Symbolic("Z * sigma(Z)", close=(("sigma(Z) * (1 + Z * (1 - sigma(Z)))", "factor out"),)),
    ),
    Activation(
        name="softplus", formula=softplus, derivative=d_softplus, range="(0, inf)", onnx="Softplus",
        latex=r"\ln(1 + e^{Z})", latex_derivative=r"\sigma(Z)", use="outputs that are positive; a smooth ReLU",
        symbolic=Symbolic(
            "log(1 + exp(Z))",
            close=(("1 / (1 + exp(-Z))", "divide both by e^Z"), ("sigma(Z)", "definition of σ")),
        ),
    ),
    Activation(
        name="mish", formula=mish, derivative=d_mish, range="[-0.309, inf)", initializer="he_uniform", onnx="Mish",
        latex=r"Z \tanh(\ln(1 + e^{Z}))", latex_derivative=r"t + Z\,\sigma(Z)(1 - t^2),\ t = \tanh(\ln(1 + e^{Z}))",
        use="hidden layers, smooth",
        symbolic=Symbolic(
            "Z * tanh(softplus(Z))",
            close=(("tanh(softplus(Z)) + Z * sigma(Z) * (1 - tanh(softplus(Z))**2)", "write in order"),),
        ),
    ),
    Activation(
        name="hard_sigmoid", formula=hard_sigmoid, derivative=d_hard_sigmoid, range="[0, 1]", kinks=(-3.0, 3.0),
        at_kink=f"0 at -3 and 1/6 at 3, the {LEFT}", onnx="HardSigmoid",
        latex=r"\min(\max(\tfrac{Z}{6} + \tfrac12, 0), 1)",
        latex_derivative=r"\begin{cases}\tfrac16 & -3 < Z \le 3\\ 0 & \text{else}\end{cases}",
        use="a cheap sigmoid",
        symbolic=Symbolic("0", "Z / 6 + 1 / 2", "1", between=("-3", "3")),
    ),
    Activation(
        name="exp", formula=exp, derivative=d_exp, range="(0, inf)", output_only=True, onnx="Exp",
        latex="e^{Z}", latex_derivative="e^{Z}", use="the output of a regression of counts",
        symbolic=Symbolic("exp(Z)"),
    ),
    Activation(
        name="softmax", formula=softmax, derivative=d_softmax, range="simplex", rowwise=True, output_only=True,
        onnx="Softmax", latex=r"\frac{e^{Z_i}}{\sum_j e^{Z_j}}",
        latex_derivative=r"\frac{\partial a_i}{\partial Z_j} = a_i(\delta_{ij} - a_j)",
        use="the output of a classification with several classes",
    ),
):
    ACTIVATIONS.add(_entry)
# fmt: on
