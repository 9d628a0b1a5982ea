"""What is timed: the nets, and for each the same data and initial weights for every rival."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """A net, trained with Adam in float32 on `steps` minibatches an epoch, in the order in which they lie."""

    name: str
    sizes: tuple[int, ...]
    activation: str
    batch_size: int
    steps: int
    epochs: int

    @property
    def classes(self) -> int:
        return max(2, self.sizes[-1])

    def data(self) -> tuple[Any, Any]:
        """``X`` (m, n_x) float32 and labels ``y`` (m,)."""
        rng = np.random.default_rng(0)
        m = self.batch_size * self.steps
        X = rng.standard_normal((m, self.sizes[0]), dtype=np.float32)
        return X, rng.permutation(np.arange(m) % self.classes)

    def weights(self) -> list[tuple[Any, Any]]:
        """``W`` (n_in, n_out) and ``b`` (n_out,) of each layer, float32."""
        rng = np.random.default_rng(1)
        pairs = []
        for n_in, n_out in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            W = rng.uniform(-1, 1, (n_in, n_out)) * np.sqrt(6 / (n_in + n_out))
            pairs.append((W.astype(np.float32), np.zeros(n_out, np.float32)))
        return pairs


PROBLEMS = {
    p.name: p
    for p in (
        Problem("lecture", (2, 4, 1), "sigmoid", 200, 100, 10),
        Problem("tab", (20, 64, 32, 1), "relu", 128, 100, 8),
        Problem("mnist", (784, 256, 128, 10), "relu", 128, 60, 3),
        Problem("higgs", (28, 300, 300, 300, 300, 300, 1), "tanh", 100, 60, 2),
    )
}
