"""Small trainings, and what it means that two are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule.engines import Data
from deltarule.equations import OPTIMIZERS, SCHEDULES
from deltarule.network import Network
from deltarule.run import Plan, Run, State
from deltarule.training import train

ROWS = 60


def make_data(rows: int = ROWS, dtype: Any = np.float64, weights: bool = False, size: float = 1) -> Data:
    rng = np.random.default_rng(3)
    X = size * rng.normal(size=(rows, 3)).astype(dtype)
    y = (np.sin(X[:, :1]) + X[:, 1:2] * X[:, 2:]).astype(dtype)
    return Data(X, y, rng.uniform(0.1, 2, rows).astype(dtype) if weights else None)


def make_network(seed: int = 0, dropout: float = 0.0, dtype: Any = np.float64, width: int = 7) -> Network:
    return Network.create([3, width, 5, 1], ["tanh", "relu", "identity"], dropout=dropout, seed=seed, dtype=dtype)


def make_plan(optimizer: str = "adam", schedule: str = "constant", **options: Any) -> Plan:
    defaults = {"learning_rate": 0.01, "epochs": 6, "batch_size": 16}
    return Plan(OPTIMIZERS.choose(optimizer), SCHEDULES.choose(schedule), **(defaults | options))


def run_once(seed: int = 0, plan: Plan | None = None, data: Data | None = None, **options: Any) -> Run:
    dropout = options.pop("dropout", 0.0)
    state = State(seed=seed)
    data = make_data() if data is None else data
    return train(make_network(dropout=dropout), data, plan or make_plan(), state=state, **options)


def without_seconds(run: Run) -> dict[str, list[float]]:
    return {name: values for name, values in run.history.items() if name != "seconds"}


def assert_same_run(found: Run, expected: Run) -> None:
    np.testing.assert_array_equal(found.network.theta, expected.network.theta)
    for name, values in without_seconds(expected).items():
        np.testing.assert_array_equal(found.history[name], values)
    assert found.history.keys() == expected.history.keys()
