"""The second derivative of the cost of a one-layer network, from which Newton's method takes its steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import Array
from ..registry import Formula

ROWS = 4096
"""Of a product whose intermediate results are to stay in the cache."""


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
    k = a.shape[1]
    columns: dict[int, Array] = {}  # of each output
    h: dict[int, Array] = {}  # of the latest

    def block(i: int, j: int, used_i: Array, used_j: Array) -> Array | None:
        for output, used in ((i, used_i), (j, used_j)):
            if output not in columns:
                columns[output] = X if len(used) == X.shape[1] else X[:, used]
        if j not in h:
            h.clear()
            h[j] = curvature(a, np.eye(k)[[j]] * shares[:, None])  # (m, k): h_ij of all i
        return weighted_gram(columns[i], columns[j], h[j][:, i]) if h[j][:, i].any() else None

    return assembled(free, X.shape[1], k, block)


def assembled(free: Array, n: int, k: int, block: Callable[[int, int, Array, Array], Array | None]) -> Array:
    """The matrix (F, F) of the parameters that `free` (P,) marks, from one block for each pair of outputs.

    ``block(i, j, columns_i, columns_j)`` is (n_i + 1, n_j + 1), the biases last; None for zeros.
    """
    place = np.cumsum(free) - 1
    H = np.zeros((place[-1] + 1,) * 2)
    used = [np.flatnonzero(free[i * n : (i + 1) * n]) for i in range(k)]
    bias = free[k * n :].astype(int)
    at = [np.append(place[i * n + used[i]], place[[k * n + i]][: bias[i]]) for i in range(k)]
    for j in range(k):
        for i in range(j + 1):
            found = block(i, j, used[i], used[j])
            if found is not None:
                part = found[: len(at[i]), : len(at[j])]
                H[np.ix_(at[i], at[j])] = part
                H[np.ix_(at[j], at[i])] = part.T
    return H


def weighted_gram(A: Array, B: Array, h: Array) -> Array:
    """``[A 1]ᵀ diag(h) [B 1]``: what the second derivative of the cost in the parameters of `dense.linear` is made of.

    Parameters
    ----------
    A, B : (m, n_A), (m, n_B)
        Columns of ``X``.
    h : (m,)
        Of either sign.

    Returns
    -------
    (n_A + 1, n_B + 1), float64
    """
    out = np.zeros((A.shape[1] + 1, B.shape[1] + 1))
    sign = 1.0 if h.min() >= 0 else -1.0
    same = A is B and (sign > 0 or h.max() <= 0)
    for start in range(0, A.shape[0], ROWS):
        rows = slice(start, start + ROWS)
        a, b, c = A[rows], B[rows], h[rows]
        if not isinstance(a, np.ndarray):
            out[:-1, :-1] += (a.T @ b.multiply(c[:, None])).toarray()
        elif same:
            root = a * np.sqrt(sign * c)[:, None]
            out[:-1, :-1] += sign * (root.T @ root)  # a matrix times itself takes half the time
        else:
            out[:-1, :-1] += a.T @ (b * c[:, None])
        out[:-1, -1] += a.T @ c
        out[-1, :-1] += b.T @ c
        out[-1, -1] += c.sum()
    return out
