from __future__ import annotations

import independent
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deltarule.engines import Data
from deltarule.equations import PENALTIES
from deltarule.gradient_check import check, check_gradient
from deltarule.network import Network

W = np.array([[0.5, -1.25, 3.0], [-0.1, 2.0, -7.0]])


def test_the_independent_formulas_cover_the_register_exactly():
    assert set(independent.PENALTIES) == set(PENALTIES)


@pytest.mark.parametrize("name", list(PENALTIES))
def test_value_and_derivative(name):
    penalty, known = PENALTIES[name], independent.PENALTIES[name]
    assert penalty.formula(W) == pytest.approx(float(known(W)), rel=1e-14)
    np.testing.assert_allclose(penalty.derivative(W), jax.grad(known)(jnp.asarray(W)), rtol=1e-14)
    assert check(penalty.formula, penalty.derivative(W), W).verdict == "good"


@pytest.mark.parametrize("name", list(PENALTIES))
def test_zero_weights_cost_nothing_and_are_left_alone(name):
    penalty = PENALTIES[name]
    assert penalty.formula(np.zeros((2, 3))) == 0
    np.testing.assert_array_equal(penalty.derivative(np.zeros((2, 3))), 0)
    assert penalty.formula(np.empty((2, 0))) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(PENALTIES))
def test_the_precision_is_kept(name, dtype):
    penalty = PENALTIES[name]
    assert isinstance(penalty.formula(W.astype(dtype)), float)
    assert penalty.derivative(W.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("name", list(PENALTIES))
def test_the_input_is_not_changed(name):
    before = W.copy()
    PENALTIES[name].formula(W)
    PENALTIES[name].derivative(W)
    np.testing.assert_array_equal(W, before)


@pytest.mark.parametrize("name", list(PENALTIES))
def test_in_a_network_biases_and_slopes_are_not_penalized(name):
    network = Network.create([2, 3, 1], ["prelu", "identity"], seed=1)
    data = Data(np.zeros((5, 2)), np.zeros((5, 1)))  # nothing to learn: what is left is the penalty
    report = check_gradient(network, data, penalties={name: 2.0})
    assert report.good, report
    assert report["W[1]"].analytic != 0
    assert [report[other].analytic for other in ("b[1]", "p[1]", "b[2]")] == [0, 0, 0]


@pytest.mark.parametrize("name", list(PENALTIES))
def test_every_entry_documents_itself(name):
    assert PENALTIES[name].latex
    assert PENALTIES[name].latex_derivative
