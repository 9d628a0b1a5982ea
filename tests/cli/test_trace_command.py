"""``deltarule trace`` and ``deltarule check``."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import polars as pl
import pytest

from deltarule.equations import ACTIVATIONS, LOSSES

STEP = ["--x", "1,2", "--y", "1", "--weights", "w.json", "--alpha", "0.1"]
NETWORK = ["--layers", "2-3-1", "--activation", "relu,sigmoid", *STEP]
WEIGHTS = '{"W1": [[0.5, -0.3], [0.2, 0.8], [-0.6, 0.1]], "b1": [0.3, -0.1, 0], "W2": [[0.7, -0.5, 0.9]], "b2": 0.2}'
OWN = """
import numpy as np

def swish2(Z):
    return Z / (1 + np.exp(-2 * Z))

def d_swish2(Z):
    s = 1 / (1 + np.exp(-2 * Z))
    return s + 2 * Z * s * (1 - s)

def quartic(a, y):
    return ((a - y) ** 4).sum(axis=1)

def d_quartic(a, y):
    return FACTOR * (a - y) ** 3
"""


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "w.json").write_text(WEIGHTS)


@pytest.fixture
def own(tmp_path):
    (tmp_path / "my.py").write_text(OWN.replace("FACTOR", "4"))
    yield tmp_path / "my.py"
    for register, name in ((ACTIVATIONS, "swish2"), (LOSSES, "quartic")):
        if name in register:
            register.remove(name)


def test_the_worked_example(cli, weights):
    ran = cli("trace", *NETWORK)
    assert ran.code == 0
    for text in ("σ(-0.51) = 0.3752", "[0.7125 -0.3938 0.9]", "0.9803 → 0.6950", "-0.3268", "-0.2853", "PASS"):
        assert text in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "\x1b" not in ran.out


def test_seeds_and_several_samples(cli):
    network = ["--layers", "2-3-2", "--activation", "prelu(initial=0.1, shared=true),softmax"]
    samples = ["--x", "1,2;-3,4", "--y", "1;0"]
    a, b, c = (cli("trace", *network, *samples, "--weights", seed).out for seed in (4, 4, 5))
    assert a == b != c
    assert "m = 2" in a
    assert cli("trace", *network, "--x", "1,2;-3,4", "--y", "1,0", "--weights", 4).out == a


@pytest.mark.parametrize(
    ("name", "begins"),
    [("t.tex", r"\documentclass"), ("t.html", "<!DOCTYPE html>"), ("t.md", "# 2 "), ("t.json", "{"), ("t.txt", "2 ->")],
)
def test_the_name_of_the_file_is_its_format(cli, weights, tmp_path, name, begins):
    assert cli("trace", *NETWORK, "-o", name).code == 0
    assert (tmp_path / name).read_text().startswith(begins)


def test_a_file_of_another_kind_is_not_replaced(cli, weights, tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    ran = cli("trace", *NETWORK, "-o", "table.csv")
    assert ran.code == 2
    assert "expected a file that ends in .md, .tex" in ran.err
    assert (tmp_path / "table.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize("kind", ["text", "markdown", "latex", "html", "json"])
def test_formats_on_standard_output(cli, weights, kind):
    assert "0.3752" in cli("trace", *NETWORK, "--format", kind).out


def test_parts_digits_steps_and_fractions(cli, weights):
    assert "FORWARD" not in cli("trace", *NETWORK, "--only", "backward,update").out
    assert "-0.62481" in cli("trace", *NETWORK, "--only", "backward", "--digits", 5).out
    out = cli("trace", *NETWORK, "--steps", 3, "--optimizer", "adam", "--penalty", "l2=0.1", "--only", "update").out
    assert "STEP 3" in out
    assert "v_W[1]" in out
    assert "-51/100" in cli("trace", *NETWORK, "--exact", "--only", "forward").out


def test_a_row_of_a_table(cli, cancer_model):
    model, table = cancer_model
    ran = cli("trace", model, table, "--row", 3, "--only", "forward")
    predicted = cli("predict", model, table).out.splitlines()[3].split(",")
    document = json.loads(cli("trace", model, table, "--row", 3, "--format", "json").out)
    last = [s for s in document["iterations"][0]["sections"] if s["kind"] == "forward"][-1]["steps"][-1]
    assert ran.code == 0
    assert np.isclose(last["value"][0][0], float(predicted[-1]), rtol=1e-4)
    assert "expected a row from 1 to 40, found '41'" in cli("trace", model, table, "--row", 41).err
    assert cli("check", "--gradient", model, table, "--row", "1-5").code == 0


@pytest.fixture
def cancer_model(cli, tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'yes' if a + b > 0 else 'no'}" for a, b in rng.normal(size=(40, 2))]
    (tmp_path / "t.csv").write_text("\n".join(["p,q,label", *rows]) + "\n")
    assert cli("train", "t.csv", "--target", "label", "-o", "m.safetensors", "--epochs", 2).code == 0
    return "m.safetensors", "t.csv"


def test_a_model_saved_from_python(cli, tmp_path):
    from deltarule import MLPClassifier

    X = np.random.default_rng(0).normal(size=(20, 2))
    MLPClassifier((2,), max_iter=1, random_state=0).fit(X, ["a", "b"] * 10).save("m.safetensors")
    (tmp_path / "t.csv").write_text("p,q,label\n1,2,a\n3,4,b\n")
    assert "y = 1" in cli("trace", "m.safetensors", "t.csv", "--row", 2, "--target", "label", "--only", "loss").out
    assert (
        "found 3; leave the others out of the table, or name the target" in cli("trace", "m.safetensors", "t.csv").err
    )


def test_trace_reads_the_table_of_an_estimator_as_diagnose_does(cli, tmp_path):
    from deltarule import MLPClassifier

    rng = np.random.default_rng(0)
    X = pl.DataFrame({"p": rng.normal(size=20), "q": rng.normal(size=20)})
    MLPClassifier((2,), max_iter=1, random_state=0).fit(X, ["a", "b"] * 10).save("m.safetensors")
    rows = {"q": ["1", "2", None], "p": ["3", "4", "5"], "extra": ["x"] * 3, "label": ["a", None, "b"]}
    pl.DataFrame(rows).write_parquet("t.parquet")  # numbers as text
    first = cli("trace", "m.safetensors", "t.parquet", "--target", "label", "--only", "forward", "--format", "json")
    assert json.loads(first.out)["iterations"][0]["sections"][0]["kind"] == "forward"
    assert "ignored: 'extra'" in first.err
    for row, column, what in ((2, "label", "label"), (3, "q", "number")):
        ran = cli("trace", "m.safetensors", "t.parquet", "--row", row, "--target", "label")
        assert ran.code == 2
        assert f"column {column!r}: expected a {what} in each row, found none in row {row}" in ran.err


def test_a_quiz_reads_answers_line_by_line(cli, weights, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.2 1.7 -0.4\n0.43\n\n"))
    ran = cli("trace", *NETWORK, "--quiz", "--blank", "Z1,a2,J")
    assert ran.code == 1
    assert "✓ Z1 is right" in ran.out
    assert "✗ a2 is wrong" in ran.out
    assert "not answered; right: 0.9803" in ran.out
    assert "1 of 3 right" in ran.out
    shown = ran.out.split("What belongs")[0]
    assert "-0.4]" not in shown
    assert "[? ? ?]" in shown
    assert "0.3752" not in shown


def test_a_quiz_all_right(cli, weights, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.98\n"))
    ran = cli("trace", *NETWORK, "--quiz", "--blank", "J")
    assert (ran.code, "1 of 1 right" in ran.out) == (0, True)


def test_a_quiz_of_its_own_choice(cli, weights, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    ran = cli("trace", *NETWORK, "--quiz")
    assert ran.code == 1
    assert "0 of 4 right" in ran.out


@pytest.mark.parametrize("name", ["mine.json", "mine.yaml"])
def test_answers_of_a_student(cli, weights, tmp_path, name):
    text = '{"Z1": [0.2, 1.7, -0.4], "a2": 0.380, "dZ2": -0.62, "dW1": [[-0.44, 0.31, 0], [-0.87, 0.62, 0]]}'
    if name.endswith("yaml"):
        text = "Z1: [0.2, 1.7, -0.4]\na2: 0.380\ndZ2: -0.62\ndW1:\n- [-0.44, 0.31, 0]\n- [-0.87, 0.62, 0]\n"
    (tmp_path / name).write_text(text)
    ran = cli("check", "--answers", name, *NETWORK)
    assert ran.code == 1
    assert "✓ Z1 is right" in ran.out
    assert "✗ a2 is wrong" in ran.out  # 0.380 claims a third digit
    assert "✗ dW1 is wrong: transposed" in ran.out
    document = json.loads(cli("check", "--answers", name, *NETWORK, "--json").out)
    assert [answer["right"] for answer in document["answers"]] == [True, False, True, False]
    (tmp_path / name).write_text('{"J": 0.98}')
    assert cli("check", "--answers", name, *NETWORK).code == 0


def test_yaml_without_its_library(cli, weights, tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text("J: 1\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    ran = cli("check", "--answers", "a.yaml", *NETWORK)
    assert ran.code == 2
    assert ran.err == "deltarule: expected PyYAML to read a.yaml, found none; pip install PyYAML\n"


def test_a_gradient(cli, weights):
    ran = cli("check", "--gradient", *NETWORK)
    assert ran.code == 0
    assert ran.out.count("good") == 5  # four arrays, and the explanation
    by_chance = cli("check", "--gradient", "--layers", "3-4-2", "--activation", "mish,softmax", "--penalty", "l1=0.1")
    assert by_chance.code == 0
    document = json.loads(cli("check", "--gradient", *NETWORK, "--json").out)
    assert document["good"]
    assert [array["name"] for array in document["arrays"]] == ["W[1]", "b[1]", "W[2]", "b[2]"]


def test_kinks_are_reported(cli):
    ran = cli("check", "--gradient", "--layers", "1-1-1", "--activation", "relu,identity", "--x", "0", "--y", "1")
    assert "cross a kink" in ran.out


def test_functions_of_ones_own(cli, own):
    ran = cli("check", "--gradient", "--module", "my.py")
    assert ran.code == 0
    assert "swish2'" in ran.out
    assert "quartic'" in ran.out


def test_a_wrong_derivative_of_ones_own(cli, own):
    own.write_text(OWN.replace("FACTOR", "3"))
    ran = cli("check", "--gradient", "--module", "my.py")
    assert ran.code == 1
    assert "probably wrong" in ran.out


def test_ones_own_functions_in_a_network(cli, own):
    network = ["--layers", "2-3-1", "--activation", "swish2,identity", "--loss", "quartic", "--x", "1,2", "--y", "1"]
    ran = cli("trace", "--module", "my.py", *network)
    assert ran.code == 0
    assert "swish2(Z[1])" in ran.out
    assert "PASS" in ran.out
    ran = cli("trace", "--module", "my.py", *network, "--format", "text", "-o", "my.py")
    assert ran.code == 2
    assert "my.py" in ran.error[0]
    ran = cli("trace", "--module", "my.py", *network, "--seed", -1)
    assert ran.code == 2


BAD = {
    "--layers 2-3-1 --activation relu --x 1,2": "expected 2 activations, one a layer, found 1",
    "--layers 2-x --activation relu --x 1,2": "expected the sizes of the layers such as 2-3-1, found '2-x'",
    "--layers 2-1 --activation sigmoid": "expected samples, found none",
    "--layers 2-1 --activation sigmoid --x 1,b": "expected a number for --x, found 'b'",
    "--layers 2-1 --activation sigmoid --x 1,2;3 --y 1": "expected samples of the same length for --x",
    "--layers 2-1 --activation sigmoid --x 1,2,3 --y 1": "expected X of shape (m, 2), found (1, 3)",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 3": "binary_cross_entropy expects y in [0, 1]",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --alpha fast": "expected a number for --alpha, found 'fast'",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --penalty l2": "expected --penalty NAME=STRENGTH",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --only up": "expected a part of the trace out of",
    "--layers 2-1 --activation sigmoid --x 1,2 --only backward": "expected targets to show backward, found none",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --format pdf": "expected a format out of text, markdown",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --blank Q": "expected results out of Z1",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --row 3": "expected --row together with a model file",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --weights no.json": "no.json",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --weights bad.json": "expected W1 of the shape (1, 2)",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --weights names.json": "expected W1, b1, found 'V'",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --weights text.json": "expected JSON",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 -o no/t.html": "the folder",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --quiz -o t.html": "expected --quiz on the terminal",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --module crash.py": "crash.py: line 2: ZeroDivisionError",
    "--layers 2-1 --activation sigmoid --x 1,2 --y 1 --module empty.py": "expected an activation g(Z) with d_g(Z)",
    "": "expected a model file and a table, or a network, found neither",
}


@pytest.mark.parametrize("arguments", BAD)
def test_bad_input_is_one_line(cli, tmp_path, arguments):
    (tmp_path / "bad.json").write_text('{"W1": [[1, 2, 3]]}')
    (tmp_path / "names.json").write_text('{"V": [[1, 2]]}')
    (tmp_path / "text.json").write_text("W1 = 3")
    (tmp_path / "crash.py").write_text("x = 1\ny = x / 0\n")
    (tmp_path / "empty.py").write_text("x = 1\n")
    ran = cli("trace", *arguments.split())
    assert ran.code == 2
    assert BAD[arguments] in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "t.html").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "expected --answers FILE or --gradient"),
        ("--answers a.json --gradient", "expected --answers FILE or --gradient"),
        ("--answers no.json", "no.json: expected a readable file, found: No such file or directory"),
        ("--answers twice.json", "twice.json: expected each key once in an object, found 'J' again; rename or remove"),
        ("--answers cut.json", 'cut.json: expected JSON, such as {"W1": [[1, 2]]}, found text that is none: Expecting'),
        ("--answers list.json", "expected names with numbers"),
        ("--answers odd.json", "expected an answer called Z1"),
        ("--gradient --engine abacus", "expected an engine out of"),
        ("--answers twice.yaml", "twice.yaml: expected each key once in an object, found 'J' again; rename or remove"),
        ("--answers broken.yaml", "expected YAML"),
        ("--answers listed.yaml", "expected YAML"),
    ],
)
def test_a_check_of_nonsense_is_one_line(cli, weights, tmp_path, arguments, says):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "twice.json").write_text('{"J": 1, "J": 2}')
    (tmp_path / "cut.json").write_text('{"J": ')
    (tmp_path / "odd.json").write_text('{"Q": 1}')
    (tmp_path / "twice.yaml").write_text("J: 1\nJ: 2")
    (tmp_path / "broken.yaml").write_text("a: [1\nb: 2")
    (tmp_path / "listed.yaml").write_text("? [a]\n: 1")
    ran = cli("check", *arguments.split(), *NETWORK)
    assert ran.code == 2
    assert says in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--y", "0.5,0.25,0.5"], "rows of y that sum to 1"),
        (["--y", "1,0,0", "--seed", "-1"], "--seed"),
    ],
)
def test_what_a_check_cannot_take_is_told(cli, arguments, said):
    ran = cli("check", "--gradient", "--layers", "2-3", "--activation", "softmax", "--x", "1,2", *arguments)
    assert ran.code == 2
    assert said in ran.err


@pytest.mark.parametrize("number", ["1e400", "-1e400", '"1e400"'])
def test_answers_beyond_all_numbers_are_refused(cli, weights, tmp_path, number):
    (tmp_path / "answers.json").write_text(f'{{"J": {number}}}')
    ran = cli("check", *NETWORK, "--answers", "answers.json")
    assert ran.code == 2
    assert "J: expected numbers" in ran.err


def test_a_module_that_ends_the_program_is_refused(cli, tmp_path):
    (tmp_path / "own.py").write_text(
        "import sys\n\ndef g(Z):\n    return Z\n\ndef d_g(Z):\n    return 5 + 0 * Z\n\nsys.exit(0)\n"
    )
    ran = cli("check", "--gradient", "--module", "own.py")
    assert ran.code == 2
    assert "one that ends the program" in ran.err


def test_a_table_has_round_numbers(cli):
    found = cli("table", "relu", "--from", "-0.6", "--to", "0.6", "--step", "0.2", "--json").json()
    assert found["Z"] == [-0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6]
    assert found["dg"] == [0, 0, 0, 0, 1, 1, 1]
