"""Products of many columns, by BLAS: a chunk of rows is standardized, then blocks of its columns are multiplied.

The blocks are the same for any number of threads, each pair of them is the work of one thread, and BLAS itself keeps to
one thread meanwhile: so every bit of the result is the same too.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement, pairwise
from typing import Any

import numpy as np

from ..arrays import Array
from .threads import one_blas_thread

MANY = 300
"""Columns from which BLAS is quicker than the kernels, which need no standardized copy."""

BLOCK, NUMBERS = 512, 2**22
"""Columns in a block, and numbers in a chunk of standardized rows."""


def wide_products(
    X: Array,
    y: Array | None,
    h: Array | None,
    mean: Array,
    scale: Array,
    *,
    intercept: bool,
    dtype: Any,
    threads: int,
) -> Array:
    """``[X' 1 y']ᵀ diag(h) [X' 1 y']`` in float64.

    Parameters
    ----------
    X, y : (m, n), (m, k) or None
    h : (m,), optional
    mean, scale : (n + k,)
        ``X' = (X - mean) / scale``, and ``y'`` likewise.
    intercept : bool
        Without it, the column of ones is one of zeros.
    dtype : float32 or float64
        Of the products; those of a chunk of rows are summed in it too.
    threads : int
    """
    m, n = X.shape
    q = n + 1 + (0 if y is None else y.shape[1])
    size = max(1024, NUMBERS // q)
    G, buffer = np.zeros((q, q)), np.empty((min(size, m), q), dtype)
    mean, inverse = mean.astype(dtype), (1 / scale).astype(dtype)
    edges = np.linspace(0, q, max(3, -(-q // BLOCK)) + 1).astype(int).tolist()
    pairs = list(combinations_with_replacement([slice(*ends) for ends in pairwise(edges)], 2))

    def standardize(start: int, rows: slice) -> None:
        T, given = buffer[rows], slice(start + rows.start, start + rows.stop)
        np.subtract(X[given], mean[:n], out=T[:, :n])
        T[:, n] = float(intercept)
        if y is not None:
            np.subtract(y[given], mean[n:], out=T[:, n + 1 :])
        T[:, :n] *= inverse[:n]
        T[:, n + 1 :] *= inverse[n:]

    with one_blas_thread(), ThreadPoolExecutor(threads) as pool, np.errstate(all="ignore"):
        for start in range(0, m, size):
            length = min(size, m - start)
            parts = [slice(*ends) for ends in pairwise(np.linspace(0, length, 9).astype(int).tolist())]
            list(pool.map(lambda rows, at=start: standardize(at, rows), parts))
            T = buffer[:length]
            HT = T if h is None else T * h[start : start + length, None].astype(dtype)

            def add(pair: tuple[slice, slice], T: Array = T, HT: Array = HT) -> None:
                I, J = pair
                G[I, J] += T[:, I].T @ HT[:, J]

            list(pool.map(add, pairs))
    for I, J in pairs:
        if I != J:
            G[J, I] = G[I, J].T
    return G
