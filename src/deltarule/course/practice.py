"""The exercises of pages 7 to 9: activations, training, the slips on the slides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..equations import ACTIVATIONS
from ..network import Network
from .exercise import Exercise, Feedback, FunctionExercise, Slip, shorten

ENOUGH = 0.97
"""Accuracy on the digits that exercise 8.2 asks for."""


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
            reason = str(error).partition("\n")[0]
            return self._wrong(f"predict(X_test) ended with {type(error).__name__}: {reason or 'it does not say why'}.")
        told = f"{accuracy:.1%} of the 360 test digits"
        if accuracy >= self.answer():
            return Feedback(self.number, True, f"{told}. {self.why}")
        return self._wrong(f"{told}, and {self.answer():.0%} is asked. {self.hint}")


def _diagnosis() -> str:
    from ..diagnosis import diagnose

    return diagnose(*patient()).findings[0].kind


KINDS = ("dead units", "saturated units", "symmetric units", "vanishing gradients", "exploding gradients")

PAGE_8 = (
    Exercise(
        "8.1",
        "1437 samples, batches of 32. How many steps does gradient descent take in one epoch?",
        lambda: len(range(0, len(digits()[0]), 32)),
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
        "More units, more epochs, or another learning rate? The network of the page does not quite reach it.",
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
