"""The steps of the backward pass, from the numbers that were computed.

The package's ``dZ`` has the ``1/m`` of the cost inside. Here it is shown as it is taught: ``dA`` and ``dZ`` are the
derivatives of each sample's loss, and ``1/m`` comes in with ``dW`` and ``db``. With sample weights, ``dZ`` contains
them, and ``1/Σw`` takes the place of ``1/m``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..equations import PENALTIES, Activation
from .calculation import Calculation
from .expressions import Node, Symbol, Value, function, number, parse, row, transposed
from .forward import seen
from .notation import (
    columns,
    entries,
    letters,
    line,
    options_note,
    place,
    plain_sum,
    product_terms,
    shape,
    sign_of,
    with_numbers,
)
from .substitution import substitute
from .tree import Line, Section, Step


def taught(now: Calculation, delta: Array) -> Array:
    """A ``dA`` or ``dZ`` of the package, (m, n), as it is shown: without ``1/m``, samples as columns."""
    return columns(delta * now.total)


def loss_derivative(now: Calculation) -> Array:
    """``∂L/∂a[L]`` of each sample, (n_L, m), times its weight; also where the loss is fused and does not need it."""
    dA = now.network.loss.dL(now.cache.prediction, now.data.y)
    return columns(dA if now.data.w is None else dA * now.data.w[:, None])


def backward_sections(now: Calculation) -> list[Section]:
    """A section for each layer, the last first."""
    found = []
    top = len(now.network.layers)
    for l in range(top, 0, -1):
        steps = [_loss_backward(now)] if l == top and l in now.deltas.dA else []
        if l < top:
            steps = [_linear_backward_input(now, l)]
        if l in now.cache.mask:
            steps.append(_dropout_backward(now, l))
        steps.append(_fused(now) if l not in now.deltas.dA else _activation_backward(now, l))
        steps += _linear_backward(now, l)
        if l in now.part.p:
            steps.append(_slope_backward(now, l))
        if now.setting.penalties:
            steps.append(_penalty_backward(now, l))
        found.append(Section("backward", f"layer {l} ({now.given.layers[l - 1].activation})", tuple(steps), l))
    return found


def _loss_backward(now: Calculation) -> Step:
    """``dA[L] = ∂L/∂a``."""
    l, loss = len(now.network.layers), now.network.loss
    symbol, a, y = Symbol("dA", l), columns(now.cache.prediction), columns(now.data.y)
    dA = taught(now, now.deltas.dA[l])
    parts: list[Node] = [symbol, row(r"\partial L / \partial", Symbol("a", l))]
    if loss.latex_derivative:
        parts.append(parse(loss.latex_derivative))
    if now.data.w is not None:
        parts[-1] = row(Symbol("w"), r"\odot", parts[-1])
    lines = [Line((*parts, Value(symbol.key, dA)))]
    values = {"ŷ": Value(f"a{l}", a[:1, :1]), "y": Value("y", y[:1, :1]), **letters(loss.settings)}
    worked = with_numbers(loss.latex_derivative, values)
    if worked is not None and now.data.w is None and not now.given.loss.settings.get("label_smoothing"):
        lines.append(Line((worked, Value(symbol.key, dA[:1, :1])), label=place(dA)))
    notes = (f"at the kink of the loss (ŷ = y) {loss.at_kink} is taken",) if loss.at_kink else ()
    return Step("loss backward", symbol, tuple(lines), dA, {symbol.key: shape(dA)}, notes)


def _slope_values(now: Calculation, l: int) -> tuple[Activation, Array]:
    """The activation of a layer, and ``g'(Z[l])`` (n_l, m)."""
    g, Z, a = now.network.layers[l - 1].activation, now.cache.Z[l], now.cache.a[l]
    return g, columns(np.asarray(g.slope(Z, a, now.network.p.get(l))))


def _prime(g: Activation) -> str:
    """``σ'``, in LaTeX."""
    return f"{sign_of(g)}'"


def _activation_backward(now: Calculation, l: int) -> Step:
    """``dZ[l] = dA[l] ⊙ g'(Z[l])``."""
    symbol, above, below = Symbol("dZ", l), Symbol("dA", l), Symbol("Z", l)
    dA, dZ = taught(now, now.deltas.dA[l]), taught(now, now.deltas.dZ[l])
    sizes = {symbol.key: shape(dZ), above.key: shape(dA), below.key: shape(dZ)}
    if now.network.layers[l - 1].activation.rowwise:
        a = columns(now.cache.a[l])
        formula = row(Symbol("a", l), r"\odot \left(", above, r"- \sum_j", r"\mathit{dA}_j a_j\right)")
        known = (Value(above.key, dA), Value(Symbol("a", l).key, a))
        numbers = row(known[1], r"\odot (", known[0], r"- \sum_j \mathit{dA}_j a_j)")
        note = (
            f"{now.given.layers[l - 1].activation}: each output depends on all of Z, so this is dA times the Jacobian"
        )
        equation = Line((symbol, formula, numbers, Value(symbol.key, dZ)))
        return Step("activation backward", symbol, (equation,), dZ, sizes, (note,))
    g, slope = _slope_values(now, l)
    marked = Symbol("g'", l)
    if g.name == "identity":
        equation = Line((symbol, row(above, r"\odot 1"), Value(symbol.key, dZ)))
        return Step("activation backward", symbol, (equation,), dZ, sizes)
    formula = row(above, r"\odot", function(_prime(g), below))
    numbers = row(Value(above.key, dA), r"\odot", Value(marked.key, slope))
    lines = [Line((symbol, formula, numbers, Value(symbol.key, dZ)))]
    if g.latex_derivative:
        lines.append(Line((function(_prime(g), parse("Z")), parse(g.latex_derivative)), label="where"))
    pair = product_terms([(Value(above.key, dA[:1, :1]), Value(marked.key, slope[:1, :1]))])
    lines.append(Line((pair, Value(symbol.key, dZ[:1, :1])), label=place(dZ)))
    return Step("activation backward", symbol, tuple(lines), dZ, sizes)


def _fused(now: Calculation) -> Step:
    """``dZ[L] = a[L] - y``, and why."""
    l, g, loss = len(now.network.layers), now.network.layers[-1].activation, now.network.loss
    symbol, prediction, target = Symbol("dZ", l), Symbol("a", l), Symbol("y")
    dZ, a, y = taught(now, now.deltas.dZ[l]), columns(now.cache.prediction), columns(now.data.y)
    latex = loss.fused[g.name].latex
    smooth = now.given.loss.settings.get("label_smoothing")
    difference = latex == r"\hat y - y"
    formula: Node = row(prediction, "-", target) if difference else parse(latex)
    if smooth:
        formula = row(prediction, r"- \tilde y")
    parts: list[Node] = [symbol, formula]
    if difference and not smooth and now.data.w is None:
        parts.append(row(Value(prediction.key, a), "-", Value(target.key, y)))
    elif now.data.w is not None:
        parts[1] = row(Symbol("w"), r"\odot (", formula, ")")
        parts.append(
            row(Value("w", line(now.data.w)), r"\odot (", Value(prediction.key, a), "-", Value(target.key, y), ")")
        )
        parts = parts[:2] + parts[2:] * (difference and not smooth)
    lines = [Line((*parts, Value(symbol.key, dZ)))]
    if smooth:
        lines.append(Line((parse(r"\tilde y"), parse(r"(1 - \epsilon)\,y + \epsilon / K")), label="where"))
    lines += _why(now, dZ)
    sizes = {symbol.key: shape(dZ), prediction.key: shape(a), target.key: shape(y)}
    name = f"{loss.name.replace('_', ' ')} and {g.name}"
    note = f"{name} in one: the derivatives of the two are taken together, so g' does not come in once more"
    return Step("activation backward", symbol, tuple(lines), dZ, sizes, (note,) if g.name != "identity" else ())


def _why(now: Calculation, dZ: Array) -> list[Line]:
    """The same by ``dA ⊙ g'(Z)``, where that can be computed without the fused formula."""
    l, g = len(now.network.layers), now.network.layers[-1].activation
    if g.name == "identity":
        return []
    dA = loss_derivative(now)
    symbol, above, below = Symbol("dZ", l), Symbol("dA", l), Symbol("Z", l)
    result = Value(symbol.key, columns(g.backward(dA.T, now.cache.Z[l], now.cache.a[l], now.network.p.get(l))))
    if not np.allclose(result.array.astype(float), dZ.astype(float), rtol=1e-6, atol=1e-9):
        return []  # far out, where only the fused formula holds its digits
    if g.rowwise:
        formula = row(Symbol("a", l), r"\odot \left(", above, r"- \sum_j \mathit{dA}_j a_j \right)")
        given = Line((above, parse(now.network.loss.latex_derivative), Value(above.key, dA)), label="why")
        return [given, Line((formula, result), label="why")]
    _, slope = _slope_values(now, l)
    numbers = row(Value(above.key, dA), r"\odot", Value(Symbol("g'", l).key, slope))
    return [Line((row(above, r"\odot", function(_prime(g), below)), numbers, result), label="why")]


def _mean(now: Calculation) -> Node:
    """``1/m`` in letters."""
    return parse(r"\frac{1}{m}" if now.data.w is None else r"\frac{1}{\sum w}")


def _mean_value(now: Calculation) -> Node:
    return substitute(parse(r"\frac{1}{m}"), {"m": number(now.total)})


def _linear_backward(now: Calculation, l: int) -> list[Step]:
    """``dW[l] = (1/m) dZ[l] a[l-1]ᵀ``, ``db[l] = (1/m) Σ dZ[l]``."""
    dZ = taught(now, now.deltas.dZ[l])
    before, A = seen(now, l - 1)
    delta, weights, bias = Symbol("dZ", l), Symbol("dW", l), Symbol("db", l)
    dW, db = now.part.W[l], columns(now.part.b[l])
    one = now.data.w is None and len(now.data) == 1
    factor: tuple[Any, ...] = () if one else (_mean_value(now), r"\cdot")
    known = Value(delta.key, dZ)
    numbers = row(*factor, known, r"\cdot", transposed(Value(before.key, A)))
    formula = row(_mean(now), delta, r"\cdot", transposed(before))
    lines = [Line((weights, formula, numbers, Value(weights.key, dW)), shapes=True)]
    pairs = zip(entries(delta.key, dZ[0]), entries(before.key, A[0]), strict=True)
    total: Node = product_terms(pairs)
    if not one:
        total = row(*factor, "(", total, ")")
    lines.append(Line((total, Value(weights.key, dW[:1, :1])), label="row 1, column 1" if dW.size > 1 else "in full"))
    sizes = {weights.key: shape(dW), delta.key: shape(dZ), before.key: shape(A)}
    found = [Step("linear backward", weights, tuple(lines), dW, sizes)]
    formula = row(_mean(now), r"\sum_i", delta)
    parts: list[Node] = [bias, formula, Value(bias.key, db)]
    lines = [Line(tuple(parts))]
    if not one:
        worked = row(*factor, "(", plain_sum(entries(delta.key, dZ[0])), ")")
        lines.append(Line((worked, Value(bias.key, db[:1])), label="row 1" if db.size > 1 else "in full"))
    return [*found, Step("linear backward", bias, tuple(lines), db, {bias.key: shape(db), delta.key: shape(dZ)})]


def _linear_backward_input(now: Calculation, l: int) -> Step:
    """``dA[l] = W[l+1]ᵀ dZ[l+1]``."""
    symbol = Symbol("dã" if l in now.cache.mask else "dA", l)
    weights, delta = Symbol("W", l + 1), Symbol("dZ", l + 1)
    W, dZ = now.network.W[l + 1], taught(now, now.deltas.dZ[l + 1])
    dA = taught(now, now.deltas.dropped.get(l, now.deltas.dA[l]))
    numbers = row(transposed(Value(weights.key, W)), r"\cdot", Value(delta.key, dZ))
    lines = [Line((symbol, row(transposed(weights), r"\cdot", delta), numbers, Value(symbol.key, dA)), shapes=True)]
    pairs = zip(entries(weights.key, W[:, 0]), entries(delta.key, dZ[:, 0]), strict=True)
    lines.append(Line((product_terms(pairs), Value(symbol.key, dA[:1, :1])), label=place(dA)))
    sizes = {symbol.key: shape(dA), weights.key: shape(W), delta.key: shape(dZ)}
    return Step("linear backward", symbol, tuple(lines), dA, sizes)


def _dropout_backward(now: Calculation, l: int) -> Step:
    """``dA[l] = dã[l] ⊙ M[l]``."""
    symbol, after, M = Symbol("dA", l), Symbol("dã", l), Symbol("M", l)
    dropped, mask, dA = (
        taught(now, now.deltas.dropped[l]),
        columns(now.cache.mask[l]),
        taught(now, now.deltas.dA[l]),
    )
    numbers = row(Value(after.key, dropped), r"\odot", Value(M.key, mask))
    equation = Line((symbol, row(after, r"\odot", M), numbers, Value(symbol.key, dA)))
    return Step("dropout backward", symbol, (equation,), dA, {symbol.key: shape(dA), after.key: shape(dA)})


def _slope_backward(now: Calculation, l: int) -> Step:
    """``dp[l] = (1/m) Σ dA[l] ⊙ ∂g/∂p``."""
    g, symbol, above = now.network.layers[l - 1].activation, Symbol("dp", l), Symbol("dA", l)
    assert g.learns is not None
    dA, learns, dp = taught(now, now.deltas.dA[l]), columns(g.learns(now.cache.Z[l])), columns(now.part.p[l])
    numbers = row(_mean_value(now), r"\cdot \sum_i", Value(above.key, dA), r"\odot", Value("", learns))
    formula = row(_mean(now), r"\sum_i", above, r"\odot \partial g / \partial p")
    equation = Line((symbol, formula, numbers, Value(symbol.key, dp)))
    shared = len(dp) < len(dA)
    note = "summed over the examples" + (" and over the units, which share it" if shared else "")
    sizes = {symbol.key: shape(dp), above.key: shape(dA)}
    return Step("learned slope", symbol, (equation,), dp, sizes, (note,))


def _penalty_backward(now: Calculation, l: int) -> Step:
    """``dW[l] = dW[l] + (λ/m) ∂Ω/∂W[l]``."""
    symbol = Symbol("dW", l)
    total, part = now.gradient.W[l], now.part.W[l]
    formula: list[Any] = [symbol]
    numbers: list[Any] = [Value(symbol.key, part)]
    notes: list[str] = []
    for name, strength in now.setting.penalties.items():
        penalty, weights = PENALTIES[name], Symbol("W", l)
        inner = substitute(parse(penalty.latex_derivative), {"W": weights})
        formula += ["+", r"\frac{\lambda}{m}", inner]
        factor = substitute(parse(r"\frac{\lambda}{m}"), {"λ": number(strength), "m": number(now.total)})
        numbers += ["+", factor, r"\cdot", Value("", np.asarray(penalty.derivative(now.network.W[l])))]
        notes += [f"{name}: λ = {float(strength):g}; biases are not penalized"]
        notes += options_note(penalty)
    equation = Line((symbol, row(*formula), row(*numbers), Value(symbol.key, total)))
    return Step("penalty backward", symbol, (equation,), total, {symbol.key: shape(total)}, tuple(notes))
