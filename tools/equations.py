"""Write the live code and the tables of all registers into docs/equations.md.

    python tools/equations.py           rewrite what stands between the markers
    python tools/equations.py --check   write nothing; exit status 1 if the page is stale

Code is marked in src by a comment ``# lecture: 9`` and in the page by ``<!-- code: 9 -->`` ... ``<!-- end -->``. A tag
on the line of a ``def`` stands for the whole function, any other for the smallest statement or expression of several
lines around it. Tables stand between ``<!-- table: activation -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import textwrap
import tokenize
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from deltarule.equations import (  # noqa: E402  found next to this file, installed or not
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    OPTIMIZERS,
    PENALTIES,
    SCHEDULES,
)
from deltarule.registry import Entry  # noqa: E402

SOURCE, PAGE = ROOT / "src", ROOT / "docs" / "equations.md"
TAG = re.compile(r"#.*\blecture: (\d+)\b")
MARKED = re.compile(r"(<!-- (code|table): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def tags() -> dict[int, list[tuple[Path, int]]]:
    """Each number of the lecture -> the places (file, line) in src that carry it."""
    found: dict[int, list[tuple[Path, int]]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
            tag = TAG.search(token.string) if token.type == tokenize.COMMENT else None
            if tag:
                found.setdefault(int(tag[1]), []).append((path, token.start[0]))
    return found


def tagged_code(path: Path, line: int) -> str:
    """The code that a tag on `line` stands for."""
    source = path.read_text(encoding="utf-8")
    around = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt | ast.expr) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    headed = [
        node
        for node in around
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and line < node.body[0].lineno  # on the lines of its head
    ]
    several = [node for node in around if node.end_lineno != node.lineno]
    node = (headed or sorted(several, key=lambda node: (node.end_lineno or 0) - node.lineno))[0]
    lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
    return re.sub(r"  # lecture: \d+$|  lecture: \d+$", "", textwrap.dedent("\n".join(lines)), flags=re.MULTILINE)


def code_block(number: int) -> str:
    """The included code of one number, with the name of its file."""
    places = tags().get(number, [])
    if len(places) != 1:
        raise SystemExit(f"expected the tag `lecture: {number}` once in src, found it {len(places)} times")
    path, line = places[0]
    return f"`{path.relative_to(ROOT)}`\n```python\n{tagged_code(path, line)}\n```\n"


def math(latex: str) -> str:
    """LaTeX in a cell of a table, where a bare | would end the cell."""
    bars = latex.replace("|", r"{\vert}")
    return f"${bars}$" if latex else ""


def options(entry: Entry) -> str:
    """The options an entry takes, with defaults and bounds."""
    parts = []
    for name, default in entry.defaults.items():
        low, high = entry.bounds.get(name, (None, None))
        parts.append(f"`{name}={default!r}`" + ("" if low is None else f" in [{low:.9g}, {high:.9g}]"))
    return ", ".join(parts)


def names(entry: Entry) -> str:
    """The name of an entry, and its other names."""
    return f"`{entry.name}`" + "".join(f", `{alias}`" for alias in entry.aliases)


def outputs(loss_name: str) -> str:
    """The output activations a loss takes, those it is fused with in bold."""
    loss = LOSSES[loss_name]
    taken = [name for name, g in ACTIVATIONS.items() if loss.accepts(g) is None]
    fused = ", ".join(f"**`{name}`**" for name in taken if name in loss.fused)
    others = [name for name in taken if name not in loss.fused]
    if len(taken) == len(ACTIVATIONS):
        return f"{fused}, any other" if fused else "any"
    return ", ".join([fused] * bool(fused) + [f"`{name}`" for name in others])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def activation_table() -> str:
    """All activations."""
    return table(
        ("name", "$g(Z)$", "$g'(Z)$", "range", "at the kink", "options", "initializer", "use"),
        (
            (
                names(g),
                math(g.latex),
                math(g.latex_derivative),
                f"`{g.range}`",
                g.at_kink,
                options(g),
                f"`{g.initializer}`",
                g.use + (" (output layer only)" if g.output_only else ""),
            )
            for g in ACTIVATIONS.values()
        ),
    )


def loss_table() -> str:
    """All losses."""
    return table(
        ("name", "$L$", r"$\partial L / \partial\hat y$", "kink", "options", "task", "output activations"),
        (
            (
                names(loss),
                math(loss.latex),
                math(loss.latex_derivative),
                f"at ŷ = y: {loss.at_kink}" if loss.kinked else "",
                options(loss),
                loss.task,
                outputs(loss.name),
            )
            for loss in LOSSES.values()
        ),
    )


def penalty_table() -> str:
    """All penalties."""
    return table(
        ("name", r"$\Omega$", r"$\partial\Omega / \partial W$", "kink"),
        (
            (names(p), math(p.latex), math(p.latex_derivative), ", ".join(f"at {kink:g}: 0" for kink in p.kinks))
            for p in PENALTIES.values()
        ),
    )


def initializer_table() -> str:
    """All initializers."""
    return table(
        ("name", "$W$", "$b$"),
        (
            (names(entry), math(entry.latex), math(entry.latex if entry.biases else "0"))
            for entry in INITIALIZERS.values()
        ),
    )


def schedule_table() -> str:
    """All schedules."""
    return table(
        ("name", r"$\alpha$", "options"),
        ((names(entry), math(entry.latex), options(entry)) for entry in SCHEDULES.values()),
    )


def optimizer_table() -> str:
    """All optimizers."""
    return table(
        ("name", "step", "keeps", "options"),
        (
            (names(entry), math(entry.latex), ", ".join(f"`{moment}`" for moment in entry.moments), options(entry))
            for entry in OPTIMIZERS.values()
        ),
    )


TABLES: dict[str, Callable[[], str]] = {
    "activation": activation_table,
    "loss": loss_table,
    "penalty": penalty_table,
    "initializer": initializer_table,
    "schedule": schedule_table,
    "optimizer": optimizer_table,
}


def fresh(page: str) -> str:
    """The text of the page with everything between markers made anew."""

    def included(match: re.Match[str]) -> str:
        begin, kind, what, end = match.groups()
        return begin + (code_block(int(what)) if kind == "code" else TABLES[what]()) + end

    return MARKED.sub(included, page)


def main(arguments: list[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if the page is stale")
    options = parser.parse_args(arguments)
    old = PAGE.read_text(encoding="utf-8")
    new = fresh(old)
    if options.check:
        if new != old:
            print(f"{PAGE.relative_to(ROOT)} is stale; run python tools/equations.py", file=sys.stderr)
        return int(new != old)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
