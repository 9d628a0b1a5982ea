"""How sure the weights of a linear model are: covariance ``V`` of the estimates, what is made of it, and influence.

Everything is computed from ``A = [1 X']`` (m, p), see `deltarule.equations.design`. Both models have residuals
``r = y - ŷ``, scores ``r A`` that add up to zero at the optimum, and an information matrix ``Aᵀ diag(v) A`` with
``v = 1`` (squared error) or ``ŷ (1 - ŷ)`` (cross-entropy).

A weight of a sample is a *precision* (the variance of its residual is ``σ²/w``, as in weighted least squares; the
scale of the weights does not matter) or a *frequency* (it stands for ``w`` equal samples).

Sources: White 1980 and MacKinnon & White 1985 (HC0 to HC3), Liang & Zeger 1986 (clusters), Cook 1977 (distance),
Pregibon 1981 (leverage of logistic regression).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import linalg, special
from scipy.linalg import lapack

from ..arrays import Array
from .design import Design, Rows, triangle, triangle_of_products

ALONE = 1e-10
"""What is missing to a leverage of 1 is rounding below it."""

KINDS = ("classical", "HC0", "HC1", "HC2", "HC3", "cluster")
MEANINGS = ("precision", "frequency")


# covariance of the estimates


class Estimate(NamedTuple):
    """What a covariance is made of: residuals, information, and its inverse.

    `r` (m, q) are residuals, a column an equation; `v` (m, q, q) is the second derivative of the loss of each sample,
    or None for 1; `F` (q p, q p) is a factor of the inverse ``B = F Fᵀ`` of the information ``Σ w v ⊗ a aᵀ``, the
    "bread" of the sandwich. Where columns nearly depend on each other, ``B`` has lost twice the digits of ``F``.
    """

    r: Array
    v: Array | None
    F: Array


def linear_estimate(D: Design, r: Array) -> Estimate:
    """Of the squared error with residuals (m, k): all targets have the same ``B = (Aᵀ diag(w) A)⁻¹``."""
    return Estimate(r, None, inverse(D.R))


def logistic_estimate(D: Design, P: Array, Y: Array) -> Estimate:
    """Of the cross-entropy, with the probabilities `P` (m, q) and zeros and ones `Y` of all classes but the first."""
    if P.shape[1] == 1:
        v = P * (1 - P)
        return Estimate(Y - P, v[:, :, None], inverse(triangle(D.A, D.w * v[:, 0])[0]))
    found, v = information(D, P)
    R = triangle_of_products(found, 0.0)
    if R is None:
        raise np.linalg.LinAlgError("expected second derivatives of full rank, found others")
    return Estimate(Y - P, v, inverse(R))


def information(D: Design, P: Array) -> tuple[Array, Array]:
    """``Σ w v ⊗ a aᵀ`` (q p, q p) of the cross-entropy with the probabilities `P` (m, q), and ``v`` (m, q, q)."""
    q, p = P.shape[1], D.A.shape[1]
    v = -P[:, :, None] * P[:, None, :]
    v[:, range(q), range(q)] += P
    found = np.empty((q * p, q * p))
    for i in range(q):
        for j in range(i + 1):
            block = D.A.T @ (D.A * (D.w * v[:, i, j])[:, None])
            found[i * p : (i + 1) * p, j * p : (j + 1) * p] = block
            found[j * p : (j + 1) * p, i * p : (i + 1) * p] = block.T
    return found, v


def inverse(R: Array) -> Array:
    """``F = R⁻¹`` (p, p), with ``F Fᵀ = (RᵀR)⁻¹``."""
    if R.shape[0] < R.shape[1] or not R.diagonal().all():
        raise np.linalg.LinAlgError("expected a triangle of full rank, found another")
    return np.triu(lapack.dtrtri(R)[0])


def leverage(D: Design, E: Estimate, meaning: str = "precision") -> Array:
    """``H`` (m,): the diagonal of the hat matrix ``√w√v A B Aᵀ √v√w``, how much each sample draws its own prediction.

    Of one equation. A sample that stands for ``w`` equal ones has the leverage of each of them.
    """
    H = np.square(D.A @ E.F).sum(axis=1)
    if E.v is not None:
        H *= E.v[:, 0, 0]
    return H * D.w if meaning == "precision" else H


def decrement(D: Design, E: Estimate, sigma2: Array | float) -> float:
    """How far the weights are from the optimum: the largest ``gᵀ V g``, a squared distance in standard errors."""
    scores = D.A.T @ (E.r * D.w[:, None])  # (p, k or q)
    if E.v is None:
        return float((np.square(E.F.T @ scores).sum(axis=0) / sigma2).max())
    return float(np.square(E.F.T @ scores.T.ravel()).sum())


def covariance_factor(
    D: Design, E: Estimate, kind: str, *, sigma2: Array, meaning: str, groups: Array | None = None
) -> Array:
    """``F`` with ``F Fᵀ = V``, the covariance of ``φ``: (k, p, p), one a target; for the cross-entropy (1, q p, q p).

    Parameters
    ----------
    D : Design
    E : Estimate
    kind : {"classical", "HC0", "HC1", "HC2", "HC3", "cluster"}
        ``σ² B``; or the sandwich ``B M B`` with ``M = Σ c u uᵀ`` of the scores ``u = w r a``, in which c is 1 (HC0),
        ``m / (m - p)`` (HC1), ``1 / (1 - H)`` (HC2), ``1 / (1 - H)²`` (HC3), or with the scores of each cluster added
        up before, times ``G / (G - 1) · (m - 1) / (m - p)``.
    sigma2 : (k,)
        ``σ²`` of each target; ones for the cross-entropy.
    meaning : {"precision", "frequency"}
    groups : (m,) of int, optional
        Number of the cluster of each sample, from 0.
    """
    if kind == "classical":
        return np.sqrt(sigma2)[:, None, None] * E.F
    m, P = observations(D, meaning), len(E.F)
    weight = D.w if meaning == "precision" or kind == "cluster" else np.sqrt(D.w)
    r = E.r * weight[:, None]
    factor = m / (m - P) if kind == "HC1" else 1.0
    if kind in ("HC2", "HC3"):
        rest = 1 - leverage(D, E, meaning)
        rest[rest < ALONE] = 0.0  # a sample that has a weight for itself tells nothing of its variance: r / 0
        r /= (rest ** (0.5 if kind == "HC2" else 1.0))[:, None]
    together = [r] if E.v is not None else [r[:, [j]] for j in range(r.shape[1])]  # targets have an equation each
    found = np.zeros((len(together), P, P))
    for F, part in zip(found, together, strict=True):
        U = (part[:, :, None] * D.A[:, None, :]).reshape(len(D.A), -1)  # (m, q p)
        if groups is not None:
            G = int(groups.max()) + 1
            sums = np.zeros((G, U.shape[1]))
            np.add.at(sums, groups, U)
            U, factor = sums, G / (G - 1) * (m - 1) / (m - P)
        R: Array = np.linalg.qr(U, mode="r")  # type: ignore[assignment]  # M = RᵀR, of as many rows as U if these are fewer
        F[:, : len(R)] = np.sqrt(factor) * (E.F @ (E.F.T @ R.T))
    return found


def observations(D: Design, meaning: str) -> float:
    """How many samples there are: rows, or the sum of their frequencies."""
    return float(len(D.A)) if meaning == "precision" else float(D.w.sum())


# how well the model fits


class Fit(NamedTuple):
    """Of each target (k,): ``σ²``, log-likelihood and deviance, of the model and of the constant alone (the null)."""

    sigma2: Array
    log_likelihood: Array
    null_log_likelihood: Array
    deviance: Array
    null_deviance: Array


def linear_fit(D: Design, y: Array, r: Array, meaning: str) -> Fit:
    """Of normally distributed errors. Without an intercept the null model is zero."""
    m, w = observations(D, meaning), D.w[:, None]
    rest = y - D.means(y) if D.intercept else y
    deviance, null = (w * r**2).sum(axis=0), (w * rest**2).sum(axis=0)
    known = float(np.log(D.w).sum()) if meaning == "precision" else 0.0
    return normal_fit(m, D.A.shape[1], deviance, null, known)


def normal_fit(m: float, p: int, deviance: Array, null: Array, log_weights: float) -> Fit:
    """The same of `m` samples and `p` weights from ``Σ w r²`` of both models, (k,), and ``Σ ln w``."""
    with np.errstate(divide="ignore"):
        log_likelihoods = [-0.5 * (m * (np.log(2 * np.pi * d / m) + 1) - log_weights) for d in (deviance, null)]
    sigma2 = deviance / (m - p) if m > p else np.full(len(deviance), np.nan)
    return Fit(sigma2, log_likelihoods[0], log_likelihoods[1], deviance, null)


def logistic_fit(D: Design, P: Array, Y: Array) -> Fit:
    """Of classes with probabilities `P` (m, K), `Y` (m, K) zeros and ones. Without an intercept the null is ``1/K``."""
    return likelihood_fit(special.xlogy(Y, P).sum(axis=1) @ D.w, D.w @ Y, intercept=D.intercept)


def likelihood_fit(log_likelihood: float, totals: Array, *, intercept: bool) -> Fit:
    """The same from the log-likelihood of the model and the weight (K,) of the samples of each class."""
    shares = totals / totals.sum() if intercept else np.full(len(totals), 1 / len(totals))
    model, null = np.array([log_likelihood]), np.array([special.xlogy(totals, shares).sum()])
    return Fit(np.ones(1), model, null, -2 * model, -2 * null)


class FitStatistics(NamedTuple):
    """What a fit has left of its rows, from which its classical errors follow.

    Parameters
    ----------
    R : (p, p)
        The triangle of ``A = [1 X']``.
    rows : Rows
    F : (q p, q p)
        See `Estimate`.
    fit : Fit
    n_observations : float
    meaning : {"precision", "frequency"}
    """

    R: Array
    rows: Rows
    F: Array
    fit: Fit
    n_observations: float
    meaning: str


class LeastSquaresSums(NamedTuple):
    """What is left of the rows of a least squares problem: its errors follow from it.

    Parameters
    ----------
    factor, size : (n, n), (n,)
        The triangle ``R`` of the columns, centered and weighted, is the upper one of ``factor size``.
    condition : float
        Of the columns of size 1, squared; as a reciprocal.
    intercept : bool
    rows : Rows
        Without an intercept the mean of the columns is zero, and their scale the root of the mean square.
    total, log_weights : float
        ``Σ w`` and ``Σ ln w``.
    deviance, null_deviance : (k,)
        ``Σ w (y - ŷ)²`` of the model and of the constant alone.
    """

    factor: Array
    size: Array
    condition: float
    intercept: bool
    rows: Rows
    total: float
    log_weights: float
    deviance: Array
    null_deviance: Array

    @property
    def R(self) -> Array:
        """The triangle of the columns, in their units; it has the singular values of ``√w X``, centered."""
        return np.triu(self.factor).astype(np.float64, copy=False) * self.size

    def triangle(self) -> Array:
        """That of ``A = [1 X']`` (p, p)."""
        R = self.R / self.rows.columns[1]
        return linalg.block_diag(np.sqrt(self.total), R) if self.intercept else R

    def statistics(self) -> FitStatistics:
        """What classical errors follow from."""
        R = self.triangle()
        return FitStatistics(R, self.rows, inverse(R), self.fit(), float(self.rows.n_rows), "precision")

    def fit(self) -> Fit:
        """How well the model fits."""
        p = len(self.size) + self.intercept
        return normal_fit(float(self.rows.n_rows), p, self.deviance, self.null_deviance, self.log_weights)


# tests and intervals


def p_value(t: Array, df: float) -> Array:
    """Probability of a ``|t|`` as large if the weight were zero; the normal distribution for infinite `df`."""
    return 2 * (special.stdtr(df, -np.abs(t)) if np.isfinite(df) else special.ndtr(-np.abs(t)))


def quantile(level: float, df: float) -> float:
    """Half the width, in standard errors, of an interval that covers with probability `level`."""
    return float(special.stdtrit(df, 0.5 + level / 2) if np.isfinite(df) else special.ndtri(0.5 + level / 2))


def wald(phi: Array, F: Array) -> float:
    """``φᵀ V⁻¹ φ``, ``V = F Fᵀ``: a chi-square statistic of the hypothesis that all these weights are zero."""
    return float(np.square(np.linalg.lstsq(F, phi, rcond=None)[0]).sum())


def link_variance(A: Array, F: Array) -> Array:
    """``a V aᵀ`` of each row of `A` (m, p), ``V = F Fᵀ``: variance of ``Z``; (m, q, q) for ``F`` (q p, n)."""
    by_output = A @ F.reshape(-1, A.shape[1], F.shape[1])  # (q, m, n)
    return np.einsum("jin,lin->ijl", by_output, by_output)


def probability_interval(Z: Array, var: Array, z: float) -> tuple[Array, Array, Array]:
    """Probabilities (m, K) and the ends of their intervals, from ``Z`` (m, q) of all classes but the first.

    Intervals are ``logit(p) ± z s`` mapped back, so that they stay in 0..1. ``logit(p_k) = Z_k - ln Σ_j exp(Z_j)`` over
    the other classes, and by the delta method ``s`` is that of ``Z_k - Σ_j q_j Z_j``, with their shares ``q`` of that
    sum; for two classes that is ``Z`` itself.
    """
    every = np.column_stack([np.zeros(len(Z)), Z])
    K = every.shape[1]
    others = np.where(np.eye(K, dtype=bool), -np.inf, every[:, None, :])  # (m, K, K), without the class itself
    logit = every - special.logsumexp(others, axis=2)
    G = (np.eye(K) - special.softmax(others, axis=2))[:, :, 1:]  # (m, K, q)
    s = np.sqrt(np.einsum("ikj,ijl,ikl->ik", G, var, G, optimize=True))
    return special.softmax(every, axis=1), special.expit(logit - z * s), special.expit(logit + z * s)


@dataclass(frozen=True)
class Influence:
    """How much each sample matters.

    Attributes
    ----------
    leverage : (m,)
        Between 0 and 1: how strongly a sample's own target pulls its prediction. They sum to the number of parameters.
    standardized_residual : (m,) or (m, k)
        The residual in units of its standard error.
    cooks_distance : (m,) or (m, k)
        How far all weights move without the sample, in units of their joint confidence region.
    """

    leverage: Array
    standardized_residual: Array
    cooks_distance: Array


def influence(D: Design, E: Estimate, sigma2: Array, meaning: str) -> Influence:
    """Leverage and Cook's distance; for the cross-entropy of two classes with Pearson's residuals (Pregibon 1981)."""
    H = leverage(D, E, meaning)[:, None]
    variance = sigma2[None, :] if E.v is None else E.v[:, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        r = E.r * (np.sqrt(D.w)[:, None] if meaning == "precision" else 1.0) / np.sqrt(variance * (1 - H))
        return Influence(H[:, 0], r, r**2 * H / (1 - H) / D.A.shape[1])
