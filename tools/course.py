"""Write the generated parts of the course: the pictures, and the exercises between the markers of each page.

    python tools/course.py           draw every picture, rewrite every page
    python tools/course.py --check   write nothing; exit status 1 if the exercises of a page are stale

The numbers in the pictures are computed by the package, on data that scikit-learn ships.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes

from deltarule import LinearRegression, MLPClassifier, course
from deltarule.equations import ACTIVATIONS, LOSSES
from deltarule.layers import Deltas
from deltarule.pictures import plot_activation, plot_boundary, plot_descent, save
from deltarule.pictures.canvas import COLORS, FAINT, MUTED, new_figure, style

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "course"
MARKED = re.compile(r"(<!-- exercises: (\d) -->\n).*?(<!-- end -->)", re.DOTALL)
BLUE, GREEN, ORANGE, RED = COLORS[0], COLORS[1], COLORS[2], COLORS[3]


def exercises(page: str) -> str:
    """The questions of one page."""
    found = [x for number, x in course.EXERCISES.items() if number.startswith(f"{page}.")]
    choices = [f" One of: {', '.join(x.words)}." if x.words else "" for x in found]
    return "".join(f"**{x.number}** {x.question}{choice}\n\n" for x, choice in zip(found, choices, strict=True))


def fresh(text: str) -> str:
    """A page with its exercises as the package has them."""
    return MARKED.sub(lambda found: f"{found[1]}\n{exercises(found[2])}{found[3]}", text)


def bmi() -> tuple[np.ndarray, np.ndarray]:
    """442 patients: body mass index (m, 1), and how far their diabetes went on in a year (m,)."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X[:, 2:3], y


def line() -> Any:
    """Page 1: data, line, and the errors of some samples."""
    X, y = bmi()
    model = LinearRegression().fit(X, y)
    with style():
        figure = new_figure(7.0, 4.2)
        axes = figure.subplots()
        axes.scatter(X, y, s=9, color=FAINT)
        some = np.argsort(X[:, 0])[5::40]
        axes.vlines(X[some, 0], y[some], model.predict(X[some]), color=RED, linewidth=1)
        axes.scatter(X[some], y[some], s=12, color=RED, label="some of the errors ŷ - y")
        ends = np.array([[X.min()], [X.max()]])
        w, b = model.coef_[0], model.intercept_
        axes.plot(ends, model.predict(ends), color=BLUE, label=f"ŷ = {w:.1f} x - {-b:.0f}")
        axes.set(xlabel="x: body mass index", ylabel="y: progression of the disease", title="linear regression")
        axes.legend(frameon=False)
    return figure


def logistic() -> Any:
    """Page 2: the probability over one feature."""
    data = load_breast_cancer()
    return plot_boundary(
        data.data[:, :1], 1.0 - data.target, features=("mean radius",), classes=("benign", "malignant"), target="tumor"
    )


def loss() -> Any:
    """Page 3: the cross-entropy for both truths beside the squared error."""
    P = np.linspace(0.005, 0.995, 199)[:, None]
    with style():
        figure = new_figure(8.4, 3.6)
        for axes, name in zip(figure.subplots(1, 2), ("binary_cross_entropy", "squared_error"), strict=True):
            for truth, color, dash in ((1.0, BLUE, "-"), (0.0, ORANGE, "--")):
                L = LOSSES[name].rule(P, np.full_like(P, truth))
                axes.plot(P, L, dash, color=color, label=f"y = {truth:.0f}")
            axes.set(title=name.replace("_", " "), xlabel="ŷ", ylabel="L(ŷ, y)", ylim=(0, 5.5))
            axes.legend(frameon=False)
    return figure


def descent() -> Any:
    """Page 4: the valley of the cost, and four learning rates."""
    X, y = np.array([[0.5], [1.0], [1.5], [2.0], [2.5]]), np.array([1.2, 1.9, 3.2, 3.8, 5.1])  # those of the page
    return plot_descent(X, y, "linear", features=("x",), target="y", scale="none", start=(-2.0, 6.0))


def graph(axes: Any, edges: dict[int, np.ndarray], texts: dict[int, list[str]], title: str) -> None:
    """The network of pages 5 and 6: a number at each edge and a text below each unit."""
    places = {0: [(0.0, 1.6), (0.0, 0.4)], 1: [(2.2, 2.0), (2.2, 1.0), (2.2, 0.0)], 2: [(4.4, 1.0)]}
    for l, W in edges.items():
        for i, (x1, y1) in enumerate(places[l]):
            for j, (x0, y0) in enumerate(places[l - 1]):
                value = W[i, j]
                color = BLUE if value > 0 else ORANGE if value < 0 else FAINT
                axes.plot([x0, x1], [y0, y1], "-", color=color, linewidth=0.6 + 3.2 * min(abs(value), 1.0), zorder=1)
                at = 0.34 if l == 1 and j == 0 else 0.22 if l == 1 else 0.45
                axes.text(
                    x0 + at * (x1 - x0),
                    y0 + at * (y1 - y0),
                    f"{value:.2g}".replace("-", "−"),
                    fontsize=8,
                    ha="center",
                    va="center",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
                )
    for l, spots in places.items():
        for (x, y), text in zip(spots, texts[l], strict=True):
            axes.scatter([x], [y], s=900, color="white", edgecolor=MUTED, zorder=2)
            axes.text(x, y, text.partition("\n")[0], ha="center", va="center", fontsize=9, zorder=3)
            axes.text(x, y - 0.27, text.partition("\n")[2], ha="center", va="top", fontsize=8, color=MUTED, zorder=3)
    axes.set(xlim=(-0.5, 5.0), ylim=(-0.6, 2.4), title=title)
    axes.set_axis_off()


def numbers(name: str, values: np.ndarray) -> list[str]:
    """``name = value`` for each unit."""
    return [f"{name} = {value + 0.0:.4g}".replace("-", "−") for value in values]  # + 0.0 turns -0.0 into 0.0


def passed(weights: dict[int, np.ndarray], a: dict[int, np.ndarray], below: dict[int, list[str]], title: str) -> Any:
    """The course's network with `weights` at its edges, ``a`` in each unit and a text below it."""
    texts = {0: [f"{value:g}" for value in a[0][0]]}
    for l, under in below.items():
        texts[l] = [f"{value:.2g}\n{text}" for value, text in zip(a[l][0], under, strict=True)]
    with style():
        figure = new_figure(7.0, 4.0)
        graph(figure.subplots(), weights, texts, title)
    return figure


def forward() -> Any:
    """Page 5: the network with its weights, Z and a."""
    network = course.example()
    cache = network.forward(np.array([[1.0, 2.0]]))
    below = {l: numbers("Z", cache.Z[l][0]) for l in (1, 2)}
    return passed(network.W, cache.a, below, "forward: a in each unit, Z below it, W at each edge")


def backward() -> Any:
    """Page 6: the same network with dW at each edge and dZ below each unit."""
    network, deltas = course.example(), Deltas()
    cache = network.forward(np.array([[1.0, 2.0]]))
    gradient = network.backward(cache, np.array([[1.0]]), deltas=deltas)
    below = {l: numbers("dZ", deltas.dZ[l][0]) for l in (1, 2)}
    return passed(gradient.W, cache.a, below, "backward: dZ below each unit, dW at each edge")


def activations() -> Any:
    """Page 7: the five of the lecture."""
    return plot_activation("sigmoid", "tanh", "relu", "leaky_relu(0.1)", "prelu")


def training() -> Any:
    """Page 8: cost and accuracy, epoch by epoch, of the network that the page trains."""
    X_train, X_test, y_train, y_test = course.digits()
    model = MLPClassifier((32,), max_iter=60, random_state=2)
    history = model.fit(X_train, y_train, validation_data=(X_test, y_test)).history_
    epochs = range(1, model.n_iter_ + 1)
    with style():
        figure = new_figure(8.4, 3.4)
        left, right = figure.subplots(1, 2)
        left.plot(epochs, history["loss"], color=BLUE, label="training")
        left.plot(epochs, history["validation_loss"], "--", color=ORANGE, label="test")
        left.set(title="cost J", xlabel="epoch", yscale="log")
        left.legend(frameon=False)
        right.plot(epochs, history["validation_score"], "--", color=ORANGE)
        right.set(title="accuracy on the test digits", xlabel="epoch", ylim=(0, 1.02))
        figure.suptitle(str(model.network_), fontsize=9, color=MUTED)
    return figure


def slips() -> Any:
    """Page 9: leaky and parametric ReLU as printed, and as they are."""
    Z = np.linspace(-3, 3, 301)
    right = (ACTIVATIONS["leaky_relu"].forward(Z), ACTIVATIONS["prelu"].forward(Z[:, None], np.array([1.5]))[:, 0])
    printed = (np.maximum(0, 0.01 * Z), np.maximum(1.5 * Z, Z))
    with style():
        figure = new_figure(8.4, 3.4)
        titles = ("leaky ReLU", "parametric ReLU, a = 1.5")
        for axes, title, true, wrong in zip(figure.subplots(1, 2), titles, right, printed, strict=True):
            axes.plot(Z, true, color=BLUE, label="as it is")
            axes.plot(Z, wrong, "--", color=RED, label="as printed")
            axes.axhline(0, color=FAINT, linewidth=0.6)
            axes.axvline(0, color=FAINT, linewidth=0.6)
            axes.set(title=title, xlabel="Z")
            axes.legend(frameon=False)
    return figure


PICTURES: dict[str, Callable[[], Any]] = {
    "1-line.svg": line,
    "2-logistic.svg": logistic,
    "3-loss.svg": loss,
    "4-descent.svg": descent,
    "5-forward.svg": forward,
    "6-backward.svg": backward,
    "7-activations.svg": activations,
    "8-training.svg": training,
    "9-slips.svg": slips,
}
"""File name -> who draws it."""


def main(arguments: list[str]) -> int:
    """Write, or check; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, tell what is stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go")
    options = parser.parse_args(arguments)
    stale = [page for page in sorted(FOLDER.glob("*.md")) if fresh(page.read_text("utf-8")) != page.read_text("utf-8")]
    if options.check:
        for page in stale:
            print(f"{page.name} is stale; run python tools/course.py", file=sys.stderr)
        return int(bool(stale))
    for page in stale:
        page.write_text(fresh(page.read_text("utf-8")), encoding="utf-8")
    for name, draw in PICTURES.items():
        save(draw(), options.folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
