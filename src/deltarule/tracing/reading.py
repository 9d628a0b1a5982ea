"""What a student wrote, read: names of quantities, and numbers with the digits they are given to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InvalidOption
from ..network import Network

EXACTLY = 1e-9
"""Relative error allowed to a fraction."""

_NAME = re.compile(
    r"^\s*(?P<new>new|updated)?\s*(?P<kind>dZ|dA|da|dW|db|dp|Z|A|a|W|b|p|J|L|y_?hat|ŷ)\s*\[?(?P<layer>\d*)\]?\s*"
    r"(?P<after>_new|_updated|'|\s+new|\s+updated)?\s*$"
)


def quantity(network: Network, name: str) -> tuple[str, int | None]:
    """Kind and layer of a quantity, from the name that a student gave it."""
    match = _NAME.match(name)
    top = len(network.layers)
    listed = f"Z1, a1, dZ1, dA1, dW1, db1 (layers 1 to {top}), L, J, and W1, b1 for the updated parameters"
    if match is None:
        raise InvalidOption(f"expected an answer called {listed}, found {name!r}")
    kind, layer = match["kind"], match["layer"]
    if kind in ("yhat", "y_hat", "ŷ"):
        return "a", top
    kind = {"A": "a", "da": "dA"}.get(kind, kind)
    if (match["new"] or match["after"]) and kind not in ("W", "b", "p"):
        raise InvalidOption(f"expected an updated W, b or p, found {name!r}")
    if kind in ("J", "L"):
        if layer:
            raise InvalidOption(f"expected an answer called {listed}, found {name!r}")
        return kind, None
    if not layer and top == 1:
        layer = "1"
    if not layer or not 1 <= int(layer) <= top:
        raise InvalidOption(f"expected an answer called {listed}, found {name!r}")
    if kind in ("p", "dp") and int(layer) not in network.p:
        raise InvalidOption(f"layer {layer} learns no slope, found the answer {name!r}")
    return kind, int(layer)


@dataclass(frozen=True, eq=False)
class Answer:
    """Numbers, and half a unit of the last digit of each."""

    values: Array
    halves: Array
    flat: bool

    @classmethod
    def read(cls, name: str, answer: Any) -> Answer:
        """The answer called `name`: a number, a list, rows, or any of these as a text."""
        if isinstance(answer, str) and re.search(r"[\s,;\[]", answer.strip()):
            answer = matrix_of(answer)
        if isinstance(answer, np.ndarray):
            answer = answer.tolist()
        if isinstance(answer, Mapping):
            raise InvalidOption(f"{name}: expected a number, a list or a list of rows, found names and values")
        rows = answer if isinstance(answer, list | tuple) else [[answer]]
        flat = not any(isinstance(row, list | tuple) for row in rows)
        rows = [rows] if flat else rows
        if not rows or not all(isinstance(row, list | tuple) and len(row) == len(rows[0]) > 0 for row in rows):
            raise InvalidOption(f"{name}: expected rows of equal length, found {str(answer)[:60]!r}")
        pairs = [[_number(name, cell) for cell in row] for row in rows]
        values, halves = (np.array([[pair[k] for pair in row] for row in pairs]) for k in (0, 1))
        finest = halves[values != 0].min() if (values != 0).any() else 0.005
        halves = np.where(values == 0, np.minimum(halves, max(finest, 5e-5)), halves)  # 0 has no digits of its own
        return cls(values, np.minimum(halves, 0.5), flat)

    def fitted(self, shape: tuple[int, ...]) -> Answer | None:
        """In this shape: a plain list may stand for a row or a column."""
        if self.values.shape == shape:
            return self
        if self.flat and self.values.size == shape[0] * shape[1] and 1 in shape:
            return Answer(self.values.reshape(shape), self.halves.reshape(shape), True)
        return None

    def transposed(self) -> Answer:
        """Rows for columns."""
        return Answer(self.values.T, self.halves.T, False)

    def matches(self, value: Array) -> Array:
        """Which entries are those of `value`, rounded to the digits given."""
        value = np.asarray(value, dtype=np.float64)
        return np.asarray(np.abs(self.values - value) <= self.halves * (1 + 1e-9) + 1e-12 * np.abs(value))


def matrix_of(text: str) -> list[Any]:
    """``[1 2; 3 4]`` or ``1,2;3,4`` as rows of texts, ``1 2`` as a plain list, ``[1 2]ᵀ`` as a column."""
    bare = text.strip()
    turned = bare.endswith(("ᵀ", "^T", "'")) or (bare.endswith("T") and "]" in bare)
    bare = re.sub(r"(\^?T|ᵀ|')$", "", bare).replace("],", ";").strip("[] \t")
    rows = [re.split(r"[\s,]+", row.strip("[] ,\t")) for row in bare.split(";") if row.strip("[] ,\t")]
    if len(rows) == 1:
        return [[cell] for cell in rows[0]] if turned else rows[0]
    return rows


def _number(name: str, cell: Any) -> tuple[float, float]:
    """A number, and half a unit of its last digit."""
    if isinstance(cell, bool) or cell is None:
        raise InvalidOption(f"{name}: expected numbers, found {cell!r}")
    if isinstance(cell, np.generic):
        cell = cell.item()
    text = str(cell).strip().replace("−", "-")
    try:
        if "/" in text:
            value = float(Fraction(text))
            return value, EXACTLY * max(abs(value), 1e-6)
        decimal = Decimal(text)
        exponent = decimal.as_tuple().exponent
        if not isinstance(exponent, int):
            raise InvalidOperation
        return float(decimal), 0.5 * 10.0**exponent
    except (InvalidOperation, ValueError, ZeroDivisionError, OverflowError):
        raise InvalidOption(f"{name}: expected numbers such as 0.38 or 1/3, found {text[:40]!r}") from None
