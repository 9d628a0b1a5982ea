"""Every quantity of the lecture with its numbers: one tree of steps in many forms; and hand calculations checked.

The package is called `tracing` because `deltarule.trace` is the function.
"""

from .answers import AnswerReport, Judgment, check_answers
from .build import trace
from .quiz import Quiz
from .tree import Iteration, Line, Section, Step, Trace

__all__ = [
    "AnswerReport",
    "Iteration",
    "Judgment",
    "Line",
    "Quiz",
    "Section",
    "Step",
    "Trace",
    "check_answers",
    "trace",
]
