"""Early stopping, progress, printing, and checkpoints from which a run continues bit for bit."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from deltarule import model_file
from deltarule.callbacks import Callback, EarlyStopping, Printer, Progress
from deltarule.checkpoint import Checkpoint
from deltarule.engines import Data
from deltarule.equations import OPTIMIZERS, SCHEDULES
from deltarule.errors import DeltaruleWarning, InvalidOption, ModelFileError, OutputError
from deltarule.network import Network
from deltarule.run import Plan, Run, State
from deltarule.training import train

EPOCHS = 7


def make_network(dropout: float = 0.0, seed: int = 0, dtype: Any = np.float64) -> Network:
    return Network.create([3, 6, 1], ["tanh", "identity"], dropout=dropout, seed=seed, dtype=dtype)


def make_data(weights: bool = False) -> Data:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(50, 3))
    return Data(X, np.sin(X[:, :1]) + X[:, 1:2] * X[:, 2:], rng.uniform(0.1, 2, 50) if weights else None)


def make_plan(optimizer: str = "adam", schedule: str = "constant", **options: Any) -> Plan:
    settings = {"learning_rate": 0.05, "epochs": EPOCHS, "batch_size": 16, **options}
    return Plan(OPTIMIZERS.choose(optimizer), SCHEDULES.choose(schedule), **settings)


def follow(values: list[float], stopper: EarlyStopping, name: str = "validation_loss") -> tuple[Run, list[Any]]:
    """A run whose validation measures `values`, and the weights after each epoch."""
    thetas: list[Any] = []

    def measure(network: Network) -> dict[str, float]:
        thetas.append(network.theta.copy())
        return {name: values[len(thetas) - 1]}

    run = train(make_network(), make_data(), make_plan(epochs=len(values)), callbacks=[stopper], validation=measure)
    return run, thetas


# early stopping


@pytest.mark.parametrize(
    ("name", "options", "sign"),
    [
        ("validation_loss", {}, 1),
        ("validation_score", {}, -1),
        ("accuracy", {}, -1),
        ("roc_auc", {}, -1),
        ("neg_log_loss", {}, -1),
        ("balanced_precision", {}, -1),
        ("mcc", {}, -1),
        ("my_error", {}, 1),
        ("my_error", {"higher_is_better": True}, -1),
        ("my_score", {"higher_is_better": False}, 1),
    ],
)
def test_it_knows_which_way_is_better(name: str, options: dict[str, Any], sign: int) -> None:
    values = [sign * v for v in [5.0, 3.0, 2.0, 2.5, 2.2, 2.1, 2.05, 9.0]]
    stopper = EarlyStopping(name, patience=3, **options)
    run, thetas = follow(values, stopper, name)
    assert (stopper.best, stopper.best_epoch) == (sign * 2.0, 3)
    assert run.epoch == 7  # epochs 4 to 7 bring nothing: one more than its patience
    assert run.converged
    assert "did not improve" in run.stopped
    np.testing.assert_array_equal(run.network.theta, thetas[2])


def test_it_watches_the_training_loss() -> None:
    stopper = EarlyStopping("loss", patience=1, min_delta=1e9)
    run = train(make_network(), make_data(), make_plan(epochs=50), callbacks=[stopper])
    assert run.epoch == 3
    assert run.stopped.startswith("Training loss did not improve more than tol=")
    assert stopper.best == min(run.history["loss"])


def test_an_improvement_of_less_than_min_delta_is_remembered_but_does_not_count() -> None:
    stopper = EarlyStopping(patience=2, min_delta=0.5)
    run, thetas = follow([5.0, 4.8, 4.7, 4.6, 4.5], stopper)
    assert run.epoch == 4
    assert (stopper.best, stopper.best_epoch, stopper.count) == (4.6, 4, 3)
    np.testing.assert_array_equal(run.network.theta, thetas[3])


def test_an_improvement_of_exactly_min_delta_counts() -> None:
    stopper = EarlyStopping(patience=0, min_delta=0.5)
    run, _ = follow([5.0, 4.5, 4.0, 3.75], stopper)
    assert run.epoch == 4


def test_an_improvement_starts_the_count_anew() -> None:
    run, _ = follow([5.0, 6.0, 6.0, 4.0, 6.0, 6.0, 6.0, 1.0], EarlyStopping(patience=2))
    assert run.epoch == 7


def test_infinite_patience_never_stops_and_still_restores_the_best() -> None:
    run, thetas = follow([1.0] + [2.0] * 30, EarlyStopping(patience=np.inf))
    assert run.epoch == 31
    assert not run.converged
    np.testing.assert_array_equal(run.network.theta, thetas[0])


def test_without_restore_best_the_last_weights_stay() -> None:
    run, thetas = follow([1.0, 2.0, 3.0], EarlyStopping(restore_best=False))
    np.testing.assert_array_equal(run.network.theta, thetas[-1])
    assert not run.recovered


def test_a_run_that_never_beats_the_baseline_ends_with_the_weights_at_its_start() -> None:
    stopper = EarlyStopping(patience=1, baseline=0.5)
    run, _ = follow([0.9, 0.8, 0.7], stopper)
    assert run.epoch == 2
    assert (stopper.best, stopper.best_epoch) == (0.5, 0)
    np.testing.assert_array_equal(run.network.theta, make_network().theta)


def test_a_baseline_that_is_beaten_is_forgotten() -> None:
    run, thetas = follow([0.9, 0.4, 0.7], EarlyStopping(baseline=0.5))
    np.testing.assert_array_equal(run.network.theta, thetas[1])


def test_nan_is_never_the_best_and_counts_as_no_improvement() -> None:
    stopper = EarlyStopping(patience=2)
    run, thetas = follow([np.nan, 3.0, np.nan, 2.0, np.nan, np.nan, np.nan, 0.0], stopper)
    assert (stopper.best, stopper.best_epoch) == (2.0, 4)
    assert run.epoch == 7
    np.testing.assert_array_equal(run.network.theta, thetas[3])


def test_nothing_but_nan_stops_too() -> None:
    """A score that is never a number never improves."""
    run, _ = follow([np.nan] * 9, EarlyStopping(patience=2))
    assert run.epoch < 9


def test_it_can_be_used_again() -> None:
    stopper = EarlyStopping(patience=1)
    first, _ = follow([1.0, 2.0, 3.0, 4.0], stopper)
    second, _ = follow([5.0, 4.0, 4.5, 4.6, 4.7], stopper)
    assert (first.epoch, second.epoch) == (3, 4)
    assert stopper.best == 4.0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InvalidOption, match=r"\(loss, .*, validation_loss\), found 'validation_los'"):
        follow([1.0], EarlyStopping("validation_los"))


@pytest.mark.parametrize(
    "options", [{"patience": -1}, {"patience": np.nan}, {"patience": "a"}, {"min_delta": -1}, {"min_delta": np.nan}]
)
def test_options_out_of_bounds_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(options))):
        EarlyStopping(**options)


# functions and printing


def test_a_plain_function_is_called_after_each_epoch() -> None:
    seen: list[Any] = []
    train(make_network(), make_data(), make_plan(), callbacks=[lambda run: seen.append((run.epoch, len(run.history)))])
    assert seen == [(epoch, 3) for epoch in range(1, EPOCHS + 1)]


def test_the_base_class_watches_in_silence() -> None:
    run = train(make_network(), make_data(), make_plan(), callbacks=[Callback()])
    assert run.epoch == EPOCHS


def test_printer_prints_a_line_an_epoch_in_the_words_of_scikit_learn(capsys: pytest.CaptureFixture[str]) -> None:
    def measure(network: Network) -> dict[str, float]:
        return {"validation_loss": 0.25, "validation_score": 0.5}

    train(make_network(), make_data(), make_plan(epochs=2), callbacks=[Printer()], validation=measure)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = ")
    assert lines[1:3] == ["Validation loss: 0.250000", "Validation score: 0.500000"]
    assert lines[-1] == "Maximum iterations (2) reached. Stopping."


# progress


def test_progress_leaves_one_line_on_standard_error_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    run = train(make_network(), make_data(), make_plan(), callbacks=[Progress("fitting")])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) <= 1
    assert "\x1b" not in captured.err
    assert f"loss {run.history['loss'][-1]:.4g}" in captured.err
    assert "fitting" in captured.err


def test_progress_is_taken_off_the_screen_when_training_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress()
    with pytest.raises(InvalidOption):
        train(make_network(), make_data(), make_plan(), callbacks=[progress, EarlyStopping("nothing")])
    assert progress._bar is None


def test_two_bars_at_once_do_not_harm_each_other() -> None:
    run = train(make_network(), make_data(), make_plan(), callbacks=[Progress("one"), Progress("two")])
    assert run.epoch == EPOCHS


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_progress_can_be_copied_and_pickled_also_while_it_shows(duplicate: Any) -> None:
    progress, copies = Progress("mine"), []
    train(
        make_network(), make_data(), make_plan(), callbacks=[progress, lambda run: copies.append(duplicate(progress))]
    )
    copies.append(duplicate(progress))
    for twin in copies:
        assert twin.label == "mine"
        assert train(make_network(), make_data(), make_plan(), callbacks=[twin]).epoch == EPOCHS


# checkpoints


class Interrupt(Callback):
    """Ctrl-C, after the checkpoint of the epoch is written."""

    runs_last = True

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, run: Run) -> None:
        if run.epoch == self.epoch:
            raise KeyboardInterrupt


CASES: dict[str, dict[str, Any]] = {
    **{
        optimizer: {"plan": {"optimizer": optimizer}}
        for optimizer, entry in OPTIMIZERS.items()
        if not entry.second_order
    },
    **{schedule: {"plan": {"schedule": schedule}} for schedule in SCHEDULES},
    "adaptive, stalled": {"plan": {"schedule": "adaptive", "optimizer": "momentum"}, "stop": ("loss", 0, 0.5)},
    "dropout": {"dropout": 0.4},
    "weights": {"weights": True},
    "penalties": {"plan": {"penalties": {"l1": 0.1, "l2": 0.2}}},
    "lbfgs with l1": {"plan": {"optimizer": "lbfgs", "penalties": {"l1": 0.1}}},
    "early stopping": {"stop": ("validation_loss", 1, 0.0)},
    "early stopping, lbfgs": {"stop": ("validation_loss", 2, 0.0), "plan": {"optimizer": "lbfgs"}},
    "float32": {"dtype": np.float32},
}


def measure(network: Network) -> dict[str, float]:
    """A validation that goes up and down."""
    return {"validation_loss": float(np.sin(7 * network.theta.sum()))}


def run_case(case: dict[str, Any], *callbacks: Any, seed: int = 11) -> tuple[Run, list[Any]]:
    network = make_network(case.get("dropout", 0.0), dtype=case.get("dtype", np.float64))
    data = make_data(case.get("weights", False))
    if "dtype" in case:
        data = Data(data.X.astype(case["dtype"]), data.y.astype(case["dtype"]))
    stoppers = [EarlyStopping(*case["stop"])] if "stop" in case else []
    watchers = [*stoppers, *callbacks]
    plan = make_plan(**case.get("plan", {}))
    return train(network, data, plan, state=State(seed=seed), callbacks=watchers, validation=measure), stoppers


@pytest.mark.parametrize("name", CASES)
def test_an_interrupted_run_continues_bit_for_bit(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    expected, expected_stoppers = run_case(case)
    if "stop" in case:
        assert expected.stopped
    for epoch in range(1, expected.epoch + 1):
        path = tmp_path / f"{epoch}.safetensors"
        with pytest.warns(DeltaruleWarning, match="interrupted"):
            run_case(case, Checkpoint(path), Interrupt(epoch))
        # another seed and other weights: those of the file count
        found, stoppers = run_case(case, Checkpoint(path, resume=True), seed=99)
        np.testing.assert_array_equal(found.network.theta, expected.network.theta)
        assert found.history.keys() == expected.history.keys()
        for key in found.history.keys() - {"seconds"}:
            np.testing.assert_array_equal(found.history[key], expected.history[key])
        assert found.state.moments.keys() == expected.state.moments.keys()
        for key, moment in found.state.moments.items():
            np.testing.assert_array_equal(moment, expected.state.moments[key])
        for counter in ("seed", "epoch", "step", "samples", "plateaus"):
            assert getattr(found.state, counter) == getattr(expected.state, counter)
        assert (found.stopped, found.converged) == (expected.stopped, expected.converged)
        for mine, theirs in zip(stoppers, expected_stoppers, strict=True):
            assert (mine.best, mine.best_epoch, mine.count) == (theirs.best, theirs.best_epoch, theirs.count)


def test_the_cases_exercise_what_they_are_named_after() -> None:
    stalled, _ = run_case(CASES["adaptive, stalled"])
    assert stalled.state.plateaus > 0
    stopped, _ = run_case(CASES["early stopping"])
    assert stopped.converged
    assert stopped.epoch < EPOCHS


def test_it_continues_from_where_it_was_written_not_from_the_last_epoch(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.warns(DeltaruleWarning):
        run_case({}, Checkpoint(path, every=3), Interrupt(5))
    assert model_file.read(path, kind="checkpoint")[0]["epoch"] == 3
    seen: list[int] = []
    found, _ = run_case({}, Checkpoint(path, every=3, resume=True), lambda run: seen.append(run.epoch))
    assert seen == [4, 5, 6, 7]
    np.testing.assert_array_equal(found.network.theta, run_case({})[0].network.theta)
    assert model_file.read(path, kind="checkpoint")[0]["epoch"] == EPOCHS  # the last is written, too


def test_a_finished_run_stays_finished_and_more_epochs_go_on(tmp_path: Path) -> None:
    path = tmp_path / "run"
    expected, _ = run_case({}, Checkpoint(path))
    seen: list[int] = []
    again, _ = run_case({}, Checkpoint(path, resume=True), lambda run: seen.append(run.epoch))
    assert seen == []
    np.testing.assert_array_equal(again.network.theta, expected.network.theta)
    longer, _ = run_case({"plan": {"epochs": 9}}, Checkpoint(path, resume=True))
    at_once, _ = run_case({"plan": {"epochs": 9}})
    np.testing.assert_array_equal(longer.network.theta, at_once.network.theta)


def test_callbacks_that_remember_nothing_may_come_and_go(tmp_path: Path) -> None:
    path, case = tmp_path / "run", CASES["early stopping"]
    expected, _ = run_case(case)
    with pytest.warns(DeltaruleWarning):
        run_case(case, Checkpoint(path), Interrupt(2))
    stopper = EarlyStopping(*case["stop"])
    watchers = [lambda run: None, Printer(), stopper, Checkpoint(path, resume=True)]
    found = train(make_network(), make_data(), make_plan(), callbacks=watchers, validation=measure)
    np.testing.assert_array_equal(found.network.theta, expected.network.theta)
    assert found.history["loss"] == expected.history["loss"]


class Losses(Callback):
    """Remembers the loss of each epoch: at first, nothing."""

    def __init__(self) -> None:
        self.known: dict[str, float] = {}

    def on_epoch_end(self, run: Run) -> None:
        self.known[str(run.epoch)] = run.history["loss"][-1]

    def save_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.known, {}

    def load_state(self, document: Any, arrays: Any) -> None:
        self.known = dict(document)


def test_a_callback_whose_memory_is_empty_at_first_goes_on(tmp_path: Path) -> None:
    losses = [Losses(), Losses()]
    train(make_network(), make_data(), make_plan(epochs=3), callbacks=[losses[0], Checkpoint(tmp_path / "run")])
    going_on = [losses[1], Checkpoint(tmp_path / "run", resume=True)]
    run = train(make_network(), make_data(), make_plan(), callbacks=going_on)
    assert list(losses[1].known.values()) == run.history["loss"]
    assert len(run.history["loss"]) == EPOCHS


def test_a_run_that_stopped_at_the_last_epoch_it_had_says_so_when_resumed(tmp_path: Path) -> None:
    def run(epochs: int, **options: Any) -> Run:
        callbacks = [EarlyStopping("loss", 1, 1e9), Checkpoint(tmp_path / "run", **options)]
        return train(make_network(), make_data(), make_plan(epochs=epochs), callbacks=callbacks)

    whole = run(3)
    assert whole.converged
    resumed = run(3, resume=True)
    assert (resumed.stopped, resumed.converged, resumed.epoch) == (whole.stopped, True, 3)


def test_without_a_file_it_begins_anew_and_without_resume_it_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "run"
    expected, _ = run_case({})
    first, _ = run_case({}, Checkpoint(path, resume=True))
    path.write_text("something else")
    second, _ = run_case({}, Checkpoint(path))
    for run in (first, second):
        np.testing.assert_array_equal(run.network.theta, expected.network.theta)
    model_file.read(path, kind="checkpoint")
    assert [p.name for p in tmp_path.iterdir()] == ["run"]  # and no temporary file is left


def test_epochs_asked_for_one_by_one_count_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.warns(DeltaruleWarning):
        run_case({}, Checkpoint(path), Interrupt(4))
    checkpoint = Checkpoint(path, resume=True)
    run = train(make_network(), make_data(), make_plan(), epochs=1, callbacks=[checkpoint], validation=measure)
    assert run.epoch == 5


DATA = make_data()
OTHERS: dict[str, dict[str, Any]] = {
    "network": {"network": Network.create([3, 8, 1], ["tanh", "identity"])},
    "network (activation)": {"network": Network.create([3, 6, 1], ["relu", "identity"])},
    "network (loss)": {"network": Network.create([3, 6, 1], ["tanh", "identity"], "huber")},
    "network (dropout)": {"network": Network.create([3, 6, 1], ["tanh", "identity"], dropout=0.1)},
    "precision": {"network": make_network(dtype=np.float32)},
    "samples": {"data": DATA.rows(slice(0, 40))},
    "data": {"data": Data(DATA.X + 1e-12, DATA.y)},
    "data (targets)": {"data": Data(DATA.X, DATA.y + 1e-12)},
    "data (weights)": {"data": Data(DATA.X, DATA.y, np.linspace(1, 2, 50))},
    "optimizer": {"plan": make_plan("adamw")},
    "optimizer (option)": {"plan": make_plan("adam(beta_1=0.8)")},
    "schedule": {"plan": make_plan(schedule="exponential")},
    "learning_rate": {"plan": make_plan(learning_rate=0.06)},
    "batch_size": {"plan": make_plan(batch_size=17)},
    "shuffle": {"plan": make_plan(shuffle=False)},
    "penalties": {"plan": make_plan(penalties={"l2": 0.1})},
    "callbacks": {"callbacks": [EarlyStopping("loss")]},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_checkpoint_of_another_run_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(make_network(), DATA, make_plan(), callbacks=[Checkpoint(path)])
    before = path.read_bytes()
    other = {"network": make_network(), "data": DATA, "plan": make_plan(), "callbacks": [], **OTHERS[name]}
    network, theta = other["network"], other["network"].theta.copy()
    with pytest.raises(ModelFileError) as caught:
        train(network, other["data"], other["plan"], callbacks=[*other["callbacks"], Checkpoint(path, resume=True)])
    message = str(caught.value)
    assert "\n" not in message
    assert f"the checkpoint is of another run: expected {name.partition(' ')[0]} " in message
    assert str(path) in message
    np.testing.assert_array_equal(network.theta, theta)
    assert path.read_bytes() == before


def test_other_epochs_are_refused_where_they_shape_the_schedule(tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(make_network(), DATA, make_plan(schedule="cosine"), callbacks=[Checkpoint(path)])
    plan = make_plan(schedule="cosine", epochs=9)
    with pytest.raises(ModelFileError, match="expected epochs 9, found 7"):
        train(make_network(), DATA, plan, callbacks=[Checkpoint(path, resume=True)])


def test_sparse_data_that_differ_only_in_their_columns_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "run"
    one = sparse.csr_array(np.tile([1.0, 0.0, 0.0], (10, 1)))
    other = sparse.csr_array(np.tile([0.0, 1.0, 0.0], (10, 1)))
    y = np.ones((10, 1))
    train(make_network(), Data(one, y), make_plan(), callbacks=[Checkpoint(path)])
    train(make_network(), Data(one, y), make_plan(), callbacks=[Checkpoint(path, resume=True)])
    with pytest.raises(ModelFileError, match="expected data"):
        train(make_network(), Data(other, y), make_plan(), callbacks=[Checkpoint(path, resume=True)])


@pytest.mark.parametrize("damage", ["empty", "cut off", "a bit", "foreign", "a model"])
def test_a_damaged_checkpoint_is_refused_in_one_line(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(make_network(), DATA, make_plan(), callbacks=[Checkpoint(path)])
    content = bytearray(path.read_bytes())
    if damage == "empty":
        content.clear()
    elif damage == "cut off":
        del content[-9:]
    elif damage == "a bit":
        content[-20] ^= 1
    elif damage == "foreign":
        content = bytearray(pickle.dumps(0))
    path.write_bytes(content)
    if damage == "a model":
        model_file.write(path, {}, {"theta": make_network().theta}, kind="model")
    network = make_network()
    with pytest.raises(ModelFileError) as caught:
        train(network, DATA, make_plan(), callbacks=[Checkpoint(path, resume=True)])
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    np.testing.assert_array_equal(network.theta, make_network().theta)


@pytest.mark.parametrize(
    "missing", ["seed", "epoch", "history", "callbacks", "stopped", "fingerprint", "moment.m", "start"]
)
def test_a_checkpoint_that_lacks_something_is_refused(missing: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(make_network(), DATA, make_plan(), callbacks=[Checkpoint(path)])
    document, arrays = model_file.read(path, kind="checkpoint")
    document.pop(missing, None)
    arrays.pop(missing, None)
    model_file.write(path, document, arrays, kind="checkpoint")
    with pytest.raises(ModelFileError, match=missing):
        train(make_network(), DATA, make_plan(), callbacks=[Checkpoint(path, resume=True)])


def test_where_it_cannot_be_written_training_ends_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        train(make_network(), DATA, make_plan(), callbacks=[Checkpoint(tmp_path / "no" / "folder")])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("every", [0, -1, 2.5, "a"])
def test_every_is_a_whole_number_from_one(every: Any) -> None:
    with pytest.raises(InvalidOption, match=f"expected a whole number of epochs between checkpoints, found {every!r}"):
        Checkpoint("run", every=every)


@pytest.mark.parametrize(
    ("field", "value"),
    [("epoch", -5), ("epoch", "x"), ("history", 3), ("callbacks", None), ("callbacks", [3]), ("fingerprint", None)],
)
def test_a_checkpoint_with_another_kind_of_value_is_refused(field: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "run"
    X, y = np.eye(4), np.arange(4.0)[:, None]

    def run(resume: bool) -> None:
        network = Network.create([4, 3, 1], ["tanh", "identity"])
        callbacks = [EarlyStopping("loss"), Checkpoint(path, resume=resume)]
        train(network, Data(X, y), Plan(epochs=3), callbacks=callbacks)

    run(resume=False)
    document, arrays = model_file.read(path, kind="checkpoint")
    model_file.write(path, {**document, field: value}, arrays, kind="checkpoint")
    with pytest.raises(ModelFileError, match="expected"):
        run(resume=True)
