"""Ctrl-C while the training loop runs: the last whole epoch is kept, or the best."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from deltarule.callbacks import Callback, EarlyStopping
from deltarule.cost import Cost
from deltarule.engines import ENGINES
from deltarule.errors import DeltaruleWarning
from deltarule.network import Network
from deltarule.run import Run
from runs import make_network, make_plan, run_once


class Interrupt(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, run: Run) -> None:
        if run.epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_an_interruption_keeps_the_last_finished_epoch(optimizer: str) -> None:
    with pytest.warns(DeltaruleWarning, match=r"interrupted by user. The weights .* are kept"):
        run = run_once(plan=make_plan(optimizer, epochs=10), callbacks=[Interrupt(3)])
    assert run.interrupted
    assert not run.converged
    expected = run_once(plan=make_plan(optimizer, epochs=3))
    np.testing.assert_array_equal(run.network.theta, expected.network.theta)
    assert run.history["loss"] == expected.history["loss"]


class InterruptedEngine:
    """The reference, in which Ctrl-C is pressed in the midst of an epoch, the weights half changed."""

    def __init__(self, epoch: int) -> None:
        self.left = epoch

    def __getattr__(self, name: str) -> Any:
        return getattr(ENGINES["reference"], name)

    def supports(self, network: Network, *others: Any) -> None:
        return None

    def epochs(self, network: Network, *arguments: Any, **options: Any) -> list[float]:
        self.left -= 1
        if self.left == 0:
            network.theta[:] = 1e9
            raise KeyboardInterrupt
        return ENGINES["reference"].epochs(network, *arguments, **options)


@pytest.mark.parametrize("epoch", [1, 2, 5])
def test_an_interruption_in_mid_epoch_goes_back_to_the_last_whole_one(
    epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENGINES, "interrupted", InterruptedEngine(epoch))
    with pytest.warns(DeltaruleWarning, match="interrupted"):
        run = run_once(engine="interrupted", callbacks=[lambda run: None])
    expected = run_once(epochs=epoch - 1, engine="reference")
    np.testing.assert_array_equal(run.network.theta, expected.network.theta)
    assert run.history.get("loss") == expected.history.get("loss")
    assert run.epoch == epoch - 1


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_an_interruption_in_the_validation_leaves_no_half_recorded_epoch(optimizer: str) -> None:
    calls = []

    def measure(network: Network) -> dict[str, float]:
        calls.append(network)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return {"validation_loss": 1.0 / len(calls)}

    with pytest.warns(DeltaruleWarning):
        run = run_once(plan=make_plan(optimizer), validation=measure)
    assert run.epoch == 2
    assert {len(values) for values in run.history.values()} == {2}
    expected = run_once(plan=make_plan(optimizer, epochs=2))
    np.testing.assert_array_equal(run.network.theta, expected.network.theta)


@pytest.mark.parametrize("call", [1, 2, 9])
def test_an_interruption_that_nobody_watches_keeps_the_last_finished_epoch(
    call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, smooth = [], Cost.smooth

    def interrupted(cost: Cost, *arguments: Any) -> tuple[float, Any]:
        calls.append(cost)
        if len(calls) == call:
            raise KeyboardInterrupt
        return smooth(cost, *arguments)

    monkeypatch.setattr(Cost, "smooth", interrupted)
    with pytest.warns(DeltaruleWarning):
        run = run_once(plan=make_plan("lbfgs", epochs=50))
    monkeypatch.undo()
    assert len(run.history.get("loss", [])) == run.epoch
    expected = run_once(plan=make_plan("lbfgs", epochs=run.epoch)).network.theta if run.epoch else make_network().theta
    np.testing.assert_array_equal(run.network.theta, expected)


def test_an_interruption_when_all_is_done_keeps_the_last_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, put = [], Cost.put

    def interrupted(cost: Cost, phi: Any) -> None:
        calls.append(phi)
        if len(calls) == 1:
            raise KeyboardInterrupt
        put(cost, phi)

    monkeypatch.setattr(Cost, "put", interrupted)
    with pytest.warns(DeltaruleWarning):
        run = run_once(plan=make_plan("lbfgs"))
    monkeypatch.undo()
    np.testing.assert_array_equal(run.network.theta, run_once(plan=make_plan("lbfgs")).network.theta)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_an_interruption_with_early_stopping_keeps_the_best_weights(optimizer: str) -> None:
    losses = iter([3.0, 1.0, 2.0, 2.5, 2.7])
    thetas = []

    def measure(network: Network) -> dict[str, float]:
        thetas.append(network.theta.copy())
        return {"validation_loss": next(losses)}

    stopper = EarlyStopping("validation_loss")
    with pytest.warns(DeltaruleWarning, match="The best weights so far are kept"):
        run = run_once(plan=make_plan(optimizer, epochs=9), validation=measure, callbacks=[stopper, Interrupt(4)])
    np.testing.assert_array_equal(run.network.theta, thetas[1])
    assert (stopper.best, stopper.best_epoch) == (1.0, 2)


SCRIPT = """
import json, sys, warnings
import numpy as np
from deltarule import MLPRegressor
rng = np.random.default_rng(0)
X = rng.normal(size=(20000, 30))
y = X[:, 0] * X[:, 1]
model = MLPRegressor(hidden_layer_sizes=(64,), max_iter=100000, tol=0, n_iter_no_change=np.inf, random_state=0,
    early_stopping=EARLY, callbacks=[lambda run: print(run.epoch, flush=True)])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X, y)
scores = model.validation_scores_
best = None if scores is None else 1 + int(np.argmax(scores))
twin = MLPRegressor(hidden_layer_sizes=(64,), max_iter=best or model.n_iter_, tol=0, n_iter_no_change=np.inf,
    random_state=0, early_stopping=EARLY, validation_fraction=0.1)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    twin.fit(X, y)
print(json.dumps({
    "epochs": model.n_iter_, "history": len(model.loss_curve_),
    "same": bool((model.network_.theta == twin.network_.theta).all()),
    "warnings": [[w.category.__name__, str(w.message)] for w in caught],
}))
"""


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_real_signal_in_mid_epoch(early_stopping: bool) -> None:
    """SIGINT to a process that trains; it says itself what came out, beside an undisturbed run."""
    import signal

    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("EARLY", str(early_stopping))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    for line in process.stdout:
        if line.strip() == "3":
            time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate()
    watchdog.cancel()
    assert process.returncode == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result["epochs"] == result["history"] >= 3
    assert result["same"]
    [(category, message)] = result["warnings"]
    assert category == "DeltaruleWarning"
    assert message.startswith("Training interrupted by user.")
