"""A table with one JSON object a line (NDJSON, JSON lines)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import polars as pl

from deltarule.errors import DataError


def parse_lines(data: bytes, name: str) -> pl.DataFrame:
    """Read a table from lines of JSON.

    Parameters
    ----------
    data : bytes
        UTF-8. Blank lines are passed over; NaN and Infinity, which JSON lacks but many programs write, are read.
    name : str
        Of the file, for messages.

    Returns
    -------
    polars.DataFrame
        A key that an object lacks is missing there.

    Raises
    ------
    DataError
        A line is not a JSON object or has a key twice, or a column holds numbers and other things; names the line.
    """
    try:
        frame = pl.read_ndjson(data, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError):
        return _line_by_line(data, name)  # slower; finds the line at fault, or reads what polars does not
    _require_unrepeated(data, frame, name)
    return frame


def _require_unrepeated(data: bytes, frame: pl.DataFrame, name: str) -> None:
    """Refuse a key that an object has twice, of which polars takes the first in silence.

    A line with one colon after a quote for each column, and a value in each, has every key once; others are parsed.
    """
    gaps = iter(frame.select(pl.any_horizontal(pl.all().is_null())).to_series())
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip() and (next(gaps, True) or line.count(b'":') != frame.width):
            _object(line, number, name)


def _line_by_line(data: bytes, name: str) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    first: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        row = _object(line, number, name)
        for key, value in row.items():
            kind = _KINDS.get(type(value), "a list or an object")
            if kind == "nothing":
                continue
            was, where = first.setdefault(key, (kind, number))
            if was != kind:
                raise DataError(
                    f"{name}: column {key!r}: expected values of one kind, found {was} in line {where} and {kind}"
                    f" in line {number}"
                )
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


_KINDS = {
    int: "a number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "nothing",
}


def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different; which of two values is meant, nobody knows."""
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise DataError(f"expected each key once in an object, found {repeated!r} again", "rename or remove one")
    return found


def _object(line: bytes, number: int, name: str) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=unrepeated)
    except DataError as error:
        raise DataError(f"{name}: {error.message}, in line {number}", error.hint) from None
    except (ValueError, RecursionError) as error:
        reason = str(error).split(":")[0]
        raise DataError(f"{name}: expected a JSON object in line {number}, found malformed JSON ({reason})") from None
    if not isinstance(value, dict):
        raise DataError(
            f"{name}: expected a JSON object in line {number}, found {type(value).__name__}", "one object a line"
        )
    # whole numbers beyond 64 bits fit no column of integers
    return {
        key: float(cell) if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) >= 2**63 else cell
        for key, cell in value.items()
    }
