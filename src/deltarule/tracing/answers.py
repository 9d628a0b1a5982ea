"""A hand calculation, checked: which numbers are right, and what went wrong with the others.

A number is right if it is the true one rounded to the digits given: 0.38 for 0.3752. Samples are columns, as on the
slides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InvalidOption
from .build import prepare
from .calculation import Calculation, calculate
from .faces.numerals import written
from .reading import Answer, quantity
from .recalculation import Recalculation
from .slips import slips

UNKNOWN = "no usual slip recognized"


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
    >>> network = Network.create([2, 1], ["sigmoid"], "binary_cross_entropy")
    >>> print(check_answers(network, [[1, 2], [0, 1]], [1, 0], {"a1": [0.5, 0.5], "db1": 0.0, "dW1": [-0.5, -0.5]}))
    ✓ a1 is right
    ✓ db1 is right
    ✗ dW1 is wrong: missing 1/m: the sum over the examples, not the mean (row 1, column 1: -0.5 given, -0.25 expected)
    2 of 3 right
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
    named = {str(name): quantity(now.network, str(name)) for name in answers}
    read = {str(name): Answer.read(str(name), value) for name, value in answers.items()}
    checker = _Checker(now)
    in_order = sorted(named, key=lambda name: _order(now, *named[name]))
    found = {name: checker.judge(name, *named[name], read[name]) for name in in_order}
    return AnswerReport(tuple(found[str(name)] for name in answers))


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


def _to_rows(value: Array, kind: str) -> Array:
    """The inverse."""
    if kind == "J":
        return value.reshape(())
    if kind in ("L", "db", "b", "dp", "p"):
        return value.ravel()
    return value if kind in ("dW", "W") else value.T


class _Checker:
    """Goes through the answers in the order of the computation, so that an error carried over is known as one.

    What follows from earlier answers is tried twice: from the numbers as they were written, and from the same unrounded
    (the true ones, or what a recognized slip gives), since a student may have kept more digits than were written down.
    """

    def __init__(self, now: Calculation) -> None:
        self.now = now
        self.truth = Recalculation(now)
        self.written: dict[str, Array] = {}
        self.unrounded: dict[str, Array] = {}
        self.wrong: set[str] = set()

    def judge(self, name: str, kind: str, l: int | None, answer: Answer) -> Judgment:
        """One answer; those it depends on must have come before."""
        key = kind if l is None else f"{kind}{l}"
        expected = _to_columns(self.truth.get(kind, l), kind, l).astype(np.float64)
        fitted = answer.fitted(expected.shape)
        where = None
        exact: Array | None = None
        if fitted is None:
            right, cause, note = False, *self._other_shape(kind, l, answer, expected)
        else:
            right, cause, note, exact = self._compare(kind, l, fitted, expected)
            self.written[key] = _to_rows(fitted.values, kind)
            self.unrounded[key] = self.truth.get(kind, l) if right else self.written[key] if exact is None else exact
            if not right:
                where = tuple(int(i) + 1 for i in np.argwhere(~fitted.matches(expected))[0])
        if not right:
            self.wrong.add(key)
        return Judgment(name, key, right, cause, note, answer.values, expected, where)  # type: ignore[arg-type]

    def _compare(
        self, kind: str, l: int | None, fitted: Answer, expected: Array
    ) -> tuple[bool, str, str, Array | None]:
        """Whether it is right, the cause, a note, and the unrounded numbers of a slip that was recognized."""
        total = float(self.now.total)
        if fitted.matches(expected).all():
            return True, "", "", None
        if kind in ("dA", "dZ") and total != 1 and fitted.matches(expected / total).all():
            return True, "", "with the 1/m of J already inside; dW is then dZ aᵀ without 1/m", None
        note = _difference(fitted, expected)
        for at in self._from_own():
            follows = at.get(kind, l)
            if fitted.matches(_to_columns(follows, kind, l)).all():
                sources = sorted(at.used & self.wrong)
                if not sources:
                    return True, "", "computed from your rounded values", None
                return False, f"a carried-over error: it follows from your own {_listed(sources)}", note, follows
        return False, *self._wrong(kind, l, fitted, expected, note)

    def _from_own(self) -> list[Recalculation]:
        """What follows from the answers so far, unrounded and as written."""
        return [Recalculation(self.now, own) for own in (self.unrounded, self.written)]

    def _wrong(
        self, kind: str, l: int | None, fitted: Answer, expected: Array, note: str
    ) -> tuple[str, str, Array | None]:
        """The cause, the note, and the unrounded numbers of a slip."""
        cause, value = self._slip(fitted, self.truth, kind, l)
        if cause:
            return cause, note, value
        for at in self._from_own():
            cause, value = self._slip(fitted, at, kind, l)
            sources = sorted(at.used & self.wrong)
            if cause and sources:
                return f"{cause}; and it starts from your own {_listed(sources)}", note, value
        if (np.abs(fitted.values - expected) <= 3.01 * fitted.halves).all():
            return "off by one in the last digit: rounded too early, or cut off", note, None
        return UNKNOWN, note, None

    def _slip(self, fitted: Answer, at: Recalculation, kind: str, l: int | None) -> tuple[str, Array | None]:
        """The first slip that gives these numbers."""
        for cause, value in slips(at, kind, l):
            shown = _to_columns(np.asarray(value), kind, l)
            if shown.shape == fitted.values.shape and fitted.matches(shown).all():
                return cause, value
        return "", None

    def _other_shape(self, kind: str, l: int | None, answer: Answer, expected: Array) -> tuple[str, str]:
        """The cause and a note for an answer whose shape is wrong already."""
        found = "×".join(map(str, answer.values.shape))
        note = f"expected the shape {expected.shape[0]}×{expected.shape[1]}, found {found}"
        turned = answer.transposed()
        if turned.values.shape == expected.shape:
            if turned.matches(expected).all():
                return "transposed: rows and columns swapped", note
            second, _ = self._slip(turned, self.truth, kind, l)
            return f"transposed, and {second or 'the numbers differ'}", note
        if kind == "db":
            dZ = _to_columns(self.truth.get("dZ", l), "dZ", l)
            fitted = answer.fitted(dZ.shape)
            if fitted is not None and (fitted.matches(dZ).all() or fitted.matches(dZ / float(self.now.total)).all()):
                return "not summed over the examples: that is dZ", note
        return "the shape is wrong", note


def _listed(keys: list[str]) -> str:
    return f"{', '.join(keys)}, which {'is' if len(keys) == 1 else 'are'} wrong"


def _difference(fitted: Answer, expected: Array) -> str:
    """The first wrong number beside the right one, and how many are wrong."""
    wrong = ~fitted.matches(expected)
    if not wrong.any():
        return ""
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    place = f"row {row + 1}, column {column + 1}: " if expected.size > 1 else ""
    note = f"{place}{written(fitted.values[row, column], 6)} given, {written(expected[row, column], 6)} expected"
    count = int(wrong.sum())
    return f"{count} of {expected.size} entries; {note}" if count < expected.size else note
