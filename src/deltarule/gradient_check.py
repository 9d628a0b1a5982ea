"""Is the gradient right? Backpropagation against centered finite differences, after the notes of CS231n.

    n_i = (J(θ + h e_i) - J(θ - h e_i)) / 2h,   h = 1e-6 max(1, |θ_i|),   error = |a - n| / max(|a|, |n|)

with ``a`` the gradient under test, all in float64. An error of 1e-7 or less is good, above 1e-2 the gradient is
probably wrong. Where a pre-activation, a residual or a weight crosses a kink between ``θ - h`` and ``θ + h`` the
difference says nothing: such an entry is left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import engines
from .arrays import Array
from .engines import Data, Engine
from .equations import PENALTIES
from .layers import Cache
from .network import Network, check_shapes

GOOD, WRONG = 1e-7, 1e-2
STEP = 1e-6
ROUNDING = 10 * float(np.finfo(np.float64).eps)  # relative error that a cost is taken to carry

Evaluation = Callable[[Array], tuple[float, Array, float]]
"""``theta -> (J, sides, size)``: the cost; for every kink on which side of it a quantity lies, (n_sides,) bool; and how
large the numbers are of which ``J`` is the difference, which is what its rounding goes by."""


@dataclass(frozen=True)
class ArrayCheck:
    """How one parameter array did.

    Attributes
    ----------
    name : str
        Such as ``W[1]``.
    error : float
        ``‖a - n‖ / max(‖a‖, ‖n‖)`` over the whole array; 0 if both are zero.
    worst : float
        The largest such error of a single entry.
    where : tuple of int
        The index of that entry.
    analytic, numeric : float
        The two derivatives there.
    entries, kinks : int
        Number of entries, and how many of them were left out because of a kink.

    Notes
    -----
    Rounding of ``J`` makes the difference uncertain by about ``1e-15 J / h``, and by more where ``J`` is itself a small
    difference, as the cross-entropy ``ln(1 + e^Z) - y Z`` of a network that is sure. A derivative so small that this
    alone would show as an error counts in the denominators as just large enough that it does not.
    """

    name: str
    error: float
    worst: float
    where: tuple[int, ...]
    analytic: float
    numeric: float
    entries: int
    kinks: int

    @property
    def verdict(self) -> str:
        """ "good", "doubtful" or "probably wrong"."""
        return _verdict(max(self.error, self.worst))


@dataclass(frozen=True)
class GradientReport:
    """The result of `check_gradient`: one `ArrayCheck` for each of ``W[1]``, ``b[1]``, ``p[1]``, ``W[2]``, ..."""

    arrays: tuple[ArrayCheck, ...]

    def __getitem__(self, name: str) -> ArrayCheck:
        return next(array for array in self.arrays if array.name == name)

    @property
    def error(self) -> float:
        """The largest error of all arrays and entries."""
        return max(max(array.error, array.worst) for array in self.arrays)

    @property
    def kinks(self) -> int:
        """How many entries were left out."""
        return sum(array.kinks for array in self.arrays)

    @property
    def verdict(self) -> str:
        """ "good", "doubtful" or "probably wrong"."""
        return _verdict(self.error)

    @property
    def good(self) -> bool:
        """Whether the verdict is "good"."""
        return self.verdict == "good"

    def __str__(self) -> str:
        """A table with one line an array, and the verdict."""
        lines = [f"{'array':<8}{'entries':>8}{'kinks':>7}{'error':>10}{'worst':>10}  at"]
        lines += [
            f"{x.name:<8}{x.entries:>8}{x.kinks:>7}{x.error:>10.1e}{x.worst:>10.1e}  {list(x.where)}"
            for x in self.arrays
        ]
        return "\n".join([*lines, f"relative error {self.error:.1e}: {self.verdict}"])


def check_gradient(
    network: Network,
    data: Data,
    *,
    penalties: Mapping[str, float] | None = None,
    engine: str | Engine = "reference",
    gradient: Array | None = None,
    dropout_key: tuple[int, int] | None = None,
) -> GradientReport:
    """Check an engine's gradient of a network on some data, in float64.

    Parameters
    ----------
    network : Network
        Of either precision; it is not changed. Its activations and loss need not be in the registers.
    data : Data
        A few samples are enough: the cost is evaluated twice for every parameter.
    penalties : mapping, optional
        Penalty name -> strength.
    engine : str or Engine
        Whose gradient; the differences are always those of `Network.forward` and `Network.cost`.
    gradient : (P,), optional
        Check this one, wherever it comes from, and not an engine's.
    dropout_key : (seed, step), optional
        The cost is that of `Network.forward` with these dropout masks; only for a `gradient` that is given.

    Raises
    ------
    DataError
        If the shapes of the data do not fit the network.
    EngineUnsupported
        If the engine cannot run the network.
    """
    check_shapes(network, data.X, data.y)
    strengths = dict(penalties or {})
    exact = network.with_theta(network.theta.astype(np.float64))
    samples = data.in_float64()
    if gradient is None:
        computing = engines.choose(engine, exact, samples.X) if isinstance(engine, str) else engine
        _, gradient = computing.cost_and_gradient(exact, samples, strengths)
    differences = _differences(_evaluation(exact, samples, strengths, dropout_key), exact.theta)
    a, parts = exact.view(np.asarray(gradient, dtype=np.float64)), [exact.view(part) for part in differences]
    arrays = [(l, kind) for l in exact.W for kind in ("W", "b", "p") if l in getattr(a, kind)]
    return GradientReport(
        tuple(
            _compare(f"{kind}[{l}]", getattr(a, kind)[l], *(getattr(part, kind)[l] for part in parts))
            for l, kind in arrays
        )
    )


def check(
    cost: Callable[[Array], float],
    gradient: Array,
    theta: Array,
    *,
    sides: Callable[[Array], Array] | None = None,
) -> ArrayCheck:
    """Check a gradient of any function.

    Parameters
    ----------
    cost : callable
        ``theta -> J``.
    gradient : array
        The gradient at `theta`, of the same shape.
    theta : array
        Where to check it.
    sides : callable, optional
        ``theta -> bool array``: on which side of its kink each quantity lies that has one.
    """
    theta = np.asarray(theta, dtype=np.float64)
    none = np.zeros(0, dtype=bool)

    def evaluate(flat: Array) -> tuple[float, Array, float]:
        at = flat.reshape(theta.shape)
        J = float(cost(at))
        return J, none if sides is None else np.asarray(sides(at)).ravel(), abs(J)

    return check_function("theta", evaluate, gradient, theta)


def check_function(name: str, evaluate: Evaluation, gradient: Array, at: Array) -> ArrayCheck:
    """Check the gradient of any function, with kinks."""
    parts = (part.reshape(at.shape) for part in _differences(evaluate, at.ravel()))
    return _compare(name, np.asarray(gradient, dtype=np.float64).reshape(at.shape), *parts)


def _differences(evaluate: Evaluation, theta: Array) -> tuple[Array, Array, Array]:
    """For each parameter: the centered difference, whether a kink was crossed, and the smallest denominator."""
    theta = theta.copy()
    numeric, floor = np.empty_like(theta), np.empty_like(theta)
    kink = np.zeros(theta.shape, dtype=bool)
    for i, value in enumerate(theta.tolist()):
        h = STEP * max(1.0, abs(value))
        theta[i] = above = value + h
        J_above, sides_above, size_above = evaluate(theta)
        theta[i] = below = value - h
        J_below, sides_below, size_below = evaluate(theta)
        theta[i] = value
        numeric[i] = (J_above - J_below) / (above - below)
        kink[i] = np.any(sides_above != sides_below)
        floor[i] = ROUNDING * max(size_above, size_below) / (above - below) / GOOD
    return numeric, kink, floor


def _evaluation(
    network: Network, data: Data, penalties: Mapping[str, float], dropout_key: tuple[int, int] | None
) -> Evaluation:
    """Cost with penalties, and the sides of all kinks: of pre-activations, residuals and penalized weights."""
    m = data.total_weight
    terms = [(PENALTIES[name], strength) for name, strength in penalties.items()]

    def evaluate(theta: Array) -> tuple[float, Array, float]:
        at = network.with_theta(theta)
        with np.errstate(all="ignore"):
            cache = at.forward(data.X, dropout_key=dropout_key)
            J = at.cost(cache, data.y, data.w)
            J += sum(strength / m * penalty.formula(W) for penalty, strength in terms for W in at.W.values())
        sides = [cache.Z[l] > kink for l, layer in enumerate(at.layers, 1) for kink in layer.activation.kinks]
        sides += [at.W[l] > kink for penalty, _ in terms for kink in penalty.kinks for l in at.W]
        if at.loss.kinked:
            sides.append(cache.prediction > data.y)
        size = abs(J) + _rounded(at, cache, data.y)
        return J, np.concatenate([np.zeros(0, dtype=bool), *(side.ravel() for side in sides)]), size

    return evaluate


def _rounded(network: Network, cache: Cache, y: Array) -> float:
    """How large the numbers are of which the cost is a difference, as far as they count in it, in the mean.

    A cross-entropy computed from ``Z`` is one of numbers as large as ``Z``; a rounding of ``ŷ`` close to ``y`` comes
    into the cost times the derivative of the loss.
    """
    loss, g, top = network.loss, network.layers[-1].activation, len(network.layers)
    fused = loss.is_fused(g)
    Z, a = cache.Z[top], cache.a[top]
    with np.errstate(all="ignore"):
        counts = np.abs(loss.backward(g, Z, a, y) * (Z if fused else a))
    return float(np.mean(np.maximum(counts, np.abs(Z)) if loss.domain and fused else counts))


def _compare(name: str, analytic: Array, numeric: Array, kink: Array, floor: Array) -> ArrayCheck:
    a, n = np.where(kink, 0.0, analytic), np.where(kink, 0.0, numeric)
    errors = _relative(np.abs(a - n), np.maximum(np.maximum(np.abs(a), np.abs(n)), floor))
    where = tuple(int(i) for i in np.unravel_index(int(np.argmax(errors)), errors.shape))
    size = np.max([np.linalg.norm(a), np.linalg.norm(n), np.linalg.norm(floor)])
    return ArrayCheck(
        name=name,
        error=float(_relative(np.linalg.norm(a - n), size)),
        worst=float(errors[where]),
        where=where,
        analytic=float(analytic[where]),
        numeric=float(numeric[where]),
        entries=analytic.size,
        kinks=int(kink.sum()),
    )


def _relative(difference: Any, size: Any) -> Array:
    """``difference / size``; 0 for zero by zero, infinity if either is not a finite number."""
    with np.errstate(all="ignore"):
        ratio = np.where(difference == 0, 0.0, difference / size)
    return np.where(np.isfinite(ratio) & np.isfinite(size), ratio, np.inf)


def _verdict(error: float) -> str:
    if error <= GOOD:
        return "good"
    return "doubtful" if error <= WRONG else "probably wrong"
