"""scikit-learn's own tests pass with the import changed, except those that docs/compatibility.md lists."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "compatibility.py"


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compatibility", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["compatibility"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


tool = load_tool()
SUITE = tool.Suite("linear_model/tests/test_x.py", "sklearn.linear_model", ("LinearRegression",))


@pytest.mark.parametrize("suite", tool.SUITES, ids=lambda suite: suite.path)
def test_every_test_passes_or_is_listed(suite: ModuleType) -> None:
    outcomes = tool.run(suite)
    assert len(outcomes) > 20
    assert tool.judge(outcomes, tool.load_reasons().get(suite.path, {})) == []
    page = tool.listed(tool.PAGE.read_text(encoding="utf-8"))
    assert page.get(suite.path, []) == tool.failures(outcomes), "run make compatibility"


def test_every_reason_belongs_to_a_file_that_is_run() -> None:
    assert tool.load_reasons().keys() <= {suite.path for suite in tool.SUITES}


# ---------------------------------------------------------------------- changing the import


def test_only_the_names_asked_for_are_imported_from_deltarule() -> None:
    source = (
        "import a\nfrom sklearn.linear_model import (\n    Lasso as L,\n    Ridge,\n)\n"
        "from sklearn.linear_model._base import Ridge as private\nx = 1\n"
    )
    changed = tool.change_import(source, "sklearn.linear_model", ("Ridge",))
    assert changed == (
        "import a\nfrom deltarule import Ridge; from sklearn.linear_model import Lasso as L\n\n\n\n"
        "from sklearn.linear_model._base import Ridge as private\nx = 1\n"
    )


def test_a_name_that_is_not_imported_is_noticed() -> None:
    with pytest.raises(ValueError, match="expected an import of Lasso from sklearn"):
        tool.change_import("from sklearn import Ridge\n", "sklearn", ("Ridge", "Lasso"))


def test_a_file_runs_with_the_import_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up test file of scikit-learn: passing, failing, skipped, and with one of its fixtures."""
    file = tmp_path / SUITE.path
    file.parent.mkdir(parents=True)
    file.write_text(
        "import pytest\nfrom sklearn.linear_model import LinearRegression, Ridge\n"
        "def test_ours():\n    assert LinearRegression.__module__.startswith('deltarule.')\n"
        "def test_theirs():\n    assert Ridge.__module__.startswith('sklearn.')\n"
        "@pytest.mark.parametrize('x', [1, 2])\ndef test_fails(x):\n    LinearRegression._private\n"
        "def test_skipped():\n    pytest.skip('not here')\n"
        "def test_seed(global_random_seed):\n    assert global_random_seed == 42\n"
    )
    monkeypatch.setattr(tool.sklearn, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    outcomes = tool.run(SUITE)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "test_ours": "passed",
        "test_theirs": "passed",
        "test_fails[1]": "failed",
        "test_fails[2]": "failed",
        "test_skipped": "skipped",
        "test_seed[42]": "passed",
    }
    assert "_private" in outcomes["test_fails[1]"].message
    assert tool.run(SUITE, unchanged=True)["test_ours"].status == "failed"

    file.write_text("from sklearn.linear_model import LinearRegression\nno_such_name\n")
    with pytest.raises(RuntimeError, match="no_such_name"):
        tool.run(SUITE)


# ---------------------------------------------------------------------- the verdict and the page

OUTCOMES = {
    "test_a": tool.Outcome("passed"),
    "test_b[1]": tool.Outcome("failed", "AttributeError: no _x\nmore"),
    "test_b[2]": tool.Outcome("failed", "AttributeError: no _x"),
    "test_c": tool.Outcome("skipped", "not here"),
}


def test_failures_with_their_reasons_are_in_order() -> None:
    by_function = {"test_b": tool.Reason("reads `_x`", "_x")}
    by_case = {"test_b[1]": tool.Reason("one", "_x"), "test_b[2]": tool.Reason("two", "no _x")}
    assert tool.judge(OUTCOMES, by_function) == []
    assert tool.judge(OUTCOMES, by_case) == []


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ({}, "test_b[1] fails and has no reason: AttributeError: no _x"),
        ({"test_b": tool.Reason("", "_y")}, "test_b[1] should fail with '_y', fails with: AttributeError: no _x"),
        ({"test_b": tool.Reason("", "."), "test_a": tool.Reason("", ".")}, "test_a has a reason but passed"),
        ({"test_b": tool.Reason("", "."), "test_c": tool.Reason("", ".")}, "test_c has a reason but skipped"),
        ({"test_b": tool.Reason("", "."), "test_z": tool.Reason("", ".")}, "test_z has a reason but does not exist"),
    ],
)
def test_every_fault_is_found(reasons: dict[str, object], expected: str) -> None:
    assert expected in tool.judge(OUTCOMES, reasons)


def test_the_page_lists_what_was_rendered() -> None:
    page = f"before\n{tool.BEGIN}\nold\n{tool.END}\nafter\n"
    reasons = {"f.py": {"test_b": tool.Reason("reads `_x`", "_x")}}
    page = tool.insert(page, tool.render({"f.py": OUTCOMES, "g.py": {"test_a": OUTCOMES["test_a"]}}, reasons))
    assert page.startswith(f"before\n{tool.BEGIN}\nWith scikit-learn ")
    assert page.endswith(f"{tool.END}\nafter\n")
    assert "| `f.py` | 4 | 1 | 1 | 2 |\n| `g.py` | 1 | 1 | 0 | 0 |\n" in page
    assert "| `test_b[1]` | reads `_x` |\n" in page
    assert tool.listed(page) == {"f.py": ["test_b[1]", "test_b[2]"]}
    with pytest.raises(ValueError, match="expected the markers"):
        tool.listed("a page without markers")


@pytest.mark.parametrize(
    ("reasons", "arguments", "status", "written"),
    [
        ({"f.py": {"test_b": tool.Reason("reads `_x`", "_x")}}, [], 0, True),
        ({"f.py": {"test_b": tool.Reason("reads `_x`", "_x")}}, ["--check"], 0, False),
        ({"f.py": {}}, [], 1, False),
        ({"f.py": {"test_b": tool.Reason("reads `_x`", "_x")}, "g.py": {}}, [], 1, False),
    ],
)
def test_the_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reasons: dict[str, dict[str, object]],
    arguments: list[str],
    status: int,
    written: bool,
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{tool.BEGIN}{tool.END}")
    monkeypatch.setattr(tool, "PAGE", page)
    monkeypatch.setattr(tool, "SUITES", [tool.Suite("f.py", "sklearn", ())])
    monkeypatch.setattr(tool, "run", lambda suite, unchanged: OUTCOMES)
    monkeypatch.setattr(tool, "load_reasons", lambda: reasons)
    assert tool.main(arguments) == status
    assert ("FAULT" in capsys.readouterr().out) == (status == 1)
    assert ("test_b[1]" in page.read_text()) == written
