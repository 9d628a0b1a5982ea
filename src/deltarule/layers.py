"""What a network is made of: a layer, views on its parameters by layer, and what a pass forward or backward leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from .arrays import Array
from .equations import ACTIVATIONS, Activation
from .errors import InvalidOption


@dataclass(frozen=True)
class Layer:
    """One layer: its units, its activation ``g``, and the fraction of its outputs dropped while training."""

    units: int
    activation: Activation
    dropout: float = 0.0


@dataclass(frozen=True)
class Parameters:
    """Views on one flat vector, by layer: for ``theta`` the parameters, for a gradient ``dW``, ``db``, ``dp``.

    Attributes
    ----------
    flat : (P,)
    W : dict, l -> (n_l, n_{l-1})
    b : dict, l -> (n_l,)
    p : dict, l -> (n_l,) or (1,)
        Only for layers whose activation learns.
    """

    flat: Array
    W: dict[int, Array] = field(default_factory=dict)
    b: dict[int, Array] = field(default_factory=dict)
    p: dict[int, Array] = field(default_factory=dict)


@dataclass
class Cache:
    """What `Network.forward` computed and `Network.backward` needs, by layer: ``Z``, ``a`` (m, n_l), dropout masks.

    ``dropped[l]`` is what the next layer saw of ``a[l]`` where there was dropout.
    """

    Z: dict[int, Array] = field(default_factory=dict)
    a: dict[int, Array] = field(default_factory=dict)
    mask: dict[int, Array] = field(default_factory=dict)
    dropped: dict[int, Array] = field(default_factory=dict)

    @property
    def prediction(self) -> Array:
        """``ŷ = a[L]`` (m, n_L)."""
        return self.a[len(self.Z)]

    def seen(self, layer: int) -> Array:
        """What layer `layer` + 1 received: ``a[layer]``, after dropout."""
        return self.dropped.get(layer, self.a[layer])


@dataclass
class Deltas:
    """What `Network.backward` hands from layer to layer, kept for those who want to look: ``dA``, ``dZ`` (m, n_l).

    ``dropped[l]`` is ``dA[l]`` before dropout was undone. Where the loss is fused with the output activation there
    is no ``dA`` of that layer.
    """

    dA: dict[int, Array] = field(default_factory=dict)
    dZ: dict[int, Array] = field(default_factory=dict)
    dropped: dict[int, Array] = field(default_factory=dict)


def count_parameters(n_features: int, layers: Sequence[Layer]) -> int:
    """``P``, the number of all parameters."""
    n_parameters, n_in = 0, int(n_features)
    for layer in layers:
        n_parameters += layer.units * (n_in + 1) + layer.activation.n_learned(layer.units)
        n_in = layer.units
    return n_parameters


def _is_size(n: Any) -> bool:
    number = isinstance(n, Real) and not isinstance(n, bool)
    return number and bool(n >= 1 and n % 1 == 0)  # neither holds for NaN, and infinity has no remainder


def make_layers(
    sizes: Sequence[int], activations: Sequence[str | Activation], dropout: float | Sequence[float]
) -> tuple[Layer, ...]:
    """Layers 1 to L from what `Network.create` takes: ``[n_x, n_1, ..., n_L]``, activations, rates of dropout."""
    if len(sizes) < 2 or not all(_is_size(n) for n in sizes):
        raise InvalidOption(f"expected the sizes [n_x, n_1, ..., n_L], whole numbers from 1, found {list(sizes)}")
    n_layers = len(sizes) - 1
    if len(activations) != n_layers:
        raise InvalidOption(f"expected {n_layers} activations, one a layer, found {len(activations)}")
    rates: list[Any] = [dropout] * (n_layers - 1) if np.ndim(dropout) == 0 else [*np.asarray(dropout)]
    if not all(isinstance(rate, Real) for rate in rates):
        raise InvalidOption(f"expected dropout as a number or one for each hidden layer, found {dropout!r}")
    if len(rates) != n_layers - 1:
        raise InvalidOption(f"expected {n_layers - 1} dropout rates, one a hidden layer, found {len(rates)}")
    return tuple(
        Layer(int(n), ACTIVATIONS.choose(g), float(rate))
        for n, g, rate in zip(sizes[1:], activations, [*rates, 0.0], strict=True)
    )
