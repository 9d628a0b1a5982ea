"""The trace as an exercise: some results are left out, asked for, and checked.

`Quiz` knows no terminal: it gives the keys to leave blank, the questions, and a judgment on each answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InvalidOption
from .answers import Judgment, judge
from .build import prepare, to_tree
from .calculation import calculate
from .expressions import Value
from .faces.boxes import symbol_text, text_of
from .faces.numerals import Style
from .tree import DIGITS, Step, Trace

QUESTIONS = 4
ASKED = {
    "linear", "activation", "loss", "cost", "linear backward", "activation backward", "loss backward", "update",
    "learned slope",
}  # fmt: skip
"""Steps whose results may be asked for."""


class Quiz:
    """Some results of one update, to be found by hand.

    Parameters
    ----------
    network, X, y
        As for `trace`.
    blanks : sequence of str, optional
        Keys of the results to ask for, such as ``["Z1", "dW2"]``; "all" for every one. Chosen by chance by default.
    questions : int
        How many are chosen by chance.
    quiz_seed : int
        Of the choice.
    **options
        As for `trace`.

    Attributes
    ----------
    trace : Trace
    keys : tuple of str
        What is asked for, in the order of the computation.

    Examples
    --------
    >>> from deltarule import Network
    >>> from deltarule.tracing import Quiz
    >>> quiz = Quiz(Network.create([2, 1], ["identity"], seed=0), [[1, 2]], [1], blanks=["Z1"])
    >>> quiz.question("Z1")
    'Z[1] = ? a number'
    >>> quiz.answer("Z1", "0").right
    True
    """

    def __init__(
        self,
        network: Any,
        X: Any,
        y: Any,
        *,
        blanks: Sequence[str] = (),
        questions: int = QUESTIONS,
        quiz_seed: int = 0,
        **options: Any,
    ) -> None:
        exactly = bool(options.get("exact"))
        if y is None:
            raise InvalidOption("expected targets y to ask about the backward pass, found none")
        prepared, data, setting = prepare(network, X, y, **{**options, "steps": 1})
        self._now = next(calculate(prepared, data, setting))
        shown = next(calculate(prepared, data, setting, exactly=True)) if exactly else self._now
        self.trace: Trace = to_tree([shown], prepared, data, setting, exactly=exactly)
        known = {
            step.symbol.key: step
            for step in self.trace.steps()
            if step.symbol is not None and step.value is not None and step.name in ASKED
        }
        for key in blanks:
            if key != "all" and key not in known:
                raise InvalidOption(f"expected results out of {', '.join(known)}, or all, found {key!r}")
        chosen = set(known) if "all" in blanks else set(blanks)
        if not blanks:
            rng = np.random.default_rng(quiz_seed)
            some = rng.choice(len(known), size=min(questions, len(known)), replace=False)
            chosen = {key for k, key in enumerate(known) if k in some}
        self._steps: dict[str, Step] = {key: step for key, step in known.items() if key in chosen}
        self.keys = tuple(self._steps)

    @property
    def blanks(self) -> tuple[str, ...]:
        """Keys to leave blank: updated parameters stand under a key of their own."""
        return tuple(f"{key}_new" if self._steps[key].name == "update" else key for key in self.keys)

    def question(self, key: str) -> str:
        """What is asked, on one line."""
        step = self._steps[key]
        assert step.symbol is not None
        assert step.shape is not None
        n, m = step.shape
        kind = "a number" if n == m == 1 else f"{n} rows of {m}, as [1 2; 3 4]" if m > 1 else f"{n} numbers"
        kind = f"{m} numbers" if n == 1 < m else kind
        updated = "updated " if step.name == "update" else ""
        return f"{updated}{symbol_text(step.symbol)} = ? {kind}"

    def answer(self, key: str, text: str) -> Judgment:
        """Check what was typed.

        Raises
        ------
        InvalidOption
            If it is no number and no list of numbers.
        """
        return judge(self._now, {key: text}).judgments[0]

    def expected(self, key: str, digits: int = DIGITS) -> str:
        """The right answer, on one line."""
        return text_of(Value("", self._steps[key].value), Style(digits))  # type: ignore[arg-type]
