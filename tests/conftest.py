"""What all tests share: property tests without a deadline (a busy machine is not a wrong result), and small data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_info

settings.register_profile("deltarule", deadline=None)
settings.load_profile("deltarule")


@pytest.fixture
def blas_threads() -> Callable[[], list[int]]:
    """How many threads each library of linear algebra has now."""
    return lambda: [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture
def blobs() -> tuple[Any, Any]:
    """Two classes, mostly apart: X (120, 4), y (120,) of 0 and 1."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    return X, (X[:, 0] + X[:, 1] + 0.3 * rng.normal(size=120) > 0).astype(int)


@pytest.fixture
def three_classes() -> tuple[Any, Any]:
    """X (150, 4), y (150,) of 0, 1 and 2."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 4))
    return X, np.digitize(X[:, 0] + 0.2 * rng.normal(size=150), [-0.5, 0.5])


@pytest.fixture
def curve() -> tuple[Any, Any]:
    """A smooth function with noise: X (120, 3), y (120,)."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(120, 3))
    return X, np.sin(X[:, 0]) + X[:, 1] - 0.5 * X[:, 2] ** 2 + 0.1 * rng.normal(size=120)
