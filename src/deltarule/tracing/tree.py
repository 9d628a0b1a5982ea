"""The trace as a tree: `Trace` -> `Iteration` -> `Section` -> `Step` -> `Line`. It holds numbers and knows no face.

Samples are columns here, as on the slides: ``Z[l]`` is (n_l, m).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from ..arrays import Array
from ..errors import InvalidOption
from .expressions import Node, Symbol

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

KINDS = ("forward", "loss", "cost", "backward", "check", "update", "after")
"""The kinds of section, in their order."""

DIGITS = 4


@dataclass(frozen=True)
class Line:
    """One line of mathematics: `parts` with ``=`` between them.

    Attributes
    ----------
    parts : tuple of Node
    label : str
        What the line is for, where it is not the equation itself: "where", "why", "row 1".
    shapes : bool
        Show the shapes beneath the symbols.
    tail : str
        Words after it.
    """

    parts: tuple[Node, ...]
    label: str = ""
    shapes: bool = False
    tail: str = ""


@dataclass(frozen=True, eq=False)
class Step:
    """One quantity: symbol = formula = substitution = result.

    Attributes
    ----------
    name : str
        As students are taught it: "linear", "activation", "cost", "linear backward", ...
    symbol : Symbol or None
    lines : tuple of Line
        The equation first.
    value : ndarray or None
        The result, (rows, columns); floats, or fractions where it is exact.
    shapes : mapping
        Key of a symbol -> its shape, for all that stand in the equation.
    notes : tuple of str
        What deserves a look.
    """

    name: str
    symbol: Symbol | None = None
    lines: tuple[Line, ...] = ()
    value: Array | None = None
    shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int] | None:
        """Of the result."""
        return None if self.value is None else (self.value.shape[0], self.value.shape[1])

    @property
    def formula(self) -> Node | None:
        """The right-hand side in letters; None if there is none."""
        parts = self._parts
        return parts[1] if len(parts) > 2 else None

    @property
    def substitution(self) -> Node | None:
        """The right-hand side in numbers; None if there is none."""
        parts = self._parts
        return parts[2] if len(parts) > 3 else None

    @property
    def result(self) -> Node | None:
        """What it comes to."""
        parts = self._parts
        return parts[-1] if len(parts) > 1 else None

    @property
    def _parts(self) -> tuple[Node, ...]:
        return self.lines[0].parts if self.lines else ()


@dataclass(frozen=True)
class Section:
    """Steps that belong together: the forward pass of one layer, the cost, ...; `kind` is one of `KINDS`."""

    kind: str
    title: str
    steps: tuple[Step, ...]
    layer: int | None = None


@dataclass(frozen=True)
class Iteration:
    """One step of the optimizer: forward, backward, update. `samples` are counted from 1."""

    number: int
    samples: tuple[int, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Trace:
    """Each step of a network with its numbers; what `deltarule.trace` returns.

    ``print`` shows it on a terminal, a notebook shows it by itself. `to_text`, `to_markdown`, `to_latex`, `to_html` and
    `to_json` give it in other forms; each takes `digits`, the number of decimals, and `blanks`, keys such as "Z1" whose
    numbers are left out, for an exercise.

    Attributes
    ----------
    network : str
        Architecture and loss in one line.
    facts : mapping
        The same as plain values: sizes, activations, loss, optimizer, learning rate, ...
    iterations : tuple of Iteration
    notes : tuple of str
        Conventions that a reader must know.
    """

    network: str
    facts: Mapping[str, Any]
    iterations: tuple[Iteration, ...]
    notes: tuple[str, ...] = ()

    def steps(self) -> Iterator[Step]:
        """All steps in their order."""
        for iteration in self.iterations:
            for section in iteration.sections:
                yield from section.steps

    def __getitem__(self, key: str) -> Array:
        """The result called `key`, such as ``trace["dW1"]``, in the first iteration; samples are columns.

        ``trace["W1"]`` is the updated ``W[1]``.
        """
        found = [
            step.value
            for section in self.iterations[0].sections
            for step in section.steps
            if step.symbol is not None and step.symbol.key == key and step.value is not None
        ]
        if not found:
            known = dict.fromkeys(step.symbol.key for step in self.steps() if step.symbol and step.value is not None)
            raise InvalidOption(f"expected one of the results {', '.join(known)}, found {key!r}")
        return found[-1]

    def only(self, *kinds: str) -> Self:
        """The sections of these kinds alone: forward, loss, cost, backward, check, update, after.

        Raises
        ------
        InvalidOption
            For another kind.
        """
        for kind in kinds:
            if kind not in KINDS:
                raise InvalidOption(f"expected a part of the trace out of {', '.join(KINDS)}, found {kind!r}")
        kept = tuple(
            replace(iteration, sections=tuple(section for section in iteration.sections if section.kind in kinds))
            for iteration in self.iterations
        )
        return replace(self, iterations=kept)

    def to_text(self, *, width: int | None = None, digits: int = DIGITS, blanks: Sequence[str] = ()) -> str:
        """Plain text with matrices drawn in Unicode, at most `width` characters wide: the terminal's by default."""
        from .faces.terminal import lines

        width = width or shutil.get_terminal_size((100, 24)).columns
        return "\n".join(line.plain.rstrip() for line in lines(self, width, digits, frozenset(blanks)))

    def to_markdown(self, *, digits: int = DIGITS, blanks: Sequence[str] = ()) -> str:
        """Markdown with LaTeX between dollar signs."""
        from .faces.markdown import render

        return render(self, digits, frozenset(blanks))

    def to_latex(self, *, digits: int = DIGITS, blanks: Sequence[str] = ()) -> str:
        """A LaTeX document, complete; it needs amsmath and graphicx."""
        from .faces.latex import render

        return render(self, digits, frozenset(blanks))

    def to_html(self, *, digits: int = DIGITS, blanks: Sequence[str] = ()) -> str:
        """A page with MathML, complete and without scripts; a symbol under the pointer lights up everywhere."""
        from .faces.html import render

        return render(self, digits, frozenset(blanks))

    def to_json(self, *, digits: int = DIGITS, blanks: Sequence[str] = ()) -> str:
        """One JSON document: results in full precision, fractions as texts; formulas as text and as LaTeX."""
        from .faces.document import render

        return render(self, digits, frozenset(blanks))

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        """One line, for the prompt."""
        return f"<Trace of {self.network}: {len(self.iterations)} update(s); print it, or to_html()>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from .faces.terminal import lines

        yield from lines(self, options.max_width, DIGITS, frozenset())

    def _repr_html_(self) -> str:
        from .faces.html import fragment

        return fragment(self, DIGITS, frozenset())

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
