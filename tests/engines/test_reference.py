from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from deltarule import engines
from deltarule.engines import ENGINES, Data, Steps, reference, threads
from deltarule.equations import ACTIVATIONS, LOSSES, OPTIMIZERS, PENALTIES
from deltarule.errors import DataError, EngineUnsupported, NotFinite, UnknownName
from deltarule.gradient_check import check_gradient
from deltarule.network import Network

ENGINE = ENGINES["reference"]


def make(dropout=0.0, dtype=np.float64, seed=0):
    return Network.create(
        [3, 5, 4, 2], ["prelu", "tanh", "sigmoid"], "binary_cross_entropy", dropout=dropout, seed=seed, dtype=dtype
    )


def samples(m=23, weights=False, dtype=np.float64):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(m, 3)), rng.integers(2, size=(m, 2))
    return Data(X.astype(dtype), y.astype(dtype), rng.uniform(0, 2, m).astype(dtype) if weights else None)


def steps(data, batch_size=5, alpha=0.1, first=0, seed=0, shuffle=True):
    n_steps = -(-len(data) // batch_size)
    order = np.random.default_rng(seed).permutation(len(data)) if shuffle else None
    return Steps.of_epoch(order, batch_size, alpha * 0.9 ** np.arange(n_steps), first, seed)


def epoch(network, data, plan, optimizer="gradient_descent", penalties=None, state=None):
    chosen = OPTIMIZERS.choose(optimizer)
    state = chosen.start(network.theta) if state is None else state
    (cost,) = ENGINE.epochs(network, data, plan, chosen, state, penalties or {})
    return cost


# cost, gradient, prediction


@pytest.mark.parametrize("weights", [False, True])
def test_the_cost_is_that_of_the_network(weights):
    network, data = make(), samples(weights=weights)
    assert ENGINE.cost(network, data) == pytest.approx(network.cost(network.forward(data.X), data.y, data.w), rel=1e-13)


@pytest.mark.parametrize("penalties", [{}, {"l2": 0.3}, {"l1": 0.2}, {"l1": 0.2, "l2": 0.3}])
@pytest.mark.parametrize("weights", [False, True])
def test_cost_and_gradient_with_penalties(weights, penalties):
    network, data = make(), samples(9, weights)
    report = check_gradient(network, data, penalties=penalties)
    assert report.good, report
    J, g = ENGINE.cost_and_gradient(network, data, penalties)
    omega = {"l1": sum(np.abs(W).sum() for W in network.W.values())}
    omega["l2"] = sum(np.square(W).sum() / 2 for W in network.W.values())
    m = 9 if data.w is None else data.w.sum()
    expected = ENGINE.cost(network, data) + sum(penalties[name] / m * omega[name] for name in penalties)
    assert pytest.approx(expected, rel=1e-12) == J
    assert g.shape == network.theta.shape


def test_the_penalties_enumerated_are_all_there_are():
    assert set(PENALTIES) == {"l1", "l2"}


def test_cost_and_gradient_do_not_drop():
    plain, dropping = make(), make(dropout=0.5)
    for one, other in zip(
        ENGINE.cost_and_gradient(plain, samples(), {}),
        ENGINE.cost_and_gradient(dropping, samples(), {}),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    assert ENGINE.cost(plain, samples()) == ENGINE.cost(dropping, samples())


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("m", [0, 1, 6, 7, 8, 20, 21])
def test_predictions_and_costs_in_chunks_equal_those_at_once(m, workers, monkeypatch):
    network, data = make(), samples(m, weights=True)
    if m > 7:
        data.w[:7] = 0  # a whole chunk without weight
    at_once = network.predict(data.X)
    if m:
        cost = ENGINE.cost(network, data)
        J, g = ENGINE.cost_and_gradient(network, data, {"l2": 0.3})
    monkeypatch.setattr(threads, "CHUNK", 7)
    np.testing.assert_allclose(ENGINE.predict(network, data.X, threads=workers), at_once, rtol=1e-14)
    assert ENGINE.predict(network, data.X, threads=workers).shape == (m, 2)
    if m:
        assert ENGINE.cost(network, data, threads=workers) == pytest.approx(cost, rel=1e-13)
        found_J, found_g = ENGINE.cost_and_gradient(network, data, {"l2": 0.3}, threads=workers)
        assert found_J == pytest.approx(J, rel=1e-13)
        np.testing.assert_allclose(found_g, g, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_threads_does_not_change_a_bit(dtype, monkeypatch):
    monkeypatch.setattr(threads, "CHUNK", 4)
    network, data = make(dtype=dtype), samples(30, weights=True, dtype=dtype)
    results = [
        (
            ENGINE.predict(network, data.X, threads=n).tobytes(),
            ENGINE.cost(network, data, threads=n),
            ENGINE.cost_and_gradient(network, data, {"l2": 0.1}, threads=n)[1].tobytes(),
        )
        for n in (1, 2, 5)
    ]
    assert results[0] == results[1] == results[2]


def test_the_cost_of_nothing_is_refused():
    data = samples(4)
    for nothing in (data.rows(slice(0, 0)), Data(data.X, data.y, np.zeros(4))):
        with pytest.raises(DataError, match="total weight above 0"):
            ENGINE.cost(make(), nothing)
        with pytest.raises(DataError, match="total weight above 0"):
            ENGINE.cost_and_gradient(make(), nothing, {})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_samples_give_what_dense_ones_give(dtype):
    data = samples(dtype=dtype)
    data.X[np.abs(data.X) < 0.5] = 0
    rows = Data(sparse.csr_matrix(data.X), data.y)
    network, other = make(dtype=dtype), make(dtype=dtype)
    rough = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(ENGINE.predict(network, rows.X), ENGINE.predict(network, data.X), rtol=rough)
    assert ENGINE.cost(network, rows) == pytest.approx(ENGINE.cost(network, data), rel=rough)
    loss, other_loss = (epoch(net, d, steps(d), "adam", {"l2": 0.1}) for net, d in ((network, data), (other, rows)))
    assert loss == pytest.approx(other_loss, rel=rough)
    np.testing.assert_allclose(network.theta, other.theta, rtol=rough, atol=rough)


# an epoch


def epoch_by_hand(network, data, plan, optimizer, penalties, state, drops):
    """The loop of the lecture, with forward, loss, backward and the optimizer's step."""
    order = np.arange(len(data)) if plan.orders is None else plan.orders[0]
    total = 0.0
    for i, alpha in enumerate(plan.alphas[0]):
        index = order[i * plan.batch_size : (i + 1) * plan.batch_size]
        X, y, w = data.X[index], data.y[index], None if data.w is None else data.w[index]
        t = plan.first + i + 1
        cache = network.forward(X, dropout_key=(plan.seed, t) if drops else None)
        m = len(index) if w is None else w.sum()
        J = network.cost(cache, y, w)
        grad = network.backward(cache, y, w)
        for l, W in network.W.items():
            J += penalties.get("l2", 0) / m * np.square(W).sum() / 2 + penalties.get("l1", 0) / m * np.abs(W).sum()
            grad.W[l] += penalties.get("l2", 0) / m * W + penalties.get("l1", 0) / m * np.sign(W)
        if optimizer.name == "gradient_descent":
            network.step(grad, alpha)
        else:
            optimizer.step(network.theta, grad.flat, state, t, alpha)
        total += m * J
    return total / (len(data) if data.w is None else data.w.sum())


@pytest.mark.parametrize("name", [name for name, entry in OPTIMIZERS.items() if not entry.full_batch])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_is_the_loop_written_by_hand(name, weights, dropout, shuffle):
    data, optimizer, penalties = samples(weights=weights), OPTIMIZERS[name], {"l2": 0.3, "l1": 0.01}
    network, by_hand = make(dropout), make(dropout)
    state, state_by_hand = optimizer.start(network.theta), optimizer.start(network.theta)
    for number in range(3):
        plan = steps(data, first=5 * number, seed=number, shuffle=shuffle)
        loss = epoch(network, data, plan, name, penalties, state)
        expected = epoch_by_hand(by_hand, data, plan, optimizer, penalties, state_by_hand, dropout > 0)
        assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(network.theta, by_hand.theta, rtol=1e-9, atol=1e-12)
    for moment in optimizer.moments:
        np.testing.assert_allclose(state[moment], state_by_hand[moment], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 7, 23, 100])
def test_every_sample_is_seen_once(batch_size):
    """With a learning rate of zero nothing moves, and the loss is the cost of all samples, whatever the batches."""
    network, data = make(), samples(weights=True)
    before = network.theta.copy()
    loss = epoch(network, data, steps(data, batch_size, alpha=0.0))
    np.testing.assert_array_equal(network.theta, before)
    assert loss == pytest.approx(ENGINE.cost(network, data), rel=1e-12)


def test_float32_stays_float32():
    network = make(0.3, np.float32)
    theta = network.theta
    loss = epoch(network, samples(dtype=np.float32, weights=True), steps(samples()), "adamw", {"l2": 0.1, "l1": 0.1})
    assert network.theta is theta
    assert theta.dtype == np.float32
    wide = make(0.3)
    assert loss == pytest.approx(epoch(wide, samples(weights=True), steps(samples()), "adamw", {"l2": 0.1, "l1": 0.1}))
    np.testing.assert_allclose(theta, wide.theta, atol=1e-4)


def test_batches_without_weight_are_skipped():
    data = samples(15, weights=True)
    data.w[5:10] = 0
    network, without = make(), make()
    optimizer = OPTIMIZERS["adam"]
    state, state_without = (optimizer.start(network.theta) for _ in range(2))
    plan = Steps.of_epoch(None, 5, np.array([0.1, 0.2, 0.3]), 0, 0)
    loss = epoch(network, data, plan, "adam", state=state)
    first = epoch(
        without, data.rows(slice(0, 5)), Steps.of_epoch(None, 5, np.array([0.1]), 0, 0), "adam", state=state_without
    )
    last = epoch(
        without, data.rows(slice(10, 15)), Steps.of_epoch(None, 5, np.array([0.3]), 2, 0), "adam", state=state_without
    )
    np.testing.assert_array_equal(network.theta, without.theta)
    assert loss == pytest.approx((first * data.w[:5].sum() + last * data.w[10:].sum()) / data.w.sum())


# when something ceases to be finite


@pytest.mark.parametrize(
    ("spoiled", "value", "layer", "what"),
    [
        ("W[1]", np.nan, 1, "W[1]"),
        ("b[1]", np.nan, 1, "b[1]"),
        ("p[1]", -np.inf, 1, "p[1]"),
        ("W[1]", 1e308, 1, "Z[1]"),
        ("W[2]", np.nan, 2, "W[2]"),
        ("W[3]", np.inf, 3, "W[3]"),
        ("b[3]", np.nan, 3, "b[3]"),
    ],
)
def test_the_error_names_the_first_layer_the_quantity_and_the_step(spoiled, value, layer, what):
    network, data = make(), samples()
    getattr(network, spoiled[0])[int(spoiled[2])][...] = value
    with pytest.raises(NotFinite) as caught:
        epoch(network, data, steps(data, first=40))
    assert (caught.value.layer, caught.value.step) == (layer, 41)
    assert f"found NaN or infinity in {what} of layer {layer} at step 41; lower the learning rate" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_learning_rate_that_explodes_stops_with_layer_and_step():
    network = Network.create([3, 5, 1], ["relu", "identity"], seed=0)
    data = samples()
    data = Data(100 * data.X, data.y[:, :1])
    with pytest.raises(NotFinite, match=r"of layer \d at step \d+; lower the learning rate, or scale") as caught:
        [epoch(network, data, steps(data, alpha=10.0, first=5 * number)) for number in range(100)]
    assert caught.value.layer >= 1
    assert 1 < caught.value.step < 100


def test_where_only_the_loss_overflows_the_output_layer_is_named():
    network = Network.create([1, 1], ["identity"])
    network.W[1][...] = 1e200
    with pytest.raises(NotFinite, match="in the loss of layer 1 at step 1"):
        epoch(network, Data(np.ones((1, 1)), np.ones((1, 1))), Steps.of_epoch(None, 1, np.ones(1), 0, 0))


def test_nothing_warns_on_the_way(recwarn):
    network = Network.create([1, 1], ["exp"], "poisson_deviance")
    network.W[1][...] = 1e4
    data = Data(np.ones((2, 1)), np.ones((2, 1)))
    assert ENGINE.cost(network, data) == np.inf
    ENGINE.cost_and_gradient(network, data, {})
    ENGINE.predict(network, data.X)
    with pytest.raises(NotFinite):
        epoch(network, data, Steps.of_epoch(None, 2, np.ones(1), 0, 0))
    assert not list(recwarn)


# choosing


def test_choosing_an_engine():
    network = make()
    assert engines.choose("reference", network) is ENGINE
    assert engines.choose("auto", network) in ENGINES.values()
    with pytest.raises(UnknownName, match=r"expected an engine out of auto, .*reference.*, found 'cuda'"):
        engines.choose("cuda", network)


def test_an_engine_that_cannot_says_why_and_auto_takes_another(monkeypatch):
    class Narrow(reference.ReferenceEngine):
        name = "narrow"

        def supports(self, network, *others):
            return "it has more than one layer" if len(network.layers) > 1 else None

    monkeypatch.setattr(engines, "ENGINES", {"narrow": Narrow(), "reference": ENGINE})
    with pytest.raises(
        EngineUnsupported, match="the narrow engine cannot run this network: it has more than one layer"
    ):
        engines.choose("narrow", make())
    assert engines.choose("auto", make()) is ENGINE
    assert engines.choose("auto", Network.create([2, 1], ["identity"])).name == "narrow"


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("hidden", [name for name, g in ACTIVATIONS.items() if not g.output_only])
def test_the_reference_engine_runs_every_entry_of_the_register(hidden, loss):
    network = Network.create([3, 4, 2], [hidden, LOSSES[loss].output], loss, seed=1)
    rng = np.random.default_rng(0)
    data = Data(rng.normal(size=(12, 3)), np.eye(2)[rng.integers(2, size=12)])
    assert ENGINE.supports(network, data) is None
    first = ENGINE.cost(network, data)
    for number in range(30):
        epoch(network, data, steps(data, batch_size=4, alpha=0.02, first=3 * number), "adam")
    assert ENGINE.cost(network, data) < first
