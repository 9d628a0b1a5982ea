"""The trace on a terminal: matrices drawn in Unicode, in color, as wide as the terminal is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from ..expressions import Atom, Cases, Node, Ratio, Root, Row, Script, Symbol, Value
from ..tree import Iteration, Line, Section, Step, Trace
from .numerals import Style, cells, shown, split

SUPERSCRIPTS = str.maketrans("0123456789+-()nTijm", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿᵀⁱʲᵐ")
SUBSCRIPTS = str.maketrans("0123456789+-()ijlm", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ᵢⱼₗₘ")
NAMES = {"alpha": "α", "yhat": "ŷ"}
BREAKS = {"+", "-", "·", "⊙"}
POSITIVE, NEGATIVE, SYMBOL, QUIET, ALARM, HEADING = "cyan", "dark_orange", "bold", "dim", "yellow", "bold green"
FEWEST = 3
"""Columns of a matrix that are shown however narrow the terminal is."""


@dataclass(frozen=True)
class Box:
    """Lines of equal width; `base` is the one that others stand beside."""

    lines: tuple[Text, ...]
    base: int = 0

    @property
    def width(self) -> int:
        """In characters."""
        return max(line.cell_len for line in self.lines)


def lines(trace: Trace, width: int, digits: int, blanks: frozenset[str]) -> list[Text]:
    """The whole trace, line by line, none longer than `width` as far as that is possible."""
    page = _Page(max(width, 40), Style(digits, blanks))
    page.write(Text(trace.network, style="bold"))
    for note in trace.notes:
        page.write(Text(note, style=QUIET))
    for iteration in trace.iterations:
        page.iteration(iteration, len(trace.iterations) > 1)
    return page.lines


def text_of(node: Node, style: Style | None = None) -> str:
    """A node on one line, its matrices as ``[1 2; 3 4]``."""
    style = style or Style()
    return _flat(node, style).plain


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
            self.write(_flat(step.symbol, self.style).append("   ").append(step.lines[0].tail), 2)
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
        tall = any(map(_is_tall, line.parts)) or None
        parts = [self.fitted(part, indent + 4, tall) for part in line.parts]
        if line.shapes:
            parts[:2] = [_shaped(part, step.shapes, self.style) for part in line.parts[:2]]
        current = _beside([start, parts[0]] if start else [parts[0]])
        hang = min(len(label) + (parts[0].width if not line.label else 0), 12)
        for k, part in enumerate(parts[1:], 1):
            joined = _beside([current, Box((Text(" = "),)), part])
            if joined.width + indent > self.width or (line.shapes and k == 2 and len(part.lines) > 1):
                self.put(current, indent)
                current = _beside([Box((Text(" " * hang + " = "),)), part])
                if current.width + indent > self.width:
                    current = _beside([Box((Text(" = "),)), part])
            else:
                current = joined
        if line.tail:
            tail = Box((Text(f"   {line.tail}", style=QUIET),))
            joined = _beside([current, tail])
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
            box = _box(node, replace(self.style, most_columns=most), tall=tall)
            if box.width <= room:
                return box
        return _stacked(node, replace(self.style, most_columns=FEWEST), room) if tall else box


def _stacked(node: Node, style: Style, room: int) -> Box:
    """A row that is too wide, broken before its signs."""
    pieces = _set(node) if isinstance(node, Row) else [node]
    groups: list[list[Box]] = [[]]
    for piece in pieces:
        box = Box((piece,)) if isinstance(piece, Text) else _box(piece, style, tall=True)
        sign = isinstance(piece, Text) and piece.plain.strip() in BREAKS
        if sign and groups[-1] and _beside([*groups[-1], box]).width > room // 2:
            groups.append([])
        groups[-1].append(box)
    found = [_beside(group) for group in groups]
    return Box(tuple(line for box in found for line in box.lines), found[0].base)


def _shaped(node: Node, shapes: dict[str, tuple[int, int]] | object, style: Style) -> Box:
    """Symbols with their shapes beneath."""
    known = shapes if isinstance(shapes, dict) else {}
    boxes = []
    items = node.items if isinstance(node, Row) else (node,)
    for k, item in enumerate(items):
        symbol = item.base if isinstance(item, Script) else item
        top = _spaced(item, _flat(item, style))
        below = Text()
        if isinstance(symbol, Symbol) and symbol.key in known:
            n, m = known[symbol.key]
            below = Text(f"({m},{n})" if isinstance(item, Script) else f"({n},{m})", style=QUIET)
        if k and _needs_space(items[k - 1], item):
            boxes.append(Box((Text(" "), Text(" "))))
        width = max(top.cell_len, below.cell_len)
        boxes.append(Box((_centered(top, width), _centered(below, width))))
    return _beside(boxes)


def _centered(text: Text, width: int) -> Text:
    left = (width - text.cell_len) // 2
    found = Text(" " * left).append_text(text)
    return found.append(" " * (width - found.cell_len))


def _is_tall(node: Node) -> bool:
    """Whether a matrix is in it that cannot be written on one line."""
    if isinstance(node, Value):
        return bool(min(node.array.shape) > 1)
    if isinstance(node, Row):
        return any(map(_is_tall, node.items))
    return isinstance(node, Script) and _is_tall(node.base)


def _box(node: Node, style: Style, *, tall: bool | None = None) -> Box:
    tall = _is_tall(node) if tall is None else tall
    if not tall:
        return Box((_flat(node, style),))
    if isinstance(node, Value):
        return _matrix(node, style) if node.array.size > 1 else Box((_flat(node, style),))
    if isinstance(node, Row):
        return _beside(
            [_box(item, style, tall=tall) if not isinstance(item, Text) else Box((item,)) for item in _set(node)]
        )
    if isinstance(node, Script):
        turned = _turned(node)
        if turned is not None:
            return _box(turned, style, tall=tall)
        box, above = _box(node.base, style, tall=tall), _flat(node, style, script_only=True)
        if len(box.lines) == 1:
            return Box((_flat(node, style),))
        return _beside([box, Box((above, *(Text(" " * above.cell_len) for _ in box.lines[1:])), box.base)])
    return Box((_flat(node, style),))


def _turned(node: Script) -> Value | None:
    """The transpose of a vector, as it is."""
    vector = isinstance(node.base, Value) and 1 in node.base.array.shape and node.base.array.size > 1
    top = isinstance(node.above, Atom) and node.above.text == "T"
    return Value(node.base.key, node.base.array.T) if isinstance(node.base, Value) and vector and top else None


def _spaced(node: Node, text: Text) -> Text:
    """Signs between things have room on both sides."""
    if (
        isinstance(node, Atom)
        and node.kind == "operator"
        and node.text in ("+", "-", "⊙", "·", "←", "→", "=", "≤", "±", ">", "<")
    ):
        return Text(" ").append_text(text).append(" ") if node.text != "·" else text
    return text


def _matrix(value: Value, style: Style) -> Box:
    table = cells(value.array, value.key, style)
    columns = [_aligned(column) for column in zip(*table, strict=True)]
    found = []
    for i in range(len(table)):
        left, right = _brackets(i, len(table))
        line = Text(left)
        for j, column in enumerate(columns):
            line.append(" " if j else "").append(column[i], style=_color(table[i][j]))
        found.append(line.append(right))
    return Box(tuple(found), (len(found) - 1) // 2)


def _brackets(i: int, n: int) -> tuple[str, str]:
    if n == 1:
        return "[", "]"
    return ("⎡", "⎤") if i == 0 else ("⎣", "⎦") if i == n - 1 else ("⎢", "⎥")


def _aligned(column: Sequence[str]) -> list[str]:
    """Entries of a column with their points one below the other."""
    dots = [cell.find(".") if "." in cell else len(cell.partition("e")[0]) for cell in column]
    left = max(dots)
    padded = [" " * (left - dot) + cell for dot, cell in zip(dots, column, strict=True)]
    width = max(map(len, padded))
    return [cell.ljust(width) for cell in padded]


def _color(text: str) -> str:
    if text in ("0", "⋮", "⋯", "⋱"):
        return QUIET
    return NEGATIVE if text.startswith("-") else POSITIVE


def _beside(boxes: Sequence[Box]) -> Box:
    """Boxes in a row, their base lines on one."""
    above = max(box.base for box in boxes)
    below = max(len(box.lines) - box.base for box in boxes)
    found = [Text() for _ in range(above + below)]
    for box in boxes:
        width = box.width
        first = above - box.base
        for k, line in enumerate(found):
            inside = first <= k < first + len(box.lines)
            piece = box.lines[k - first] if inside else Text()
            line.append_text(piece).append(" " * (width - piece.cell_len))
    return Box(tuple(found), above)


def _flat(node: Node, style: Style, *, script_only: bool = False) -> Text:
    """A node on one line."""
    if isinstance(node, Symbol):
        return Text(symbol_text(node), style=SYMBOL)
    if isinstance(node, Value):
        return _flat_value(node, style)
    if isinstance(node, Atom):
        return Text(node.text)
    if isinstance(node, Row):
        return _flat_row(node, style)
    if isinstance(node, Ratio):
        return _grouped(node.top, style).append("/").append_text(_grouped(node.bottom, style))
    if isinstance(node, Root):
        return Text("√").append_text(_grouped(node.inside, style))
    if isinstance(node, Cases):
        found = Text()
        for k, (value, condition) in enumerate(node.rows):
            found.append(",  " if k else "").append_text(_flat(value, style))
            words = _flat(condition, style)
            found.append("" if words.plain.strip() == "else" else " if", style=QUIET).append(" ").append_text(words)
        return found
    return _flat_script(node, style, script_only)


def _flat_value(node: Value, style: Style) -> Text:
    table = cells(node.array, node.key, style)
    if node.array.size == 1:
        return Text(table[0][0], style=_color(table[0][0]))
    column = node.array.shape[1] == 1
    if column:
        table = cells(node.array.T, node.key, replace(style, most_rows=style.most_rows))
    found = Text("[")
    for i, entries in enumerate(table):
        found.append("; " if i else "")
        for j, entry in enumerate(entries):
            found.append(" " if j else "").append(entry, style=_color(entry))
    return found.append("]ᵀ" if column else "]")


def _flat_row(node: Row, style: Style) -> Text:
    found = Text()
    for item in _set(node):
        found.append_text(item if isinstance(item, Text) else _flat(item, style))
    return found


def _set(node: Row) -> list[Node | Text]:
    """The items of a row, signs already as text, with spaces where they belong."""
    found: list[Node | Text] = []
    for k, item in enumerate(node.items):
        before = node.items[k - 1] if k else None
        if _needs_space(before, item):
            found.append(Text(" "))
        if not isinstance(item, Atom):
            found.append(item)
            continue
        unary = before is None or (isinstance(before, Atom) and before.text in "(|,")
        found.append(Text(item.text) if unary and item.text in "+-" else _spaced(item, Text(item.text)))
    return found


def _is_thing(node: Node) -> bool:
    return not isinstance(node, Atom) or node.kind in ("name", "number", "function")


def _needs_space(before: Node | None, node: Node) -> bool:
    """Between things that stand side by side, round a function, and after a comma."""
    if before is None:
        return False
    if isinstance(before, Atom) and before.kind == "operator":
        return before.text in (",", "Σ") and (_is_thing(node) or before.text == ",")
    if isinstance(before, Script) and isinstance(before.base, Atom) and before.base.text in "Σ∂":
        return before.base.text == "Σ" and _is_thing(node)
    first = node.base if isinstance(node, Script) else node
    summed = isinstance(first, Atom) and first.text == "Σ"
    return summed or (_is_thing(first) and not (isinstance(before, Atom) and before.kind == "space"))


def _grouped(node: Node, style: Style) -> Text:
    """In parentheses, unless it is one thing, such as ∂J."""
    inside = _flat(node, style)
    first, *others = _items(node) or (node,)
    one = isinstance(first, Atom) and first.text == "∂" and all(isinstance(x, Atom | Symbol) for x in others)
    return Text("(").append(inside).append(")") if others and not one else inside


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Row) else (node,)


def _flat_script(node: Script, style: Style, script_only: bool) -> Text:
    turned = None if script_only else _turned(node)
    if turned is not None:
        return _flat_value(turned, style)
    found = Text() if script_only else _flat(node.base, style)
    if node.below is not None:
        inside = _flat(node.below, style).plain
        lowered = inside.translate(SUBSCRIPTS)
        found.append(lowered if all(a != b for a, b in zip(inside, lowered, strict=True)) else f"_{inside}")
    if node.above is not None:
        inside = _flat(node.above, style).plain
        raised = inside.translate(SUPERSCRIPTS)
        small = all(a != b for a, b in zip(inside, raised, strict=True))
        found.append(raised if small else f"^{inside}" if len(inside) == 1 else f"^({inside})")
    return found


def symbol_text(symbol: Symbol) -> str:
    """``dW[2]``."""
    name, index = split(symbol)
    layer = "" if symbol.layer is None else f"[{symbol.layer}]"
    return NAMES.get(name, name) + (f"_{index}" if index else "") + layer


__all__ = ["lines", "shown", "symbol_text", "text_of"]
