"""Every ``>>>`` session in README.md and docs runs and prints what the page says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if page.exists()]
WITH_SESSIONS = [page for page in PAGES if re.search(r"^\s*>>> ", page.read_text(encoding="utf-8"), re.MULTILINE)]


def session(text: str, name: str) -> doctest.DocTest:
    """The sessions of one page as one; a code fence ends the expected output, as an empty line does."""
    unfenced = re.sub(r"^\s*```.*$", "", text, flags=re.MULTILINE)
    return doctest.DocTestParser().get_doctest(unfenced, {}, name, name, 0)


def failures(test: doctest.DocTest) -> str:
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    runner.run(test, out=told.append)
    return "".join(told)


@pytest.mark.parametrize("page", WITH_SESSIONS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a page may write files
    test = session(page.read_text(encoding="utf-8"), page.name)
    assert test.examples
    told = failures(test)
    assert not told, told


def test_the_loop_of_the_lecture_is_among_them_and_short():
    page = ROOT / "docs" / "how-to" / "train-by-hand.md"
    assert page in WITH_SESSIONS
    loop = next(block for block in page.read_text(encoding="utf-8").split("```") if "network.backward" in block)
    lines = [line for line in loop.splitlines() if line.startswith((">>>", "..."))]
    assert len(lines) <= 10
    for step in ("network.forward", "network.loss", "network.backward", "network.step"):
        assert sum(step in line for line in lines) == 1


def test_a_wrong_output_is_found():
    assert "Expected:" in failures(session("```python\n>>> 1 + 1\n3\n```\n", "wrong"))
    assert not failures(session("```python\n>>> 1 + 1\n2\n```\nThis is prose.\n", "right"))
