"""A hand calculation, checked: which numbers are right, and what went wrong with the others.

A number is right if it is the true one rounded to the digits given: 0.38 for 0.3752. Samples are columns, as on the slides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InvalidOption
from .build import prepare
from .calculation import Calculation, calculate
from .expressions import Value
from .faces.numerals import Style, written
from .faces.terminal import text_of
from .recalculation import Recalculation
from .slips import slips

EXACTLY = 1e-9
"""Relative error allowed to a fraction."""

UNKNOWN = "no usual slip recognized"

_NAME = re.compile(
    r"^\s*(?P<new>new|updated)?\s*(?P<kind>dZ|dA|da|dW|db|dp|Z|A|a|W|b|p|J|L|y_?hat|ŷ)\s*\[?(?P<layer>\d*)\]?\s*"
    r"(?P<after>_new|_updated|'|\s+new|\s+updated)?\s*$"
)


@dataclass(frozen=True, eq=False)
class Judgment:
    """What became of one answer.

    Attributes
    ----------
    name : str
        As the student wrote it.
    key : str
        As the trace calls it.
    right : bool
    cause : str
        Of a wrong answer; empty for a right one.
    note : str
        What else is to be said.
    given, expected : ndarray
        (rows, columns); `given` in the shape that the student gave it.
    where : tuple of int or None
        Row and column, from 1, of the first wrong entry.
    """

    name: str
    key: str
    right: bool
    cause: str
    note: str
    given: Array
    expected: Array
    where: tuple[int, int] | None = None

    @property
    def verdict(self) -> str:
        """Right or wrong, and why."""
        if self.right:
            return f"✓ {self.name} is right" + (f" ({self.note})" if self.note else "")
        return f"✗ {self.name} is wrong: {self.cause}"

    @property
    def detail(self) -> str:
        """Which number of a wrong answer, beside the right one."""
        return "" if self.right else self.note

    def expected_text(self, digits: int) -> str:
        """The right answer on one line, as ``[1 2; 3 4]``."""
        return text_of(Value("", self.expected), Style(digits))

    def __str__(self) -> str:
        """One line."""
        return self.verdict + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class AnswerReport:
    """All judgments, in the order of the answers."""

    judgments: tuple[Judgment, ...]

    def __getitem__(self, name: str) -> Judgment:
        for judgment in self.judgments:
            if name in (judgment.name, judgment.key):
                return judgment
        raise InvalidOption(f"expected one of the answers {', '.join(j.name for j in self.judgments)}, found {name!r}")

    @property
    def right(self) -> bool:
        """Whether all are."""
        return all(judgment.right for judgment in self.judgments)

    @property
    def summary(self) -> str:
        """``7 of 12 right``."""
        return f"{sum(judgment.right for judgment in self.judgments)} of {len(self.judgments)} right"

    def __str__(self) -> str:
        return "\n".join([*map(str, self.judgments), self.summary])


def check_answers(network: Any, X: Any, y: Any, answers: Mapping[str, Any], **options: Any) -> AnswerReport:
    """Check a hand calculation.

    Parameters
    ----------
    network, X, y
        As for `trace`.
    answers : mapping
        Name -> number, list, or list of rows. Names: ``Z1, a1, L, J, dA1, dZ2, dW1, db1, dp1``, and ``W1, b1, p1`` for
        the updated parameters. Samples are columns: ``Z1`` is (n_1, m). A number may be a text, such as "0.50" where
        the last digit matters, or "1/3".
    **options
        As for `trace`: alpha, optimizer, penalties, sample_weight, seed.

    Returns
    -------
    AnswerReport

    Raises
    ------
    InvalidOption
        For a name that is no quantity of this network, or an answer that is no number.

    Examples
    --------
    >>> from deltarule import Network
    >>> network = Network.create([2, 1], ["sigmoid"], "binary_cross_entropy", initializer="glorot_uniform", seed=1)
    >>> print(check_answers(network, [[1, 2]], [1], {"dZ1": 0.38, "db1": "-0.380"}, alpha=0.1))  # doctest: +SKIP
    """
    if "steps" in options or "batch_size" in options or "exact" in options:
        raise InvalidOption("expected one step over all samples", "leave out steps, batch_size and exact")
    prepared, data, setting = prepare(network, X, y, **{**options, "check": False})
    now = next(calculate(prepared, data, setting))
    return judge(now, answers)


def judge(now: Calculation, answers: Mapping[str, Any]) -> AnswerReport:
    """The answers to one update that has been computed."""
    if not isinstance(answers, Mapping) or not answers:
        raise InvalidOption("expected answers by name, such as Z1, a1, dW1; found none")
    named = {str(name): _quantity(now, str(name)) for name in answers}
    read = {name: _Answer.read(name, value) for name, value in answers.items()}
    truth = Recalculation(now)
    own: dict[str, Array] = {}
    wrong: set[str] = set()
    found: dict[str, Judgment] = {}
    for name in sorted(read, key=lambda name: _order(now, *named[name])):
        judgment = _judge(now, name, *named[name], read[name], truth, own, wrong)
        found[name] = judgment
        fitted = read[name].fitted(judgment.expected.shape)
        if fitted is not None:
            own[judgment.key] = _to_rows(fitted.values, *named[name])
        if not judgment.right:
            wrong.add(judgment.key)
    return AnswerReport(tuple(found[name] for name in answers))


def _quantity(now: Calculation, name: str) -> tuple[str, int | None]:
    """Kind and layer of a quantity, from the name that a student gave it."""
    match = _NAME.match(name)
    top = len(now.network.layers)
    listed = "Z1, a1, dZ1, dA1, dW1, db1 (layers 1 to %d), L, J, and W1, b1 for the updated parameters" % top
    if match is None:
        raise InvalidOption(f"expected an answer called {listed}, found {name!r}")
    kind, layer = match["kind"], match["layer"]
    if kind in ("yhat", "y_hat", "ŷ"):
        return "a", top
    kind = {"A": "a", "da": "dA"}.get(kind, kind)
    if (match["new"] or match["after"]) and kind not in ("W", "b", "p"):
        raise InvalidOption(f"expected an updated W, b or p, found {name!r}")
    if kind in ("J", "L"):
        if layer:
            raise InvalidOption(f"expected an answer called {listed}, found {name!r}")
        return kind, None
    if not layer and top == 1:
        layer = "1"
    if not layer or not 1 <= int(layer) <= top:
        raise InvalidOption(f"expected an answer called {listed}, found {name!r}")
    if kind in ("p", "dp") and int(layer) not in now.network.p:
        raise InvalidOption(f"layer {layer} learns no slope, found the answer {name!r}")
    return kind, int(layer)


def _order(now: Calculation, kind: str, l: int | None) -> tuple[int, int]:
    """Where a quantity stands in the computation."""
    top = len(now.network.layers)
    if kind in ("Z", "a"):
        return (l or 0) - 1, "Za".index(kind)
    if l is None:
        return top, "LJ".index(kind)
    if kind in ("dA", "dZ", "dW", "db", "dp"):
        return 2 * top + 1 - l, ("dA", "dZ", "dW", "db", "dp").index(kind)
    return 2 * top + 2, l


def _to_columns(value: Array, kind: str, l: int | None) -> Array:
    """A quantity of `Recalculation` as it is shown: samples, and vectors, as columns."""
    if kind in ("L", "J"):
        return np.asarray(value, dtype=float).reshape(1, -1)
    if value.ndim == 1:
        return value[:, None]
    return value if kind in ("dW", "W") else value.T


def _to_rows(value: Array, kind: str, l: int | None) -> Array:
    """The inverse."""
    if kind == "J":
        return value.reshape(())
    if kind in ("L", "db", "b", "dp", "p"):
        return value.ravel()
    return value if kind in ("dW", "W") else value.T


@dataclass(frozen=True, eq=False)
class _Answer:
    """Numbers, and half a unit of the last digit of each."""

    values: Array
    halves: Array
    flat: bool

    @classmethod
    def read(cls, name: str, answer: Any) -> _Answer:
        if isinstance(answer, str) and re.search(r"[\s,;\[]", answer.strip()):
            answer = matrix_of(answer)
        if isinstance(answer, np.ndarray):
            answer = answer.tolist()
        if isinstance(answer, Mapping):
            raise InvalidOption(f"{name}: expected a number, a list or a list of rows, found names and values")
        rows = answer if isinstance(answer, list | tuple) else [[answer]]
        flat = not any(isinstance(row, list | tuple) for row in rows)
        rows = [rows] if flat else rows
        if not rows or not all(isinstance(row, list | tuple) and len(row) == len(rows[0]) > 0 for row in rows):
            raise InvalidOption(f"{name}: expected rows of equal length, found {str(answer)[:60]!r}")
        pairs = [[_number(name, cell) for cell in row] for row in rows]
        values, halves = (np.array([[pair[k] for pair in row] for row in pairs]) for k in (0, 1))
        finest = halves[values != 0].min() if (values != 0).any() else 0.005
        halves = np.where(values == 0, np.minimum(halves, max(finest, 5e-5)), halves)  # 0 has no digits of its own
        return cls(values, np.minimum(halves, 0.5), flat)

    def fitted(self, shape: tuple[int, ...]) -> _Answer | None:
        """In this shape: a plain list may stand for a row or a column."""
        if self.values.shape == shape:
            return self
        if self.flat and self.values.size == shape[0] * shape[1] and 1 in shape:
            return _Answer(self.values.reshape(shape), self.halves.reshape(shape), True)
        return None

    def transposed(self) -> _Answer:
        return _Answer(self.values.T, self.halves.T, False)

    def matches(self, value: Array) -> Array:
        """Which entries are those of `value`, rounded to the digits given."""
        value = np.asarray(value, dtype=np.float64)
        return np.asarray(np.abs(self.values - value) <= self.halves * (1 + 1e-9) + 1e-12 * np.abs(value))


def matrix_of(text: str) -> list[list[str]]:
    """``[1 2; 3 4]``, ``1,2;3,4`` or ``[1 2]ᵀ`` as rows of texts."""
    bare = text.strip()
    turned = bare.endswith(("ᵀ", "^T", "'")) or (bare.endswith("T") and "]" in bare)
    bare = re.sub(r"(\^?T|ᵀ|')$", "", bare).replace("],", ";").strip("[] \t")
    rows = [re.split(r"[\s,]+", row.strip("[] ,\t")) for row in bare.split(";") if row.strip("[] ,\t")]
    if turned and len(rows) == 1:
        return [[cell] for cell in rows[0]]
    return rows


def _number(name: str, cell: Any) -> tuple[float, float]:
    """A number, and half a unit of its last digit."""
    if isinstance(cell, bool) or cell is None:
        raise InvalidOption(f"{name}: expected numbers, found {cell!r}")
    if isinstance(cell, np.generic):
        cell = cell.item()
    text = str(cell).strip().replace("−", "-")
    try:
        if "/" in text:
            value = float(Fraction(text))
            return value, EXACTLY * max(abs(value), 1e-6)
        decimal = Decimal(text)
        exponent = decimal.as_tuple().exponent
        if not isinstance(exponent, int):
            raise InvalidOperation
        return float(decimal), 0.5 * 10.0**exponent
    except (InvalidOperation, ValueError, ZeroDivisionError):
        raise InvalidOption(f"{name}: expected numbers such as 0.38 or 1/3, found {text[:40]!r}") from None


def _judge(
    now: Calculation,
    name: str,
    kind: str,
    l: int | None,
    answer: _Answer,
    truth: Recalculation,
    own: Mapping[str, Array],
    wrong: set[str],
) -> Judgment:
    key = kind if l is None else f"{kind}{l}"
    true = truth.get(kind, l)
    expected = _to_columns(true, kind, l).astype(np.float64)

    def verdict(right: bool, cause: str = "", note: str = "", where: tuple[int, int] | None = None) -> Judgment:
        return Judgment(name, key, right, cause, note, answer.values, expected, where)

    fitted = answer.fitted(expected.shape)
    if fitted is None:
        return _other_shape(now, kind, l, answer, expected, verdict)
    if fitted.matches(expected).all():
        return verdict(True)
    if kind in ("dA", "dZ") and float(now.total) != 1 and fitted.matches(expected / float(now.total)).all():
        return verdict(True, note="with the 1/m of J already inside; dW is then dZ aᵀ without 1/m")
    carried = Recalculation(now, {k: v for k, v in own.items() if k != key})
    follows = _to_columns(carried.get(kind, l), kind, l)
    sources = sorted(carried.used & wrong)
    if fitted.matches(follows).all():
        if not sources:
            return verdict(True, note="computed from your rounded values")
        listed = ", ".join(sources)
        return verdict(False, f"a carried-over error: it follows from your own {listed}, which is wrong")
    where = tuple(int(i) + 1 for i in np.argwhere(~fitted.matches(expected))[0])
    row, column = where
    n_wrong = int((~fitted.matches(expected)).sum())
    value, best = fitted.values[row - 1, column - 1], expected[row - 1, column - 1]
    place = f"row {row}, column {column}: " if expected.size > 1 else ""
    note = f"{place}{written(value, 6)} given, {written(best, 6)} expected"
    if n_wrong < expected.size:
        note = f"{n_wrong} of {expected.size} entries; {note}"
    cause = _cause(fitted, truth, kind, l) or _square_transposed(fitted, expected)
    if not cause and sources:
        second = _cause(fitted, carried, kind, l)
        cause = f"{second}; and it starts from your own {', '.join(sources)}, which is wrong" if second else ""
    if not cause and (np.abs(fitted.values - expected) <= 3.01 * fitted.halves).all():
        cause = "off by one in the last digit: rounded too early, or cut off"
    return verdict(False, cause or UNKNOWN, note, (row, column))


def _square_transposed(fitted: _Answer, expected: Array) -> str:
    square = expected.shape[0] == expected.shape[1] > 1
    return "transposed: rows and columns swapped" if square and fitted.matches(expected.T).all() else ""


def _cause(fitted: _Answer, at: Recalculation, kind: str, l: int | None) -> str:
    """The first slip that gives these numbers."""
    for cause, value in slips(at, kind, l):
        shown = _to_columns(np.asarray(value), kind, l)
        if shown.shape == fitted.values.shape and fitted.matches(shown).all():
            return cause
    return ""


def _other_shape(now: Calculation, kind: str, l: int | None, answer: _Answer, expected: Array, verdict: Any) -> Judgment:
    """An answer whose shape is wrong already."""
    n, m = expected.shape
    found = "×".join(map(str, answer.values.shape))
    shapes = f"expected {n}×{m}, found {found}"
    turned = answer.transposed()
    if turned.values.shape == expected.shape:
        if turned.matches(expected).all():
            judgment: Judgment = verdict(False, "transposed: rows and columns swapped", shapes)
            return judgment
        second = _cause(turned, Recalculation(now), kind, l)
        judgment = verdict(False, f"transposed{', and ' + second if second else ', and the numbers differ'}", shapes)
        return judgment
    if kind == "db" and l is not None:
        dZ = _to_columns(Recalculation(now).get("dZ", l), "dZ", l)
        fitted = answer.fitted(dZ.shape)
        if fitted is not None and (fitted.matches(dZ).all() or fitted.matches(dZ / float(now.total)).all()):
            judgment = verdict(False, "not summed over the examples: that is dZ", shapes)
            return judgment
    judgment = verdict(False, "the shape is wrong", shapes)
    return judgment
