"""The exercises of the course in docs/course, with a checker that says right or wrong and helps on.

>>> from deltarule import course
>>> course.check("3.2", 0.685)
3.2 is not right yet: That is the sum; the 1/m is missing.
>>> bool(course.check("3.2", 0.228))
True
"""

from __future__ import annotations

from typing import Any

from ..errors import UnknownName
from .exercise import Exercise, Feedback, FunctionExercise, Slip
from .models import PAGE_1, PAGE_2, PAGE_3, PAGE_4
from .networks import PAGE_5, PAGE_6, example
from .practice import PAGE_7, PAGE_8, PAGE_9, digits, patient

__all__ = [
    "EXERCISES",
    "Exercise",
    "Feedback",
    "FunctionExercise",
    "Slip",
    "check",
    "digits",
    "example",
    "exercise",
    "patient",
    "solution",
]

EXERCISES: dict[str, Exercise] = {
    exercise.number: exercise
    for page in (PAGE_1, PAGE_2, PAGE_3, PAGE_4, PAGE_5, PAGE_6, PAGE_7, PAGE_8, PAGE_9)
    for exercise in page
}
"""Number -> exercise, in the order of the pages."""


def exercise(number: str | float) -> Exercise:
    """The exercise of a number, such as "4.2".

    Raises
    ------
    UnknownName
    """
    found = EXERCISES.get(str(number).strip())
    if found is None:
        raise UnknownName(
            f"expected the number of an exercise, from 1.1 to {list(EXERCISES)[-1]}, found {str(number)!r}"
        )
    return found


def check(number: str | float, answer: Any) -> Feedback:
    """Look at an answer: whether it is right, and if not, a hint that does not give the right one away.

    Parameters
    ----------
    number : str
        Of the exercise, such as "4.2".
    answer : number, list, array, str, function or model
        As the question asks. Three digits are enough.

    Returns
    -------
    Feedback
        True if the answer is right; it shows what it has to say.

    Raises
    ------
    UnknownName
        There is no such exercise.
    """
    return exercise(number).check(answer)


def solution(number: str | float) -> Any:
    """The right answer, for those who teach: a number, an array, a word or a function."""
    return exercise(number).answer()
