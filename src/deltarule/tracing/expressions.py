"""What stands on a line of the trace: symbols, numbers and the signs between them, in no particular notation.

`parse` reads the LaTeX of the registers into the same nodes, so that a formula of the register is shown on the terminal
and in MathML as well. The faces turn nodes into text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ..arrays import Array


@dataclass(frozen=True)
class Atom:
    """One sign: `latex` and `text` (Unicode); `kind` is name, number, operator, function, text or space."""

    latex: str
    text: str
    kind: str = "operator"


@dataclass(frozen=True)
class Symbol:
    """A quantity of the lecture, such as ``dW[2]``: a name, and the layer if it has one.

    An underscore in the name begins an index: ``v_W`` is the ``v`` of an optimizer that belongs to ``W``.
    """

    name: str
    layer: int | None = None

    @property
    def key(self) -> str:
        """``dW2``: what the quantity is called in answers, and what lights up together."""
        return self.name if self.layer is None else f"{self.name}{self.layer}"


@dataclass(frozen=True, eq=False)
class Value:
    """The numbers of a quantity, (rows, columns) as on the slides; `key` says of which, "" if of none.

    Entries are floats, or whole numbers and fractions where these are exact.
    """

    key: str
    array: Array


@dataclass(frozen=True)
class Row:
    """Things that stand side by side."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Script:
    """A base with something above or below its end."""

    base: Node
    above: Node | None = None
    below: Node | None = None


@dataclass(frozen=True)
class Ratio:
    """A fraction."""

    top: Node
    bottom: Node


@dataclass(frozen=True)
class Root:
    """A square root."""

    inside: Node


@dataclass(frozen=True)
class Cases:
    """A definition by cases: (value, condition) each."""

    rows: tuple[tuple[Node, Node], ...]


Node: TypeAlias = Atom | Symbol | Value | Row | Script | Ratio | Root | Cases

OPERATORS = {
    "cdot": "·", "odot": "⊙", "le": "≤", "ge": "≥", "leftarrow": "←", "sum": "Σ", "pm": "±", "times": "×",
    "partial": "∂", "infty": "∞", "approx": "≈", "Delta": "Δ",
    "lfloor": "⌊", "rfloor": "⌋", "to": "→", "cdots": "⋯", "Rightarrow": "⇒",
}  # fmt: skip
LETTERS = {
    "alpha": "α", "beta": "β", "delta": "δ", "epsilon": "ε", "lambda": "λ", "mu": "μ", "rho": "ρ", "sigma": "σ",
    "theta": "θ", "tau": "τ", "pi": "π", "Phi": "Φ", "varphi": "φ", "Omega": "Ω", "gamma": "γ", "eta": "η", "phi": "ϕ",
}  # fmt: skip
FUNCTIONS = {name: name for name in ("max", "min", "ln", "log", "tanh", "cos", "sin", "exp", "sinh", "cosh", "arctan")}
WORDS = {"text": "text", "operatorname": "function", "mathit": "name"}
ACCENTS = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304"}
SPACES = {",", " ", ";", ":", "quad"}
NOTHING = {"left", "right", "!", "displaystyle", "big", "Big"}
COMPOSED = {"y\u0302": "ŷ", "a\u0303": "ã"}

SIGNS = {"+", "-", "·", "⊙"}
"""After which a number below zero would look odd."""

SPACE = Atom(r"\,", " ", "space")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)


def parse(latex: str) -> Node:
    """The nodes of a formula in the LaTeX that the registers use; what it does not know stays a name."""
    return _Parser(_TOKEN.findall(latex)).row(())


def word(text: str) -> Atom:
    """Upright text."""
    return Atom(rf"\text{{{text}}}", text, "text")


def number(value: object) -> Value:
    """One number, of no quantity."""
    array = np.empty((1, 1), dtype=object)
    array[0, 0] = value
    return Value("", array)


def row(*items: Node | str) -> Row:
    """Side by side; a text is LaTeX. A number below zero is put in parentheses after a sign."""
    parts: list[Node] = []
    for item in items:
        node = parse(item) if isinstance(item, str) else item
        before = parts[-1] if parts else None
        signed = isinstance(before, Atom) and before.text in SIGNS
        if signed and is_negative(node):
            parts += (Atom("(", "("), node, Atom(")", ")"))
        else:
            parts += node.items if isinstance(node, Row) else (node,)
    return Row(tuple(parts))


def transposed(node: Node) -> Script:
    """``node ᵀ``."""
    return Script(node, above=Atom(r"\top", "T", "name"))


def function(latex: str, argument: Node) -> Row:
    """``f(argument)``."""
    return row(latex, "(", argument, ")")


class _Parser:
    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> str:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        self.peek()
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def row(self, stop: tuple[str, ...]) -> Node:
        """Items up to one of `stop`, which is left standing."""
        items: list[Node] = []
        while self.peek() and self.peek() not in stop:
            token = self.next()
            if token in ("^", "_"):
                base = items.pop() if items else Row(())
                items.append(self.script(base, token))
            elif token[1:] not in NOTHING or token[0] != "\\":
                items.append(self.item(token))
        return items[0] if len(items) == 1 else Row(tuple(items))

    def script(self, base: Node, token: str) -> Script:
        old = base if isinstance(base, Script) else Script(base)
        return replace(old, **{"above" if token == "^" else "below": self.argument()})

    def argument(self) -> Node:
        """A group in braces, or one sign."""
        token = self.next()
        return self.item(token, alone=True)

    def item(self, token: str, *, alone: bool = False) -> Node:
        if token == "{":
            inside = self.row(("}",))
            self.next()
            return inside
        if token.isdigit():
            while not alone and re.fullmatch(r"[\d.]", self.peek()):
                token += self.next()
            return Atom(token, token, "number")
        if token.startswith("\\"):
            return self.command(token, token[1:])
        if token.isalpha():
            return Atom(token, token, "name")
        return Atom(token, {"-": "-", "*": "·"}.get(token, token))

    def command(self, token: str, name: str) -> Node:
        if name in ("frac", "tfrac", "dfrac"):
            return Ratio(self.argument(), self.argument())
        if name == "sqrt":
            return Root(self.argument())
        if name == "begin":
            self.braced()
            return self.cases()
        if name in ACCENTS:
            base = self.argument()
            letter = base.text if isinstance(base, Atom) else "?"
            return Atom(rf"\{name}{{{letter}}}", COMPOSED.get(letter + ACCENTS[name], letter + ACCENTS[name]), "name")
        return self.words(name) if name in WORDS else _sign(token, name)

    def words(self, name: str) -> Atom:
        text = self.braced()
        return Atom(rf"\{name}{{{text}}}", text, WORDS[name])

    def braced(self) -> str:
        self.next()
        start = self.at
        while self.peek() not in ("}", ""):
            self.next()
        text = "".join(self.tokens[start : self.at])
        self.next()
        return text.replace("\\_", "_")

    def cases(self) -> Node:
        rows = []
        while self.peek() and self.peek() != r"\end":
            value = self.row(("&", r"\\", r"\end"))
            condition: Node = Row(())
            if self.peek() == "&":
                self.next()
                condition = self.row((r"\\", r"\end"))
            if self.peek() == r"\\":
                self.next()
            rows.append((value, condition))
        self.next()
        self.braced()
        return Cases(tuple(rows))


def _sign(token: str, name: str) -> Atom:
    """One sign that LaTeX has a command for."""
    if name in SPACES:
        return SPACE
    for known, kind in ((OPERATORS, "operator"), (LETTERS, "name"), (FUNCTIONS, "function")):
        if name in known:
            return Atom(token, known[name], kind)
    return Atom(token, name, "name" if name.isalpha() else "operator")


def is_negative(node: Node) -> bool:
    """Whether it is one number, below zero."""
    return isinstance(node, Value) and node.array.size == 1 and bool(node.array.flat[0] < 0)
