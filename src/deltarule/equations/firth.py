"""Firth's penalized likelihood for logistic regression of two classes: finite weights even where classes separate.

The log-likelihood gets ``½ log |I(φ)|`` added, Jeffreys' prior, where ``I = Aᵀ diag(w p (1 - p)) A`` is the information
(Firth 1993; Heinze & Schemper 2002). It removes the bias of first order, and its maximum is always finite. Changing to
standardized columns adds a constant to it, so its maximum stays where it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize, special

from ..arrays import Array

LARGEST_STEP = 10.0
"""In any logit; longer steps are cut, so that no probability jumps to where its weight underflows."""
HALVINGS = 40
MAX_ITER = 100
FLATTEST = 0.01
"""Least curvature a step reckons with, in units of the information."""
FARTHEST = 1000.0
"""In standard errors: beyond it no end of an interval is looked for."""
WIDEST = 200
"""Columns for which Newton's method is worth their cube."""


class Firth(NamedTuple):
    """The weights ``φ`` (p,), the penalized log-likelihood there, the steps taken, and whether it is the maximum."""

    phi: Array
    log_likelihood: float
    steps: int
    converged: bool


def penalized_likelihood(phi: Array, A: Array, y: Array, w: Array) -> float:
    """``Σ w log p(y) + ½ log |I|``."""
    Z = A @ phi
    log_likelihood = float(w @ -np.logaddexp(0, np.where(y == 1, -Z, Z)))
    R = np.linalg.qr(A * np.sqrt(_variance(Z, w))[:, None], mode="r")  # RᵀR = I, with half the digits lost in forming I
    r = np.abs(np.diag(R))
    return log_likelihood + float(np.log(r).sum()) if r.all() else -np.inf


def penalized_score(phi: Array, A: Array, y: Array, w: Array) -> tuple[Array, Array]:
    """Its derivative, ``Aᵀ (w (y - p) + H (½ - p))`` (p,) with the leverages ``H``, and ``I`` (p, p)."""
    Z = A @ phi
    p, v = special.expit(Z), _variance(Z, w)
    H = np.square(np.linalg.qr(A * np.sqrt(v)[:, None])[0]).sum(axis=1)
    return A.T @ (w * (y - p) + H * (0.5 - p)), A.T @ (A * v[:, None])  # d log|I|/dφ = Aᵀ (H (1 - 2p))


def penalized_curvature(phi: Array, A: Array, w: Array, C: Array) -> Array:
    """Minus its second derivative along the columns of ``C = A T`` (m, k): (k, k).

    With ``V' = V (1 - 2p)`` and ``V'' = V (1 - 6 p (1 - p))`` it is that of ``½ tr(I⁻¹ dI² - (I⁻¹ dI)²)``, from ``I``.
    """
    Z = A @ phi
    p, v = special.expit(Z), _variance(Z, w)
    Q = np.linalg.qr(A * np.sqrt(v)[:, None])[0]
    H = np.square(Q).sum(axis=1)
    G = np.array([(Q.T @ (Q * ((1 - 2 * p) * c)[:, None])).ravel() for c in C.T])  # I⁻¹ dI, in the basis Q
    return C.T @ (C * (v - 0.5 * H * (1 - 6 * p * (1 - p)))[:, None]) + 0.5 * G @ G.T


def _variance(Z: Array, w: Array) -> Array:
    return w * special.expit(Z) * special.expit(-Z)


def _axes(phi: Array, A: Array, w: Array, free: Array) -> tuple[Array, Array]:
    """``T`` (p, k) of the free weights, curvatures (k,) along them: ``TᵀIT = 1``, and ``Tᵀ(-J'')T`` is diagonal."""
    R = np.linalg.qr((A * np.sqrt(_variance(A @ phi, w))[:, None])[:, free], mode="r")
    if (np.abs(np.diag(R)) < 1e-100).any():
        raise np.linalg.LinAlgError("expected information of full rank, found none left at these weights")
    T = np.zeros((len(phi), int(free.sum())))
    T[free] = linalg.solve_triangular(R, np.eye(len(R)))
    if A.shape[1] > WIDEST:
        return T, np.ones(T.shape[1])
    curvature, axes = np.linalg.eigh(penalized_curvature(phi, A, w, A @ T))
    return T @ axes, curvature


def firth(
    A: Array, y: Array, w: Array, *, start: Array | None = None, fixed: int | None = None, max_iter: int, tol: float
) -> Firth:
    """Scoring while it is fast, otherwise Newton's method, and steps halved until they lead uphill.

    Scoring takes the information for the second derivative. Where classes separate and weights are far from the best,
    the second derivative of its determinant is as large: scoring then zigzags or creeps, and Newton's method does not.

    Parameters
    ----------
    A : (m, p)
        ``[1 X']``, of full rank.
    y : (m,)
        Zeros and ones.
    w : (m,)
    start : (p,), optional
    fixed : int, optional
        A weight that stays as in `start`, for a profile of the likelihood.
    max_iter : int
    tol : float
        Of the score, in standard errors.
    """
    phi = np.zeros(A.shape[1]) if start is None else start.copy()
    free = np.arange(A.shape[1]) != (-1 if fixed is None else fixed)
    value, before = penalized_likelihood(phi, A, y, w), np.inf
    for step in range(max_iter + 1):
        try:
            d, gain = _step(phi, A, y, w, free, before)
        except np.linalg.LinAlgError:
            break
        if gain <= tol**2:
            return Firth(phi, value, step, True)
        if step == max_iter:
            break
        d *= min(1.0, LARGEST_STEP / float(np.abs(A @ d).max()))
        for _ in range(HALVINGS):
            there = penalized_likelihood(phi + d, A, y, w)
            if there >= value - 1e-12 * abs(value):
                break
            d /= 2
        else:
            break
        phi, value, before = phi + d, there, gain
    return Firth(phi, value, max_iter, False)


def _step(phi: Array, A: Array, y: Array, w: Array, free: Array, before: float) -> tuple[Array, float]:
    """Of scoring, or of Newton where its gain is not a tenth of that `before`; with the gain, a square of errors."""
    score, information = penalized_score(phi, A, y, w)
    d = np.zeros_like(phi)
    if not free.any():
        return d, 0.0
    d[free] = np.linalg.solve(information[np.ix_(free, free)], score[free])
    gain = float(score @ d)
    if 0 <= gain <= before / 10:
        return d, gain
    T, curvature = _axes(phi, A, w, free)
    d = T @ ((T.T @ score) / np.maximum(np.abs(curvature), FLATTEST))  # uphill away from saddles, too
    return d, float(np.square(T.T @ score).sum())


def profile_test(A: Array, y: Array, w: Array, best: Firth, j: int) -> float:
    """p of the likelihood ratio of `best` to the maximum with ``φ_j = 0``; raises LinAlgError without one."""
    profile = _Profile(A, y, w, best, j)
    null = profile.at(0.0, best.phi - profile.along * best.phi[j], best.phi)
    return float(special.chdtrc(1, max(0.0, 2 * (best.log_likelihood - null.log_likelihood))))


def profile_interval(A: Array, y: Array, w: Array, best: Firth, j: int, *, level: float) -> tuple[float, float]:
    """Where the profile of the penalized likelihood in ``φ_j`` has fallen by half the `level` quantile of chi-square.

    Parameters
    ----------
    best : Firth
        The maximum.
    j : int
        The weight; all others are chosen anew for each of its values.

    Returns
    -------
    lower, upper : float

    Raises
    ------
    numpy.linalg.LinAlgError
        If the other weights do not converge, or an end is too far away.
    """
    fall = float(special.chdtri(1, 1 - level)) / 2
    profile = _Profile(A, y, w, best, j)
    return profile.end(-1.0, fall), profile.end(1.0, fall)


class _Profile:
    """The penalized likelihood for each ``φ_j`` at the best of all others, followed from its maximum."""

    def __init__(self, A: Array, y: Array, w: Array, best: Firth, j: int) -> None:
        self.A, self.y, self.w, self.best, self.j = A, y, w, best, j
        T, _ = _axes(best.phi, A, w, np.ones(A.shape[1], dtype=bool))
        self.error = float(np.linalg.norm(T[j]))
        self.along = T @ T[j] / self.error**2  # where the best of the others goes at first

    def at(self, x: float, *starts: Array) -> Firth:
        """The maximum with ``φ_j = x`` that is found from the first of `starts` that leads to one."""
        for start in starts:
            moved = start.copy()
            moved[self.j] = x
            found = firth(self.A, self.y, self.w, start=moved, fixed=self.j, max_iter=MAX_ITER, tol=1e-8)
            if found.converged:
                return found
        raise np.linalg.LinAlgError(
            f"expected the profile of weight {self.j} to converge in {MAX_ITER} steps, it did not"
        )

    def end(self, sign: float, fall: float) -> float:
        """The ``φ_j`` on one side where it has fallen by `fall`."""
        step = sign * self.error * np.sqrt(2 * fall)
        return float(self._cross(*self._march(step, fall), fall).phi[self.j])

    def _fallen(self, found: Firth, fall: float) -> float:
        """By how much more than `fall`."""
        return self.best.log_likelihood - found.log_likelihood - fall

    def _march(self, step: float, fall: float) -> tuple[Firth, Firth]:
        """The last maximum inside and the first outside, with steps that double, or are halved where one fails."""
        inside, along = self.best, self.along
        for _ in range(MAX_ITER):
            x = float(inside.phi[self.j]) + step
            if abs(x - self.best.phi[self.j]) > FARTHEST * self.error:
                break
            try:
                found = self.at(x, inside.phi + step * along)
            except np.linalg.LinAlgError:
                step /= 2
                continue
            if self._fallen(found, fall) >= 0:
                return inside, found
            along, inside, step = (found.phi - inside.phi) / step, found, 2 * step
        raise np.linalg.LinAlgError(
            f"expected an end of the profile of weight {self.j} within {FARTHEST:g} standard errors, found none"
        )

    def _cross(self, inside: Firth, outside: Firth, fall: float) -> Firth:
        """Where it has fallen by `fall` between the two."""
        a, b = float(inside.phi[self.j]), float(outside.phi[self.j])

        def between(x: float) -> Firth:
            mixed = inside.phi + (x - a) / (b - a) * (outside.phi - inside.phi)
            return self.at(x, mixed, inside.phi, outside.phi)

        return between(float(optimize.brentq(lambda x: self._fallen(between(x), fall), a, b, xtol=1e-10, rtol=1e-11)))
