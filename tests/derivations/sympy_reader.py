"""Reads the lines of a derivation with SymPy: names are replaced by what they stand for, derivatives are SymPy's.

In ``Derivative(f, x)`` the names in f are replaced until x stands there, then SymPy differentiates by x, then the rest
is replaced. Sums and matrices are written out for small sizes.
"""

from __future__ import annotations

import ast
import zlib
from collections.abc import Mapping
from itertools import product

import sympy

SIZES = {"m": 2, "K": 3, "n_0": 1, "n_1": 3, "n_2": 2}
FUNCTIONS = {
    "exp": sympy.exp, "log": sympy.log, "tanh": sympy.tanh, "sqrt": sympy.sqrt, "erf": sympy.erf, "Abs": sympy.Abs,
    "Max": sympy.Max, "Min": sympy.Min,
}  # fmt: skip


def read_constant(text: str) -> sympy.Expr:
    """A number: decimals become fractions, so that nothing is rounded."""
    return sympy.Rational(text)


class Reader:
    """One derivation, under one condition.

    Parameters
    ----------
    definitions : mapping
        As the derivation gives them: ``"S"``, ``"a[i]"``, ``"sigma(z)"`` -> text.
    shapes : mapping
        Name of a matrix -> ``"(n_1, m)"``.
    functions : mapping
        Name -> function of SymPy expressions, for those that the derivation leaves open.
    values : mapping
        Symbol -> what it is under the condition.
    exact_numbers : bool
        Give every other entry of a matrix a fraction of its own, which is quicker than symbols throughout.
    """

    def __init__(
        self,
        definitions: Mapping[str, str],
        shapes: Mapping[str, str] = (),
        functions=(),
        values=(),
        exact_numbers=False,
    ):
        self.shapes = {
            name: tuple(self.size(n) for n in ast.literal_eval(quoted(s))) for name, s in dict(shapes).items()
        }
        self.exact_numbers = exact_numbers
        self.functions, self.values = dict(FUNCTIONS) | dict(functions), dict(values)
        self.plain, self.indexed = {}, {}
        for left, right in definitions.items():
            node = ast.parse(left, mode="eval").body
            if isinstance(node, ast.Name):
                self.plain[node.id] = right
            elif isinstance(node, ast.Subscript):
                self.indexed[node.value.id] = ([i.id for i in indices(node)], right)
            elif isinstance(node, ast.Call):
                self.functions.setdefault(node.func.id, self.function(node.args[0].id, right))
        self.cache = {}

    @staticmethod
    def size(name: str) -> int:
        return SIZES[name] if name in SIZES else int(name)

    def function(self, argument: str, body: str):
        def call(value):
            inside = Reader({}, functions=self.functions)
            return inside.read(body).subs(sympy.Symbol(argument), value)

        return call

    def read(self, text: str, bound: Mapping[str, int] = (), kept: frozenset[str] = frozenset()):
        """The value of a text: an expression, or a matrix."""
        return self.visit(ast.parse(text, mode="eval").body, dict(bound), kept)

    def visit(self, node, bound, kept):
        match node:
            case ast.Constant(value=value):
                return read_constant(str(value))
            case ast.Name(id=name):
                return self.name(name, bound, kept)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self.visit(inner, bound, kept)
            case ast.BinOp(left=left, op=op, right=right):
                return combine(self.visit(left, bound, kept), op, self.visit(right, bound, kept))
            case ast.Attribute(value=inner, attr="T"):
                return self.visit(inner, bound, kept).T
            case ast.Subscript():
                return self.entry(node.value.id, [int(self.visit(i, bound, kept)) for i in indices(node)], kept)
            case ast.Call(func=ast.Name(id=name), args=args):
                return self.call(name, args, bound, kept)
        raise AssertionError(ast.unparse(node))

    def name(self, name, bound, kept):
        if name in bound:
            return sympy.Integer(bound[name])
        if name in self.shapes:
            return self.matrix(name, kept)
        if name == "pi":
            return sympy.pi
        if name in SIZES and name not in self.plain:
            return sympy.Integer(SIZES[name])
        if name in self.plain and name not in kept:
            if (name, kept) not in self.cache:
                self.cache[name, kept] = self.read(self.plain[name], {}, kept)
            return self.cache[name, kept]
        symbol = sympy.Symbol(name)
        return self.values.get(symbol, symbol) if name not in kept else symbol

    def matrix(self, name, kept):
        key = name, kept
        if key not in self.cache:
            rows, columns = self.shapes[name]
            if name in self.plain and name not in kept:
                self.cache[key] = self.read(self.plain[name], {}, kept)
            else:
                self.cache[key] = sympy.Matrix(rows, columns, lambda i, j: self.symbol(name, [i + 1, j + 1], kept))
        return self.cache[key]

    def symbol(self, name, index, kept=frozenset()):
        symbol = sympy.Symbol("_".join([name, *map(str, index)]))
        if name in kept:
            return symbol
        return fraction(symbol.name) if self.exact_numbers else self.values.get(symbol, symbol)

    def entry(self, name, index, kept):
        if name == "delta":
            return sympy.KroneckerDelta(*index)
        if name in self.shapes:
            return self.matrix(name, kept)[index[0] - 1, (index[1] if len(index) > 1 else 1) - 1]
        if name in self.gradients():
            by = ast.parse(self.plain[name], mode="eval").body.args[1].id
            return self.read(f"Partial(J, {by}[{', '.join(map(str, index))}])", {}, kept)
        if name in self.indexed and name not in kept:
            names, right = self.indexed[name]
            return self.read(right, dict(zip(names, index, strict=True)), kept)
        if name in self.plain and name not in kept:  # of each sample: the names in it are of that sample too
            return self.read(each(self.plain[name], index[0]), {}, kept)
        return self.symbol(name, index, kept)

    def gradients(self):
        return [name for name, right in self.plain.items() if right.startswith("Partial(J, ") and name.startswith("d")]

    def call(self, name, args, bound, kept):
        if name in ("Derivative", "Partial"):
            return self.derivative(*args, bound, kept)
        if name == "Sum":
            index, first, last = (part for part in args[1].elts)
            numbers = range(int(self.visit(first, bound, kept)), int(self.visit(last, bound, kept)) + 1)
            return sum((self.visit(args[0], bound | {index.id: k}, kept) for k in numbers), sympy.Integer(0))
        if name == "Limit":
            of, by, to, side = args
            return sympy.limit(
                self.visit(of, bound, kept), sympy.Symbol(by.id), self.visit(to, bound, kept), ast.literal_eval(side)
            )
        values = [self.visit(argument, bound, kept) for argument in args]
        if name == "hadamard":
            return values[0].multiply_elementwise(values[1])
        if isinstance(values[0], sympy.MatrixBase):
            return values[0].applyfunc(self.functions[name])
        return self.functions[name](*values)

    def derivative(self, of, by, bound, kept):
        base = by.id if isinstance(by, ast.Name) else by.value.id
        if isinstance(by, ast.Name) and base in self.shapes:
            return self.whole(of, base, bound, kept)
        inside = kept | {base}
        symbol = self.visit(by, bound, inside)
        found = self.visit(of, bound, inside).diff(symbol)
        return self.expand(found, base, kept)

    def whole(self, of, base, bound, kept):
        """The derivative by each entry of a matrix."""
        rows, columns = self.shapes[base]
        entries = [[f"{base}[{i + 1}, {j + 1}]" for j in range(columns)] for i in range(rows)]
        text = ast.unparse(of)
        return sympy.Matrix([[self.read(f"Partial({text}, {entry})", bound, kept) for entry in row] for row in entries])

    def expand(self, found, base, kept):
        """Replace the symbols of `base` by what they stand for."""
        if base in kept:
            return found
        replaced = {}
        for symbol in found.free_symbols:
            name, *index = symbol.name.split("_") if symbol.name not in SIZES else [symbol.name]
            if name != base:
                continue
            text = f"{base}[{', '.join(index)}]" if index else base
            replaced[symbol] = self.read(text, {}, kept)
        return found.subs(replaced, simultaneous=True)


def fraction(name: str) -> sympy.Rational:
    """A number of its own for each name."""
    code = zlib.crc32(name.encode())
    return sympy.Rational(code % 97 - 48, code % 13 + 2)


def quoted(shape: str) -> str:
    return "(" + ", ".join(repr(part.strip()) for part in shape.strip("()").split(",")) + ")"


def indices(node: ast.Subscript) -> list[ast.expr]:
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def each(text: str, i: int) -> str:
    """A definition for the i-th sample: its names belong to the sample, but for the parameters."""

    class Indexed(ast.NodeTransformer):
        def visit_Call(self, node):
            node.args = [self.visit(argument) for argument in node.args]
            return node

        def visit_Name(self, node):
            parameters = ("w", "b", "delta", "q", "m")
            return node if node.id in parameters else ast.parse(f"{node.id}[{i}]", mode="eval").body

    return ast.unparse(Indexed().visit(ast.parse(text, mode="eval")))


def combine(a, op, b):
    """Arithmetic; a column is added to every column of a matrix."""
    if isinstance(a, sympy.MatrixBase) and isinstance(b, sympy.MatrixBase) and a.shape != b.shape:
        assert isinstance(op, ast.Add | ast.MatMult)
        if isinstance(op, ast.Add):
            assert b.shape == (a.rows, 1)
            b = b * sympy.ones(1, a.cols)
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.MatMult():
            return a * b
        case ast.Div():
            return a / b
        case ast.Pow():
            return a**b
    raise AssertionError(op)


def same(a, b) -> bool:
    """Whether two values are equal: by SymPy's simplification, or for matrices and long sums at exact random points."""
    if isinstance(a, sympy.MatrixBase):
        return a.shape == b.shape and all(same(x, y) for x, y in product_of(a, b))
    difference = sympy.sympify(a - b)
    if difference == 0:
        return True
    if len(difference.free_symbols) <= 6 and sympy.simplify(difference) == 0:
        return True
    symbols = sorted(difference.free_symbols, key=str)
    for k in range(3):
        point = {s: sympy.Rational(7 * j + 3 * k + 2, 11 * (j % 3) + 13 + k) for j, s in enumerate(symbols)}
        if sympy.expand(difference.subs(point)) != 0 and abs(sympy.N(difference.subs(point), 40)) > sympy.Float(
            "1e-30"
        ):
            return False
    return bool(symbols)


def product_of(a, b):
    return ((a[i, j], b[i, j]) for i, j in product(range(a.rows), range(a.cols)))
