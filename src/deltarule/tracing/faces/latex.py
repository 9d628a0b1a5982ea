"""The trace in LaTeX: a complete document, and the pieces of which the Markdown face is made too."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from ..expressions import Atom, Cases, Node, Ratio, Root, Row, Script, Symbol, Value
from ..tree import Line, Section, Step, Trace
from .numerals import BLANK, Style, cells, split

NAMES = {"alpha": r"\alpha", "ã": r"\tilde a", "dã": r"d\tilde a", "J_after": "J", "g'": "g'"}
DOTS = {"⋮": r"\vdots", "⋯": r"\cdots", "⋱": r"\ddots", BLANK: r"\boxed{\phantom{0.00}}", "∞": r"\infty"}
SIGNS = {"⚠": r"$\triangle$", "σ": r"$\sigma$", "⊙": r"$\odot$", "∂": r"$\partial$", "Σ": r"$\Sigma$", "α": r"$\alpha$",
         "ŷ": r"$\hat y$", "λ": r"$\lambda$", "ε": r"$\varepsilon$", "·": r"$\cdot$", "δ": r"$\delta$",
         "Ω": r"$\Omega$", "→": r"$\to$"}  # fmt: skip

WIDEST = 9
"""Columns of matrices on one line."""

HEAD = r"""\documentclass[11pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,margin=22mm]{geometry}
\usepackage{amsmath,amssymb,graphicx}
\setcounter{MaxMatrixCols}{20}
\setlength{\parindent}{0pt}\setlength{\parskip}{3pt}
\newsavebox{\wide}
% a line that is too long is made smaller
\newcommand{\fit}[1]{\sbox{\wide}{$\displaystyle #1$}%
  \ifdim\wd\wide>0.97\linewidth\resizebox{0.97\linewidth}{!}{\usebox{\wide}}\else\usebox{\wide}\fi}
\begin{document}
"""


def render(trace: Trace, digits: int, blanks: frozenset[str]) -> str:
    """The document."""
    style = Style(digits, blanks)
    parts = [HEAD, rf"\section*{{{escape(trace.network)}}}"]
    parts += [escape(note) + r"\par" for note in trace.notes]
    for iteration in trace.iterations:
        if len(trace.iterations) > 1:
            which = ", ".join(map(str, iteration.samples))
            parts.append(rf"\section*{{Step {iteration.number}, examples {which}}}")
        for section in iteration.sections:
            parts.append(rf"\subsection*{{{escape(heading(section))}}}")
            for step in section.steps:
                parts += _step(step, style)
    return "\n".join([*parts, r"\end{document}", ""])


def heading(section: Section) -> str:
    """``Forward · layer 1 (relu)``."""
    if section.kind in ("check", "after"):
        return section.title[0].upper() + section.title[1:]
    return f"{section.kind.capitalize()} · {section.title}"


def _step(step: Step, style: Style) -> list[str]:
    size = "" if step.shape is None else rf" \quad({step.shape[0]}, {step.shape[1]})"
    found = (
        [rf"\par\textit{{{escape(step.name)}}}{size}\par\nopagebreak"] if step.lines and step.value is not None else []
    )
    for line in step.lines:
        label = rf"\text{{{escape(line.label)}: }}\quad " if line.label else ""
        tail = rf" \quad \text{{{escape(line.tail)}}}" if line.tail else ""
        found.append(rf"\fit{{{label}{equation(line, style)}{tail}}}\par")
    return found + [rf"{{\small {escape(note)}}}\par" for note in step.notes]


def equation(line: Line, style: Style) -> str:
    """The parts with ``=`` between them, one below the other where they are wide."""
    narrow = replace(style, most_columns=5)
    parts = [latex(part, style if breadth(part) <= 1.5 * WIDEST else narrow) for part in line.parts]
    if len(parts) < 3 or sum(map(breadth, line.parts)) <= WIDEST:
        return " = ".join(parts)
    return rf"\begin{{aligned}}{parts[0]} &= " + r" \\ &= ".join(parts[1:]) + r"\end{aligned}"


def breadth(node: Node) -> int:
    """Columns of all matrices, side by side."""
    if isinstance(node, Value):
        return min(node.array.shape[1], 10) if node.array.size > 1 else 1
    if isinstance(node, Row):
        return sum(map(breadth, node.items))
    return breadth(node.base) if isinstance(node, Script) else 0


def latex(node: Node, style: Style) -> str:
    """One node."""
    if isinstance(node, Symbol):
        return symbol_latex(node)
    if isinstance(node, Value):
        return _value(node, style)
    if isinstance(node, Atom):
        return node.latex if node.latex not in ("_", "%", "&", "#", "$") else rf"\{node.latex}"
    if isinstance(node, Row):
        return " ".join(latex(item, style) for item in node.items)
    if isinstance(node, Ratio):
        return rf"\frac{{{latex(node.top, style)}}}{{{latex(node.bottom, style)}}}"
    if isinstance(node, Root):
        return rf"\sqrt{{{latex(node.inside, style)}}}"
    if isinstance(node, Cases):
        rows = [f"{latex(value, style)} & {latex(condition, style)}" for value, condition in node.rows]
        return r"\begin{cases}" + r" \\ ".join(rows) + r"\end{cases}"
    base = latex(node.base, style)
    if isinstance(node.base, Symbol) and node.base.layer is not None:
        base = f"{{{{}}{base}}}"  # an empty group, so that an accent within keeps its own superscript
    below = "" if node.below is None else f"_{{{latex(node.below, style)}}}"
    above = "" if node.above is None else f"^{{{latex(node.above, style)}}}"
    return f"{base}{below}{above}"


def symbol_latex(symbol: Symbol) -> str:
    """``dW^{[2]}``."""
    name, index = (symbol.name, "") if symbol.name in NAMES else split(symbol)
    layer = "" if symbol.layer is None else f"^{{[{symbol.layer}]}}"
    return NAMES.get(name, name) + (f"_{{{index}}}" if index else "") + layer


def number_latex(text: str) -> str:
    """A number as `written` gives it."""
    if text in DOTS:
        return DOTS[text]
    if "/" in text:
        top, _, bottom = text.lstrip("-").partition("/")
        return f"{'-' if text.startswith('-') else ''}\\tfrac{{{top}}}{{{bottom}}}"
    if text == "NaN":
        return r"\text{NaN}"
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{exponent}}}" if e else text.replace("∞", r"\infty")


def _value(node: Value, style: Style) -> str:
    table = cells(node.array, node.key, style)
    if node.array.size == 1:
        return number_latex(table[0][0])
    rows = [" & ".join(number_latex(cell) for cell in entries) for entries in table]
    stretch = any(isinstance(value, Fraction) and value.denominator > 1 for value in node.array.flat)
    return r"\begin{bmatrix}" + (r" \\[2pt] " if stretch else r" \\ ").join(rows) + r"\end{bmatrix}"


def escape(text: str) -> str:
    """Words, in which nothing is meant for LaTeX."""
    plain = re.sub(r"[\\{}]", "", text)
    plain = re.sub(r"([_%&#$])", r"\\\1", plain).replace("->", r"$\to$").replace("^", r"\^{}").replace("~", r"\~{}")
    for sign, latex_sign in SIGNS.items():
        plain = plain.replace(sign, latex_sign)
    return plain
