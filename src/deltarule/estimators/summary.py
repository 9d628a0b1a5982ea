"""The table of a linear model's weights with their errors, for people and for programs."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars

WIDTH = 100
DIGITS = 5
ESTIMATES = ("coefficient", "lower", "upper")
TEXTS = ("target", "class", "term")
"""Columns of the table that hold text."""


@dataclass(frozen=True)
class Summary:
    """What is known of the weights of a model; prints as a table, in a notebook as HTML.

    Attributes
    ----------
    title : str
    facts : dict
        Name -> value, or a list of one value a target: "R²", "log-likelihood", "AIC", ...
    columns : dict
        Column -> list with one value a weight: "term", "coefficient", "standard error", "t" or "z", "p", "lower",
        "upper"; before them "target" or "class" where there are several. Where there are no errors to be had, the
        columns end with "coefficient", and `notes` say why. ``pandas.DataFrame(summary.columns)`` is a frame of it.
    level : float
        Of the intervals from "lower" to "upper".
    notes : tuple of str
        What the reader has to know.
    """

    title: str
    facts: dict[str, Any]
    columns: dict[str, list[Any]]
    level: float
    notes: tuple[str, ...]

    def __getitem__(self, column: str) -> Any:
        """A column of the table as an array."""
        return np.array(self.columns[column])

    @property
    def has_errors(self) -> bool:
        """Whether there are standard errors."""
        return "standard error" in self.columns

    @property
    def n_texts(self) -> int:
        """The first so many columns hold text."""
        return sum(name in TEXTS for name in self.columns)

    def headers(self) -> list[str]:
        """Names of the columns for people."""
        ends = {"lower": f"from ({100 * self.level:g} %)", "upper": "to"}
        return [ends.get(name, name) for name in self.columns]

    def rows(self) -> list[list[str]]:
        """The table as text, line by line."""
        cells = [
            values if name in TEXTS else [number(value, name, self._digits(name, i)) for i, value in enumerate(values)]
            for name, values in self.columns.items()
        ]
        return [list(row) for row in zip(*cells, strict=True)]

    def _digits(self, name: str, row: int) -> int:
        """Significant ones: five, or of an estimate as many as show how far it may be off."""
        if name not in ESTIMATES or "standard error" not in self.columns:
            return DIGITS
        error, size = self.columns["standard error"][row], abs(self.columns["coefficient"][row])
        if error is None or not (0 < error < math.inf and 0 < size < math.inf):
            return DIGITS
        return min(max(DIGITS, 3 + math.ceil(math.log10(size / error))), 15)

    def fact_rows(self) -> list[tuple[str, str]]:
        """The facts as text."""
        return [
            (name, ", ".join(number(value, name, 6) for value in (values if isinstance(values, list) else [values])))
            for name, values in self.facts.items()
        ]

    def __str__(self) -> str:
        facts = [(f"{name}:", value) for name, value in self.fact_rows()]
        half = (len(facts) + 1) // 2
        pairs = [(*a, *b) for a, b in zip(facts[:half], [*facts[half:], ("", "")][:half], strict=True)]
        lines = [self.title, "", *_aligned(pairs, "<><>"), *([""] if pairs else [])]
        sides = "<" * self.n_texts + ">" * (len(self.columns) - self.n_texts)
        table = _aligned([self.headers(), *self.rows()], sides)
        lines += [table[0], "-" * max(map(len, table)), *table[1:]]
        for note in self.notes:
            lines += ["", *textwrap.wrap(f"Note: {note}", WIDTH)]
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        facts = _html_rows(self.fact_rows(), "td")
        table = _html_rows([self.headers()], "th") + _html_rows(self.rows(), "td")
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<h4>{html.escape(self.title)}</h4><table>{facts}</table><table>{table}</table>{notes}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "title": self.title,
            "facts": dict(self.facts),
            "columns": {name: list(values) for name, values in self.columns.items()},
            "level": self.level,
            "notes": list(self.notes),
        }

    def to_frame(self) -> polars.DataFrame:
        """The table as a frame of polars; it has a ``to_pandas``."""
        import polars

        return polars.DataFrame(self.columns)


def number(value: Any, name: str = "", digits: int = DIGITS) -> str:
    """A number in a table: whole ones as they are, others with so many significant digits, p-values with three."""
    if isinstance(value, str):
        return value
    if value is None or np.isnan(value):
        return "-"
    if float(value).is_integer() and abs(value) < 1e15 and name not in ("p", "coefficient", "standard error"):
        return f"{value:.0f}"
    if name == "p" or name.startswith("p of"):
        return f"{value:.3g}" if value >= 1e-300 else "<1e-300"
    return f"{value:.{digits}g}"


def _aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(len(sides))]
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)) for row in rows
    ]


def _html_rows(rows: Sequence[Sequence[str]], cell: str) -> str:
    return "".join(f"<tr>{''.join(f'<{cell}>{html.escape(text)}</{cell}>' for text in row)}</tr>" for row in rows)


def stacked(labels: Mapping[str, Sequence[str]], values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Columns of text, and arrays (k, p) row by row, as columns of plain values."""
    numbers = {name: [float(x) for x in np.ravel(array)] for name, array in values.items()}
    return {**{name: list(texts) for name, texts in labels.items()}, **numbers}
