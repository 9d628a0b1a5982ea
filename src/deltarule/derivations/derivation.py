"""A derivation as data: lines that are equal, each with the rule that leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .layout import to_latex
from .notation import layout


@dataclass(frozen=True)
class Line:
    """One line of a derivation.

    Parameters
    ----------
    expression : str
        A text that SymPy can read; see `deltarule.derivations.notation`.
    rule : str
        Why it equals the line above; empty for the first.
    shape : str
        Of a matrix, in the lecture's letters.
    """

    expression: str
    rule: str = ""
    shape: str = ""

    @property
    def latex(self) -> str:
        """The expression in LaTeX."""
        return to_latex(layout(self.expression))


@dataclass(frozen=True)
class Part:
    """Lines that all are equal; what is derived stands in the first.

    Parameters
    ----------
    title : str
    lines : tuple of Line
    where : str
        The condition under which they are, such as ``Z > 0``.
    note : str
        A sentence that follows them.
    """

    title: str
    lines: tuple[Line, ...]
    where: str = ""
    note: str = ""

    @property
    def result(self) -> str:
        """The expression of the last line."""
        return self.lines[-1].expression


@dataclass(frozen=True)
class Derivation:
    """A derivation, step by step; it prints itself, and shows itself in a notebook.

    Parameters
    ----------
    name : str
    title : str
    definitions : mapping
        What is given: expression -> expression. Names among the keys are abbreviations in the lines.
    parts : tuple of Part
    remarks : tuple of str
        Sentences at the end.
    shapes : mapping
        Name of a matrix -> its shape.
    """

    name: str
    title: str
    definitions: Mapping[str, str]
    parts: tuple[Part, ...]
    remarks: tuple[str, ...] = ()
    shapes: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values: every line as text that SymPy can read, as LaTeX, and with its rule."""
        parts = [
            {
                "title": part.title,
                "where": part.where,
                "lines": [
                    {"expression": line.expression, "latex": line.latex, "rule": line.rule, "shape": line.shape}
                    for line in part.lines
                ],
                "note": part.note,
            }
            for part in self.parts
        ]
        return {
            "name": self.name,
            "title": self.title,
            "definitions": dict(self.definitions),
            "shapes": dict(self.shapes),
            "parts": parts,
            "remarks": list(self.remarks),
        }

    def to_text(self) -> str:
        """For a terminal: Unicode, fractions above each other."""
        from .pages import to_text

        return to_text(self)

    def to_latex(self) -> str:
        """A whole LaTeX document."""
        from .pages import to_latex

        return to_latex(self)

    def to_html(self) -> str:
        """A whole page: HTML with MathML, which needs nothing else."""
        from .pages import to_html

        return to_html(self)

    def _repr_html_(self) -> str:
        from .pages import html_body

        return html_body(self)

    def __str__(self) -> str:
        return self.to_text()
