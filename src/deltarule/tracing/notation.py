"""The lecture's symbols, samples turned from rows into columns, and formulas of the registers with numbers in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..equations import Activation
from .expressions import Node, Row, Value, number, parse, row
from .substitution import has_cases, names, substitute

MOST_TERMS = 6
"""Of a sum that is written out; the others become dots."""


def columns(array: Array) -> Array:
    """(m, n) -> (n, m); a vector (n,) becomes a column (n, 1)."""
    return array.T if array.ndim == 2 else array[:, None]


def line(vector: Array) -> Array:
    """One value a sample, (m,) -> (1, m)."""
    return vector[None, :]


def scalar(value: Any) -> Array:
    """One number as a matrix (1, 1)."""
    found = np.empty((1, 1), dtype=object)
    found[0, 0] = value
    return found


def sign_of(g: Activation) -> str:
    """The function's own sign, or its name, in LaTeX."""
    return g.latex_name or rf"\operatorname{{{g.name.replace('_', ' ')}}}"


def shape(array: Array) -> tuple[int, int]:
    """(rows, columns)."""
    return array.shape[0], array.shape[1]


def entries(key: str, values: Array) -> list[Value]:
    """The numbers of a vector, each of the quantity `key`."""
    return [Value(key, scalar(value)) for value in values.tolist()]


def letters(options: Mapping[str, Any]) -> dict[str, Node]:
    """Numbers for the letters that stand for options in a formula: ``slope`` is s, ``delta`` is δ, ..."""
    greek = {"alpha": "α", "delta": "δ", "mu": "μ", "decay": "ρ", "epsilon": "ε", "slope": "s"}
    return {greek.get(name, name): number(value) for name, value in options.items() if not isinstance(value, bool)}


def options_note(entry: Any) -> tuple[str, ...]:
    """The options in force of an entry that has any, other than those that only say how it begins."""
    shown = {k: v for k, v in entry.settings.items() if k not in ("initial", "shared") and v not in (0, False)}
    return (f"{entry.name}: {', '.join(f'{name} = {value}' for name, value in shown.items())}",) if shown else ()


def product_terms(pairs: Iterable[tuple[Value, Value]], more: Node | None = None) -> Node:
    """``a·b + c·d + ... + more``, the middle left out of a long sum."""
    terms = [row(left, r"\cdot", right) for left, right in pairs]
    return _sum([*terms, *([] if more is None else [more])])


def plain_sum(values: Sequence[Value]) -> Node:
    """``a + b + ... + c``."""
    return _sum(list(values))


def _sum(terms: list[Node]) -> Node:
    items: list[Node] = []
    for k, term in enumerate(terms):
        if len(terms) > MOST_TERMS and MOST_TERMS - 2 <= k < len(terms) - 1:
            items += [parse("+"), parse(r"\cdots")] if k == MOST_TERMS - 2 else []
            continue
        items += [parse("+")] if items else []
        items += _opened(term) if items else row(term).items
    return Row(tuple(items))


def _opened(term: Node) -> tuple[Node, ...]:
    """A term that follows a plus: its first number in parentheses if it is below zero."""
    first, *others = row(term).items
    return (*row("+", first).items[1:], *others)


def with_numbers(latex: str, values: Mapping[str, Node]) -> Node | None:
    """A formula of the register with numbers for its letters; None if that would not be readable or not be true."""
    formula = parse(latex)
    if not latex or has_cases(formula) or "," in latex.replace(r"\,", ""):
        return None
    filled = substitute(formula, values)
    return None if names(filled) - {"e", "Φ", "φ", "T"} else filled


def place(array: Array) -> str:
    """Where the first entry stands, for a line that works it out."""
    parts = ["row 1"] if array.shape[0] > 1 else []
    return ", ".join([*parts, *(["example 1"] if array.shape[1] > 1 else [])]) or "in full"
