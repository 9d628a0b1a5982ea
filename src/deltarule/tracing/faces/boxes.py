"""Nodes as text: on one line, or as boxes of several lines in which matrices are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from ..expressions import Atom, Cases, Node, Ratio, Root, Row, Script, Symbol, Value
from .numerals import Style, cells, split

POSITIVE, NEGATIVE, SYMBOL, QUIET, ALARM, HEADING = "cyan", "dark_orange", "bold", "dim", "yellow", "bold green"

SUPERSCRIPTS = str.maketrans("0123456789+-()nTijm", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿᵀⁱʲᵐ")
SUBSCRIPTS = str.maketrans("0123456789+-()ijlm", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ᵢⱼₗₘ")
NAMES = {"alpha": "α", "yhat": "ŷ"}
BREAKS = {"+", "-", "·", "⊙"}


@dataclass(frozen=True)
class Box:
    """Lines of equal width; `base` is the one that others stand beside."""

    lines: tuple[Text, ...]
    base: int = 0

    @property
    def width(self) -> int:
        """In characters."""
        return max(line.cell_len for line in self.lines)


def text_of(node: Node, style: Style | None = None) -> str:
    """A node on one line, its matrices as ``[1 2; 3 4]``."""
    style = style or Style()
    return flat(node, style).plain


def stacked(node: Node, style: Style, room: int) -> Box:
    """A row that is too wide, broken before its signs."""
    pieces = _set(node) if isinstance(node, Row) else [node]
    groups: list[list[Box]] = [[]]
    for piece in pieces:
        box = Box((piece,)) if isinstance(piece, Text) else box_of(piece, style, tall=True)
        sign = isinstance(piece, Text) and piece.plain.strip() in BREAKS
        if sign and groups[-1] and beside([*groups[-1], box]).width > room // 2:
            groups.append([])
        groups[-1].append(box)
    found = [beside(group) for group in groups]
    return Box(tuple(line for box in found for line in box.lines), found[0].base)


def shaped(node: Node, shapes: dict[str, tuple[int, int]] | object, style: Style) -> Box:
    """Symbols with their shapes beneath."""
    known = shapes if isinstance(shapes, dict) else {}
    boxes = []
    items = node.items if isinstance(node, Row) else (node,)
    for k, item in enumerate(items):
        symbol = item.base if isinstance(item, Script) else item
        top = _spaced(item, flat(item, style))
        below = Text()
        if isinstance(symbol, Symbol) and symbol.key in known:
            n, m = known[symbol.key]
            below = Text(f"({m},{n})" if isinstance(item, Script) else f"({n},{m})", style=QUIET)
        if k and _needs_space(items[k - 1], item):
            boxes.append(Box((Text(" "), Text(" "))))
        width = max(top.cell_len, below.cell_len)
        boxes.append(Box((_centered(top, width), _centered(below, width))))
    return beside(boxes)


def _centered(text: Text, width: int) -> Text:
    left = (width - text.cell_len) // 2
    found = Text(" " * left).append_text(text)
    return found.append(" " * (width - found.cell_len))


def is_tall(node: Node) -> bool:
    """Whether a matrix is in it that cannot be written on one line."""
    if isinstance(node, Value):
        return bool(min(node.array.shape) > 1)
    if isinstance(node, Row):
        return any(map(is_tall, node.items))
    return isinstance(node, Script) and is_tall(node.base)


def box_of(node: Node, style: Style, *, tall: bool | None = None) -> Box:
    """A node drawn, its matrices over several lines; on one line if it has none, unless `tall`."""
    tall = is_tall(node) if tall is None else tall
    if not tall:
        return Box((flat(node, style),))
    if isinstance(node, Value):
        return _matrix(node, style) if node.array.size > 1 else Box((flat(node, style),))
    if isinstance(node, Row):
        return beside(
            [box_of(item, style, tall=tall) if not isinstance(item, Text) else Box((item,)) for item in _set(node)]
        )
    if isinstance(node, Script):
        turned = _turned(node)
        if turned is not None:
            return box_of(turned, style, tall=tall)
        box, above = box_of(node.base, style, tall=tall), flat(node, style, script_only=True)
        if len(box.lines) == 1:
            return Box((flat(node, style),))
        return beside([box, Box((above, *(Text(" " * above.cell_len) for _ in box.lines[1:])), box.base)])
    return Box((flat(node, style),))


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


def beside(boxes: Sequence[Box]) -> Box:
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


def flat(node: Node, style: Style, *, script_only: bool = False) -> Text:
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
            found.append(",  " if k else "").append_text(flat(value, style))
            words = flat(condition, style)
            found.append("" if words.plain.strip() == "else" else " if", style=QUIET).append(" ").append_text(words)
        return found
    return _flat_script(node, style, script_only)


def _flat_value(node: Value, style: Style) -> Text:
    table = cells(node.array, node.key, style)
    if node.array.size == 1:
        return Text(table[0][0], style=_color(table[0][0]))
    column = node.array.shape[1] == 1
    if column:
        table = cells(node.array.T, node.key, style)
    found = Text("[")
    for i, entries in enumerate(table):
        found.append("; " if i else "")
        for j, entry in enumerate(entries):
            found.append(" " if j else "").append(entry, style=_color(entry))
    return found.append("]ᵀ" if column else "]")


def _flat_row(node: Row, style: Style) -> Text:
    found = Text()
    for item in _set(node):
        found.append_text(item if isinstance(item, Text) else flat(item, style))
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
    inside = flat(node, style)
    first, *others = _items(node) or (node,)
    one = isinstance(first, Atom) and first.text == "∂" and all(isinstance(x, Atom | Symbol) for x in others)
    return Text("(").append(inside).append(")") if others and not one else inside


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Row) else (node,)


def _flat_script(node: Script, style: Style, script_only: bool) -> Text:
    turned = None if script_only else _turned(node)
    if turned is not None:
        return _flat_value(turned, style)
    found = Text() if script_only else flat(node.base, style)
    if node.below is not None:
        inside = flat(node.below, style).plain
        lowered = inside.translate(SUBSCRIPTS)
        found.append(lowered if all(a != b for a, b in zip(inside, lowered, strict=True)) else f"_{inside}")
    if node.above is not None:
        inside = flat(node.above, style).plain
        raised = inside.translate(SUPERSCRIPTS)
        small = all(a != b for a, b in zip(inside, raised, strict=True))
        found.append(raised if small else f"^{inside}" if len(inside) == 1 else f"^({inside})")
    return found


def symbol_text(symbol: Symbol) -> str:
    """``dW[2]``."""
    name, index = split(symbol)
    layer = "" if symbol.layer is None else f"[{symbol.layer}]"
    return NAMES.get(name, name) + (f"_{index}" if index else "") + layer
