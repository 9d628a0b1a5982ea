"""Plain values in a document of a model file: checked as they are read, with a line that says which one is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from .arrays import Array
from .errors import ModelFileError

CLASS_TYPES = {"bool", "object", *(np.dtype(code).name for code in "bhilqBHILQefd")}
LARGEST = 2**63 - 1
WIDEST = 2**16  # characters of a class name
DEEPEST = 4  # lists and mappings in each other, in a parameter


def refuse(where: str, expected: str, found: Any) -> NoReturn:
    """Raise a `ModelFileError` that names the place and shows the beginning of what stands there."""
    shown = repr(found)
    raise ModelFileError(f"{where}: expected {expected}, found {shown if len(shown) <= 80 else shown[:77] + '...'}")


def read_object(value: Any, where: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """`value`, once it is known to have these keys and no others."""
    if not isinstance(value, Mapping):
        refuse(where, "an object", value)
    missing = [name for name in names if name not in value]
    unknown = [name for name in value if name not in names]
    if missing or unknown:
        refuse(where, f"the fields {', '.join(names)}", sorted(map(str, value)))
    return value


def read_field(document: Any, where: str, key: str, kind: type) -> Any:
    """The value of `key`, once it is known to be there and of this type; a float is finite, or whole."""
    value = document.get(key) if isinstance(document, Mapping) else None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**1023 else None
    if not isinstance(value, kind) or (isinstance(value, float) and not math.isfinite(value)):
        refuse(where, f"{key!r} of type {kind.__name__}", value)
    return value


def read_whole(value: Any, where: str, lowest: int = 0) -> int:
    """`value`, once it is known to be a whole number from `lowest` to `LARGEST`."""
    if type(value) is not int or not lowest <= value <= LARGEST:
        refuse(where, f"a whole number from {lowest}", value)
    return value


def read_number(value: Any, where: str) -> float:
    """`value`, once it is known to be a number, as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(where, "a number", value)
    try:
        return float(value)
    except OverflowError:
        refuse(where, "a number", value)


def read_list(value: Any, where: str, kind: type, length: int | None = None) -> list[Any]:
    """`value`, once it is known to be a list of `kind` (and of this length)."""
    fits = isinstance(value, list) and all(type(item) is kind for item in value)
    if not fits or (length is not None and len(value) != length):
        refuse(where, f"a list of {'' if length is None else f'{length} '}{kind.__name__}", value)
    return list(value)


def pack(value: Any) -> Any:
    """`value` in JSON: a tuple as ``{"tuple": [...]}``, a mapping as ``{"items": [[key, value], ...]}``."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list):
        return [pack(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [pack(item) for item in value]}
    if isinstance(value, Mapping):
        return {"items": [[pack(key), pack(item)] for key, item in value.items()]}
    raise TypeError(f"{type(value).__name__} does not go into a file")


def unpack(value: Any, where: str, depth: int = 0) -> Any:
    """Undo `pack`."""
    if depth > DEEPEST:
        refuse(where, "a plain value", value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [unpack(item, where, depth + 1) for item in value]
    if isinstance(value, Mapping) and set(value) == {"tuple"} and isinstance(value["tuple"], list):
        return tuple(unpack(item, where, depth + 1) for item in value["tuple"])
    if isinstance(value, Mapping) and set(value) == {"items"} and isinstance(value["items"], list):
        pairs = value["items"]
        if all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str | int | float) for pair in pairs):
            return {key: unpack(item, where, depth + 1) for key, item in pairs}
    return refuse(where, "a value, a list, a tuple or a mapping", value)


def pack_classes(classes: Array) -> dict[str, Any]:
    """Class labels with their type: "bool", "int64", "float32", "object", or "U" and the width."""
    kind = f"U{classes.dtype.itemsize // 4}" if classes.dtype.kind == "U" else classes.dtype.name
    document = {"dtype": kind, "values": classes.tolist()}
    try:
        read_classes(document)
    except ModelFileError as error:
        raise ModelFileError(f"cannot save these classes: {error.message}", "use text or numbers as labels") from error
    return document


def read_classes(document: Any) -> Array:
    """Undo `pack_classes`: sorted labels (K,)."""
    found = read_object(document, "classes", ("dtype", "values"))
    dtype = _class_dtype(found["dtype"])
    plain = {"b": bool, "i": int, "u": int, "f": float}.get(dtype.kind, str)
    values = read_list(found["values"], "classes values", plain)
    try:
        classes = np.array(values, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelFileError(f"classes values: {error}") from error
    increasing = all(before < after for before, after in pairwise(values))
    if not values or classes.tolist() != values or not increasing:
        refuse("classes values", f"distinct labels in rising order that {found['dtype']} can hold", values)
    return classes


def _class_dtype(name: Any) -> Any:
    if isinstance(name, str) and re.fullmatch("U[1-9][0-9]{0,4}", name) and int(name[1:]) <= WIDEST:
        return np.dtype(name)
    if isinstance(name, str) and name in CLASS_TYPES:
        return np.dtype(name)
    return refuse("classes dtype", "bool, object, U and a width, or the name of a type of numbers", name)
