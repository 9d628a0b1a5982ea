"""Gradient descent on the cost of a fit with one or two parameters: where it goes at several learning rates.

Cost, gradient and second derivative are those of the engine, each step that of the optimizer in the register.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..arrays import Array
from ..equations import OPTIMIZERS
from ..errors import DataError, InvalidOption
from .cost import MODELS, Surface, separable

FACTORS = {"slow": 0.05, "good": 1.0, "oscillating": 1.9}
"""Learning rates that are chosen, in units of 1/λ_max where the curvature is largest."""
BEYOND = (1.1, 1.5, 2.0, 3.0, 5.0, 10.0)
"""One more, in units of the bound: the first of these with which descent is seen not to settle."""

SCALES = ("none", "deviation", "standard")
LONGEST = 25.0
"""Condition number up to which a valley is drawn as it is."""
LEAST_STEPS, MOST_STEPS = 40, 600


@dataclass(frozen=True)
class Walk:
    """Gradient descent at one learning rate.

    Attributes
    ----------
    alpha : float
    name : str
        "slow", "good", "oscillating", "diverging".
    points : (T + 1, P)
        The parameters, from the start on; it ends early where the cost ceases to be finite.
    costs : (T + 1,)
    verdict : str
        What has been seen: "at the optimum", "on the way", "never settles".
    """

    alpha: float
    name: str
    points: Array
    costs: Array
    verdict: str


@dataclass(frozen=True)
class Descent:
    """A fit with one or two parameters, and the walks on its cost.

    Attributes
    ----------
    model : {"linear", "logistic"}
    parameters : tuple of str
        "w" or "w1", "w2", and "b".
    X : (m, n)
        As the fit sees it; see `scale`.
    y : (m,)
    scale : {"none", "deviation", "standard"}
    optimum : (P,)
    least : float
        The cost there.
    eigenvalues : (P,)
        Of the second derivative at the optimum, ascending.
    hessian : (P, P)
    steepest : float
        The largest eigenvalue anywhere; that at the optimum for "linear".
    walks : tuple of Walk
    """

    model: str
    parameters: tuple[str, ...]
    X: Array
    y: Array
    scale: str
    optimum: Array
    least: float
    eigenvalues: Array
    hessian: Array
    steepest: float
    walks: tuple[Walk, ...]
    surface: Surface

    @property
    def safe(self) -> float:
        """``2/λ_max`` where the curvature is largest: below it, every step lowers the cost."""
        return 2 / self.steepest

    @property
    def bound(self) -> float:
        """``2/λ_max``: beyond it, descent cannot settle at the optimum."""
        return float(2 / self.eigenvalues[-1])


def descend(
    X: Array,
    y: Array,
    model: str,
    *,
    bias: bool | None = None,
    rates: Sequence[float] | None = None,
    steps: int | None = None,
    start: Sequence[float] | None = None,
    scale: str = "auto",
    optimizer: str = "gradient_descent",
) -> Descent:
    """Walk down the cost at several learning rates.

    Parameters
    ----------
    X : (m, n)
        One feature or two.
    y : (m,)
        Numbers, or 0 and 1 for "logistic".
    model : {"linear", "logistic"}
    bias : bool, optional
        Fit ``b`` too; by default with one feature.
    rates : sequence of float, optional
        Learning rates; by default a slow, a good, an oscillating and a diverging one, from the eigenvalues of the
        second derivative.
    steps : int, optional
        By default so many that the good learning rate reaches the optimum, if it does not take hundreds.
    start : sequence of float, optional
        Where the walks begin; zeros by default.
    scale : {"auto", "none", "deviation", "standard"}
        Divide the features by twice their deviation (Gelman 2008), and subtract their mean first; "auto" does the
        least that makes a valley which can be drawn.
    optimizer : str
        Of the register, if it goes step by step.

    Raises
    ------
    DataError
        The fit has no optimum, or not only one.
    InvalidOption
    """
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    if X.ndim != 2 or not len(X) or y.shape != X.shape[:1]:
        raise InvalidOption(f"expected X of shape (m, n) and y of shape (m,), found {X.shape} and {y.shape}")
    bias = X.shape[1] == 1 if bias is None else bias
    _check(X, y, model, bias, rates, steps, scale, optimizer)
    scale, surface, optimum = _scaled(X, y, model, bias, scale)
    least, H = surface(optimum), surface.hessian(optimum)
    eigenvalues = linalg.eigvalsh(H)
    _check_optimum(surface, optimum, eigenvalues)
    begin = _start(start, surface, optimum, H)
    steepest = surface.steepest()
    bound = 2 / float(eigenvalues[-1])

    def walk(name: str, alpha: float) -> Walk:
        points, costs = surface.walk(begin, alpha, n_steps, optimizer)
        return Walk(alpha, name, points, costs, _verdict(costs, least, n_steps, unstable=alpha > bound and plain))

    plain = OPTIMIZERS.choose(optimizer).name == "gradient_descent"
    n_steps = _enough_steps(surface, begin, least, 1 / steepest) if steps is None else steps
    if rates is None:
        walks = [walk(name, factor / steepest) for name, factor in FACTORS.items()]
        walks.append(_diverging(lambda factor: walk("diverging", factor * bound), least))
    else:
        walks = [walk(_name(alpha, steepest, bound), float(alpha)) for alpha in rates]
    names = ("w",) if X.shape[1] == 1 else ("w1", "w2")
    parameters = (*names, "b") if bias else names
    return Descent(
        model, parameters, surface.data.X, y, scale, optimum, least, eigenvalues, H, steepest, tuple(walks), surface
    )


def _check(
    X: Array,
    y: Array,
    model: str,
    bias: bool,
    rates: Sequence[float] | None,
    steps: int | None,
    scale: str,
    optimizer: str,
) -> None:
    if model not in MODELS:
        raise InvalidOption(f"expected model to be {' or '.join(MODELS)}, found {model!r}")
    if not 1 <= X.shape[1] + bias <= 2:
        raise InvalidOption(
            f"expected a fit with one or two parameters, found {X.shape[1] + bias} ({X.shape[1]} features"
            f"{' and a bias' if bias else ''})",
            "one feature, or two without a bias",
        )
    if not np.isfinite(X).all() or not np.isfinite(y).all():
        raise DataError("expected finite numbers, found others", "leave out rows with missing values")
    if model == "logistic" and (not np.isin(y, (0, 1)).all() or y.min() == y.max()):
        raise DataError("expected targets 0 and 1, both of them, found others")
    if rates is not None and (not rates or not all(np.isfinite(a) and a > 0 for a in rates) or len(rates) > 7):
        raise InvalidOption(f"expected 1 to 7 learning rates above 0, found {list(rates)}")
    if steps is not None and not 1 <= steps <= 10_000:
        raise InvalidOption(f"expected 1 to 10,000 steps, found {steps}")
    if scale not in ("auto", *SCALES):
        raise InvalidOption(f"expected scale to be auto, {', '.join(SCALES)}, found {scale!r}")
    rule = OPTIMIZERS.choose(optimizer)
    if rule.full_batch:
        known = [name for name, entry in OPTIMIZERS.items() if not entry.full_batch]
        raise InvalidOption(f"expected an optimizer that goes step by step ({', '.join(known)}), found {rule.name!r}")
    if rates is None and rule.name != "gradient_descent":
        raise InvalidOption(f"expected learning rates for {rule.name}, found none", "name them")


def _scaled(X: Array, y: Array, model: str, bias: bool, scale: str) -> tuple[str, Surface, Array]:
    """How the features are seen, the cost of that, and its optimum: the first valley that is round enough."""
    center, deviation = X.mean(axis=0), X.std(axis=0)
    ways = {"none": X, "deviation": X / (2 * deviation), "standard": (X - center) / (2 * deviation)}
    found = []
    for name in SCALES if scale == "auto" else [scale]:
        surface = Surface(model, ways[name], y, bias=bias)
        optimum = surface.optimum()
        roundness = surface.roundness(optimum)
        found.append((roundness, name, surface, optimum))
        if roundness >= 1 / LONGEST:
            break
    _, name, surface, optimum = max(found, key=lambda way: way[0])
    return name, surface, optimum


def _check_optimum(surface: Surface, optimum: Array, eigenvalues: Array) -> None:
    """Refuse a cost without an optimum, or with more than one."""
    if not np.isfinite(eigenvalues).all() or eigenvalues[0] <= 1e-12 * eigenvalues[-1]:
        raise DataError(
            "expected one optimum, found many: the cost is flat in one direction", "leave out one of the two features"
        )
    if surface.network.loss.name == "binary_cross_entropy" and separable(surface):
        raise DataError(
            "expected classes that overlap, found a value that tells them apart without a mistake: the cost has no "
            "optimum, w grows for ever",
            "choose another feature",
        )


def _start(start: Sequence[float] | None, surface: Surface, optimum: Array, H: Array) -> Array:
    """Where to begin: as asked, at zero, or beside the optimum where that is zero."""
    if start is not None:
        point = np.asarray(start, float)
        if point.shape != optimum.shape or not np.isfinite(point).all():
            raise InvalidOption(f"expected a start of {len(optimum)} numbers, found {list(start)}")
        return point
    zero = np.zeros_like(optimum)
    J = surface(zero)
    near = J - surface(optimum) <= 1e-9 * J
    return optimum + np.sqrt(J / np.diag(H)) if near else zero


def _name(alpha: float, steepest: float, bound: float) -> str:
    """What to expect of a learning rate."""
    if alpha > bound:
        return "diverging"
    return "slow" if alpha * steepest < 0.5 else "good" if alpha * steepest <= 1.2 else "oscillating"


UNSETTLED = "never settles"


def _diverging(walk: Callable[[float], Walk], least: float) -> Walk:
    """The walk beyond the bound with which it can be seen that it does not settle: it ends no lower than it began."""
    for factor in BEYOND:
        found = walk(factor)
        if found.costs[-5:].mean() - least > 0.5 * (found.costs[0] - least):
            break
    return found


def _enough_steps(surface: Surface, begin: Array, least: float, alpha: float) -> int:
    """Until descent has come within a thousandth of the way; a round number."""
    _, costs = surface.walk(begin, alpha, MOST_STEPS, "gradient_descent")
    near = costs - least <= 1e-3 * (costs[0] - least)
    needed = int(near.argmax()) if near.any() else MOST_STEPS
    return max(LEAST_STEPS, -(-needed // 10) * 10)


def _verdict(costs: Array, least: float, steps: int, *, unstable: bool) -> str:
    """What has been seen of a walk; one that is unstable at the optimum leaves it again."""
    above = costs - least
    quarter = max(2, len(costs) // 4)
    late, before = above[-quarter:], above[-2 * quarter : -quarter]
    stuck = bool((np.diff(late) > 0).any()) and late.mean() > 0.9 * before.mean()
    if unstable or len(costs) <= steps or (stuck and above[-1] > 1e-3 * above[0]):
        return UNSETTLED
    return "at the optimum" if above[-1] <= 1e-3 * above[0] else "on the way"
