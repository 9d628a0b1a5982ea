"""The gradient check, the update, and the cost after it beside the linear prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from .calculation import MOST_CHECKED, Calculation
from .expressions import Node, Symbol, Value, number, parse, row
from .notation import columns, options_note, scalar, shape
from .tree import Line, Section, Step


def check_section(now: Calculation) -> Section:
    """Each parameter array against centered differences."""
    if now.report is None:
        size = now.network.n_parameters
        why = f"left out: {size:,} parameters, at most {MOST_CHECKED:,} here; deltarule check --gradient does it"
        return Section("check", "gradient check", (Step("gradient check", notes=(why,)),))
    report = now.report
    steps = []
    for x in report.arrays:
        left = f", {x.kinks} of {x.entries} entries at a kink left out" if x.kinks else ""
        symbol = Symbol(f"d{x.name[0]}", int(x.name[2:-1]))
        text = f"relative error {max(x.error, x.worst):.1e}   {x.verdict}{left}"
        steps.append(Step("gradient check", symbol, (Line((symbol,), tail=text),)))
    verdict = "PASS" if report.good else report.verdict.upper()
    title = f"gradient check: central, h = 1e-6, float64: relative error {report.error:.1e}  {verdict}"
    return Section("check", title, tuple(steps))


def update_section(now: Calculation) -> Section:
    """New parameters, with what the optimizer keeps."""
    assert now.after is not None
    optimizer = now.setting.optimizer
    steps: list[Step] = []
    plain = not optimizer.moments and not optimizer.full_batch
    if not plain:
        rule = Step(
            "rule",
            lines=(Line((parse(optimizer.latex),), label="where", tail=f"t = {now.t}, g the gradient"),),
            notes=(*options_note(optimizer), *_kept(now)),
        )
        steps.append(rule)
    if now.hessian is not None:
        H = Symbol("H")
        line = Line((H, parse(r"\partial^2 J / \partial \theta^2"), Value(H.key, now.hessian)))
        steps.append(Step("second derivative", H, (line,), now.hessian, {H.key: shape(now.hessian)}))
    for l in now.network.W:
        for kind in ("W", "b", "p"):
            if l in getattr(now.network, kind):
                steps.append(_update(now, kind, l, plain=plain))
    return Section("update", _title(now), tuple(steps))


def _kept(now: Calculation) -> tuple[str, ...]:
    """What the arrays of an optimizer over the full batch mean."""
    if not now.setting.optimizer.full_batch:
        return ()
    change = "" if "y" not in now.state else "; y is the change of the gradient, and from s and y comes the next H"
    return (f"s is the step that was taken{change}",)


def _title(now: Calculation) -> str:
    alpha = "" if now.setting.optimizer.full_batch else f", α = {now.setting.alpha}"
    return f"{str(now.setting.optimizer).replace('_', ' ')}{alpha}"


def _matrix(array: Array) -> Array:
    return array if array.ndim == 2 else columns(array)


def _update(now: Calculation, kind: str, l: int, *, plain: bool) -> Step:
    """``W[l] = W[l] - α dW[l]``, or what another optimizer makes of it."""
    assert now.after is not None
    symbol, delta = Symbol(kind, l), Symbol(f"d{kind}", l)
    old, new = _matrix(getattr(now.network, kind)[l]), _matrix(getattr(now.after, kind)[l])
    d = _matrix(getattr(now.gradient, kind)[l])
    lines: list[Line] = []
    sizes = {symbol.key: shape(old), delta.key: shape(d)}
    result = Value(f"{symbol.key}_new", new)
    if plain:
        numbers = row(Value(symbol.key, old), "-", number(now.setting.alpha), r"\cdot", Value(delta.key, d))
        lines.append(Line((symbol, row(symbol, r"- \alpha", delta), numbers, result)))
        return Step("update", symbol, tuple(lines), new, sizes)
    for name, state in now.state.items():
        kept = Symbol(f"{name}_{kind}", l)
        lines.append(Line((kept, Value(kept.key, _matrix(getattr(state, kind)[l]))), label="state"))
    change = new - old
    moved = row(Value(symbol.key, old), "+", Value("", change))
    lines.insert(0, Line((symbol, row(symbol, r"+ \Delta", symbol), moved, result)))
    return Step("update", symbol, tuple(lines), new, sizes)


def after_section(now: Calculation) -> Section:
    """The new cost, and what the gradient alone predicted."""
    assert now.after is not None
    J = Symbol("J")
    change = now.after.theta - now.network.theta
    predicted = now.gradient.flat @ change
    actual = now.J_after - now.J
    lines = [Line((J, _from_to(now.J, now.J_after)))]
    formula = row(r"\sum_\theta \frac{\partial J}{\partial \theta}\,\Delta\theta")
    lines.append(Line((formula, number(predicted)), label="linear prediction"))
    lines.append(Line((parse(r"\Delta J"), number(actual)), label="actual"))
    notes: list[str] = []
    if float(actual) > 0:
        notes.append("⚠ the cost rose: the step is too long for this learning rate, or not along the gradient")
    elif not np.isclose(float(predicted), float(actual), rtol=0.5, atol=1e-12):
        notes.append("the two differ by more than half: the step is long beside the curvature of the cost")
    step = Step("cost after the update", Symbol("J_after"), tuple(lines), scalar(now.J_after), notes=tuple(notes))
    return Section("after", "cost after the update", (step,))


def _from_to(before: Any, after: Any) -> Node:
    return row(Value("J", scalar(before)), r"\to", Value("J_after", scalar(after)))
