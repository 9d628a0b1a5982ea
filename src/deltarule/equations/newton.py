"""Newton's method for the convex cost of a one-layer network, with an L1 penalty or without; proximal in the former case.

Around ``θ`` the cost is nearly ``q(x) = gᵀ(x - θ) + ½ (x - θ)ᵀ H (x - θ) + Σ l1 |x|``. Each step goes towards the minimum of
that, as far as the cost itself becomes lower.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import linalg
from scipy.optimize import OptimizeResult

from ..arrays import Array
from ..registry import Formula
from . import dense

RIDGE = 1e-9
"""What is added to a curvature of 1, so that directions without any are left alone."""
REFINEMENTS = 3
DAMPING = 1e-4
"""Share of the first curvature that is added to it, less and less as the gradient becomes small (Levenberg 1944)."""
ROUNDING = 64 * np.finfo(np.float64).eps
MOST = 1500
"""Parameters beyond which only those that matter most are moved together, if there is an L1 penalty."""


def newton(
    theta: Array,
    cost_and_gradient: Callable[[Array], tuple[float, Array]],
    l1: Array | None = None,
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
    hessian : callable
        ``theta, free -> H`` (F, F) of the F parameters that `free` (P,) marks.
    after_step : callable
        Called with ``theta`` after each step; may raise StopIteration.
    max_iter, max_fun : int
        Most steps, most evaluations of the cost.
    tol : float
        Stop when no component of the gradient is larger (with `l1`, of the subgradient of least norm), and
    gap : float
        the next step promises to lower the cost by less than this share of the cost at the start.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With ``x`` (P,), ``fun``, ``nit``, ``success`` and ``message``.
    """
    l1 = np.zeros_like(theta) if l1 is None else l1
    J, g = cost_and_gradient(theta)
    F = first = J + l1 @ np.abs(theta)
    steps, calls, message, success = 0, 1, f"Maximum iterations ({max_iter}) reached.", False
    flat, damping = None, 0.0
    while True:
        v = subgradient(theta, g, l1)
        if np.abs(v).max() <= min(tol, ROUNDING):
            message, success = "The gradient is zero.", True
            break
        free = candidates(theta, v, l1)
        H = hessian(theta, free)
        d = np.zeros_like(theta)
        if l1.any():
            d[free] = minimize_model(H, g[free], theta[free], l1[free])
        else:
            if flat is None:
                flat, damping = flat_directions(H), DAMPING * np.trace(H) / len(H) / np.abs(v).max()
            d = -solve(H + damping * np.abs(v).max() * np.eye(len(H)), g)
            d -= flat @ (flat.T @ d)
        slope = g @ d + l1 @ (np.abs(theta + d) - np.abs(theta))
        promised = -(slope + 0.5 * d[free] @ H @ d[free])
        done = np.abs(v).max() <= tol and promised <= gap * first
        if steps >= max_iter or calls >= max_fun:
            success = bool(done)
            break
        t, found = 1.0, None
        while found is None and t > 1e-12 and calls < max_fun:  # as far as the cost becomes lower, by Armijo's rule
            x = theta + t * d
            J, g_new = cost_and_gradient(x)
            calls += 1
            F_new = J + l1 @ np.abs(x)
            if F_new <= F + 1e-4 * t * slope + ROUNDING * abs(F):
                found = x
            t /= 2
        if found is None:
            success = bool(done or promised <= 1e-12 * first)
            message = "The cost cannot be lowered any further."
            break
        stuck = F - F_new <= ROUNDING * abs(F)
        theta, g, F, steps = found, g_new, F_new, steps + 1
        try:
            after_step(theta)
        except StopIteration:
            message = "Stopped."
            break
        if done or (stuck and promised <= 1e-12 * first):
            message, success = f"The next step promised to lower the cost by {promised:.1e}.", True
            break
    return OptimizeResult(x=theta, fun=F, nit=steps, success=success, message=message)


def subgradient(theta: Array, g: Array, l1: Array) -> Array:
    """Of ``J + Σ l1 |θ|``, the one of least norm: zero at the optimum and nowhere else."""
    at_zero = np.sign(g) * np.maximum(np.abs(g) - l1, 0.0)
    return np.where(theta == 0, at_zero, g + l1 * np.sign(theta))


def candidates(theta: Array, v: Array, l1: Array) -> Array:
    """The parameters, (P,) of bool, that a step should move: all but the zeros that are to stay zero."""
    free = (theta != 0) | (v != 0) | (l1 == 0)
    if l1.any() and free.sum() > MOST:
        steepest = np.argsort(-np.abs(v), kind="stable")[:MOST]
        free[:] = False
        free[steepest] = True
    return free


def flat_directions(H: Array) -> Array:
    """Those of no curvature, orthonormal columns (F, F'): without a step there, the solution is that of least norm."""
    values, Q = np.linalg.eigh(H)
    return Q[:, values <= len(H) * np.finfo(np.float64).eps * values[-1]]


def solve(H: Array, r: Array) -> Array:
    """``H⁻¹ r`` for ``H`` (F, F) without negative eigenvalues; where it has none, about the smallest solution."""
    scale = np.sqrt(np.diag(H))
    scale[scale == 0] = 1.0
    A, r = H / scale / scale[:, None], r / scale
    ridge, factor = RIDGE, None
    while factor is None:
        try:
            factor = linalg.cho_factor(A + ridge * np.eye(len(A)), lower=True, check_finite=False)
        except linalg.LinAlgError:  # rounding has made an eigenvalue of zero a negative one
            ridge *= 100
    x = np.zeros_like(r)
    for _ in range(REFINEMENTS):  # undo the ridge where there is some curvature
        x += linalg.cho_solve(factor, r - A @ x, check_finite=False)
    return x / scale


def minimize_model(H: Array, g: Array, theta: Array, l1: Array) -> Array:
    """The ``x - θ`` at which ``q`` is smallest, all (F,), by an active set: feature-sign search, Lee et al. 2006.

    The parameters that are not zero, and those at zero that want to leave it, have a sign each; with these signs ``q`` is
    a parabola. Its minimum is the next place, unless signs change on the way: then the best place on that way.
    """
    x, r = theta.copy(), g.copy()  # r = g + H (x - θ)
    limit, gained = 1e-6 * np.abs(subgradient(theta, g, l1)).max(), 0.0
    for _ in range(10 * len(x) + 100):
        v = subgradient(x, r, l1)
        if np.abs(v).max() <= limit:
            break
        sign = np.where(x == 0, -np.sign(v), np.sign(x))
        active = np.flatnonzero((x != 0) | (v != 0))
        while True:
            step = -solve(H[np.ix_(active, active)], v[active])
            right = (x[active] != 0) | (l1[active] == 0) | (step * sign[active] > 0)
            if right.all():
                break
            active = active[right]  # zeros that would leave to the wrong side stay
        d = np.zeros_like(x)
        d[active] = step
        Hd = H[:, active] @ step
        t = lowest(x, r, l1, d, float(d @ Hd))
        gain = -t * float(v[active] @ step)  # no less than what is gained
        gained += gain
        if gain <= ROUNDING * gained:
            break
        x_new = x + t * d
        x_new[(np.abs(x_new) <= 1e-14 * np.abs(t * d)) & (l1 > 0)] = 0.0
        x, r = x_new, g + H @ (x_new - theta)
    return x - theta


def lowest(x: Array, r: Array, l1: Array, d: Array, dHd: float) -> float:
    """The ``t`` at which ``q(x + t d)``, a parabola with a kink wherever a parameter changes its sign, is lowest."""
    slope = float(r @ d + l1 @ np.where(x == 0, np.abs(d), np.sign(x) * d))
    crossing = np.flatnonzero((x * d < 0) & (l1 > 0))
    at = -x[crossing] / d[crossing]
    order = np.argsort(at, kind="stable")
    at, jumps = at[order], 2 * l1[crossing[order]] * np.abs(d[crossing[order]])
    before = slope + np.concatenate([[0.0], np.cumsum(jumps)])  # without t dHd, left of each kink and right of all
    ends = np.append(at, np.inf)
    reached = before + ends * dHd >= 0 if dHd > 0 else before >= 0
    piece = int(np.argmax(reached)) if reached.any() else len(at)
    start = at[piece - 1] if piece else 0.0
    return float(max(start, min(-before[piece] / dHd, ends[piece]))) if dHd > 0 else float(start)


def hessian(X: Array, a: Array, shares: Array, curvature: Formula, free: Array) -> Array:
    """Second derivative of the cost in those parameters of one layer ``a = g(X Wᵀ + b)`` that are `free`.

    ``∂²J / ∂W_i ∂W_j = Xᵀ diag(h_ij) X``, where ``h_ij`` is that of each sample's loss by ``Z_i`` and ``Z_j``.

    Parameters
    ----------
    X : (m, n)
    a : (m, k)
        Prediction.
    shares : (m,)
        ``1/m``, or ``w / Σ w``.
    curvature : callable
        Of the loss, see `deltarule.equations.losses.Fused`.
    free : (P,) of bool

    Returns
    -------
    (F, F)
    """
    (m, n), k = X.shape, a.shape[1]
    place = np.cumsum(free) - 1
    H = np.zeros((place[-1] + 1,) * 2)
    used = [np.flatnonzero(free[i * n : (i + 1) * n]) for i in range(k)]
    columns = [X if len(cols) == n else X[:, cols] for cols in used]
    bias = free[k * n :].astype(int)
    at = [np.append(place[i * n + used[i]], place[[k * n + i]][: bias[i]]) for i in range(k)]
    for j in range(k):
        h = curvature(a, np.eye(k)[[j]] * shares[:, None])  # (m, k): h_ij of all i
        for i in range(j + 1):
            if not h[:, i].any():
                continue
            block = dense.weighted_gram(columns[i], columns[j], h[:, i])[: len(at[i]), : len(at[j])]
            H[np.ix_(at[i], at[j])] = block
            H[np.ix_(at[j], at[i])] = block.T
    return H
