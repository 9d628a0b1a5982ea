"""The steps of the forward pass, the losses and the cost, from the numbers that were computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..equations import PENALTIES
from .calculation import Calculation
from .expressions import Node, Ratio, Script, Symbol, Value, function, number, parse, row
from .notation import (
    columns,
    entries,
    letters,
    line,
    options_note,
    place,
    plain_sum,
    product_terms,
    scalar,
    shape,
    sign_of,
    with_numbers,
)
from .substitution import expand_sum, substitute
from .tree import Line, Section, Step

MOST_LOSSES = 4
"""Samples whose loss is written out."""


def forward_sections(now: Calculation) -> list[Section]:
    """A section for each layer: linear, activation, dropout."""
    found = []
    for l, layer in enumerate(now.given.layers, 1):
        steps = [_linear(now, l), _activation(now, l)]
        if l in now.cache.mask:
            steps.append(_dropout(now, l))
        found.append(Section("forward", f"layer {l} ({layer.activation})", tuple(steps), l))
    return found


def seen(now: Calculation, l: int) -> tuple[Symbol, Array]:
    """What layer `l` + 1 receives: ``a[l]``, or what dropout has left of it; (n_l, m)."""
    return (Symbol("ã", l) if l in now.cache.dropped else Symbol("a", l)), columns(np.asarray(now.cache.seen(l)))


def _linear(now: Calculation, l: int) -> Step:
    """``Z[l] = W[l] a[l-1] + b[l]``."""
    before, A = seen(now, l - 1)
    W, b, Z = now.network.W[l], columns(now.network.b[l]), columns(now.cache.Z[l])
    symbol = Symbol("Z", l)
    weights, bias = Symbol("W", l), Symbol("b", l)
    numbers = row(Value(weights.key, W), r"\cdot", Value(before.key, A), "+", Value(bias.key, b))
    equation = Line((symbol, row(weights, r"\cdot", before, "+", bias), numbers, Value(symbol.key, Z)), shapes=True)
    pairs = zip(entries(weights.key, W[0]), entries(before.key, A[:, 0]), strict=True)
    worked = Line((product_terms(pairs, Value(bias.key, b[:1])), _entry(symbol, Z)), label=place(Z))
    sizes = {weights.key: shape(W), before.key: shape(A), bias.key: shape(b), symbol.key: shape(Z)}
    return Step("linear", symbol, (equation, worked), Z, sizes)


def _entry(symbol: Symbol, array: Array) -> Value:
    """The first entry of a result, which is left blank where the result is."""
    return Value(symbol.key, array[:1, :1])


def _activation(now: Calculation, l: int) -> Step:
    """``a[l] = g(Z[l])``."""
    g, p = now.network.layers[l - 1].activation, now.network.p.get(l)
    Z, a = columns(now.cache.Z[l]), columns(now.cache.a[l])
    symbol, below = Symbol("a", l), Symbol("Z", l)
    sign = sign_of(g)
    parts: list[Node] = [symbol, function(sign, below), function(sign, Value(below.key, Z)), Value(symbol.key, a)]
    if g.name == "identity":
        parts = [symbol, below, Value(symbol.key, a)]
    lines = [Line(tuple(parts))]
    sizes = {symbol.key: shape(a), below.key: shape(Z)}
    if g.latex and g.name != "identity":
        lines.append(Line((function(sign, parse("Z")), parse(g.latex)), label="where"))
    worked = None if g.rowwise else with_numbers(g.latex, {"Z": Value(below.key, Z[:1, :1]), **letters(g.settings)})
    if worked is not None and g.name != "identity":
        lines.append(Line((worked, _entry(symbol, a)), label=place(a)))
    if g.rowwise and len(a) <= MOST_LOSSES:
        lines.append(Line((_softmax(entries(below.key, Z[:, 0])), _entry(symbol, a)), label=place(a)))
    if p is not None:
        slopes = Symbol("p", l)
        lines.append(Line((slopes, Value(slopes.key, columns(p))), label="learned"))
        sizes[slopes.key] = shape(columns(p))
    notes = (*options_note(now.given.layers[l - 1].activation), *_remarks(now, l))
    return Step("activation", symbol, tuple(lines), a, sizes, notes)


def _softmax(Z: list[Value]) -> Node:
    powers = [Script(parse("e"), above=z) for z in Z]
    bottom: list[Any] = [powers[0]]
    for power in powers[1:]:
        bottom += ["+", power]
    return Ratio(powers[0], row(*bottom))


def _remarks(now: Calculation, l: int) -> list[str]:
    """Units that pass nothing on, and values that lie on a kink."""
    g, Z = now.network.layers[l - 1].activation, now.cache.Z[l]
    if g.rowwise or not g.kinks:
        return []
    slope = g.slope(Z, now.cache.a[l], now.network.p.get(l))
    dead = [str(k + 1) for k in np.flatnonzero((slope == 0).all(axis=0))]
    found = []
    if dead:
        many = len(dead) > 1
        which = f"unit{'s' if many else ''} {', '.join(dead[:8])}{', ...' if len(dead) > 8 else ''}"
        everywhere = " for every example" if len(Z) > 1 else ""
        found.append(f"⚠ {which} inactive: g'(Z) = 0{everywhere}, so no gradient passes")
    at_kink = sum(int(np.count_nonzero(kink == Z)) for kink in g.kinks)
    if at_kink:
        found.append(
            f"⚠ {at_kink} value{'s' if at_kink > 1 else ''} of Z on the kink, where g' is taken as {g.at_kink}"
        )
    return found


def _dropout(now: Calculation, l: int) -> Step:
    """``ã[l] = a[l] ⊙ M[l]``."""
    rate = now.network.layers[l - 1].dropout
    a, mask, kept = (columns(x) for x in (now.cache.a[l], now.cache.mask[l], now.cache.dropped[l]))
    symbol, below, M = Symbol("ã", l), Symbol("a", l), Symbol("M", l)
    numbers = row(Value(below.key, a), r"\odot", Value(M.key, mask))
    note = f"M is 0 for a unit that is dropped (rate {rate:g}), else 1/(1 - {rate:g}); drawn from the seed and the step"
    equation = Line((symbol, row(below, r"\odot", M), numbers, Value(symbol.key, kept)))
    return Step("dropout", symbol, (equation,), kept, {k.key: shape(kept) for k in (symbol, below, M)}, (note,))


def loss_section(now: Calculation) -> Section:
    """The loss of each sample."""
    loss, top = now.network.loss, len(now.network.layers)
    prediction = Symbol("a", top)
    symbol, target = Symbol("L"), Symbol("y")
    L, y, a = line(now.L), columns(now.data.y), columns(now.cache.prediction)
    named = parse(rf"\operatorname{{{loss.name.replace('_', ' ')}}}")
    definition = parse(loss.latex) if loss.latex else row(named, r"(\hat y, y)")
    several = a.shape[0] > 1 and r"\sum_j" not in loss.latex
    if several:
        definition = row(r"\sum_j", r"\left(", definition, r"\right)")
    lines = [
        Line((symbol, definition, Value(symbol.key, L)), tail=f"where ŷ = a[{top}]"),
        Line((target, Value(target.key, y)), label="target"),
    ]
    for i in range(min(len(now.data), MOST_LOSSES)):
        worked = _worked_loss(now.given.loss, entries(prediction.key, a[:, i]), entries("y", y[:, i]))
        if worked is not None:
            label = f"example {now.rows[i]}" if len(now.data) > 1 else "in full"
            lines.append(Line((worked, Value(symbol.key, L[:, i : i + 1])), label=label))
    sizes = {symbol.key: shape(L), prediction.key: shape(a), target.key: shape(y)}
    return Section(
        "loss", loss.name.replace("_", " "), (Step("loss", symbol, tuple(lines), L, sizes, _smoothing(now)),)
    )


def _smoothing(now: Calculation) -> tuple[str, ...]:
    loss = now.given.loss
    if not loss.settings.get("label_smoothing"):
        return options_note(loss)
    return (f"label smoothing ε = {loss.settings['label_smoothing']:g}: in place of y stands (1 - ε) y + ε/K",)


def _worked_loss(loss: Any, a: list[Value], y: list[Value]) -> Node | None:
    """The formula with the numbers of one sample."""
    if not loss.latex or loss.settings.get("label_smoothing") or len(a) > MOST_LOSSES:
        return None
    if r"\sum_j" in loss.latex:
        terms = [{"ŷ_j": p, "y_j": t} for p, t in zip(a, y, strict=True)]
        return expand_sum(parse(loss.latex), terms)
    parts: list[Any] = []
    for p, t in zip(a, y, strict=True):
        values = {"ŷ": p, "y": t, **letters(loss.settings)}
        filled = with_numbers(loss.latex, values)
        if filled is None:
            return None
        parts += [*(["+"] if parts else []), filled]
    return row(*parts)


def cost_section(now: Calculation) -> Section:
    """``J = (1/m) Σ L``, and the penalties."""
    symbol, m = Symbol("J"), len(now.data)
    losses = entries("L", now.L)
    if now.data.w is None:
        formula: Node = row(r"\frac{1}{m}\sum_i", Symbol("L"))
        written_out = [row(rf"\tfrac{{1}}{{{m}}}", "(", plain_sum(losses), ")")] if m > 1 else []
        lines = [Line((symbol, formula, *written_out, Value(symbol.key, scalar(now.J_data))))]
    else:
        w = Symbol("w")
        total, pairs = number(now.total), zip(entries("w", now.data.w), losses, strict=True)
        numbers = row(substitute(parse(r"\frac{1}{W}"), {"W": total}), "(", product_terms(pairs), ")")
        lines = [
            Line((symbol, row(r"\frac{1}{\sum_i w_i}\sum_i w_i", Symbol("L")), numbers,
                  Value(symbol.key, scalar(now.J_data)))),
            Line((w, Value(w.key, line(now.data.w))), label="weights"),
        ]  # fmt: skip
    steps = [Step("cost", symbol, tuple(lines), scalar(now.J_data), {symbol.key: (1, 1)})]
    if now.setting.penalties:
        steps.append(_penalized_cost(now, symbol))
    return Section("cost", "mean of the losses" if not now.setting.penalties else "with penalties", tuple(steps))


def _penalized_cost(now: Calculation, symbol: Symbol) -> Step:
    """``J = J + (λ/m) Σ_l Ω(W[l])``."""
    formula: list[Any] = [symbol]
    numbers: list[Any] = [Value(symbol.key, scalar(now.J_data))]
    lines = []
    for name, strength in now.setting.penalties.items():
        penalty = PENALTIES[name]
        size = sum(penalty.formula(W) for W in now.network.W.values())
        formula += ["+", rf"\frac{{\lambda}}{{m}}\,\Omega_{{\text{{{name}}}}}"]
        numbers += ["+", substitute(parse(r"\frac{\lambda}{m}"), {"λ": number(strength), "m": number(now.total)}),
                    r"\cdot", number(size)]  # fmt: skip
        where = (parse(rf"\Omega_{{\text{{{name}}}}}"), row(r"\sum_l", parse(penalty.latex)), number(size))
        lines.append(Line(where, label="where"))
    equation = Line((symbol, row(*formula), row(*numbers), Value(symbol.key, scalar(now.J))))
    return Step("penalty", symbol, (equation, *lines), scalar(now.J), {symbol.key: (1, 1)})
