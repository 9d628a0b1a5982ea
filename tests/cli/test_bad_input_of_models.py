"""Bad input of a trained model: tables that do not fit it, files that are no model, outputs that cannot be written."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cli_tables import Ran, mixed_table
from refusals import GOOD, NUMBERS, refused

from deltarule import model_file

# tables that do not fit the model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of the mixed table, and the table."""
    from deltarule.tabular.fit import fit_table

    folder = tmp_path_factory.mktemp("trained")
    table = mixed_table().drop("customer_id", "importance")
    table.write_csv(folder / "table.csv")
    fit_table(table, "outcome", epochs=3, hidden=(8,)).save(folder / "model.st")
    return folder


def _replaced(name: str, value: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The first row of a column made into something else; the column becomes text."""

    def change(table: pl.DataFrame) -> pl.DataFrame:
        values = [value, *table[name].cast(pl.String)[1:]]
        return table.with_columns(pl.Series(name, values, dtype=pl.String))

    return change


PREDICTING: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], tuple[str, ...]]] = [
    ("text in a numeric column", _replaced("age", "old"), ("'age'", "expected numbers", "'old' in row 1")),
    ("infinity in a numeric column", _replaced("age", "inf"), ("'age'", "finite", "row 1")),
    ("no date in a column of dates", _replaced("signup", "soon"), ("'signup'", "'soon'")),
    ("a missing column", lambda t: t.drop("age"), ("expected the columns", "'age'")),
    ("two missing columns", lambda t: t.drop("age", "city"), ("'age'", "'city'")),
    ("a renamed column", lambda t: t.rename({"age": "Age"}), ("'age'", "did you mean 'Age'?")),
]


@pytest.mark.parametrize(("change", "says"), [row[1:] for row in PREDICTING], ids=[row[0] for row in PREDICTING])
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_other_tables_are_refused(
    command: str,
    change: Callable[[pl.DataFrame], pl.DataFrame],
    says: tuple[str, ...],
    cli: Callable[..., Ran],
    trained: Path,
    tmp_path: Path,
) -> None:
    change(pl.read_csv(trained / "table.csv", infer_schema=False)).write_csv(tmp_path / "other.csv")
    (tmp_path / "p.csv").write_text("before")
    output = ["-o", "p.csv"] if command == "predict" else []
    refused(cli(command, trained / "model.st", "other.csv", *output), says)
    assert (tmp_path / "p.csv").read_text() == "before"


FITTING: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], str]] = [
    ("reordered columns", lambda t: t.select(reversed(t.columns)), ""),
    ("additional columns", lambda t: t.with_columns(more=1), "'more'"),
    ("no target", lambda t: t.drop("outcome"), ""),
]


@pytest.mark.parametrize(("change", "note"), [row[1:] for row in FITTING], ids=[row[0] for row in FITTING])
def test_fitting_tables_give_the_same_predictions(
    change: Callable[[pl.DataFrame], pl.DataFrame], note: str, cli: Callable[..., Ran], trained: Path, tmp_path: Path
) -> None:
    table = pl.read_csv(trained / "table.csv")
    change(table).write_csv(tmp_path / "other.csv")
    first = cli("predict", trained / "model.st", trained / "table.csv")
    ran = cli("predict", trained / "model.st", "other.csv")
    assert (ran.code, ran.out) == (0, first.out)
    assert note in ran.err


def test_unseen_category_is_told_and_predicted(cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    _replaced("city", "Atlantis")(pl.read_csv(trained / "table.csv", infer_schema=False)).write_csv(tmp_path / "o.csv")
    ran = cli("predict", trained / "model.st", "o.csv", "-o", "p.csv")
    assert ran.code == 0
    assert "'Atlantis' in row 1" in ran.err
    assert len(pl.read_csv(tmp_path / "p.csv")) == 240


def test_files_that_vanish_or_cannot_be_written(
    cli: Callable[..., Ran], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: Path) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    def denied(*arguments: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", gone)
        refused(cli("predict", trained / "model.st", trained / "table.csv"), ("table.csv", "Stale file handle"))
    with monkeypatch.context() as patch:
        patch.setattr("deltarule.atomic.os.open", denied)
        for command in (["predict", trained / "model.st"], ["train", "-t", "outcome"]):
            ran = cli(*command, trained / "table.csv", "-o", "out.csv")
            refused(ran, ("cannot write out.csv", "Permission denied", "choose a folder"))


def test_unknown_class_is_refused_by_evaluate(cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    _replaced("outcome", "returns")(pl.read_csv(trained / "table.csv", infer_schema=False)).write_csv(
        tmp_path / "o.csv"
    )
    refused(cli("evaluate", trained / "model.st", "o.csv"), ("leaves, stays", "'returns' in row 1"))


def test_evaluate_without_a_target(cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    pl.read_csv(trained / "table.csv").drop("outcome").write_csv(tmp_path / "o.csv")
    refused(cli("evaluate", trained / "model.st", "o.csv"), ("'outcome'", "not in the table"))


def test_text_in_a_numeric_target(cli: Callable[..., Ran], tmp_path: Path) -> None:
    """The hint is one for a table to be measured on, and the row that of the table."""
    (tmp_path / "t.csv").write_text(NUMBERS)
    assert cli("train", "t.csv", "-t", "y", "--model", "linear", "-o", "m.st").code == 0
    (tmp_path / "o.csv").write_text("x,z,y\n1,2,\n1,2,3\n1,2,many\n")
    refused(cli("evaluate", "m.st", "o.csv"), ("'many' in row 3", "correct the value or leave it empty"))
    (tmp_path / "o.csv").write_text("x,z,y\n1,2,\n1,2,3\n")
    ran = cli("evaluate", "m.st", "o.csv")
    assert "note: 1 row without a target left out" in ran.err
    assert "regression on 1 row\n" in ran.out
    (tmp_path / "o.csv").write_text("x,z,y\n1,2,\n1,2,3\none,2,3\n")
    refused(cli("evaluate", "m.st", "o.csv"), ("'one' in row 3",))


def test_column_to_keep_must_be_there(cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    refused(cli("predict", trained / "model.st", trained / "table.csv", "--keep", "agee"), ("'agee'", "'age'"))
    pl.read_csv(trained / "table.csv").with_columns(prediction=1).write_csv(tmp_path / "o.csv")
    refused(cli("predict", trained / "model.st", "o.csv", "--keep", "prediction"), ("'prediction'", "rename"))


@pytest.mark.parametrize("output", ["nowhere/p.csv", ".", "p.xlsx", "p"])
def test_predictions_must_be_writable(output: str, cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    refused(cli("predict", trained / "model.st", trained / "table.csv", "-o", output), ("cannot write",))
    assert list(tmp_path.iterdir()) == []


def test_predictions_replace_neither_table_nor_model(cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    table = (trained / "table.csv").read_bytes()
    refused(
        cli("predict", trained / "model.st", trained / "table.csv", "-o", trained / "table.csv"), ("file of its own",)
    )
    assert (trained / "table.csv").read_bytes() == table


@pytest.mark.parametrize("option", ["-o", "--checkpoint"])
def test_a_training_replaces_no_file_of_another_kind(
    option: str, cli: Callable[..., Ran], trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text(GOOD)
    refused(cli("train", trained / "table.csv", "--target", "y", option, "other.csv"), ("other.csv", "found something"))
    assert (tmp_path / "other.csv").read_text() == GOOD
    if option == "--checkpoint":
        command = ["train", trained / "table.csv", "--target", "y", option, trained / "model.st"]
        refused(cli(*command), ("expected nothing there, or a checkpoint, found model",))


# model files


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flip(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[-3] ^= 0xFF
    return bytes(changed)


def _newer(content: bytes) -> bytes:
    return content.replace(b'"format_version":"1"', b'"format_version":"2"', 1)


MODELS: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("empty", lambda content: b"", "empty"),
    ("cut off", _cut, "cut off"),
    ("cut off in the header", lambda content: content[:50], "cut off"),
    ("a byte changed", _flip, "damaged"),
    ("a byte more", lambda content: content + b"x", "damaged"),
    ("newer", _newer, "newer deltarule"),
    ("a pickle", lambda content: b"\x80\x04\x95" + content, "pickle"),
    ("a table renamed", lambda content: GOOD.encode(), "not a deltarule file"),
]


@pytest.mark.parametrize(("change", "says"), [row[1:] for row in MODELS], ids=[row[0] for row in MODELS])
@pytest.mark.parametrize("command", ["predict", "evaluate", "inspect"])
def test_model_files_are_refused(
    command: str, change: Callable[[bytes], bytes], says: str, cli: Callable[..., Ran], trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.st").write_bytes(change((trained / "model.st").read_bytes()))
    arguments = [] if command == "inspect" else [trained / "table.csv"]
    refused(cli(command, "bad.st", *arguments), ("bad.st", says))


def test_a_renamed_model_is_still_one(cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    (tmp_path / "model.csv").write_bytes((trained / "model.st").read_bytes())
    assert cli("predict", "model.csv", trained / "table.csv").code == 0


def test_a_checkpoint_is_no_model(cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    model_file.write(tmp_path / "c.st", {}, {"theta": np.zeros(3)}, kind="checkpoint")
    refused(cli("inspect", "c.st"), ("holds a checkpoint, expected a model",))


def test_a_model_of_a_newer_version_that_cannot_be_read(
    cli: Callable[..., Ran], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, arrays = model_file.read(trained / "model.st", kind="model")
    document["preprocessing"]["columns"][0]["kind"] = "embedding"
    monkeypatch.setattr(model_file, "versions", lambda: {"deltarule": "0.10.0"})
    model_file.write(tmp_path / "new.st", document, arrays)
    refused(
        cli("predict", "new.st", trained / "table.csv"),
        ("new.st", "'embedding'", "upgrade deltarule: 0.10.0 has written it, this is 0.1.0"),
    )


def test_an_estimators_file_without_names_is_for_python(cli: Callable[..., Ran], trained: Path, tmp_path: Path) -> None:
    from deltarule import MLPClassifier

    X, y = np.eye(8), np.arange(8) % 2
    MLPClassifier((4,), max_iter=2, tol=0).fit(X, y).save(tmp_path / "e.st")
    refused(cli("predict", "e.st", trained / "table.csv"), ("names of its columns", "deltarule.load('e.st').predict"))
    refused(cli("evaluate", "e.st", trained / "table.csv"), ("name of its target", "deltarule.load('e.st').score"))


@pytest.mark.parametrize("kind", ["classes", "numbers", "several"])
def test_an_estimators_file_with_names_predicts_tables(kind: str, cli: Callable[..., Ran], tmp_path: Path) -> None:
    from deltarule import LinearRegression, MLPClassifier

    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 2)), columns=["a", "b"])
    y = {
        "classes": np.where(table["a"] > 0, "up", "down"),
        "numbers": table["a"].to_numpy(),
        "several": table.to_numpy(),
    }
    model: Any = MLPClassifier((4,), max_iter=5, tol=0) if kind == "classes" else LinearRegression()
    model.fit(table, y[kind]).save(tmp_path / "e.st")
    table[["b", "a"]].assign(c=1).to_csv(tmp_path / "t.csv", index=False)
    assert "ignored: 'c'" in cli("predict", "e.st", "t.csv", "-o", "p.csv", "--keep", "c").err
    found, expected = pd.read_csv(tmp_path / "p.csv"), model.predict(table)
    if kind == "several":
        np.testing.assert_allclose(found[["prediction 1", "prediction 2"]], expected)
    elif kind == "numbers":
        np.testing.assert_allclose(found["prediction"], expected)
    else:
        assert found["prediction"].tolist() == expected.tolist()
        np.testing.assert_allclose(found["probability of up"], model.predict_proba(table)[:, 1], rtol=1e-6)
    table.drop(columns="b").to_csv(tmp_path / "t.csv", index=False)
    refused(cli("predict", "e.st", "t.csv"), ("expected the columns", "'b'"))
    table.where(table["a"] != table["a"][3]).to_csv(tmp_path / "t.csv", index=False)
    refused(cli("predict", "e.st", "t.csv"), ("column 'a'", "none in row 4"))


def test_every_field_of_a_model_is_checked(trained: Path, cli: Callable[..., Ran], tmp_path: Path) -> None:
    """Each field of the document, replaced by something else, is refused, never believed and never a traceback."""
    document, arrays = model_file.read(trained / "model.st", kind="model")
    for name in ("preprocessing", "target", "report", "estimator"):
        for wrong in (None, 3, "x", [], {}):
            model_file.write(tmp_path / "bad.st", {**document, name: wrong}, arrays)
            refused(cli("inspect", "bad.st"), ("bad.st",))
        for key in document[name]:
            for wrong in (7.5, {"a": "b"}):
                if name == "report" and key in ("rows", "options", "test", "baseline") and wrong != 7.5:
                    continue
                changed = {**document, name: {**document[name], key: wrong}}
                model_file.write(tmp_path / "bad.st", changed, arrays)
                if document[name][key] == wrong:
                    continue
                ran = cli("inspect", "bad.st")
                assert (ran.code, len(ran.error)) == (2, 1) or _harmless(name, key), (name, key, wrong, ran)
    assert json.loads(json.dumps(document)) == document


def _harmless(name: str, key: str) -> bool:
    """Numbers for which another number is as good."""
    return (name, key) in {("target", "center"), ("target", "scale"), ("estimator", "loss_"), ("report", "baseline")}


def test_standard_input_that_is_closed_is_named(
    cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    refused(cli("predict", trained / "model.st", "-"), ("standard input", "closed"))
