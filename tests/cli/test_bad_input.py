"""THE table of bad input: what is done, and the one line that answers, or the right result.

Each case is a row: how the file is made, the command, what the line must contain. The exit code is then 2, standard
output is empty of results, there is no traceback, and no file has appeared or changed.
"""

from __future__ import annotations

import errno
import gzip
import importlib
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cli_tables import Ran, mixed_table

from deltarule import model_file

TRAIN = "train table.csv --target y --epochs 3"
ROWS = "".join(f"{i % 7},{(i * 5) % 11},{'ab'[i % 2]}\n" for i in range(40))
GOOD = "x,z,y\n" + ROWS
NUMBERS = "x,z,y\n" + "".join(f"{i % 7},{(i * 5) % 11},{(i % 7) * 2.5}\n" for i in range(60))
ONE_CLASS = "x,z,y\n" + "".join(f"{i % 7},{i % 5},same\n" for i in range(40))


@dataclass(frozen=True)
class Case:
    """`table`: the content of table.csv; `says`: words of the line, all of which must be there."""

    name: str
    table: str | bytes | None
    command: str
    says: tuple[str, ...]


def changed(old: str, new: str, table: str = GOOD, count: int = 1) -> str:
    assert old in table
    return table.replace(old, new, count)


TRAINING = [
    # the file
    Case("no file", None, TRAIN, ("expected a file", "nothing at table.csv")),
    Case("a folder", None, "train . --target y", ("expected a file", "folder")),
    Case("empty file", "", TRAIN, ("expected a table", "empty file")),
    Case("only blank lines", "\n\n \n", TRAIN, ("empty file",)),
    Case("only a header", "x,y\n", TRAIN, ("expected rows below the header",)),
    Case("one row", "x,y\n1,2\n", TRAIN, ("at least 5 rows", "found 1")),
    Case("one row, classes", "x,y\n1,a\n", TRAIN, ("at least 5 rows", "found 1")),
    Case("four rows", "x,y\n1,2\n2,3.5\n3,4\n4,7\n", TRAIN, ("expected at least 5 rows", "found 4")),
    Case("duplicate headers", changed("x,z,y", "x,x,y"), TRAIN, ("different name", "'x' 2 times")),
    Case("empty header", changed("x,z,y", "x,,y"), TRAIN, ("name for every column", "column 2")),
    Case("ragged row, long", GOOD + "1,2,a,4\n", TRAIN, ("expected 3 fields", "found 4 in row 41 (line 42)")),
    Case("ragged row, short", GOOD + "1,2\n", TRAIN, ("expected 3 fields", "found 2 in row 41 (line 42)")),
    Case("open quote", GOOD + '1,"2,a\n', TRAIN, ("quote", "line 42")),
    Case("latin-1", changed("a\n", "é\n").encode("latin-1"), TRAIN, ("UTF-8", "byte 0xe9", "iconv")),
    Case("utf-16", GOOD.encode("utf-16"), TRAIN, ("UTF-8", "UTF-16", "iconv")),
    Case("zero byte", changed("a\n", "\0\n"), TRAIN, ("zero byte", "line 2")),
    Case("a pickle", pickle.dumps({"x": list(range(99))}), TRAIN, ("binary data", "save the table as CSV")),
    Case("random bytes", bytes(range(256)) * 9, TRAIN, ("binary data",)),
    Case("a workbook", b"PK\x03\x04" + b"x" * 40, TRAIN, ("expected text", "zip archive or a workbook")),
    Case("damaged gzip", gzip.compress(GOOD.encode())[:-20], TRAIN, ("whole gzip file",)),
    Case("unknown extension", None, "train table.xlsx --target y", ("expected a file that ends in", ".xlsx; save")),
    # the target
    Case("unknown target", GOOD, "train table.csv --target Y", ("'Y'", "did you mean 'y'?")),
    Case("target missing everywhere", "x,y\n" + "1,\n" * 30, TRAIN, ("target 'y'", "30 rows without one")),
    Case("one class", ONE_CLASS, TRAIN, ("at least two classes", "found only 'same'")),
    Case("constant target", "x,y\n" + "1,3\n2,3\n" * 9, TRAIN, ("at least two classes", "only '3'")),
    Case("infinite target", changed(",2.5\n", ",inf\n", NUMBERS), TRAIN, ("column 'y'", "infinite", "row 2")),
    Case("text target for regression", GOOD, TRAIN + " --task regression", ("expected numbers", "'a' in row 1")),
    Case(
        "a class a row", "x,y\n" + "".join(f"{i % 9},n{i}x\n" for i in range(40)), TRAIN, ("classes that repeat", "40")
    ),
    Case("three classes as binary", changed("a\n", "c\n"), TRAIN + " --task binary", ("two classes", "found 3")),
    # the columns
    Case("nothing but the target", "y\n" + "a\nb\n" * 20, TRAIN, ("at least one column to learn from",)),
    Case("all columns empty", "x,y\n" + ",a\n,b\n" * 20, TRAIN, ("column to learn from", "every value is missing")),
    Case("all columns constant", "x,y\n" + "1,a\n1,b\n" * 20, TRAIN, ("column to learn from", "constant")),
    Case("infinite value", changed("\n3,", "\ninf,"), TRAIN, ("column 'x'", "finite", "1 infinite (first in row 4)")),
    Case(
        "infinite value below rows without a target",
        GOOD.replace(",a\n", ",\n", 5) + "inf,1,b\n",
        TRAIN,
        ("column 'x'", "1 infinite (first in row 41)"),
    ),
    Case(
        "infinite value below rows without a weight",
        "x,w,y\n" + "1,0,a\n" * 9 + "2,1,a\n3,1,b\n" * 20 + "inf,1,a\n",
        TRAIN + " --weights w",
        ("1 infinite (first in row 50)",),
    ),
    Case(
        "weight below rows without a target",
        "x,w,y\n" + "1,0,\n" * 9 + "2,1,a\n3,1,b\n" * 20 + "4,-1,a\n",
        TRAIN + " --weights w",
        ("weights 'w'", "-1 in row 50"),
    ),
    Case(
        "text below rows without a target",
        GOOD.replace(",a\n", ",\n", 5) + "three,1,b\n",
        TRAIN + " --numeric x",
        ("'three'", "row 41"),
    ),
    Case(
        "number beyond float32, not scaled",
        NUMBERS + "1e300,1,2\n",
        TRAIN + " --scale none",
        ("float32", "1e+300 in row 61"),
    ),
    Case("minus infinity", changed("\n3,", "\n-Infinity,"), TRAIN, ("column 'x'", "finite", "infinite")),
    Case("text asked to be numbers", changed("\n3,", "\nthree,"), TRAIN + " --numeric x", ("'three'", "row 4")),
    Case("unknown column to drop", GOOD, TRAIN + " --drop zz", ("'zz'", "not in the table")),
    Case("drop the target", GOOD, TRAIN + " --drop y", ("'y'", "target")),
    Case("drop everything", GOOD, TRAIN + " --drop x,z", ("at least one column to learn from",)),
    Case("unknown weights", GOOD, TRAIN + " --weights w", ("'w'", "weights")),
    Case("weights are the target", GOOD, TRAIN + " --weights y", ("'y'", "both")),
    Case("negative weights", changed("\n3,", "\n-3,"), TRAIN + " --weights x", ("weights 'x'", "-3", "row 4")),
    Case("missing weights", changed("\n3,", "\n,"), TRAIN + " --weights x", ("weights 'x'", "nothing", "row 4")),
    Case(
        "weights all zero",
        "x,w,y\n" + "1,0,a\n2,0,b\n" * 20,
        TRAIN + " --weights w",
        ("weights 'w'", "at least one positive"),
    ),
    # the options
    Case("no target option", GOOD, "train table.csv", ("no --target", "see deltarule train --help")),
    Case("no arguments", None, "train", ("FILE",)),
    Case("no value of an option", GOOD, "train table.csv --target y --epochs", ("--epochs", "see deltarule train --h")),
    Case("unknown command", None, "trian table.csv", ("trian",)),
    Case("unknown option", GOOD, TRAIN + " --foo 1", ("--foo",)),
    Case("epochs -1", GOOD, "train table.csv --target y --epochs -1", ("epochs", "-1")),
    Case("epochs no number", GOOD, "train table.csv --target y --epochs many", ("--epochs", "many")),
    Case("epochs beyond all", GOOD, "train table.csv --target y --epochs 99999999999999999999", ("epochs",)),
    Case("batch size 0", GOOD, TRAIN + " --batch-size 0", ("batch_size", "0")),
    Case("dropout 2", GOOD, TRAIN + " --dropout 2", ("dropout", "2")),
    Case("dropout nan", GOOD, TRAIN + " --dropout nan", ("dropout", "nan")),
    Case("learning rate nan", GOOD, TRAIN + " --learning-rate nan", ("learning_rate", "nan")),
    Case("learning rate 0", GOOD, TRAIN + " --learning-rate 0", ("learning_rate", "0")),
    Case("learning rate inf", GOOD, TRAIN + " --learning-rate inf", ("learning_rate", "inf")),
    Case("l2 negative", GOOD, TRAIN + " --l2 -1", ("l2", "-1")),
    Case("l1 nan", GOOD, TRAIN + " --l1 nan", ("l1", "nan")),
    Case("patience 0", GOOD, TRAIN + " --patience 0", ("patience", "0")),
    Case("seed -1", GOOD, TRAIN + " --seed -1", ("seed", "-1")),
    Case("hidden absurd", GOOD, TRAIN + " --hidden 10000000,10000000", ("hidden", "10000000")),
    Case("hidden beyond memory", GOOD, TRAIN + " --hidden 900000,900000", ("memory", "smaller hidden layers")),
    Case("hidden 0", GOOD, TRAIN + " --hidden 0", ("hidden", "0")),
    Case("hidden no numbers", GOOD, TRAIN + " --hidden 64,,32", ("--hidden", "64,,32")),
    Case("split of two", GOOD, TRAIN + " --split 70,30", ("--split", "70,30")),
    Case("split beyond 100", GOOD, TRAIN + " --split 70,70,70", ("add up to 100",)),
    Case("split nan", GOOD, TRAIN + " --split nan,1,1", ("three shares",)),
    Case("unknown activation", GOOD, TRAIN + " --activation rleu", ("rleu", "did you mean 'relu'?")),
    Case("activation's bad option", GOOD, TRAIN + " --activation leaky_relu(slope=x)", ("leaky_relu",)),
    Case("output activation hidden", GOOD, TRAIN + " --activation softmax", ("hard_sigmoid)", "'softmax'")),
    Case("unknown loss", GOOD, TRAIN + " --loss hinge", ("loss", "hinge")),
    Case("loss of another task", GOOD, TRAIN + " --loss huber", ("loss for binary", "huber")),
    Case("log loss for numbers", NUMBERS, TRAIN + " --loss log_loss", ("loss for a regression",)),
    Case(
        "negative counts",
        changed(",2.5\n", ",-2.5\n", NUMBERS),
        TRAIN + " --loss poisson_deviance",
        ("poisson_deviance", "[0, inf)"),
    ),
    Case("unknown optimizer", GOOD, TRAIN + " --optimizer adm", ("adm", "did you mean 'adam'?")),
    Case("unknown schedule", GOOD, TRAIN + " --schedule cos", ("schedule", "cos")),
    Case("unknown engine", GOOD, TRAIN + " --engine warp", ("engine", "warp")),
    Case("unknown model", GOOD, TRAIN + " --model forest", ("model", "forest")),
    Case("unknown task", GOOD, TRAIN + " --task rank", ("task", "rank")),
    Case("unknown scale", GOOD, TRAIN + " --scale big", ("scale", "big")),
    Case("unknown class weight", GOOD, TRAIN + " --class-weight some", ("class_weight", "some")),
    Case("linear with classes", GOOD, TRAIN + " --model linear", ("expected numbers", "'a'")),
    Case("logistic with numbers", NUMBERS, TRAIN + " --model logistic", ("logistic", "regression")),
    Case("dropout for a line", NUMBERS, TRAIN + " --model linear --dropout 0.1", ("linear model", "dropout")),
    *(
        Case(f"{option} for {model}", table, f"train table.csv --target y --model {model} {option}", says)
        for model, table, says in (
            ("linear", NUMBERS, ("solved in one step", "name an --optimizer")),
            ("logistic", GOOD, ("L-BFGS", "name an --optimizer")),
            ("linear --l1 0.1", NUMBERS, ("L-BFGS", "name an --optimizer")),
            ("mlp --optimizer lbfgs", GOOD, ("lbfgs steps on all rows by itself", "leave it out")),
            ("logistic --optimizer lbfgs", GOOD, ("lbfgs finds its steps by itself", "leave it out")),
        )
        for option in ("--learning-rate 0.1", "--schedule constant", "--batch-size 5", "--patience 20")
        if "mlp" not in model or "patience" not in option
    ),
    Case("epochs of one step", NUMBERS, TRAIN + " --model linear", ("solved in one step", "no --epochs, found 3")),
    Case("dropout for lbfgs", GOOD, TRAIN + " --optimizer lbfgs --dropout 0.1", ("lbfgs", "no --dropout", "leave it")),
    Case(
        "checkpoint of one step",
        NUMBERS,
        "train table.csv --target y --model linear --checkpoint c",
        ("--checkpoint", "solved in one", "--optimizer"),
    ),
    Case(
        "balanced numbers", NUMBERS, TRAIN + " --class-weight balanced", ("regression has no classes", "leave it out")
    ),
    Case("three activations", GOOD, TRAIN + " --activation relu,tanh,relu", ("one activation, or 2", "found 3")),
    Case("sgd", GOOD, TRAIN + " --optimizer sgd", ("'sgd'", "gradient_descent, momentum and nesterov")),
    Case("resume from nowhere", GOOD, TRAIN + " --resume", ("--checkpoint", "--resume")),
    # the output
    Case("output in no folder", GOOD, TRAIN + " -o nowhere/m.st", ("cannot write", "nowhere", "does not exist")),
    Case("output in no true folder", GOOD, TRAIN + " -o /proc/m.st", ("cannot write /proc/m.st", "takes no files")),
    Case("output is a folder", GOOD, TRAIN + " -o .", ("cannot write", "folder")),
    Case("output is the table", GOOD, TRAIN + " -o table.csv", ("cannot write table.csv", "file of its own")),
    Case("output to a stream", GOOD, TRAIN + " -o -", ("expected a path", "-")),
    Case(
        "checkpoint is the output", GOOD, TRAIN + " -o m.st --checkpoint m.st", ("cannot write m.st", "file of its own")
    ),
    Case("checkpoint in no folder", GOOD, TRAIN + " --checkpoint nowhere/c", ("cannot write", "nowhere")),
    Case(
        "checkpoint is the table",
        GOOD,
        TRAIN + " --checkpoint table.csv",
        ("cannot write table.csv", "file of its own"),
    ),
    # a learning rate that diverges
    Case("diverges, classes", GOOD, TRAIN + " --learning-rate 1e30", ("diverged", "layer", "lower the learning rate")),
    Case("diverges, numbers", NUMBERS, TRAIN + " --learning-rate 1e10", ("learning rate",)),
    Case(
        "diverges, gradient descent",
        NUMBERS,
        TRAIN + " --optimizer gradient_descent --learning-rate 1e20",
        ("layer", "step", "lower the learning rate"),
    ),
    Case("diverges in finite numbers", NUMBERS, "train table.csv --target y --learning-rate 10", ("diverged", "error")),
    Case(
        "diverges in finite numbers, classes",
        GOOD,
        TRAIN + " --model logistic --optimizer gradient_descent --learning-rate 1e4",
        ("training diverged", "log loss", "lower the learning rate"),
    ),
    Case(
        "diverges, a line",
        NUMBERS,
        "train table.csv --target y --model linear --optimizer gradient_descent --learning-rate 1e9",
        ("learning rate",),
    ),
    # the other commands
    Case("sample unknown", None, "sample irises", ("iris", "irises", "--list")),
    Case("sample without a name", None, "sample", ("iris", "none")),
    Case("sample in no folder", None, "sample iris -o nowhere/iris.csv", ("cannot write", "nowhere")),
    Case("sample in no format", None, "sample iris -o iris.xls", ("cannot write", ".xls")),
    Case("model does not exist", GOOD, "predict m.st table.csv -o p.csv", ("m.st", "does not exist")),
    Case("a table for a model", GOOD, "inspect table.csv", ("table.csv", "not a deltarule file")),
    Case("evaluate a table by a table", GOOD, "evaluate table.csv table.csv", ("not a deltarule file",)),
]


def refused(ran: Ran, says: tuple[str, ...]) -> None:
    """One clear line on standard error, nothing on standard output that looks like a result, exit code 2."""
    assert ran.code == 2, ran
    assert len(ran.error) == 1, ran.err
    (line,) = ran.error
    assert line.startswith("deltarule: ")
    assert "Traceback" not in ran.err
    assert "unexpected" not in line.split(":")[1], line
    for words in says:
        assert words in line


@pytest.mark.parametrize("case", TRAINING, ids=lambda case: case.name)
def test_training_refuses(case: Case, cli: Callable[..., Ran], tmp_path: Path) -> None:
    if case.table is not None:
        content = case.table if isinstance(case.table, bytes) else case.table.encode()
        (tmp_path / "table.csv").write_bytes(content)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ran = cli(*case.command.split())
    refused(ran, case.says)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# right results for tables that are only odd

ODD = [
    Case("a constant column", "c,x,z,y\n" + "".join(f"5,{line}\n" for line in ROWS.splitlines()), TRAIN, ("constant",)),
    Case("a missing column", "c,x,z,y\n" + "".join(f",{line}\n" for line in ROWS.splitlines()), TRAIN, ("missing",)),
    Case("rows without a target", GOOD + "1,2,\n3,4,\n", TRAIN, ("2 of 42",)),
    Case("a byte-order mark", b"\xef\xbb\xbf" + GOOD.encode(), TRAIN, ("binary",)),
    Case("lines ended as on other systems", GOOD.replace("\n", "\r\n"), TRAIN, ("binary",)),
    Case("semicolons", GOOD.replace(",", ";"), TRAIN, ("binary",)),
    Case("five rows", "x,y\n1,2.5\n2,3.5\n3,4.1\n4,7\n5,9\n", TRAIN, ("regression",)),
    Case("a batch larger than the table", GOOD, TRAIN + " --batch-size 100000", ("batch size",)),
    Case("no test rows", GOOD, TRAIN + " --split 80,20,0", ("no rows were kept",)),
    Case("no validation rows", GOOD, TRAIN + " --split 80,0,20", ("training loss",)),
    Case("all rows for training", GOOD, TRAIN + " --split 1,0,0", ("40 training",)),
    Case(
        "weights of zero",
        "w" + GOOD.replace("\n", "\n1,")[:-2].replace("x", ",x", 1) + "0,1,1,a\n",
        TRAIN + " --weights w",
        ("1 of 41", "weight is zero"),
    ),
    Case("huge numbers", changed("\n3,", "\n1e300,"), TRAIN, ("binary",)),
    Case("a huge target", NUMBERS.replace(",2.5\n", ",2.5e200\n"), TRAIN, ("regression",)),
    Case("names that look like markup", changed("x,z", "[bold]x[/bold],[red]"), TRAIN, ("[bold]x[/bold]", "[red]")),
]


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.name)
def test_training_copes_with(case: Case, cli: Callable[..., Ran], tmp_path: Path) -> None:
    content = case.table if isinstance(case.table, bytes) else str(case.table).encode()
    (tmp_path / "table.csv").write_bytes(content)
    ran = cli(*case.command.split())
    assert (ran.code, ran.error) == (0, []), ran.err
    for words in case.says:
        assert words in ran.out
    assert cli("predict", "model.safetensors", "table.csv", "-o", "p.csv").code == 0
    prediction = pl.read_csv(tmp_path / "p.csv")["prediction"]
    assert prediction.null_count() == 0


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


def test_a_damaged_checkpoint_is_refused(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(GOOD)
    (tmp_path / "c.st").write_bytes(b"nonsense")
    refused(cli(*TRAIN.split(), "--checkpoint", "c.st", "--resume"), ("c.st", "not a deltarule file"))
    assert not (tmp_path / "model.safetensors").exists()


def test_a_checkpoint_of_another_run_is_refused(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(GOOD)
    assert cli(*TRAIN.split(), "--checkpoint", "c.st").code == 0
    refused(cli(*TRAIN.split(), "--checkpoint", "c.st", "--resume", "--hidden", "5"), ("c.st", "another run"))


def test_errors_leave_standard_output_empty_for_machines(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(ONE_CLASS)
    ran = cli(*TRAIN.split(), "--json")
    refused(ran, ("at least two classes",))
    assert ran.out == ""


def test_an_older_model_survives_a_failed_training(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(NUMBERS)
    model_file.write(tmp_path / "model.safetensors", {"an": "older model"}, {})
    before = (tmp_path / "model.safetensors").read_bytes()
    refused(cli(*TRAIN.split(), "--learning-rate", "1e30"), ("learning rate",))
    assert (tmp_path / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError("Unable to allocate 8 TiB"), "expected enough memory"),
        (OSError(28, "No space left on device", "m.st"), "m.st: No space left on device"),
        (ValueError("two\nlines"), "two lines"),
        (KeyError("x"), "unexpected KeyError: 'x'"),
    ],
)
def test_every_other_error_is_one_line(
    error: Exception, says: str, cli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    (tmp_path / "table.csv").write_text(GOOD)
    importlib.import_module("deltarule.tabular.fit")  # which keeps the function it finds when it is imported
    monkeypatch.setattr("deltarule.tabular.prepare.prepare", fail)
    ran = cli(*TRAIN.split())
    assert ran.code == 2
    assert len(ran.error) == 1
    assert says in ran.error[0]
    if not isinstance(error, MemoryError):
        monkeypatch.setenv("DELTARULE_DEBUG", "1")
        with pytest.raises(type(error)):
            cli(*TRAIN.split())


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


def test_an_answer_given_twice_is_refused(cli, tmp_path):
    (tmp_path / "mine.json").write_text('{"a1": 0.38, "a1": 0.5}')
    network = ("--layers", "2-1", "--activation", "sigmoid", "--x", "1,2", "--y", "1")
    refused(cli("check", *network, "--answers", "mine.json"), ("each key once", "'a1'"))


def test_codes_that_are_the_same_number_are_told(cli, tmp_path):
    rows = "".join(f"{i % 11},007\n{i % 7 + 9},7\n{i % 5 + 29},008\n" for i in range(30))
    (tmp_path / "codes.csv").write_text("x,y\n" + rows)
    assert "'007' and '7' are read as the same number" in cli("train", "codes.csv", "-t", "y", "--epochs", 2).err
    (tmp_path / "codes.csv").write_text("x,y\n" + rows.replace(",7\n", ",9\n"))
    assert "same number" not in cli("train", "codes.csv", "-t", "y", "--epochs", 2, "-o", "other.st").err


def test_standard_input_that_is_closed_is_named(
    cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    refused(cli("predict", trained / "model.st", "-"), ("standard input", "closed"))
