"""The trace as a page: MathML that browsers set by themselves, no script, nothing fetched.

Every symbol, and every matrix of its numbers, carries its key as a class, and one style rule a key lights them all up
when the pointer is on one of them.
"""

from __future__ import annotations

from html import escape

from ..expressions import Atom, Cases, Node, Ratio, Root, Row, Script, Symbol, Value
from ..tree import Line, Section, Step, Trace
from .latex import heading
from .numerals import BLANK, Style, cells, split

NAMES = {"alpha": "α", "J_after": "J"}
ACCENTED = {"ã": ("a", "~"), "dã": ("da", "~")}

ROOM = '<mspace width=".17em"></mspace>'

CSS = """
.deltarule-trace { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: auto; }
.deltarule-trace h1 { font-size: 1.2rem; }
.deltarule-trace h2 { font-size: 1.15rem; border-top: 2px solid #7a4fa0; padding-top: .4rem; }
.deltarule-trace h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; padding: .15rem .6rem; border-left: .35rem solid #2a7f9e;
  background: #2a7f9e18; }
.deltarule-trace .backward h3, .deltarule-trace h3.backward { border-color: #d9822b; background: #d9822b18; }
.deltarule-trace .step { margin: .35rem 0 .7rem .9rem; overflow-x: auto; }
.deltarule-trace .name { font-style: italic; opacity: .75; font-size: .88rem; }
.deltarule-trace .label, .deltarule-trace .note, .deltarule-trace .tail { opacity: .75; font-size: .85rem; }
.deltarule-trace .note.alarm { opacity: 1; color: #c04a00; }
.deltarule-trace .line { margin: .2rem 0 .2rem 1rem; line-height: 2; }
.deltarule-trace math { font-family: math; font-size: 1.08rem; padding: .15rem 0; }
.deltarule-trace mtd { padding: .35ex .4em; }
.deltarule-trace .negative { color: #c25e00; }
.deltarule-trace .positive { color: #1769aa; }
.deltarule-trace .tail { white-space: nowrap; }
.deltarule-trace .k { border-radius: .2em; cursor: default; }
@media (prefers-color-scheme: dark) {
  .deltarule-trace .negative { color: #ffa04d; } .deltarule-trace .positive { color: #7cc4ff; }
  .deltarule-trace .note.alarm { color: #ffb070; }
}
"""


def render(trace: Trace, digits: int, blanks: frozenset[str]) -> str:
    """The page."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(trace.network)}</title>\n<style>:root {{ color-scheme: light dark; }} "
        f"body {{ margin: 1.5rem; }}</style>\n</head>\n<body>\n{fragment(trace, digits, blanks)}\n</body>\n</html>\n"
    )


def fragment(trace: Trace, digits: int, blanks: frozenset[str]) -> str:
    """What a notebook shows: the page without its head."""
    style = Style(digits, blanks)
    parts = [f"<h1>{escape(trace.network)}</h1>", *(f'<p class="note">{escape(note)}</p>' for note in trace.notes)]
    for iteration in trace.iterations:
        if len(trace.iterations) > 1:
            which = ", ".join(map(str, iteration.samples))
            parts.append(f"<h2>Step {iteration.number}, examples {which}</h2>")
        for section in iteration.sections:
            parts += _section(section, style)
    body = "\n".join(parts)
    keys = sorted({step.symbol.key for step in trace.steps() if step.symbol} | _keys(trace))
    lit = "\n".join(
        f".deltarule-trace:has(.{_class(key)}:hover) .{_class(key)} {{ background: #ffd84d; color: #000; }}"
        for key in keys
    )
    return f'<div class="deltarule-trace"><style>{CSS}{lit}</style>\n{body}\n</div>'


def _keys(trace: Trace) -> set[str]:
    return {key for step in trace.steps() for line in step.lines for part in line.parts for key in _keys_of(part)}


def _keys_of(node: Node) -> set[str]:
    if isinstance(node, Symbol | Value):
        return {node.key} - {""}
    if isinstance(node, Row):
        return set().union(*map(_keys_of, node.items))
    return _keys_of(node.base) if isinstance(node, Script) else set()


def _class(key: str) -> str:
    """A class name; letters that are none in CSS are written out."""
    return "k-" + "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"u{ord(c):x}" for c in key)


def _section(section: Section, style: Style) -> list[str]:
    found = [f'<h3 class="{section.kind}">{escape(heading(section))}</h3>']
    for step in section.steps:
        found += _step(step, style)
    return found


def _step(step: Step, style: Style) -> list[str]:
    size = "" if step.shape is None else f" ({step.shape[0]}, {step.shape[1]})"
    found = ['<div class="step">']
    if step.lines and step.value is not None:
        found.append(f'<span class="name">{escape(step.name)}{size}</span>')
    found += [_line(line, step, style) for line in step.lines]
    for note in step.notes:
        alarm = " alarm" if note.startswith("⚠") else ""
        found.append(f'<div class="note{alarm}">{escape(note)}</div>')
    return [*found, "</div>"]


def _line(line: Line, step: Step, style: Style) -> str:
    label = f'<span class="label">{escape(line.label)}: </span>' if line.label else ""
    tail = f'<span class="tail"> {escape(line.tail)}</span>' if line.tail else ""
    first, *others = (mathml(part, style) for part in line.parts)
    formulas = [f"<math><mrow>{first}</mrow></math>"]
    formulas += [f"<math><mrow><mo>=</mo>{part}</mrow></math>" for part in others]  # each may begin a line
    sizes = ""
    if line.shapes:
        stated = ", ".join(f"{key} {n}×{m}" for key, (n, m) in step.shapes.items())
        sizes = f'<span class="tail"> shapes {escape(stated)}</span>'
    return f'<div class="line">{label}' + " ".join(formulas) + f"{tail}{sizes}</div>"


def mathml(node: Node, style: Style) -> str:
    """One node."""
    if isinstance(node, Symbol):
        return symbol_mathml(node)
    if isinstance(node, Value):
        return _value(node, style)
    if isinstance(node, Atom):
        return _atom(node)
    if isinstance(node, Row):
        return f"<mrow>{''.join(mathml(item, style) for item in node.items)}</mrow>"
    if isinstance(node, Ratio):
        return f"<mfrac>{_one(node.top, style)}{_one(node.bottom, style)}</mfrac>"
    if isinstance(node, Root):
        return f"<msqrt>{mathml(node.inside, style)}</msqrt>"
    if isinstance(node, Cases):
        rows = "".join(
            f"<mtr><mtd style='text-align:left'>{mathml(value, style)}</mtd>"
            f"<mtd style='text-align:left'>{_condition(condition, style)}</mtd></mtr>"
            for value, condition in node.rows
        )
        return f"<mrow><mo>{{</mo><mtable>{rows}</mtable></mrow>"
    base = _one(node.base, style)
    if node.above is None and node.below is None:
        return base
    if node.below is None:
        return f"<msup>{base}{_script(node.above, style)}</msup>"
    if node.above is None:
        return f"<msub>{base}{_script(node.below, style)}</msub>"
    return f"<msubsup>{base}{_script(node.below, style)}{_script(node.above, style)}</msubsup>"


def _script(node: Node | None, style: Style) -> str:
    if isinstance(node, Atom) and node.text == "T":
        return "<mi mathvariant='normal'>⊤</mi>"
    return "" if node is None else _one(node, style)


def _one(node: Node, style: Style) -> str:
    return f"<mrow>{mathml(node, style)}</mrow>"


def _condition(node: Node, style: Style) -> str:
    if isinstance(node, Atom) and node.kind == "text":
        return mathml(node, style)
    return f"<mrow><mtext>if </mtext>{mathml(node, style)}</mrow>"


def _atom(atom: Atom) -> str:
    if atom.kind == "space":
        return '<mspace width=".2em"></mspace>'
    if atom.kind == "text":
        return f"<mtext>{escape(atom.text)}</mtext>"
    if atom.kind == "number":
        return f"<mn>{escape(atom.text)}</mn>"
    if atom.kind in ("name", "function"):
        return f"<mi>{escape(atom.text)}</mi>".join([ROOM, ROOM] if atom.kind == "function" else ["", ""])
    stretchy = ' stretchy="false"' if atom.text in "()|[]" else ""
    return f"<mo{stretchy}>{escape(atom.text.replace('-', '−'))}</mo>"


def symbol_mathml(symbol: Symbol) -> str:
    """``dW`` with the layer above it, under its key."""
    name, index = (symbol.name, "") if symbol.name in NAMES else split(symbol)
    if name in ACCENTED:
        letters, accent = ACCENTED[name]
        inside = f"<mover accent='true'><mi>{letters}</mi><mo>{accent}</mo></mover>"
    else:
        inside = f"<mi>{escape(NAMES.get(name, name))}</mi>"
    if index:
        inside = f"<msub>{inside}<mi>{escape(index)}</mi></msub>"
    if symbol.layer is not None:
        layer = f"<mo stretchy='false'>[</mo><mn>{symbol.layer}</mn><mo stretchy='false'>]</mo>"
        inside = f"<msup>{inside}<mrow>{layer}</mrow></msup>"
    return f'<mrow class="k {_class(symbol.key)}">{inside}</mrow>'


def _value(node: Value, style: Style) -> str:
    table = cells(node.array, node.key, style)
    key = f' class="k {_class(node.key)}"' if node.key else ""
    if node.array.size == 1:
        return f"<mrow{key}>{_number(table[0][0])}</mrow>"
    signed = [any(cell.startswith("-") for cell in column) for column in zip(*table, strict=True)]
    rows = "".join(
        "<mtr>"
        + "".join(f"<mtd>{_number(cell, sign)}</mtd>" for cell, sign in zip(row, signed, strict=True))
        + "</mtr>"
        for row in table
    )
    return f"<mrow{key}><mo>[</mo><mtable>{rows}</mtable><mo>]</mo></mrow>"


def _number(text: str, signed: bool = False) -> str:
    """A number as `written` gives it, blue above zero and orange below; with room for a sign if others have one."""
    if text in ("⋮", "⋯", "⋱", BLANK, "NaN"):
        return f"<mtext>{'▢' if text == BLANK else text}</mtext>"
    kind = "negative" if text.startswith("-") else "zero" if text == "0" else "positive"
    room = "<mphantom><mo form='prefix'>−</mo></mphantom>" if signed else ""
    sign = "<mo form='prefix'>−</mo>" if text.startswith("-") else room
    bare = text.lstrip("-")
    mantissa, e, exponent = bare.partition("e")
    top, slash, bottom = mantissa.partition("/")
    inside = f"<mfrac><mn>{top}</mn><mn>{bottom}</mn></mfrac>" if slash else f"<mn>{mantissa}</mn>"
    if e:
        inside += f"<mo>·</mo><msup><mn>10</mn><mn>{exponent.replace('-', '−')}</mn></msup>"
    return f'<mrow class="{kind}">{sign}{inside}</mrow>'
