"""A dense layer, forward directly above backward: what the lecture does to one layer.

Samples are rows here, as everywhere in Python: ``A`` is (m, n_l), the transpose of the slides' ``a[l]``.
In comments ``n`` is the number of inputs of the layer, ``k`` the number of its units. ``X`` may be a sparse CSR matrix.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array


def linear(A: Array, W: Array, b: Array) -> Array:  # lecture: 1
    """``Z = A Wᵀ + b``: linear regression; the first half of every layer.

    Parameters
    ----------
    A : (m, n)
        Inputs of the layer: ``X``, or the activations of the layer before.
    W : (k, n)
    b : (k,)

    Returns
    -------
    Z : (m, k)
    """
    Z: Array = A @ W.T  # (m, n) (n, k) -> (m, k)
    Z += b
    return Z


def linear_backward(dZ: Array, A: Array, dW: Array, db: Array) -> None:  # lecture: 6
    """Gradients of `linear` in its parameters, written into `dW` (k, n) and `db` (k,).

    ``1/m`` is already inside `dZ` (m, k).
    """
    if isinstance(A, np.ndarray):
        np.matmul(dZ.T, A, out=dW)  # Z = A Wᵀ   ->  dW = dZᵀ A     (k, m) (m, n)
    else:
        dW[...] = (A.T @ dZ).T  #     the same for a sparse A
    dZ.sum(axis=0, out=db)  #         Z = ... + b ->  db = Σ_samples dZ


def linear_backward_input(dZ: Array, W: Array) -> Array:
    """Gradient of `linear` in its input: ``dA`` (m, n) of the layer before."""
    dA: Array = dZ @ W  # Z = A Wᵀ  ->  dA = dZ W   (m, k) (k, n)
    return dA


def dropout(A: Array, mask: Array) -> Array:
    """Inverted dropout: ``A ⊙ mask``, where `mask` (m, k) is 0 or 1/(1 - rate)."""
    return A * mask


def dropout_backward(dA: Array, mask: Array) -> Array:
    """``dA ⊙ mask``: what was dropped forward gets no gradient."""
    return dA * mask  # A ⊙ mask  ->  dA ⊙ mask


def dropout_mask(shape: tuple[int, int], rate: float, key: tuple[int, int, int], dtype: np.dtype[np.floating]) -> Array:
    """The mask of one layer at one step: a unit stays with probability ``1 - rate``.

    Parameters
    ----------
    shape : (m, k)
    rate : float
        Fraction of the units dropped, in [0, 1).
    key : (seed, step, layer)
        The mask is a function of this key alone (counter-based generator Philox 4x64), so that every engine, with
        any number of threads, draws the same one.
    """
    seed, step, layer = key
    bits = np.random.Philox(key=seed, counter=[0, 0, layer, step])
    words = bits.random_raw((shape[0] * shape[1] + 1) // 2).view(np.uint32)[: shape[0] * shape[1]]
    keep = words >= np.uint32(min(round(rate * 2**32), 2**32 - 1))
    return keep.reshape(shape).astype(dtype) * dtype.type(1.0 / (1.0 - rate))
