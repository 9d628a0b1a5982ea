"""The reference engine: NumPy, calling the equations line by line.

Slow and plain on purpose: it is the definition, and every other engine is tested against it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arrays import Array
from ..equations import PENALTIES, Optimizer
from ..errors import DataError, NotFinite
from ..network import Network, Parameters
from .base import Data, Steps

CHUNK = 8192  # rows predicted at a time: bounds the memory that the activations take


class ReferenceEngine:
    """See `deltarule.engines.base.Engine`; runs every network of the register."""

    name = "reference"

    def supports(self, network: Network, data: Data | None = None) -> str | None:
        """Everything."""
        return None

    def predict(self, network: Network, X: Array) -> Array:
        """``ŷ`` (m, n_L), computed in chunks of rows."""
        with np.errstate(all="ignore"):
            if X.shape[0] <= CHUNK:
                return network.predict(X)
            return np.concatenate([network.predict(X[i : i + CHUNK]) for i in range(0, X.shape[0], CHUNK)])

    def cost(self, network: Network, data: Data) -> float:
        """``J`` over all samples, without penalties and dropout."""
        total = 0.0
        with np.errstate(all="ignore"):
            for i in range(0, len(data), CHUNK):
                chunk = data.rows(slice(i, i + CHUNK))
                L = network.sample_losses(network.forward(chunk.X), chunk.y)
                total += float(L.sum(dtype=np.float64) if chunk.w is None else chunk.w.astype(np.float64) @ L)
        if not data.total_weight > 0:
            raise DataError(f"expected samples with a total weight above 0, found {data.total_weight:g}")
        return total / data.total_weight

    def cost_and_gradient(self, network: Network, data: Data, penalties: Mapping[str, float]) -> tuple[float, Array]:
        """``J`` with penalties over all samples, and its gradient (P,)."""
        with np.errstate(all="ignore"):
            cache = network.forward(data.X)
            J = network.loss(cache, data.y, data.w)
            grad = network.backward(cache, data.y, data.w)
            J += add_penalties(network, grad, penalties, data.total_weight)
        return J, grad.flat

    def epoch(
        self,
        network: Network,
        data: Data,
        steps: Steps,
        optimizer: Optimizer,
        state: Mapping[str, Array],
        penalties: Mapping[str, float],
    ) -> float:
        """Forward, loss, backward, step, for every batch of the epoch."""
        grad = network.view(np.empty_like(network.theta))
        drops = any(layer.dropout for layer in network.layers)
        total, total_weight = 0.0, 0.0
        with np.errstate(all="ignore"):
            for i, alpha in enumerate(steps.alphas.tolist()):
                rows = slice(i * steps.batch_size, (i + 1) * steps.batch_size)
                batch = data.rows(rows if steps.order is None else steps.order[rows])
                weight = batch.total_weight
                if weight == 0:  # nothing but samples of weight zero: J is not defined, and there is nothing to learn
                    continue
                t = steps.first + i + 1
                cache = network.forward(batch.X, dropout_key=(steps.seed, t) if drops else None)
                J = network.loss(cache, batch.y, batch.w)
                network.backward(cache, batch.y, batch.w, out=grad)
                J += add_penalties(network, grad, penalties, weight)
                if not np.isfinite(J):
                    raise not_finite(network, batch, t)
                optimizer.step(network.theta, grad.flat, state, t, alpha)
                total += J * weight
                total_weight += weight
        return total / total_weight


def add_penalties(network: Network, grad: Parameters, penalties: Mapping[str, float], m: float) -> float:
    """Add ``(strength / m) ∂Ω/∂W`` to every ``dW`` and return ``(strength / m) Σ Ω(W)``."""
    total = 0.0
    for name, strength in penalties.items():
        penalty = PENALTIES[name]
        for l, W in network.W.items():
            total += strength / m * penalty.formula(W)
            grad.W[l] += strength / m * penalty.derivative(W)
    return total


def not_finite(network: Network, batch: Data, t: int) -> NotFinite:
    """The error that names the first layer, and the quantity there, that ceased to be finite at step `t`."""
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
