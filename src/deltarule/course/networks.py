"""The exercises of pages 5 to 9: forward, backward, activations, training, the slips on the slides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..engines import Data
from ..equations import ACTIVATIONS
from ..network import Deltas, Network, Parameters
from ..training import Plan
from .exercise import Exercise, Feedback, FunctionExercise, Slip, shorten

SAMPLES, TARGETS = np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0], [0.0]])
"""That of the pages, and that of the exercises."""

ENOUGH = 0.95
"""Accuracy on the digits that exercise 8.2 asks for."""


def example() -> Network:
    """The network of pages 5 and 6: two inputs, three ReLU units, one sigmoid unit."""
    network = Network.create([2, 3, 1], ["relu", "sigmoid"], "binary_cross_entropy")
    network.W[1][...] = [[0.5, -0.3], [0.2, 0.8], [-0.6, 0.1]]
    network.b[1][...] = [0.3, -0.1, 0.0]
    network.W[2][...] = [[0.7, -0.5, 0.9]]
    network.b[2][...] = 0.2
    return network


def digits() -> tuple[Array, Array, Array, Array]:
    """8 x 8 pictures of handwritten digits: ``X_train, X_test, y_train, y_test``, pixels from 0 to 1."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=360, random_state=0, stratify=y)
    return X_train, X_test, y_train, y_test


def patient() -> tuple[Network, Array, Array]:
    """A network for the digits that cannot learn, with data for `deltarule.diagnose`."""
    X, _, y, _ = digits()
    network = Network.create([64, 16, 10], ["tanh", "softmax"], "categorical_cross_entropy")
    for l, W in network.W.items():
        W[...] = 0.1 / l
    return network, X, (y[:, None] == range(10)).astype(float)


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

# page 7

LEAKY = ACTIVATIONS["leaky_relu"]


def slope(name: str, at: float) -> float:
    """``g'(at)`` of the register."""
    Z = np.array([[at]])
    g = ACTIVATIONS.choose(name)
    return float(g.dg(Z, g.forward(Z))[0, 0])


PAGE_7 = (
    Exercise(
        "7.1",
        "How steep is the sigmoid at $Z = 0$, where it is steepest?",
        lambda: slope("sigmoid", 0.0),
        "σ(1 - σ) = ½·½. So each sigmoid layer makes the gradient at least four times smaller.",
        "σ' = σ (1 - σ): what is σ(0)?",
        (
            Slip(lambda: 0.5, "That is σ(0), its value; asked is its slope."),
            Slip(lambda: slope("tanh", 0.0), "That is the slope of tanh, or that of ReLU."),
        ),
    ),
    FunctionExercise(
        "7.2",
        "Write a function `leaky_relu(Z)` for arrays of any shape.",
        lambda: LEAKY.forward,
        "Z where it is positive, else 0.01 Z.",
        "np.where(condition, a, b) chooses entry by entry.",
        (
            Slip(
                lambda: lambda Z: np.maximum(0, 0.01 * Z),
                "That is the formula as printed on the slides, which is zero for every negative Z.",
            ),
            Slip(lambda: ACTIVATIONS["relu"].forward, "That is ReLU: below zero, a hundredth of Z is to be left."),
        ),
        samples=lambda: [(np.array([-3.0, -1.0, 0.0, 2.0]),), (np.array([[5.0, -100.0]]),)],
    ),
    Exercise(
        "7.3",
        "What is the derivative of leaky ReLU at $Z = -3$?",
        lambda: slope("leaky_relu", -3.0),
        "the slope of the straight line 0.01 Z, which is the same everywhere.",
        "How steep is the straight line 0.01 Z?",
        (
            Slip(lambda: -0.03, "That is its value. The derivative is the slope, and does not depend on Z."),
            Slip(lambda: 0.0, "That is ReLU, without the leak."),
        ),
    ),
    Exercise(
        "7.4",
        "tanh is a scaled, shifted sigmoid: $\\tanh(z) = 2\\,\\sigma(k z) - 1$. Which $k$?",
        lambda: np.log((1 + np.tanh(1.0)) / (1 - np.tanh(1.0))),  # σ(k) = (tanh(1) + 1) / 2
        "twice as steep in its argument, twice as high, and one lower.",
        "Try z = 1: tanh(1) = 0.7616. Which k makes 2σ(k) - 1 the same?",
        (Slip(lambda: 1.0, "2σ(1) - 1 is 0.462, and tanh(1) is 0.762."),),
    ),
    Exercise(
        "7.5",
        "Which value does this program take for the derivative of ReLU at $Z = 0$?",
        lambda: slope("relu", 0.0),
        "the left derivative, as PyTorch and JAX take it.",
        "There is no derivative at a kink; look at the table of this page.",
        (
            Slip(lambda: 1.0, "That is the right derivative; it would do, but another one is taken here."),
            Slip(lambda: 0.5, "A subgradient like any value from 0 to 1, but another one is taken here."),
        ),
    ),
)

# page 8


@dataclass(frozen=True)
class ModelExercise(Exercise):
    """An exercise whose answer is a fitted classifier; `answer` gives the accuracy that is asked for."""

    def check(self, given: Any) -> Feedback:
        """Measure it on the digits that it must not have seen."""
        _, X, _, y = digits()
        try:
            accuracy = float(np.mean(np.asarray(given.predict(X)).ravel() == y))
        except AttributeError:
            return self._wrong(f"expected a fitted model, found {shorten(given)}.")
        except Exception as error:  # a model of whatever kind, fitted on whatever data
            return self._wrong(f"predict(X_test) ended with {type(error).__name__}: {str(error).splitlines()[0]}.")
        told = f"{accuracy:.1%} of the 360 test digits"
        if accuracy >= self.answer():
            return Feedback(self.number, True, f"{told}. {self.why}")
        return self._wrong(f"{told}, and {self.answer():.0%} is asked. {self.hint}")


def _steps() -> int:
    X, _, _, _ = digits()
    batch = Plan(batch_size=32).batch_size
    return len([Data(X[first : first + batch], X) for first in range(0, len(X), batch)])


def _diagnosis() -> str:
    from ..diagnosis import diagnose

    return diagnose(*patient()).findings[0].kind


KINDS = ("dead units", "saturated units", "symmetric units", "vanishing gradients", "exploding gradients")

PAGE_8 = (
    Exercise(
        "8.1",
        "1437 samples, batches of 32. How many steps does gradient descent take in one epoch?",
        _steps,
        "the last batch is smaller, and it is a step too.",
        "An epoch sees every sample once.",
        (
            Slip(lambda: len(digits()[0]) // 32, "A few samples are left over; they make a batch too."),
            Slip(lambda: len(digits()[0]) / 32, "Steps are whole: what becomes of the samples left over?"),
        ),
    ),
    ModelExercise(
        "8.2",
        f"Train any classifier of this package on `X_train` and `y_train` that gets {ENOUGH:.0%} of the test "
        "digits right, and give the model itself; `X_train, X_test, y_train, y_test = course.digits()`.",
        lambda: ENOUGH,
        "Well trained.",
        "More units, more epochs, or another learning rate?",
    ),
    Exercise(
        "8.3",
        "`network, X, Y = course.patient()` is a network that does not learn. Look at it with "
        "`deltarule.diagnose(network, X, Y)`. What does it suffer from?",
        _diagnosis,
        "units that begin alike get the same gradient, and stay alike.",
        "Print the diagnosis, and read the first finding.",
        words=KINDS,
    ),
    Exercise(
        "8.4",
        "100 % of the training samples are right, and 62 % of the test samples. What is that called?",
        lambda: "overfitting",
        "it has learned its samples by heart. More data, fewer units, dropout, a penalty or early stopping help.",
        "Compare what it says of samples it has seen with what it says of others.",
        words=("overfitting", "underfitting", "divergence"),
    ),
)

# page 9


def _prelu(Z: float, p: float) -> float:
    return float(ACTIVATIONS["prelu"].forward(np.array([[Z]]), np.array([p]))[0, 0])


PAGE_9 = (
    Exercise(
        "9.1",
        "Parametric ReLU has learned the slope $a = 1.5$. What is its value at $Z = -2$?",
        lambda: _prelu(-2.0, 1.5),
        "a Z, as Z is negative. max(aZ, Z) would give Z itself.",
        "Z if Z > 0, else a Z.",
        (Slip(lambda: max(1.5 * -2.0, -2.0), "That is max(aZ, Z), which is right only for a ≤ 1."),),
    ),
    Exercise(
        "9.2",
        "What is $e^{-z} / (1 + e^{-z})^2$ at $z = 1$? Compute it, and compare with $\\sigma(1)\\,(1 - \\sigma(1))$.",
        lambda: slope("sigmoid", 1.0),
        "both are the slope of the sigmoid.",
        "e^-1 is 0.3679.",
        (Slip(lambda: np.exp(-1) / (1 + np.exp(-1)), "The denominator is to be squared."),),
    ),
    Exercise(
        "9.3",
        "Linear regression on $n_x = 4$ features: how many numbers does $W$ hold?",
        lambda: Network.create([4, 1], ["identity"]).W[1].size,
        "W is a vector in R^n_x, one weight a feature.",
        "How many weights does one feature have, and how many features are there?",
        (Slip(lambda: 1, "So the slides have it, W ∈ R; but every feature has a weight of its own."),),
    ),
)
