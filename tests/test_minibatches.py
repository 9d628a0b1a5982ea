"""The loop of minibatch steps: short epochs, several in one go, are what they are one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import runs
from deltarule.callbacks import Callback, EarlyStopping, Printer, Progress
from deltarule.checkpoint import Checkpoint
from deltarule.engines import ENGINES, Data, Steps
from deltarule.equations.columns import unchanged
from deltarule.errors import DeltaruleWarning, InvalidOption, NotFinite
from deltarule.network import Network
from deltarule.run import Plan, Run
from deltarule.training import train
from runs import ROWS, assert_same_run, make_data, make_network, make_plan


def run_once(seed: int = 0, plan: Plan | None = None, **options: Any) -> Run:
    return runs.run_once(seed, plan, **{"engine": "counting"} | options)


def one_by_one(run: Run) -> None:
    """A callback that wants to see every epoch."""


class Counting:
    """An engine that counts how many epochs it is asked for at a time, and may be interrupted amid them."""

    def __init__(self, name: str) -> None:
        self.engine, self.asked = ENGINES[name], list[int]()
        self.interrupted = 0  # in which of the calls, counted from 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def epochs(
        self, network: Network, data: Data, steps: Steps, optimizer: Any, moments: Any, *others: Any, **options: Any
    ) -> list[float]:
        self.asked.append(len(steps.alphas))
        if len(self.asked) == self.interrupted:
            for array in (network.theta, *self.engine.kept(moments).values()):
                array[:] = 1e9
            raise KeyboardInterrupt
        return self.engine.epochs(network, data, steps, optimizer, moments, *others, **options)


@pytest.fixture(params=["native", "reference"])
def counting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Counting:
    engine = Counting(request.param)
    monkeypatch.setitem(ENGINES, "counting", engine)
    return engine


@pytest.mark.parametrize("schedule", ["constant", "inverse_scaling", "step(every=2)", "cosine(warmup=0.3)"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("batch_size", [16, 100])
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_many_epochs_in_one_go_are_what_they_are_one_by_one(
    optimizer: str, batch_size: int, dropout: float, schedule: str, counting: Counting
) -> None:
    plan, began = make_plan(optimizer, schedule, epochs=7, batch_size=batch_size), time.perf_counter()
    whole = run_once(3, plan, dropout=dropout)
    assert 0 < sum(whole.history["seconds"]) < time.perf_counter() - began
    assert counting.asked == [7]
    assert_same_run(whole, run_once(3, plan, dropout=dropout, callbacks=[one_by_one]))
    assert counting.asked == [7] + 7 * [1]
    assert whole.state.step == 7 * -(-ROWS // batch_size)
    assert whole.state.samples == 7 * ROWS


# who must see which epochs


def test_early_stopping_by_the_loss_is_asked_how_many_epochs_it_lets_pass(counting: Counting) -> None:
    plan = make_plan("gradient_descent", "adaptive(minimum=0.001)", epochs=100)
    found, expected = (
        run_once(2, plan, callbacks=[EarlyStopping("loss", 3, 0.01, restore_best=False), *more])
        for more in ([], [one_by_one])
    )
    assert_same_run(found, expected)
    assert found.stopped == expected.stopped
    assert found.state.plateaus == expected.state.plateaus > 0
    assert counting.asked[:2] == [4, 4]
    assert counting.asked[-1] == 1
    assert found.epoch < 100


class Best(Printer):
    """Looks at the weights, which a `Printer` does not."""

    def on_epoch_end(self, run: Run) -> None:
        assert run.epoch == 1 or not np.array_equal(run.network.theta, self.theta)
        self.theta = run.network.theta.copy()


class Norms:
    def on_epoch_end(self, run: Run) -> None:
        self.norms = [*getattr(self, "norms", []), float(np.linalg.norm(run.network.theta))]
        assert len(set(self.norms)) == run.epoch


class Mixed(Norms, Printer):
    """Prints nothing any more."""


class Watch(Callback):
    def on_end(self, run: Run) -> None:
        self.ended = True


@pytest.mark.parametrize(
    ("callback", "asked"),
    [
        (Printer, [6]),
        (Progress, [6]),
        (Watch, [6]),
        (Best, 6 * [1]),
        (Mixed, 6 * [1]),
        (lambda: EarlyStopping("loss", 3), 6 * [1]),
        (lambda: EarlyStopping("loss", np.inf, restore_best=False), [6]),
    ],
)
def test_a_callback_sees_the_network_after_each_epoch_if_it_looks(
    callback: Callable[[], Callback], asked: list[int], counting: Counting
) -> None:
    run_once(callbacks=[callback()])
    assert counting.asked == asked


def test_checkpoints_are_written_as_often_as_was_asked(counting: Counting, tmp_path: Any) -> None:
    whole = run_once(callbacks=[Checkpoint(tmp_path / "run", every=4)])
    assert counting.asked == [4, 2]
    run_once(callbacks=[Checkpoint(tmp_path / "half", every=4)], epochs=5)
    assert counting.asked[2:] == [4, 1]
    assert_same_run(run_once(callbacks=[Checkpoint(tmp_path / "half", every=4, resume=True)]), whole)


def test_a_validation_and_a_cost_in_columns_see_every_epoch(counting: Counting) -> None:
    run_once(validation=lambda network: {"validation_loss": float(network.theta[0])})
    assert counting.asked == 6 * [1]
    line = Network.create([3, 1], ["identity"])
    run = train(line, make_data(), make_plan(columns=unchanged(3)), engine="counting")
    assert run.epoch == len(run.history["loss"]) == 6


@pytest.mark.parametrize(("rows", "batch_size"), [(60_000, 6000), (3000, 2)], ids=["many samples", "many steps"])
def test_long_epochs_are_taken_one_by_one(rows: int, batch_size: int, counting: Counting) -> None:
    run_once(data=make_data(rows), plan=make_plan(epochs=2, batch_size=batch_size))
    assert counting.asked == [1, 1]


@pytest.mark.parametrize("ahead", [None, "3", np.nan])
def test_what_is_no_number_of_epochs_is_refused(ahead: Any, counting: Counting) -> None:
    class Wrong(Callback):
        def epochs_ahead(self, run: Run) -> Any:
            return ahead

    with pytest.raises(InvalidOption, match="epochs_ahead of Wrong, found"):
        run_once(callbacks=[Wrong()])


@pytest.mark.parametrize(("ahead", "asked"), [(0, 6 * [1]), (-1.0, 6 * [1]), (2.9, [2, 2, 2]), (np.float32(4), [4, 2])])
def test_parts_of_epochs_are_not_taken(ahead: Any, asked: list[int], counting: Counting) -> None:
    class Some(Callback):
        def epochs_ahead(self, run: Run) -> Any:
            return ahead

    run_once(callbacks=[Some()])
    assert counting.asked == asked


# what does not end well


def test_where_one_of_several_epochs_fails_the_ones_before_it_are_kept(counting: Counting) -> None:
    plan = make_plan("momentum", learning_rate=0.5, epochs=40, batch_size=100)
    networks, errors = [], []
    for callbacks in ([], [one_by_one]):
        network = make_network()
        with np.errstate(all="ignore"), pytest.raises(NotFinite) as error:
            train(network, make_data(size=20), plan, engine="counting", callbacks=[*callbacks])
        networks.append(network)
        errors.append(str(error.value))
    assert errors[0] == errors[1]
    assert "step 1;" not in errors[0]
    np.testing.assert_array_equal(networks[0].theta, networks[1].theta)
    assert counting.asked[0] == 40
    assert counting.asked[1:4] == [1, 1, 1]


class Few(Callback):
    """Lets four epochs pass, and interrupts one."""

    def __init__(self, interrupted: int = 0) -> None:
        self.interrupted = interrupted
        self.seen: list[int] = []

    def epochs_ahead(self, run: Run) -> float:
        return 4

    def on_epoch_end(self, run: Run) -> None:
        self.seen.append(run.epoch)
        if run.epoch == self.interrupted:
            raise KeyboardInterrupt


def test_an_interruption_of_several_epochs_goes_back_to_what_was_before(counting: Counting) -> None:
    counting.interrupted = 2
    with pytest.warns(DeltaruleWarning, match="interrupted"):
        run = run_once(plan=make_plan(epochs=9), callbacks=[Few()])
    assert counting.asked == [4, 4]
    counting.interrupted = 0
    expected = run_once(plan=make_plan(epochs=4))
    assert_same_run(run, expected)
    assert run.epoch == 4
    for name, moment in expected.state.moments.items():
        np.testing.assert_array_equal(run.state.moments[name], moment)


def test_an_interruption_of_a_callback_leaves_weights_and_history_of_the_same_epoch(counting: Counting) -> None:
    callback = Few(interrupted=6)
    with pytest.warns(DeltaruleWarning, match="interrupted"):
        run = run_once(plan=make_plan(epochs=12), callbacks=[callback])
    assert run.epoch == 8
    assert callback.seen == [1, 2, 3, 4, 5, 6, 7, 8]
    assert_same_run(run, run_once(plan=make_plan(epochs=8)))


def test_weights_that_a_callback_has_changed_are_gone_on_from(counting: Counting) -> None:
    """Even where epochs that come then are taken back, as one of them leads to NaN."""

    class Prune(Callback):
        def epochs_ahead(self, run: Run) -> float:
            return 4

        def on_epoch_end(self, run: Run) -> None:
            if run.epoch % 4 == 0:
                run.network.theta[:] *= 0.9

    plan = make_plan("momentum", learning_rate=0.05, epochs=40, batch_size=100)
    networks = []
    for callbacks in ([Prune()], [Prune(), one_by_one]):
        network = make_network()
        with np.errstate(all="ignore"), pytest.raises(NotFinite):
            train(network, make_data(size=20), plan, engine="counting", callbacks=callbacks)
        networks.append(network)
    np.testing.assert_array_equal(networks[0].theta, networks[1].theta)
    assert counting.asked[:2] == [4, 4]
