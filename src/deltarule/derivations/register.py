"""Derivations of what stands in the registers: by the rules, piece by piece, and at the kinks from both sides."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from ..equations import Activation, Loss
from ..equations.symbolic import Symbolic
from ..registry import Entry
from .derivation import Derivation, Line, Part
from .layout import to_box
from .notation import layout
from .rules import differentiate, names, substitute

MEANINGS = {
    "sigma": ("sigma(x)", "1 / (1 + exp(-x))"),
    "Phi": ("Phi(x)", "(1 + erf(x / sqrt(2))) / 2"),
    "phi": ("phi(x)", "exp(-x**2 / 2) / sqrt(2 * pi)"),
    "softplus": ("softplus(x)", "log(1 + exp(x))"),
}
"""Functions that stand for themselves in a formula, and what they are."""


def derive_activation(g: Activation) -> Derivation:
    """``g'(Z)`` of each piece and at each kink; ``∂g/∂p`` too where ``p`` is learned."""
    symbolic = g.symbolic
    assert symbolic is not None
    learned = g.learns is not None
    parts = _pieces(symbolic, "Z", "Z", partial=learned)
    for k, at in enumerate(symbolic.between):
        parts += _kink(symbolic, k, at)
    if learned:
        parts += _pieces(symbolic, "p", "Z", partial=True)
    taken = re.sub(r"[a-z]+", lambda word: shown(word[0]) if word[0] in g.settings else word[0], g.at_kink)
    remarks = (f"At a kink deltarule takes {taken}; PyTorch and JAX do the same for ReLU.",) if g.at_kink else ()
    return Derivation(str(g), f"The derivative of {g.name}", _definitions(g, symbolic, "g", "Z"), tuple(parts), remarks)


def derive_loss(loss: Loss) -> Derivation:
    """``∂L/∂ŷ`` of each piece."""
    symbolic = loss.symbolic
    assert symbolic is not None
    remarks = (f"There is no derivative at ŷ = y; there {loss.at_kink} is taken.",) if loss.at_kink else ()
    parts = tuple(_pieces(symbolic, "yhat", "yhat", partial=True))
    return Derivation(
        str(loss), f"The derivative of {loss.name}", _definitions(loss, symbolic, "L", "yhat"), parts, remarks
    )


def conditions(symbolic: Symbolic, x: str) -> list[str]:
    """Where each piece holds: left of the first border, between two, right of the last."""
    borders = symbolic.between
    if not borders:
        return [""]
    inner = [f"{low} < {x} < {high}" for low, high in pairwise(borders)]
    return [f"{x} < {borders[0]}", *inner, f"{x} > {borders[-1]}"]


def shown(text: str) -> str:
    """A short expression within a sentence: on one line."""
    box = to_box(layout(text))
    return box.lines[0].strip() if len(box.lines) == 1 else text.replace(" ", "")


def _definitions(entry: Entry, symbolic: Symbolic, name: str, x: str) -> dict[str, str]:
    """The formula, its abbreviations, the options in force, and the functions that the lines are made of."""
    found: dict[str, str] = {}
    for piece, where in zip(symbolic.pieces, conditions(symbolic, x), strict=True):
        found[f"{name} | {where}" if where else name] = piece
    found |= symbolic.where
    texts = [*symbolic.pieces, *symbolic.where.values(), *symbolic.between]
    used = set().union(*map(names, texts))
    found |= {option: repr(value) for option, value in entry.settings.items() if option in used}
    lines = [line for piece in symbolic.pieces for line, _ in differentiate(piece, x, symbolic.where)]
    used = used.union(*map(names, lines), *(names(line) for line, _ in symbolic.close))
    return found | dict(meaning for function, meaning in MEANINGS.items() if function in used)


def _pieces(symbolic: Symbolic, x: str, variable: str, *, partial: bool) -> list[Part]:
    """The derivative by `x` of each piece."""
    sign = "Partial" if partial else "Derivative"
    parts = []
    for piece, where in zip(symbolic.pieces, conditions(symbolic, variable), strict=True):
        found = differentiate(piece, x, symbolic.where)
        if len(symbolic.pieces) == 1:
            found += symbolic.close
        lines = [
            Line(f"{sign}({piece}, {x})"),
            *(Line(line.replace("Derivative(", f"{sign}("), why) for line, why in found),
        ]
        titles = [f"by {x}" if x != variable else "", f"for {shown(where)}" if where else ""]
        parts.append(Part(", ".join(filter(None, titles)), tuple(lines), where))
    return parts


def _kink(symbolic: Symbolic, k: int, at: str) -> list[Part]:
    """The derivative at a border from the left and from the right, as limits."""
    value = substitute(symbolic.pieces[k], {"Z": at})
    slopes, parts = [], []
    for piece, side, name in ((symbolic.pieces[k], "-", "left"), (symbolic.pieces[k + 1], "+", "right")):
        moved = substitute(piece, {"Z": substitute("at + h", {"at": at})})
        slopes.append(substitute(differentiate(piece, "Z", symbolic.where)[-1][0], {"Z": at}))
        lines = (
            Line(f"Limit((({moved}) - ({value})) / h, h, 0, '{side}')"),
            Line(slopes[-1], f"the slope of this piece at Z = {at}"),
        )
        parts.append(Part(f"at Z = {at}, from the {name}", lines, f"Z == {at}"))
    left, right = map(shown, slopes)
    unless = f", unless {left} = {right}" if names(slopes[0]) or names(slopes[1]) else ""
    note = (
        f"From the left {left}, from the right {right}: at Z = {at} there is no derivative{unless}. "
        "Any value between the two is a subgradient."
    )
    return [parts[0], replace(parts[1], note=note)]
