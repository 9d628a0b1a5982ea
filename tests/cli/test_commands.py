"""The commands as a user meets them: what they print, what they write, that they agree with each other."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cli_tables import Cli
from mixed_training import trained, write

import deltarule
from deltarule.cli.sample import SAMPLES
from deltarule.equations import ACTIVATIONS, OPTIMIZERS, SCHEDULES

MODELS = {"binary": "logistic", "multiclass": "logistic", "regression": "linear"}


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
    pl.read_csv(tmp_path / "bent.csv").head(24).write_csv(tmp_path / "few.csv")
    ran = cli("train", "few.csv", "-t", "y")
    assert "model kept: linear, 4 validation rows: too few to compare a network by" in ran.out


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
    pl.DataFrame({"x": [0.1, 5.0, 7.0], "y": [0.1, 0.0, -0.1]}).write_csv(tmp_path / "few.csv")
    evaluated = cli("evaluate", "model.safetensors", "few.csv")
    assert "no better than the baseline on these rows; they may be of another kind" in evaluated.err
    assert "3 rows tell little" in evaluated.err


def test_rows_in_the_order_of_time_are_told(cli: Cli, tmp_path: Path) -> None:
    table = pl.DataFrame({"day": pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 4, 9), eager=True)})
    table = table.with_columns(
        x=pl.Series(np.random.default_rng(0).normal(size=100)), y=pl.Series(np.arange(100) % 7.3)
    )
    table.write_csv(tmp_path / "t.csv")
    told = "the rows are in the order of 'day', and split at random"
    assert told in cli("train", "t.csv", "-t", "y").err
    assert told not in cli("train", "t.csv", "-t", "y", "--split", "85,15,0").err
    table.sample(fraction=1, shuffle=True, seed=0).write_csv(tmp_path / "t.csv")
    assert told not in cli("train", "t.csv", "-t", "y").err


def test_a_column_computed_from_the_target_is_told(cli: Cli, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=100)
    pl.DataFrame({"slept": x, "awake": 24 - x}).write_csv(tmp_path / "t.csv")
    assert "may have been computed from the target" in cli("train", "t.csv", "-t", "slept").err


def test_boolean_and_number_classes_keep_their_type(cli: Cli, tmp_path: Path) -> None:
    for name, values in (("flag", [True, False] * 30), ("level", [1.5, 2.0] * 30), ("count", [3, 10] * 30)):
        table = pl.DataFrame({"x": [i % 2 + i / 500 for i in range(60)], name: values})
        table.write_parquet(tmp_path / "t.parquet")
        assert cli("train", "t.parquet", "-t", name, "--numeric", "x").code == 0
        predicted = deltarule.load(tmp_path / "model.safetensors").predict(table)["prediction"]
        assert predicted.dtype == table[name].dtype
        assert (predicted == table[name]).mean() > 0.9


# names and columns


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
