"""THE table of bad input: what is done, and the one line that answers, or the right result.

Each case is a row: how the file is made, the command, what the line must contain. The exit code is then 2, standard
output is empty of results, there is no traceback, and no file has appeared or changed.
"""

from __future__ import annotations

import gzip
import importlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from cli_tables import Ran
from refusals import GOOD, NUMBERS, ROWS, refused

from deltarule import model_file

TRAIN = "train table.csv --target y --epochs 3"
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


# checkpoints, results for machines, and every other error


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
