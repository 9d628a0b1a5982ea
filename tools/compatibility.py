"""Run scikit-learn's own tests of its estimators on deltarule's, and write down which do not pass and why.

    python tools/compatibility.py              run, and write docs/compatibility.md
    python tools/compatibility.py --check      run, write nothing
    python tools/compatibility.py --unchanged  run on scikit-learn itself: what fails here fails without deltarule

The test files are those of the installed scikit-learn. A copy of each, in which nothing but the import of the
estimators is changed, lies in a temporary folder while it runs; nothing of it is kept. Every test that does not pass
needs an entry in tools/compatibility.toml with the reason and with the error it must fail with. The exit status is 1
if a test fails without an entry or with another error, or if an entry has become idle.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import sklearn

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "compatibility.md"
REASONS = Path(__file__).with_suffix(".toml")
BEGIN, END = "<!-- generated: sklearn-tests -->", "<!-- end: sklearn-tests -->"


@dataclass(frozen=True)
class Suite:
    """One test file of scikit-learn, and the estimators in it that deltarule provides."""

    path: str  # below the folder of the package sklearn
    module: str  # from where the file imports the estimators
    names: tuple[str, ...]


SUITES = [
    Suite("neural_network/tests/test_mlp.py", "sklearn.neural_network", ("MLPClassifier", "MLPRegressor")),
    Suite("linear_model/tests/test_base.py", "sklearn.linear_model", ("LinearRegression",)),
    Suite("linear_model/tests/test_logistic.py", "sklearn.linear_model", ("LogisticRegression",)),
]


@dataclass(frozen=True)
class Reason:
    """Why a test does not pass: for people, and a regular expression for the error."""

    reason: str
    error: str


@dataclass(frozen=True)
class Outcome:
    """What became of one test: "passed", "failed" or "skipped", with the error or the reason of the skip."""

    status: str
    message: str = ""


Outcomes: TypeAlias = dict[str, Outcome]
Reasons: TypeAlias = dict[str, Reason]


def change_import(source: str, module: str, names: Sequence[str]) -> str:
    """Return `source` with `names` imported from deltarule instead of `module`, every line where it was.

    Raises
    ------
    ValueError
        One of the names is not imported from the module at the top level of the file.
    """
    lines = source.splitlines()
    missing = set(names)
    for node in ast.parse(source).body:
        if not (isinstance(node, ast.ImportFrom) and node.module == module):
            continue
        ours = [alias for alias in node.names if alias.name in names]
        if not ours:
            continue
        missing -= {alias.name for alias in ours}
        theirs = [alias for alias in node.names if alias not in ours]
        statements = [ast.ImportFrom(module="deltarule", names=ours, level=0)]
        if theirs:
            statements.append(ast.ImportFrom(module=module, names=theirs, level=0))
        assert node.end_lineno is not None
        blank = [""] * (node.end_lineno - node.lineno)
        lines[node.lineno - 1 : node.end_lineno] = ["; ".join(map(ast.unparse, statements)), *blank]
    if missing:
        raise ValueError(f"expected an import of {', '.join(sorted(missing))} from {module}, found none")
    return "\n".join(lines) + "\n"


def run(suite: Suite, *, unchanged: bool = False) -> Outcomes:
    """Run one suite in a process of its own and return the outcome of each of its tests by name.

    Raises
    ------
    RuntimeError
        pytest could not collect the file; the message is its output.
    """
    source = (Path(sklearn.__file__).parent / suite.path).read_text(encoding="utf-8")
    if not unchanged:
        source = change_import(source, suite.module, suite.names)
    with tempfile.TemporaryDirectory() as folder:
        file, report = Path(folder, Path(suite.path).name), Path(folder, "report.xml")
        file.write_text(source, encoding="utf-8")
        Path(folder, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", file.name, "-q", "-p", "no:cacheprovider"]
        # scikit-learn's conftest holds the fixtures of its tests
        command += ["-p", "sklearn.conftest", f"--junitxml={report}"]
        done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{suite.path} could not be run:\n{done.stdout}{done.stderr}")
        return _read_report(report)


def _environment() -> dict[str, str]:
    """The environment without settings for a test run around this one, and independent of the current folder."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "SKLEARN_", "COV_CORE_", "COVERAGE_"))
    }
    if "PYTHONPATH" in environment:
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).resolve()) for entry in folders)
    return environment


def _read_report(report: Path) -> Outcomes:
    outcomes = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        outcome = Outcome("passed")
        for child in case:
            if child.tag in ("failure", "error"):
                outcome = Outcome("failed", child.get("message", ""))
            elif child.tag == "skipped":
                outcome = Outcome("skipped", child.get("message", ""))
        outcomes[case.get("name", "")] = outcome
    return outcomes


def function(name: str) -> str:
    """Name of a test without its parameters."""
    return name.partition("[")[0]


def load_reasons(path: Path = REASONS) -> dict[str, Reasons]:
    """Read the hand-written table: test file to test to reason.

    An entry is named after a test, which means all its parameters, or after a test with parameters in brackets.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {file: {name: Reason(**entry) for name, entry in tests.items()} for file, tests in table.items()}


def judge(outcomes: Outcomes, reasons: Reasons) -> list[str]:
    """Say what is wrong: failures without a reason, with another error, and reasons without a failure."""
    faults = []
    for name, outcome in outcomes.items():
        reason = reasons.get(name) or reasons.get(function(name))
        if reason is None:
            if outcome.status == "failed":
                faults.append(f"{name} fails and has no reason: {_first_line(outcome)}")
        elif outcome.status != "failed":
            faults.append(f"{name} has a reason but {outcome.status}")
        elif not re.search(reason.error, outcome.message):
            faults.append(f"{name} should fail with {reason.error!r}, fails with: {_first_line(outcome)}")
    known = outcomes.keys() | {function(name) for name in outcomes}
    faults += [f"{name} has a reason but does not exist" for name in reasons if name not in known]
    return faults


def _first_line(outcome: Outcome) -> str:
    return outcome.message.strip().partition("\n")[0]


def failures(outcomes: Outcomes) -> list[str]:
    """Names of the tests that do not pass, in the order of the file."""
    return [name for name, outcome in outcomes.items() if outcome.status == "failed"]


def render(results: dict[str, Outcomes], reasons: dict[str, Reasons]) -> str:
    """The generated part of the page, without its markers."""
    lines = [
        f"With scikit-learn {sklearn.__version__}:",
        "",
        "| test file | tests | pass | skipped | do not pass |",
        "|---|---:|---:|---:|---:|",
    ]
    for file, outcomes in results.items():
        states = [outcome.status for outcome in outcomes.values()]
        counts = [len(states), *(states.count(state) for state in ("passed", "skipped", "failed"))]
        lines.append(f"| `{file}` | {' | '.join(map(str, counts))} |")
    for file, outcomes in results.items():
        if failures(outcomes):
            lines += ["", f"Not passing in `{file}`:", "", "| test | reason |", "|---|---|"]
        for name in failures(outcomes):
            found = reasons.get(file, {})
            reason = found.get(name) or found.get(function(name))
            lines.append(f"| `{name}` | {reason.reason if reason else 'no reason given'} |")
    return "\n".join(lines)


def listed(page: str) -> dict[str, list[str]]:
    """The tests that a page lists as not passing, by test file."""
    found: dict[str, list[str]] = {}
    file = ""
    for line in _split(page)[1].splitlines():
        if heading := re.fullmatch(r"Not passing in `(.+)`:", line):
            file = heading[1]
            found[file] = []
        elif file and (row := re.match(r"\| `(.+?)` \| ", line)):
            found[file].append(row[1])
    return found


def insert(page: str, generated: str) -> str:
    """Return `page` with the part between the markers replaced."""
    before, _, after = _split(page)
    return f"{before}{BEGIN}\n{generated}\n{END}{after}"


def _split(page: str) -> tuple[str, str, str]:
    before, begin, rest = page.partition(BEGIN)
    generated, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the markers {BEGIN} and {END} in the page, found no such pair")
    return before, generated, after


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all suites and report; return the exit status."""
    parser = argparse.ArgumentParser(description="Run scikit-learn's own tests on deltarule's estimators.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--unchanged", action="store_true", help="run on scikit-learn's estimators; write nothing")
    options = parser.parse_args(arguments)
    if not options.unchanged and importlib.util.find_spec("deltarule") is None:
        print("deltarule is not installed in this Python; run make test, or set PYTHONPATH=src")
        return 1
    reasons = {} if options.unchanged else load_reasons()
    results = {suite.path: run(suite, unchanged=options.unchanged) for suite in SUITES}
    faults = [f"{file} has reasons but is not run" for file in reasons.keys() - results.keys()]
    faults += [f"{file}: {fault}" for file in results for fault in judge(results[file], reasons.get(file, {}))]
    if not (options.check or options.unchanged or faults):
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(insert(page, render(results, reasons)), encoding="utf-8")
    print(render(results, reasons))
    for fault in faults:
        print(f"FAULT {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
