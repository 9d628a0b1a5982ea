"""What a diagnosis looks at: the activations and gradients of every layer over all samples, in one pass by chunks.

Nothing is judged here. Whether a unit is flat is asked of the derivative ``g'`` in the register, whatever its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array
from ..engines import Data
from ..engines.base import Quantity, first_not_finite, forward_quantities, positive_weight
from ..equations import Activation
from ..layers import Cache, Deltas, Parameters
from ..network import Network

CHUNK = 4096
"""Samples looked at together, so that memory does not grow with the table."""

AROUND_ZERO, FAR = 1.0, 100.0
"""Where a unit is meant to work: ``|Z| <= 1``, as initial weights are made for; and where it is certainly far off."""

DEAD_SLOPE = 1e-3
"""A slope of less than this share of the one around zero passes no gradient: leaky ReLU's 0.01 still does."""

FLAT_SLOPE = 0.05
"""A saturating unit is in its flat part below this share of its steepest slope: tanh beyond ``|a| = 0.975``."""

BY_SAMPLE = ("X", "y", "Z", "a", "L", "dZ")
"""Arrays with a row for each sample."""

ALIKE = 1e-6
"""Weights, and gradients, that differ by less than this share of the largest of their input are the same."""


@dataclass(frozen=True)
class Slope:
    """How steep an activation is around zero, whether it levels off far to the left and to the right, and how far
    apart its values are there."""

    steepest: float
    left: bool
    right: bool
    height: float

    @classmethod
    def of(cls, g: Activation, p: Array | None = None) -> Slope | None:
        """Measured on the derivative of the register; None for softmax, which is no function of one ``Z``."""
        if g.rowwise:
            return None
        steepest = float(np.abs(derivative(g, np.linspace(-AROUND_ZERO, AROUND_ZERO, 201)[:, None], p)).max())
        far = np.array([[-FAR], [FAR]])
        level = np.abs(derivative(g, far, p)) <= DEAD_SLOPE * steepest
        return cls(steepest, bool(level[0].all()), bool(level[1].all()), float(np.ptp(g.forward(far, p))))

    @property
    def saturates(self) -> bool:
        """It levels off on both sides, as sigmoid and tanh do: there is a flat part that is no rest position."""
        return self.left and self.right


def derivative(g: Activation, Z: Array, p: Array | None) -> Array:
    """``g'(Z)``, (m, k)."""
    with np.errstate(all="ignore"):
        return g.slope(Z, g.forward(Z, p), p)


@dataclass(frozen=True)
class Broken:
    """The first value that is NaN or infinite: its layer (0 for the data), its name, its index in the array of it.

    The first index is a sample if `by_sample`, else the value is a parameter, or the gradient of one.
    """

    layer: int
    quantity: str
    index: tuple[int, ...]
    by_sample: bool


@dataclass
class LayerMeasures:
    """One layer over all samples; layer 0 is the input, of which only mean and deviation are known.

    Attributes
    ----------
    layer, units : int
    activation : str
    mean, std : float
        Of ``a[l]``, over samples and units.
    dead : (n_l,) bool, or None
        Units without slope on every sample; None where an activation saturates, or has no slope of its own.
    flat : (n_l,) or None
        Share of the samples on which each unit is in its flat part; None where the activation does not saturate.
    stuck : float or None
        Of an output layer that saturates: the share of its values that are wrong by more than half of their range, and
        in the flat part.
    rms_dZ, rms_dW, rms_W : float
    same : tuple of tuple of int
        Groups of units, counted from 0, with the same weights and the same gradients.
    """

    layer: int
    units: int
    activation: str = ""
    mean: float = np.nan
    std: float = np.nan
    dead: Array | None = None
    flat: Array | None = None
    stuck: float | None = None
    rms_dZ: float = np.nan
    rms_dW: float = np.nan
    rms_W: float = np.nan
    same: tuple[tuple[int, ...], ...] = ()


@dataclass
class Measures:
    """All layers, from 0; the cost; the first value that is not finite, with which measuring ends."""

    network: Network
    m: int
    cost: float = np.nan
    layers: list[LayerMeasures] = field(default_factory=list)
    broken: Broken | None = None


@dataclass
class _Sums:
    """What is added up, chunk by chunk, of one layer."""

    slope: Slope | None
    a: float = 0.0
    a2: float = 0.0
    dZ2: float = 0.0
    alive: Any = False
    flat: Any = 0.0
    stuck: int = 0

    def add(self, network: Network, l: int, cache: Cache, dZ: Array | None, y: Array) -> None:
        a = cache.a[l]
        self.a += float(a.sum(dtype=np.float64))
        self.a2 += float((a.multiply(a) if hasattr(a, "multiply") else np.square(a)).sum(dtype=np.float64))
        if dZ is None:  # the input
            return
        self.dZ2 += float(np.square(dZ, dtype=np.float64).sum())
        if self.slope is None:
            return
        slopes = np.abs(derivative(network.layers[l - 1].activation, cache.Z[l], network.p.get(l)))
        self.alive = self.alive | (slopes > DEAD_SLOPE * self.slope.steepest).any(axis=0)
        flat = slopes <= FLAT_SLOPE * self.slope.steepest
        self.flat = self.flat + flat.sum(axis=0)
        if l == len(network.layers):
            self.stuck += int((flat & (np.abs(a - y) > 0.5 * self.slope.height)).sum())


def with_weight(data: Data) -> tuple[Data, Array | None]:
    """Without the samples of weight zero, from which nothing is learned; and the places of the others, if there are."""
    if data.w is None or data.w.all():
        return data, None
    places = np.flatnonzero(data.w)
    return data.rows(places), places


def measure(network: Network, data: Data) -> Measures:
    """Look at `network` on `data`.

    Parameters
    ----------
    network : Network
    data : Data
        As the network is trained on, each sample with a weight; see `with_weight`.

    Returns
    -------
    Measures
    """
    found = Measures(network, len(data))
    total, J = positive_weight(data), 0.0
    gradient = network.view(np.zeros_like(network.theta))
    sums = [_Sums(None), *(_Sums(_own_slope(network, l)) for l in network.W)]
    for first in range(0, len(data), CHUNK):
        chunk = data.rows(slice(first, first + CHUNK))
        share = chunk.total_weight / total
        with np.errstate(all="ignore"):
            cache = network.forward(chunk.X)
            L = network.sample_losses(cache, chunk.y)
            deltas = Deltas()
            part = network.backward(cache, chunk.y, chunk.w, deltas=deltas)
            found.broken = _first_broken(_quantities(network, chunk, cache, L, deltas, part), first)
            if found.broken is not None:
                return found
            J += share * network.cost(cache, chunk.y, chunk.w)
            gradient.flat[...] += share * part.flat
            for l, layer_sums in enumerate(sums):
                layer_sums.add(network, l, cache, share * deltas.dZ[l] if l else None, chunk.y)
    found.cost = J
    found.layers = [_finish(network, l, len(data), layer_sums, gradient) for l, layer_sums in enumerate(sums)]
    return found


def _own_slope(network: Network, l: int) -> Slope | None:
    """None where nothing passes through ``g'``: an output layer that is fused with the loss cannot be too flat."""
    g = network.layers[l - 1].activation
    fused = l == len(network.layers) and network.loss.is_fused(g)
    return None if fused else Slope.of(g, network.p.get(l))


def _quantities(
    network: Network, chunk: Data, cache: Cache, L: Array, deltas: Deltas, gradient: Parameters
) -> Iterator[Quantity]:
    """Everything in the order of the computation: data, forward pass, loss, backward pass."""
    top = len(network.layers)
    if isinstance(chunk.X, np.ndarray):  # what is wrong in a sparse X shows in Z[1], in the same row
        yield 0, "X", chunk.X
    yield 0, "y", chunk.y
    yield from forward_quantities(network, cache)
    yield top, "L", L
    for l in range(top, 0, -1):
        for name, arrays in (("dZ", deltas.dZ), ("dW", gradient.W), ("db", gradient.b), ("dp", gradient.p)):
            if l in arrays:
                yield l, f"{name}[{l}]", arrays[l]


def _first_broken(quantities: Iterator[Quantity], first: int) -> Broken | None:
    """The first value that is not finite, in a chunk whose first sample is `first`."""
    found = first_not_finite(quantities)
    if found is None:
        return None
    layer, name, index = found
    by_sample = name.partition("[")[0] in BY_SAMPLE
    return Broken(layer, name, (first + index[0], *index[1:]) if by_sample else index, by_sample)


def _finish(network: Network, l: int, m: int, sums: _Sums, gradient: Parameters) -> LayerMeasures:
    """From sums to means."""
    units = network.sizes[l]
    n = m * units
    mean = sums.a / n
    found = LayerMeasures(l, units, mean=mean, std=float(np.sqrt(max(sums.a2 / n - mean**2, 0.0))))
    if l == 0:
        return found
    W, dW = network.W[l], gradient.W[l]
    found.activation = str(network.layers[l - 1].activation)
    found.rms_dZ, found.rms_dW, found.rms_W = float(np.sqrt(sums.dZ2 / n)), rms(dW), rms(W)
    if sums.slope is not None and sums.slope.saturates:
        found.flat = sums.flat / m
    elif sums.slope is not None:
        found.dead = ~sums.alive
    if l < len(network.layers):
        found.same = alike_units(
            np.column_stack([W, network.b[l]]), np.column_stack([dW, gradient.b[l]]), network.W[l + 1].T
        )
    elif found.flat is not None:
        found.stuck = sums.stuck / n
    return found


def rms(values: Array) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def alike_units(*arrays: Array) -> tuple[tuple[int, ...], ...]:
    """Groups of rows, counted from 0, that are the same in every one of some arrays (k, ...)."""
    groups = [np.arange(len(arrays[0]))]
    for values in arrays:
        groups = [part for group in groups for part in _alike_rows(values.astype(np.float64), group)]
    return tuple(sorted(tuple(sorted(map(int, group))) for group in groups))


def _alike_rows(values: Array, group: Array) -> list[Array]:
    """`group` parted into rows of `values` (k, n) that are the same; single rows are left out.

    Rows that are the same have the same product with any vector, so only neighbors in its order are compared.
    """
    rows = values[group]
    tolerance = ALIKE * np.abs(values).max(axis=0)
    order = np.argsort(rows @ np.random.default_rng(0).normal(size=rows.shape[1]), kind="stable")
    steps = (np.abs(np.diff(rows[order], axis=0)) > tolerance).any(axis=1)
    return [group[part] for part in np.split(order, np.flatnonzero(steps) + 1) if len(part) > 1]
