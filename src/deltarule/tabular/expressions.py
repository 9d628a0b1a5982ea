"""What a formula is made of, looked at before anything of it is computed: a formula may come from a file of anybody.

The library formulaic evaluates each factor of a formula as Python. So each is taken apart here first, and refused if it
holds anything but names of columns, numbers, arithmetic and a few functions that have no memory.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from deltarule.errors import InvalidOption, missing_library
from deltarule.tabular.values import parse_levels

FUNCTIONS = {name: getattr(np, name) for name in ("log", "log2", "log10", "log1p", "exp", "expm1", "sqrt", "abs")}
"""What a formula may call on numbers, beside ``I()``, which shields arithmetic, and ``C()``, which makes categories."""
CONTRASTS = ("Treatment", "Sum")
"""What may stand beside a column in ``C()``: ``Treatment("level")``, with the reference level, or ``Sum``."""
LONGEST, HIGHEST = 1000, 10
"""Characters of a formula, and the exponent of a power."""
_QUOTED = r"`[^`]*`|'[^']*'|\"[^\"]*\""
_DOT = re.compile(rf"({_QUOTED}|(?<![\w.])\.(?![\w.]))")
_REFERENCE = re.compile(
    rf"`[^`]*`|(Treatment\(\s*(?:reference\s*=\s*)?)({_QUOTED}|[-+]?\d+(?:\.\d*)?|True|False)(?=\s*\))"
)
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
            f"expected the name of a column on the left of ~, found {target[:80]!r}",
            "classes are asked for with --task multiclass; other values of it need a column of their own in the table",
        )
    return (target or None) if tilde else None, right.strip()


def write_out(right: str, others: Iterable[str]) -> str:
    """A formula with the names of `others`, all columns that it may use, in the place of ``.``.

    Raises
    ------
    InvalidOption
        For a dot within a function, and names that a formula cannot hold.
    """
    pieces = _DOT.split(right)
    dots = [k for k, piece in enumerate(pieces) if piece == "."]
    if not dots:
        return right
    if any(_is_within_a_call("".join(pieces[:k:2])) for k in dots):  # every other piece is a quotation or a dot
        raise InvalidOption(
            f"expected . by itself, for all other columns, found it within a function in {right[:80]!r}",
            "name the column",
        )
    names = list(others)
    odd = [name for name in names if re.search(r"[`\[\]|]", name)]
    if odd or not names:
        found = f"{odd[0]!r}" if odd else "no other column"
        raise InvalidOption(
            f"expected other columns for . whose names a formula can hold, found {found}",
            "rename it, or name the columns to be used" if odd else "",
        )
    plain = (name.isidentifier() and name.isascii() and not keyword.iskeyword(name) for name in names)
    written = " + ".join(name if simple else f"`{name}`" for name, simple in zip(names, plain, strict=True))
    if len(written) > LONGEST:
        raise InvalidOption(
            f"expected a formula of at most {LONGEST} characters, found . for {len(names)} columns",
            "leave the formula out: --model linear or logistic takes all columns by itself",
        )
    whole = written if len(pieces) == 3 and not right.strip(". ") else f"({written})"
    return "".join(whole if piece == "." else piece for piece in pieces)


def _is_within_a_call(left: str) -> bool:
    """Whether a parenthesis of a function is open at the end of `left`."""
    opened: list[bool] = []
    for found in re.finditer(r"(\w\s*)?\(|\)", left):
        if found[0] == ")":
            del opened[-1:]
        else:
            opened.append(found[1] is not None)
    return any(opened)


@dataclass(frozen=True)
class Terms:
    """A formula that has been looked at.

    Attributes
    ----------
    formula : formulaic.Formula
    columns : tuple of str
    categories : frozenset of str
        The columns in ``C()``.
    references : tuple of (str, str)
        Columns of these, and the levels from which the others shall differ.
    intercept : bool
    """

    formula: Any
    columns: tuple[str, ...]
    categories: frozenset[str]
    references: tuple[tuple[str, str], ...]
    intercept: bool


def read_formula(right: str) -> Terms:
    """Take a formula apart, and refuse what must not be computed.

    Raises
    ------
    InvalidOption
        For a formula that cannot be read, or calls what is not among the known functions.
    MissingLibrary
        There is no formulaic.
    """
    try:
        from formulaic import Formula
        from formulaic.errors import FormulaicError
    except ImportError:
        raise missing_library("formulaic", "for a formula") from None
    if re.search(r"\*\*\s*\d{2}|\^\s*\d{2}|[\[\]]|\|", right) or len(right) > LONGEST:
        raise InvalidOption(f"expected a formula such as 'y ~ x + C(group)', found {right[:80]!r}")
    try:
        formula = Formula(_REFERENCE.sub(_as_level, right))
        factors = [factor for term in formula for factor in term.factors]
    except (FormulaicError, AttributeError, SyntaxError, ValueError, RecursionError) as error:
        reason = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
        words = [word for word in re.findall(r"\w+", right) if keyword.iskeyword(word)]
        raise InvalidOption(
            f"expected a formula such as 'y ~ x + C(group)', found {right!r} ({reason[:120]})",
            f"rename the column {words[0]!r}, a word of Python" if words else "",
        ) from None
    names: dict[str, None] = {}
    categories: dict[str, list[str]] = {}
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
    references = tuple((name, level) for name, levels in categories.items() for level in levels)
    return Terms(formula, tuple(names), frozenset(categories), references, intercept)


def _as_level(found: re.Match[str]) -> str:
    """``Treatment(2)`` and ``Treatment("2.0")`` as ``Treatment('2')``, which is what that level is called."""
    if found[1] is None:
        return found[0]
    given = found[2].strip("'\"")
    level = parse_levels(pl.Series([given]))[0]
    return found[0] if level is None or (level == given != found[2]) else f"{found[1]}{level!r}"


def _look_into(text: str, names: dict[str, None], categories: dict[str, list[str]]) -> None:
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
            raise InvalidOption(f"expected C(column), found {text[:80]!r}", "such as C(group), without quotes")
        name = originals.get(tree.args[0].id, tree.args[0].id)
        names[name] = None
        levels = categories.setdefault(name, [])
        for contrast in tree.args[1:]:
            levels += _levels_of(contrast, text)
        return
    found = _columns_of(tree, text)
    if not found:
        raise InvalidOption(f"expected a column in {text[:80]!r}, found none")
    names |= dict.fromkeys(originals.get(name, name) for name in found)


def _levels_of(contrast: ast.expr, text: str) -> list[str]:
    """The reference level that a contrast names, if any; all but ``Treatment`` and ``Sum`` are refused."""
    match contrast:
        case ast.Name(id="Sum"):
            return []
        case ast.Call(func=ast.Name(id=name), args=[], keywords=[]) if name in CONTRASTS:
            return []
        case (
            ast.Call(func=ast.Name(id="Treatment"), args=[ast.Constant(value=str(level))], keywords=[])
            | ast.Call(
                func=ast.Name(id="Treatment"),
                args=[],
                keywords=[ast.keyword(arg="reference", value=ast.Constant(value=str(level)))],
            )
        ):
            return [level]
        case ast.Call(func=ast.Name(id="Sum")):
            raise InvalidOption(
                f"expected Sum without a level, found {text[:80]!r}", "write Sum, which compares with the mean of all"
            )
    raise InvalidOption(f"expected Treatment('level') or Sum in C(), found {text[:80]!r}")


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
        case ast.Call(func=ast.Name(id=name)) if name in CONTRASTS:
            raise InvalidOption(f"expected {name} within C(), found {text[:80]!r}", f"write C(column, {name})")
    known = ", ".join(f"{name}()" for name in ("C", "I", *FUNCTIONS))
    raise InvalidOption(f"expected columns, numbers, + - * / ** and {known} in the formula, found {text[:80]!r}")
