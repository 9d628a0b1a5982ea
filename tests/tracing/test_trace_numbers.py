"""The numbers of the trace: against a calculation by hand, against JAX, and in fractions."""

from __future__ import annotations

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deltarule
from deltarule import MLPClassifier, Network, trace
from deltarule.equations import ACTIVATIONS, LOSSES, OPTIMIZERS
from deltarule.errors import DataError, InvalidOption, NotFinite, UnknownName
from deltarule.tracing.faces.boxes import text_of

X2, Y2 = [[1.0, 2.0], [0.5, -1.0], [0.0, 3.0]], [1.0, 0.0, 1.0]


def floats(array):
    return np.asarray(array, dtype=float)


def test_the_worked_example(example):
    found = trace(example, [[1, 2]], [1], alpha=0.1)
    by_hand = {
        "Z1": [[0.2], [1.7], [-0.4]],
        "a1": [[0.2], [1.7], [0]],
        "Z2": [[-0.51]],
        "a2": [[0.3752]],
        "L": [[0.9803]],
        "J": [[0.9803]],
        "dZ2": [[-0.6248]],
        "dW2": [[-0.1250, -1.0622, 0]],
        "db2": [[-0.6248]],
        "dA1": [[-0.4374], [0.3124], [-0.5623]],
        "dZ1": [[-0.4374], [0.3124], [0]],
        "dW1": [[-0.4374, -0.8747], [0.3124, 0.6248], [0, 0]],
        "db1": [[-0.4374], [0.3124], [0]],
        "W2": [[0.7125, -0.3938, 0.9]],
        "J_after": [[0.6950]],
    }
    for key, value in by_hand.items():
        np.testing.assert_allclose(floats(found[key]), value, atol=6e-5, err_msg=key)


def test_the_worked_example_on_the_terminal(example):
    text = trace(example, [[1, 2]], [1], alpha=0.1).to_text(width=100)
    for line in (
        "⎢ 0.2  0.8⎥·⎡1⎤ + ⎢-0.1⎥ = ⎢ 1.7⎥",
        "row 1: 0.5·1 + (-0.3)·2 + 0.3 = 0.2",
        "⚠ unit 3 inactive",
        "a[2] = σ(Z[2]) = σ(-0.51) = 0.3752",
        "why: dA[2] ⊙ σ'(Z[2]) = -2.6653 ⊙ 0.2344 = -0.6248",
        "= [-0.1250 -1.0622 0]",
        "J = 0.9803 → 0.6950",
        "linear prediction: Σ_θ ∂J/∂θ Δθ = -0.3268",
        "actual: ΔJ = -0.2853",
        "PASS",
    ):
        assert line in text
    names = [step.name for step in trace(example, [[1, 2]], [1]).steps()]
    assert names[:6] == ["linear", "activation", "linear", "activation", "loss", "cost"]
    assert {"linear backward", "activation backward", "update", "gradient check"} <= set(names)


def jax_gradients(network, X, Y, act):
    def cost(parameters):
        A, deltas = jnp.asarray(X), []
        for (W, b), g in zip(parameters, act, strict=True):
            A = g(A @ W.T + b)
            deltas.append(A)
        return -jnp.mean((jnp.asarray(Y) * jnp.log(A)).sum(axis=1))

    return jax.grad(cost)([(jnp.asarray(network.W[l]), jnp.asarray(network.b[l])) for l in network.W])


def test_against_automatic_differentiation():
    rng = np.random.default_rng(5)
    network = Network.create([4, 5, 3, 3], ["gelu", "tanh", "softmax"], "categorical_cross_entropy", seed=2)
    X, y = rng.normal(size=(6, 4)), rng.integers(3, size=6)
    found = trace(network, X, y)
    with jax.enable_x64(True):
        expected = jax_gradients(
            network, X, np.eye(3)[y], [lambda Z: jax.nn.gelu(Z, approximate=False), jnp.tanh, jax.nn.softmax]
        )
        for l, (dW, db) in enumerate(expected, 1):
            np.testing.assert_allclose(floats(found[f"dW{l}"]), dW, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(floats(found[f"db{l}"])[:, 0], db, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(floats(found["dW3"]), floats(found["dZ3"]) @ floats(found["a2"]).T / 6, rtol=1e-12)


PAIRS = [(g, loss) for g in ACTIVATIONS.values() for loss in LOSSES.values() if not loss.accepts(g)]


@pytest.mark.parametrize(("g", "loss"), PAIRS, ids=lambda entry: entry.name)
def test_every_output_and_loss_of_the_registers(g, loss):
    rng = np.random.default_rng(0)
    y = np.eye(3)[[0, 2, 1]] if loss.targets == "[0, 1]" else rng.uniform(0.5, 2, (3, 3))
    network = Network.create([2, 3, 3], ["tanh", g.name], loss.name, seed=1)
    found = trace(network, X2, y)
    (check,) = (section for section in found.iterations[0].sections if section.kind == "check")
    assert check.title.endswith("PASS")
    for step in found.steps():  # symbol = ... = result: the result shown is the value
        if step.value is not None and step.result is not None and step.name != "cost after the update":
            np.testing.assert_array_equal(floats(step.result.array), floats(step.value))


@pytest.mark.parametrize("name", [name for name, g in ACTIVATIONS.items() if not g.output_only])
def test_every_hidden_activation_of_the_register(name):
    found = trace(Network.create([2, 3, 1], [name, "identity"], seed=1), X2, Y2)
    assert np.isfinite(floats(found["dW1"])).all()
    assert ACTIVATIONS[name].name.replace("_", " ") in found.to_text() or ACTIVATIONS[name].latex_name


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_the_register_several_steps_in_a_row(name):
    network = Network.create([2, 1], ["sigmoid"], "binary_cross_entropy", initializer="glorot_uniform", seed=0)
    X, y = [[1.0, 2.0], [0.5, -1.0], [0.0, 3.0], [1.0, 1.0]], [1.0, 0.0, 0.0, 1.0]
    before = network.theta.copy()
    found = trace(network, X, y, optimizer=name, steps=3, penalties={"l2": 0.1})
    np.testing.assert_array_equal(network.theta, before)
    costs = [float(step.value[0, 0]) for step in found.steps() if step.name == "penalty"]
    after = [float(step.value[0, 0]) for step in found.steps() if step.name == "cost after the update"]
    assert len(costs) == 3
    np.testing.assert_allclose(costs[1:], after[:-1])  # each step begins where the last one ended
    if OPTIMIZERS[name].moments:
        assert all(f"{moment}_W[1]" in found.to_text() for moment in OPTIMIZERS[name].moments)


def test_a_step_is_the_step_of_training():
    """Dropout masks, batches, penalties and Adam's state as the training loop has them."""
    from deltarule.engines import Data
    from deltarule.run import Plan, State
    from deltarule.training import train

    network = Network.create([3, 6, 1], ["tanh", "sigmoid"], "binary_cross_entropy", dropout=0.4, seed=3)
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(10, 3)), rng.integers(2, size=(10, 1)).astype(float)
    found = trace(network, X, y, optimizer="adam", alpha=0.05, steps=3, batch_size=4, penalties={"l2": 0.3}, seed=7)
    assert [iteration.samples for iteration in found.iterations] == [(1, 2, 3, 4), (5, 6, 7, 8), (9, 10)]
    trained = network.with_theta(network.theta.copy())
    plan = Plan(OPTIMIZERS["adam"], learning_rate=0.05, epochs=1, batch_size=4, shuffle=False, penalties={"l2": 0.3})
    train(trained, Data(X, y), plan, state=State(seed=7), engine="reference")
    last = {step.symbol.key: step.value for section in found.iterations[2].sections for step in section.steps if
            step.symbol is not None}  # fmt: skip
    np.testing.assert_allclose(last["W1"], trained.W[1], rtol=1e-12)
    np.testing.assert_allclose(last["b2"][:, 0], trained.b[2], rtol=1e-12)
    assert "M[1]" in found.to_text()


def test_weights_of_samples_count():
    network = Network.create([2, 2, 1], ["tanh", "sigmoid"], "binary_cross_entropy", seed=1)
    twice = trace(network, [*X2, X2[0]], [*Y2, Y2[0]])
    weighted = trace(network, X2, Y2, sample_weight=[2, 1, 1])
    for key in ("dW1", "db1", "dW2", "db2", "J", "W1"):
        np.testing.assert_allclose(floats(twice[key]), floats(weighted[key]), rtol=1e-12)


def test_fractions_by_hand():
    network = Network.create([2, 2, 1], ["relu", "identity"], "squared_error")
    network.W[1][...], network.b[1][...] = [[0.5, 1 / 3], [-1, 0.25]], [0, 0.1]
    network.W[2][...], network.b[2][...] = [[2, -1]], [0.7]
    found = trace(network, [[1, 3], [2, 0]], [1, 0], alpha=0.5, exact=True)
    F = Fraction
    assert found["Z1"].tolist() == [[F(3, 2), F(1)], [F(-3, 20), F(-19, 10)]]
    assert found["a2"].tolist() == [[F(37, 10), F(27, 10)]]
    assert found["L"].tolist() == [[F(729, 200), F(729, 200)]]
    assert found["J"].item() == F(729, 200)
    assert found["dZ2"].tolist() == [[F(27, 10), F(27, 10)]]
    assert found["dW2"].tolist() == [[F(27, 8), 0]]
    assert found["dW1"].tolist() == [[F(81, 10), F(81, 10)], [0, 0]]
    assert found["b2"].tolist() == [[F(7, 10) - F(27, 20)]]
    assert all(isinstance(value, Fraction) for value in found["W1"].ravel())
    assert found.notes[-1] == "exact throughout: every number is a fraction"
    assert "729/200" in found.to_text()


@pytest.mark.parametrize("name", ["leaky_relu(slope=0.2)", "prelu", "identity"])
@pytest.mark.parametrize("optimizer", ["momentum", "nesterov"])
def test_more_that_stays_exact(name, optimizer):
    network = Network.create([2, 3, 1], [name, "identity"], seed=0)
    network.theta[...] = np.round(network.theta, 2)
    exact = trace(network, X2, Y2, exact=True, steps=2, optimizer=optimizer)
    plain = trace(network, X2, Y2, steps=2, optimizer=optimizer)
    assert "exact throughout" in exact.notes[-1]
    for a, b in zip(exact.steps(), plain.steps(), strict=True):
        if a.value is not None:
            np.testing.assert_allclose(floats(a.value), floats(b.value), rtol=1e-9, atol=1e-12)


def test_exactness_ends_where_a_formula_ends_it(example):
    found = trace(example, [[1, 2]], [1], exact=True)
    assert found["Z2"].tolist() == [[Fraction(-51, 100)]]
    assert isinstance(found["a2"].item(), float)
    assert "exact up to a[2]" in found.notes[-1]
    adam = trace(Network.create([2, 1], ["identity"]), X2, Y2, exact=True, optimizer="adam")
    assert isinstance(adam["dW1"].ravel()[0], Fraction)
    assert isinstance(adam["W1"].ravel()[0], float)


def test_no_negative_zero_and_no_longer_than_the_terminal():
    network = Network.create([12, 30, 4], ["relu", "softmax"], "categorical_cross_entropy", seed=0)
    X = np.random.default_rng(0).normal(size=(20, 12))
    found = trace(network, X, np.arange(20) % 4)
    for width in (40, 80, 140):
        text = found.to_text(width=width)
        assert max(map(len, text.splitlines())) <= width
        assert "⋯" in text
        assert "⋮" in text
    assert "-0 " not in text
    assert "-0." in text  # a number such as -0.5 is no negative zero
    assert "-0.0000" not in text


def test_symbol_formula_substitution_result(example):
    linear, activation, *_ = trace(example, [[1, 2]], [1]).steps()
    assert (linear.name, linear.symbol.key, linear.shape) == ("linear", "Z1", (3, 1))
    assert [text_of(node) for node in (linear.formula, linear.substitution, linear.result)] == [
        "W[1]·a[0] + b[1]",
        "[0.5 -0.3; 0.2 0.8; -0.6 0.1]·[1 2]ᵀ + [0.3 -0.1 0]ᵀ",
        "[0.2 1.7 -0.4]ᵀ",
    ]
    assert linear.shapes == {"W1": (3, 2), "a0": (2, 1), "b1": (3, 1), "Z1": (3, 1)}
    assert activation.notes == ("⚠ unit 3 inactive: g'(Z) = 0, so no gradient passes",)
    assert repr(trace(example, [[1, 2]])).startswith("<Trace of 2 -> 3 relu")


def test_forward_alone_without_targets(example):
    found = trace(example, [[1, 2]])
    assert {section.kind for section in found.iterations[0].sections} == {"forward"}


def test_parts(example):
    found = trace(example, [[1, 2]], [1])
    only = found.only("backward", "update")
    assert {section.kind for section in only.iterations[0].sections} == {"backward", "update"}
    assert "FORWARD" not in only.to_text()
    with pytest.raises(InvalidOption, match="expected a part of the trace out of forward, loss"):
        found.only("sideways")


def test_digits_and_blanks(example):
    found = trace(example, [[1, 2]], [1])
    assert "0.38" in found.to_text(digits=2)
    assert "0.375" not in found.to_text(digits=2)
    blank = found.to_text(blanks=["Z1"])
    assert "1.7" not in blank.split("layer 2")[0].replace("0.2  0.8", "").split("activation")[0]
    assert "?" in blank


def test_a_long_step_is_remarked(example):
    text = trace(example, [[1, 2]], [1], alpha=50).to_text()
    assert "the two differ by more than half" in text


def test_an_estimator_is_taken_as_it_is():
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.array(["a", "b", "c"] * 10)
    model = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, y)
    found = deltarule.trace(model, X[:2], y[:2])
    np.testing.assert_allclose(floats(found["a2"]).T, model.predict_proba(X[:2]), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        (([[1, 2, 3]], [1]), {}, DataError, r"expected X of shape \(m, 2\)"),
        (([[1, 2]], [1, 0]), {}, DataError, "expected y of shape"),
        (([[1, np.nan]], [1]), {}, DataError, "expected finite numbers in X"),
        (([["a", 2]], [1]), {}, DataError, "expected numbers in X"),
        (([[1, 2]], [2]), {}, DataError, r"expects y in \[0, 1\]"),
        (([[1, 2]], [1]), {"alpha": 0}, InvalidOption, "learning rate alpha above 0"),
        (([[1, 2]], [1]), {"steps": 0}, InvalidOption, "expected steps to be a whole number"),
        (([[1, 2]], [1]), {"optimizer": "sgdd"}, UnknownName, "known optimizer"),
        (([[1, 2]], [1]), {"penalties": {"l2": -1}}, InvalidOption, "strength of l2"),
        (([[1, 2]], [1]), {"sample_weight": [0]}, DataError, "sample weights"),
        (([[1, 2]], [1]), {"optimizer": "lbfgs", "batch_size": 1}, InvalidOption, "all samples at once"),
    ],
)
def test_what_does_not_fit_is_refused(example, arguments, options, error, says):
    with pytest.raises(error, match=says):
        trace(example, *arguments, **options)


def test_a_cost_that_is_not_finite_is_refused():
    network = Network.create([1, 1], ["exp"], "poisson_deviance")
    network.W[1][...] = 1000
    with pytest.raises(NotFinite, match="at step 1"):
        trace(network, [[1000.0]], [1])


def test_something_else_is_no_network():
    with pytest.raises(InvalidOption, match="expected a Network or a fitted estimator, found int"):
        trace(3, [[1]], [1])


def test_class_numbers_and_rows_of_ones():
    network = Network.create([2, 3], ["softmax"], "categorical_cross_entropy", seed=1)
    a = trace(network, X2, [0, 2, 1])
    b = trace(network, X2, np.eye(3)[[0, 2, 1]])
    np.testing.assert_array_equal(a["dW1"], b["dW1"])
    with pytest.raises(DataError, match="expected classes from 0 to 2"):
        trace(network, X2, [0, 3, 1])
