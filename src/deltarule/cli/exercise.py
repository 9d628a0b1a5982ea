"""``deltarule exercise NUMBER ANSWER``: the exercises of the course, and their checker."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand


class ExerciseCommand(TyperCommand):
    """Takes an answer such as -0.5, which is no option."""

    ignore_unknown_options = True


def command(
    number: Annotated[
        str | None, typer.Argument(metavar="NUMBER", help="Such as 4.2; without it all are listed.", show_default=False)
    ] = None,
    answer: Annotated[
        str | None,
        typer.Argument(
            metavar="ANSWER",
            help="A number, a word, or a list such as [1, 2] or [[1, 2], [3, 4]]; without it the question is shown.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show an exercise of the course (docs/course), or check an answer to it; exit status 1 if it is wrong."""
    from deltarule import course
    from deltarule.cli.output import say, show_table

    if number is None:
        show_table("Exercises", [(key, plain(x.question)) for key, x in course.EXERCISES.items()])
        return
    exercise = course.exercise(number)
    if answer is None:
        say(plain(exercise.question))
        if exercise.words:
            say(f"one of: {', '.join(exercise.words)}")
        return
    feedback = exercise.check(read_answer(answer))
    say(str(feedback))
    raise typer.Exit(0 if feedback else 1)


def read_answer(text: str) -> Any:
    """A number (``0.25``, ``1/4``), a list of numbers, or the text itself."""
    import ast
    from fractions import Fraction

    try:
        return float(Fraction(text) if "/" in text else text)
    except (ValueError, ZeroDivisionError, OverflowError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


SIGNS = (
    (r"\hat y", "ŷ"),
    (r"\sigma", "σ"),
    (r"\alpha", "α"),
    (r"\lambda", "λ"),
    (r"\tanh", "tanh"),
    (r"\mid", "|"),
    (r"\frac1m", "1/m"),
    (r"\sum", "Σ"),
    (r"\tfrac12", "½"),
    ("^{[1]}", "[1]"),
    ("^{[2]}", "[2]"),
    ("^{-z}", "^-z"),
    (r"\,", " "),
    ("\\ ", " "),
    ("$", ""),
    ("`", ""),
)
"""The LaTeX and Markdown of the questions -> what a terminal shows."""


def plain(question: str) -> str:
    """A question without the marks of Markdown and LaTeX."""
    for mark, sign in SIGNS:
        question = question.replace(mark, sign)
    return " ".join(question.split())
