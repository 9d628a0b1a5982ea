"""The exercises of pages 5 and 6: a network forward and backward."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..layers import Deltas, Parameters
from ..network import Network
from .exercise import Exercise, Slip

SAMPLES, TARGETS = np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0], [0.0]])
"""That of the pages, and that of the exercises."""


def example() -> Network:
    """The network of pages 5 and 6: two inputs, three ReLU units, one sigmoid unit."""
    network = Network.create([2, 3, 1], ["relu", "sigmoid"], "binary_cross_entropy")
    network.W[1][...] = [[0.5, -0.3], [0.2, 0.8], [-0.6, 0.1]]
    network.b[1][...] = [0.3, -0.1, 0.0]
    network.W[2][...] = [[0.7, -0.5, 0.9]]
    network.b[2][...] = 0.2
    return network


# page 5

MINE = SAMPLES[1:]


def _forward(name: str, l: int) -> Array:
    return getattr(example().forward(MINE), name)[l][0]  # type: ignore[no-any-return]


def _prediction(*, biases: bool = True, relu: bool = True) -> float:
    network = example() if relu else Network.create([2, 3, 1], ["identity", "sigmoid"], "binary_cross_entropy")
    network.theta[...] = example().theta
    if not biases:
        network.b[1][...] = network.b[2][...] = 0
    return float(network.predict(MINE)[0, 0])


def _sizes(*, biases: bool = True) -> int:
    network = Network.create([30, 8, 1], ["tanh", "sigmoid"], "binary_cross_entropy")
    return network.n_parameters if biases else sum(W.size for W in network.W.values())


PAGE_5 = (
    Exercise(
        "5.1",
        "The network of page 5, `course.example()`, with another sample, $x = (2,\\ 1)$: what is $Z^{[1]}$?",
        lambda: _forward("Z", 1),
        "each row of W[1] times x, plus its bias.",
        "Row by row: a row of W[1] times x, plus the entry of b[1].",
        (
            Slip(lambda: _forward("a", 1), "That is a[1]: the ReLU comes after Z[1]."),
            Slip(lambda: _forward("Z", 1) - example().b[1], "The bias b[1] is missing."),
            Slip(lambda: example().forward(SAMPLES).Z[1][0], "That is for the sample of the page, x = (1, 2)."),
        ),
    ),
    Exercise(
        "5.2",
        "What does `course.example()` predict for $x = (2,\\ 1)$: what is $\\hat y = a^{[2]}$?",
        _prediction,
        "ReLU of Z[1], then Z[2] = W[2] a[1] + b[2], then the sigmoid.",
        "From Z[1] of 5.1: ReLU, then the second layer, then the sigmoid.",
        (
            Slip(lambda: _forward("Z", 2), "That is Z[2]; the sigmoid of it is still to be taken."),
            Slip(lambda: _prediction(relu=False), "The ReLU is missing: the third unit is negative before it."),
            Slip(lambda: _prediction(biases=False), "The biases are missing."),
        ),
    ),
    Exercise(
        "5.3",
        "How many parameters does a network have with 30 inputs, 8 hidden units and 1 output?",
        _sizes,
        "8·30 + 8 in layer 1, and 1·8 + 1 in layer 2.",
        "Count W[1], b[1], W[2] and b[2].",
        (Slip(lambda: _sizes(biases=False), "The biases count too, one a unit."),),
    ),
)

# page 6


def _backward(X: Array = MINE, y: Array = TARGETS[1:]) -> tuple[Deltas, Parameters]:
    network, deltas = example(), Deltas()
    return deltas, network.backward(network.forward(X), y, deltas=deltas)


def _without_slope() -> Array:
    deltas, _ = _backward()
    return deltas.dA[1].T @ MINE  # type: ignore[no-any-return]


def _dZ2() -> float:
    return float(_backward()[0].dZ[2][0, 0])


PAGE_6 = (
    Exercise(
        "6.1",
        "In `course.example()`, for $x = (2,\\ 1)$ and $y = 0$, with the cross-entropy: what is $dZ^{[2]}$?",
        _dZ2,
        "a[2] - y: loss and sigmoid together leave no more than that.",
        "With cross-entropy and sigmoid, dZ[2] = a[2] - y; a[2] is that of exercise 5.2.",
        (
            Slip(lambda: -_dZ2(), "The sign: it is a[2] - y."),
            Slip(
                lambda: _dZ2() * _prediction() * (1 - _prediction()),
                "σ' is in a[2] - y already; it was multiplied a second time.",
            ),
            Slip(lambda: _prediction() - 1, "That is for y = 1."),
        ),
    ),
    Exercise(
        "6.2",
        "In `course.example()`, for $x = (2,\\ 1)$ and $y = 0$: what is $dW^{[2]}$?",
        lambda: _backward()[1].W[2],
        "dZ[2] times a[1]ᵀ: a unit that was silent gets no blame.",
        "dW[2] = dZ[2] a[1]ᵀ; its shape is that of W[2].",
        (
            Slip(lambda: _dZ2() * _forward("Z", 1)[None], "With a[1], not Z[1]: what the layer saw is after the ReLU."),
            Slip(lambda: _dZ2() * example().W[2], "That is dA[1]: for dW[2] the factor is a[1], not W[2]."),
        ),
    ),
    Exercise(
        "6.3",
        "In `course.example()`, for $x = (2,\\ 1)$ and $y = 0$: what is $dW^{[1]}$, a matrix of 3 rows and 2 columns?",
        lambda: _backward()[1].W[1],
        "back through W[2], through the slope of the ReLU, times the input.",
        "dA[1] = W[2]ᵀ dZ[2], then dZ[1] = dA[1] ⊙ g'(Z[1]), then dW[1] = dZ[1] a[0]ᵀ.",
        (
            Slip(lambda: _backward()[1].W[1].T, "That is its transpose: dW[1] has the shape of W[1]."),
            Slip(_without_slope, "g'(Z[1]) is missing: a ReLU that is off lets nothing through."),
            Slip(lambda: -_backward()[1].W[1], "The sign: begin with dZ[2] = a[2] - y."),
        ),
    ),
    Exercise(
        "6.4",
        "Now both samples of `course.example()` at once, "
        "$x = (1, 2)$ with $y = 1$ and $x = (2, 1)$ with $y = 0$. What is $db^{[2]}$?",
        lambda: _backward(SAMPLES, TARGETS)[1].b[2],
        "the mean of the dZ[2] of both samples: the 1/m of the cost.",
        "dZ[2] of each sample, then the mean.",
        (Slip(lambda: 2 * _backward(SAMPLES, TARGETS)[1].b[2], "That is the sum; the 1/m of the cost is missing."),),
    ),
)
