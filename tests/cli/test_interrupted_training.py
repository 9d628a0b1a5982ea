"""A training that goes on, is interrupted or diverges: which model is in the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cli_tables import Cli
from mixed_training import trained, write

import deltarule


def test_resuming_gives_the_same_model(cli: Cli, tmp_path: Path) -> None:
    trained(cli, tmp_path, "-o", "whole.st")
    common = ["train", "t.csv", "-t", "outcome", "--hidden", 8, "--checkpoint", "c.st", "-o", "resumed.st"]
    assert cli(*common, "--epochs", 3).code == 0
    assert cli(*common, "--epochs", 8, "--resume").code == 0
    table = pl.read_csv(tmp_path / "t.csv")
    whole, resumed = (deltarule.load(tmp_path / f"{name}.st") for name in ("whole", "resumed"))
    assert whole.predict(table).equals(resumed.predict(table))
    assert whole.history == resumed.history


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ctrl-C at the beginning of an epoch."""
    from deltarule import minibatches

    whole = minibatches.epoch_orders

    def at(epoch: int) -> None:
        def orders(seed: int, epochs: Sequence[int], m: int) -> object:
            if epoch in epochs:
                raise KeyboardInterrupt
            return whole(seed, epochs, m)

        monkeypatch.setattr(minibatches, "epoch_orders", orders)

    return at


def test_interrupted_training_saves_the_best_so_far(interrupt: Callable[[int], None], cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "t.csv")
    interrupt(4)
    ran = cli("train", "t.csv", "-t", "outcome", "--json")
    assert ran.code == 130
    assert ran.error == ["deltarule: interrupted: the best model so far is in model.safetensors"]
    assert (ran.json()["interrupted"], ran.json()["epochs"]) == (True, 4)
    assert cli("evaluate", "model.safetensors", "t.csv", "--json").json()["metrics"]["accuracy"] > 0.5


@pytest.mark.parametrize("when", ["compared", "trained again"])
def test_interrupted_after_the_network_keeps_it(
    when: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the simple model is trained: for the comparison, or anew on all rows."""
    from deltarule.estimators import LogisticRegression

    fit, calls = LogisticRegression.fit, []

    def interrupted(self: LogisticRegression, *arguments: object, **options: object) -> object:
        calls.append(self)
        if len(calls) == (1 if when == "compared" else 2):
            raise KeyboardInterrupt
        return fit(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(LogisticRegression, "fit", interrupted)
    monkeypatch.setattr("deltarule.tabular.fit.beats", lambda ours, theirs: len(calls) < 1)
    write(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "outcome", "--json")
    assert (ran.code, ran.json()["interrupted"]) == (130, True)
    assert type(deltarule.load(tmp_path / "model.safetensors").estimator).__name__ == "MLPClassifier"


def test_interrupted_before_anything_was_learned(interrupt: Callable[[int], None], cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "t.csv")
    interrupt(0)
    ran = cli("train", "t.csv", "-t", "outcome")
    assert (ran.code, ran.error) == (130, ["deltarule: interrupted: nothing was written"])
    assert not (tmp_path / "model.safetensors").exists()


def test_divergence_before_anything_was_learned(cli: Cli, tmp_path: Path) -> None:
    """The first epochs are finite and useless, then a value is not: nothing is kept."""
    rng = np.random.default_rng(0)
    pl.DataFrame({"x": rng.normal(size=80), "y": rng.normal(size=80)}).write_csv(tmp_path / "t.csv")
    options = ["--optimizer", "gradient_descent", "--learning-rate", 3, "--batch-size", 56, "--seed", 1]
    ran = cli("train", "t.csv", "-t", "y", *options)
    assert ran.code == 2
    assert "layer" in ran.error[0]
    assert not (tmp_path / "model.safetensors").exists()


def test_divergence_after_good_epochs_keeps_the_best(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deltarule.engines.reference import ReferenceEngine

    epochs = ReferenceEngine.epochs

    def fails_late(
        self: object, network: object, data: object, steps: object, *rest: object, **options: object
    ) -> list[float]:
        losses: list[float] = epochs(self, network, data, steps, *rest, **options)  # type: ignore[arg-type]
        if steps.first > 200:  # type: ignore[attr-defined]
            network.theta[0] = np.nan  # type: ignore[attr-defined]
        return losses

    monkeypatch.setattr(ReferenceEngine, "epochs", fails_late)
    write(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "outcome", "--engine", "reference", "--json")
    assert ran.code == 0
    assert "layer 1 at step" in ran.err
    assert "best weights so far are kept" in ran.err
    assert ran.json()["test"]["accuracy"] > 0.7
