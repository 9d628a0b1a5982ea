"""The trace as one JSON document, for programs: results in full precision, formulas as text and as LaTeX."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np

from ..tree import Step, Trace
from .boxes import text_of
from .latex import equation
from .numerals import Style

VERSION = 1


def render(trace: Trace, digits: int, blanks: frozenset[str]) -> str:
    """The document; what is left blank is null."""
    style = Style(digits, blanks)
    document = {
        "format": "deltarule trace",
        "version": VERSION,
        "convention": "samples are columns: Z of layer l is (n_l, m)",
        "network": {"text": trace.network, **trace.facts},
        "notes": list(trace.notes),
        "iterations": [
            {
                "step": iteration.number,
                "samples": list(iteration.samples),
                "sections": [
                    {
                        "kind": section.kind,
                        "title": section.title,
                        "layer": section.layer,
                        "steps": [_step(step, style) for step in section.steps],
                    }
                    for section in iteration.sections
                ],
            }
            for iteration in trace.iterations
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _step(step: Step, style: Style) -> dict[str, Any]:
    key = None if step.symbol is None else step.symbol.key
    return {
        "name": step.name,
        "symbol": key,
        "shape": None if step.shape is None else list(step.shape),
        "value": None if step.value is None or key in style.blanks else plain(step.value),
        "lines": [
            {
                "label": line.label,
                "text": " = ".join(text_of(part, style) for part in line.parts),
                "latex": equation(line, style),
                "tail": line.tail,
            }
            for line in step.lines
        ],
        "shapes": {name: list(size) for name, size in step.shapes.items()},
        "notes": list(step.notes),
    }


def plain(array: Any) -> list[list[Any]]:
    """Rows of numbers; fractions as texts such as "3/10", whole numbers as numbers, NaN and infinity as null."""
    return [[_number(value) for value in row] for row in np.asarray(array).tolist()]


def _number(value: Any) -> Any:
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else str(value)
    if isinstance(value, bool):
        return int(value)
    return value if np.isfinite(value) else None
