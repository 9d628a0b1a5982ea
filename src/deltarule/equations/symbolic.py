"""A formula as text, for those who derive it step by step: `deltarule.derivations`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Symbolic:
    """The formula of an entry as texts that SymPy can read.

    Parameters
    ----------
    *pieces : str
        ``g`` in ``Z``, or ``L`` in ``yhat`` and ``y``; several from left to right where the function has several.
        Options go by their names.
    between : tuple of str
        Where one piece ends and the next begins.
    where : mapping
        Abbreviations in the pieces: name -> text.
    close : tuple of (str, str)
        What follows the rules of differentiation, up to the derivative as the register writes it: line, reason.
    """

    pieces: tuple[str, ...]
    between: tuple[str, ...]
    where: Mapping[str, str] = field(default_factory=dict)
    close: tuple[tuple[str, str], ...] = ()

    def __init__(
        self,
        *pieces: str,
        between: tuple[str, ...] = (),
        where: Mapping[str, str] | None = None,
        close: tuple[tuple[str, str], ...] = (),
    ) -> None:
        for name, value in (("pieces", pieces), ("between", between), ("where", where or {}), ("close", close)):
            object.__setattr__(self, name, value)
