from __future__ import annotations

import dataclasses

import independent
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deltarule.engines import Data
from deltarule.equations import ACTIVATIONS, LOSSES
from deltarule.equations.losses import cost, cost_backward
from deltarule.errors import DataError, InvalidOption
from deltarule.gradient_check import check, check_gradient
from deltarule.network import Network

TEXTS = independent.variants(LOSSES, independent.LOSS_VARIANTS)
OUTPUTS = independent.variants(ACTIVATIONS, independent.ACTIVATION_VARIANTS)
PAIRS = [(loss, g) for loss in TEXTS for g in OUTPUTS if LOSSES.choose(loss).accepts(ACTIVATIONS.choose(g)) is None]
FUSED = [(loss, g) for loss in TEXTS for g in LOSSES.choose(loss).fused]


def targets(loss, shape, seed=0):
    """Targets of the kind that a loss is meant for, (m, n)."""
    rng = np.random.default_rng(seed)
    if loss.task == "multiclass":
        return np.eye(shape[1])[rng.integers(shape[1], size=shape[0])]
    if loss.task == "binary":
        return rng.integers(2, size=shape).astype(float)
    if loss.name == "poisson_deviance":
        return rng.poisson(2, size=shape).astype(float)
    return rng.normal(size=shape)


def example(loss, g, n_outputs):
    """A small network that ends in `g`, with data: (network, X, y, w)."""
    loss, g = LOSSES.choose(loss), ACTIVATIONS.choose(g)
    network = Network.create([2, 3, n_outputs], ["tanh", g], loss, initializer="he_normal", seed=3)
    rng = np.random.default_rng(4)
    for b in network.b.values():
        b[...] = rng.normal(scale=0.3, size=b.shape)
    X = 1.5 * rng.normal(size=(7, 2))
    return network, X, targets(loss, (7, n_outputs)), rng.uniform(0, 2, 7)


def gradient(network, X, y, w=None):
    return network.backward(network.forward(X), y, w).flat


def outputs_of(g):
    return (2, 4) if ACTIVATIONS.choose(g).rowwise else (1, 3)


def test_the_independent_formulas_cover_the_register_exactly():
    assert list(independent.LOSSES) == list(LOSSES)


def test_every_option_is_tested_with_another_value_than_its_default():
    chosen = [LOSSES.choose(text) for text in TEXTS]
    for name, entry in LOSSES.items():
        assert {option for loss in chosen if loss.name == name for option in loss.options} == set(entry.defaults), name


@pytest.mark.parametrize(("loss", "g"), PAIRS)
def test_network_gradient_against_finite_differences(loss, g):
    for n_outputs in outputs_of(g):
        network, X, y, w = example(loss, g, n_outputs)
        for weights in (None, w):
            report = check_gradient(network, Data(X, y, weights))
            assert report.good, report
            assert report.kinks == 0


@pytest.mark.parametrize(("loss", "g"), PAIRS)
def test_network_gradient_against_automatic_differentiation(loss, g):
    for n_outputs in outputs_of(g):
        network, X, y, w = example(loss, g, n_outputs)
        activations = [layer.activation for layer in network.layers]

        def of_jax(theta, network=network, activations=activations, X=X, y=y, w=w):
            return independent.cost(network.sizes, activations, network.loss, theta, X, y, w)

        J, dJ = jax.value_and_grad(of_jax)(jnp.asarray(network.theta))
        assert network.cost(network.forward(X), y, w) == pytest.approx(float(J), rel=1e-12)
        np.testing.assert_allclose(gradient(network, X, y, w), dJ, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(("loss", "g"), PAIRS)
def test_float32_gradient_is_close_to_the_float64_one(loss, g):
    network, X, y, w = example(loss, g, outputs_of(g)[1])
    single = network.with_theta(network.theta.astype(np.float32))
    X32, y32 = X.astype(np.float32), y.astype(np.float32)
    cache = single.forward(X32)
    assert single.sample_losses(cache, y32).dtype == np.float32
    for weights in (w.astype(np.float32), w):  # weights of the other precision do not spoil the network's
        found = single.backward(cache, y32, weights).flat
        assert found.dtype == np.float32
        exact = gradient(network, X, y, w)
        assert np.linalg.norm(found - exact) <= 2e-5 * np.linalg.norm(exact)
    top = single.loss.backward(single.layers[-1].activation, cache.Z[2], cache.a[2], y32)
    assert cost_backward(top, w).dtype == np.float32


@pytest.mark.parametrize("loss", list(LOSSES))
def test_pairings_that_make_no_sense_are_refused(loss):
    entry = LOSSES[loss]
    refused = [name for name, g in ACTIVATIONS.items() if entry.accepts(g)]
    assert bool(refused) == bool(entry.domain)
    assert entry.output not in refused
    for name in refused:
        assert ACTIVATIONS[name].range != entry.domain
        with pytest.raises(InvalidOption, match=f"{loss} needs an output in .*, {name} gives .*use '{entry.output}'"):
            Network.create([2, 2], [name], loss)


def test_the_pairings_of_the_losses_that_need_a_range():
    accepted = {
        name: [g for g in ACTIVATIONS if loss.accepts(ACTIVATIONS[g]) is None]
        for name, loss in LOSSES.items()
        if loss.domain
    }
    assert accepted == {
        "binary_cross_entropy": ["sigmoid"],
        "categorical_cross_entropy": ["softmax"],
        "poisson_deviance": ["softplus", "exp"],
    }


@pytest.mark.parametrize("text", TEXTS)
def test_formula_and_derivative_in_the_prediction(text):
    """Those that are not fused with the output activation: what a user's own activation meets."""
    loss = LOSSES.choose(text)
    shape = (6, 3)
    y = targets(loss, shape)
    a = {"": lambda u: 4 * u - 2, "(0, inf)": lambda u: 3 * u}.get(loss.domain, lambda u: u)(
        np.random.default_rng(1).uniform(0.05, 0.95, shape)
    )
    formula, derivative = loss.bind(loss.formula), loss.bind(loss.derivative)
    known = independent.LOSSES[loss.name]
    np.testing.assert_allclose(formula(a, y), known(a, y, **loss.options), rtol=1e-13)
    dA = jax.grad(lambda a: known(a, y, **loss.options).sum())(jnp.asarray(a))
    np.testing.assert_allclose(derivative(a, y), dA, rtol=1e-12, atol=1e-14)
    assert check(lambda a: formula(a, y).sum(), derivative(a, y), a).verdict == "good"
    a32, y32 = a.astype(np.float32), y.astype(np.float32)
    assert formula(a32, y32).dtype == np.float32
    assert derivative(a32, y32).dtype == np.float32
    assert formula(np.empty((0, 3)), np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize(("loss", "g"), FUSED)
def test_a_fused_loss_is_the_loss_of_the_activation(loss, g):
    loss, g = LOSSES.choose(loss), ACTIVATIONS.choose(g)
    Z = np.random.default_rng(2).normal(scale=2, size=(9, 3))
    y, a = targets(loss, Z.shape), g.forward(Z)
    assert loss.is_fused(g)
    np.testing.assert_allclose(loss.forward(g, Z, a, y), loss.bind(loss.formula)(a, y), rtol=1e-11)
    chained = g.backward(loss.bind(loss.derivative)(a, y), Z, a)
    np.testing.assert_allclose(loss.backward(g, Z, a, y), chained, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "g"), FUSED)
def test_fused_losses_do_not_overflow(loss, g, dtype):
    loss, g = LOSSES.choose(loss), ACTIVATIONS.choose(g)
    sizes = np.array([0, 1, 17, 31, 80, 1e3, 1e4])
    if g.name == "exp":  # e^Z itself is larger than any number for Z above 88 or 709
        sizes = sizes[sizes < 88]
    Z = np.concatenate([sizes, -sizes, -np.array([1e3, 1e4])]).astype(dtype)
    Z = np.column_stack([Z, Z[::-1], np.zeros_like(Z)])
    for seed in range(3):
        y = targets(loss, Z.shape, seed).astype(dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            a = g.forward(Z)
            L, dZ = loss.forward(g, Z, a, y), loss.backward(g, Z, a, y)
        assert np.isfinite(L).all()
        assert np.isfinite(dZ).all()
        assert (-1e-6 * np.abs(Z).max(axis=1) <= L).all()


@pytest.mark.parametrize(("Z", "y", "L"), [(1e4, 0, 1e4), (1e4, 1, 0), (-1e4, 1, 1e4), (-1e4, 0, 0), (0, 1, np.log(2))])
def test_binary_cross_entropy_of_very_sure_predictions(Z, y, L):
    loss, g = LOSSES["binary_cross_entropy"], ACTIVATIONS["sigmoid"]
    Z, y = np.array([[float(Z)]]), np.array([[float(y)]])
    assert loss.forward(g, Z, g.forward(Z), y)[0] == pytest.approx(L)


def test_categorical_cross_entropy_of_very_sure_predictions():
    loss, g = LOSSES["categorical_cross_entropy"], ACTIVATIONS["softmax"]
    Z = np.array([[1e4, 0.0, -1e4]] * 3)
    np.testing.assert_allclose(loss.forward(g, Z, g.forward(Z), np.eye(3)), [0, 1e4, 2e4])


def test_poisson_deviance_far_below_zero_tends_to_the_exponential():
    loss = LOSSES["poisson_deviance"]
    Z, y = np.array([[-1e4], [-900.0], [-200.0], [-31.0], [-29.0]]), np.array([[3.0], [1.0], [2.0], [1.0], [4.0]])
    by = {name: loss.forward(g, Z, g.forward(Z), y) for name, g in ACTIVATIONS.items() if name in loss.fused}
    np.testing.assert_allclose(by["softplus"], by["exp"], rtol=1e-12)
    slopes = {name: loss.backward(g, Z, g.forward(Z), y) for name, g in ACTIVATIONS.items() if name in loss.fused}
    np.testing.assert_allclose(slopes["softplus"], slopes["exp"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(slopes["exp"], -y, atol=1e-9)


def test_residuals_of_zero_have_the_slope_that_the_entry_tells():
    y = np.array([[1.5, -2.0]])
    for name in ("absolute_error", "quantile", "quantile(q=0.9)"):
        loss = LOSSES.choose(name)
        assert (loss.kinked, loss.at_kink) == (True, "0")
        np.testing.assert_array_equal(loss.bind(loss.derivative)(y, y), 0)


def test_quantile_of_one_half_is_half_the_absolute_error():
    a, y = np.random.default_rng(0).normal(size=(2, 5, 2))
    np.testing.assert_allclose(LOSSES["quantile"].formula(a, y), LOSSES["absolute_error"].formula(a, y) / 2)


def test_the_cost_is_the_mean_and_with_weights_the_weighted_mean():
    L, w = np.array([1.0, 2.0, 6.0]), np.array([2.0, 0.0, 1.0])
    assert cost(L) == 3
    assert cost(L, w) == pytest.approx(8 / 3)
    dL = np.ones((3, 2))
    np.testing.assert_allclose(cost_backward(dL), 1 / 3)
    np.testing.assert_allclose(cost_backward(dL, w), np.array([[2], [0], [1]]) / 3 * dL)


@pytest.mark.parametrize(("L", "w"), [(np.empty(0), None), (np.ones(2), np.zeros(2)), (np.ones(2), np.array([-1, 1]))])
def test_the_cost_of_nothing_is_refused(L, w):
    with pytest.raises(DataError, match="expected samples with a total weight above 0, found 0"):
        cost(L, w)


def test_a_loss_meets_an_activation_of_the_users_own():
    half_tanh = dataclasses.replace(
        ACTIVATIONS["tanh"],
        name="half_tanh",
        formula=lambda Z: 0.5 + 0.5 * np.tanh(Z),
        derivative=lambda Z, a: 2 * a * (1 - a),
        range="(0, 1)",
    )
    network = Network.create([2, 3, 2], ["tanh", half_tanh], "binary_cross_entropy", seed=1)
    assert not network.loss.is_fused(half_tanh)
    X = np.random.default_rng(0).normal(size=(6, 2))
    y = targets(network.loss, (6, 2))
    report = check_gradient(network, Data(X, y))
    assert report.good, report


@pytest.mark.parametrize("name", list(LOSSES))
def test_every_entry_documents_itself(name):
    loss = LOSSES[name]
    assert loss.latex
    assert loss.latex_derivative
    assert loss.formula.__doc__
    assert loss.derivative.__doc__
    assert loss.output in ACTIVATIONS
    assert all(g in ACTIVATIONS for g in loss.fused)


@pytest.mark.parametrize("name", list(LOSSES))
def test_targets_a_loss_is_not_defined_for_are_refused(name):
    loss = LOSSES[name]
    low, high = {"(-inf, inf)": (-1e9, 1e9), "[0, inf)": (0, 1e9), "[0, 1]": (0, 1)}[loss.targets]
    loss.check_targets(np.array([[low, high, 0.0 if loss.domain == "simplex" else (low + high) / 2]]))
    loss.check_targets(np.empty((0, 1)))
    for outside in [low - 0.5] * (loss.targets != "(-inf, inf)") + [high + 0.5] * (loss.targets == "[0, 1]"):
        with pytest.raises(DataError, match=rf"{name} expects y in .*, found {outside:g}; choose another loss"):
            loss.check_targets(np.array([[low], [outside], [high]]))


def test_shares_of_classes_sum_to_one():
    loss = LOSSES["categorical_cross_entropy"]
    loss.check_targets(np.full((2, 3), 1 / 3, np.float32))
    with pytest.raises(DataError, match=r"rows of y that sum to 1, found one that sums to 1\.25; give the share"):
        loss.check_targets(np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.5]]))
