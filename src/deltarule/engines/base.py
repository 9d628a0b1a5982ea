"""What an engine must do: predictions, cost and gradient, and an epoch of minibatch steps.

The training loop decides everything else (order of the samples, learning rates, when to stop), the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..arrays import Array
from ..equations import Optimizer
from ..errors import DataError, NotFinite
from ..network import Network


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
        return Data(self.X[index], self.y[index], None if self.w is None else self.w[index])

    @property
    def total_weight(self) -> float:
        """``m``, or the sum of the weights."""
        return float(len(self)) if self.w is None else float(self.w.sum())


@dataclass(frozen=True)
class Steps:
    """The minibatch steps of one epoch.

    Parameters
    ----------
    order : ndarray of int, (m,), or None
        The samples in the order they are seen; None for the order in which they lie.
    batch_size : int
    alphas : (n_steps,), float64
        Learning rate of each step.
    first : int
        Steps taken before this epoch.
    seed : int
        Of the dropout masks.
    """

    order: Array | None
    batch_size: int
    alphas: Array
    first: int
    seed: int


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
        """The optimizer's arrays by name, each (P,), as this engine keeps them between epochs; zeros if none are found."""
        ...

    def epoch(
        self,
        network: Network,
        data: Data,
        steps: Steps,
        optimizer: Optimizer,
        state: Mapping[str, Array],
        penalties: Mapping[str, float],
        *,
        threads: int = 1,
    ) -> float:
        """Take every step of an epoch, in place on ``network.theta`` and `state`.

        Returns
        -------
        float
            The mean of the batches' costs, each as it was before its step.

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
        cache = network.forward(batch.X)
    layer, what = len(network.layers), "the loss"
    for l in network.W:
        named = {
            f"W[{l}]": network.W[l],
            f"b[{l}]": network.b[l],
            f"Z[{l}]": cache.Z[l],
            f"a[{l}]": cache.a[l],
        }
        broken = [name for name, values in named.items() if not np.isfinite(values).all()]
        if broken:
            layer, what = l, broken[0]
            break
    return NotFinite(
        "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
        f"preprocessed. Expected finite numbers, found NaN or infinity in {what} of layer {layer} at step {t}",
        "lower the learning rate, or scale the columns of X (and y) to about unit size",
        layer=layer,
        step=t,
    )
