"""How numbers are written, in every face, and which entries of a large matrix are shown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ...arrays import Array
from ..expressions import Symbol

LONGEST_FRACTION = 14
BLANK = "?"


@dataclass(frozen=True)
class Style:
    """What all faces need to know: decimals, keys left blank, and the most rows and columns of a matrix."""

    digits: int = 4
    blanks: frozenset[str] = frozenset()
    most_rows: int = 8
    most_columns: int = 10


def written(value: Any, digits: int) -> str:
    """A number with so many decimals: all of them where it is rounded, as few as it needs where it is not; no ``-0``.

    >>> written(0.2, 4), written(-0.12496, 4), written(-0.00001, 1), written(123456789.0, 4)
    ('0.2', '-0.1250', '-1e-5', '1.235e8')
    """
    if isinstance(value, Fraction) and len(str(value)) <= LONGEST_FRACTION:
        return str(value)
    number = float(value)
    if not np.isfinite(number):
        return "NaN" if np.isnan(number) else "∞" if number > 0 else "-∞"
    if number == 0:
        return "0"
    size = abs(number)
    if size >= 1e7 or size < 10.0 ** (1 - max(digits, 2)):
        mantissa, _, exponent = f"{number:.{max(digits - 1, 0)}e}".partition("e")
        if "." in mantissa:
            mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}e{int(exponent)}"
    text = f"{number:.{digits}f}"
    if abs(float(text) - number) <= 1e-14 * max(size, 1.0) and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def shown(count: int, most: int) -> list[int | None]:
    """Indices to show of so many; None stands for those left out."""
    if count <= most:
        return list(range(count))
    head = max(most // 2, 1)
    tail = max(most - 1 - head, 1)
    return [*range(head), None, *range(count - tail, count)]


def cells(array: Array, key: str, style: Style) -> list[list[str]]:
    """The entries as text, rows and columns that are too many left out."""
    rows, columns = shown(array.shape[0], style.most_rows), shown(array.shape[1], style.most_columns)

    def cell(i: int | None, j: int | None) -> str:
        if i is None:
            return "⋱" if j is None else "⋮"
        if j is None:
            return "⋯"
        return BLANK if key in style.blanks else written(array[i, j], style.digits)

    return [[cell(i, j) for j in columns] for i in rows]


def split(symbol: Symbol) -> tuple[str, str]:
    """Name and index of a symbol: ``v_W`` is ``("v", "W")``."""
    name, _, index = symbol.name.partition("_")
    return name, index
