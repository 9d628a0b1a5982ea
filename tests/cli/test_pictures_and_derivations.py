"""The commands derive, plot and table: what they print and write, and one line for bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

ROWS = "x,z,text,y,c\n" + "".join(
    f"{i % 13},{(i * 7) % 11},t{i},{2 * (i % 13) + i % 3},{'yes' if (i * 5) % 13 < i % 13 else 'no'}\n"
    for i in range(60)
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "table.csv").write_text(ROWS, encoding="utf-8")
    return tmp_path


def test_the_table_of_the_lecture(cli):
    ran = cli("table", "sigmoid", "--from", -2, "--to", 2, "--step", 0.5)
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines() if line[:1] in "-0123456789" and line]
    assert [row[0] for row in rows] == ["-2", "-1.5", "-1", "-0.5", "0", "0.5", "1", "1.5", "2"]
    assert [row[1] for row in rows] == ["0.12", "0.18", "0.27", "0.38", "0.50", "0.62", "0.73", "0.82", "0.88"]
    assert [row[2] for row in rows] == ["0.10", "0.15", "0.20", "0.24", "0.25", "0.24", "0.20", "0.15", "0.10"]


def test_a_table_of_any_activation_and_as_json(cli):
    ran = cli("table", "leaky_relu(0.2)", "--from", -1, "--to", 1, "--step", 1, "--json")
    assert json.loads(ran.out) == {
        "activation": "leaky_relu(0.2)",
        "Z": [-1, 0, 1],
        "g": [-0.2, 0, 1],
        "dg": [0.2, 0.2, 1],
    }
    assert cli("table", "prelu", "--digits", 4).code == 0
    assert "-0.00" not in cli("table", "leaky_relu", "--from", -0.1, "--to", 0).out


def test_derive_in_all_formats(cli, folder):
    assert "chain rule" in cli("derive", "sigmoid").out
    assert r"\begin{align*}" in cli("derive", "sigmoid", "--format", "latex").out
    assert json.loads(cli("derive", "sigmoid", "--format", "json").out)["name"] == "sigmoid"
    for ending, begins in (
        ("tex", r"\documentclass"),
        ("html", "<!DOCTYPE html>"),
        ("txt", "Backpropagation"),
        ("json", "{"),
    ):
        ran = cli("derive", "backprop", "-o", f"page.{ending}")
        assert (ran.code, (folder / f"page.{ending}").read_text(encoding="utf-8").startswith(begins)) == (0, True)
    assert "backprop" in cli("derive", "--list").out


def test_plots_are_written_and_told(cli, folder):
    assert cli("plot", "activation", "relu", "sigmoid", "-o", "a.svg").out == "picture written to a.svg\n"
    ran = cli("plot", "descent", "table.csv", "--target", "y", "--features", "x")
    assert ran.code == 0
    assert (folder / "descent.png").read_bytes().startswith(b"\x89PNG")
    x = np.array([i % 13 for i in range(60)], float)
    A = np.column_stack([x, np.ones(60)])
    spread = np.linalg.eigvalsh(A.T @ A / 60)
    assert spread[-1] / spread[0] > 25  # so it is divided by twice its deviation
    A[:, 0] /= 2 * x.std()
    assert f"α < {2 / np.linalg.eigvalsh(A.T @ A / 60)[-1]:.4g} = 2/λ_max at the optimum" in ran.out
    for name in ("slow", "good", "oscillating", "diverging"):
        assert f"\n{name} " in ran.out
    ran = cli(
        "plot", "descent", "table.csv", "-t", "c", "--features", "x", "--no-bias", "--alpha", "0.5,2", "--steps", 5
    )
    assert ran.code == 0
    assert cli("plot", "boundary", "table.csv", "-t", "c", "--features", "x,z", "-o", "b.pdf").code == 0
    assert (folder / "b.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("derive nothing", "expected something to derive"),
        ("derive sigmoid -o page.docx", "ends in .txt, .tex, .html, .json"),
        ("derive sigmoid --format pdf", "--format text, latex, html, json"),
        ("derive sigmoid -o no/page.html", "the folder"),
        ("table relo", "did you mean 'relu'"),
        ("table softmax", "an activation of one number"),
        ("table relu --step 0", "a step above 0"),
        ("table relu --from 2 --to 1", "a step above 0"),
        ("table relu --step 1e-9", "at most 10000 rows"),
        ("plot activation relo", "did you mean 'relu'"),
        ("plot activation relu -o a.jpg", "ends in .png, .svg, .pdf"),
        ("plot activation relu -o no/a.png", "the folder"),
        ("plot descent table.csv --target q", "'q' is not in the table"),
        ("plot descent table.csv --target text --features x", "expected"),
        ("plot descent table.csv --target y --features text", "expected numbers, found 't0' in row 1"),
        ("plot descent table.csv --target y --alpha fast", "--alpha as numbers"),
        ("plot descent table.csv --target y --start 1", "a start of 2 numbers"),
        ("plot descent table.csv --target y --features x,z --bias", "one or two parameters, found 3"),
        ("plot descent table.csv --target y -o table.csv", "ends in .png"),
        ("plot descent none.csv --target y", "none.csv"),
        ("plot boundary table.csv --target y", "expected two classes"),
        ("plot descent table.csv", "found no --target; see deltarule plot descent --help"),
        ("plot nothing", "nothing"),
    ],
)
def test_bad_input_is_one_line(cli, folder, command, says):
    ran = cli(*command.split())
    assert ran.code == 2
    errors = [line for line in ran.err.splitlines() if not line.startswith("note: ")]
    assert len(errors) == 1
    assert says in errors[0]
    assert sorted(path.name for path in folder.iterdir()) == ["table.csv"]
