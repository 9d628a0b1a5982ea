"""The native engine does what the reference does, entry by entry of the registers, on every instruction set here."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from deltarule.engines import ENGINES, Data, Steps, _native, choose, native
from deltarule.engines.native import instruction_set
from deltarule.engines.threads import usable_threads
from deltarule.equations import ACTIVATIONS, LOSSES, OPTIMIZERS, PENALTIES
from deltarule.errors import DataError, EngineUnsupported, NotFinite
from deltarule.network import Network

REFERENCE, NATIVE = ENGINES["reference"], ENGINES["native"]
TOLERANCE = {np.float64: 1e-11, np.float32: 2e-5}
CONFIGURED = {
    "leaky_relu": ["leaky_relu(0.2)", "leaky_relu(-0.5)"],
    "prelu": ["prelu", "prelu(shared=true)"],
    "elu": ["elu(0.7)"],
}
LOSS_OPTIONS = {
    "huber": ["huber(0.3)"],
    "quantile": ["quantile(0.8)"],
    "binary_cross_entropy": ["binary_cross_entropy(label_smoothing=0.1)"],
    "categorical_cross_entropy": ["categorical_cross_entropy(label_smoothing=0.1)"],
}


@pytest.fixture(params=_native.targets(), autouse=True)
def isa(request, monkeypatch):
    monkeypatch.setenv("DELTARULE_ISA", request.param)
    native.instruction_set.cache_clear()
    yield request.param
    native.instruction_set.cache_clear()


def hidden_activations():
    names = [name for name, entry in ACTIVATIONS.items() if not entry.output_only]
    return [text for name in names for text in [name, *CONFIGURED.get(name, [])]]


def pairings():
    """Every loss with every output activation it accepts."""
    pairs = []
    for name, loss in LOSSES.items():
        for text in [name, *LOSS_OPTIONS.get(name, [])]:
            pairs += [(text, output) for output, g in ACTIVATIONS.items() if loss.accepts(g) is None]
    return pairs


def targets_for(loss, rng, m, n):
    if loss.startswith("categorical"):
        return np.eye(n)[rng.integers(n, size=m)]
    if loss.startswith("binary"):
        return rng.integers(2, size=(m, n)).astype(float)
    return rng.poisson(2.0, size=(m, n)).astype(float) if loss.startswith("poisson") else rng.normal(size=(m, n))


def problem(sizes, m, dtype, loss="squared_error", *, weighted=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(m, sizes[0])).astype(dtype)
    w = rng.integers(0, 3, size=m).astype(dtype) if weighted else None
    return Data(X, targets_for(loss, rng, m, sizes[-1]).astype(dtype), w)


def close(found, expected, dtype, scale=1.0):
    expected = np.asarray(expected)
    size = max(float(np.abs(expected).max(initial=0)), 1e-3)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype], atol=scale * TOLERANCE[dtype] * size)


def compare(network, data, penalties, dtype, threads=2):
    J, g = REFERENCE.cost_and_gradient(network, data, penalties)
    own_J, own_g = NATIVE.cost_and_gradient(network, data, penalties, threads=threads)
    close(own_J, J, dtype)
    close(own_g, g, dtype)
    close(NATIVE.cost(network, data, threads=threads), REFERENCE.cost(network, data), dtype)
    close(NATIVE.predict(network, data.X, threads=threads), REFERENCE.predict(network, data.X), dtype)


def train(engine, network, data, steps, optimizer, penalties, threads=1):
    trained = network.with_theta(network.theta.copy())
    state = optimizer.start(trained.theta)
    (cost,) = engine.epochs(trained, data, steps, optimizer, state, penalties, threads=threads)
    return cost, trained.theta, state


def ten_steps(data, batch_size, *, first=0, seed=5):
    order = np.random.default_rng(1).permutation(len(data))
    n = -(-len(data) // batch_size)
    return Steps.of_epoch(order, batch_size, np.linspace(0.01, 0.002, n), first, seed)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes", [[5, 7, 6, 3], [5, 19, 33, 3], [5, 140, 133, 3]], ids=["small", "panels", "halves"])
@pytest.mark.parametrize("activation", hidden_activations())
def test_every_activation(activation, sizes, dtype):
    network = Network.create(sizes, [activation, activation, "identity"], seed=3, dtype=dtype)
    data = problem(sizes, 70, dtype, weighted=True)
    compare(network, data, {"l2": 0.3, "l1": 0.1}, dtype)
    steps = ten_steps(data, 7)
    expected = train(REFERENCE, network, data, steps, OPTIMIZERS["momentum"], {"l2": 0.3, "l1": 0.1})
    found = train(NATIVE, network, data, steps, OPTIMIZERS["momentum"], {"l2": 0.3, "l1": 0.1}, threads=2)
    close(found[0], expected[0], dtype)
    close(found[1], expected[1], dtype, 5)


# Where an instruction set multiplies tiles, it does so in layers and batches as large as these: whole tiles, parts of
# them, sums of one step and of many, halves, several chunks, shares of the rows, inputs as they lie. The last ones have
# inputs so wide that each of two threads has half of them, with tiles and without.
TILES = [
    ([130, 100, 97, 4], 64, 64),
    ([96, 128, 128, 3], 128, 128),
    ([160, 333, 140, 2], 257, 128),
    ([300, 150, 1], 200, 100),
    ([100, 96, 96], 1100, 1100),
    ([97, 520, 130, 5], 90, 90),
    ([410, 160, 128, 3], 320, 160),
    ([333, 130, 2], 128, 128),
    ([1100, 70, 40, 2], 210, 70),
    ([900, 100, 96, 3], 1100, 1100),
]


@pytest.mark.parametrize(("sizes", "m", "batch_size"), TILES, ids=str)
@pytest.mark.parametrize("dropout", [0, 0.3])
def test_wide_layers_and_large_batches(sizes, m, batch_size, dropout):
    activations = ["relu"] * (len(sizes) - 2) + ["identity"]
    network = Network.create(sizes, activations, dropout=dropout, seed=3, dtype=np.float32)
    data = problem(sizes, m, np.float32, weighted=True)
    compare(network, data, {"l2": 0.3}, np.float32)
    steps = ten_steps(data, batch_size)
    expected = train(REFERENCE, network, data, steps, OPTIMIZERS["momentum"], {"l1": 0.1})
    found = train(NATIVE, network, data, steps, OPTIMIZERS["momentum"], {"l1": 0.1}, threads=2)
    close(found[0], expected[0], np.float32)
    close(found[1], expected[1], np.float32, 5)
    for threads in (1, 3):
        again = train(NATIVE, network, data, steps, OPTIMIZERS["momentum"], {"l1": 0.1}, threads=threads)
        np.testing.assert_array_equal(again[1], found[1])


@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e25])
def test_float32_products_are_as_exact_as_sums_of_float32(scale):
    """Against float64, in units of what rounding the sums of absolute values may cost."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(160, 400)) * np.exp(rng.normal(size=400))).astype(np.float32)
    exact = Network.create([400, 200, 130, 2], ["relu", "relu", "identity"], seed=3)
    exact.W[1][...] *= scale
    network = replace(exact, theta=exact.theta.astype(np.float32))
    X = (X / np.float32(scale)).astype(np.float32)
    exact = exact.with_theta(network.theta.astype(np.float64))
    found, expected = NATIVE.predict(network, X), REFERENCE.predict(exact, X.astype(np.float64))
    bound = np.abs(X).astype(np.float64)
    for l in (1, 2, 3):
        bound = bound @ np.abs(exact.W[l]).T + np.abs(exact.b[l])
    assert np.abs(found - expected).max() / bound.max() < 2e-9
    Y = np.zeros((160, 2))
    g = NATIVE.cost_and_gradient(network, Data(X, Y.astype(np.float32), None), {})[1]
    h = REFERENCE.cost_and_gradient(exact, Data(X.astype(np.float64), Y, None), {})[1]
    for mine, right in zip(network.with_theta(g).W.values(), exact.with_theta(h).W.values(), strict=True):
        assert np.abs(mine - right).max() < 2e-6 * np.abs(right).max()


def test_what_is_not_finite_stays_so_in_wide_layers():
    network = Network.create([128, 128, 128, 2], ["relu", "relu", "identity"], seed=3, dtype=np.float32)
    X = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    X[5, 7], X[70, 100] = np.nan, np.inf
    found = NATIVE.predict(network, X)
    assert not np.isfinite(found[[5, 70]]).any()
    assert np.isfinite(np.delete(found, [5, 70], axis=0)).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes", [[4, 6, 3], [4, 40, 19], [4, 20, 70]], ids=["small", "panels", "many outputs"])
@pytest.mark.parametrize(("loss", "output"), pairings())
def test_every_loss_with_every_output(loss, output, sizes, dtype):
    network = Network.create(sizes, ["tanh", output], loss, seed=3, dtype=dtype)
    for weighted in (False, True):
        data = problem(sizes, 75, dtype, loss, weighted=weighted)
        near = np.abs(REFERENCE.predict(network, data.X) - data.y) < 1e-3
        data.y[near & (LOSSES.choose(loss).kinked)] += 0.01  # rounding decides on which side of a kink one is
        compare(network, data, {}, dtype)


@pytest.mark.parametrize("outputs", [3, 39])
@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if loss.fused])
def test_losses_far_from_the_target_neither_overflow_nor_cancel(loss, outputs):
    for output in LOSSES[loss].fused:
        network = Network.create([1, outputs], [output], loss, dtype=np.float32)
        network.W[1][...] = [[1.0], [-1.0], [0.5]] * (outputs // 3)
        X = np.float32([-80, -20, -1e-3, 0, 1e-3, 20, 80])[:, None]
        y = targets_for(loss, np.random.default_rng(0), 7, outputs).astype(np.float32)
        compare(network, Data(X, y), {}, np.float32)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes", [[3, 5, 1], [3, 40, 1], [3, 140, 1]], ids=["small", "panels", "halves"])
@pytest.mark.parametrize("optimizer", [o for o in OPTIMIZERS.values() if not o.full_batch], ids=str)
def test_every_optimizer_and_its_moments(optimizer, sizes, dtype):
    network = Network.create(sizes, ["tanh", "identity"], seed=2, dtype=dtype)
    data, penalties = problem(sizes, 100, dtype), {"l2": 0.5}
    for steps in (ten_steps(data, 10, first=20), ten_steps(data, 9)):
        expected = train(REFERENCE, network, data, steps, optimizer, penalties)
        found = train(NATIVE, network, data, steps, optimizer, penalties)
        close(found[0], expected[0], dtype)
        close(found[1], expected[1], dtype, 50)  # Adam's first steps go by the sign of a gradient that is nearly zero
        for name, moment in expected[2].items():
            close(found[2][name], moment, dtype, 50)


def test_options_of_the_optimizers_are_heard():
    network, data = Network.create([3, 5, 1], ["tanh", "identity"], seed=2), problem([3, 5, 1], 60, np.float64)
    for text in (
        "momentum(0.5)",
        "nesterov(0.3)",
        "rmsprop(0.9, 0.01)",
        "adam(0.5, 0.6, 0.1)",
        "adamw(weight_decay=3.0)",
    ):
        optimizer = OPTIMIZERS.choose(text)
        expected = train(REFERENCE, network, data, ten_steps(data, 6), optimizer, {})
        close(train(NATIVE, network, data, ten_steps(data, 6), optimizer, {})[1], expected[1], np.float64)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dropout_draws_the_reference_masks(dtype):
    network = Network.create([6, 21, 18, 2], ["relu", "gelu", "identity"], dropout=[0.5, 0.2], seed=4, dtype=dtype)
    data = problem([6, 2], 90, dtype)
    steps = ten_steps(data, 9, first=33, seed=2**62 + 11)
    expected = train(REFERENCE, network, data, steps, OPTIMIZERS["momentum"], {})
    found = train(NATIVE, network, data, steps, OPTIMIZERS["momentum"], {}, threads=2)
    close(found[0], expected[0], dtype)
    close(found[1], expected[1], dtype, 5)
    compare(network, data, {}, dtype)  # nothing is dropped from a cost


@pytest.mark.parametrize("sizes", [[3, 4, 2], [20, 64, 32, 1], [100, 150, 140, 3]], ids=["small", "shares", "units"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_several_epochs_are_one_after_the_other(sizes, threads):
    network = Network.create(sizes, ["tanh"] * (len(sizes) - 2) + ["identity"], seed=1, dropout=0.2 * (threads > 1))
    data, adam, rng = problem(sizes, 70, np.float64, weighted=True), OPTIMIZERS["adam"], np.random.default_rng(0)
    for order in (None, np.array([rng.permutation(70) for _ in range(3)])):
        steps = Steps(order, 32, rng.uniform(0, 0.01, (3, 3)), 4, 9)
        expected, found, singly = (network.with_theta(network.theta.copy()) for _ in range(3))
        losses = REFERENCE.epochs(expected, data, steps, adam, adam.start(network.theta), {"l2": 0.1})
        moments, own = NATIVE.moments(network, adam), NATIVE.moments(network, adam)
        own_losses = NATIVE.epochs(found, data, steps, adam, moments, {"l2": 0.1}, threads=threads)
        close(own_losses, losses, np.float64)
        close(found.theta, expected.theta, np.float64, 1e3)
        each = [
            NATIVE.epochs(singly, data, epoch, adam, own, {"l2": 0.1}, threads=threads)[0] for epoch in steps.each()
        ]
        assert each == own_losses
        np.testing.assert_array_equal(singly.theta, found.theta)
        for name in adam.moments:
            np.testing.assert_array_equal(own[name], moments[name])


@pytest.mark.parametrize("m", [1, 2, 13, 100, 1024, 1025, 2600])
@pytest.mark.parametrize(
    "sizes", [[1, 1], [1, 17, 1], [3, 1, 4], [70, 130, 10], [300, 8, 5], [9, 150, 140, 2]], ids=str
)
def test_every_shape_and_batch(sizes, m):
    network = Network.create(sizes, ["tanh"] * (len(sizes) - 2) + ["identity"], seed=1)
    data = problem(sizes, m, np.float64, weighted=m > 2)
    compare(network, data, {"l2": 1.0}, np.float64)
    for batch in {1, m} if m < 1000 else {m, 1100}:
        steps = Steps.of_epoch(None, batch, np.full(-(-m // batch), 1e-3), 0, 0)
        expected = train(REFERENCE, network, data, steps, OPTIMIZERS["adam"], {"l2": 0.1})
        found = train(NATIVE, network, data, steps, OPTIMIZERS["adam"], {"l2": 0.1}, threads=3)
        close(found[0], expected[0], np.float64)
        close(found[1], expected[1], np.float64, 1e3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("sizes", "batch"),
    [
        ([4, 6, 1], 64),
        ([30, 70, 50, 3], 100),
        ([9, 300, 300, 2], 5),
        ([9, 200, 2], 3000),
        ([330, 140, 3], 128),
        ([700, 40, 2], 100),
        ([700, 40, 2], 1500),
        ([40, 300, 130, 50, 2], 100),
        ([20, 256, 64, 2], 1500),
    ],
    ids=str,
)
def test_the_number_of_threads_does_not_change_a_bit(sizes, batch, dtype):
    network = Network.create(sizes, ["gelu"] * (len(sizes) - 2) + ["identity"], dropout=0.3, seed=1, dtype=dtype)
    data = problem(sizes, batch if batch > 1000 else 3 * batch, dtype, weighted=True)
    results = []
    for threads in (1, 2, 3, 7, 64):
        cost, theta, state = train(
            NATIVE, network, data, ten_steps(data, batch), OPTIMIZERS["adam"], {"l2": 0.1}, threads=threads
        )
        gradient = NATIVE.cost_and_gradient(network, data, {"l1": 0.1}, threads=threads)
        predicted = NATIVE.predict(network, data.X, threads=threads)
        arrays = [theta, *state.values(), gradient[1], predicted]
        results.append((cost, gradient[0], *(a.tobytes() for a in arrays)))
    assert all(result == results[0] for result in results)


def test_fits_at_the_same_time_share_the_cores_and_agree():
    network, data = Network.create([30, 90, 1], ["tanh", "identity"], seed=1), problem([30, 1], 2000, np.float64)

    def fit(_):
        return train(NATIVE, network, data, ten_steps(data, 100), OPTIMIZERS["adam"], {}, threads=2)[1].tobytes()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(fit, range(24)))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_threads_of_its_own():
    network, data = Network.create([30, 200, 1], ["tanh", "identity"], seed=1), problem([30, 1], 4000, np.float64)
    expected = NATIVE.predict(network, data.X, threads=2)
    child = os.fork()
    if child == 0:
        same = np.array_equal(NATIVE.predict(network, data.X, threads=2), expected)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("seconds", [0.02, 0.2])
def test_python_ends_while_threads_are_at_work(seconds):
    """The interpreter must not take the process down with it, as it would if they asked for it once more."""
    code = f"""
import threading, time
import numpy as np
from deltarule import MLPClassifier
X = np.random.default_rng(0).normal(size=(20000, 50))
for _ in range(3):
    fit = lambda: MLPClassifier((200,), max_iter=500, tol=0).fit(X, X[:, 0] > 0)
    threading.Thread(target=fit, daemon=True).start()
time.sleep({seconds})
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def hear_ctrl_c(request):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
        request.addfinalizer(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))


@pytest.mark.parametrize(
    ("sizes", "m", "batch", "repeats"),  # an epoch of many seconds
    [([50, 300, 1], 2000, 100, 5000), ([50, 2000, 1], 4000, 4000, 1000), ([3, 4, 1], 9, 9, 5_000_000)],
)
def test_ctrl_c_is_heard_within_an_epoch(sizes, m, batch, repeats, request):
    hear_ctrl_c(request)
    network = Network.create(sizes, ["tanh", "identity"], seed=1, dtype=np.float32)
    data, before = problem(sizes, m, np.float32), network.theta.copy()
    steps = Steps.of_epoch(np.tile(np.arange(m), repeats), batch, np.full(repeats * m // batch, 1e-6), 0, 0)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        NATIVE.epochs(network, data, steps, OPTIMIZERS["gradient_descent"], {}, {}, threads=2)
    assert time.perf_counter() - began < 5
    timer.join()
    np.testing.assert_array_equal(network.theta, before)


def test_ctrl_c_is_heard_among_products_of_many_columns_that_are_short_one_by_one(request):
    hear_ctrl_c(request)
    m, n = 40_000, 800
    X, y = np.random.default_rng(0).random((m, n), dtype=np.float32), np.zeros((m, 1), np.float32)
    out = np.full((n + 2, n + 2), np.nan)  # filled at the end
    columns = np.zeros(n + 1), np.ones(n + 1), True
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        _native.gram(instruction_set(), X, y, None, 1.0, *columns, None, 0, 0, 0, False, out, 1)
    timer.join()
    assert np.isnan(out).all()


@pytest.mark.parametrize("sizes", [[2, 3, 1], [2, 30, 1]], ids=["small", "panels"])
def test_a_value_that_is_not_finite_is_named_as_the_reference_names_it(sizes):
    network, data = Network.create(sizes, ["relu", "identity"], seed=1), problem(sizes, 40, np.float64)
    for first in (1e60, 0):  # in the first epoch, or in the second
        steps = Steps(None, 10, np.array([4 * [first], 4 * [1e60]]), 7, 0)
        messages = []
        for engine in (REFERENCE, NATIVE):
            with pytest.raises(NotFinite) as error:
                train(engine, network, data, steps, OPTIMIZERS["momentum"], {}, threads=2)
            messages.append(str(error.value))
        assert messages[0] == messages[1]


def test_what_it_cannot_run_it_says_and_auto_takes_the_reference():
    data = problem([3, 1], 20, np.float64)
    network = Network.create([3, 4, 1], ["tanh", "identity"])
    assert choose("auto", network, data.X) is NATIVE
    assert choose("auto", network, sparse.csr_array(data.X)) is REFERENCE
    with pytest.raises(EngineUnsupported, match="sparse"):
        choose("native", network, sparse.csr_array(data.X))
    own = replace(ACTIVATIONS["tanh"], name="own", formula=lambda Z: 1 * np.tanh(Z))
    other = Network.create([3, 4, 1], [own, "identity"])
    assert choose("auto", other, data.X) is REFERENCE
    with pytest.raises(EngineUnsupported, match="own"):
        choose("native", other, data.X)
    rule = replace(OPTIMIZERS["adam"], name="mine", formula=lambda theta, g, m, v, *, t, alpha: None)
    with pytest.raises(EngineUnsupported, match="mine"):
        choose("native", network, data.X, rule)
    with pytest.raises(EngineUnsupported, match="l3"):
        choose("native", network, data.X, OPTIMIZERS["adam"], {"l3": 1.0})


def test_it_runs_all_that_the_registers_hold():
    for activation in ACTIVATIONS.values():
        assert activation.formula in native.ACTIVATION_CODES
    for optimizer in OPTIMIZERS.values():
        assert optimizer.full_batch or optimizer.formula in native.OPTIMIZER_CODES
    assert set(native.PENALTIES) == set(PENALTIES)
    assert {name for name, _ in _native.LOSSES} == set(LOSSES)


def test_arrays_that_do_not_fit_are_refused_before_anything_is_read():
    network, data = Network.create([3, 4, 1], ["tanh", "identity"]), problem([3, 1], 20, np.float64)
    adam = OPTIMIZERS["adam"]
    for bad in (
        Steps(np.zeros((2, 20), np.int64), 10, np.ones((1, 2)), 0, 0),
        Steps.of_epoch(np.array([0, 99]), 2, np.ones(1), 0, 0),
        Steps.of_epoch(np.array([0, -1]), 2, np.ones(1), 0, 0),
        Steps.of_epoch(None, 10, np.ones(9), 0, 0),
    ):
        with pytest.raises(ValueError, match=r"expected|order|steps"):
            NATIVE.epochs(network, data, bad, adam, adam.start(network.theta), {})
    with pytest.raises(ValueError, match="columns"):
        NATIVE.predict(network, data.X[:, :2].copy())


def test_an_instruction_set_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("DELTARULE_ISA", "v9")
    native.instruction_set.cache_clear()
    with pytest.raises(EngineUnsupported, match="DELTARULE_ISA"):
        native.instruction_set()


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert usable_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert usable_threads() >= 1
    assert usable_threads(3) == 3


@pytest.mark.parametrize("units", [2**40, 2**62, -1, 0])
def test_sizes_that_cannot_be_are_refused(units):
    with pytest.raises(ValueError, match="a network at most"):
        _native.Network(3, [(units, 0, 0.0, False, False, 0.0), (units, 0, 0.0, False, False, 0.0)], 0, 0.0, False)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("output", ["identity", "softmax", "prelu", "exp"])
@pytest.mark.parametrize(("m", "outputs"), [(0, 3), (1, 3), (4, 3), (5, 3), (1, 37), (5, 37)])
def test_few_rows_are_predicted_as_many(m, outputs, output, dtype):
    for hidden in hidden_activations():
        network = Network.create([5, 19, 6, outputs], [hidden, "tanh", output], seed=2, dtype=dtype)
        X = np.random.default_rng(0).normal(size=(m, 5)).astype(dtype)
        expected = network.apply(X)
        close(NATIVE.predict(network, X), expected, dtype)
        close(network.predict(X), expected, dtype)
        close(network.predict(np.asfortranarray(X)), expected, dtype)
    assert_allclose(network.predict(sparse.csr_array(X)), expected, rtol=1e-5)
    with pytest.raises(DataError, match="shape"):
        network.predict(X[:, :3])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("units", [31, 32, 33, 36, 47, 64, 100])
def test_a_row_is_predicted_from_weights_that_begin_anywhere(units, dtype):
    for outputs in (1, 5, 16, 63, 64, 67, 131):
        network = Network.create([7, units, outputs, 3], ["tanh", "identity", "identity"], seed=2, dtype=dtype)
        network.b[2][:] = np.arange(outputs)
        x = np.random.default_rng(0).normal(size=(1, 7)).astype(dtype)
        close(network.predict(x), network.apply(x), dtype)


def test_memory_that_is_used_again_holds_nothing_of_before():
    small, large = [Network.create([5, n, 1], ["prelu", "identity"], seed=2) for n in (20, 300)]
    data = problem([5, 1], 500, np.float64)
    first = NATIVE.cost_and_gradient(small, data, {})[1].tobytes()
    NATIVE.cost_and_gradient(large, data, {})
    assert NATIVE.cost_and_gradient(small, data, {})[1].tobytes() == first


@pytest.mark.parametrize("sizes", [[1, 1], [1, 40, 1]], ids=["small", "panels"])
def test_a_sum_over_many_samples_loses_nothing(sizes):
    m = 1_000_000
    network = Network.create(sizes, ["identity"] * (len(sizes) - 1), seed=1, dtype=np.float32)
    network.theta[...] = 0.5
    data = Data(np.full((m, 1), 0.3, np.float32), np.ones((m, 1), np.float32))
    one = Data(data.X[:1], data.y[:1])
    J, g = NATIVE.cost_and_gradient(network, data, {}, threads=2)
    assert_allclose(J, NATIVE.cost(network, one), rtol=1e-6)
    assert_allclose(g, NATIVE.cost_and_gradient(network, one, {})[1], rtol=1e-4)


def test_weights_of_any_kind_and_rows_of_any_order_are_taken():
    network = Network.create([3, 20, 1], ["tanh", "identity"], dtype=np.float32)
    data = problem([3, 1], 30, np.float32)
    for w in (np.arange(30), np.arange(60.0)[::2] / 2):
        expected = REFERENCE.cost(network, Data(data.X, data.y, w))
        close(NATIVE.cost(network, Data(np.asfortranarray(data.X), data.y, w)), expected, np.float32)


def test_moments_of_a_wide_network_begin_at_zero_and_take_the_same_steps():
    """They are so large that they lie in pages of their own."""
    sizes = [700, 400, 3]
    network = Network.create(sizes, ["relu", "identity"], seed=3, dtype=np.float32)
    adam, data = OPTIMIZERS["adam"], problem(sizes, 40, np.float32)
    moments = NATIVE.moments(network, adam)
    assert all(not moment.any() and moment.size == network.theta.size for moment in moments.values())
    steps = ten_steps(data, 20)
    expected = train(REFERENCE, network, data, steps, adam, {})
    for _ in range(2):  # the second time, from the ones they were
        found = network.with_theta(network.theta.copy())
        NATIVE.epochs(found, data, steps, adam, moments, {}, threads=2)
        close(found.theta, expected[1], np.float32, 5)
        moments = NATIVE.moments(network, adam, {name: np.zeros_like(network.theta) for name in adam.moments})
    copied = pickle.loads(pickle.dumps(moments))
    assert all(np.array_equal(copied[name], moment) for name, moment in moments.items())


@pytest.mark.parametrize("sizes", [[20, 20], [2, 3]], ids=str)
def test_a_loss_that_overflows_is_not_finite_whatever_the_weight_of_the_sample(sizes):
    network = Network.create(sizes, ["identity"], seed=1, dtype=np.float32)
    network.theta[...] = 1
    X = np.ones((2, sizes[0]), np.float32)
    X[1] = 3e38
    data = Data(X, np.zeros((2, sizes[-1]), np.float32), np.array([1, 0], np.float32))
    with np.errstate(over="ignore", invalid="ignore"):
        for engine in (NATIVE, REFERENCE):
            assert not np.isfinite(engine.cost(network, data))
            with pytest.raises(NotFinite):
                train(engine, network, data, ten_steps(data, 2), OPTIMIZERS["momentum"], {})


@pytest.mark.parametrize(("dtype", "weight"), [(np.float32, 1e37), (np.float64, 1e306)])
@pytest.mark.parametrize("sizes", [[3, 4, 1], [3, 20, 1]], ids=["small", "panels"])
def test_weights_whose_share_would_be_lost_count(sizes, dtype, weight):
    network, data = Network.create(sizes, ["tanh", "identity"], seed=1, dtype=dtype), problem(sizes, 50, dtype)
    heavy = Data(data.X, data.y, np.full(50, weight, dtype))
    J, g = NATIVE.cost_and_gradient(network, heavy, {})
    expected = REFERENCE.cost_and_gradient(network, data, {})
    close(J, expected[0], dtype)
    close(g, expected[1], dtype)


@pytest.mark.parametrize("outputs", [1, 3, 4])
@pytest.mark.parametrize("width", [13, 20])
def test_what_fills_up_a_layer_adds_nothing_to_an_infinite_input(width, outputs):
    network = Network.create([2, width, outputs], ["tanh", "identity"], seed=1)
    X = np.random.default_rng(0).normal(size=(10, 2))
    X[3, 0] = np.inf
    found = NATIVE.predict(network, X)
    assert np.isfinite(found).all()
    assert_allclose(found, network.apply(X), rtol=1e-12)


def test_softmax_in_a_hidden_layer_is_refused():
    softmax = list(ACTIVATIONS).index("softmax")
    with pytest.raises(ValueError, match="softmax is of the last layer"):
        _native.Network(3, [(4, softmax, 0.0, False, False, 0.0), (1, 0, 0.0, False, False, 0.0)], 0, 0.0, False)
