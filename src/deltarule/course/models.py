"""The exercises of pages 1 to 4: linear and logistic regression, loss and cost, gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..equations import ACTIVATIONS, LOSSES, dense
from ..layers import Parameters
from ..network import Network
from .exercise import Exercise, FunctionExercise, Slip

SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]


def column(*values: float) -> Array:
    """Numbers as a column (m, 1)."""
    return np.array(values, dtype=float)[:, None]


# page 1

W_1, B_1, X_1 = np.array([[2.0, -1.0]]), np.array([0.5]), np.array([[3.0, 4.0]])


def _pairs() -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(5, 3)), rng.normal(size=(k, 3)), rng.normal(size=k)) for k in (1, 2)]


PAGE_1 = (
    Exercise(
        "1.1",
        "$W = (2,\\ -1)$, $b = 0.5$, $x = (3,\\ 4)$. What is $Z = W x + b$?",
        lambda: dense.linear(X_1, W_1, B_1)[0, 0],
        "a product for each feature, added up, and the bias: 2·3 - 1·4 + 0.5.",
        "Multiply each feature by its weight, add the products, then add b.",
        (
            Slip(lambda: (X_1 @ W_1.T)[0, 0], "The bias b is missing."),
            Slip(lambda: np.abs(W_1) @ X_1[0] + B_1[0], "Mind the sign of the second weight."),
        ),
    ),
    Exercise(
        "1.2",
        "A layer has 5 inputs and 3 units. What is the shape of its weights $W$, as (rows, columns)?",
        lambda: Network.create([5, 3], ["identity"]).W[1].shape,
        "a row for each unit, a column for each input.",
        "How many weights does one unit have, and how many units are there?",
        (Slip(lambda: (5, 3), "That is its transpose: each unit is a row of W."),),
    ),
    FunctionExercise(
        "1.3",
        "Write a function `predict(X, W, b)` that returns $Z$ for all samples at once. In Python a sample is a row: "
        "`X` is (m, n), `W` is (k, n), `b` is (k,), and $Z$ is (m, k).",
        lambda: dense.linear,
        "one matrix product for all samples, and b is added to each row.",
        "Look at the shapes: which product of X and W gives (m, k)?",
        (
            Slip(lambda: lambda X, W, b: X @ W.T + 0 * b, "The bias b is missing."),
            Slip(lambda: lambda X, W, b: (X @ W.T + b).T, "That is Z transposed: a sample must be a row."),
        ),
        samples=_pairs,
    ),
)

# page 2

W_2, B_2, X_2 = np.array([[1.0, -2.0]]), np.array([1.0]), np.array([[2.0, 1.0]])
TABLE_Z = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])


def _logistic(W: Array, b: Array, X: Array) -> float:
    return float(SIGMOID.forward(dense.linear(X, W, b))[0, 0])


PAGE_2 = (
    Exercise(
        "2.1",
        "$W = (1,\\ -2)$, $b = 1$, $x = (2,\\ 1)$. What is $\\hat y = P(y = 1 \\mid x)$?",
        lambda: _logistic(W_2, B_2, X_2),
        "Z = 1·2 - 2·1 + 1, and the sigmoid of that.",
        "First Z = W x + b, then the sigmoid of Z.",
        (
            Slip(lambda: dense.linear(X_2, W_2, B_2)[0, 0], "That is Z; the sigmoid of it is still to be taken."),
            Slip(lambda: _logistic(W_2, 0 * B_2, X_2), "The bias b is missing in Z."),
            Slip(lambda: 1 - _logistic(W_2, B_2, X_2), "That is P(y = 0 | x)."),
        ),
    ),
    Exercise(
        "2.2",
        "Give $\\sigma(Z)$ for $Z = -2, -1, 0, 1, 2$, to two decimals.",
        lambda: SIGMOID.forward(TABLE_Z).round(2),
        "and see how each pair, Z and -Z, adds up to 1.",
        "1 / (1 + e^-Z), five times.",
        (
            Slip(lambda: TANH.forward(TABLE_Z).round(2), "That is tanh."),
            Slip(lambda: SIGMOID.forward(-TABLE_Z).round(2), "Mind the sign in e^-Z: it must rise with Z."),
        ),
    ),
    Exercise(
        "2.3",
        "At which $Z$ is the model 90 % sure of class 1, $\\sigma(Z) = 0.9$?",
        lambda: np.log(0.9 / 0.1),
        "the logarithm of the odds, 9 to 1. Logistic regression is linear in these.",
        "Solve 1 / (1 + e^-Z) = 0.9 for e^-Z first.",
        (
            Slip(lambda: -np.log(0.9 / 0.1), "That is where it is 90 % sure of class 0."),
            Slip(lambda: np.log10(0.9 / 0.1), "The logarithm is the natural one."),
            Slip(lambda: SIGMOID.forward(np.array(0.9)), "That is σ(0.9); asked is the Z whose sigmoid is 0.9."),
        ),
    ),
)

# page 3

P_3, Y_3 = column(0.8, 0.3, 0.9), column(1, 0, 1)
PREDICTED, TRUE = column(3, 1), column(1, 2)


def _losses(name: str, a: Array, y: Array) -> Array:
    return LOSSES[name].rule(a, y)  # type: ignore[no-any-return]


PAGE_3 = (
    Exercise(
        "3.1",
        "The model says $\\hat y = 0.8$, and the truth is $y = 1$. What is the cross-entropy loss $L$?",
        lambda: _losses("binary_cross_entropy", column(0.8), column(1))[0],
        "-ln 0.8: with y = 1 only the first term is left.",
        "L = -(y ln ŷ + (1 - y) ln(1 - ŷ)): which of the two terms is left?",
        (
            Slip(lambda: np.log(0.8), "A loss is not negative: mind the minus sign in front."),
            Slip(lambda: -np.log10(0.8), "The logarithm is the natural one."),
            Slip(lambda: -np.log(0.2), "That would be the loss for y = 0."),
        ),
    ),
    Exercise(
        "3.2",
        "Three samples: $\\hat y = 0.8,\\ 0.3,\\ 0.9$ and $y = 1,\\ 0,\\ 1$. What is the cost $J$ (cross-entropy)?",
        lambda: _losses("binary_cross_entropy", P_3, Y_3).mean(),
        "the mean of -ln 0.8, -ln 0.7 and -ln 0.9.",
        "Find the loss of each sample, then their mean.",
        (
            Slip(lambda: _losses("binary_cross_entropy", P_3, Y_3).sum(), "That is the sum; the 1/m is missing."),
            Slip(
                lambda: _losses("binary_cross_entropy", P_3, np.ones_like(Y_3)).mean(),
                "The second sample has y = 0: its loss is -ln(1 - ŷ).",
            ),
        ),
    ),
    Exercise(
        "3.3",
        "A regression predicts $\\hat y = 3,\\ 1$ where the truth is $y = 1,\\ 2$. What is the cost $J$, with "
        "$L = \\tfrac12 (\\hat y - y)^2$?",
        lambda: _losses("squared_error", PREDICTED, TRUE).mean(),
        "the mean of ½·4 and ½·1.",
        "Square each difference, halve it, take the mean.",
        (
            Slip(lambda: 2 * _losses("squared_error", PREDICTED, TRUE).mean(), "The ½ is missing."),
            Slip(lambda: np.abs(PREDICTED - TRUE).mean(), "The differences are to be squared."),
        ),
    ),
)

# page 4

X_4, Y_4, ALPHA = column(1, 2, 3), column(2, 4, 6), 0.1


def line(w: float = 1.0, b: float = 0.0) -> Network:
    """``ŷ = w x + b``, with the squared error."""
    network = Network.create([1, 1], ["identity"], "squared_error")
    network.W[1][...], network.b[1][...] = w, b
    return network


def _gradient() -> Parameters:
    network = line()
    return network.backward(network.forward(X_4), Y_4)


def _stepped(sign: float = 1.0, factor: float = 1.0) -> float:
    return float(line().W[1][0, 0] - sign * factor * ALPHA * _gradient().W[1][0, 0])


def _bound() -> float:
    from ..pictures import descend

    return descend(X_4, Y_4[:, 0], "linear", bias=False, scale="none").bound


PAGE_4 = (
    Exercise(
        "4.1",
        "Three samples, $x = 1, 2, 3$ and $y = 2, 4, 6$; the model $\\hat y = w x + b$ stands at $w = 1$, $b = 0$, "
        "with $L = \\tfrac12 (\\hat y - y)^2$. Give the gradient as $(dw, db)$.",
        lambda: (_gradient().W[1][0, 0], _gradient().b[1][0]),
        "the means of (ŷ - y) x and of (ŷ - y).",
        "∂L/∂ŷ = ŷ - y for each sample; then the chain rule, then the mean.",
        (
            Slip(lambda: (3 * _gradient().W[1][0, 0], 3 * _gradient().b[1][0]), "The 1/m of the cost is missing."),
            Slip(lambda: (-_gradient().W[1][0, 0], -_gradient().b[1][0]), "The sign: it is ŷ - y, not y - ŷ."),
            Slip(lambda: (_gradient().b[1][0], _gradient().W[1][0, 0]), "First dw, then db."),
            Slip(
                lambda: (_gradient().b[1][0], _gradient().b[1][0]),
                "For dw, the chain rule has one more factor: ∂ŷ/∂w = x.",
            ),
        ),
    ),
    Exercise(
        "4.2",
        "One step of gradient descent from where 4.1 stands, with $\\alpha = 0.1$. What is $w$ now?",
        _stepped,
        "w - α dw: against the gradient, downhill.",
        "w = w - α dw, with dw from exercise 4.1.",
        (
            Slip(lambda: _stepped(sign=-1), "That went uphill: the step is subtracted."),
            Slip(lambda: _stepped(factor=3), "The 1/m of the cost is missing in dw."),
            Slip(lambda: _stepped(factor=1 / ALPHA), "The learning rate α is missing."),
        ),
    ),
    Exercise(
        "4.3",
        "Keep $b = 0$. The cost is then a parabola in $w$, with the second derivative $\\lambda = \\frac1m \\sum x^2$. "
        "For the samples of 4.1, beyond which learning rate does gradient descent no longer settle?",
        _bound,
        "2/λ: each step then jumps further beyond the minimum than it was before it.",
        "A step multiplies the distance from the minimum by 1 - α λ: when is that -1?",
        (
            Slip(lambda: _bound() / 2, "With that α a step leads right to the minimum; larger ones settle too."),
            Slip(lambda: 2 / (X_4**2).sum(), "λ is the mean of x², not the sum."),
        ),
    ),
)
