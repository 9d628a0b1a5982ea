"""What a formula is made of, looked at before anything of it is computed: a formula may come from a file of anybody.

The library formulaic evaluates each factor of a formula as Python. So each is taken apart here first, and refused if it
holds anything but names of columns, numbers, arithmetic and a few functions that have no memory.
"""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from deltarule.errors import InvalidOption

FUNCTIONS = {name: getattr(np, name) for name in ("log", "log2", "log10", "log1p", "exp", "expm1", "sqrt", "abs")}
"""What a formula may call on numbers, beside ``I()``, which shields arithmetic, and ``C()``, which makes categories."""
CONTRASTS = ("Treatment", "Sum")
"""What may stand beside a column in ``C()``, with the reference level in parentheses."""
LONGEST, HIGHEST = 1000, 10
"""Characters of a formula, and the exponent of a power."""
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


def split_formula(text: str) -> tuple[str | None, str]:
    """The column on the left of ``~``, if there is one, and what is on the right.

    Raises
    ------
    InvalidOption
        For anything but the name of a column on the left, and more than one ``~``.
    """
    left, tilde, right = text.rpartition("~")
    if len(text) > LONGEST or "~" in left or not right.strip():
        raise InvalidOption(f"expected a formula of at most {LONGEST} characters such as 'y ~ x', found {text[:80]!r}")
    target = left.strip().strip("`")
    if re.search(r"[()*/]", target) and "`" not in left:
        raise InvalidOption(
            f"expected the name of a column on the left of ~, found {target[:80]!r}", "write what it is into a column"
        )
    return (target or None) if tilde else None, right.strip()


@dataclass(frozen=True)
class Terms:
    """A formula that has been looked at: its columns, those that are categories, whether it has an intercept."""

    formula: Any
    columns: tuple[str, ...]
    categories: frozenset[str]
    intercept: bool


def read_formula(right: str) -> Terms:
    """Take a formula apart, and refuse what must not be computed.

    Raises
    ------
    InvalidOption
        For a formula that cannot be read, or calls what is not among the known functions.
    """
    try:
        from formulaic import Formula
        from formulaic.errors import FormulaicError
    except ImportError:
        raise InvalidOption(
            "expected the library formulaic for a formula, found none", "pip install 'deltarule[formula]'"
        ) from None
    if re.search(r"\*\*\s*\d{2}|\^\s*\d{2}|[\[\]]|\|", right) or len(right) > LONGEST:
        raise InvalidOption(f"expected a formula such as 'y ~ x + C(group)', found {right[:80]!r}")
    try:
        formula = Formula(right)
        factors = [factor for term in formula for factor in term.factors]
    except (FormulaicError, AttributeError, SyntaxError, ValueError, RecursionError) as error:
        reason = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
        words = [word for word in re.findall(r"\w+", right) if keyword.iskeyword(word)]
        raise InvalidOption(
            f"expected a formula such as 'y ~ x + C(group)', found {right!r} ({reason[:120]})",
            f"rename the column {words[0]!r}, a word of Python" if words else "",
        ) from None
    names: dict[str, None] = {}
    categories: set[str] = set()
    intercept = False
    for factor in factors:
        if factor.eval_method.value == "literal":
            intercept = intercept or factor.expr == "1"
            if factor.expr not in ("1", "0"):
                raise InvalidOption(f"expected columns in a formula, found the number {factor.expr}")
        elif factor.eval_method.value == "lookup":
            names[factor.expr] = None
        else:
            _look_into(factor.expr, names, categories)
    if not names:
        raise InvalidOption(f"expected at least one column in the formula, found {right!r}")
    return Terms(formula, tuple(names), frozenset(categories), intercept)


def _look_into(text: str, names: dict[str, None], categories: set[str]) -> None:
    """Note the columns of an expression; refuse it unless it is made of known functions, arithmetic and numbers."""
    quoted: dict[str, str] = {}

    def placeholder(found: re.Match[str]) -> str:
        return quoted.setdefault(found[1], f"_quoted_{len(quoted)}_")

    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", placeholder, text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise InvalidOption(f"expected an expression in the formula, found {text[:80]!r}") from None
    originals = {short: name for name, short in quoted.items()}
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "C":
        if not tree.args or not isinstance(tree.args[0], ast.Name) or tree.keywords or len(tree.args) > 2:
            raise InvalidOption(f"expected C(column), found {text[:80]!r}")
        if len(tree.args) == 2 and not _is_contrast(tree.args[1]):
            known = ", ".join(f"{name}('level')" for name in CONTRASTS)
            raise InvalidOption(f"expected {known} in C(), found {text[:80]!r}")
        name = originals.get(tree.args[0].id, tree.args[0].id)
        names[name] = None
        categories.add(name)
        return
    found = _columns_of(tree, text)
    if not found:
        raise InvalidOption(f"expected a column in {text[:80]!r}, found none")
    names |= dict.fromkeys(originals.get(name, name) for name in found)


def _is_contrast(tree: ast.expr) -> bool:
    """``Treatment("level")``, and nothing that computes."""
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or tree.func.id not in CONTRASTS:
        return False
    return not tree.keywords and all(isinstance(arg, ast.Constant) and isinstance(arg.value, str) for arg in tree.args)


def _columns_of(tree: ast.expr, text: str) -> list[str]:
    """The names in an expression on numbers, each node of which is known."""
    match tree:
        case ast.Name():
            return [tree.id]
        case ast.Constant(value=int() | float()):
            return []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return _columns_of(tree.operand, text)
        case ast.BinOp() if isinstance(tree.op, _ARITHMETIC):
            left, right = _columns_of(tree.left, text), _columns_of(tree.right, text)
            if not isinstance(tree.op, ast.Pow):
                return left + right
            exponent = tree.right.operand if isinstance(tree.right, ast.UnaryOp) else tree.right
            if left and isinstance(exponent, ast.Constant) and abs(exponent.value) <= HIGHEST:  # type: ignore[arg-type]
                return left
            raise InvalidOption(f"expected a column to a power of at most {HIGHEST}, found {text[:80]!r}")
        case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name == "I" or name in FUNCTIONS:
            return _columns_of(inner, text)
    known = ", ".join(f"{name}()" for name in ("C", "I", *FUNCTIONS))
    raise InvalidOption(f"expected columns, numbers, + - * / ** and {known} in the formula, found {text[:80]!r}")
