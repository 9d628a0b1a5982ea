"""Every ``>>>`` session, and every ``$ deltarule ...``, in README.md and docs runs and prints what the page says."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

from deltarule.cli import run

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if page.exists()]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_COMMANDS = [page for page in PAGES if CONSOLE.search(page.read_text(encoding="utf-8"))]
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


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of the console blocks, and the output below it."""
    blocks = "".join(CONSOLE.findall(text))
    return [
        (part.partition("\n")[0], part.partition("\n")[2]) for part in re.split(r"^\$ ", blocks, flags=re.MULTILINE)[1:]
    ]


def same(expected: str, found: str) -> bool:
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected, found, options)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_print_what_the_page_says(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for command, expected in commands(page.read_text(encoding="utf-8")):
        program, *arguments = shlex.split(command)
        assert program == "deltarule"
        run(arguments)
        said = capsys.readouterr()
        assert same(expected, said.out + said.err), f"{command}\n{said.out}{said.err}"


def test_a_wrong_output_of_a_command_is_found():
    found = commands("```console\n$ deltarule exercise 1.1 2.5\n1.1 is wrong\n$ deltarule\n```\n")
    assert found == [("deltarule exercise 1.1 2.5", "1.1 is wrong\n"), ("deltarule", "")]
    assert not same(found[0][1], "1.1 is right\n")


def test_the_loop_of_the_lecture_is_among_them_and_short():
    page = ROOT / "docs" / "how-to" / "train-by-hand.md"
    assert page in WITH_SESSIONS
    loop = next(block for block in page.read_text(encoding="utf-8").split("```") if "network.backward" in block)
    lines = [line for line in loop.splitlines() if line.startswith((">>>", "..."))]
    assert len(lines) <= 10
    for step in ("network.forward", "network.cost", "network.backward", "network.step"):
        assert sum(step in line for line in lines) == 1


def test_a_wrong_output_is_found():
    assert "Expected:" in failures(session("```python\n>>> 1 + 1\n3\n```\n", "wrong"))
    assert not failures(session("```python\n>>> 1 + 1\n2\n```\nThis is prose.\n", "right"))
