from __future__ import annotations

import re

import independent
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deltarule.equations import ACTIVATIONS
from deltarule.equations.activation_table import sigmoid_table
from deltarule.equations.activations import sigmoid

TEXTS = independent.variants(ACTIVATIONS, independent.ACTIVATION_VARIANTS)
ELEMENTWISE = [text for text in TEXTS if not ACTIVATIONS.choose(text).rowwise]
SMOOTH_POINTS = np.array([-40.3, -12.1, -6.2, -3.1, -2.9, -1.7, -0.6, -1e-3, 1e-3, 0.4, 1.3, 2.9, 3.1, 5.5, 11.7, 37.7])


def grid(g):
    """Points away from the kinks, (4, 4)."""
    return np.array([z for z in SMOOTH_POINTS if all(abs(z - kink) > 1e-4 for kink in g.kinks)]).reshape(4, -1)


def slope_for(g, columns, dtype=np.float64):
    """A learned parameter for every column, or one for all."""
    if g.learns is None:
        return None
    n = g.n_learned(columns)
    return (float(g.settings["initial"]) + 0.1 * np.arange(n)).astype(dtype)


def formula(g):
    """The independent formula with the options of `g`, as a function of (Z, p)."""
    known = independent.ACTIVATIONS[g.name]
    return known if g.learns else lambda Z, p=None: known(Z, **g.options)


def derivative(g, Z, p=None):
    return g.backward(np.ones_like(Z), Z, g.forward(Z, p), p)


def test_the_independent_formulas_cover_the_register_exactly():
    assert list(independent.ACTIVATIONS) == list(ACTIVATIONS)


def test_every_option_is_tested_with_another_value_than_its_default():
    chosen = [ACTIVATIONS.choose(text) for text in TEXTS]
    for name, entry in ACTIVATIONS.items():
        tested = {option for g in chosen if g.name == name for option in g.options}
        assert tested == set(entry.defaults), name


@pytest.mark.parametrize("text", TEXTS)
def test_values_are_those_of_the_independent_formula(text):
    g = ACTIVATIONS.choose(text)
    Z = grid(g)
    p = slope_for(g, Z.shape[1])
    np.testing.assert_allclose(g.forward(Z, p), formula(g)(Z, p), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("text", TEXTS)
def test_backward_is_the_automatic_derivative_of_the_independent_formula(text):
    g = ACTIVATIONS.choose(text)
    Z = grid(g)
    p = slope_for(g, Z.shape[1])
    dA = np.random.default_rng(0).normal(size=Z.shape)
    _, pullback = jax.vjp(formula(g), jnp.asarray(Z), p)
    dZ, dp = pullback(jnp.asarray(dA))
    np.testing.assert_allclose(g.backward(dA, Z, g.forward(Z, p), p), dZ, rtol=1e-11, atol=3e-16)
    if p is not None:
        learned = np.empty_like(p)
        g.backward_learned(dA, Z, learned)
        np.testing.assert_allclose(learned, dp, rtol=1e-12)


@pytest.mark.parametrize("text", ELEMENTWISE)
def test_the_derivative_is_the_limit_of_differences(text):
    g = ACTIVATIONS.choose(text)
    Z = grid(g)[:, 1:]
    p = slope_for(g, Z.shape[1])
    h = 1e-5
    differences = (g.forward(Z + h, p) - g.forward(Z - h, p)) / (2 * h)
    np.testing.assert_allclose(derivative(g, Z, p), differences, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("text", ELEMENTWISE)
def test_at_a_kink_the_derivative_is_the_left_one(text):
    g = ACTIVATIONS.choose(text)
    assert bool(g.kinks) == bool(g.at_kink)
    for kink in g.kinks:
        Z = np.array([[kink]])
        p = slope_for(g, 1)
        h = 1e-7
        left = (g.forward(Z, p) - g.forward(Z - h, p)) / h
        right = (g.forward(Z + h, p) - g.forward(Z, p)) / h
        np.testing.assert_allclose(derivative(g, Z, p), left, atol=1e-6)
        if g.settings.get("alpha") != 1:  # with alpha = 1 the ELU has no corner, only a jump of the second derivative
            assert abs(left - right) > 0.1


@pytest.mark.parametrize(
    ("text", "kink", "value", "told"),
    [
        ("relu", 0, 0, "0,"),
        ("leaky_relu", 0, 0.01, "slope,"),
        ("leaky_relu(1.5)", 0, 1.5, "slope,"),
        ("prelu", 0, 0.25, "p,"),
        ("elu", 0, 1, "alpha,"),
        ("elu(0.3)", 0, 0.3, "alpha,"),
        ("selu", 0, 1.7580993408473766, "1.758,"),
        ("hard_sigmoid", -3, 0, "0 at -3"),
        ("hard_sigmoid", 3, 1 / 6, "1/6 at 3"),
    ],
)
def test_the_value_at_the_kink_is_the_one_that_the_entry_tells(text, kink, value, told):
    g = ACTIVATIONS.choose(text)
    assert kink in g.kinks
    assert told in g.at_kink
    for z in (float(kink), -0.0 if kink == 0 else float(kink)):
        np.testing.assert_allclose(derivative(g, np.array([[z]]), slope_for(g, 1)), value, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("text", TEXTS)
def test_the_precision_is_kept(text, dtype):
    g = ACTIVATIONS.choose(text)
    Z = grid(g).astype(dtype)
    p = slope_for(g, Z.shape[1], dtype)
    a = g.forward(Z, p)
    assert a.dtype == dtype
    assert g.backward(np.ones_like(a), Z, a, p).dtype == dtype
    if not g.rowwise:
        assert (g.dg(Z, a) if p is None else g.dg(Z, a, p)).dtype == dtype
    if g.learns:
        assert g.learns(Z).dtype == dtype


@pytest.mark.parametrize("text", TEXTS)
def test_float32_is_as_exact_as_float32_can_be(text):
    g = ACTIVATIONS.choose(text)
    Z = grid(g).astype(np.float32)
    p = slope_for(g, Z.shape[1], np.float32)
    with np.errstate(over="ignore"):  # exp(89) is too large for float32
        a, exact = g.forward(Z, p), np.asarray(formula(g)(Z.astype(np.float64), None if p is None else p.astype(float)))
    finite = np.abs(exact) < np.finfo(np.float32).max
    np.testing.assert_allclose(a[finite], exact[finite], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 1e4), (np.float64, 1e300)])
@pytest.mark.parametrize("text", ELEMENTWISE)
def test_very_large_numbers_give_the_limit_and_no_warning(text, dtype, large):
    g = ACTIVATIONS.choose(text)
    Z = np.array([[-large, large], [-large / 7, large / 7]], dtype)
    p = slope_for(g, 2, dtype)
    overflows = g.name == "exp"  # e^10000 is no number of either precision
    with np.errstate(over="ignore" if overflows else "raise", invalid="raise", divide="raise"):
        a = g.forward(Z, p)
        da = derivative(g, Z, p)
    low, high = limits(g, Z[:, 0], Z[:, 1], p)
    np.testing.assert_allclose(a, np.column_stack([low, high]), rtol=1e-6)
    assert not np.isnan(da).any()
    assert np.isfinite(da).all() or overflows
    h = np.abs(Z) / 8
    with np.errstate(all="ignore"):
        secant = (g.forward(Z + h, p) - g.forward(Z - h, p)) / (2 * h)  # straight out there
    np.testing.assert_allclose(da[np.isfinite(secant)], secant[np.isfinite(secant)], rtol=1e-5, atol=1e-6)


def limits(g, low, high, p):
    """What the activation tends to for Z << 0 and Z >> 0."""
    slope = p if p is not None else g.settings.get("slope", 1)
    left = {"tanh": -1, "identity": low, "leaky_relu": slope * low, "prelu": None if p is None else p[0] * low}
    left |= {"elu": -g.settings.get("alpha", 1), "selu": -1.7580993408473766}
    right = {"sigmoid": 1, "tanh": 1, "hard_sigmoid": 1, "selu": 1.0507009873554805 * high, "exp": np.inf}
    return np.broadcast_to(left.get(g.name, 0), low.shape), np.broadcast_to(right.get(g.name, high), high.shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_very_large_numbers(dtype):
    softmax = ACTIVATIONS["softmax"]
    large = np.finfo(dtype).max / 4
    Z = np.array([[large, -large, 0], [-large, -large, -large], [1e4, 1e4 - 1, -1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a = softmax.forward(Z)
        dZ = softmax.backward(np.ones_like(Z), Z, a)
    odds = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(a, [[1, 0, 0], [1 / 3] * 3, [odds, 1 - odds, 0]], rtol=1e-5)
    np.testing.assert_allclose(dZ, 0, atol=1e-6)


@pytest.mark.parametrize("text", TEXTS)
def test_nan_stays_nan(text):
    g = ACTIVATIONS.choose(text)
    Z = np.array([[np.nan, 1.0], [0.5, 2.0]])
    a = g.forward(Z, slope_for(g, 2))
    assert np.isnan(a[0, 0])
    assert np.isfinite(a[1]).all()
    assert g.rowwise or np.isfinite(a[0, 1])


@pytest.mark.parametrize("text", TEXTS)
def test_no_samples_give_no_outputs(text):
    g = ACTIVATIONS.choose(text)
    Z = np.empty((0, 3))
    assert g.forward(Z, slope_for(g, 3)).shape == (0, 3)
    assert derivative(g, Z, slope_for(g, 3)).shape == (0, 3)


@pytest.mark.parametrize("text", TEXTS)
def test_neither_direction_changes_its_input(text):
    g = ACTIVATIONS.choose(text)
    Z, dA = grid(g), np.ones_like(grid(g))
    p = slope_for(g, Z.shape[1])
    a = g.forward(Z, p)
    before = a.copy()
    g.backward(dA, Z, a, p)
    np.testing.assert_array_equal(Z, grid(g))
    np.testing.assert_array_equal(a, before)
    np.testing.assert_array_equal(dA, 1)


@pytest.mark.parametrize("text", ELEMENTWISE)
def test_values_lie_in_the_range_that_the_entry_tells(text):
    g = ACTIVATIONS.choose(text)
    names = {key: float(value) for key, value in g.settings.items()}
    opening, low, high, closing = re.fullmatch(r"([(\[])(.*), (.*)([)\]])", g.range).groups()
    low, high = (-names[text[1:]] if text[1:] in names else float(text) for text in (low, high))
    a = g.forward(np.linspace(-8, 8, 4001).reshape(-1, 1), slope_for(g, 1))
    margin = 6e-4  # the range is told to three places
    if names.get("slope", 0) >= 0 and names.get("initial", 0) >= 0:
        assert a.min() >= low - margin
        assert a.max() <= high + margin
    if opening == "[" and low > -np.inf:
        assert a.min() == pytest.approx(low, abs=margin)
    if closing == "]":
        assert a.max() == pytest.approx(high, abs=margin)


def test_the_sigmoid_table_is_that_of_the_slides():
    Z = [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]
    assert sigmoid_table() == list(zip(Z, [0.12, 0.18, 0.27, 0.38, 0.50, 0.62, 0.73, 0.82, 0.88], strict=True))


def test_the_limits_that_the_slides_name():
    np.testing.assert_array_equal(sigmoid(np.array([-800.0, 800.0])), [0, 1])
    np.testing.assert_array_equal(ACTIVATIONS["tanh"].forward(np.array([-800.0, 800.0])), [-1, 1])


def test_tanh_is_a_scaled_and_shifted_sigmoid():
    Z = np.linspace(-5, 5, 101)
    np.testing.assert_allclose(ACTIVATIONS["tanh"].forward(Z), 2 * sigmoid(2 * Z) - 1, atol=1e-15)


def test_both_derivations_of_the_sigmoid_agree():
    Z = np.linspace(-20, 20, 101)
    np.testing.assert_allclose(ACTIVATIONS["sigmoid"].dg(Z, sigmoid(Z)), np.exp(-Z) / (1 + np.exp(-Z)) ** 2, rtol=1e-7)


@pytest.mark.parametrize(("shared", "n"), [(False, 3), (True, 1)])
def test_prelu_learns_one_slope_a_unit_or_one_for_all(shared, n):
    g = ACTIVATIONS["prelu"].configured(shared=shared)
    assert g.n_learned(3) == n
    Z = np.array([[-1.0, 2.0, -3.0], [4.0, -5.0, -6.0]])
    dp = np.empty(n)
    g.backward_learned(np.ones_like(Z), Z, dp)
    np.testing.assert_array_equal(dp, [-15] if shared else [-1, -5, -9])


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_entry_documents_itself(name):
    g = ACTIVATIONS[name]
    assert g.latex
    assert g.latex_derivative
    assert g.use
    assert g.range
    assert g.formula.__doc__
    assert g.derivative.__doc__
