"""Newton's method for the convex cost of a one-layer network; with an L1 penalty, the proximal one.

Around ``θ`` the cost is nearly ``q(x) = gᵀ(x - θ) + ½ (x - θ)ᵀ H (x - θ) + Σ l1 |x|``. Each step goes towards the
minimum of that, as far as the cost itself becomes lower.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import OptimizeResult

from ..arrays import Array
from ..lazily import cached_property
from .likelihood import Evaluation
from .quadratic import EPS, ROUNDING, minimize_model, null_space_of, solve, subgradient, typical_curvature

FINE = 1e-13
"""The ridge of `deltarule.equations.quadratic.solve` where the directions without curvature are known."""
DAMPING = 1e-4
"""Share of the first curvature that is added to it (Levenberg 1944), less with the square of the gradient (Fan & Yuan
2005): where columns nearly depend on each other, the gradient is small long before the optimum."""
SMALL = 1e-6
"""A gradient of this share of the first is zero, where the cost cannot be lowered any further."""
NOTHING = 1e-12
"""Share of the cost that cannot be gained for sure, as the cost is a sum of many numbers."""
KEEP, BEAR = 1e-3, 0.1
"""The second derivative of another place serves once more if the last step has made ``gᵀ H⁻¹ g`` smaller than the first
share of it; or than the second, if no more steps with it are left than are quicker than a new one;"""
TRUE = 0.5
"""and the cost lower as promised, up to this share."""
STALE = 0.03
"""With such a matrix the last step must promise less than this share of the gap."""
CLEARLY = 1e-3
"""Share of the curvature expected that a step must meet to correct it."""
SHORT, SHORTEST = 0.1, 1e-12
"""Share of a step that is tried last: with a matrix of another place, and with that of this place."""
MOST = 1500
"""Parameters beyond which only those that matter most are moved together, if there is an L1 penalty."""


def newton(
    theta: Array,
    cost_and_gradient: Callable[[Array], tuple[float, Array]],
    l1: Array | None = None,
    null_space: Array | None = None,
    guess: Array | None = None,
    price: float = 1.0,
    zero: Callable[[], Evaluation] | None = None,
    begun: bool = False,
    *,
    hessian: Callable[[Array, Array], Array],
    after_step: Callable[[Array], None],
    max_iter: int,
    max_fun: int,
    tol: float,
    gap: float = 1e-8,
) -> OptimizeResult:
    """``θ = θ - H⁻¹ g``, and less far where that is too far; with `l1` to the minimum of the model ``q``, see above.

    Parameters
    ----------
    theta : (P,)
        Where it starts.
    cost_and_gradient : callable
        ``theta -> (J, g)`` over all samples; the smooth part of the cost, convex.
    l1 : (P,), optional
        Weights of ``Σ l1 |θ|``; parameters that should be zero become exactly zero.
    null_space : (P, F'), optional
        Orthonormal directions in which there is no curvature anywhere, if they are known.
    guess : (P, P), optional
        An approximation of the second derivative at `theta`; ignored with `l1`.
    price : float
        How many times as long as the cost with its gradient the second derivative takes; below 1 it is always formed.
    zero : callable, optional
        The place where all parameters are zero, if somebody knows it.
    begun : bool
        Whether others have begun there, and have come as far as `theta`, whose second derivative is `guess`.
    hessian : callable
        ``theta, free -> H`` (F, F) of the F parameters that `free` (P,) marks.
    after_step : callable
        Called with ``theta`` after each step; may raise StopIteration.
    max_iter, max_fun : int
        Most steps, most evaluations of the cost.
    tol : float
        Stop when no component of the gradient is larger (with `l1`, of the subgradient of least norm), and
    gap : float
        the next step promises to lower the cost by less than this share of the cost, now or at the start.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With ``x`` (P,), ``fun``, ``nit``, ``success``, ``message`` and ``null_space``; as SciPy has it, ``status`` is 2
        where the cost could not be lowered any further.
    """
    l1 = np.zeros_like(theta) if l1 is None else l1
    model, calls = Model(hessian, zero, l1, null_space, guess, price), 0

    def cost(x: Array) -> tuple[float, Array]:
        nonlocal calls
        calls += 1
        J, g = cost_and_gradient(x)
        return J + (float(l1 @ np.abs(x)) if model.kinked else 0.0), g

    F, g = cost(theta)
    first = abs(F)
    if begun and zero is not None:
        first, model.first = abs(zero().J), float(np.abs(zero().g).max())
        model.level, model.formed = zero().H, True
    steps, message, success, status = 0, f"Maximum iterations ({max_iter}) reached.", False, 0
    while True:
        v = subgradient(theta, g, l1) if model.kinked else g
        steepest = float(np.abs(v).max())
        if steepest <= min(tol, ROUNDING):
            message, success = "The gradient is zero.", True
            break
        scale = max(first, abs(F))
        d, slope, promised = model.step(theta, g, v, steepest, gap * scale * STALE)
        last = steepest <= tol and promised <= gap * scale * (STALE if model.kept else 1)
        rounding = steepest <= max(tol, SMALL * model.first) and promised <= NOTHING * scale
        if steps >= max_iter or calls >= max_fun:
            success = last
            if calls >= max_fun:
                message = f"Maximum evaluations of the cost ({max_fun}) reached."
            break
        found = backtracking_line_search(cost, theta, d, F, slope, SHORT if model.kept else SHORTEST)
        if found is None and model.kept and not (last or rounding):  # by the matrix of this place, then
            model.trusted = False
            continue
        if found is None:
            success = bool(last or rounding)
            message, status = "The cost cannot be lowered any further.", 2
            break
        model.trusted = abs(F - found[1] - promised) <= TRUE * promised
        last = bool(last or (F - found[1] <= ROUNDING * abs(F) and rounding))
        (theta, F, g), steps = found, steps + 1
        try:
            after_step(theta)
        except StopIteration:
            message = "Stopped."
            break
        if last:
            message, success = f"The last step promised to lower the cost by {promised:.1e}.", True
            theta = theta + model.rest(g, promised)
            break
    known = {"success": success, "status": status, "message": message, "null_space": model.null_space}
    return OptimizeResult(x=theta, fun=F, nit=steps, **known)


class Model:
    """The parabola ``q`` around each ``θ``, and what the first of them tells of the later ones.

    Without `l1` the matrix of another place is kept for as long as it serves (Shamanskii 1967): close to the minimum
    it hardly changes, and forming it takes longer than everything else. What the steps since tell of the curvature in
    their direction corrects it (BFGS: Broyden, Fletcher, Goldfarb, Shanno 1970).
    """

    def __init__(
        self,
        hessian: Callable[[Array, Array], Array],
        zero: Callable[[], Evaluation] | None,
        l1: Array,
        null_space: Array | None,
        guess: Array | None,
        price: float,
    ) -> None:
        self.hessian, self.zero, self.l1, self.null_space, self.price = hessian, zero, l1, null_space, price
        self.kinked, self.everything = bool(l1.any()), np.ones(len(l1), dtype=bool)
        self.first, self.decrement = 0.0, np.inf
        self.trusted = self.kept = self.formed = False
        self.H: Array = np.empty((0, 0))
        self.level: Array | None = None  # second derivative where no sample is told apart
        self.latest: tuple[Array, Array] | None = None  # θ and g of the step before
        if guess is not None and null_space is not None and not self.kinked:
            self.H = self.level = guess
            self.trusted = True

    def step(self, theta: Array, g: Array, v: Array, steepest: float, goal: float) -> tuple[Array, float, float]:
        """``d`` towards the minimum, the slope of the cost that way, and the decrease that ``q`` promises.

        `steepest` is the largest component of the subgradient `v`; the last step is one that promises less than `goal`.
        """
        self.first = self.first or steepest
        near = min(1.0, steepest / self.first)
        if not self.kinked:
            d = self._downhill(theta, g, near, goal)
            self.decrement = -float(g @ d)
            return d, -self.decrement, self.decrement - 0.5 * float(d @ self.H @ d)
        free = free_parameters(theta, v, self.l1)
        self._form_hessian(theta, free)
        d = np.zeros_like(theta)
        d[free] = minimize_model(self.H, g[free], theta[free], self.l1[free], 0.1 * near)
        slope = float(g @ d + self.l1 @ (np.abs(theta + d) - np.abs(theta)))
        return d, slope, -(slope + 0.5 * float(d[free] @ self.H @ d[free]))

    def rest(self, g: Array, promised: float) -> Array:
        """What the last step has left to do, by the same matrix: too little for costs to tell."""
        if self.kinked:
            return np.zeros_like(g)
        d = self._solve(g, float(np.abs(g).max()) / self.first)
        return d if -float(g @ d) < promised else np.zeros_like(g)

    def _downhill(self, theta: Array, g: Array, near: float, goal: float) -> Array:
        """``-H⁻¹ g``, with the matrix of another place if that serves."""
        self.kept = False
        if self.trusted and self.price >= 1 and not self.formed:
            self._correct(theta, g)
            d = self._solve(g, near)
            self.kept = self._serves(-float(g @ d), goal)
        self.latest = theta, g
        if self.kept:
            return d
        if not self.formed:
            self._form_hessian(theta, self.everything)
        self.formed = False
        return self._solve(g, near)

    def _correct(self, theta: Array, g: Array) -> None:
        """Give the matrix of another place the curvature that the last step has met: ``H s = y``."""
        if self.latest is None:
            return
        s, y = theta - self.latest[0], g - self.latest[1]
        Hs = self.H @ s
        met, expected = float(s @ y), float(s @ Hs)
        if met > CLEARLY * expected > 0:
            self.H = self.H + np.outer(y / met, y) - np.outer(Hs / expected, Hs)

    def _serves(self, decrement: float, goal: float) -> bool:
        """Whether the matrix of another place makes progress enough."""
        if not self.decrement > 0:
            return False
        rate = decrement / self.decrement  # of each step
        return rate <= KEEP or (rate <= BEAR and bool(np.log(goal / decrement) / np.log(rate) <= self.price - 1))

    def _solve(self, g: Array, near: float) -> Array:
        assert self.null_space is not None
        damped = self.H
        if DAMPING * near**2 > EPS:
            damped = damped.copy()
            damped.reshape(-1)[:: len(damped) + 1] += DAMPING * near**2 * self.curvature
        if not self.null_space.size:
            _, d, failed = lapack.dposv(damped.T, g)
            if not failed:
                return -d
        d = -solve(damped, g, FINE)
        return d - self.null_space @ (self.null_space.T @ d)

    def _form_hessian(self, theta: Array, free: Array) -> None:
        """Form the matrix at ``θ``; the first time, find the directions in which there is no curvature."""
        if self.level is not None:
            self.H = self.hessian(theta, free)
        elif self.kinked:
            self.H = self.level = self.hessian(theta, free)
            self.null_space = np.empty((len(self.H), 0))
        else:  # at zero, where no sample is told apart so surely that its curvature is lost
            self.level = self.hessian(np.zeros_like(theta), free) if self.zero is None else self.zero().H
            self.H = self.hessian(theta, free) if theta.any() else self.level
            if self.null_space is None:
                self.null_space = null_space_of(self.level)

    @cached_property
    def curvature(self) -> Array:
        """What damping is a share of."""
        assert self.level is not None
        return typical_curvature(self.level)


def backtracking_line_search(
    cost: Callable[[Array], tuple[float, Array]], theta: Array, d: Array, F: float, slope: float, shortest: float
) -> tuple[Array, float, Array] | None:
    """As far towards ``θ + d`` as the cost `F` becomes lower, by Armijo's rule: the place, its cost, its gradient.

    None if `shortest` is not short enough, as a share of ``d``.
    """
    t = 1.0
    while t > shortest:
        x = theta + (d if t == 1 else t * d)
        F_new, g = cost(x)
        if F_new <= F + 1e-4 * t * slope + ROUNDING * abs(F):
            return x, F_new, g
        t /= 2
    return None


def free_parameters(theta: Array, v: Array, l1: Array) -> Array:
    """The parameters, (P,) of bool, that a step should move: all but the zeros that are to stay zero."""
    free = (theta != 0) | (v != 0) | (l1 == 0)
    if l1.any() and free.sum() > MOST:
        steepest = np.argsort(-np.abs(v), kind="stable")[:MOST]
        free[:] = False
        free[steepest] = True
    return free
