"""Training that goes on, is watched, is interrupted or fails: callbacks, checkpoints, partial_fit, warm start."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification

from deltarule import Checkpoint, EarlyStopping, MLPRegressor
from deltarule.engines import ENGINES
from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, NotFinite
from perceptrons import classifier, regressor, same

# callbacks


def test_callbacks_and_verbose(blobs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    epochs: list[int] = []
    classifier(verbose="progress", callbacks=[lambda run: epochs.append(run.epoch)]).fit(*blobs)
    captured = capsys.readouterr()
    assert epochs == [1, 2, 3, 4, 5]
    assert captured.out == ""
    assert "MLPClassifier" in captured.err
    classifier(verbose=True).fit(*blobs)
    assert capsys.readouterr().out.count("Iteration") == 5


def test_callbacks_stop_and_restore(blobs: Any) -> None:
    stopper = EarlyStopping("loss", patience=0, min_delta=1e9)
    model = classifier(callbacks=[stopper]).fit(*blobs)
    assert model.n_iter_ == 2
    twin = clone(model)
    assert twin.callbacks[0] is not stopper
    assert twin.fit(*blobs).n_iter_ == 2


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_fit_continues_from_its_checkpoint(solver: str, early_stopping: bool, blobs: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"

    def interrupt(run: Any) -> None:
        if run.epoch == 4:
            raise KeyboardInterrupt

    options = {"solver": solver, "early_stopping": early_stopping, "max_iter": 9, "dropout": 0.2}
    expected = classifier(**options).fit(*blobs)
    for _ in range(2):  # interrupted twice at the same place: Ctrl-C comes before the fourth epoch is written
        with pytest.warns(DeltaruleWarning, match="interrupted"):
            classifier(callbacks=[interrupt, Checkpoint(path, resume=True)], **options).fit(*blobs)
    model = classifier(callbacks=[Checkpoint(path, resume=True)], **options).fit(*blobs)
    same(model, expected)
    assert model.n_iter_ == expected.n_iter_


def interrupted(epoch: int) -> Any:
    class Engine:
        def __init__(self) -> None:
            self.left = epoch

        def __getattr__(self, name: str) -> Any:
            return getattr(ENGINES["reference"], name)

        def supports(self, network: Any, *others: Any) -> None:
            return None

        def epochs(self, *arguments: Any, **options: Any) -> list[float]:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return ENGINES["reference"].epochs(*arguments, **options)

    return Engine()


@pytest.mark.parametrize("epoch", [1, 3])
def test_ctrl_c_leaves_a_model_that_predicts(epoch: int, blobs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "interrupted", interrupted(epoch))
    model = classifier(engine="interrupted", callbacks=[lambda run: None])
    with pytest.warns(DeltaruleWarning, match="interrupted by user"):
        model.fit(*blobs)
    assert model.n_iter_ == len(model.loss_curve_) == epoch - 1
    assert np.isnan(model.loss_) == (epoch == 1)
    assert (model.best_loss_ is None) == (epoch == 1)
    assert np.isfinite(model.predict_proba(blobs[0])).all()


def test_values_that_cease_to_be_finite_are_named(curve: Any) -> None:
    X, y = curve
    with pytest.raises(NotFinite, match=r"layer \d at step \d+"):
        regressor(solver="sgd", learning_rate_init=1e6).fit(X, y)
    model = regressor(solver="sgd", learning_rate_init=30.0, early_stopping=True, momentum=0, max_iter=50)
    with pytest.warns(DeltaruleWarning, match=r"layer \d at step \d+.*The best weights so far are kept"):
        model.fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert model.n_iter_ == len(model.loss_curve_)


# partial_fit and warm start


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_partial_fits_are_the_epochs_of_a_fit(solver: str, dropout: float, three_classes: Any) -> None:
    X, y = three_classes
    options = {"solver": solver, "dropout": dropout, "batch_size": 40}
    model = classifier(**options)
    for i in range(5):
        model.partial_fit(X, y, classes=[0, 1, 2] if i == 0 else None)
    same(model, classifier(**options).fit(X, y))


def test_partial_fit_goes_on_after_pickling(curve: Any) -> None:
    model = regressor(dropout=0.2)
    for _ in range(5):
        model = pickle.loads(pickle.dumps(model.partial_fit(*curve)))
    same(model, regressor(dropout=0.2).fit(*curve))


def test_partial_fit_of_sparse_indicators(blobs: Any) -> None:
    X, _ = blobs
    Y = (X[:, :3] > 0).astype(int)
    same(*(classifier().partial_fit(X, y, classes=[0, 1, 2]) for y in (sparse.csr_array(Y), Y)))


def test_partial_fit_needs_weights_that_can_be_changed(curve: Any, tmp_path: Path) -> None:
    joblib.dump(regressor().fit(*curve), tmp_path / "model")
    with pytest.raises(DataError, match="found read-only ones; load the model without mmap_mode"):
        joblib.load(tmp_path / "model", mmap_mode="r").partial_fit(*curve)


def test_partial_fit_of_multilabel_targets() -> None:
    X, y = make_multilabel_classification(80, 5, n_classes=3, random_state=0)
    model = classifier().partial_fit(X[:40], y[:40], classes=[0, 1, 2])
    for _ in range(3):
        model.partial_fit(X[40:], y[40:])
    assert model.predict(X).shape == (80, 3)
    with pytest.raises(DataError, match="3 columns"):
        model.partial_fit(X, y[:, :2])
    with pytest.raises(DataError, match=r"one class a column of y \(3\), found 2"):
        classifier().partial_fit(X, y, classes=[0, 1])
    whole = classifier()
    for _ in range(5):
        whole.partial_fit(X, y, classes=[0, 1, 2])
    same(whole, classifier().fit(X, y))


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("fault", ["data", "callback"])
@pytest.mark.parametrize("warm", [False, True])
def test_what_fails_leaves_weights_moments_and_history_as_they_were(
    solver: str, engine: str, fault: str, warm: bool, three_classes: Any
) -> None:
    X, y = three_classes
    model, other = (classifier(solver=solver, engine=engine, warm_start=warm).fit(X, y) for _ in range(2))
    more = model.fit if warm else model.partial_fit
    if fault == "callback":
        model.callbacks = [fail_at(2 if warm else model.n_iter_ + 1)]
        with pytest.raises(ZeroDivisionError):
            more(X, y)
        model.callbacks = None
    else:
        with pytest.raises(NotFinite):
            more(1e200 * X, y)
    same(model, other)
    assert model.loss_curve_ == other.loss_curve_
    assert (model.t_, model.n_iter_, model.loss_) == (other.t_, other.n_iter_, other.loss_)
    same(more(X, y), (other.fit if warm else other.partial_fit)(X, y))


def fail_at(epoch: int) -> Callable[[Any], None]:
    def callback(run: Any) -> None:
        if run.epoch >= epoch:
            raise ZeroDivisionError

    return callback


def test_squares_of_gradients_that_no_number_holds_are_told() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    X[:, 1] *= 1e12
    with pytest.raises(NotFinite, match=r"v of W\[1\] of layer 1 at step 1; .*scale the columns"):
        MLPRegressor("squared_error", (4,), random_state=0).fit(X, 1e9 * X[:, 0])


def test_a_last_step_after_which_nothing_can_be_predicted_is_told() -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = MLPRegressor("absolute_error", (2, 2, 2), "identity", solver="sgd", momentum=0, max_iter=1, random_state=0)
    with pytest.raises(NotFinite, match=r"Z\[\d\]"):  # weights of about 1e155, four of which are multiplied
        model.set_params(learning_rate_init=1e155).fit(X, X[:, 0])


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_partial_fit_tells_that_the_learning_rate_has_run_its_course(schedule: str, three_classes: Any) -> None:
    X, y = three_classes
    model = classifier(learning_rate=schedule, max_iter=2)
    for _ in range(2):
        model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.warns(DeltaruleWarning, match="run its course of max_iter=2 epochs"):
        model.partial_fit(X, y)


def test_a_partial_fit_that_fails_remembers_no_classes(three_classes: Any) -> None:
    X, y = three_classes
    model = classifier()
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(X * np.nan, y, classes=[0, 1, 2])
    assert not hasattr(model, "classes_")
    model.partial_fit(X, y + 1, classes=[1, 2, 3])


def test_partial_fit_needs_all_classes_at_the_first_call(three_classes: Any) -> None:
    X, y = three_classes
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, y)
    model = classifier().partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (150, 3)
    model.partial_fit(X[y == 2], y[y == 2])  # a batch of one class
    with pytest.raises(DataError, match=r"found also \[3\]"):
        model.partial_fit(X, y + 1)
    with pytest.raises(DataError, match="not the same as on last call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(DataError, match="found also"):
        model.partial_fit(X, y.astype(str))


def test_partial_fit_after_a_fit_that_stopped_early(blobs: Any) -> None:
    model = classifier(early_stopping=True, max_iter=30).fit(*blobs)
    with pytest.raises(ValueError, match="does not support early_stopping"):
        model.partial_fit(*blobs)
    theta = model.network_.theta.copy()
    model.set_params(early_stopping=False).partial_fit(*blobs)
    assert not np.array_equal(model.network_.theta, theta)
    assert model.score(*blobs) > 0.3


def test_partial_fit_goes_on_with_another_solver(blobs: Any) -> None:
    model = classifier(solver="sgd").fit(*blobs)
    for solver in ("adam", "rmsprop", "sgd"):
        model.set_params(solver=solver).partial_fit(*blobs)
        assert np.isfinite(model.loss_)
    assert not hasattr(model.set_params(solver="lbfgs"), "partial_fit")


def test_partial_fit_with_class_weights(three_classes: Any) -> None:
    X, y = three_classes
    model = classifier(class_weight={0: 1, 1: 5, 2: 1}).partial_fit(X[y == 1], y[y == 1], classes=[0, 1, 2])
    assert np.isfinite(model.partial_fit(X, y).loss_)
    with pytest.raises(InvalidOption, match="balanced"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


def test_ctrl_c_amid_a_partial_fit_leaves_the_model_as_it_was(curve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    X, y = curve
    expected, model = (MLPRegressor(hidden_layer_sizes=(5,), random_state=0).partial_fit(X, y) for _ in range(2))
    monkeypatch.setattr("deltarule.minibatches._check_finite", interrupted)  # all steps are taken by then
    with pytest.warns(DeltaruleWarning, match="interrupted"):
        model.partial_fit(X, y)
    monkeypatch.undo()
    assert model.n_iter_ == 1
    np.testing.assert_array_equal(model.partial_fit(X, y).network_.theta, expected.partial_fit(X, y).network_.theta)


def test_what_a_fit_of_read_only_weights_refuses_is_told(curve: Any, tmp_path: Path) -> None:
    X, y = curve
    joblib.dump(MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, warm_start=True).fit(X, y), tmp_path / "model")
    model = joblib.load(tmp_path / "model", mmap_mode="r")
    with pytest.raises(ValueError, match="features"):
        model.fit(np.hstack([X, X]), y)


def test_a_partial_fit_that_diverges_leaves_the_model_as_it_was(curve: Any) -> None:
    X, y = curve
    model = regressor().fit(X, y)
    theta = model.network_.theta.copy()
    with pytest.raises(NotFinite):
        model.partial_fit(X * 1e300, y)
    np.testing.assert_array_equal(model.network_.theta, theta)
    assert np.isfinite(model.partial_fit(X, y).loss_)


def test_warm_start_goes_on(curve: Any) -> None:
    model = regressor(warm_start=True, max_iter=20).fit(*curve)
    loss = model.loss_
    model.fit(*curve)
    assert model.loss_curve_[20] < model.loss_curve_[0]
    assert model.loss_ < loss
    assert len(model.loss_curve_) == 40
    with pytest.raises(InvalidOption, match="found"):
        model.set_params(hidden_layer_sizes=(9,)).fit(*curve)


def test_warm_start_takes_up_what_has_changed_besides_the_sizes(curve: Any) -> None:
    model = regressor(warm_start=True).fit(*curve)
    theta = model.network_.theta.copy()
    model.set_params(activation="tanh", loss="huber", dropout=0.1, max_iter=1, learning_rate_init=1e-12).fit(*curve)
    assert str(model.network_).startswith("3 -> 8 tanh (dropout 0.1) -> 1 identity, huber,")
    np.testing.assert_allclose(model.network_.theta, theta, atol=1e-10)
    with pytest.raises(InvalidOption, match="parameters"):
        model.set_params(activation="prelu").fit(*curve)


def test_warm_start_keeps_the_classes(three_classes: Any) -> None:
    X, y = three_classes
    model = classifier(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        model.fit(X, np.minimum(y, 1))
