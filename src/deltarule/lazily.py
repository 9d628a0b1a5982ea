"""Values that are computed when somebody asks for them first, and then kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

T = TypeVar("T")


class cached_property(functools.cached_property[T]):  # noqa: N801: as it is known
    """The standard one, as it is since Python 3.12: without a lock, which a fork in another thread may leave held."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        super().__init__(function)
        self.lock = nullcontext()
