from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from scipy import sparse

from deltarule.engines import Data
from deltarule.equations import ACTIVATIONS, LOSSES
from deltarule.errors import DataError, InvalidOption, UnknownName
from deltarule.gradient_check import check
from deltarule.network import MOST_PARAMETERS, Network, check_shapes


def make(seed=0, dtype=np.float64, **options):
    return Network.create(
        [3, 5, 4, 2], ["prelu", "tanh", "sigmoid"], "binary_cross_entropy", seed=seed, dtype=dtype, **options
    )


@pytest.fixture
def network():
    return make()


@pytest.fixture
def samples():
    rng = np.random.default_rng(1)
    return rng.normal(size=(7, 3)), rng.integers(2, size=(7, 2)).astype(float)


def gradient(network, X, y, w=None, key=None):
    return network.backward(network.forward(X, dropout_key=key), y, w).flat


# description and parameters


def test_shapes(network):
    assert network.sizes == [3, 5, 4, 2]
    assert network.n_parameters == len(network.theta) == 3 * 5 + 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2
    assert {l: W.shape for l, W in network.W.items()} == {1: (5, 3), 2: (4, 5), 3: (2, 4)}
    assert {l: b.shape for l, b in network.b.items()} == {1: (5,), 2: (4,), 3: (2,)}
    assert {l: p.shape for l, p in network.p.items()} == {1: (5,)}


def test_theta_holds_layer_after_layer_weights_then_biases_then_slopes(network):
    theta = np.arange(float(network.n_parameters))
    numbered = network.with_theta(theta)
    parts = [numbered.W[1], numbered.b[1], numbered.p[1], numbered.W[2], numbered.b[2], numbered.W[3], numbered.b[3]]
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts]), theta)
    np.testing.assert_array_equal(numbered.W[1][1], [3, 4, 5])  # row k holds the weights of unit k


@pytest.mark.parametrize("X", [np.zeros((2, 4)), np.zeros(3), np.zeros((1, 2, 3)), [[1.0, 2.0]]])
def test_samples_of_another_width_are_refused(X, network):
    for method in (network.forward, network.predict):
        with pytest.raises(DataError, match=r"expected samples of the shape \(m, 3\), found \("):
            method(X)


def test_views_share_memory_with_theta(network):
    for part in (*network.W.values(), *network.b.values(), *network.p.values()):
        assert np.shares_memory(part, network.theta)
    network.theta[...] = 7
    assert (network.W[2] == 7).all()
    network.b[3][1] = -1
    assert network.theta[-1] == -1


def test_with_theta_leaves_the_network_alone(network):
    before = network.theta.copy()
    other = network.with_theta(np.zeros_like(before))
    assert other.layers == network.layers
    assert not other.W[1].any()
    np.testing.assert_array_equal(network.theta, before)
    np.testing.assert_array_equal(network.W[1].ravel(), before[:15])


def test_the_network_is_frozen(network):
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.theta = np.zeros(3)


@pytest.mark.parametrize("shape", [(3,), (60,), (59, 1), ()])
def test_a_theta_of_another_shape_is_refused(network, shape):
    with pytest.raises(InvalidOption, match=r"expected theta of shape \(59,\) in float32 or float64, found"):
        network.with_theta(np.zeros(shape))


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex128])
def test_another_precision_is_refused(network, dtype):
    with pytest.raises(InvalidOption, match=r"in float32 or float64, found .* in"):
        network.with_theta(np.zeros(59, dtype))
    with pytest.raises(InvalidOption, match="in float32 or float64"):
        Network.create([2, 1], ["identity"], dtype=dtype)


def test_the_seed_decides_the_weights():
    np.testing.assert_array_equal(make(5).theta, make(5).theta)
    assert (make(5).W[1] != make(6).W[1]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_weights_of_all_but_small_networks_begin_at_a_cache_line(dtype):
    networks = [Network.create([n, 200, 1], ["relu", "identity"], dtype=dtype) for n in range(4, 30)]
    assert {network.theta.ctypes.data % 64 for network in networks} == {0}


def test_slopes_begin_where_the_activation_says():
    network = Network.create([2, 3, 3, 1], ["prelu(initial=0.4)", "prelu(shared=true)", "identity"])
    np.testing.assert_array_equal(network.p[1], [0.4] * 3)
    np.testing.assert_array_equal(network.p[2], [0.25])


def test_the_text_of_a_network():
    text = str(Network.create([4, 16, 1], ["leaky_relu(0.2)", "sigmoid"], "binary_cross_entropy", dropout=0.5))
    assert text == "4 -> 16 leaky_relu(slope=0.2) (dropout 0.5) -> 1 sigmoid, binary_cross_entropy, 97 parameters"


@pytest.mark.parametrize("shape", [(1,), (5, 3), (5, 1, 1), (1, 1)])
def test_targets_of_another_shape_are_refused(shape):
    network = Network.create([3, 4, 1], ["tanh", "identity"], seed=0)
    cache = network.forward(np.ones((5, 3)))
    for use in (network.cost, network.sample_losses, network.backward):
        with pytest.raises(DataError, match=r"expected y of the shape \(5, 1\), as the prediction has, found"):
            use(cache, np.ones(shape))


@pytest.mark.parametrize("dropout", ["0.5", [[0.5]], None, ["a"]])
def test_dropout_that_is_no_number_is_refused(dropout):
    with pytest.raises(InvalidOption, match="expected dropout as a number or one for each hidden layer, found"):
        Network.create([3, 2, 1], ["tanh", "identity"], dropout=dropout)


def test_theta_with_gaps_is_refused():
    network = Network.create([3, 1], ["identity"], seed=0)
    with pytest.raises(InvalidOption, match="expected theta in one piece"):
        network.with_theta(np.repeat(network.theta, 2)[::2])


@pytest.mark.parametrize("dropout", [0.0, np.float32(0.25), [0.5, 0.25]])
def test_pickle_keeps_everything_and_the_views_work_again(samples, dropout):
    network = make(3, dropout=dropout)
    assert network.W  # views exist, and are not what is written
    again = pickle.loads(pickle.dumps(network))
    assert (again.layers, again.loss, again.sizes) == (network.layers, network.loss, network.sizes)
    np.testing.assert_array_equal(again.predict(samples[0]), network.predict(samples[0]))
    again.W[1][...] = 0
    assert not again.theta[:15].any()
    assert network.theta[:15].any()
    assert len(pickle.dumps(network)) < len(pickle.dumps(network.theta)) + 5000


# what is refused


@pytest.mark.parametrize(
    "sizes",
    [[], [2], [2, 0], [0, 1], [2, -3, 1], [2, 1.5], [2, True], [2, np.nan], [2, np.inf], [2, "a"], [2, "3"], [2, None]],
)
def test_absurd_sizes_are_refused(sizes):
    with pytest.raises(InvalidOption, match=r"expected the sizes .* whole numbers from 1, found"):
        Network.create(sizes, ["identity"] * (len(sizes) - 1))


@pytest.mark.parametrize("sizes", [[10**6, 10**6, 1], [1, 10**12, 1], [10**30, 1, 1]])
def test_sizes_beyond_any_memory_are_refused_before_it_is_asked_for(sizes):
    with pytest.raises(InvalidOption, match=f"at most {MOST_PARAMETERS:,} parameters, found .*use smaller layers"):
        Network.create(sizes, ["relu", "identity"])


@pytest.mark.parametrize("size", [3.0, np.int64(3), np.float32(3)])
def test_whole_numbers_of_any_type_will_do(size):
    assert Network.create([size, size, 1], ["relu", "identity"]).sizes == [3, 3, 1]


@pytest.mark.parametrize("activations", [[], ["tanh"], ["tanh", "tanh", "identity"]])
def test_one_activation_a_layer(activations):
    with pytest.raises(InvalidOption, match=f"expected 2 activations, one a layer, found {len(activations)}"):
        Network.create([2, 3, 1], activations)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"activations": ["tanhh", "identity"]}, UnknownName, "did you mean 'tanh'"),
        ({"loss": "mse"}, UnknownName, "known loss names"),
        ({"initializer": "ones"}, UnknownName, "known initializer names"),
        ({"activations": ["softmax", "identity"]}, InvalidOption, "layer 1: softmax is an output activation"),
        ({"activations": ["exp", "identity"]}, InvalidOption, "layer 1: exp is an output activation"),
        ({"loss": "binary_cross_entropy"}, InvalidOption, "needs an output in (0, 1), identity gives (-inf, inf); use"),
        ({"dropout": 1}, InvalidOption, "layer 1: dropout must lie in [0, 1), found 1.0"),
        ({"dropout": -0.1}, InvalidOption, "layer 1: dropout must lie in [0, 1), found -0.1"),
        ({"dropout": float("nan")}, InvalidOption, "dropout must lie in [0, 1), found nan"),
        ({"dropout": [0.1, 0.2]}, InvalidOption, "expected 1 dropout rates, one a hidden layer, found 2"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, message):
    given = {"activations": ["tanh", "identity"], "loss": "squared_error", **options}
    with pytest.raises(error) as caught:
        Network.create([2, 3, 1], given.pop("activations"), **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_output_layer_is_never_dropped(network):
    layers = (*network.layers[:-1], dataclasses.replace(network.layers[-1], dropout=0.5))
    with pytest.raises(InvalidOption, match=r"dropout of the output layer must be 0, found 0.5"):
        dataclasses.replace(network, layers=layers)


def test_data_that_does_not_fit_is_refused(network, samples):
    X, y = samples
    check_shapes(network, X, y)
    for wrong in (X[:, :2], X[0], X[None]):
        with pytest.raises(DataError, match=r"expected X of shape \(m, 3\), found"):
            check_shapes(network, wrong, y)
    for wrong in (y[:3], y[:, :1], y[:, 0]):
        with pytest.raises(DataError, match=r"expected y of shape \(7, 2\), found"):
            check_shapes(network, X, wrong)


# computation


def test_forward_is_the_formula_of_the_lecture(network, samples):
    X, _ = samples
    cache = network.forward(X)
    Z1 = X @ network.W[1].T + network.b[1]
    a1 = np.where(Z1 > 0, Z1, 0.25 * Z1)
    a2 = np.tanh(a1 @ network.W[2].T + network.b[2])
    Z3 = a2 @ network.W[3].T + network.b[3]
    np.testing.assert_allclose(cache.Z[1], Z1)
    np.testing.assert_allclose(cache.a[1], a1)
    np.testing.assert_allclose(cache.a[2], a2)
    np.testing.assert_allclose(cache.prediction, 1 / (1 + np.exp(-Z3)))
    assert cache.a[0] is X


def test_predict_equals_forward(network, samples):
    np.testing.assert_array_equal(network.predict(samples[0]), network.forward(samples[0]).prediction)
    with_dropout = make(dropout=0.5)
    np.testing.assert_array_equal(with_dropout.predict(samples[0]), with_dropout.forward(samples[0]).prediction)


def test_nothing_changes_the_samples(network, samples):
    X, y = (a.copy() for a in samples)
    network.step(network.backward(network.forward(X), y, np.ones(7)), 0.1)
    np.testing.assert_array_equal(X, samples[0])
    np.testing.assert_array_equal(y, samples[1])


def test_the_loss_is_the_mean_over_the_samples(network, samples):
    X, y = samples
    cache = network.forward(X)
    L = network.sample_losses(cache, y)
    a = cache.prediction
    np.testing.assert_allclose(L, -np.where(y == 1, np.log(a), np.log(1 - a)).sum(axis=1))
    assert network.cost(cache, y) == pytest.approx(L.mean())


def test_targets_may_be_one_dimensional():
    network = Network.create([2, 1], ["sigmoid"], "binary_cross_entropy", initializer="he_normal")
    X, y = np.random.default_rng(0).normal(size=(5, 2)), np.array([0.0, 1, 1, 0, 1])
    cache = network.forward(X)
    assert network.cost(cache, y) == network.cost(cache, y[:, None])
    np.testing.assert_array_equal(network.backward(cache, y).flat, network.backward(cache, y[:, None]).flat)


def test_a_weight_of_two_is_the_row_twice(network, samples):
    X, y = samples
    w = np.array([1.0, 2, 1, 1, 2, 1, 1])
    twice = np.repeat(np.arange(7), w.astype(int))
    assert network.cost(network.forward(X), y, w) == pytest.approx(network.cost(network.forward(X[twice]), y[twice]))
    np.testing.assert_allclose(gradient(network, X, y, w), gradient(network, X[twice], y[twice]), rtol=1e-12)


def test_a_weight_of_zero_is_the_row_left_out(network, samples):
    X, y = samples
    w = np.array([1.0, 0, 1, 1, 0, 1, 1])
    assert network.cost(network.forward(X), y, w) == pytest.approx(network.cost(network.forward(X[w > 0]), y[w > 0]))
    np.testing.assert_allclose(gradient(network, X, y, w), gradient(network, X[w > 0], y[w > 0]), rtol=1e-12)


def test_only_the_proportions_of_the_weights_matter(network, samples):
    X, y = samples
    w = np.linspace(0.5, 2, 7)
    assert network.cost(network.forward(X), y, w) == pytest.approx(network.cost(network.forward(X), y, 10 * w))
    np.testing.assert_allclose(gradient(network, X, y, w), gradient(network, X, y, 10 * w), rtol=1e-12)
    np.testing.assert_allclose(gradient(network, X, y, np.full(7, 3.0)), gradient(network, X, y), rtol=1e-12)


def test_backward_writes_where_told(network, samples):
    X, y = samples
    out = network.view(np.full(59, np.nan))
    returned = network.backward(network.forward(X), y, out=out)
    assert returned is out
    np.testing.assert_array_equal(out.flat, gradient(network, X, y))


def test_step_is_gradient_descent_in_place(network, samples):
    X, y = samples
    theta, before = network.theta, network.theta.copy()
    grad = network.backward(network.forward(X), y)
    network.step(grad, 0.1)
    assert network.theta is theta
    np.testing.assert_allclose(theta, before - 0.1 * grad.flat, rtol=1e-15)
    np.testing.assert_allclose(network.W[1], before[:15].reshape(5, 3) - 0.1 * grad.W[1], rtol=1e-15)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_samples_give_what_dense_ones_give(network, samples, kind):
    X, y = samples
    np.testing.assert_allclose(network.predict(kind(X)), network.predict(X), rtol=1e-13)
    np.testing.assert_allclose(gradient(network, kind(X), y), gradient(network, X, y), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("hidden", [name for name in ACTIVATIONS if not ACTIVATIONS[name].output_only])
def test_float32_stays_float32_throughout(hidden, loss):
    network = Network.create([3, 4, 2], [hidden, LOSSES[loss].output], loss, dropout=0.5, dtype=np.float32)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 3)).astype(np.float32), np.eye(2, dtype=np.float32)[rng.integers(2, size=6)]
    cache = network.forward(X, dropout_key=(0, 1))
    arrays = [*cache.Z.values(), *cache.a.values(), *cache.mask.values(), *cache.dropped.values()]
    arrays += [network.sample_losses(cache, y), network.predict(X), network.theta]
    grad = network.backward(cache, y, np.ones(6, np.float32))
    arrays += [grad.flat, *grad.W.values()]
    network.step(grad, 0.1)
    arrays.append(network.theta)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert isinstance(network.cost(cache, y), float)


def test_no_samples_are_predicted_as_none_and_have_no_cost(network):
    assert network.predict(np.empty((0, 3))).shape == (0, 2)
    with pytest.raises(DataError, match="total weight above 0"):
        network.cost(network.forward(np.empty((0, 3))), np.empty((0, 2)))


# dropout


def test_dropout_is_a_function_of_seed_and_step(samples):
    X, _ = samples
    network = make(dropout=0.5)
    first, again, later, other = (network.forward(X, dropout_key=key) for key in ((1, 2), (1, 2), (1, 3), (2, 2)))
    np.testing.assert_array_equal(first.prediction, again.prediction)
    assert (first.prediction != later.prediction).any()
    assert (first.prediction != other.prediction).any()
    assert set(first.mask) == {1, 2}
    assert (first.mask[1][:, :4] != first.mask[2]).any()


def test_what_is_dropped_is_not_seen_by_the_next_layer(samples):
    network = make(dropout=[0.5, 0.0])
    cache = network.forward(samples[0], dropout_key=(0, 1))
    np.testing.assert_array_equal(cache.seen(1), cache.a[1] * cache.mask[1])
    assert (cache.seen(1) == 0).any()
    assert cache.seen(2) is cache.a[2]
    np.testing.assert_allclose(cache.Z[2], cache.seen(1) @ network.W[2].T + network.b[2])


def test_the_gradient_under_dropout(samples):
    X, y = samples
    network = make(dropout=[0.5, 0.25])

    def J(theta):
        at = network.with_theta(theta.copy())
        return at.cost(at.forward(X, dropout_key=(1, 2)), y)

    found = check(J, gradient(network, X, y, key=(1, 2)), network.theta)
    assert found.verdict == "good", found


def test_dropout_keeps_the_expectation_of_what_the_next_layer_sees(samples):
    X = np.repeat(samples[0][:1], 4000, axis=0)
    network = make(dropout=[0.3, 0.0])
    cache = network.forward(X, dropout_key=(0, 1))
    np.testing.assert_allclose(cache.dropped[1].mean(axis=0), cache.a[1][0], rtol=0.1)


# the example that is worked by hand


def test_one_step_by_hand():
    """x = (1, 2), y = 1, ReLU then sigmoid, cross-entropy, alpha = 0.1: every number to its four places."""
    network = Network.create([2, 3, 1], ["relu", "sigmoid"], "binary_cross_entropy")
    network.W[1][...] = [[0.5, -0.3], [0.2, 0.8], [-0.6, 0.1]]
    network.b[1][...] = [0.3, -0.1, 0.0]
    network.W[2][...] = [[0.7, -0.5, 0.9]]
    network.b[2][...] = [0.2]
    X, y = np.array([[1.0, 2.0]]), np.array([[1.0]])

    cache = network.forward(X)
    np.testing.assert_allclose(cache.Z[1], [[0.2, 1.7, -0.4]], atol=1e-15)
    np.testing.assert_allclose(cache.a[1], [[0.2, 1.7, 0]], atol=1e-15)
    np.testing.assert_allclose(cache.Z[2], [[-0.51]], atol=1e-15)
    np.testing.assert_allclose(cache.prediction, [[0.3752]], atol=5e-5)
    J = network.cost(cache, y)
    assert round(J, 4) == 0.9803
    assert pytest.approx(-np.log(cache.prediction.item())) == J

    sigmoid = ACTIVATIONS["sigmoid"]
    dA2 = LOSSES["binary_cross_entropy"].derivative(cache.a[2], y)
    np.testing.assert_allclose(dA2, [[-2.6653]], atol=5e-5)
    np.testing.assert_allclose(sigmoid.dg(cache.Z[2], cache.a[2]), [[0.2344]], atol=5e-5)
    dZ2 = network.loss.backward(sigmoid, cache.Z[2], cache.a[2], y)
    np.testing.assert_allclose(dZ2, [[-0.6248]], atol=5e-5)
    np.testing.assert_allclose(sigmoid.backward(dA2, cache.Z[2], cache.a[2]), dZ2, rtol=1e-14)

    grad = network.backward(cache, y)
    np.testing.assert_allclose(grad.W[2], [[-0.1250, -1.0622, 0]], atol=5e-5)
    np.testing.assert_allclose(grad.b[2], [-0.6248], atol=5e-5)
    np.testing.assert_allclose(dZ2 @ network.W[2], [[-0.4374, 0.3124, -0.5623]], atol=5e-5)
    np.testing.assert_allclose(grad.W[1], [[-0.4374, -0.8747], [0.3124, 0.6248], [0, 0]], atol=5e-5)
    np.testing.assert_allclose(grad.b[1], [-0.4374, 0.3124, 0], atol=5e-5)

    predicted_change = -0.1 * float(grad.flat @ grad.flat)
    network.step(grad, alpha=0.1)
    np.testing.assert_allclose(network.W[2], [[0.7125, -0.3938, 0.9]], atol=5e-5)
    after = network.cost(network.forward(X), y)
    assert round(after, 4) == 0.6950
    assert round(predicted_change, 3) == -0.327
    assert round(after - J, 3) == -0.285


def test_data_is_cut_and_weighed():
    data = Data(np.arange(6.0).reshape(3, 2), np.arange(3.0)[:, None], np.array([1.0, 0.5, 0]))
    assert (len(data), data.total_weight) == (3, 1.5)
    part = data.rows(np.array([2, 0]))
    np.testing.assert_array_equal(part.X, [[4, 5], [0, 1]])
    np.testing.assert_array_equal(part.w, [0, 1])
    assert Data(data.X, data.y).rows(slice(0, 2)).w is None
    assert Data(data.X, data.y).total_weight == 3


def test_a_network_without_layers_is_refused():
    with pytest.raises(InvalidOption, match="expected a layer, found none"):
        Network(2, (), LOSSES["squared_error"], np.zeros(0))
