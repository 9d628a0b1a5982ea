"""An exercise: its question, the answer that the package computes, the slips people make, and what is said to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array

CLOSE, TINY = 5e-3, 5e-4
"""An answer to three digits is right: relative to its size, and for those near zero."""


@dataclass(frozen=True)
class Feedback:
    """What is said to an answer; true if it is right, and it shows what it says.

    Attributes
    ----------
    number : str
        Of the exercise, such as "4.2".
    right : bool
    text : str
    """

    number: str
    right: bool
    text: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{self.number} {'is right' if self.right else 'is not right yet'}: {self.text}"

    __str__ = __repr__


@dataclass(frozen=True)
class Slip:
    """A wrong answer that people give, computed like the right one, and the hint that helps."""

    answer: Callable[[], Any]
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Parameters
    ----------
    number : str
        Page and exercise.
    question : str
        In Markdown.
    answer : callable
        Computes the right answer: a number, an array, or a word.
    why : str
        Said when the answer is right.
    hint : str
        Said when it is wrong and nothing better is known.
    slips : sequence of Slip
    words : tuple of str
        What may be chosen, where the answer is a word.
    """

    number: str
    question: str
    answer: Callable[[], Any]
    why: str
    hint: str
    slips: Sequence[Slip] = ()
    words: tuple[str, ...] = ()

    def check(self, given: Any) -> Feedback:
        """Look at an answer; the right one is not given away."""
        if callable(given):
            return self._wrong("a function is not asked for here; call it, and give what it returns.")
        if self.words:
            return self._check_word(given)
        numbers = as_numbers(given)
        if numbers is None:
            return self._wrong(f"expected {describe(self.expected)}, found {shorten(given)}.")
        numbers = like(numbers, self.expected)
        return self._right() if same(numbers, self.expected) else self._wrong(self._help(numbers))

    def _help(self, numbers: Array) -> str:
        """What is said to wrong numbers."""
        expected = self.expected
        for slip in self.slips:
            if same(numbers, like(np.asarray(slip.answer(), dtype=float), expected)):
                return slip.hint
        if numbers.shape != expected.shape:
            return f"expected {describe(expected)}, found {describe(numbers)}."
        n_right = int(close(numbers, expected).sum())
        return (f"{n_right} of {expected.size} entries are right. " if n_right else "") + self.hint

    @property
    def expected(self) -> Array:
        """The right answer, where it is a number or an array."""
        return np.asarray(self.answer())

    def _check_word(self, given: Any) -> Feedback:
        word = str(given).strip().lower()
        if word not in self.words:
            return self._wrong(f"expected one of {', '.join(self.words)}; found {shorten(given)}.")
        if word == self.answer():
            return self._right()
        return self._wrong(next((slip.hint for slip in self.slips if slip.answer() == word), self.hint))

    def _right(self) -> Feedback:
        return Feedback(self.number, True, self.why)

    def _wrong(self, text: str) -> Feedback:
        return Feedback(self.number, False, text)


@dataclass(frozen=True)
class FunctionExercise(Exercise):
    """An exercise whose answer is a function, which is tried on samples.

    Parameters
    ----------
    samples : callable
        Gives the arguments to try, a tuple each time.
    """

    samples: Callable[[], Sequence[tuple[Any, ...]]] = tuple

    def check(self, given: Any) -> Feedback:
        """Call the function and compare; `answer` and the slips give functions."""
        if not callable(given):
            return self._wrong(f"expected a function, found {shorten(given)}; define it with def and give its name.")
        results = []
        for arguments in self.samples():
            try:
                results.append(as_numbers(given(*(np.copy(x) for x in arguments))))
            except Exception as error:  # whatever the student's code does
                return self._wrong(f"your function ended with {type(error).__name__}: {error}.")
        if any(result is None for result in results):
            return self._wrong("your function returned something that is not numbers; is there a return?")
        if self._agrees(results, self.answer()):
            return self._right()
        hints = [slip.hint for slip in self.slips if self._agrees(results, slip.answer())]
        return self._wrong(hints[0] if hints else self.hint)

    def _agrees(self, results: Sequence[Any], function: Callable[..., Any]) -> bool:
        return all(
            same(result, as_numbers(function(*arguments)))
            for result, arguments in zip(results, self.samples(), strict=True)
        )


def as_numbers(given: Any) -> Array | None:
    """An answer as an array of finite numbers; None if it is something else."""
    try:
        numbers = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        return None
    return numbers if not isinstance(given, str | bytes) and np.isfinite(numbers).all() else None


def like(numbers: Array, expected: Array) -> Array:
    """A vector as a column or a row, as is expected; all else as it is."""
    vector = numbers.size == expected.size == max((1, *numbers.shape)) == max((1, *expected.shape))
    return numbers.reshape(expected.shape) if vector else numbers


def close(a: Array, b: Array) -> Array:
    """Where `a` agrees with `b`: to three digits, or exactly with whole numbers."""
    return np.isclose(a, b, rtol=0.0 if b.dtype.kind == "i" else CLOSE, atol=0.0 if b.dtype.kind == "i" else TINY)


def same(a: Array | None, b: Array | None) -> bool:
    """Of the same shape, and `close` everywhere."""
    return a is not None and b is not None and a.shape == b.shape and bool(close(a, b).all())


def describe(numbers: Array) -> str:
    """What kind of answer it is."""
    return "a number" if numbers.ndim == 0 else f"numbers of the shape {numbers.shape}"


def shorten(given: Any) -> str:
    """An answer for a message."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
