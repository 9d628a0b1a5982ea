"""The three faces of a derivation: text for a terminal, a LaTeX document, a page of HTML with MathML."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from html import escape

from . import layout as formulas
from .box import Box, beside
from .derivation import Derivation, Line, Part
from .notation import layout

WIDTH = 100
"""Columns of text that goes to no terminal."""

SHORT_LEFT = 16
"""Columns up to which the left side stands beside its first line."""


def to_text(derivation: Derivation, width: int = WIDTH) -> str:
    """Text of at most `width` columns, as far as the formulas allow."""
    return "\n".join(text.replace("\t", "").rstrip() for text, _ in styled(derivation, width)) + "\n"


def styled(derivation: Derivation, width: int = WIDTH) -> Iterator[tuple[str, str]]:
    """The lines of text, each with what it is: "title", "heading", "formula", "rule", "text".

    A tab divides a formula from its rule.
    """
    yield derivation.title, "title"
    yield "", "text"
    for left, right, where in given(derivation):
        yield from _shown(
            beside(_box(left), Box.of(" = "), _box(right)), f"for {_inline(where)}" if where else "", width
        )
    if derivation.shapes:
        yield "", "text"
        held = (f"{_inline(name)} {shape}".replace(" ", "\0") for name, shape in derivation.shapes.items())
        lines = textwrap.wrap(f"shapes: {', '.join(held)}", width - 2)
        yield from ((f"  {line}".replace("\0", " "), "text") for line in lines)
    for part in derivation.parts:
        yield "", "text"
        if part.title:
            yield part.title, "heading"
        yield from _part(part, width)
        if part.note:
            yield from ((f"  {line}", "text") for line in textwrap.wrap(part.note, width - 2))
    if derivation.remarks:
        yield "", "text"
    for remark in derivation.remarks:
        yield from ((line, "text") for line in textwrap.wrap(remark, width))


def given(derivation: Derivation) -> Iterator[tuple[str, str, str]]:
    """The definitions: left side, right side, and where it holds."""
    for left, right in derivation.definitions.items():
        name, _, where = left.partition(" | ")
        yield name, right, where


def _part(part: Part, width: int) -> Iterator[tuple[str, str]]:
    """Left side, then each line behind an equals sign, its rule at the right or below."""
    left, *lines = part.lines
    box = _box(left.expression)
    beside_left = box.width <= SHORT_LEFT
    if not beside_left:
        yield from _shown(box, "", width)
    blank = Box.of(" " * (box.width if beside_left else 2))
    boxes = [
        beside(box if beside_left and k == 0 else blank, Box.of(" = "), _box(line.expression))
        for k, line in enumerate(lines)
    ]
    column = max(found.width for found in boxes) + 4
    before = Box.of("")
    for line, found in zip(lines, boxes, strict=True):
        if before.below or (before.width and found.middle):
            yield "", "text"
        yield from _shown(found, _reason(line), width, column)
        before = found


def _reason(line: Line) -> str:
    return "   ".join(filter(None, (line.rule, line.shape)))


def _shown(box: Box, reason: str, width: int, column: int = 0) -> Iterator[tuple[str, str]]:
    """The lines of a box, the reason beside its middle, or below where there is no room."""
    column = max(column, box.width + 4)
    fits = column + len(reason) + 2 <= width
    for k, text in enumerate(box.lines):
        if k == box.middle and reason and fits:
            yield f"  {text.ljust(column)}\t{reason}", "rule"
        else:
            yield f"  {text}", "formula"
    if reason and not fits:
        yield f"        \t{reason}", "rule"


def _box(text: str) -> Box:
    return formulas.to_box(layout(text))


def _inline(text: str) -> str:
    return _box(text).lines[0].strip()


# LaTeX

UNICODE = {
    "σ": r"$\sigma$", "δ": r"$\delta$", "Φ": r"$\Phi$", "φ": r"$\varphi$", "α": r"$\alpha$", "λ": r"$\lambda$",
    "∑": r"$\sum$", "ŷ": r"$\hat y$", "⊙": r"$\odot$", "′": "$'$", "½": r"$\tfrac12$", "≠": r"$\ne$", "²": "$^2$",
    "ⁿ⁻¹": "$^{n-1}$", "ⁿ": "$^n$", "−": "$-$", "∂": r"$\partial$", "<": "$<$", ">": "$>$", "'": "$'$",
}  # fmt: skip


def to_latex(derivation: Derivation) -> str:
    """A document that pdflatex, xelatex and lualatex compile."""
    lines = [
        r"\documentclass{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{amsmath,amssymb}",
        r"\usepackage[margin=2.5cm]{geometry}",
        r"\setlength{\parindent}{0pt}",
        r"\begin{document}",
        rf"\section*{{{latex_text(derivation.title)}}}",
        *_aligned(
            [
                rf"{_latex(left)} &= {_latex(right)}" + (rf" && \text{{for }} {_latex(where)}" if where else "")
                for left, right, where in given(derivation)
            ]
        ),
    ]
    if derivation.shapes:
        shapes = [rf"{_latex(name)} & {latex_shape(shape)}" for name, shape in derivation.shapes.items()]
        lines += [r"\[\begin{array}{ll}", " \\\\\n".join(shapes), r"\end{array}\]"]
    for part in derivation.parts:
        if part.title:
            lines.append(rf"\subsection*{{{latex_text(part.title)}}}")
        lines += _aligned(list(_latex_lines(part)))
        if part.note:
            lines += [latex_text(part.note), ""]
    lines += [part for remark in derivation.remarks for part in ("", latex_text(remark))]
    return "\n".join([*lines, r"\end{document}", ""])


def _latex_lines(part: Part) -> Iterator[str]:
    left, *lines = part.lines
    yield f"& {left.latex}"
    for line in lines:
        shape = rf" \quad {latex_shape(line.shape)}" if line.shape else ""
        yield rf"&= {line.latex} && \text{{{latex_text(line.rule)}}}{shape}"


def _aligned(lines: list[str]) -> list[str]:
    return [r"\begin{align*}", " \\\\\n".join(lines), r"\end{align*}"]


def _latex(text: str) -> str:
    return formulas.to_latex(layout(text))


def latex_shape(shape: str) -> str:
    """A shape such as ``(n_2, m) = (n_2, m) ⊙ (n_2, m)``, and words behind a colon."""
    sizes, colon, words = shape.partition(":")
    return sizes.replace("⊙", r"\odot") + (rf"\text{{:{words}}}" if colon else "")


def latex_text(text: str) -> str:
    """A sentence, with what is mathematics in it between dollar signs."""

    def indexed(match: re.Match[str]) -> str:
        base, layer, index = match.groups()
        return f"${UNICODE.get(base, base).strip('$')}{f'^{{{layer}}}' if layer else ''}_{{{index}}}$"

    text = re.sub(r"e\^\{(\w+)\}|e\^(-?\w+)", lambda m: f"$e^{{{m[1] or m[2]}}}$", text)
    pieces = re.split(r"(\$[^$]*\$)", text)
    for k in range(0, len(pieces), 2):
        piece = re.sub(r"([\w∑])(\[\d\])?_(\w+)", indexed, pieces[k])
        inner = re.split(r"(\$[^$]*\$)", piece)
        for i in range(0, len(inner), 2):
            for sign, latex in UNICODE.items():
                inner[i] = inner[i].replace(sign, latex) if sign != "'" else re.sub(r"(?<!\$)'(?!\$)", "$'$", inner[i])
        pieces[k] = "".join(inner)
    return "".join(pieces)


# HTML

STYLE = """
:root { color-scheme: light dark; --line: #8884; --rule: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --rule: #56b4e9; } }
body { font: 17px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.derivation h2 { font-size: 1.05em; margin: 1.6em 0 .3em; border-bottom: 1px solid var(--line); }
.derivation table { border-collapse: collapse; }
.derivation td { padding: .3em .5em; vertical-align: middle; }
.derivation .rule { color: var(--rule); font-size: .9em; padding-left: 2em; }
.derivation .shape { white-space: nowrap; opacity: .75; }
.derivation .scroll { overflow-x: auto; }
.derivation math { font-family: math; font-size: 1.1em; }
"""


def to_html(derivation: Derivation) -> str:
    """A page that needs no network and no scripts."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(derivation.title)}</title>\n</head>\n<body>\n{html_body(derivation)}</body>\n</html>\n"
    )


def html_body(derivation: Derivation) -> str:
    """The part of a page that shows a derivation, with its style."""
    parts = [f'<style>{STYLE}</style>\n<div class="derivation">\n<h1>{escape(derivation.title)}</h1>']
    rows = [
        _html_row(_mathml(left), _mathml(right), f"for {_mathml(where)}" if where else "")
        for left, right, where in given(derivation)
    ]
    parts.append(_html_table(rows))
    if derivation.shapes:
        shapes = ", ".join(f"{_mathml(name)} {html_text(shape)}" for name, shape in derivation.shapes.items())
        parts.append(f"<p>Shapes: {shapes}</p>")
    for part in derivation.parts:
        if part.title:
            parts.append(f"<h2>{html_text(part.title)}</h2>")
        left, *lines = part.lines
        rows = [
            _html_row(_mathml(left.expression) if k == 0 else "", _mathml(line.expression), _html_reason(line))
            for k, line in enumerate(lines)
        ]
        parts.append(_html_table(rows))
        if part.note:
            parts.append(f"<p>{html_text(part.note)}</p>")
    parts += [f"<p>{html_text(remark)}</p>" for remark in derivation.remarks]
    return "\n".join([*parts, "</div>\n"])


def _html_reason(line: Line) -> str:
    shape = f' <span class="shape">{html_text(line.shape)}</span>' if line.shape else ""
    return html_text(line.rule) + shape


def _html_row(left: str, right: str, reason: str) -> str:
    return f'<tr><td>{left}</td><td>=</td><td>{right}</td><td class="rule">{reason}</td></tr>'


def _html_table(rows: list[str]) -> str:
    return '<div class="scroll"><table>\n' + "\n".join(rows) + "\n</table></div>"


def _mathml(text: str) -> str:
    return f'<math displaystyle="true">{formulas.to_mathml(layout(text))}</math>' if text else ""


def html_text(text: str) -> str:
    """A sentence, with indices lowered and exponents raised."""
    found = re.sub(r"\^\{(\w+)\}|\^(-?\w+)", lambda m: f"<sup>{m[1] or m[2]}</sup>", escape(text, quote=False))
    return re.sub(r"_(\w+)", r"<sub>\1</sub>", found)
