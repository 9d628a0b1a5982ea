"""The reference engine: NumPy, calling the equations line by line.

Slow and plain on purpose: it is the definition, and every other engine is tested against it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arrays import Array
from ..equations import PENALTIES, Optimizer
from ..layers import Parameters
from ..network import Network
from .base import Data, Steps, not_finite, positive_weight
from .threads import map_chunks, one_blas_thread


class ReferenceEngine:
    """See `deltarule.engines.base.Engine`; runs every network of the register."""

    name = "reference"

    def supports(
        self,
        network: Network,
        X: Array | None = None,
        optimizer: Optimizer | None = None,
        penalties: Mapping[str, float] | None = None,
    ) -> str | None:
        """Everything."""
        return None

    def predict(self, network: Network, X: Array, *, threads: int = 1) -> Array:
        """``ŷ`` (m, n_L)."""

        def predict(rows: slice) -> Array:
            with np.errstate(all="ignore"):
                return network.apply(X[rows])

        with one_blas_thread():
            parts = map_chunks(predict, X.shape[0], threads)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def cost(self, network: Network, data: Data, *, threads: int = 1) -> float:
        """``J`` over all samples, without penalties and dropout."""

        def total_loss(rows: slice) -> float:
            chunk = data.rows(rows)
            with np.errstate(all="ignore"):
                L = network.sample_losses(network.forward(chunk.X), chunk.y)
            return float(L.sum(dtype=np.float64) if chunk.w is None else chunk.w.astype(np.float64) @ L)

        m = positive_weight(data)
        with one_blas_thread():
            return sum(map_chunks(total_loss, len(data), threads)) / m

    def cost_and_gradient(
        self, network: Network, data: Data, penalties: Mapping[str, float], *, threads: int = 1
    ) -> tuple[float, Array]:
        """``J`` with penalties over all samples, and its gradient (P,)."""
        m = positive_weight(data)

        def share(rows: slice) -> tuple[float, Array]:
            chunk = data.rows(rows)
            part = chunk.total_weight / m
            if part == 0:
                return 0.0, np.zeros_like(network.theta)
            with np.errstate(all="ignore"):
                cache = network.forward(chunk.X)
                J, g = network.cost(cache, chunk.y, chunk.w), network.backward(cache, chunk.y, chunk.w).flat
                return (J, g) if part == 1 else (part * J, part * g)

        with one_blas_thread():
            shares = map_chunks(share, len(data), threads)
            J, g = shares[0]
            for part_J, part_g in shares[1:]:
                J += part_J
                g += part_g
            J += add_penalties(network, network.view(g), penalties, m)
        return J, g

    def moments(
        self, network: Network, optimizer: Optimizer, found: Mapping[str, Array] | None = None
    ) -> Mapping[str, Array]:
        """In the layout of ``theta``."""
        return dict(found) if found else optimizer.start(network.theta)

    def kept(self, moments: Mapping[str, Array]) -> Mapping[str, Array]:
        """The moments themselves."""
        return moments

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
        """Forward, loss, backward, step, for every batch of every epoch."""
        grad = network.view(np.empty_like(network.theta))
        drops = any(layer.dropout for layer in network.layers)
        costs = []
        with one_blas_thread(), np.errstate(all="ignore"):
            for epoch in steps.each():
                total, total_weight = 0.0, 0.0
                for t, alpha, rows in epoch.batches():
                    batch = data.rows(rows)
                    weight = batch.total_weight
                    if weight == 0:  # samples of weight zero alone: J is not defined, and there is nothing to learn
                        continue
                    cache = network.forward(batch.X, dropout_key=(steps.seed, t) if drops else None)
                    J = network.cost(cache, batch.y, batch.w)
                    network.backward(cache, batch.y, batch.w, out=grad)
                    J += add_penalties(network, grad, penalties, weight)
                    if not np.isfinite(J):
                        raise not_finite(network, batch, t)
                    optimizer.step(network.theta, grad.flat, moments, t, alpha)
                    total += J * weight
                    total_weight += weight
                costs.append(total / total_weight)
        return costs


def add_penalties(network: Network, grad: Parameters, penalties: Mapping[str, float], m: float) -> float:
    """Add ``(strength / m) ∂Ω/∂W`` to every ``dW`` and return ``(strength / m) Σ Ω(W)``."""
    total = 0.0
    for name, strength in penalties.items():
        penalty = PENALTIES[name]
        for l, W in network.W.items():
            total += strength / m * penalty.formula(W)
            grad.W[l] += strength / m * penalty.derivative(W)
    return total
