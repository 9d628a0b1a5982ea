"""The commands as a user meets them: what they print, what they write, that they agree with each other."""

from __future__ import annotations

import builtins
import gzip
import io
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from cli_tables import Ran, mixed_table

import deltarule
import deltarule.__main__
from deltarule.cli.sample import SAMPLES
from deltarule.equations import ACTIVATIONS, OPTIMIZERS, SCHEDULES

Cli = Callable[..., Ran]
MODELS = {"binary": "logistic", "multiclass": "logistic", "regression": "linear"}


def write(path: Path, task: str = "binary", m: int = 240) -> pl.DataFrame:
    table = mixed_table(m, task=task)
    table.write_csv(path)
    return table


def trained(cli: Cli, tmp_path: Path, *options: object, task: str = "binary") -> Ran:
    """A model of the mixed table, in a few epochs."""
    if not (tmp_path / "t.csv").exists():
        write(tmp_path / "t.csv", task)
    ran = cli("train", "t.csv", "--target", "outcome", "--epochs", 8, "--hidden", "8", *options)
    assert ran.code == 0, ran.err
    return ran


# the whole way


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_from_table_to_prediction(name: str, cli: Cli, tmp_path: Path) -> None:
    target = SAMPLES[name][0]
    assert f"--target {target}" in cli("sample", name).out
    ran = cli("train", f"{name}.csv", "--target", target, "--epochs", 60, "--json")
    assert (ran.code, ran.error) == (0, [])
    report = ran.json()
    headline = "r2" if "r2" in report["test"] else "log_loss"
    better = report["test"][headline] - report["baseline"][headline]
    assert (better if headline == "r2" else -better) > 0.2
    assert cli("predict", report["model"], f"{name}.csv", "-o", "p.parquet").code == 0
    evaluated = cli("evaluate", report["model"], f"{name}.csv", "--json").json()
    table, predicted = pl.read_csv(tmp_path / f"{name}.csv"), pl.read_parquet(tmp_path / "p.parquet")
    assert evaluated["rows"] == len(predicted) == len(table)
    if "accuracy" in evaluated["metrics"]:
        assert evaluated["metrics"]["accuracy"] == pytest.approx((predicted["prediction"] == table[target]).mean())
    else:
        error = (predicted["prediction"] - table[target]).to_numpy()
        assert evaluated["metrics"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert cli("inspect", report["model"]).code == 0


@pytest.mark.parametrize("task", MODELS)
@pytest.mark.parametrize("model", ["mlp", "simple"])
def test_mixed_table(task: str, model: str, cli: Cli, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", task, 400)
    chosen = model if model == "mlp" else MODELS[task]
    steps = [] if chosen == "linear" else ["--epochs", 60]
    ran = cli("train", "t.csv", "-t", "outcome", "--weights", "importance", "--model", chosen, *steps, "--json")
    assert (ran.code, ran.error) == (0, [])
    report = ran.json()
    assert report["task"] == task
    kinds = {column["name"]: column["kind"] for column in report["columns"]}
    assert kinds == {
        "customer_id": "drop",
        "age": "numeric",
        "city": "categorical",
        "member": "boolean",
        "signup": "date",
    }
    assert "customer_id" in ran.err
    assert report["notes"]
    assert report["test"]["r2" if task == "regression" else "accuracy"] > 0.6
    ran = cli("predict", "model.safetensors", "t.csv", "-o", "p.csv", "--keep", "customer_id,outcome")
    assert "400 predictions" in ran.out
    predicted = pl.read_csv(tmp_path / "p.csv")
    assert predicted.columns[:3] == ["customer_id", "outcome", "prediction"]
    in_python = deltarule.load(tmp_path / "model.safetensors").predict(table)
    assert predicted.select(in_python.columns).equals(in_python)
    if task != "regression":
        probabilities = in_python.drop("prediction")
        assert probabilities.columns == [
            f"probability of {c}" for c in sorted(table["outcome"].cast(pl.String).unique())
        ]
        np.testing.assert_allclose(probabilities.sum_horizontal().to_numpy(), 1, atol=1e-6)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.arrow", "t.ndjson", "t.jsonl.gz"])
def test_every_format_gives_the_same_model_and_predictions(name: str, cli: Cli, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv")
    trained(cli, tmp_path, "-o", "csv.st")
    from deltarule.tabular import write_table

    write_table(table, tmp_path / name)
    trained_again = cli("train", name, "-t", "outcome", "--epochs", 8, "--hidden", 8, "-o", "other.st")
    assert trained_again.code == 0
    assert (tmp_path / "other.st").read_bytes() == (tmp_path / "csv.st").read_bytes()
    expected = cli("predict", "csv.st", "t.csv").out
    assert cli("predict", "csv.st", name).out == expected
    assert cli("predict", "csv.st", name, "-o", "p.csv.gz").code == 0
    assert gzip.decompress((tmp_path / "p.csv.gz").read_bytes()).decode() == expected


def test_same_seed_same_file(cli: Cli, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        trained(cli, tmp_path, "--seed", seed, "-o", name, "--dropout", 0.2)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_no_row_of_the_table_is_in_the_model(cli: Cli, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv").with_columns(age=pl.int_range(240) * 1.0 + 31415.5)
    table.write_csv(tmp_path / "t.csv")
    trained(cli, tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    found = [x for x in table["age"].to_list() if str(x).encode() in content or np.float32(x).tobytes() in content]
    assert len(found) <= 1  # the median


# options


OPTIONS = [
    "--hidden 8,4 --activation leaky_relu(slope=0.2)",
    "--hidden 8 --activation prelu --dropout 0.3",
    "--hidden 8 --optimizer lbfgs",
    "--hidden 8,4 --activation tanh,elu",
    "--hidden 8 --batch-size 100000000",
    "--model logistic --optimizer adam --batch-size 100000000",
    "--hidden 8 --optimizer gradient_descent --learning-rate 0.1",
    "--hidden 8 --schedule cosine --optimizer adamw(weight_decay=0.1)",
    "--hidden 8 --l1 0.01 --l2 0 --scale robust",
    "--hidden 8 --class-weight balanced --batch-size 7 --patience 2",
    "--hidden 8 --loss binary_cross_entropy(label_smoothing=0.1)",
    "--hidden 8 --split 0.6,0.2,0.2 --engine reference --drop signup,customer_id",
    "--hidden 8 --categorical member,age --task multiclass",
    "--model logistic --l1 0.5 --l2 0.5",
    "--model logistic --optimizer adam --learning-rate 0.01 --batch-size 50",
    "--model logistic --optimizer gradient_descent --loss log_loss",
]


@pytest.mark.parametrize("options", OPTIONS)
def test_options_are_taken(options: str, cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "outcome", "--epochs", 30, *options.split())
    assert ran.code == 0, ran.err
    for value in options.split()[1::2]:
        if "(" in value:
            assert value in ran.out
    assert cli("evaluate", "model.safetensors", "t.csv", "--json").json()["metrics"]["accuracy"] > 0.5


def test_the_better_of_network_and_simple_model_is_kept(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 300))
    for name, y in (("straight", 3 * x - z + rng.normal(size=300)), ("bent", np.sin(3 * x) * z)):
        pl.DataFrame({"x": x, "z": z, "y": y}).write_csv(tmp_path / f"{name}.csv")
    ran = cli("train", "straight.csv", "-t", "y", "-o", "auto.st", "--seed", 1)
    assert "model kept: linear, R²" in ran.out
    assert "the network's" in ran.out
    assert cli("train", "straight.csv", "-t", "y", "-o", "linear.st", "--model", "linear", "--seed", 1).code == 0
    auto, linear = (deltarule.load(tmp_path / f"{name}.st") for name in ("auto", "linear"))
    np.testing.assert_array_equal(auto.estimator.coef_, linear.estimator.coef_)  # on training and validation rows
    assert auto.report["rows"] == linear.report["rows"]
    assert auto.report["rows"]["validation"] == 0
    choices = {d["what"]: d["why"] for d in cli("train", "bent.csv", "-t", "y", "--json").json()["decisions"]}
    assert "the linear model's" in choices["model"]
    ran = cli("train", "bent.csv", "-t", "y", "--hidden", 8)
    assert "model kept" not in ran.out
    assert "--hidden was given" in ran.out


@pytest.mark.parametrize("loss", ["huber", "absolute_error", "quantile(q=0.9)", "poisson_deviance"])
def test_losses_of_a_regression(loss: str, cli: Cli, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "regression")
    ran = cli("train", "t.csv", "-t", "outcome", "--loss", loss, "--json", "--epochs", 100)
    assert ran.code == 0
    predicted = deltarule.load(tmp_path / "model.safetensors").predict(table)["prediction"]
    above = (predicted > table["outcome"]).mean()
    assert above > 0.75 if loss.startswith("quantile") else ran.json()["test"]["r2"] > 0.5
    if loss == "poisson_deviance":
        assert predicted.min() > 0


def test_an_activation_added_to_the_register_is_accepted(cli: Cli, tmp_path: Path) -> None:
    from deltarule.equations.activations import Activation

    write(tmp_path / "t.csv")
    arguments = ["train", "t.csv", "-t", "outcome", "--epochs", 2, "--activation", "halved"]
    assert "halved" in cli(*arguments).error[0]
    entry = Activation(
        name="halved", formula=lambda Z: Z / 2, derivative=lambda Z, a: np.full_like(Z, 0.5), initializer="he_uniform"
    )
    ACTIVATIONS.add(entry)
    try:
        assert cli(*arguments).code == 0
        assert "halved" in cli("inspect", "model.safetensors").out
        assert "halved" in cli("train", "--help").out
    finally:
        ACTIVATIONS.remove("halved")


def test_help_lists_the_registers(cli: Cli) -> None:
    ran = cli("train", "--help")
    assert ran.code == 0
    for name in (*OPTIMIZERS, *SCHEDULES):
        assert name in ran.out


def test_quiet_and_json(cli: Cli, tmp_path: Path) -> None:
    assert trained(cli, tmp_path, "--quiet").out == ""
    report = trained(cli, tmp_path, "--json").json()
    assert report["rows"]["training"] + report["rows"]["validation"] + report["rows"]["test"] == 240
    assert {decision["what"] for decision in report["decisions"]} >= {"task", "split", "loss", "learning rate", "seed"}
    assert report["interrupted"] is False


def test_choices_are_shown_with_their_reasons(cli: Cli, tmp_path: Path) -> None:
    out = trained(cli, tmp_path).out
    for words in (
        "text, 2 classes",
        "looks like an identifier",
        "as asked",
        "70 %, 15 %, 15 %",
        "accuracy",
        "baseline",
    ):
        assert words in out
    assert "model written to model.safetensors" in out
    assert "next: deltarule predict model.safetensors t.csv" in out
    assert "\x1b" not in out


def test_a_model_no_better_than_the_baseline_is_told(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pl.DataFrame({"x": rng.normal(size=300), "y": rng.normal(size=300)}).write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "y", "--l2", 0, "--patience", 300, "--split", "70,0,30")
    assert ran.code == 0
    assert "no better than the baseline" in ran.err


def test_boolean_and_number_classes_keep_their_type(cli: Cli, tmp_path: Path) -> None:
    for name, values in (("flag", [True, False] * 30), ("level", [1.5, 2.0] * 30), ("count", [3, 10] * 30)):
        table = pl.DataFrame({"x": [i % 2 + i / 500 for i in range(60)], name: values})
        table.write_parquet(tmp_path / "t.parquet")
        assert cli("train", "t.parquet", "-t", name, "--numeric", "x").code == 0
        predicted = deltarule.load(tmp_path / "model.safetensors").predict(table)["prediction"]
        assert predicted.dtype == table[name].dtype
        assert (predicted == table[name]).mean() > 0.9


# evaluate, inspect, sample


def test_evaluate_tells_what_it_left_out(cli: Cli, tmp_path: Path) -> None:
    trained(cli, tmp_path, "--weights", "importance")
    table = pl.read_csv(tmp_path / "t.csv")
    table.with_columns(outcome=pl.when(pl.int_range(240) < 5).then(None).otherwise("outcome")).drop(
        "importance"
    ).write_csv(tmp_path / "o.csv")
    ran = cli("evaluate", "model.safetensors", "o.csv")
    assert ran.code == 0
    assert "5 rows without a target" in ran.err
    assert "'importance' is not there" in ran.err
    assert "235 rows" in ran.out


def test_evaluate_tells_that_it_may_have_learned_from_these_rows(cli: Cli, tmp_path: Path) -> None:
    for options, honest in (((), "the test that train showed"), (("--split", "80,20,0"), "rows it has not seen")):
        trained(cli, tmp_path, *options)
        notes = cli("evaluate", "model.safetensors", "t.csv", "--json").json()["notes"]
        assert any("learned from, and the honest figure is" in note and honest in note for note in notes)
    pl.read_csv(tmp_path / "t.csv").head(100).write_csv(tmp_path / "o.csv")
    assert "learned from" not in cli("evaluate", "model.safetensors", "o.csv").err


def test_evaluate_a_single_row(cli: Cli, tmp_path: Path) -> None:
    trained(cli, tmp_path)
    pl.read_csv(tmp_path / "t.csv").head(1).write_csv(tmp_path / "o.csv")
    found = cli("evaluate", "model.safetensors", "o.csv", "--json").json()
    assert found["metrics"]["roc_auc"] is None
    assert "-" in cli("evaluate", "model.safetensors", "o.csv").out


def test_inspect_shows_everything(cli: Cli, tmp_path: Path) -> None:
    trained(cli, tmp_path, "--weights", "importance")
    out = cli("inspect", "model.safetensors").out
    for words in (
        "leaves, stays",
        "MLPClassifier",
        "-> 8 -> 1",
        "relu",
        "city",
        "one of Oslo, Paris, Rome",
        "signup",
        "validation loss",
        "█",
        "History of 8 epochs",
        "accuracy",
        f"deltarule {deltarule.__version__}",
    ):
        assert words in out
    document = cli("inspect", "model.safetensors", "--json").json()
    assert document["architecture"]["parameters"] == sum(layer["parameters"] for layer in document["layers"])
    assert len(document["history"]["loss"]) == 8
    assert document["weights"] == "importance"
    assert len(document["features"]) == document["architecture"]["sizes"][0]


def test_inspect_an_estimators_file(cli: Cli, tmp_path: Path) -> None:
    X = np.eye(6)
    deltarule.MLPRegressor(hidden_layer_sizes=(3,), activation="prelu", max_iter=3, tol=0).fit(X, X[:, 0]).save(
        tmp_path / "e.st"
    )
    out = cli("inspect", "e.st").out
    assert "MLPRegressor" in out
    assert "Preprocessing" not in out
    assert cli("inspect", "e.st", "--json").json()["layers"][0]["activation"] == "prelu"


def test_sample_lists_and_streams(cli: Cli) -> None:
    assert all(name in cli("sample", "--list").out for name in SAMPLES)
    ran = cli("sample", "breast-cancer", "-o", "-")
    assert ran.out.splitlines()[0].endswith(",diagnosis")
    assert len(ran.out.splitlines()) == 570


def test_a_model_of_two_targets_saved_from_python_writes_both(cli: Cli, tmp_path: Path) -> None:
    table = pl.DataFrame({"x": [1.0, 2, 3, 4], "z": [1.0, 0, 2, 1]})
    deltarule.LinearRegression().fit(table, table.select("x", "z").to_numpy()).save(tmp_path / "m.st")
    table.write_csv(tmp_path / "t.csv")
    ran = cli("predict", "m.st", "t.csv", "-o", "p.csv")
    assert ran.code == 0
    assert "4 predictions written to p.csv" in ran.out
    assert pl.read_csv(tmp_path / "p.csv").columns == ["prediction 1", "prediction 2"]


@pytest.mark.parametrize("output", ["iris.csv", "iris.csv.gz", "iris.parquet"])
def test_a_sample_replaces_nothing_but_itself(cli: Cli, tmp_path: Path, output: str) -> None:
    path = tmp_path / output
    assert cli("sample", "iris", "-o", output).code == 0
    whole = path.read_bytes()
    assert cli("sample", "iris", "-o", output).code == 0  # the same table over itself loses nothing
    for mine in (b"x,species\n1,mine\n", whole[:-1] + b"9"):
        path.write_bytes(mine)
        ran = cli("sample", "iris", "-o", output)
        assert ran.code == 2
        assert "expected nothing there, or the same table, found something else" in ran.error[0]
        assert path.read_bytes() == mine
    path.write_bytes(b"")
    assert cli("sample", "iris", "-o", output).code == 0
    assert path.read_bytes() == whole


def test_how_to_keep_a_column_that_counts_the_rows(cli: Cli, tmp_path: Path) -> None:
    a = np.arange(50)
    pl.DataFrame({"a": a, "x": np.sin(a), "y": 2.0 * a}).write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "y", "--model", "linear")
    assert "'a' left out: counts the rows. To use it all the same, name it as numeric (--numeric) or" in ran.err
    alone = cli("train", "t.csv", "-t", "y", "--model", "linear", "--drop", "x")
    assert alone.code == 2
    assert "(a: left out: counts the rows; x: left out: as asked); to use 'a' all the same" in alone.error[0]
    assert "name it as numeric (--numeric) or categorical (--categorical)" in alone.error[0]
    kept = cli("train", "t.csv", "-t", "y", "--model", "linear", "--numeric", "a", "--json").json()
    assert {"name": "a", "kind": "numeric", "why": "as asked"} in kept["columns"]
    assert not kept["notes"]


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"deltarule {deltarule.__version__}\n"


def test_standard_input(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(cli, tmp_path)
    content = (tmp_path / "t.csv").read_bytes()
    expected = cli("predict", "model.safetensors", "t.csv").out
    for command in (["predict", "model.safetensors", "-"], ["train", "-", "-t", "outcome", "--epochs", 2]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        ran = cli(*command)
        assert ran.code == 0
        assert ran.out == expected or "predict model.safetensors FILE" in ran.out


# going on, and being interrupted


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


# names and columns


def test_a_name_with_a_line_break(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"a": rng.normal(size=60), "multi\nheader": rng.normal(size=60)})
    table.with_columns(y=pl.col("a") * 2).write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "y", "--drop", "multi\nheader", "--json", "--epochs", 2)
    assert {c["name"]: c["kind"] for c in ran.json()["columns"]} == {"a": "numeric", "multi\nheader": "drop"}


def test_many_columns_that_are_alike_share_a_line(cli: Cli) -> None:
    cli("sample", "digits")
    ran = cli("train", "digits.csv", "-t", "digit", "--epochs", 1)
    assert "pixel_0_1, pixel_0_2, ..., pixel_7_7 (61)" in ran.out
    assert "pixel_3_3" not in ran.out


def test_blank_lines_of_one_column_are_rows(cli: Cli, tmp_path: Path) -> None:
    rows = [f"{i % 9 + i / 7}" if i % 5 else "" for i in range(50)]
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{x},{i % 9}.5\n" for i, x in enumerate(rows)))
    assert cli("train", "t.csv", "-t", "y", "--model", "linear").code == 0
    (tmp_path / "x.csv").write_text("x\n" + "\n".join(rows) + "\n")
    assert cli("predict", "model.safetensors", "x.csv").out == cli("predict", "model.safetensors", "t.csv").out


# as a process


def start(*arguments: str, cwd: Path, **options: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("PYTHONUNBUFFERED", None)  # Python then takes a write that a closed pipe cut short for a whole one
    command = [sys.executable, "-m", "deltarule", *arguments]
    return subprocess.Popen(command, cwd=cwd, env=environment, **options)  # type: ignore[call-overload,no-any-return]


def test_process_exit_codes(tmp_path: Path) -> None:
    process = start("train", "nothing.csv", "-t", "y", cwd=tmp_path, stderr=subprocess.PIPE)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert err.decode().count("\n") == 1
    assert err.startswith(b"deltarule: expected a file")


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom deltarule.cli import run\nrun(['--help'])\n"
        "print(sorted({'numpy', 'sklearn', 'polars', 'scipy', 'safetensors'} & set(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, cwd=tmp_path, check=True)
    assert done.stderr.decode().strip() == "[]"


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    mixed_table(m=20000).write_csv(tmp_path / "t.csv")
    mixed_table().write_csv(tmp_path / "small.csv")
    train = start("train", "small.csv", "-t", "outcome", "--epochs", "1", "-q", cwd=tmp_path, stderr=subprocess.DEVNULL)
    assert train.wait(timeout=120) == 0
    process = start(
        "predict", "model.safetensors", "t.csv", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"prediction,")
    process.stdout.close()
    assert process.wait(timeout=120) == 141
    lines = [line for line in process.stderr.read().decode().splitlines() if not line.startswith("note: ")]
    process.stderr.close()
    assert lines == []


@pytest.mark.parametrize("command", ["train --help", "sample --list", "inspect m.st", "predict m.st iris.csv"])
def test_every_command_answers_a_closed_pipe_alike(command: str, cli: Cli, tmp_path: Path) -> None:
    cli("sample", "iris")
    assert cli("train", "iris.csv", "-t", "species", "--epochs", 1, "-o", "m.st").code == 0
    ours, theirs = os.pipe()
    os.close(ours)
    process = start(*command.split(), cwd=tmp_path, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (141, b"")


def test_two_trainings_of_one_model_leave_a_whole_one(tmp_path: Path) -> None:
    mixed_table().write_csv(tmp_path / "t.csv")
    command = ["train", "t.csv", "-t", "outcome", "--epochs", "2", "-q", "--checkpoint", "c.st", "--seed"]
    both = [start(*command, seed, cwd=tmp_path, stderr=subprocess.DEVNULL) for seed in ("0", "1")]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert deltarule.load(tmp_path / "model.safetensors").report["options"].get("seed", 0) in (0, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.st", "model.safetensors", "t.csv"]


def test_ctrl_c_on_a_terminal_saves_the_best_model(tmp_path: Path) -> None:
    """On a pseudo terminal: the live bar appears with the losses, and Ctrl-C keeps what was learned."""
    mixed_table(m=2000).write_csv(tmp_path / "t.csv")
    ours, theirs = pty.openpty()
    process = start(
        "train",
        "t.csv",
        "-t",
        "outcome",
        "--epochs",
        "1000000",
        "--patience",
        "1000000",
        cwd=tmp_path,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    )
    os.close(theirs)
    seen = b""
    killer = threading.Timer(120, process.kill)
    killer.start()
    signaled = False
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        seen += part
        if not signaled and re.search(rb"validation [0-9.]+", seen):
            signaled = True
            process.send_signal(signal.SIGINT)
    code = process.wait()
    killer.cancel()
    os.close(ours)
    assert signaled
    assert code == 130, seen[-2000:]
    assert b"the best model so far is in model.safetensors" in seen
    assert b"Traceback" not in seen
    assert len(deltarule.load(tmp_path / "model.safetensors").history["loss"]) >= 1


def test_ctrl_c_while_the_command_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def interrupted(name: str, *rest: Any) -> Any:
        if name == "deltarule.cli":
            raise KeyboardInterrupt
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(SystemExit) as left:
        deltarule.__main__.main()
    assert left.value.code == 130
    assert capsys.readouterr().err == "deltarule: interrupted: nothing was written\n"


def test_columns_that_are_kept_stay_as_they_are_written(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "t.csv").select(z=pl.lit(1), age="age", outcome="age").write_csv(tmp_path / "t.csv")
    trained(cli, tmp_path)
    (tmp_path / "new.csv").write_text(
        "id,z,age\n00042, 1.50,31\n20240000000000000001,NA,40\n20240000000000000002,1e0,50\n"
    )
    cli("predict", "model.safetensors", "new.csv", "-o", "p.csv", "--keep", "id,z,age")
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert [line.rsplit(",", 1)[0] for line in lines] == [
        "id,z,age",
        "00042, 1.50,31",
        "20240000000000000001,NA,40",
        "20240000000000000002,1e0,50",
    ]
    cli("predict", "model.safetensors", "new.csv", "-o", "p.parquet", "--keep", "id,z,age")
    assert pl.read_parquet(tmp_path / "p.parquet").dtypes == [pl.String, pl.String, pl.Int64, pl.Float64]
