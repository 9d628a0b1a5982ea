"""What an engine must do: predictions, cost and gradient, and epochs of minibatch steps.

The training loop decides everything else (order of the samples, learning rates, when to stop), the same for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from ..arrays import Array
from ..equations import Optimizer
from ..errors import DataError, NotFinite
from ..layers import Cache
from ..lazily import cached_property
from ..network import Network

Quantity: TypeAlias = tuple[int, str, Array]
"""Something computed: its layer, its name, its values."""


@dataclass(frozen=True)
class Data:
    """Samples to train on.

    Parameters
    ----------
    X : (m, n_x)
        Dense, or a SciPy CSR matrix; in the network's precision.
    y : (m, n_L)
        In the network's precision; class targets one-hot.
    w : (m,), optional
        Sample weights, not negative.
    """

    X: Array
    y: Array
    w: Array | None = None

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def rows(self, index: Array | slice) -> Data:
        """The samples at `index`."""
        dense = isinstance(self.X, np.ndarray) and self.X.flags.c_contiguous
        if dense and isinstance(index, np.ndarray) and index.dtype != bool:
            X = self.X.take(index, axis=0)  # quicker, unless it has to copy all first
        else:
            X = self.X[index]
        return Data(X, self.y[index], None if self.w is None else self.w[index])

    def in_float64(self) -> Data:
        """The same samples in float64, of whatever precision they are."""
        w = None if self.w is None else self.w.astype(np.float64)
        return Data(self.X.astype(np.float64), self.y.astype(np.float64), w)

    def sample(self, size: int) -> Data:
        """So many of the samples, one out of each stretch of them; the same whenever it is asked for."""
        edges = np.linspace(0, len(self), size + 1).astype(np.int64)
        return self.rows(np.random.default_rng(0).integers(edges[:-1], edges[1:]))

    @cached_property
    def total_weight(self) -> float:
        """``m``, or the sum of the weights."""
        return float(len(self)) if self.w is None else float(self.w.sum(dtype=np.float64))


class Steps(NamedTuple):
    """The minibatch steps of some epochs, one after the other.

    Parameters
    ----------
    orders : ndarray of int, (n_epochs, m), or None
        The samples in the order they are seen; None for the order in which they lie.
    batch_size : int
    alphas : (n_epochs, n_steps), float64
        Learning rate of each step.
    first : int
        Steps taken before these.
    seed : int
        Of the dropout masks.
    """

    orders: Array | None
    batch_size: int
    alphas: Array
    first: int
    seed: int

    @classmethod
    def of_epoch(cls, order: Array | None, batch_size: int, alphas: Array, first: int, seed: int) -> Steps:
        """Those of one epoch: `order` (m,) or None, `alphas` (n_steps,)."""
        return cls(None if order is None else order[None], batch_size, alphas[None], first, seed)

    def each(self) -> Iterator[Steps]:
        """The same, epoch by epoch."""
        n_steps = self.alphas.shape[1]
        for e, alphas in enumerate(self.alphas):
            orders = None if self.orders is None else self.orders[e : e + 1]
            yield self._replace(orders=orders, alphas=alphas[None], first=self.first + e * n_steps)

    def batches(self) -> Iterator[tuple[int, float, slice | Array]]:
        """Of each step its number, counted from 1 at the start of the run, learning rate, and samples."""
        t = self.first
        for e, alphas in enumerate(self.alphas.tolist()):
            for i, alpha in enumerate(alphas):
                t += 1
                rows = slice(i * self.batch_size, (i + 1) * self.batch_size)
                yield t, alpha, rows if self.orders is None else self.orders[e, rows]


class Engine(Protocol):
    """Someone who computes, on at most `threads` threads; how many there are never changes a bit of the result."""

    name: str

    def supports(
        self,
        network: Network,
        X: Array | None = None,
        optimizer: Optimizer | None = None,
        penalties: Mapping[str, float] | None = None,
    ) -> str | None:
        """``None`` if this engine can run the network on such inputs, and train it so, else the reason why not."""
        ...

    def predict(self, network: Network, X: Array, *, threads: int = 1) -> Array:
        """``ŷ`` (m, n_L)."""
        ...

    def cost(self, network: Network, data: Data, *, threads: int = 1) -> float:
        """``J`` over all samples, without penalties and dropout."""
        ...

    def cost_and_gradient(
        self, network: Network, data: Data, penalties: Mapping[str, float], *, threads: int = 1
    ) -> tuple[float, Array]:
        """``J`` with penalties over all samples, and its gradient (P,)."""
        ...

    def moments(
        self, network: Network, optimizer: Optimizer, found: Mapping[str, Array] | None = None
    ) -> Mapping[str, Array]:
        """The optimizer's arrays by name, each (P,), as this engine keeps them; zeros if none are found."""
        ...

    def kept(self, moments: Mapping[str, Array]) -> Mapping[str, Array]:
        """The arrays that hold `moments`, in whatever layout: no copies, so that they can be looked at and put back."""
        ...

    def epochs(
        self,
        network: Network,
        data: Data,
        steps: Steps,
        optimizer: Optimizer,
        moments: Mapping[str, Array],
        penalties: Mapping[str, float],
        *,
        threads: int = 1,
    ) -> list[float]:
        """Take every step of some epochs, in place on ``network.theta`` and `moments`.

        Returns
        -------
        list of float
            For each epoch the mean of the batches' costs, each as it was before its step.

        Raises
        ------
        NotFinite
            As soon as a cost ceases to be finite.
        """
        ...


def positive_weight(data: Data) -> float:
    """The total weight of the samples, which a cost is divided by.

    Raises
    ------
    DataError
        If there is none.
    """
    m = data.total_weight
    if not m > 0:
        raise DataError(f"expected samples with a total weight above 0, found {m:g}")
    return m


def not_finite(network: Network, batch: Data, t: int) -> NotFinite:
    """The error that names the first layer, and the quantity there, that ceased to be finite at step `t`."""
    with np.errstate(all="ignore"):
        found = first_not_finite(forward_quantities(network, network.forward(batch.X)))
    return ceased(*((len(network.layers), "the loss") if found is None else found[:2]), t)


def ceased(layer: int, what: str, t: int) -> NotFinite:
    """The error that says where a value ceased to be finite at step `t`."""
    return NotFinite(
        "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
        f"preprocessed. Expected finite numbers, found NaN or infinity in {what} of layer {layer} at step {t}",
        "lower the learning rate, or scale the columns of X (and y) to about unit size",
        layer=layer,
        step=t,
        quantity=what,
    )


def forward_quantities(network: Network, cache: Cache) -> Iterator[Quantity]:
    """``W[l]``, ``b[l]``, ``p[l]``, ``Z[l]``, ``a[l]`` in the order in which a forward pass meets them."""
    for l in network.W:
        for name, arrays in (("W", network.W), ("b", network.b), ("p", network.p), ("Z", cache.Z), ("a", cache.a)):
            if l in arrays:
                yield l, f"{name}[{l}]", arrays[l]


def first_not_finite(quantities: Iterable[Quantity]) -> tuple[int, str, tuple[int, ...]] | None:
    """Layer, name and index of the first value that is NaN or infinite; None if there is none."""
    for l, name, values in quantities:
        broken = ~np.isfinite(values)
        if broken.any():
            return l, name, tuple(int(i) for i in np.argwhere(broken)[0])
    return None
