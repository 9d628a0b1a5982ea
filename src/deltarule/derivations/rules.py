"""The rules of differentiation, one line a rule: from ``Derivative(f, x)`` to a formula without derivatives.

Each pass applies a rule to every derivative that is left and says which; derivatives that anybody sees at once (of a
constant, of ``x``, of ``c x``) are taken on the way. Texts are those of `deltarule.derivations.notation`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from .notation import parse

FUNCTIONS = {
    "exp": ("exp({u})", "(e^u)' = e^u u'"),
    "log": ("1 / ({u})", "(ln u)' = u'/u"),
    "tanh": ("(1 - tanh({u})**2)", "tanh' = 1 - tanh²"),
    "sigma": ("sigma({u}) * (1 - sigma({u}))", "σ' = σ(1 - σ)"),
    "Phi": ("phi({u})", "Φ' = φ"),
    "softplus": ("sigma({u})", "softplus' = σ"),
}
"""Function of u -> its derivative by u, and the rule in words."""

MOST_LINES = 12


def differentiate(text: str, x: str, where: Mapping[str, str]) -> list[tuple[str, str]]:
    """The lines from ``Derivative(text, x)`` to its value, each with the rule that leads to it.

    Parameters
    ----------
    text : str
    x : str
        The variable.
    where : mapping
        Abbreviations in the text.

    Returns
    -------
    list of (str, str)
        Without the first line; none if there is nothing to do.
    """
    node = parse(f"Derivative({text}, {x})")
    lines: list[tuple[str, str]] = []
    while len(lines) < MOST_LINES:
        passing = _Pass(x, where)
        node = tidy(passing.visit(node))
        if not passing.rules:
            break
        told = dict.fromkeys(passing.rules)
        rules = [rule for rule in told if f"chain rule, {rule}" not in told]  # said already
        lines.append((ast.unparse(node), ", ".join(rules)))
    return lines


def substitute(text: str, values: Mapping[str, str]) -> str:
    """`text` with names replaced by formulas, and tidied up."""
    return ast.unparse(tidy(_Names(values).visit(ast.parse(text, mode="eval").body)))


def names(text: str) -> set[str]:
    """The names in a text."""
    return {node.id for node in ast.walk(parse(text)) if isinstance(node, ast.Name)}


class _Names(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return parse(self.values[node.id]) if node.id in self.values else node


class _Pass(ast.NodeTransformer):
    """One rule for every derivative in a formula."""

    def __init__(self, x: str, where: Mapping[str, str]) -> None:
        self.x, self.where, self.rules = x, where, list[str]()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "Derivative":
            return self.rule(node.args[0])
        return self.generic_visit(node)

    def is_free(self, node: ast.expr) -> bool:
        """Whether the formula does not depend on x."""
        found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        return self.x not in found and all(self.is_free(parse(self.where[u])) for u in found & set(self.where))

    def d(self, node: ast.expr) -> str:
        """The derivative of a part: its value where that is plain to see, else to be taken in the next pass."""
        plain = self.plain(node)
        return f"Derivative({ast.unparse(node)}, {self.x})" if plain is None else plain

    def plain(self, node: ast.expr) -> str | None:
        """The derivative of a constant, of x, and of c x; None of anything else."""
        if self.is_free(node):
            return "0"
        match node:
            case ast.Name(id=self.x):
                return "1"
            case ast.UnaryOp(operand=inner):
                inside = self.plain(inner)
                return None if inside is None else f"-({inside})"
            case ast.BinOp(left=left, op=ast.Mult(), right=ast.Name(id=self.x)) if self.is_free(left):
                return ast.unparse(left)
            case ast.BinOp(left=ast.Name(id=self.x), op=ast.Div(), right=right) if self.is_free(right):
                return f"1 / ({ast.unparse(right)})"
        return None

    def rule(self, f: ast.expr) -> ast.expr:
        """The derivative of `f` by the rule for its outermost operation."""
        plain = self.plain(f)
        if plain is not None:
            self.rules.append("derivative of a constant" if plain == "0" else "derivative of a linear function")
            return parse(plain)
        match f:
            case ast.Name(id=name):
                self.rules.append(f"insert {name}")
                return parse(f"Derivative({self.where[name]}, {self.x})")
            case ast.UnaryOp(operand=inner):
                self.rules.append("constant factor")
                return parse(f"-({self.d(inner)})")
            case ast.Call(func=ast.Name(id=name), args=[u]) if name in FUNCTIONS:
                outer, rule = FUNCTIONS[name]
                is_x = isinstance(u, ast.Name) and u.id == self.x
                self.rules.append(rule if is_x else f"chain rule, {rule}")
                return parse(f"{outer.format(u=ast.unparse(u))} * {self.d(u)}")
            case ast.BinOp(left=left, op=op, right=right):
                return self.operation(left, op, right)
        raise ValueError(f"expected a formula with known derivatives, found {ast.unparse(f)!r}")

    def operation(self, left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
        """Sums, products, quotients and powers."""
        u, v = f"({ast.unparse(left)})", f"({ast.unparse(right)})"
        free = self.is_free(left), self.is_free(right)
        match op, free:
            case ((ast.Add() | ast.Sub()), _):
                rule, text = "sum rule", f"{self.d(left)} {'+' if isinstance(op, ast.Add) else '-'} ({self.d(right)})"
            case ast.Mult(), (True, _):
                rule, text = "constant factor", f"{u} * ({self.d(right)})"
            case ast.Mult(), (_, True):
                rule, text = "constant factor", f"({self.d(left)}) * {v}"
            case ast.Mult(), _:
                rule, text = "product rule", f"({self.d(left)}) * {v} + {u} * ({self.d(right)})"
            case ast.Div(), (_, True):
                rule, text = "constant factor", f"({self.d(left)}) / {v}"
            case ast.Div(), (True, _):
                rule, text = "chain rule, (1/u)' = -u'/u²", f"-({u} * ({self.d(right)}) / {v}**2)"
            case ast.Div(), _:
                top = f"({self.d(left)}) * {v} - {u} * ({self.d(right)})"
                rule, text = "quotient rule", f"({top}) / {v}**2"
            case ast.Pow(), (_, True):
                down = ast.unparse(tidy(parse(f"{v} - 1")))
                power = "power rule" if isinstance(left, ast.Name) else "chain rule, (uⁿ)' = n uⁿ⁻¹ u'"
                rule, text = power, f"{v} * {u}**({down}) * ({self.d(left)})"
            case _:
                raise ValueError(f"expected a formula with known derivatives, found {u} and {v}")
        self.rules.append(rule)
        return parse(text)


def tidy(node: ast.AST) -> ast.expr:
    """The same formula without zeros, ones and double signs; whole numbers are added up."""
    found = _Tidy().visit(ast.parse(ast.unparse(node), mode="eval").body)
    assert isinstance(found, ast.expr)
    return found


class _Tidy(ast.NodeTransformer):
    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        inner = self.tidied(node.operand)
        if isinstance(inner, ast.UnaryOp):
            return inner.operand
        return inner if _is(inner, 0) else ast.UnaryOp(ast.USub(), inner)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(argument) for argument in node.args]
        is_exp = isinstance(node.func, ast.Name) and node.func.id == "exp"
        return ast.Constant(1) if is_exp and _is(node.args[0], 0) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right, op = self.tidied(node.left), self.tidied(node.right), node.op
        whole = _whole(left, right, op)
        if whole is not None:
            return ast.Constant(whole) if whole >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-whole))
        rule = self.sum if isinstance(op, ast.Add | ast.Sub) else self.product
        found = rule(left, op, right)
        return ast.BinOp(left, op, right) if found is None else found

    def sum(self, left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr | None:
        """Zeros go, two signs become one; None if there is nothing to do."""
        plus = isinstance(op, ast.Add)
        if _is(left, 0):
            return right if plus else ast.UnaryOp(ast.USub(), right)
        if _is(right, 0):
            return left
        if isinstance(right, ast.UnaryOp):
            return ast.BinOp(left, ast.Sub() if plus else ast.Add(), right.operand)
        return None

    def product(self, left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr | None:
        """Zeros and ones go, signs go to the front, a common factor is canceled; of products, quotients and powers."""
        times, over = isinstance(op, ast.Mult), isinstance(op, ast.Div)
        if _is(right, 1) or (_is(left, 0) and (times or over)):
            return left
        if times and (_is(right, 0) or _is(left, 1)):
            return right
        if over and _leading(left, right):
            return self.tidied(_without_leading(left))
        if times or over:
            for side, moved in ((left, lambda u: (u, right)), (right, lambda u: (left, u))):
                if isinstance(side, ast.UnaryOp):
                    first, second = moved(side.operand)
                    return ast.UnaryOp(ast.USub(), self.tidied(ast.BinOp(first, op, second)))
        return None

    def tidied(self, node: ast.expr) -> ast.expr:
        """A part that has become simpler, once more."""
        found: ast.expr = self.visit(node)
        return found


def _is(node: ast.expr, value: int) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def _leading(node: ast.expr, factor: ast.expr) -> bool:
    """Whether a product begins with this number."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        node = node.left
        if isinstance(node, ast.Constant) and isinstance(factor, ast.Constant):
            return bool(node.value == factor.value)
    return False


def _without_leading(node: ast.expr) -> ast.expr:
    """A product without its first factor."""
    assert isinstance(node, ast.BinOp)
    if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Mult):
        return ast.BinOp(_without_leading(node.left), node.op, node.right)
    return node.right


def _whole(left: ast.expr, right: ast.expr, op: ast.operator) -> int | None:
    """The sum, difference or product of two whole numbers."""
    if not (isinstance(left, ast.Constant) and isinstance(right, ast.Constant)):
        return None
    a, b = left.value, right.value
    if not (isinstance(a, int) and isinstance(b, int)):
        return None
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
    return None
