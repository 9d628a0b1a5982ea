"""The trace on a terminal: matrices drawn in Unicode, in color, as wide as the terminal is."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from ..expressions import Node
from ..tree import Iteration, Line, Section, Step, Trace
from .boxes import ALARM, HEADING, QUIET, Box, beside, box_of, flat, is_tall, shaped, stacked
from .numerals import Style

FEWEST = 3
"""Columns of a matrix that are shown however narrow the terminal is."""


def lines(trace: Trace, width: int, digits: int, blanks: frozenset[str]) -> list[Text]:
    """The whole trace, line by line, none longer than `width` as far as that is possible."""
    page = _Page(max(width, 40), Style(digits, blanks))
    page.write(Text(trace.network, style="bold"))
    for note in trace.notes:
        page.write(Text(note, style=QUIET))
    for iteration in trace.iterations:
        page.iteration(iteration, len(trace.iterations) > 1)
    return page.lines


class _Page:
    def __init__(self, width: int, style: Style) -> None:
        self.width, self.style = width, style
        self.lines: list[Text] = []

    def write(self, line: Text, indent: int = 0) -> None:
        """A line, wrapped if need be."""
        from rich.console import Console

        screen = Console(width=max(self.width - indent, 20), color_system=None, legacy_windows=False)
        for part in line.wrap(screen, max(self.width - indent, 20)):
            part.rstrip()
            self.lines.append(Text(" " * indent).append_text(part))

    def rule(self, title: str, style: str, right: str = "") -> None:
        line = Text("── ", style=QUIET).append(title, style=style).append(" ")
        fill = self.width - line.cell_len - len(right) - 1
        if fill < 2:
            self.write(line)
            return
        self.lines.append(line.append("─" * fill + " " + right if right else "─" * (fill + 1), style=QUIET))

    def iteration(self, iteration: Iteration, many: bool) -> None:
        m = len(iteration.samples)
        which = ", ".join(map(str, iteration.samples[:8])) + (", ..." if m > 8 else "")
        if many:
            self.lines.append(Text())
            self.rule(f"STEP {iteration.number} · example{'s' if m > 1 else ''} {which}", "bold magenta")
        for section in iteration.sections:
            self.section(section, f"m = {m}" if section.kind == "forward" else "")

    def section(self, section: Section, right: str) -> None:
        self.lines.append(Text())
        title = section.title
        head = section.kind.upper() if section.kind not in ("after",) else ""
        if title.startswith(("gradient check", "cost after")):
            head = ""
        self.rule(f"{head} · {title}" if head else title, HEADING, right)
        for step in section.steps:
            self.step(step, section.kind)

    def step(self, step: Step, kind: str) -> None:
        if kind == "check" and step.symbol is not None:
            self.write(flat(step.symbol, self.style).append("   ").append(step.lines[0].tail), 2)
            return
        if step.lines and kind != "after":
            size = f"   ({step.shape[0]},{step.shape[1]})" if step.shape else ""
            self.lines.append(Text("  ").append(step.name, style="italic").append(size, style=QUIET))
        for line in step.lines:
            self.line(line, step)
        for note in step.notes:
            self.write(Text(note, style=ALARM if note.startswith("⚠") else QUIET), 4)

    def line(self, line: Line, step: Step) -> None:
        indent = 4
        label = f"{line.label}: " if line.label else ""
        start = Box((Text(label, style=QUIET),)) if label else None
        tall = any(map(is_tall, line.parts)) or None
        parts = [self.fitted(part, indent + 4, tall) for part in line.parts]
        if line.shapes:
            parts[:2] = [shaped(part, step.shapes, self.style) for part in line.parts[:2]]
        current = beside([start, parts[0]] if start else [parts[0]])
        hang = min(len(label) + (parts[0].width if not line.label else 0), 12)
        for k, part in enumerate(parts[1:], 1):
            joined = beside([current, Box((Text(" = "),)), part])
            if joined.width + indent > self.width or (line.shapes and k == 2 and len(part.lines) > 1):
                self.put(current, indent)
                current = beside([Box((Text(" " * hang + " = "),)), part])
                if current.width + indent > self.width:
                    current = beside([Box((Text(" = "),)), part])
            else:
                current = joined
        if line.tail:
            tail = Box((Text(f"   {line.tail}", style=QUIET),))
            joined = beside([current, tail])
            if joined.width + indent > self.width:
                self.put(current, indent)
                current = tail
            else:
                current = joined
        self.put(current, indent)

    def put(self, box: Box, indent: int) -> None:
        """A box as it is; one that is still too wide, of one line, is wrapped."""
        if len(box.lines) == 1 and box.width + indent > self.width:
            self.write(box.lines[0], indent)
            return
        for line in box.lines:
            whole = Text(" " * indent).append_text(line)
            if whole.cell_len > self.width:
                whole.truncate(self.width, overflow="ellipsis")
            self.lines.append(whole)

    def fitted(self, node: Node, taken: int, tall: bool | None) -> Box:
        """A node in as much detail as the width allows: fewer columns, then broken at its signs."""
        room = self.width - taken
        for most in range(self.style.most_columns, FEWEST - 1, -1):
            box = box_of(node, replace(self.style, most_columns=most), tall=tall)
            if box.width <= room:
                return box
        return stacked(node, replace(self.style, most_columns=FEWEST), room) if tall else box
