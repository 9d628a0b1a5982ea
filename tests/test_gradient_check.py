from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import sparse

from deltarule.engines import Data
from deltarule.engines.reference import ReferenceEngine
from deltarule.equations import ACTIVATIONS, LOSSES
from deltarule.errors import DataError, EngineUnsupported, InvalidOption, UnknownName
from deltarule.function_check import check_activation, check_loss
from deltarule.gradient_check import ROUNDING, check, check_gradient
from deltarule.network import Network

ARRAYS = ["W[1]", "b[1]", "p[1]", "W[2]", "b[2]", "W[3]", "b[3]"]


class WrongEngine(ReferenceEngine):
    """The reference engine, with its gradient tampered with."""

    def __init__(self, tamper):
        self.tamper = tamper

    def cost_and_gradient(self, network, data, penalties):
        J, g = super().cost_and_gradient(network, data, penalties)
        self.tamper(network.view(g))
        return J, g


def array_of(parameters, name):
    return getattr(parameters, name[0])[int(name[2])]


@pytest.fixture
def network():
    return Network.create([3, 5, 4, 2], ["prelu", "tanh", "sigmoid"], "binary_cross_entropy", seed=1)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return Data(rng.normal(size=(8, 3)), rng.integers(2, size=(8, 2)).astype(float), rng.uniform(0, 2, 8))


def test_a_right_gradient_passes(network, data):
    report = check_gradient(network, data, penalties={"l2": 0.5, "l1": 0.1})
    assert [array.name for array in report.arrays] == ARRAYS
    assert [array.entries for array in report.arrays] == [15, 5, 5, 20, 4, 8, 2]
    assert report.good
    assert report.error <= 1e-7
    assert report.kinks == 0
    assert all(array.verdict == "good" for array in report.arrays)


def test_half_a_per_mille_in_the_whole_vector_is_found(network, data):
    def tamper(g):
        g.flat[...] *= 1.0005

    report = check_gradient(network, data, engine=WrongEngine(tamper))
    assert report.verdict == "doubtful"
    assert not report.good
    for array in report.arrays:
        assert array.error == pytest.approx(5e-4, rel=0.01)
        assert array.verdict == "doubtful"


@pytest.mark.parametrize("name", ARRAYS)
def test_half_a_per_mille_in_one_array_is_found_and_named(network, data, name):
    def tamper(g):
        array_of(g, name)[...] *= 1.0005

    report = check_gradient(network, data, engine=WrongEngine(tamper))
    assert [array.name for array in report.arrays if array.verdict != "good"] == [name]
    assert report[name].error == pytest.approx(5e-4, rel=0.01)


@pytest.mark.parametrize("name", ARRAYS)
def test_half_a_per_mille_in_one_entry_is_found_and_located(network, data, name):
    size = array_of(network.parameters, name).size
    for i in range(size):

        def tamper(g, i=i):
            array_of(g, name).reshape(-1)[i] *= 1.0005

        report = check_gradient(network, data, engine=WrongEngine(tamper))
        assert [array.name for array in report.arrays if array.verdict != "good"] == [name]
        found = report[name]
        assert np.ravel_multi_index(found.where, array_of(network.parameters, name).shape) == i
        assert found.analytic == pytest.approx(1.0005 * found.numeric, rel=1e-5)


@pytest.mark.parametrize("wrong", [-1.0, 0.0, 1.1, np.nan, np.inf])
def test_a_gross_error_is_called_wrong(network, data, wrong):
    def tamper(g):
        g.W[2][1, 2] *= wrong

    report = check_gradient(network, data, engine=WrongEngine(tamper))
    assert report.verdict == "probably wrong"
    assert report["W[2]"].where == (1, 2)


def test_penalties_belong_to_the_gradient(network, data):
    class WithoutPenalties(ReferenceEngine):
        def cost_and_gradient(self, network, data, penalties):
            return super().cost_and_gradient(network, data, {})

    assert check_gradient(network, data, engine=WithoutPenalties()).good
    report = check_gradient(network, data, penalties={"l2": 0.5}, engine=WithoutPenalties())
    assert {array.name for array in report.arrays if array.verdict != "good"} == {"W[1]", "W[2]", "W[3]"}


def test_both_passes_zero_is_no_error():
    network = Network.create([2, 3, 1], ["relu", "identity"], seed=0)
    network.b[1][...] = -100  # no unit of the hidden layer is ever active
    report = check_gradient(network, Data(np.ones((4, 2)), np.arange(4.0)[:, None]))
    assert report.good
    assert report["W[1]"].error == report["W[1]"].worst == 0


def test_a_relu_that_changes_side_is_a_kink_and_left_out():
    network = Network.create([2, 3, 1], ["relu", "identity"], seed=0)
    network.W[1][...] = [[1, 1], [2, -1], [0.5, 1]]
    network.W[2][...] = [[1, 1, 1]]
    X = np.array([[1.0, 2.0], [0.3, -0.4]])  # sample 1 sits on the kink of unit 2
    report = check_gradient(network, Data(X, np.array([[3.0], [4.0]])))
    assert report.good, report
    assert report["W[1]"].kinks == 2
    assert report["b[1]"].kinks == 1
    assert report.kinks == 3
    assert " 2 " in str(report).splitlines()[1]


def test_a_kink_does_not_hide_an_error_elsewhere():
    network = Network.create([2, 3, 1], ["relu", "identity"], seed=0)
    network.W[1][...] = [[1, 1], [2, -1], [0.5, 1]]

    def tamper(g):
        g.W[1][0, 0] *= 1.0005

    report = check_gradient(
        network, Data(np.array([[1.0, 2.0], [0.3, -0.2]]), np.array([[3.0], [4.0]])), engine=WrongEngine(tamper)
    )
    assert report["W[1]"].kinks == 2
    assert report["W[1]"].where == (0, 0)
    assert not report.good


@pytest.mark.parametrize("loss", ["absolute_error", "quantile(q=0.2)"])
def test_a_residual_that_changes_sign_is_a_kink(loss):
    network = Network.create([1, 1], ["identity"], loss)
    report = check_gradient(network, Data(np.array([[1.0], [2.0]]), np.array([[0.0], [3.0]])))
    assert report.good
    assert report["W[1]"].kinks == report["b[1]"].kinks == 1


def test_a_weight_at_the_corner_of_l1_is_a_kink():
    network = Network.create([3, 1], ["identity"])
    network.W[1][...] = [[1e-7, 0.5, -1e-7]]
    data = Data(np.eye(3), np.ones((3, 1)))
    assert check_gradient(network, data).kinks == 0
    report = check_gradient(network, data, penalties={"l1": 1.0})
    assert report.good
    assert report["W[1]"].kinks == 2


def test_a_gradient_too_small_to_be_seen_is_no_false_alarm():
    """Next to a cost of 1e6 a derivative of 1e-6 drowns in rounding."""
    theta = np.array([1.0, 2.0])
    assert check(lambda t: 1e6 + 1e-6 * t.sum(), np.full(2, 1e-6), theta).verdict == "good"
    assert check(lambda t: 1e-6 * t.sum(), np.full(2, 1.0005e-6), theta).verdict == "doubtful"


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_a_network_close_to_its_targets_is_no_false_alarm(loss):
    """There the cost is much smaller than the predictions whose rounding it carries."""
    network = Network.create([3, 5, 1], ["tanh", "identity"], loss, seed=3)
    X = np.random.default_rng(1).normal(size=(40, 3))
    y = network.apply(X) + 1e-4 * np.random.default_rng(2).normal(size=(40, 1))
    assert check_gradient(network, Data(X, y)).good
    wrong = 1.0005 * ReferenceEngine().cost_and_gradient(network, Data(X, y), {})[1]
    assert not check_gradient(network, Data(X, y), gradient=wrong).good


def test_the_network_is_not_changed_and_may_be_float32(network, data):
    single = network.with_theta(network.theta.astype(np.float32))
    before = single.theta.copy()
    narrow = Data(data.X.astype(np.float32), data.y.astype(np.float32))
    assert check_gradient(single, narrow).good
    np.testing.assert_array_equal(single.theta, before)


def test_sparse_samples(network, data):
    assert check_gradient(network, Data(sparse.csr_matrix(data.X), data.y)).good


def test_an_activation_and_a_loss_of_the_users_own(data):
    own_g = dataclasses.replace(
        ACTIVATIONS["relu"],
        name="shifted_relu",
        aliases=(),
        formula=lambda Z: np.maximum(Z, 1.0),
        derivative=lambda Z, a: (Z > 1).astype(Z.dtype),
        kinks=(1.0,),
    )
    own_loss = dataclasses.replace(
        LOSSES["absolute_error"],
        name="quartic",
        formula=lambda a, y: ((a - y) ** 4).sum(axis=1),
        derivative=lambda a, y: 4 * (a - y) ** 3,
        kinked=False,
    )
    ACTIVATIONS.add(own_g)
    LOSSES.add(own_loss)
    try:
        network = Network.create([3, 6, 2], ["shifted_relu", "identity"], "quartic", seed=2)
        network.b[1][...] = 1 - data.X[0] @ network.W[1].T  # sample 0 sits on every kink
        report = check_gradient(network, data)
        assert report.good, report
        assert report["b[1]"].kinks == 6
    finally:
        ACTIVATIONS.remove("shifted_relu")
        LOSSES.remove("quartic")


def test_a_wrong_derivative_of_the_users_own_is_found(data):
    wrong = dataclasses.replace(ACTIVATIONS["tanh"], name="almost", derivative=lambda Z, a: 1 - 0.999 * a * a)
    report = check_gradient(Network.create([3, 4, 2], [wrong, "identity"], seed=1), data)
    assert report["W[2]"].verdict == "good"
    assert report["W[1]"].verdict == "doubtful"


def test_check_of_any_function():
    theta = np.array([[1.0, -2.0], [0.5, 300.0]])
    found = check(lambda t: float((t**3).sum()), 3 * theta**2, theta)
    assert found.verdict == "good"
    assert (found.name, found.entries, found.kinks) == ("theta", 4, 0)
    assert check(lambda t: float((t**3).sum()), 3.0015 * theta**2, theta).verdict == "doubtful"


def test_check_with_kinks_of_the_users_own():
    theta = np.array([0.0, 1.0])
    found = check(lambda t: np.abs(t).sum(), np.ones(2), theta, sides=lambda t: t > 0)
    assert (found.verdict, found.kinks) == ("good", 1)
    assert check(lambda t: np.abs(t).sum(), np.ones(2), theta).verdict == "probably wrong"


def test_a_cost_that_is_not_finite_is_no_pass():
    assert check(lambda t: np.nan, np.zeros(1), np.zeros(1)).verdict == "probably wrong"
    assert check(lambda t: np.inf, np.zeros(1), np.zeros(1)).verdict == "probably wrong"


def test_the_report_is_a_table_that_ends_with_the_verdict(network, data):
    report = check_gradient(network, data)
    lines = str(report).splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["array", *ARRAYS]
    assert lines[-1] == f"relative error {report.error:.1e}: good"


def test_what_does_not_fit_is_refused(network, data):
    with pytest.raises(DataError, match=r"expected X of shape \(m, 3\), found \(8, 2\)"):
        check_gradient(network, Data(data.X[:, :2], data.y))
    with pytest.raises(UnknownName, match="expected an engine out of"):
        check_gradient(network, data, engine="abacus")


def test_an_engine_that_cannot_run_the_network_is_refused(network, data, monkeypatch):
    monkeypatch.setattr(ReferenceEngine, "supports", lambda *arguments: "it is too deep")
    with pytest.raises(EngineUnsupported, match="it is too deep"):
        check_gradient(network, data, engine="reference")


def test_the_allowance_for_rounding_is_far_below_what_must_be_found():
    """The smallest entry in which 0.05 % is found, in units of the cost."""
    assert ROUNDING / (2e-6 * 5e-4) < 1e-5


def test_a_gradient_of_ones_own_with_dropout(data):
    network = Network.create([3, 6, 2], ["tanh", "sigmoid"], "binary_cross_entropy", dropout=0.5, seed=1)
    key = (7, 1)
    gradient = network.backward(network.forward(data.X, dropout_key=key), data.y, data.w).flat
    assert check_gradient(network, data, gradient=gradient, dropout_key=key).good
    assert not check_gradient(network, data, gradient=gradient).good  # the masks belong to it
    assert not check_gradient(network, data, gradient=1.0005 * gradient, dropout_key=key).good


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_the_register_alone(name):
    found = check_activation(name)
    assert found.verdict == "good"
    assert found.kinks == 3 * len(ACTIVATIONS[name].kinks)
    g = ACTIVATIONS[name]
    wrong = dataclasses.replace(g, derivative=lambda *arguments: 1.0005 * g.derivative(*arguments))
    assert check_activation(wrong).verdict == "doubtful"


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_of_the_register_alone(name):
    assert check_loss(name).verdict == "good"
    loss = LOSSES[name]
    wrong = dataclasses.replace(loss, derivative=lambda a, y: 1.0005 * loss.derivative(a, y))
    assert check_loss(wrong).verdict == "doubtful"


def test_a_network_that_is_sure_is_no_false_alarm():
    """The cross-entropy is then a small difference of large numbers, and its rounding larger than it looks."""
    network = Network.create([2, 3, 1], ["tanh", "sigmoid"], "binary_cross_entropy", seed=0)
    network.b[2][...] = 14
    data = Data(np.random.default_rng(0).normal(size=(5, 2)), np.ones((5, 1)))
    assert check_gradient(network, data).good
    network.b[2][...] = 1

    def tamper(g):
        g.W[1][0, 0] *= 1.0005

    assert not check_gradient(network, data, engine=WrongEngine(tamper)).good


def test_functions_of_ones_own_alone():
    assert check_activation(np.sin, np.cos).verdict == "good"
    assert check_activation(np.tanh, lambda Z, a: 1 - a * a).verdict == "good"
    assert check_activation(np.sin, lambda Z: -np.cos(Z)).verdict == "probably wrong"
    assert check_activation(np.abs, np.sign, kinks=[0.0]).kinks == 3
    assert check_loss(lambda a, y: np.abs(a - y).sum(axis=1), lambda a, y: np.sign(a - y), kinks=True).verdict == "good"
    assert check_activation("relu", Z=[[0.0, 1.0]]).kinks == 1
    for check_it in (check_activation, check_loss):
        with pytest.raises(InvalidOption, match="expected the derivative"):
            check_it(np.sin)
