"""Strict JSON of any document: NaN and infinities, which JSON cannot say, as objects of one key."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from .errors import ModelFileError

JSON: TypeAlias = "Mapping[str, JSON] | Sequence[JSON] | str | float | int | bool | None"
"""What a document is made of; floats may be NaN or infinite."""

_SPECIAL = "$float"  # {"$float": "nan"} stands for NaN, which JSON cannot say
_SPECIAL_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def dumps(value: Any) -> str:
    """`value`, which `encode` has returned, or which needs none of it, as text in ASCII."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def encode(value: Any, where: str) -> Any:
    """`value` in strict JSON: NaN as ``{"$float": "nan"}``, keys that begin with $ with one more."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {_SPECIAL: repr(float(value))}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [encode(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ModelFileError(f"{where}: expected strings as keys, found {key!r}")
        return {
            f"${key}" if key.startswith("$") else key: encode(item, f"{where}[{key!r}]") for key, item in value.items()
        }
    raise ModelFileError(f"{where}: expected what JSON can hold, found {type(value).__name__}")


def _decode(pairs: list[tuple[str, Any]]) -> Any:
    """Undo `encode` for one JSON object."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    if _SPECIAL in found:
        if len(found) > 1:
            raise ValueError(f"{_SPECIAL} has company")
        return _SPECIAL_FLOATS[found[_SPECIAL]]
    return {key.removeprefix("$"): item for key, item in found.items()}


def loads(text: str) -> Any:
    """Undo `encode` and `dumps`; ValueError, KeyError, TypeError or RecursionError if they cannot have written it."""
    return json.loads(text, object_pairs_hook=_decode, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
