"""The worked example of the lecture, its numbers found by hand."""

from __future__ import annotations

import json

import pytest

from deltarule import Network

WEIGHTS = {
    "W1": [[0.5, -0.3], [0.2, 0.8], [-0.6, 0.1]],
    "b1": [0.3, -0.1, 0.0],
    "W2": [[0.7, -0.5, 0.9]],
    "b2": [0.2],
}


@pytest.fixture
def example() -> Network:
    network = Network.create([2, 3, 1], ["relu", "sigmoid"], "binary_cross_entropy")
    for l in (1, 2):
        network.W[l][...] = WEIGHTS[f"W{l}"]
        network.b[l][...] = WEIGHTS[f"b{l}"]
    return network


@pytest.fixture
def weights_file(tmp_path):
    path = tmp_path / "weights.json"
    path.write_text(json.dumps(WEIGHTS))
    return path
