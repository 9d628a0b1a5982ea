from __future__ import annotations

import numpy as np
import pytest

from deltarule.equations import ACTIVATIONS, INITIALIZERS
from deltarule.network import Network

VARIANCES = {  # of the weights, from the papers, for n inputs and k units
    "zeros": lambda n, k: 0.0,
    "glorot_uniform": lambda n, k: 2 / (n + k),
    "glorot_uniform_with_biases": lambda n, k: 2 / (n + k),
    "glorot_normal": lambda n, k: 2 / (n + k),
    "he_uniform": lambda n, k: 2 / n,
    "he_normal": lambda n, k: 2 / n,
    "lecun_uniform": lambda n, k: 1 / n,
    "lecun_normal": lambda n, k: 1 / n,
}
SHAPES = [(300, 200), (20, 3000), (3000, 20)]


def test_the_table_covers_the_register_exactly():
    assert set(VARIANCES) == set(INITIALIZERS)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_mean_and_variance(name, shape):
    W, b = INITIALIZERS[name].draw(shape, np.random.default_rng(0))
    variance = VARIANCES[name](shape[1], shape[0])
    assert W.shape == shape
    assert b.shape == shape[:1]
    assert W.dtype == b.dtype == np.float64
    assert abs(W.mean()) <= 5 * np.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [name for name in INITIALIZERS if "uniform" in name])
def test_a_uniform_one_keeps_and_fills_its_bounds(name, shape):
    W, _ = INITIALIZERS[name].draw(shape, np.random.default_rng(1))
    bound = np.sqrt(3 * VARIANCES[name](shape[1], shape[0]))
    assert 0.99 * bound < np.abs(W).max() <= bound
    counts, _ = np.histogram(W, bins=10, range=(-bound, bound))
    np.testing.assert_allclose(counts, W.size / 10, rtol=0.1)


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name.endswith("normal")])
def test_a_normal_one_has_the_shares_of_the_normal_distribution(name):
    W = INITIALIZERS[name].draw((300, 200), np.random.default_rng(2))[0] / np.sqrt(VARIANCES[name](200, 300))
    for deviations, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert (np.abs(W) < deviations).mean() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_the_generator_decides(name):
    first, again, other = (INITIALIZERS[name].draw((4, 3), np.random.default_rng(seed)) for seed in (5, 5, 6))
    for one, same, another in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert np.array_equal(one, another) == (not one.any())


@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_a_network_draws_its_weights_and_begins_with_zero_biases_unless_they_are_drawn_too(name):
    network = Network.create([200, 1000, 500, 1], ["tanh", "tanh", "identity"], initializer=name, seed=1)
    for l in (1, 2):
        k, n = network.W[l].shape
        variance = VARIANCES[name](n, k)
        assert network.W[l].var() == pytest.approx(variance, rel=0.1)
        assert network.b[l].var() == pytest.approx(variance if name.endswith("with_biases") else 0, rel=0.15)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if not ACTIVATIONS[name].output_only])
def test_by_default_each_layer_takes_the_initializer_that_suits_its_activation(name):
    network = Network.create([200, 300, 1], [name, "identity"], seed=1)
    wanted = VARIANCES[ACTIVATIONS[name].initializer](200, 300)
    assert network.W[1].var() == pytest.approx(wanted, rel=0.03)


def test_by_default_one_layer_begins_at_zero():
    assert not Network.create([20, 3], ["softmax"], "categorical_cross_entropy").theta.any()
    assert Network.create([20, 3], ["softmax"], "categorical_cross_entropy", initializer="he_normal").theta.any()


@pytest.mark.parametrize(("name", "growth"), [("relu", (0.4, 1.6)), ("selu", (0.8, 1.25)), ("tanh", (0.05, 1.0))])
def test_the_signal_neither_fades_nor_explodes_with_depth(name, growth):
    network = Network.create([256] * 13, [name] * 12, initializer="auto", seed=3)
    X = np.random.default_rng(0).normal(size=(200, 256))
    cache = network.forward(X)
    ratio = np.sqrt(np.square(cache.a[12]).mean() / np.square(cache.a[1]).mean())
    assert growth[0] < ratio < growth[1]
