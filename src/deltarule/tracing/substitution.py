"""Numbers put in for the letters of a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .expressions import SPACE, Atom, Cases, Node, Ratio, Root, Row, Script, Value, is_negative, parse, row


def substitute(node: Node, values: Mapping[str, Node]) -> Node:
    """Put numbers in for letters: `values` by the text of a name, or of a name with an index, such as ``y_j``."""
    found = values.get(_text(node))
    if found is not None:
        return found
    if isinstance(node, Row):
        return Row(_separated([(item, substitute(item, values)) for item in node.items]))
    if isinstance(node, Script):
        base = substitute(node.base, values)
        if base is not node.base and is_negative(base):
            base = row("(", base, ")")
        above = None if node.above is None else substitute(node.above, values)
        return Script(base, above, node.below)
    if isinstance(node, Ratio):
        return Ratio(substitute(node.top, values), substitute(node.bottom, values))
    if isinstance(node, Root):
        return Root(substitute(node.inside, values))
    return node


def has_cases(node: Node) -> bool:
    """Whether a definition by cases is in it, which is shown with its letters."""
    if isinstance(node, Row):
        return any(map(has_cases, node.items))
    return isinstance(node, Cases)


def names(node: Node) -> set[str]:
    """The letters in it, those with an index as ``y_j``."""
    text = _text(node)
    if text:
        return {text}
    if isinstance(node, Row):
        return set().union(*map(names, node.items))
    if isinstance(node, Script):
        return names(node.base) | (set() if node.above is None else names(node.above))
    if isinstance(node, Ratio):
        return names(node.top) | names(node.bottom)
    if isinstance(node, Cases):
        return set().union(*(names(part) for pair in node.rows for part in pair))
    return names(node.inside) if isinstance(node, Root) else set()


def expand_sum(node: Node, terms: Sequence[Mapping[str, Node]]) -> Node:
    """``Σ_j f(x_j)`` written out, one term for each mapping of ``x_j`` to a number; as it is if there is no sum."""
    if not isinstance(node, Row):
        return node
    for k, item in enumerate(node.items):
        if isinstance(item, Script) and isinstance(item.base, Atom) and item.base.text == "Σ":
            body = Row(node.items[k + 1 :])
            written: list[Node] = []
            for n, term in enumerate(terms):
                written += [parse("+")] if n else []
                written += row(substitute(body, term)).items
            return row(*node.items[:k], "(", *written, ")")
    return node


def _text(node: Node) -> str:
    """``y`` or ``y_j``; empty for all that is no letter."""
    if isinstance(node, Atom):
        return node.text if node.kind == "name" else ""
    if isinstance(node, Script) and node.above is None and isinstance(node.base, Atom) and isinstance(node.below, Atom):
        return f"{node.base.text}_{node.below.text}"
    return ""


def _separated(pairs: Sequence[tuple[Node, Node]]) -> tuple[Node, ...]:
    """Side by side again: a dot before a number that follows something, parentheses round one below zero."""
    items: list[Node] = []
    for old, new in pairs:
        changed = new is not old and isinstance(new, Value)
        before = items[-1] if items else None
        product = isinstance(before, Value | Ratio | Script) or (
            isinstance(before, Atom) and (before.kind in ("number", "name") or before.text in ")]|")
        )
        space = before == SPACE and len(items) > 1 and not isinstance(items[-2], Atom)
        if changed and (product or space):
            if space:
                items.pop()
            items.append(Atom(r"\cdot", "·"))
        bare = before is None or (isinstance(before, Atom) and before.text in "(|,<>≤=")
        items += row("(", new, ")").items if changed and is_negative(new) and not bare else (new,)
    return tuple(items)
