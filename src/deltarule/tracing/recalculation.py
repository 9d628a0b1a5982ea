"""Any quantity computed anew from others that are given: what follows from a student's own values.

The functions are those of `deltarule.equations`; only their order is found here, from the quantity that is asked for.
Rows are samples; ``dA`` and ``dZ`` are without ``1/m``, as they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from ..engines.reference import add_penalties
from ..equations import dense
from ..equations.losses import cost
from .calculation import Calculation


class Recalculation:
    """Quantities by key, such as ``get("dW", 2)``; those in `given` (rows are samples) are taken as they are.

    Attributes
    ----------
    used : set of str
        Keys of `given` that something depended on.
    """

    def __init__(self, now: Calculation, given: Mapping[str, Array] | None = None) -> None:
        self.now, self.network = now, now.network
        self.given = dict(given or {})
        self.used: set[str] = set()
        self._known: dict[str, Array] = {}

    def replaced(self, key: str, value: Array) -> Recalculation:
        """The same with one more quantity given."""
        return Recalculation(self.now, {**self.given, key: value})

    def get(self, kind: str, l: int | None = None) -> Array:
        """A quantity; updated parameters are of the kinds "W", "b" and "p"."""
        key = kind if l is None else f"{kind}{l}"
        if key in self.given:
            self.used.add(key)
            return self.given[key]
        if key not in self._known:
            rules: dict[str, Callable[[Any], Array]] = {
                "Z": self._Z, "a": self._a, "L": self._L, "J": self._J, "dA": self._dA, "dZ": self._dZ,
                "dW": lambda l: self._gradient("W", l), "db": lambda l: self._gradient("b", l),
                "dp": lambda l: self._gradient("p", l), "W": lambda l: self._updated("W", l),
                "b": lambda l: self._updated("b", l), "p": lambda l: self._updated("p", l),
            }  # fmt: skip
            with np.errstate(all="ignore"):
                self._known[key] = rules[kind](l)
        return self._known[key]

    @property
    def top(self) -> int:
        """The number of layers."""
        return len(self.network.layers)

    @property
    def y(self) -> Array:
        """Targets (m, n_L)."""
        return self.now.data.y

    @property
    def w(self) -> Array:
        """Weights as a column, (m, 1); ones where there are none."""
        w = self.now.data.w
        return np.ones((len(self.y), 1)) if w is None else w[:, None]

    def seen(self, l: int) -> Array:
        """What layer `l` + 1 receives."""
        a = self.now.data.X if l == 0 else self.get("a", l)
        return dense.dropout(a, self.now.cache.mask[l]) if l in self.now.cache.mask else a

    def slope(self, l: int) -> Array:
        """``g'(Z[l])``; not for softmax."""
        g = self.network.layers[l - 1].activation
        return g.slope(self.get("Z", l), self.get("a", l), self.network.p.get(l))

    def loss_derivative(self) -> Array:
        """``∂L/∂a`` of the output, times the weights."""
        return np.asarray(self.network.loss.dL(self.get("a", self.top), self.y) * self.w)

    def _Z(self, l: int) -> Array:
        return dense.linear(self.seen(l - 1), self.network.W[l], self.network.b[l])

    def _a(self, l: int) -> Array:
        return self.network.layers[l - 1].activation.forward(self.get("Z", l), self.network.p.get(l))

    def _L(self, _: None) -> Array:
        loss, g = self.network.loss, self.network.layers[-1].activation
        if f"a{self.top}" in self.given:
            return np.asarray(loss.rule(self.get("a", self.top), self.y))
        return loss.forward(g, self.get("Z", self.top), self.get("a", self.top), self.y)

    def _J(self, _: None) -> Array:
        spare = self.network.view(np.zeros_like(self.network.theta))
        penalty = add_penalties(self.network, spare, self.now.setting.penalties, self.now.total)
        return np.array(cost(self.get("L"), self.now.data.w) + penalty)

    def _dA(self, l: int) -> Array:
        if l == self.top:
            return self.loss_derivative()
        dA = dense.linear_backward_input(self.get("dZ", l + 1), self.network.W[l + 1])
        return dense.dropout_backward(dA, self.now.cache.mask[l]) if l in self.now.cache.mask else dA

    def _dZ(self, l: int) -> Array:
        g, loss = self.network.layers[l - 1].activation, self.network.loss
        if l == self.top and loss.is_fused(g) and f"dA{l}" not in self.given:
            return loss.backward(g, self.get("Z", l), self.get("a", l), self.y) * self.w
        return g.backward(self.get("dA", l), self.get("Z", l), self.get("a", l), self.network.p.get(l))

    def _gradient(self, kind: str, l: int) -> Array:
        grad = self.network.view(np.zeros_like(self.network.theta))
        dense.linear_backward(self.get("dZ", l) / self.now.total, self.seen(l - 1), grad.W[l], grad.b[l])
        if kind == "p":
            g = self.network.layers[l - 1].activation
            g.backward_learned(self.get("dA", l) / self.now.total, self.get("Z", l), grad.p[l])
        add_penalties(self.network, grad, self.now.setting.penalties, self.now.total)
        return np.array(getattr(grad, kind)[l])

    def _updated(self, kind: str, l: int) -> Array:
        setting, after = self.now.setting, self.now.after
        if setting.optimizer.full_batch:
            assert after is not None
            return np.array(getattr(after, kind)[l])
        grad = self.network.view(self.now.gradient.flat.copy())
        getattr(grad, kind)[l][...] = self.get(f"d{kind}", l)
        theta: Array = self.network.theta.copy()
        setting.optimizer.step(theta, grad.flat, setting.optimizer.start(theta), 1, float(setting.alpha))
        return np.array(getattr(self.network.view(theta), kind)[l])
