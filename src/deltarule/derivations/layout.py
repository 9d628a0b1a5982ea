"""A formula as it is laid out, and its three faces: LaTeX, MathML, and Unicode text of several lines.

`deltarule.derivations.notation` builds the layout; here it is only drawn. A layout is one of the few nodes below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TypeAlias

from .box import Box, beside, fence, fraction, lowered, raised, stacked


@dataclass(frozen=True)
class Sign:
    """One sign: a letter, a number, an operator, a word.

    Parameters
    ----------
    text : str
        In Unicode.
    latex : str
    kind : str
        The element of MathML: "mi", "mn", "mo", "mtext" or "mspace".
    layer : str
        The lecture's layer, ``[2]``: raised where there is room for it.
    """

    text: str
    latex: str
    kind: str = "mi"
    layer: str = ""


@dataclass(frozen=True)
class Row:
    """Things beside each other."""

    items: tuple[Layout, ...]


@dataclass(frozen=True)
class Fraction:
    """One thing over another."""

    top: Layout
    bottom: Layout


@dataclass(frozen=True)
class Script:
    """A base with something lowered, raised, or both."""

    base: Layout
    below: Layout | None = None
    above: Layout | None = None


@dataclass(frozen=True)
class Big:
    """A sum or a limit: a sign with its range."""

    sign: Sign
    below: Layout
    above: Layout | None = None


@dataclass(frozen=True)
class Fence:
    """Something in parentheses, or between bars."""

    inside: Layout
    left: str = "("
    right: str = ")"


Layout: TypeAlias = Sign | Row | Fraction | Script | Big | Fence


def to_latex(layout: Layout) -> str:
    """The formula in LaTeX, as it stands between dollar signs."""
    match layout:
        case Sign(latex=latex, layer=layer):
            return f"{latex}^{{[{layer}]}}" if layer else latex
        case Row(items):
            return " ".join(map(to_latex, items))
        case Fraction(top, bottom):
            return rf"\frac{{{to_latex(top)}}}{{{to_latex(bottom)}}}"
        case Script(base, below, above):
            return _latex_script(base, below, above)
        case Big(sign, below, above):
            over = f"^{{{to_latex(above)}}}" if above else ""
            return f"{sign.latex}_{{{to_latex(below)}}}{over}"
        case Fence(inside, left, right):
            tall = rf"\left{left}", rf"\right{right}"
            open_, close = tall if is_tall(inside) else (left, right)
            return f"{open_}{to_latex(inside)}{close}"


def is_tall(layout: Layout) -> bool:
    """Whether parentheses around it must grow."""
    match layout:
        case Sign():
            return False
        case Row(items):
            return any(map(is_tall, items))
        case Script(base):
            return is_tall(base)
        case Fence(inside):
            return is_tall(inside)
        case _:
            return True


def _latex_script(base: Layout, below: Layout | None, above: Layout | None) -> str:
    layer = base.layer if isinstance(base, Sign) else ""
    under = f"_{{{to_latex(below)}}}" if below else ""
    if layer and isinstance(base, Sign):  # one superscript for both: W^{[2]\top}
        return f"{base.latex}{under}^{{[{layer}]{to_latex(above) if above else ''}}}"
    bare = to_latex(base)
    whole = bare if isinstance(base, Sign | Fence) else f"{{{bare}}}"
    return f"{whole}{under}" + (f"^{{{to_latex(above)}}}" if above else "")


def to_mathml(layout: Layout) -> str:
    """The formula as MathML Core, as it stands in a ``<math>``."""
    match layout:
        case Sign():
            return _mathml_sign(layout)
        case Row(items):
            return f"<mrow>{''.join(map(to_mathml, items))}</mrow>"
        case Fraction(top, bottom):
            return f"<mfrac>{to_mathml(top)}{to_mathml(bottom)}</mfrac>"
        case Script(base, below, above):
            return _mathml_script(base, below, above)
        case Big(sign, below, above):
            name = "munderover" if above else "munder"
            return f"<{name}>{to_mathml(sign)}{to_mathml(below)}{to_mathml(above) if above else ''}</{name}>"
        case Fence(inside, left, right):
            return f"<mrow><mo>{left}</mo>{to_mathml(inside)}<mo>{right}</mo></mrow>"


def _mathml_sign(sign: Sign) -> str:
    if sign.kind == "mspace":
        return '<mspace width="0.2em"></mspace>'
    bare = f"<{sign.kind}>{escape(sign.text)}</{sign.kind}>"
    return f"<msup>{bare}{_layer(sign.layer)}</msup>" if sign.layer else bare


def _layer(layer: str) -> str:
    return f"<mtext>[{layer}]</mtext>"


def _mathml_script(base: Layout, below: Layout | None, above: Layout | None) -> str:
    over = to_mathml(above) if above else ""
    if isinstance(base, Sign) and base.layer:  # one superscript for both, as in LaTeX
        over = f"<mrow>{_layer(base.layer)}{over}</mrow>"
        base = replace(base, layer="")
    name = "msubsup" if below and over else "msub" if below else "msup"
    return f"<{name}>{to_mathml(base)}{to_mathml(below) if below else ''}{over}</{name}>"


def to_box(layout: Layout) -> Box:
    """The formula as lines of text."""
    match layout:
        case Sign(text=text, kind=kind, layer=layer):
            return Box.of(f" {text} " if kind == "mo" and text in SPACED else text + (f"[{layer}]" if layer else ""))
        case Row(items):
            return beside(*map(to_box, items))
        case Fraction(top, bottom):
            return fraction(to_box(top), to_box(bottom))
        case Script(base, below, above):
            box = to_box(base)
            if below is not None:
                box = lowered(box, to_box(below))
            return box if above is None else raised(box, to_box(above))
        case Big(sign, below, above):
            return beside(stacked(to_box(sign), to_box(below), None if above is None else to_box(above)), Box.of(" "))
        case Fence(inside, left, right):
            return fence(to_box(inside), left, right)


SPACED = ("+", "−", "·", "⊙", "=", "<", ">", "≤", "≥", "≠", "→")
"""Operators with room on both sides in text; a sign before a number is a `Sign` of the kind "mn"."""


def row(*items: Layout) -> Layout:
    """Things beside each other; one alone is itself."""
    flat: list[Layout] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Row) else [item])
    return flat[0] if len(flat) == 1 else Row(tuple(flat))


def joined(parts: Sequence[Layout], sign: Sign) -> Layout:
    """`parts` with a sign between each two."""
    items: list[Layout] = []
    for part in parts:
        items.extend([sign, part] if items else [part])
    return row(*items)
