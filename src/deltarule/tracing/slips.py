"""The usual slips of a hand calculation: for each quantity, what it comes to with one of them made.

A slip is a pair (cause, value); rows are samples, as in `Recalculation`. To add one, add it where its quantity stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..equations import ACTIVATIONS, LOSSES, dense
from .calculation import Calculation
from .recalculation import Recalculation

Slip = tuple[str, Array]

NO_SLOPE = "missing g'(Z)"


def slips(at: Recalculation, kind: str, l: int | None) -> Iterator[Slip]:
    """Every slip known for a quantity: its own, then those in what it is computed from, then the general ones."""
    with np.errstate(all="ignore"):
        yield from _own(at, kind, l)
        true = at.get(kind, l)
        yield "the sign is wrong", -true
        if true.ndim == 2 and min(true.shape) > 1:
            square = true.shape[0] == true.shape[1]
            cause = "transposed" if square else "the right numbers, filled in the wrong order"
            yield f"{cause}: rows and columns swapped", true.T.reshape(true.shape)
        for parent, layer in _parents(at, kind, l):
            key = parent if layer is None else f"{parent}{layer}"
            for cause, value in _own(at, parent, layer):
                where = f"{parent}[{layer}]" if layer else parent
                yield f"{cause} (in {where}, from which it is computed)", at.replaced(key, value).get(kind, l)
        yield "twice the right value", 2 * true
        yield "half the right value", true / 2


def _parents(at: Recalculation, kind: str, l: int | None) -> list[tuple[str, int | None]]:
    if l is None:
        return [("L", None)] if kind == "J" else [("a", at.top)]
    if kind in ("W", "b", "p"):
        return [(f"d{kind}", l)]
    if kind == "dA":
        return [("dZ", l + 1)] if l < at.top else []
    return {"a": [("Z", l)], "dZ": [("dA", l)], "dW": [("dZ", l)], "db": [("dZ", l)], "dp": [("dA", l)]}.get(
        kind,
        [("a", l - 1)] if l > 1 else [],  # type: ignore[return-value]
    )


def _own(at: Recalculation, kind: str, l: int | None) -> Iterator[Slip]:
    if l is None:
        yield from {"L": _loss, "J": _cost}[kind](at)
    elif kind in ("dW", "db", "dp"):
        yield from _gradient(at, kind, l)
    elif kind in ("W", "b", "p"):
        yield from _update(at, kind, l)
    else:
        yield from {"Z": _linear, "a": _activation, "dA": _linear_backward, "dZ": _activation_backward}[kind](at, l)


def _linear(at: Recalculation, l: int) -> Iterator[Slip]:
    """``Z = A Wᵀ + b``."""
    A, W, b = at.seen(l - 1), at.network.W[l], at.network.b[l]
    yield "the bias b is forgotten", dense.linear(A, W, np.zeros_like(b))
    yield "the bias b is subtracted, not added", dense.linear(A, W, -b)
    if W.shape[0] == W.shape[1]:
        yield "W is transposed: rows and columns swapped", dense.linear(A, W.T, b)
    if l > 1:
        yield (
            f"Z[{l - 1}] is used in place of a[{l - 1}]: the activation is forgotten",
            dense.linear(at.get("Z", l - 1), W, b),
        )
    if l - 1 in at.now.cache.mask:
        yield "the dropout mask is forgotten", dense.linear(at.get("a", l - 1), W, b)


def _activation(at: Recalculation, l: int) -> Iterator[Slip]:
    """``a = g(Z)``."""
    g, Z = at.network.layers[l - 1].activation, at.get("Z", l)
    yield "that is Z: the activation is forgotten", Z
    if not g.rowwise:
        yield "that is g'(Z), not g(Z)", at.slope(l)
    if g.rowwise:
        yield "softmax over the examples, not over the units", g.forward(Z.T).T
        yield "e^Z, not divided by the sum", np.exp(Z)
    for other in ACTIVATIONS.values():
        if other.name != g.name and other.learns is None:
            yield f"that is {other.name} of Z, the layer has {g.name}", other.forward(Z)


def _loss(at: Recalculation) -> Iterator[Slip]:
    """``L(ŷ, y)``."""
    a, y, loss = at.get("a", at.top), at.y, at.network.loss
    L = at.get("L")
    logarithmic = any(word in loss.latex for word in (r"\ln", r"\log"))
    if logarithmic:
        yield "logarithm to the base 10, not the natural one", L / np.log(10)
        yield "logarithm to the base 2, not the natural one", L / np.log(2)
    for other in LOSSES.values():
        if other.name != loss.name and not (other.domain and other.domain != loss.domain):
            yield f"that is the {other.name.replace('_', ' ')}", other.rule(a, y)
    if loss.name == "squared_error":
        yield "the factor ½ of the squared error is forgotten", 2 * L
    if a.shape[1] > 1:
        yield "the mean over the outputs, not their sum", L / a.shape[1]


def _cost(at: Recalculation) -> Iterator[Slip]:
    """``J = (1/m) Σ L``."""
    m, J = float(at.now.total), at.get("J")
    data = at.now.J_data if not at.given else J
    if m != 1:
        yield "missing 1/m: the sum of the losses, not their mean", np.array(m * float(data) + float(J) - float(data))
        yield "1/m taken twice", np.array(float(data) / m + float(J) - float(data))
    if at.now.setting.penalties:
        yield "the penalty is forgotten", np.array(float(data))


def _linear_backward(at: Recalculation, l: int) -> Iterator[Slip]:
    """``dA[l] = dZ[l+1] W[l+1]``."""
    if l == at.top:
        yield "that is dZ: the derivative of the activation is in it already", at.get("dZ", l)
        yield "that is a - y, the derivative with the activation taken together", at.get("a", l) - at.y
        return
    dZ, W = at.get("dZ", l + 1), at.network.W[l + 1]
    if W.shape[0] == W.shape[1]:
        yield f"W[{l + 1}] is not transposed: rows and columns swapped", dZ @ W.T
    after = at.now.after
    if after is not None:
        yield f"the updated W[{l + 1}] is used, not the one of the forward pass", dZ @ after.W[l + 1]
    yield f"that is dZ[{l}]: g'(Z[{l}]) comes in the next step", at.get("dZ", l)
    if not at.network.layers[l].activation.rowwise and f"dA{l + 1}" not in at.given:
        yield f"dA[{l + 1}] is used in place of dZ[{l + 1}]: {NO_SLOPE}", at.get("dA", l + 1) @ W
    if l in at.now.cache.mask:
        yield "the dropout mask is forgotten", dense.linear_backward_input(dZ, W)


def _activation_backward(at: Recalculation, l: int) -> Iterator[Slip]:
    """``dZ[l] = dA[l] ⊙ g'(Z[l])``."""
    g, loss, dA, a = at.network.layers[l - 1].activation, at.network.loss, at.get("dA", l), at.get("a", l)
    if l == at.top and loss.is_fused(g):
        if not g.rowwise and g.name != "identity":
            twice = at.get("dZ", l) * at.slope(l)
            yield "the derivative is taken twice: a - y has g'(Z) in it already", twice
    elif l == at.top:
        yield f"{NO_SLOPE}: a - y is dZ only where loss and activation cancel", a - at.y
    if g.name != "identity":
        yield f"{NO_SLOPE}: that is dA[{l}]", dA
    if g.rowwise:
        yield "the diagonal of the Jacobian alone: a (1 - a)", dA * a * (1 - a)
        return
    p = at.network.p.get(l)
    yield f"g' is taken at a[{l}], not at Z[{l}]", dA * g.slope(a, g.forward(a, p), p)
    yield "g(Z) in place of g'(Z)", dA * a
    yield "that is g'(Z) alone: dA is forgotten", at.slope(l)


def _gradient(at: Recalculation, kind: str, l: int) -> Iterator[Slip]:
    """``dW = (1/m) dZᵀ A``, ``db = (1/m) Σ dZ``, with penalties."""
    m = float(at.now.total)
    true = at.get(kind, l)
    unpenalized = Recalculation(_without_penalties(at), at.given).get(kind, l)
    penalty = true - unpenalized
    if m != 1:
        yield "missing 1/m: the sum over the examples, not the mean", unpenalized * m + penalty
        yield "1/m taken twice", unpenalized / m + penalty
    if np.any(penalty != 0):
        yield "the penalty is forgotten", unpenalized
        yield "the penalty has the wrong sign", unpenalized - penalty
        if m != 1:
            yield "the penalty is not divided by m", unpenalized + m * penalty
    if kind == "dp":
        return
    if not at.network.layers[l - 1].activation.rowwise:
        yield f"dA[{l}] is used in place of dZ[{l}]: {NO_SLOPE}", at.replaced(f"dZ{l}", at.get("dA", l)).get(kind, l)
    if kind == "dW":
        inputs = {f"a[{l}]": at.get("a", l), f"Z[{l - 1}]": at.get("Z", l - 1) if l > 1 else None}
        for name, A in inputs.items():
            if A is not None and A.shape[1] == true.shape[1]:
                yield f"{name} is used in place of a[{l - 1}]", at.get("dZ", l).T @ A / m + penalty
        if l - 1 in at.now.cache.mask:
            yield "the dropout mask is forgotten", at.get("dZ", l).T @ at.get("a", l - 1) / m + penalty


def _without_penalties(at: Recalculation) -> Calculation:
    return replace(at.now, setting=replace(at.now.setting, penalties={}))


def _update(at: Recalculation, kind: str, l: int) -> Iterator[Slip]:
    """``W = W - α dW``."""
    old, d, alpha = getattr(at.network, kind)[l], at.get(f"d{kind}", l), float(at.now.setting.alpha)
    yield "α dW is added, not subtracted", old + alpha * d
    yield "the learning rate α is forgotten", old - d
    yield "that is the gradient alone", d
    yield "that is the step α dW alone", alpha * d
    yield "that is the parameter before the update", old
    if at.now.setting.optimizer.name != "gradient_descent":
        yield "that is plain gradient descent", old - alpha * d
