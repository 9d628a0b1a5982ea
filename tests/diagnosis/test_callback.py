"""The callback: what it sees on the way, and after a training that failed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from deltarule import Diagnosis, LogisticRegression, MLPClassifier, Network
from deltarule.engines import Data
from deltarule.errors import InvalidOption, NotFinite
from deltarule.run import Plan
from deltarule.training import train


def fit(blobs, diagnosis, **options):
    options = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 5, "callbacks": [diagnosis]} | options
    model = MLPClassifier(**options)
    return model.fit(*blobs)


pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:Got `batch_size`")


def test_a_healthy_training_is_silent_and_untouched(blobs, capsys):
    diagnosis = Diagnosis()
    watched = fit(blobs, diagnosis)
    assert capsys.readouterr().out == ""
    assert diagnosis.report.healthy
    assert diagnosis.report.samples == 120
    assert diagnosis.report.layers[1]["update_ratio"] > 1e-5
    np.testing.assert_array_equal(watched.network_.theta, fit(blobs, Diagnosis(every=100)).network_.theta)


def test_dead_units_are_told_when_they_die_and_not_again(blobs, capsys):
    X, y = blobs
    diagnosis = Diagnosis()
    fit((X - 5, y), diagnosis, learning_rate_init=5.0, max_iter=30)
    said = capsys.readouterr().out
    assert said.count("critical: dead units") == 1
    assert said.count("warning: dead units") <= 1
    assert f"after epoch {diagnosis.first_seen['dead units']}: " in said
    assert diagnosis.report["dead units"].severity == "critical"


def test_a_training_that_fails_is_explained(blobs):
    diagnosis = Diagnosis(quiet=True)
    with pytest.raises(NotFinite) as failure:
        fit(blobs, diagnosis, solver="sgd", learning_rate_init=1e300)
    finding = diagnosis.report["not finite"]
    assert failure.value.quantity in finding.what
    assert f"step {failure.value.step}" in finding.what
    assert diagnosis.report.findings[0] is finding
    assert sum(x.kind == "not finite" for x in diagnosis.report.findings) == 1


def test_it_looks_every_so_often_and_at_the_end(blobs, monkeypatch):
    diagnosis = Diagnosis(every=2, rows=50)
    seen = []
    monkeypatch.setattr(diagnosis, "_look", lambda run, data: seen.append((run.epoch, len(data))))
    fit(blobs, diagnosis)
    assert seen == [(2, 50), (4, 50), (5, 120)]


def test_it_works_with_linear_models_that_solve_and_that_descend(blobs):
    for solver in ("lbfgs", "gradient_descent"):
        diagnosis = Diagnosis()
        LogisticRegression(solver=solver, callbacks=[diagnosis]).fit(*blobs)
        assert diagnosis.report.healthy


def test_samples_without_weight_are_not_looked_at(blobs):
    features, labels = blobs
    data = Data(features, np.eye(labels.max() + 1)[labels], np.arange(len(labels)) < 20.0)
    network = Network.create([features.shape[1], 4, data.y.shape[1]], ["tanh", "softmax"], "categorical_cross_entropy")
    diagnosis = Diagnosis(quiet=True)
    train(network, data, Plan(epochs=2, batch_size=5), callbacks=[diagnosis])
    assert diagnosis.report.samples == 20
    assert diagnosis.report.healthy


def test_it_can_be_cloned_and_refuses_nonsense():
    assert clone(MLPClassifier(callbacks=[Diagnosis(every=3)])).callbacks[0].every == 3
    for nonsense in ({"every": 0}, {"every": 2.5}, {"every": "2"}, {"rows": None}):
        with pytest.raises(InvalidOption, match="expected whole numbers every >= 1"):
            Diagnosis(**nonsense)
