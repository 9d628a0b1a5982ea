"""Numbers and lists of them, from the command line and from files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltarule.network import Network


def row_numbers(text: str, available: int) -> Any:
    """``3``, ``3,7`` or ``1-4`` as positions, from 0."""
    import numpy as np

    from deltarule.errors import InvalidOption

    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*", part)
        if match is None:
            raise InvalidOption(f"expected rows such as 3, or 3,7, or 1-4, found {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= available:
            raise InvalidOption(f"expected a row from 1 to {available}, found {part.strip()!r}")
        found += range(first - 1, last)
    return np.array(found)


def read_sizes(text: str) -> list[int]:
    """``2-3-1`` or ``2,3,1``."""
    from deltarule.errors import InvalidOption

    if not re.fullmatch(r"\s*\d{1,9}(\s*[-,]\s*\d{1,9})+\s*", text):
        raise InvalidOption(f"expected the sizes of the layers such as 2-3-1, found {text!r}")
    return [int(part) for part in re.split(r"[-,]", text)]


def split_outside(text: str) -> list[str]:
    """Parts between commas; those within parentheses belong to an option."""
    return [part.strip() for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def one_number(option: str, text: str) -> float:
    """A number, or a fraction such as 1/3."""
    from fractions import Fraction

    from deltarule.errors import InvalidOption

    try:
        value = float(Fraction(text.strip())) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise InvalidOption(f"expected a number for {option}, found {text.strip()!r}") from None
    return value


def numbers(option: str, text: str, example: str) -> list[float]:
    """``0.1,1/3`` as numbers."""
    from deltarule.errors import InvalidOption

    try:
        return [one_number(option, part) for part in text.split(",")]
    except InvalidOption:
        raise InvalidOption(
            f"expected {option} as numbers separated by commas, found {text!r}", f"such as {example}"
        ) from None


def whole_numbers(option: str, text: str, example: str) -> tuple[int, ...]:
    """``64,32`` as whole numbers."""
    from deltarule.errors import InvalidOption

    if not re.fullmatch(r"\s*\d{1,18}\s*(,\s*\d{1,18}\s*)*", text):
        raise InvalidOption(
            f"expected {option} as whole numbers separated by commas, found {text!r}", f"such as {example}"
        )
    return tuple(int(part) for part in text.split(","))


def rows_of_numbers(option: str, text: str) -> list[list[float]]:
    """``1,2;3,4`` as rows of numbers, all of one length."""
    from deltarule.errors import InvalidOption

    rows = [
        [one_number(option, cell) for cell in re.split(r"[,\s]+", row.strip())]
        for row in text.split(";")
        if row.strip()
    ]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise InvalidOption(f"expected samples of the same length for {option}, found {text!r}", "such as '1,2;3,4'")
    return rows


def penalties(texts: list[str]) -> dict[str, float]:
    """``l2=0.1`` as a mapping."""
    from deltarule.equations import PENALTIES
    from deltarule.errors import InvalidOption

    found = {}
    for text in texts:
        name, equals, strength = text.partition("=")
        if not equals:
            raise InvalidOption(f"expected --penalty NAME=STRENGTH, such as l2=0.1, found {text!r}")
        found[PENALTIES[name.strip()].name] = one_number("--penalty", strength)
    return found


def read_file(path: str) -> bytes:
    """All of a file.

    Raises
    ------
    DataError
        It cannot be read.
    """
    from deltarule.errors import DataError

    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: expected a readable file, found: {error.strerror}") from None


def read_document(path: str) -> dict[str, Any]:
    """A JSON or YAML file of names and numbers, each number as it is written.

    Raises
    ------
    DataError
        It cannot be read, or is something else.
    MissingLibrary
        It is YAML, and there is no PyYAML.
    """
    from deltarule.errors import DataError

    try:
        text = read_file(path).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected a text file, found bytes that are no UTF-8") from None
    read = _read_yaml if Path(path).suffix.lower() in (".yaml", ".yml") else _read_json
    found = read(path, text)
    if not isinstance(found, dict) or not found:
        what = "none" if found == {} else type(found).__name__
        raise DataError(f"{path}: expected names with numbers, such as W1 and b1, found {what}")
    return found


def _read_json(path: str, text: str) -> Any:
    import json
    from decimal import Decimal

    from deltarule.errors import DataError
    from deltarule.tabular.lines import unrepeated

    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=unrepeated)
    except DataError as error:
        raise DataError(f"{path}: {error.message}", error.hint) from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            f'{path}: expected JSON, such as {{"W1": [[1, 2]]}}, found text that is none: {str(error)[:80]}'
        ) from None


def _read_yaml(path: str, text: str) -> Any:
    from deltarule.errors import DataError, missing_library
    from deltarule.tabular.lines import unrepeated

    try:
        import yaml
    except ImportError:
        raise missing_library("PyYAML", f"to read {path}") from None

    class Loader(yaml.BaseLoader):  # type: ignore[misc]  # every scalar stays the text it is
        def construct_mapping(self, node: Any, **_: Any) -> dict[str, Any]:
            return unrepeated(self.construct_pairs(node, deep=True))

    try:
        return yaml.load(text, Loader=Loader)
    except DataError as error:
        raise DataError(f"{path}: {error.message}", error.hint) from None
    except (yaml.YAMLError, TypeError, RecursionError) as error:  # TypeError: a list in the place of a name
        raise DataError(f"{path}: expected YAML, found {' '.join(str(error).split())[:80]}") from None


def set_weights(network: Network, path: str) -> None:
    """Put the numbers of a file into the network: ``W1`` as rows of a unit each, ``b1``, ``p1``; no b means zero.

    Raises
    ------
    DataError
        For a name, a shape or a value that does not fit.
    """
    import numpy as np

    from deltarule.errors import DataError

    document = read_document(path)
    known = {f"{kind}{l}": view for kind in ("W", "b", "p") for l, view in getattr(network.parameters, kind).items()}
    given = {re.sub(r"[\[\]]", "", str(name)): value for name, value in document.items()}
    for name in given:
        if name not in known:
            raise DataError(f"{path}: expected {', '.join(known)}, found {name!r}")
    missing = [name for name in known if name.startswith("W") and name not in given]
    if missing:
        raise DataError(f"{path}: expected {', '.join(missing)}, found no such name")
    for name, value in given.items():
        view = known[name]
        numbers = np.array(_floats(path, name, value), dtype=np.float64)
        if view.ndim == 1 and numbers.size == view.size:
            numbers = numbers.reshape(view.shape)
        if numbers.ndim == 1 and view.ndim == 2 and view.shape[0] == 1:
            numbers = numbers[None, :]
        if numbers.shape != view.shape:
            raise DataError(f"{path}: expected {name} of the shape {view.shape}, found {numbers.shape}")
        if not np.isfinite(numbers).all():
            raise DataError(f"{path}: expected finite numbers in {name}, found others")
        view[...] = numbers


def _floats(path: str, name: str, value: Any) -> Any:
    from deltarule.errors import DataError

    if isinstance(value, list):
        rows = [_floats(path, name, item) for item in value]
        lengths = {len(row) if isinstance(row, list) else -1 for row in rows}
        if len(lengths) > 1:
            raise DataError(f"{path}: expected rows of equal length in {name}, found several lengths")
        return rows
    if isinstance(value, bool | dict) or value is None:
        raise DataError(f"{path}: expected numbers in {name}, found {value!r}")
    return one_number(name, str(value))
