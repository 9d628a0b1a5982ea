"""The numbered lines of the lecture: each once in the source, each once in the page, with the live code included."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from deltarule.equations import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, PENALTIES, SCHEDULES

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = list(range(1, 17))


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("equations_tool", ROOT / "tools" / "equations.py")
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


@pytest.fixture(scope="module")
def page(tool):
    return tool.PAGE.read_text(encoding="utf-8")


def test_each_number_stands_once_in_the_source(tool):
    tags = tool.tags()
    assert sorted(tags) == NUMBERS
    assert {number: places for number, places in tags.items() if len(places) != 1} == {}


def test_each_number_stands_once_in_the_page_in_order(page):
    assert [int(n) for n in re.findall(r"^## \((\d+)\) \S", page, re.MULTILINE)] == NUMBERS
    assert [int(n) for n in re.findall(r"^<!-- code: (\d+) -->$", page, re.MULTILINE)] == NUMBERS


def test_the_page_is_fresh(tool, page):
    assert tool.fresh(page) == page, "run python tools/equations.py"
    assert tool.main(["--check"]) == 0


def test_a_stale_page_is_found_and_made_fresh(tool, page, tmp_path, monkeypatch, capsys):
    copy = tmp_path / "equations.md"
    monkeypatch.setattr(tool, "PAGE", copy)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "code_block", lambda number: f"code of {number}\n")
    copy.write_text(page, encoding="utf-8")
    assert tool.main(["--check"]) == 1
    assert "equations.md is stale; run python tools/equations.py" in capsys.readouterr().err
    assert copy.read_text(encoding="utf-8") == page
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    assert "code of 9\n" in copy.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("number", "begins", "contains"),
    [
        (1, "def linear(", "A @ W.T"),
        (3, "for l, layer in enumerate(self.layers, 1):", "layer.activation.forward(Z"),
        (6, "def linear_backward(", "np.matmul(dZ.T, A, out=dW)"),
        (7, "def gradient_descent(", "alpha * g"),
        (8, "def least_squares(", "linalg.lstsq"),
        (9, "def sigmoid(", "expit(Z)"),
        (11, "def relu(", "np.maximum(Z, 0)"),
        (15, "def d_sigmoid(", "a * (1 - a)"),
        (16, "Activation(", "recurrent networks"),
    ],
)
def test_the_included_code_is_the_code_that_computes_the_line(page, number, begins, contains):
    block = re.search(rf"<!-- code: {number} -->\n`src/[^`]+`\n```python\n(.*?)```\n<!-- end -->", page, re.DOTALL)[1]
    assert block.startswith(begins)
    assert contains in block
    assert "lecture:" not in block


def test_a_number_that_is_missing_or_twice_is_told(tool, monkeypatch):
    monkeypatch.setattr(tool, "tags", lambda: {9: [(Path("a.py"), 1), (Path("b.py"), 2)]})
    for number, times in ((9, 2), (10, 0)):
        with pytest.raises(SystemExit, match=f"`lecture: {number}` once in src, found it {times} times"):
            tool.code_block(number)


@pytest.mark.parametrize("register", [ACTIVATIONS, LOSSES, PENALTIES, INITIALIZERS, SCHEDULES, OPTIMIZERS])
def test_the_tables_have_a_row_for_each_entry(page, register):
    table = re.search(rf"<!-- table: {register.kind} -->\n(.*?)<!-- end -->", page, re.DOTALL)[1]
    rows = table.splitlines()[2:]
    assert [re.match(r"\| `(\w+)`", row)[1] for row in rows] == list(register)
    columns = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
    assert len(columns) == 1
    for row, entry in zip(rows, register.values(), strict=True):
        assert all(option in row for option in entry.defaults)
        assert all(alias in row for alias in entry.aliases)


def test_the_links_between_the_pages_lead_somewhere():
    for page in (ROOT / "docs").rglob("*.md"):
        prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
