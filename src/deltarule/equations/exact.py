"""The global optimum of linear regression, in closed form: what gradient descent must reach."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, optimize
from scipy.linalg import lapack
from scipy.sparse.linalg import LinearOperator, lsqr

from ..arrays import Array
from .columns import shares, standardizing

WELL = 1e-9
"""Reciprocal condition of the normal equations, their columns of size 1, from which they are as exact as the rest."""


DUAL = 1e-6
"""The same of rows times rows, of which there is no second look."""

CLEAR = 1e-10
"""Parts of a direction that are not rounding, in columns of one size."""

ROWS = 64
"""Of the normal equations, centered at a time."""

LESS, ALIKE = 1e-6, 1e-9
"""Share by which weights must be shorter than others to be so not by rounding; and by which predictions may differ."""

OUT_OF_STEPS = 7
"""What lsqr says if it has not converged."""


class LeastSquares(NamedTuple):
    """``W`` (k, n), ``b`` (k,), and the rank and singular values (min(m, n),) of the centered, weighted columns."""

    W: Array
    b: Array
    rank: int
    singular: Array


def least_squares(X: Array, y: Array, w: Array | None = None, *, intercept: bool = True) -> LeastSquares:  # lecture: 8
    """The ``W``, ``b`` with the smallest ``Σ w (X Wᵀ + b - y)²``; of several, the ``W`` of smallest norm.

    Parameters
    ----------
    X : (m, n)
    y : (m, k)
    w : (m,), optional
        Sample weights.
    intercept : bool
        Fit ``b``; otherwise it is zero.

    Notes
    -----
    Columns are centered, so that ``b`` drops out, and the rest is solved by singular values (LAPACK ``gelsd``), in
    float64 for data of either precision. Singular values below ``max(m, n) ε`` of the largest count as zero, if they
    still do with all columns of one size: columns that depend on each other share their weight.
    """
    A, B, x_mean, y_mean = centered(X, y, w, intercept=intercept)
    cond = max(A.shape) * np.finfo(np.float64).eps
    solution, _, rank, singular = linalg.lstsq(A, B, cond=cond, check_finite=False)
    if rank < min(A.shape):  # perhaps only because their units are far apart
        size = np.abs(A).max(axis=0)
        size[size == 0] = 1.0
        alike, _, rank_alike, _ = linalg.lstsq(A / size, B, cond=cond, check_finite=False)
        if rank_alike > rank:
            solution, rank = _shortest(alike, A / size, size, rank_alike), rank_alike
    W = solution.T
    b = y_mean - W @ x_mean
    return LeastSquares(W.astype(X.dtype, copy=False), b.astype(X.dtype, copy=False), int(rank), singular)


def _shortest(V: Array, A: Array, size: Array, rank: int) -> Array:
    """Of the ``W = V / size`` with the same ``A V``, (n, k), the one of smallest norm; ``A`` (m, n) has this rank."""
    W = V / size[:, None]
    if rank == A.shape[1]:
        return W
    Q = linalg.svd(A, check_finite=False)[2][rank:].T  # (n, n - rank): A Q = 0
    nothing = np.where(np.abs(Q) > CLEAR, Q, 0.0) / size[:, None]
    nothing /= np.abs(nothing).max(axis=0)
    # by their products: a reflection would spread the rounding of the largest weight over all
    return W - nothing @ linalg.lstsq(nothing.T @ nothing, nothing.T @ W, check_finite=False)[0]


def ridge(A: Array, B: Array, alpha: float) -> Array:
    """The ``W`` (k, n) with the smallest ``‖A Wᵀ - B‖² + alpha ‖W‖²``; A (m, n), B (m, k).

    With more columns than rows by ``(A Aᵀ + alpha)⁻¹``, where its condition is good; else by singular values.
    """
    if len(A) < A.shape[1]:
        K = A @ A.T
        K.reshape(-1)[:: len(K) + 1] += alpha
        lange, potrf, pocon, potrs = cholesky_functions(K.dtype)
        norm = lange("1", K.T)
        factor, failed = potrf(K.T, overwrite_a=True, clean=False)
        if not failed and pocon(factor, norm)[0] > DUAL:
            return potrs(factor, B)[0].T @ A
    U, s, Vt = linalg.svd(A, full_matrices=False, check_finite=False)
    return ((U.T @ B).T * (s / (s**2 + alpha))) @ Vt


def nonnegative(A: Array, B: Array, alpha: float) -> Array:
    """The same ``W`` (k, n) among those without a negative weight (Lawson and Hanson 1974)."""
    if alpha > 0:  # ‖A w - B‖² + alpha ‖w‖² is a sum of squares too
        A = np.vstack([A, np.sqrt(alpha) * np.eye(A.shape[1])])
        B = np.vstack([B, np.zeros((A.shape[1], B.shape[1]))])
    return np.vstack([optimize.nnls(A, b)[0] for b in B.T])


def most_steps(X: Any) -> int:
    """Of conjugate gradients."""
    return 10 * max(X.shape)


def sparse_least_squares(
    X: Any, y: Array, w: Array | None, *, intercept: bool, tol: float
) -> tuple[Array, Array, bool]:
    """`least_squares` by conjugate gradients (Paige and Saunders 1982), which leave a sparse ``X`` as it is.

    Columns are divided by their size for the sake of convergence, and centered without a dense copy. Where columns
    depend on each other that gives the smallest norm in units of their sizes, and the ``W`` of smallest norm with the
    same predictions is looked for afterwards.

    Returns
    -------
    W, b : (k, n), (k,)
    converged : bool
        To `tol`, in `most_steps`.
    """
    scale = standardizing(X, w).scale
    X, B = X.astype(np.float64), y.astype(np.float64)
    w = np.ones(X.shape[0]) if w is None else w.astype(np.float64)
    p, root = w / w.sum(), np.sqrt(w)
    x_mean = np.asarray(X.T @ p).ravel() * intercept
    y_mean = p @ B * intercept

    def columns(size: Array | float) -> LinearOperator:
        return LinearOperator(
            X.shape,
            matvec=lambda v: root * (X @ (v.ravel() / size) - x_mean @ (v.ravel() / size)),
            rmatvec=lambda u: (X.T @ (root * u.ravel()) - x_mean * (root @ u.ravel())) / size,
            dtype=np.float64,
        )

    def solve(A: LinearOperator, b: Array) -> tuple[Array, bool]:
        v, stop, *_ = lsqr(A, b, atol=tol, btol=tol, iter_lim=most_steps(X))
        return v, stop != OUT_OF_STEPS

    B = (B - y_mean) * root[:, None]
    exponent = np.frexp(np.abs(B).max(axis=0))[1]  # lsqr squares what it is given, whatever its size
    scaled, plain = columns(scale), columns(1.0)
    W, converged = np.empty((B.shape[1], X.shape[1])), True
    for j, b in enumerate(np.ldexp(B, -exponent).T):
        v, arrived = solve(scaled, b)
        v, converged = v / scale, converged and arrived
        fitted = plain.matvec(v)
        shorter, _ = solve(plain, fitted)
        alike = linalg.norm(plain.matvec(shorter) - fitted) <= ALIKE * linalg.norm(fitted)
        if alike and linalg.norm(shorter) < (1 - LESS) * linalg.norm(v):
            v = shorter
        W[j] = np.ldexp(v, exponent[j])
    return W, y_mean - W @ x_mean, converged


class NormalEquations(NamedTuple):
    """The solution of ``A V = B`` with its Cholesky factor; ``A`` is ``Xᵀ diag(w) X`` of centered columns.

    Parameters
    ----------
    V, c : (k, n), (k,)
        So that ``y`` is about ``X Vᵀ + c``.
    deviation : (n,)
        Of each column.
    factor : (n, n)
        Upper triangle ``R`` with ``RᵀR = A``, both of columns of size 1.
    size : (n,)
        Root of the diagonal of ``A``.
    mean : (n,)
        Of the columns of ``X``; zero without ``b``.
    total : float
        Of the weights; zero without ``b``.
    condition : float
        Of the columns of size 1, squared; as a reciprocal.
    """

    V: Array
    c: Array
    deviation: Array
    factor: Array
    size: Array
    mean: Array
    total: float
    condition: float

    def correct(self, dV: Array, dc: Array) -> tuple[Array, Array]:
        """What to take off ``V`` and ``c`` where the gradient is not zero but `dV` (k, n), `dc` (k,)."""
        rest = (dV - np.outer(dc, self.mean)) / self.size
        *_, potrs = cholesky_functions(self.factor.dtype)
        off = potrs(self.factor, rest.T)[0].T / self.size
        return off, (dc / self.total if self.total else 0 * dc) - off @ self.mean


@cache
def cholesky_functions(dtype: np.dtype[Any]) -> tuple[Any, Any, Any, Any]:
    """LAPACK's norm, factorization, condition and solution."""
    lange, potrf, pocon, potrs = lapack.get_lapack_funcs(("lange", "potrf", "pocon", "potrs"), dtype=dtype)
    return lange, potrf, pocon, potrs


def normal_equations(
    G: Array, k: int, *, intercept: bool = True, ridge: Array | float = 0.0, well: float = WELL, dtype: Any = np.float64
) -> NormalEquations | None:
    """The solution of least squares from ``G = [X 1 y]ᵀ diag(w) [X 1 y]``, or None if the condition is bad.

    Parameters
    ----------
    G : (n + 1 + k, n + 1 + k)
    k : int
        Columns of ``y``.
    intercept : bool
        Whether there is a ``b``.
    ridge : (n,) or float
        Added to the diagonal: the penalty ``Σ ridge V²``.
    well : float
        The worst condition, as a reciprocal.
    dtype : float32 or float64
        Of the factor; what float32 loses, `NormalEquations.correct` makes up for.
    """
    n = len(G) - 1 - k
    sums = G[n] / G[n, n] if intercept else np.zeros(len(G))
    square = np.maximum(G.diagonal()[:n] - sums[:n] * G[n, :n], 0)
    deviation, size = np.sqrt(square / G[n, n]), np.sqrt(square + ridge)
    if not (size > 0).all():
        return None
    A, B, inverse = np.zeros((n, n), dtype), G[:n, n + 1 :] - np.outer(sums[:n], G[n, n + 1 :]), 1 / size
    absolute = np.zeros(n)  # sum of a column's absolute values
    for start in range(0, n, ROWS):  # of the lower triangle; they stay in the cache
        rows, before = slice(start, min(start + ROWS, n)), slice(0, min(start + ROWS, n))
        part = (G[rows, before] - np.outer(sums[rows], G[n, before])) * inverse[before] * inverse[rows, None]
        A[rows, before] = part
        np.abs(part, out=part)
        absolute[rows] += part.sum(axis=1)
        absolute[:start] += part[:, :start].sum(axis=0)
    A.reshape(-1)[:: n + 1] = 1
    _, potrf, pocon, potrs = cholesky_functions(A.dtype)
    norm = A.dtype.type(absolute.max())
    factor, failed = potrf(A.T, overwrite_a=True, clean=False)
    condition = 0.0 if failed else float(pocon(factor, norm)[0])
    if condition < well:
        return None
    V = potrs(factor, B / size[:, None])[0].T.astype(np.float64, copy=False) / size
    total = float(G[n, n]) if intercept else 0.0
    return NormalEquations(V, sums[n + 1 :] - V @ sums[:n], deviation, factor, size, sums[:n], total, condition)


def centered(
    X: Array, y: Array, w: Array | None = None, *, intercept: bool = True
) -> tuple[Array, Array, Array, Array]:
    """``X`` (m, n), ``y`` (m, k), less their means and times the root of the weights, and the means; in float64."""
    A, B = X.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    x_mean, y_mean = np.zeros(A.shape[1]), np.zeros(B.shape[1])
    if intercept:
        p = shares(X, w)
        for _ in range(2):  # once more for what rounding has left
            x_rest, y_rest = p @ A, p @ B
            A, B, x_mean, y_mean = A - x_rest, B - y_rest, x_mean + x_rest, y_mean + y_rest
        constant = np.abs(A).max(axis=0) <= np.finfo(np.float64).eps / 4 * np.abs(x_mean)
        if constant.any():  # what varies by no more than rounding does not vary
            A[:, constant] = 0.0
    if w is not None:
        root = np.sqrt(w.astype(np.float64))[:, None]
        A, B = A * root, B * root
    return A, B, x_mean, y_mean
