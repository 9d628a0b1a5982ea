from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from deltarule.equations import dense
from deltarule.gradient_check import check

RNG = np.random.default_rng(0)
A, W, b, dZ = (RNG.normal(size=shape) for shape in ((6, 4), (3, 4), (3,), (6, 3)))
A[RNG.random(A.shape) < 0.5] = 0


def test_forward_is_the_sum_over_the_inputs():
    by_hand = [[sum(A[i, j] * W[k, j] for j in range(4)) + b[k] for k in range(3)] for i in range(6)]
    np.testing.assert_allclose(dense.linear(A, W, b), by_hand, rtol=1e-12)


def test_backward_is_the_derivative_of_forward():
    """Of ``Σ dZ ⊙ Z``, whose derivative in ``Z`` is ``dZ``."""
    dW, db = np.empty_like(W), np.empty_like(b)
    dense.linear_backward(dZ, A, dW, db)
    dA = dense.linear_backward_input(dZ, W)
    assert check(lambda W: (dZ * dense.linear(A, W, b)).sum(), dW, W).verdict == "good"
    assert check(lambda b: (dZ * dense.linear(A, W, b)).sum(), db, b).verdict == "good"
    assert check(lambda A: (dZ * dense.linear(A, W, b)).sum(), dA, A).verdict == "good"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_inputs_give_what_dense_ones_give(kind, dtype):
    X, W_, b_, dZ_ = (x.astype(dtype) for x in (A, W, b, dZ))
    rough = 1e-5 if dtype == np.float32 else 1e-13
    Z = dense.linear(kind(X), W_, b_)
    assert isinstance(Z, np.ndarray)
    assert Z.dtype == dtype
    np.testing.assert_allclose(Z, dense.linear(X, W_, b_), rtol=rough, atol=rough)
    found, wanted = ((np.empty_like(W_), np.empty_like(b_)) for _ in range(2))
    dense.linear_backward(dZ_, kind(X), *found)
    dense.linear_backward(dZ_, X, *wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=rough, atol=rough)


def test_no_samples():
    dW, db = np.full_like(W, np.nan), np.full_like(b, np.nan)
    assert dense.linear(np.empty((0, 4)), W, b).shape == (0, 3)
    dense.linear_backward(np.empty((0, 3)), np.empty((0, 4)), dW, db)
    assert not dW.any()
    assert not db.any()


def mask(rate=0.3, key=(1, 2, 3), shape=(400, 50), dtype=np.float64):
    return dense.dropout_mask(shape, rate, key, np.dtype(dtype))


def test_a_mask_is_a_function_of_its_key():
    np.testing.assert_array_equal(mask(), mask())
    mask(0.3, (7, 7, 7))  # what was drawn in between does not matter
    pinned = mask(0.5, (1, 2, 3), (2, 8)) > 0  # runs go on from the checkpoints of earlier versions
    np.testing.assert_array_equal(np.packbits(pinned), [130, 83])


@pytest.mark.parametrize("key", [(2, 2, 3), (1, 3, 3), (1, 2, 4), (2, 1, 3), (1, 3, 2)])
def test_another_seed_step_or_layer_gives_an_independent_mask(key):
    one, other = mask() > 0, mask(key=key) > 0
    assert (one & other).mean() == pytest.approx(0.7 * 0.7, abs=0.02)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_mask_keeps_the_right_fraction_and_the_expectation(rate):
    drawn = mask(rate)
    n = drawn.size
    assert (drawn > 0).mean() == pytest.approx(1 - rate, abs=5 * np.sqrt(rate * (1 - rate) / n))
    np.testing.assert_allclose(drawn[drawn > 0], 1 / (1 - rate))
    assert drawn.mean() == pytest.approx(1, abs=5 * np.sqrt(rate / (1 - rate) / n))


def test_every_sample_and_every_unit_is_dropped_alike():
    kept = mask(0.3) > 0
    assert abs(kept.mean(axis=0) - 0.7).max() < 5 * np.sqrt(0.21 / 400)
    assert abs(kept.mean(axis=1) - 0.7).max() < 5 * np.sqrt(0.21 / 50)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (0, 4), (2, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_odd_even_and_empty_in_both_precisions(shape, dtype):
    drawn = mask(0.5, shape=shape, dtype=dtype)
    assert drawn.shape == shape
    assert drawn.dtype == dtype
    assert np.isin(drawn, [0, 2]).all()


def test_both_precisions_drop_the_same_units():
    np.testing.assert_array_equal(mask() > 0, mask(dtype=np.float32) > 0)


def test_dropout_backward_is_the_derivative_of_dropout():
    drawn = mask(0.5, shape=A.shape)
    dA = dense.dropout_backward(np.ones_like(A), drawn)
    assert check(lambda A: dense.dropout(A, drawn).sum(), dA, A).verdict == "good"
