"""The trace in Markdown, its formulas in LaTeX between dollar signs, as GitHub, Jupyter and Quarto show them."""

from __future__ import annotations

import re

from ..tree import Step, Trace
from .latex import equation, heading
from .numerals import Style


def render(trace: Trace, digits: int, blanks: frozenset[str]) -> str:
    """The page."""
    style = Style(digits, blanks)
    parts = [f"# {_escape(trace.network)}", *map(_escape, trace.notes)]
    for iteration in trace.iterations:
        if len(trace.iterations) > 1:
            parts.append(f"## Step {iteration.number}, examples {', '.join(map(str, iteration.samples))}")
        for section in iteration.sections:
            parts.append(f"### {_escape(heading(section))}")
            for step in section.steps:
                parts += _step(step, style)
    return "\n\n".join(parts) + "\n"


def _step(step: Step, style: Style) -> list[str]:
    size = "" if step.shape is None else f" ({step.shape[0]}, {step.shape[1]})"
    found = [f"*{step.name}*{size}"] if step.lines and step.value is not None else []
    for line in step.lines:
        label = rf"\text{{{line.label}: }}\quad " if line.label else ""
        tail = rf" \quad \text{{{line.tail}}}" if line.tail else ""
        found.append(f"$$\n{label}{equation(line, style)}{tail}\n$$")
    return found + [f"> {_escape(note)}" for note in step.notes]


def _escape(text: str) -> str:
    """Words, in which nothing is meant for Markdown."""
    return re.sub(r"([\\`*_\[\]<>#$])", r"\\\1", text)
