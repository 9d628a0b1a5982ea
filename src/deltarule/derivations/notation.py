"""From a text that SymPy and Python can read, such as ``exp(-z) / (1 + exp(-z))**2``, to a formula as people write it.

The text is the only form in which a line of a derivation is stored: what the tests verify is what is shown. It is read
as Python's own grammar has it, and never evaluated. Beside arithmetic it may hold

=============================  ==========================================
``Derivative(f, x)``           d f / d x
``Partial(f, x)``              the same with ∂
``Sum(f, (k, 1, K))``          a sum over k
``Limit(f, h, 0, "-")``        a limit from the left, ``"+"`` from the right
``hadamard(A, B)``             entry by entry, ⊙
``A @ B``, ``A.T``, ``Z[i, j]``  matrices
``W2``, ``dW2``                of the lecture's layer [2]
=============================  ==========================================
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from .layout import Big, Fence, Fraction, Layout, Row, Script, Sign, joined, row

GREEK = {
    "alpha": "α", "delta": "δ", "lamda": "λ", "sigma": "σ", "pi": "π", "phi": "φ", "Phi": "Φ", "theta": "θ",
}  # fmt: skip
LATEX = {"lamda": r"\lambda", "phi": r"\varphi"}
SIGNS = {
    "yhat": Sign("ŷ", r"\hat y"),
    "slope": Sign("s", "s"),
    "initial": Sign("p", "p"),
}
WORDS = {
    "log": "ln", "tanh": "tanh", "Max": "max", "Min": "min", "sign": "sign", "erf": "erf",
    "softmax": "softmax", "softplus": "softplus",
}  # fmt: skip
COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Gt: (">", ">"), ast.Lt: ("<", "<"), ast.GtE: ("≥", r"\ge"), ast.LtE: ("≤", r"\le"), ast.Eq: ("=", "="),
    ast.NotEq: ("≠", r"\ne"),
}  # fmt: skip
PLUS, MINUS, NEGATIVE = Sign("+", "+", "mo"), Sign("−", "-", "mo"), Sign("−", "-", "mn")
DOT, CIRCLE, COMMA = Sign("·", r"\cdot", "mo"), Sign("⊙", r"\odot", "mo"), Sign(", ", ",\\,", "mo")
THIN = Sign(" ", r"\,", "mspace")
PRIME, TRANSPOSED = Sign("′", r"\prime", "mo"), Sign("T", r"\top")
SUM, LIMIT, ARROW = Sign("∑", r"\sum", "mo"), Sign("lim", r"\lim", "mo"), Sign("→", r"\to", "mo")

SUMMAND, FACTOR, POWER, ATOM = range(4)
"""How tightly a formula holds together: a sum needs parentheses as a factor, a product as a base."""

_LAYER = re.compile(r"^(d?)([A-Za-z])(\d|L)$")
_PRIMED = re.compile(r"^d(g|sigma|tanh|softmax)(\d?)$")


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.expr:
    """The tree of a text, as Python's grammar has it."""
    return ast.parse(text, mode="eval").body


def layout(text: str) -> Layout:
    """The formula of a text."""
    return _Formula().visit(parse(text))[0]


def symbol(name: str) -> Layout:
    """A name as the lecture writes it: ``W2`` is W of layer 2, ``n_1`` its index lowered, ``sigma`` is σ."""
    primed, layer = _PRIMED.match(name), _LAYER.match(name)
    base, lowered, index = name.partition("_")
    if primed:
        return Script(symbol(primed[1] + primed[2]), above=PRIME)
    if layer:
        return Sign(layer[1] + layer[2], layer[1] + layer[2], layer=layer[3])
    return Script(letter(base), below=letter(index)) if lowered else letter(name)


def letter(name: str) -> Sign:
    """A letter, or a word."""
    if name in SIGNS:
        return SIGNS[name]
    if name in GREEK:
        return Sign(GREEK[name], LATEX.get(name, rf"\{name}"))
    if name in WORDS:
        return Sign(WORDS[name], rf"\operatorname{{{WORDS[name]}}}")
    short = len(name) == 1 or (len(name) == 2 and name.startswith("d"))
    return Sign(name, name if short else rf"\mathit{{{name}}}", "mn" if name.isdigit() else "mi")


class _Formula(ast.NodeVisitor):
    """Each node -> its layout, and how tightly it holds together."""

    def visit(self, node: ast.AST) -> tuple[Layout, int]:
        """Of any node; one that is no formula is refused."""
        found: tuple[Layout, int] = super().visit(node)
        return found

    def generic_visit(self, node: ast.AST) -> tuple[Layout, int]:
        raise ValueError(f"expected a formula, found {ast.unparse(node)!r}")

    def held(self, node: ast.AST, least: int) -> Layout:
        """The layout of a node, in parentheses if it holds together less than needed."""
        inside, tightness = self.visit(node)
        return inside if tightness >= least else Fence(inside)

    def visit_Constant(self, node: ast.Constant) -> tuple[Layout, int]:
        text = str(node.value)
        return Sign(text, text, "mn"), ATOM

    def visit_Name(self, node: ast.Name) -> tuple[Layout, int]:
        return symbol(node.id), ATOM

    def visit_Attribute(self, node: ast.Attribute) -> tuple[Layout, int]:
        if node.attr != "T":
            return self.generic_visit(node)
        return Script(self.held(node.value, ATOM), above=TRANSPOSED), POWER

    def visit_Subscript(self, node: ast.Subscript) -> tuple[Layout, int]:
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return Script(self.held(node.value, ATOM), below=row(*(self.visit(i)[0] for i in index))), ATOM

    def visit_UnaryOp(self, node: ast.UnaryOp) -> tuple[Layout, int]:
        return row(NEGATIVE, self.held(node.operand, FACTOR)), SUMMAND

    def visit_Compare(self, node: ast.Compare) -> tuple[Layout, int]:
        items = [self.visit(node.left)[0]]
        for op, side in zip(node.ops, node.comparators, strict=True):
            text, latex = COMPARED[type(op)]
            items += [Sign(text, latex, "mo"), self.visit(side)[0]]
        return row(*items), SUMMAND

    def visit_BinOp(self, node: ast.BinOp) -> tuple[Layout, int]:
        match node.op:
            case ast.Add():
                return joined([self.visit(node.left)[0], self.held_right(node.right)], PLUS), SUMMAND
            case ast.Sub():
                return joined([self.visit(node.left)[0], self.held(node.right, FACTOR)], MINUS), SUMMAND
            case ast.Div():
                return Fraction(self.visit(node.left)[0], self.visit(node.right)[0]), FACTOR
            case ast.Pow():
                return self.power(node.left, self.visit(node.right)[0]), POWER
            case ast.Mult() | ast.MatMult():
                negative = isinstance(_first(node), ast.UnaryOp)
                return self.product(node.left, node.right), SUMMAND if negative else FACTOR
        return self.generic_visit(node)

    def held_right(self, node: ast.AST) -> Layout:
        """The second summand: a negative one is put in parentheses, a sum is not."""
        negative = isinstance(node, ast.UnaryOp)
        return Fence(self.visit(node)[0]) if negative else self.visit(node)[0]

    def power(self, base: ast.expr, exponent: Layout) -> Layout:
        """``tanh²(Z)`` of a function with a word for a name, else ``(...)²``."""
        if isinstance(base, ast.Call) and isinstance(base.func, ast.Name) and base.func.id in WORDS:
            inside = joined([self.visit(argument)[0] for argument in base.args], COMMA)
            return row(Script(symbol(base.func.id), above=exponent), Fence(inside))
        return Script(self.held(base, ATOM), above=exponent)

    def product(self, left: ast.expr, right: ast.expr) -> Layout:
        """Factors beside each other, with a dot where they could be misread."""
        negative = isinstance(left, ast.UnaryOp)
        first, second = self.visit(left)[0] if negative else self.held(left, FACTOR), self.held(right, FACTOR)
        dotted = _wide(_last(left)) or _wide(_first(right)) or isinstance(_first(right), ast.Constant)
        return joined([first, second], DOT if dotted else THIN)

    def visit_Call(self, node: ast.Call) -> tuple[Layout, int]:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        known = getattr(self, f"call_{name}", None)
        if known is not None:
            found: tuple[Layout, int] = known(*node.args)
            return found
        inside = joined([self.visit(argument)[0] for argument in node.args], COMMA)
        return row(symbol(name), Fence(inside)), ATOM

    def call_exp(self, power: ast.expr) -> tuple[Layout, int]:
        """``e`` raised; a power of it needs parentheses."""
        return Script(Sign("e", "e"), above=self.visit(power)[0]), POWER

    def call_sqrt(self, inside: ast.expr) -> tuple[Layout, int]:
        """As a power, which all three faces can draw."""
        return Script(self.held(inside, ATOM), above=Sign("1/2", "1/2", "mn")), POWER

    def call_Abs(self, inside: ast.expr) -> tuple[Layout, int]:
        """Between bars."""
        return Fence(self.visit(inside)[0], "|", "|"), ATOM

    def call_hadamard(self, left: ast.expr, right: ast.expr) -> tuple[Layout, int]:
        """Entry by entry."""
        return joined([self.held(left, FACTOR), self.held(right, FACTOR)], CIRCLE), SUMMAND

    def call_Derivative(self, of: ast.expr, by: ast.expr) -> tuple[Layout, int]:
        """With a straight d."""
        return self.derivative(Sign("d", "d"), of, by)

    def call_Partial(self, of: ast.expr, by: ast.expr) -> tuple[Layout, int]:
        """With a round one."""
        return self.derivative(Sign("∂", r"\partial"), of, by)

    def derivative(self, d: Sign, of: ast.expr, by: ast.expr) -> tuple[Layout, int]:
        """``df/dx`` of something short, else ``d/dx (...)``."""
        bottom = row(d, self.visit(by)[0])
        if isinstance(of, ast.Name | ast.Subscript):
            return Fraction(row(d, self.visit(of)[0]), bottom), FACTOR
        closed = isinstance(of, ast.Call | ast.Constant) or (
            isinstance(of, ast.BinOp) and isinstance(of.op, ast.Div | ast.Pow)
        )
        inside = self.visit(of)[0]
        return row(Fraction(d, bottom), THIN, inside if closed else Fence(inside)), FACTOR

    def call_Sum(self, of: ast.expr, over: ast.expr) -> tuple[Layout, int]:
        """Over an index from one number to another; it reaches to the end of the product."""
        assert isinstance(over, ast.Tuple)
        index, first, last = (self.visit(part)[0] for part in over.elts)
        below = joined([index, first], Sign("=", "=", "mn"))
        nested = isinstance(of, ast.Call) and isinstance(of.func, ast.Name) and of.func.id == "Sum"
        return row(Big(SUM, below, last), self.visit(of)[0] if nested else self.held(of, FACTOR)), SUMMAND

    def call_Limit(self, of: ast.expr, by: ast.expr, to: ast.expr, side: ast.expr) -> tuple[Layout, int]:
        """From the left or the right."""
        sign = Sign("⁻" if ast.literal_eval(side) == "-" else "⁺", f"^{{{ast.literal_eval(side)}}}", "mo")
        target = row(self.visit(by)[0], ARROW, self.visit(to)[0])
        below = Row((*target.items, sign)) if isinstance(target, Row) else target
        return row(Big(LIMIT, below), self.held(of, FACTOR)), FACTOR


def _first(node: ast.expr) -> ast.expr:
    """The first factor of a product."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult):
        node = node.left
    return node


def _last(node: ast.expr) -> ast.expr:
    """The last factor of a product."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult):
        node = node.right
    return node


def _wide(node: ast.expr) -> bool:
    """A factor beside which a dot is needed: a fraction or a derivative."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("Derivative", "Partial")
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
