"""The least value of ``q(x) = gᵀ(x - θ) + ½ (x - θ)ᵀ H (x - θ) + Σ l1 |x|``, as a step of `newton` needs it.

``H`` may have directions without curvature, and parameters units of their own.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from ..arrays import Array
from .exact import CLEAR

RIDGE = 1e-9
"""Added to a diagonal of ones before it is factored, so that a singular matrix can be factored."""
FAR = 1e-8
"""Share of the mean curvature below which a parameter has units of its own."""
EPS = float(np.finfo(np.float64).eps)
ROUNDING = 64 * EPS
SWEEPS = 200


def subgradient(theta: Array, g: Array, l1: Array) -> Array:
    """Of ``J + Σ l1 |θ|``, the one of least norm: zero at the optimum and nowhere else."""
    at_zero = np.sign(g) * np.maximum(np.abs(g) - l1, 0.0)
    return np.where(theta == 0, at_zero, g + l1 * np.sign(theta))


def typical_curvature(H: Array) -> Array:
    """For each parameter (F,) the mean of all; its own, if it has units so far from those of the others."""
    own = H.diagonal()
    mean = own.sum() / len(own)
    return np.where(own > FAR * mean, mean, own)


def null_space_of(H: Array) -> Array:
    """Those of no curvature, orthonormal columns (F, F'): without a step there, the solution is that of least norm."""
    size = np.sqrt(H.diagonal())
    size[size == 0] = 1.0
    scaled = H / size / size[:, None]
    factor, failed = lapack.dpotrf(scaled)
    if not failed and lapack.dpocon(factor, len(H))[0] > CLEAR:  # with a bound of its norm: there are none
        return np.empty((len(H), 0))
    values, Q = np.linalg.eigh(scaled)
    null = values <= len(H) * EPS * values[-1]
    if not null.any():
        return np.empty((len(H), 0))
    clear = np.where(np.abs(Q[:, null]) > CLEAR, Q[:, null], 0.0)
    return np.linalg.qr(clear / size[:, None])[0]


def solve(H: Array, r: Array, ridge: float = RIDGE) -> Array:
    """``H⁻¹ r`` for ``H`` (F, F) without negative eigenvalues; where it has none, about the smallest solution.

    It is scaled to a diagonal of ones, to which `ridge` is added, and the solution refined once.

    Raises
    ------
    numpy.linalg.LinAlgError
        For ``H`` with values that are not finite, or far from such a matrix.
    """
    scale = np.sqrt(H.diagonal())
    scale[scale == 0] = 1.0
    A = H / scale
    A /= scale[:, None]
    r = r / scale
    failed, factor = 1, A
    while failed:
        if not ridge < len(A):
            raise np.linalg.LinAlgError("expected second derivatives of a convex cost, found others")
        ridged = A.copy()
        ridged.reshape(-1)[:: len(A) + 1] += ridge
        factor, failed = lapack.dpotrf(ridged.T, overwrite_a=True, clean=False)
        ridge *= 100  # if rounding has made an eigenvalue of zero a negative one
    x = lapack.dpotrs(factor, r)[0]
    x += lapack.dpotrs(factor, r - A @ x)[0]  # undo the ridge where there is some curvature
    return x / scale


def minimize_model(H: Array, g: Array, theta: Array, l1: Array, precision: float) -> Array:
    """The ``x - θ`` at which ``q`` is smallest, all (F,), by an active set: feature-sign search, Lee et al. 2006.

    The parameters that are not zero, and those at zero that want to leave it, have a sign each; with these signs ``q``
    is a parabola. Its minimum is the next place, unless signs change on the way: then it is the better of the best
    place on that way, and the minimum with those set to zero. It ends when the subgradient is smaller by `precision`.
    Where it can gain nothing before, as the signs of columns that depend on each other keep changing, one parameter at
    a time goes on.
    """
    x, r = theta.copy(), g.copy()  # r = g + H (x - θ)
    limit, gained = precision * np.abs(subgradient(theta, g, l1)).max(), 0.0
    for _ in range(10 * len(x) + 100):
        v = subgradient(x, r, l1)
        if np.abs(v).max() <= limit:
            return x - theta
        d = active_set_step(H, x, v, l1)
        there = np.where((x * (x + d) < 0) & (l1 > 0), 0.0, x + d)
        steps = [exact_line_search(x, r, l1, d, float(d @ (H @ d))) * d, there - x]
        products = [H @ step for step in steps]
        changes = [
            float((r + 0.5 * product) @ step + l1 @ (np.abs(x + step) - np.abs(x)))
            for step, product in zip(steps, products, strict=True)
        ]
        best = int(np.argmin(changes))
        gained -= changes[best]
        if -changes[best] <= ROUNDING * gained:
            break
        x_new = x + steps[best]
        x_new[(np.abs(x_new) <= 1e-14 * np.abs(steps[best])) & (l1 > 0)] = 0.0
        x, r = x_new, r + products[best]
    coordinate_descent(H, x, r, l1, limit)
    return x - theta


def coordinate_descent(H: Array, x: Array, r: Array, l1: Array, limit: float) -> None:
    """Coordinate descent on ``q``, in place on `x` and ``r = g + H (x - θ)``; Friedman et al. 2010."""
    diagonal = np.diag(H)
    for _ in range(SWEEPS):
        v = subgradient(x, r, l1)
        if np.abs(v).max() <= limit:
            break
        for i in np.flatnonzero((v != 0) & (diagonal > 0)):
            h, strength = diagonal[i], l1[i]
            z = h * x[i] - r[i]
            moved = (z - strength if z > strength else z + strength if z < -strength else 0.0) / h - x[i]
            if moved:
                x[i] += moved
                r += moved * H[i]


def active_set_step(H: Array, x: Array, v: Array, l1: Array) -> Array:
    """From ``x`` to the minimum of ``q`` with the signs that hold next to it in the direction of ``-v``, all (F,)."""
    active = np.flatnonzero((x != 0) | (v != 0))
    while True:
        step = -solve(H[np.ix_(active, active)], v[active])
        right = (x[active] != 0) | (l1[active] == 0) | (step * v[active] < 0)
        if right.all():
            break
        active = active[right]  # zeros that would leave to the wrong side stay
    d = np.zeros_like(x)
    d[active] = step
    return d


def exact_line_search(x: Array, r: Array, l1: Array, d: Array, dHd: float) -> float:
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
