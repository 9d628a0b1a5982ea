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

LARGEST_STEP = 5.0
"""In any weight of a standardized column; longer steps are cut, as in Heinze's logistf."""
HALVINGS = 40


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
    v = w * special.expit(Z) * special.expit(-Z)
    sign, log_determinant = np.linalg.slogdet(A.T @ (A * v[:, None]))
    return log_likelihood + 0.5 * float(log_determinant) if sign > 0 else -np.inf


def penalized_score(phi: Array, A: Array, y: Array, w: Array) -> tuple[Array, Array]:
    """Its derivative, ``Aᵀ (w (y - p) + H (½ - p))`` (p,) with the leverages ``H``, and ``I`` (p, p)."""
    Z = A @ phi
    p = special.expit(Z)
    v = w * p * special.expit(-Z)
    information = A.T @ (A * v[:, None])
    root = linalg.solve_triangular(np.linalg.cholesky(information), (A * np.sqrt(v)[:, None]).T, lower=True)
    H = np.square(root).sum(axis=0)
    return A.T @ (w * (y - p) + H * (0.5 - p)), information  # d log|I|/dφ = Aᵀ (H (1 - 2p))


def firth(
    A: Array, y: Array, w: Array, *, start: Array | None = None, fixed: int | None = None, max_iter: int, tol: float
) -> Firth:
    """Newton's method with the information in place of the second derivative, and steps halved until they lead uphill.

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
    value = penalized_likelihood(phi, A, y, w)
    for step in range(max_iter + 1):
        try:
            score, information = penalized_score(phi, A, y, w)
        except np.linalg.LinAlgError:
            break
        d = np.zeros_like(phi)
        if free.any():
            d[free] = np.linalg.solve(information[np.ix_(free, free)], score[free])
        if float(score @ d) <= tol**2:
            return Firth(phi, value, step, True)
        if step == max_iter:
            break
        d *= min(1.0, LARGEST_STEP / float(np.abs(d).max()))
        for _ in range(HALVINGS):
            there = penalized_likelihood(phi + d, A, y, w)
            if there >= value - 1e-12 * abs(value):
                break
            d /= 2
        else:
            break
        phi, value = phi + d, there
    return Firth(phi, value, max_iter, False)


def profile_test(A: Array, y: Array, w: Array, best: Firth, j: int, *, max_iter: int = 1000) -> float:
    """p of the likelihood ratio of `best` to the maximum with ``φ_j = 0``; raises LinAlgError without one."""
    start = best.phi.copy()
    start[j] = 0.0
    null = firth(A, y, w, start=start, fixed=j, max_iter=max_iter, tol=1e-8)
    if not null.converged:
        raise np.linalg.LinAlgError(f"expected the weights without weight {j} to converge, they did not")
    return float(special.chdtrc(1, max(0.0, 2 * (best.log_likelihood - null.log_likelihood))))


def profile_interval(
    A: Array, y: Array, w: Array, best: Firth, j: int, *, level: float, max_iter: int = 100
) -> tuple[float, float]:
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
        If the other weights do not converge.
    """
    fall = float(special.chdtri(1, 1 - level)) / 2
    _, information = penalized_score(best.phi, A, y, w)
    inverse = np.linalg.inv(information)
    width = float(np.sqrt(2 * fall * inverse[j, j]))

    def excess(x: float, near: Array) -> tuple[float, Array]:
        """Of the fall at ``φ_j = x``; the other weights start as they were nearby."""
        start = near + inverse[j] / inverse[j, j] * (x - near[j])
        start[j] = x
        found = firth(A, y, w, start=start, fixed=j, max_iter=max_iter, tol=1e-7)
        if not found.converged:
            raise np.linalg.LinAlgError(
                f"expected the profile of weight {j} to converge in {max_iter} steps, it did not"
            )
        return best.log_likelihood - found.log_likelihood - fall, found.phi

    ends = []
    for sign in (-1.0, 1.0):
        inside, near, step = float(best.phi[j]), best.phi, width
        outside = inside + sign * step
        while (found := excess(outside, near))[0] < 0:
            inside, near, step = outside, found[1], 2 * step
            outside = inside + sign * step
        end = optimize.brentq(lambda x, near=near: excess(x, near)[0], inside, outside, xtol=1e-10, rtol=1e-12)
        ends.append(float(end))
    return ends[0], ends[1]
