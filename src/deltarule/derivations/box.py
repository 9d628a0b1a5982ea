"""Formulas as text of several lines: fractions stand above each other, exponents are raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

RAISED = dict(
    zip("0123456789-−+=()abcdefghijklmnoprstuvwxyzT′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀ′", strict=True)
)
LOWERED = dict(zip("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
"""Signs that Unicode has as superscripts and subscripts; all others take a line of their own."""


@dataclass(frozen=True)
class Box:
    """A rectangle of text.

    Parameters
    ----------
    lines : tuple of str
        All of one length.
    middle : int
        The line on which an equals sign beside it stands.
    """

    lines: tuple[str, ...]
    middle: int = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """A box of one line."""
        return cls((text,))

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return len(self.lines[0])

    @property
    def below(self) -> int:
        """Lines under the middle one."""
        return len(self.lines) - 1 - self.middle

    def grown(self, above: int, below: int) -> Box:
        """With empty lines, until there are so many above and below the middle."""
        blank = " " * self.width
        over, under = max(0, above - self.middle), max(0, below - self.below)
        return Box((*[blank] * over, *self.lines, *[blank] * under), self.middle + over)

    def centered(self, width: int) -> tuple[str, ...]:
        """The lines, in the middle of so many columns."""
        return tuple(line.center(width) for line in self.lines)


def beside(*boxes: Box) -> Box:
    """Boxes beside each other, middle to middle."""
    above, below = max(box.middle for box in boxes), max(box.below for box in boxes)
    grown = [box.grown(above, below) for box in boxes]
    return Box(tuple("".join(parts) for parts in zip(*(box.lines for box in grown), strict=True)), above)


def fraction(top: Box, bottom: Box) -> Box:
    """One box over another, with a line between."""
    width = max(top.width, bottom.width) + 2
    return Box((*top.centered(width), "─" * width, *bottom.centered(width)), len(top.lines))


def stacked(sign: Box, below: Box, above: Box | None = None) -> Box:
    """A sign with its range under and over it."""
    width = max(sign.width, below.width, above.width if above else 0)
    over = above.centered(width) if above else ()
    return Box((*over, *sign.centered(width), *below.centered(width)), len(over) + sign.middle)


def raised(base: Box, script: Box) -> Box:
    """A base with an exponent: in superscript signs if there are such, else a line higher."""
    text = script.lines[0].replace(" ", "")
    if len(script.lines) == 1 and all(sign in RAISED for sign in text):
        small = "".join(RAISED[sign] for sign in text)
        return beside(base, Box((small, *[" " * len(small)] * (len(base.lines) - 1)), base.middle))
    blank = " " * script.width
    column = (*script.lines, *[blank] * len(base.lines))
    left = (*[" " * base.width] * len(script.lines), *base.lines)
    return Box(tuple(a + b for a, b in zip(left, column, strict=True)), base.middle + len(script.lines))


def lowered(base: Box, script: Box) -> Box:
    """A base with an index: in subscript signs if there are such, else a line lower."""
    text = script.lines[0].replace(" ", "")
    if len(script.lines) == 1 and all(sign in LOWERED for sign in text):
        return beside(base, Box.of("".join(LOWERED[sign] for sign in text)))
    blank = " " * script.width
    column = (*[blank] * len(base.lines), *script.lines)
    left = (*base.lines, *[" " * base.width] * len(script.lines))
    return Box(tuple(a + b for a, b in zip(left, column, strict=True)), base.middle)


SIDES = {"(": ("⎛", "⎜", "⎝"), ")": ("⎞", "⎟", "⎠"), "|": ("│", "│", "│")}


def fence(inside: Box, left: str = "(", right: str = ")") -> Box:
    """A box in parentheses as tall as it is."""
    height = len(inside.lines)
    if height == 1:
        return beside(Box.of(left), inside, Box.of(right))

    def side(sign: str) -> Box:
        top, middle, bottom = SIDES[sign]
        return Box((top, *[middle] * (height - 2), bottom), inside.middle)

    return beside(side(left), inside, side(right))
