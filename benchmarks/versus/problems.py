"""What is timed: the nets, and for each the same data and initial weights for every rival."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """A net, trained on `steps` minibatches an epoch, in the order in which they lie."""

    name: str
    sizes: tuple[int, ...]
    activation: str
    batch_size: int
    steps: int
    epochs: int
    optimizer: str = "adam"
    dtype: str = "float32"
    threads: int = 2

    @property
    def classes(self) -> int:
        return max(2, self.sizes[-1])

    @property
    def parameters(self) -> int:
        return sum((n + 1) * k for n, k in zip(self.sizes[:-1], self.sizes[1:], strict=True))

    @property
    def operations(self) -> int:
        """Operations of the matrix products of a step: forward, ``dW``, and ``dA`` of all layers but the first."""
        products = [n * k for n, k in zip(self.sizes[:-1], self.sizes[1:], strict=True)]
        return 2 * self.batch_size * (3 * sum(products) - products[0])

    def __str__(self) -> str:
        return f"{self.name} {'-'.join(map(str, self.sizes))} {self.activation} ({self.batch_size})"

    def data(self) -> tuple[Any, Any]:
        """``X`` (m, n_x) and labels ``y`` (m,)."""
        rng = np.random.default_rng(0)
        m = self.batch_size * self.steps
        X = rng.standard_normal((m, self.sizes[0]), dtype=np.float32)
        return X.astype(self.dtype), rng.permutation(np.arange(m) % self.classes)

    def weights(self) -> list[tuple[Any, Any]]:
        """``W`` (n_in, n_out) and ``b`` (n_out,) of each layer."""
        rng = np.random.default_rng(1)
        pairs = []
        for n_in, n_out in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            W = rng.uniform(-1, 1, (n_in, n_out)) * np.sqrt(6 / (n_in + n_out))
            pairs.append((W.astype(self.dtype), np.zeros(n_out, self.dtype)))
        return pairs


LECTURE = Problem("lecture", (2, 4, 1), "sigmoid", 200, 1000, 10)
TAB = Problem("tab", (20, 64, 32, 1), "relu", 128, 300, 8)
MNIST = Problem("mnist", (784, 256, 128, 10), "relu", 128, 60, 3)
HIGGS = Problem("higgs", (28, 300, 300, 300, 300, 300, 1), "tanh", 100, 60, 2)
NETS = (LECTURE, TAB, MNIST, HIGGS)


def square(width: int, batch_size: int, depth: int) -> Problem:
    """`depth` hidden layers of `width` units, with steps enough for about a tenth of a second, and for an epoch."""
    sizes = (width, *[width] * depth, 10)
    step = Problem(f"{depth} x {width}", sizes, "relu", batch_size, 1, 2)
    return replace(step, steps=max(20, min(300, int(4e9 / step.operations))))


SWEEP = tuple(
    [square(width, 128, 2) for width in (8, 32, 128, 512, 1024)]
    + [square(128, batch_size, 2) for batch_size in (16, 1024, 4096)]
    + [square(512, 1024, 2)]
    + [square(64, 128, depth) for depth in (1, 4, 8)]
    + [replace(net, name=f"{net.name} momentum", optimizer="momentum") for net in NETS]
    + [replace(net, name=f"{net.name} float64", dtype="float64") for net in NETS]
    + [replace(net, name=f"{net.name} one thread", threads=1) for net in NETS]
)
PROBLEMS = {str(problem): problem for problem in (*NETS, *SWEEP)}
