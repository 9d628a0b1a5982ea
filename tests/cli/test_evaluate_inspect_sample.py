"""The commands beside train: what they print and write of a model, a table or a sample."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cli_tables import Cli
from mixed_training import trained, write

import deltarule
from deltarule.cli.sample import SAMPLES


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


def test_weights_are_told_wherever_they_count(cli: Cli, tmp_path: Path) -> None:
    heading = "that training has not seen, weighted by importance"
    assert heading in trained(cli, tmp_path, "--weights", "importance").out
    assert "on 240 rows, weighted by importance" in cli("evaluate", "model.safetensors", "t.csv").out
    assert cli("evaluate", "model.safetensors", "t.csv", "--json").json()["weights"] == "importance"
    pl.read_csv(tmp_path / "t.csv").drop("importance").write_csv(tmp_path / "o.csv")
    assert cli("evaluate", "model.safetensors", "o.csv", "--json").json()["weights"] is None
    assert "weighted" not in cli("evaluate", "model.safetensors", "o.csv").out


def test_classes_of_floats_have_one_name(cli: Cli, tmp_path: Path) -> None:
    pl.DataFrame({"x": [float(i) for i in range(40)], "y": [0.0, 1.0] * 20}).write_csv(tmp_path / "f.csv")
    assert cli("train", "f.csv", "-t", "y", "--epochs", 2).code == 0
    first, second, *_ = cli("predict", "model.safetensors", "f.csv").out.splitlines()
    assert first == "prediction,probability of 0.0,probability of 1.0"
    assert second.partition(",")[0] in ("0.0", "1.0")


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
