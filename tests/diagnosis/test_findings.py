"""Each illness is made on purpose and must be found; healthy networks must not be told they are ill."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.preprocessing import StandardScaler

import deltarule
from deltarule import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Network
from deltarule.diagnosis.measure import CHUNK, Slope, alike_units, measure
from deltarule.engines import Data
from deltarule.equations import ACTIVATIONS, Activation
from deltarule.errors import DataError, InvalidOption
from deltarule.layers import Deltas

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 10))
Y = (X[:, :1] > 0).astype(float)
HIDDEN = [name for name, g in ACTIVATIONS.items() if not g.output_only]


def network(*hidden, activation="relu", loss="binary_cross_entropy", seed=0, dtype=np.float64):
    return Network.create([10, *hidden, 1], [activation] * len(hidden) + ["sigmoid"], loss, seed=seed, dtype=dtype)


# healthy


@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fresh_weights_of_every_activation_are_healthy(activation, dtype):
    report = deltarule.diagnose(network(32, 32, activation=activation, dtype=dtype), X, Y, learning_rate=0.01)
    assert report.findings == ()
    assert "No findings" in str(report)


def test_trained_digits_with_defaults_are_healthy():
    features, labels = load_digits(return_X_y=True)
    model = MLPClassifier(random_state=0, max_iter=40)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(features, labels)
    report = deltarule.diagnose(model, features, labels)
    assert report.healthy
    assert all(1e-5 < row["update_ratio"] < 0.1 for row in report.layers[1:])


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "hard_sigmoid"])
def test_a_network_trained_for_long_is_healthy(activation):
    features, labels = load_iris(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    model = MLPClassifier((16,), activation, max_iter=2000, learning_rate_init=0.01, random_state=0)
    assert deltarule.diagnose(model.fit(features, labels), features, labels).healthy


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        LogisticRegression(solver="gradient_descent"),
        MLPClassifier((8,), solver="lbfgs", random_state=0),
        MLPClassifier((8,), class_weight="balanced", random_state=0, max_iter=1000),
    ],
)
def test_every_way_to_train_a_classifier_can_be_diagnosed(model):
    features, labels = load_breast_cancer(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    model.fit(features, labels)
    report = deltarule.diagnose(model, features, labels)
    assert report.healthy
    stepwise = model.solver in ("adam", "gradient_descent")
    assert all((row["update_ratio"] is not None) == stepwise for row in report.layers[1:])


def test_regressions_with_weights_and_sparse_data_can_be_diagnosed():
    w = RNG.uniform(0, 2, 300)
    targets = X[:, :2] @ [[1.0, 2.0], [0.5, -1.0]]
    model = MLPRegressor("squared_error", (8,), random_state=0, max_iter=1000).fit(X, targets, w)
    dense, sparse = (deltarule.diagnose(model, A, targets, w) for A in (X, csr_matrix(X)))
    assert dense.healthy
    assert sparse.layers[1] == pytest.approx(dense.layers[1])
    assert sparse.layers[0]["std"] == pytest.approx(X.std())
    assert deltarule.diagnose(LinearRegression().fit(X, targets), X, targets).healthy


# measures


def test_the_measures_are_those_of_the_definition():
    net = network(6, 5, activation="tanh")
    cache = net.forward(X)
    gradient = net.backward(cache, Y, deltas=(deltas := Deltas()))
    found = measure(net, Data(X, Y))
    assert found.cost == pytest.approx(net.cost(cache, Y))
    for x in found.layers[1:]:
        assert x.mean == pytest.approx(cache.a[x.layer].mean())
        assert x.std == pytest.approx(cache.a[x.layer].std())
        assert x.rms_dZ == pytest.approx(np.sqrt(np.mean(deltas.dZ[x.layer] ** 2)))
        assert x.rms_dW == pytest.approx(np.sqrt(np.mean(gradient.W[x.layer] ** 2)))
    np.testing.assert_allclose(found.layers[1].flat, (1 - cache.a[1] ** 2 <= 0.05).mean(axis=0))


def test_chunks_add_up():
    many = RNG.normal(size=(2 * CHUNK + 7, 10))
    targets = (many[:, :1] > 0).astype(float)
    w = RNG.uniform(0.5, 2, len(many))
    net = network(6)
    cache = net.forward(many)
    gradient = net.backward(cache, targets, w, deltas=(deltas := Deltas()))
    found = measure(net, Data(many, targets, w))
    assert found.cost == pytest.approx(net.cost(cache, targets, w))
    assert found.layers[1].rms_dZ == pytest.approx(np.sqrt(np.mean(deltas.dZ[1] ** 2)))
    assert found.layers[1].rms_dW == pytest.approx(np.sqrt(np.mean(gradient.W[1] ** 2)))


def test_what_saturates_is_told_by_the_derivative_not_by_the_name():
    saturating = {
        name for name in HIDDEN if Slope.of(ACTIVATIONS[name], np.array([0.25]) if name == "prelu" else None).saturates
    }
    assert saturating == {"sigmoid", "tanh", "hard_sigmoid"}
    mine = Activation(name="arctan", formula=np.arctan, derivative=lambda Z, a: 1 / (1 + Z * Z))
    assert Slope.of(mine).saturates
    assert Slope.of(ACTIVATIONS["softmax"]) is None


def test_an_activation_of_the_user_is_diagnosed_without_a_change():
    ACTIVATIONS.add(
        Activation(
            name="half_wave", formula=lambda Z: np.maximum(Z, 0) ** 2, derivative=lambda Z, a: 2 * np.maximum(Z, 0)
        )
    )
    try:
        net = network(4, activation="half_wave")
        net.b[1][...] = -100
        assert deltarule.diagnose(net, X, Y)["dead units"].units == {1: (1, 2, 3, 4)}
    finally:
        ACTIVATIONS.remove("half_wave")


# ill


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_units_with_a_bias_of_minus_a_hundred_are_dead(activation):
    net = network(16, activation=activation)
    net.b[1][3] = -100
    report = deltarule.diagnose(net, X, Y)
    finding = report["dead units"]
    assert (finding.severity, finding.units) == ("note", {1: (4,)})
    assert report.layers[1]["dead"] == 1
    net.b[1][[1, 5]] = -100
    assert deltarule.diagnose(net, X, Y)["dead units"].severity == "warning"
    net.b[1][...] = -100
    report = deltarule.diagnose(net, X, Y)
    assert report["dead units"].severity == "critical"
    assert report["no gradient"].layers == (1,)


def test_leaky_units_do_not_die():
    net = network(16, activation="leaky_relu")
    net.b[1][...] = -100
    assert "dead units" not in deltarule.diagnose(net, X, Y)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "hard_sigmoid"])
def test_units_far_from_zero_are_saturated(activation):
    net = network(16, activation=activation)
    assert "saturated units" not in deltarule.diagnose(net, X, Y)
    assert deltarule.diagnose(net, 1000 * X, Y)["saturated units"].severity == "critical"
    net.b[1][2] = 100
    finding = deltarule.diagnose(net, X, Y)["saturated units"]
    assert (finding.severity, finding.units) == ("note", {1: (3,)})


def test_an_output_that_the_loss_undoes_may_be_as_sure_as_it_likes():
    fused, apart = network(4), network(4, loss="squared_error")
    for net in (fused, apart):
        net.b[2][...] = 30
    assert "saturated output" not in deltarule.diagnose(fused, X, Y)
    assert deltarule.diagnose(apart, X, Y)["saturated output"].layers == (2,)
    assert "saturated output" not in deltarule.diagnose(apart, X, np.ones_like(Y))  # sure, and right


def test_ten_layers_of_sigmoids_let_the_gradient_vanish():
    report = deltarule.diagnose(network(*[20] * 10, activation="sigmoid"), X, Y)
    finding = report["vanishing gradients"]
    assert finding.layers[0] == 1
    assert 10 not in finding.layers
    ratios = [row["gradient_ratio"] for row in report.layers[1:]]
    assert ratios == sorted(ratios)
    assert ratios[0] < 1e-6
    assert "vanishing gradients" not in deltarule.diagnose(network(*[20] * 10), X, Y)


def test_weights_that_are_too_large_let_the_gradient_explode():
    net = network(64, 64, 64, 64)
    for W in net.W.values():
        W[...] = np.random.default_rng(1).normal(size=W.shape)
    report = deltarule.diagnose(net, X, Y)
    assert 1 in report["exploding gradients"].layers
    assert not report.healthy


@pytest.mark.parametrize("value", [0.0, 0.5])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_equal_weights_are_symmetric_before_and_after_training(activation, value):
    net = network(8, 8, activation=activation)
    net.theta[...] = value
    for _ in range(2):
        finding = deltarule.diagnose(net, X, Y)["symmetric units"]
        assert (finding.severity, finding.layers) == ("critical", (1, 2))
        for _ in range(30):
            net.step(net.backward(net.forward(X), Y), 0.1)


def test_two_units_alike_are_found_among_others_and_one_that_differs_is_not():
    net = network(8, activation="tanh")
    net.W[1][5], net.b[1][5], net.W[2][:, 5] = net.W[1][2], net.b[1][2], net.W[2][:, 2]
    finding = deltarule.diagnose(net, X, Y)["symmetric units"]
    assert (finding.severity, finding.units) == ("warning", {1: (3, 6)})
    net.W[1][5, 0] *= 1.001
    assert "symmetric units" not in deltarule.diagnose(net, X, Y)


def test_alike_units_parts_groups_by_every_array():
    A = np.array([[1.0, 2], [1, 2], [3, 4], [1, 2], [3, 4]])
    B = np.array([[0.0], [0], [1], [9], [1]])
    assert alike_units(A) == ((0, 1, 3), (2, 4))
    assert alike_units(A, B) == ((0, 1), (2, 4))


@pytest.mark.parametrize(
    ("spoil", "quantity", "where"),
    [
        (lambda net, A, y: net.W[2].__setitem__((0, 4), np.nan), "W[2]", "unit 1, input 5"),
        (lambda net, A, y: net.b[1].__setitem__(6, np.inf), "b[1]", "unit 7"),
        (lambda net, A, y: A.__setitem__((7, 3), np.nan), "X", "row 8, column 4"),
        (lambda net, A, y: y.__setitem__((9, 0), np.nan), "y", "row 10"),
        (lambda net, A, y: net.theta.__imul__(1e200), "Z[2]", "row 1"),
    ],
)
def test_the_first_value_that_is_not_finite_is_named(spoil, quantity, where):
    net, A, y = network(16), X.copy(), Y.copy()
    spoil(net, A, y)
    (finding,) = deltarule.diagnose(net, A, y, learning_rate=0.1).findings
    assert (finding.kind, finding.severity) == ("not finite", "critical")
    assert quantity in finding.what
    assert where in finding.what


def test_a_row_in_a_later_chunk_keeps_its_number():
    many = np.zeros((CHUNK + 10, 10))
    many[CHUNK + 3, 2] = np.nan
    assert f"row {CHUNK + 4}," in deltarule.diagnose(network(4), many, np.zeros(len(many)))["not finite"].what


@pytest.mark.parametrize("dense", [True, False])
def test_samples_without_weight_are_left_out_and_the_others_keep_their_numbers(dense):
    samples = RNG.normal(size=(2 * CHUNK, 10))
    y, w = samples[:, :1] > 0, np.repeat([0.0, 1.0], CHUNK)  # all of the first chunk
    model = network(4, activation="tanh")
    found = deltarule.diagnose(model, samples if dense else coo_matrix(samples), y, w, learning_rate=0.1)
    alone = deltarule.diagnose(model, samples[CHUNK:], y[CHUNK:], learning_rate=0.1)
    assert found.to_dict() == alone.to_dict()
    samples[CHUNK + 7] = np.nan
    found = deltarule.diagnose(model, samples if dense else coo_matrix(samples), y, w)
    assert f"in row {CHUNK + 8}" in found["not finite"].what


def test_rows_keep_their_numbers_where_an_estimator_leaves_some_out():
    model = MLPRegressor(hidden_layer_sizes=(1,), activation="identity", max_iter=2, random_state=0).fit(X, Y.ravel())
    model.coefs_ = [np.full((10, 1), 1e200), np.ones((1, 1))]
    samples = np.zeros((20, 10))
    samples[7] = 1e200
    report = deltarule.diagnose(model, samples, np.zeros(20), np.repeat([0.0, 1.0], [3, 17]))
    assert report.samples == 17
    assert "Z[1], in row 8" in report["not finite"].what


def test_an_overflow_in_float32_is_found_where_it_happens():
    net = Network.create([10, 4, 1], ["identity", "identity"], dtype=np.float32)
    net.W[1][...] = 10
    A = np.ones((20, 10))
    A[11] = 1e38  # which float32 can hold
    assert "Z[1], in row 12" in deltarule.diagnose(net, A, np.zeros(20))["not finite"].what


@pytest.mark.parametrize(("rate", "kind"), [(100.0, "steps too long"), (1e-9, "steps too short")])
def test_the_length_of_the_steps_is_judged(rate, kind):
    report = deltarule.diagnose(network(8), X, Y, learning_rate=rate)
    assert kind in report
    assert "steps too long" not in deltarule.diagnose(network(8), X, Y)  # nothing is known of the rate


def test_the_update_is_that_of_the_optimizer():
    net = network(8, activation="tanh")
    rows = deltarule.diagnose(net, X, Y, learning_rate=1e-6).layers
    gradient = net.backward(net.forward(X), Y)
    for l in net.W:
        expected = 1e-6 * np.sqrt(np.mean(gradient.W[l] ** 2) / np.mean(net.W[l] ** 2))
        assert rows[l]["update_ratio"] == pytest.approx(expected, rel=1e-4)
    adam = deltarule.diagnose(net, X, Y, learning_rate=1e-6, optimizer="adam").layers
    assert adam[1]["update_ratio"] == pytest.approx(1e-6 / np.sqrt(np.mean(net.W[1] ** 2)), rel=0.05)


def test_short_steps_of_a_training_that_has_learned_are_no_illness():
    kwargs = {"hidden_layer_sizes": (8,), "solver": "sgd", "max_iter": 30, "momentum": 0.0, "random_state": 0}
    slow = MLPClassifier(learning_rate_init=1e-9, **kwargs).fit(X, Y[:, 0])
    assert "steps too short" in deltarule.diagnose(slow, X, Y[:, 0])
    decayed = MLPClassifier(learning_rate_init=1.0, learning_rate="exponential(decay=0.3)", **kwargs).fit(X, Y[:, 0])
    report = deltarule.diagnose(decayed, X, Y[:, 0])
    assert report.layers[1]["update_ratio"] < 1e-5
    assert report.healthy


# asking


def test_a_diagnosis_changes_nothing():
    model = MLPClassifier((8,), random_state=0, max_iter=2000).fit(X, Y[:, 0])
    theta, moments = model.network_.theta.copy(), {k: v.copy() for k, v in model._state.moments.items()}
    deltarule.diagnose(model, X, Y[:, 0])
    np.testing.assert_array_equal(model.network_.theta, theta)
    for name, values in moments.items():
        np.testing.assert_array_equal(model._state.moments[name], values)


def test_what_cannot_be_diagnosed_is_refused():
    with pytest.raises(DataError, match="expected y of shape"):
        deltarule.diagnose(network(4), X, Y[:5])
    with pytest.raises(DataError, match="expected y as numbers, found none"):
        deltarule.diagnose(network(4), X)
    with pytest.raises(DataError, match=r"expects y in \[0, 1\], found 7"):
        deltarule.diagnose(network(4), X, 7 * Y)
    with pytest.raises(DataError, match="expected 300 sample weights"):
        deltarule.diagnose(network(4), X, Y, -np.ones(300))
    with pytest.raises(InvalidOption, match="expected a learning rate above 0, found -1"):
        deltarule.diagnose(network(4), X, Y, learning_rate=-1)
    with pytest.raises(InvalidOption, match="expected a Network or a fitted estimator"):
        deltarule.diagnose(MLPClassifier(), X, Y)
    with pytest.raises(DataError, match="expected as many y as rows of X"):
        deltarule.diagnose(LinearRegression().fit(X, Y[:, 0]), X, Y[:5, 0])


def test_the_report_shows_itself():
    net = network(4)
    net.b[1][...] = -100
    report = deltarule.diagnose(net, X, Y)
    assert "critical  dead units" in str(report)
    page = report._repr_html_()
    assert page.count("<tr>") == 4
    assert "<b>critical: dead units</b>" in page
    assert all(len(line) <= 80 for line in str(report).splitlines() if ":" in line[:3])  # the table
    document = report.to_dict()
    assert document["findings"][0]["units"] == {"1": [1, 2, 3, 4]}
    assert [row["layer"] for row in document["layers"]] == [0, 1, 2]
