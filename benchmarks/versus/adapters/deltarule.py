"""deltarule, with the engine it chooses."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from deltarule.engines import Data
from deltarule.equations import OPTIMIZERS
from deltarule.network import Network
from deltarule.run import Plan
from deltarule.training import train

from ..problems import Problem


def run(problem: Problem, X: Any, y: Any, engine: str = "auto") -> tuple[list[float], float]:
    hidden = [problem.activation] * (len(problem.sizes) - 2)
    many = problem.sizes[-1] > 1
    output, loss = ("softmax", "categorical_cross_entropy") if many else ("sigmoid", "binary_cross_entropy")
    network = Network.create(problem.sizes, [*hidden, output], loss, dtype=X.dtype)
    for l, (W, b) in enumerate(problem.weights(), 1):
        network.W[l][...], network.b[l][...] = W.T, b
    Y = np.eye(problem.classes, dtype=X.dtype)[y] if many else y.astype(X.dtype)[:, None]
    plan = Plan(
        OPTIMIZERS[problem.optimizer],
        batch_size=problem.batch_size,
        epochs=problem.epochs,
        shuffle=False,
        threads=problem.threads,
    )
    began = time.perf_counter()
    history = train(network, Data(X, Y), plan, engine=engine).history
    return history["loss"], time.perf_counter() - began
