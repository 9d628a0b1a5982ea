"""Elementary functions of the native engine on a sample of all float32 numbers; ``make accuracy`` takes them all."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from deltarule.engines import _native

PATH = Path(__file__).parents[2] / "tools" / "accuracy.py"
spec = importlib.util.spec_from_file_location("accuracy", PATH)
accuracy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(accuracy)

EVERY = np.arange(0, 2**32, 2**12 - 1, dtype=np.uint64).astype(np.uint32)  # all exponents, both signs, NaN and infinity
EVERY = np.concatenate([EVERY, np.float32([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan]).view(np.uint32)])
EVERY = np.resize(EVERY, len(EVERY) // 16 * 16 + 16).view(np.float32)


@pytest.mark.parametrize("name", _native.FUNCTIONS)
def test_errors_are_within_the_published_bounds(name):
    found = accuracy.errors(name, EVERY)
    assert len(found) == len(accuracy.vectors())
    for error, where in found:
        assert error <= accuracy.BOUNDS[name], f"{error} ulp at {where!r}"


@pytest.mark.skipif("amx" not in _native.targets(), reason="a processor without tiles")
@pytest.mark.parametrize("name", _native.FUNCTIONS)
def test_beside_tiles_vectors_are_those_of_v4(name):
    found = [np.empty_like(EVERY) for _ in range(2)]
    for isa, y in zip(("amx", "v4"), found, strict=True):
        _native.function(isa, _native.FUNCTIONS.index(name), EVERY, y)
    np.testing.assert_array_equal(*(y.view(np.uint32) for y in found))


def test_a_wrong_function_is_noticed(monkeypatch):
    monkeypatch.setitem(accuracy.TRUE, "tanh", lambda x: np.tanh(x) * (1 + 2.0**-20))
    assert min(accuracy.errors("tanh", EVERY))[0] > accuracy.BOUNDS["tanh"]
    monkeypatch.setitem(accuracy.TRUE, "tanh", lambda x: np.where(np.isnan(x), 0.0, np.tanh(x)))
    assert min(accuracy.errors("tanh", EVERY))[0] == np.inf
