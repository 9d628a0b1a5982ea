"""Logistic regression over its data: the sigmoid with its decision boundary, or the line between two classes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..equations import ACTIVATIONS
from ..errors import DataError, InvalidOption
from ..estimators import LogisticRegression
from .canvas import COLORS, FAINT, MARKERS, MUTED, new_figure, number, style
from .cost import Surface, separable

MOST_POINTS = 3000
"""More are a stain; so many are drawn, taken evenly from the rows."""


def plot_boundary(
    X: Array, y: Array, *, features: Sequence[str] = (), classes: Sequence[str] = ("0", "1"), target: str = "y"
) -> Any:
    """Draw the data, the probability that logistic regression gives, and where it is one half.

    Parameters
    ----------
    X : (m, 1) or (m, 2)
    y : (m,)
        0 and 1.
    features, classes, target : str
        Names: of the columns, of what 0 and 1 stand for, of the target.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError, InvalidOption
    """
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    if X.ndim != 2 or X.shape[1] not in (1, 2) or y.shape != X.shape[:1]:
        raise InvalidOption(f"expected one or two features, found X of shape {X.shape} and y of shape {y.shape}")
    if not np.isfinite(X).all() or not np.isin(y, (0, 1)).all() or y.min() == y.max():
        raise DataError("expected finite features and targets 0 and 1, both of them, found others")
    names = list(features) or [f"x{k + 1}" for k in range(X.shape[1])]
    W, b, C = fit(X, y)
    with style():
        figure = new_figure(7.6, 4.6 if X.shape[1] == 1 else 5.6)
        axes = figure.subplots()
        shown = np.linspace(0, len(X) - 1, min(len(X), MOST_POINTS)).astype(int)
        draw = _curve if X.shape[1] == 1 else _plane
        draw(axes, X, y, W, b, shown, names, classes)
        few = "" if len(shown) == len(X) else f" ({len(shown):,} drawn)"
        held = "" if np.isinf(C) else f"; separable, so weights are held back with C = {C:g}"
        axes.set_title(f"logistic regression of {target}, {len(X):,} rows{few}{held}")
    return figure


def fit(X: Array, y: Array) -> tuple[Array, float, float]:
    """Weights (n,), bias and C of `LogisticRegression`: without a penalty where that has an optimum."""
    deviation = X.std(axis=0)
    if not (deviation > 0).all():
        raise DataError("expected features that vary, found a constant one", "choose another feature")
    standard = (X - X.mean(axis=0)) / deviation
    C = 1.0 if separable(Surface("logistic", standard, y, bias=True)) else np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=C, tol=1e-10, max_iter=1000).fit(standard, y)
    W = model.coef_[0] / deviation
    return W, float(model.intercept_[0] - W @ X.mean(axis=0)), C


def _curve(
    axes: Any, X: Array, y: Array, W: Array, b: float, shown: Array, names: Sequence[str], classes: Sequence[str]
) -> None:
    """One feature: the sigmoid over the data."""
    x, w = X[:, 0], float(W[0])
    low, high = _around(x)
    line = np.linspace(low, high, 601)
    sigma = ACTIVATIONS["sigmoid"].forward
    jitter = np.random.default_rng(0).uniform(-0.03, 0.03, len(x))  # points that lie on each other are seen apart
    for value in (0, 1):
        rows = shown[y[shown] == value]
        axes.plot(
            x[rows], y[rows] + jitter[rows], MARKERS[value], color=COLORS[(0, 3)[value]], markersize=4, alpha=0.45,
            markeredgewidth=0, label=f"{classes[value]} (y = {value})",
        )  # fmt: skip
    axes.plot(line, sigma(w * line + b), color="black", linewidth=2, label="ŷ = σ(w x + b)")
    border = -b / w if w else np.inf
    axes.axhline(0.5, color=FAINT, linewidth=1, linestyle=":")
    if low < border < high:
        axes.axvline(border, color=MUTED, linewidth=1.4, linestyle="--", label=f"boundary: x = {border:.4g}")
    else:
        axes.plot([], [], " ", label=f"boundary x = {border:.4g}: outside the data")
    axes.set(xlabel=f"x = {names[0]}", ylabel=f"ŷ = P(y = {classes[1]})", xlim=(low, high), ylim=(-0.08, 1.08))
    axes.figure.legend(loc="outside lower center", ncols=2, frameon=False, title=f"w = {number(w)}, b = {number(b)}")


def _plane(
    axes: Any, X: Array, y: Array, W: Array, b: float, shown: Array, names: Sequence[str], classes: Sequence[str]
) -> None:
    """Two features: the points, and the lines where the probability is 0.1, 0.5 and 0.9."""
    window = [_around(X[:, k]) for k in range(2)]
    P, Q = np.meshgrid(*(np.linspace(low, high, 201) for low, high in window))
    probability = ACTIVATIONS["sigmoid"].forward(W[0] * P + W[1] * Q + b)
    for value in (0, 1):
        rows = shown[y[shown] == value]
        axes.plot(
            X[rows, 0], X[rows, 1], MARKERS[value], color=COLORS[(0, 3)[value]], markersize=5, alpha=0.6,
            markeredgewidth=0, label=str(classes[value]),
        )  # fmt: skip
    axes.contour(
        P, Q, probability, levels=[0.1, 0.5, 0.9], colors=[MUTED, "black", MUTED],
        linewidths=[1, 2, 1], linestyles=["--", "-", "--"],
    )  # fmt: skip
    axes.plot([], [], "-", color="black", linewidth=2, label=f"boundary ŷ = 0.5: {_equation(W, b)}")
    axes.plot([], [], "--", color=MUTED, linewidth=1, label="ŷ = 0.1 and 0.9")
    axes.set(xlabel=f"x1 = {names[0]}", ylabel=f"x2 = {names[1]}", xlim=window[0], ylim=window[1])
    axes.figure.legend(loc="outside lower center", ncols=2, frameon=False, title=f"ŷ = P(y = {classes[1]})")


def _equation(W: Array, b: float) -> str:
    """``0.5 x1 − 2 x2 + 3 = 0``."""
    parts = [f"{number(W[0])} x1"]
    parts += [f"{'−' if value < 0 else '+'} {number(abs(value))}{name}" for value, name in ((W[1], " x2"), (b, ""))]
    return f"{' '.join(parts)} = 0"


def _around(x: Array) -> tuple[float, float]:
    """A little more than the range of the data."""
    low, high = float(x.min()), float(x.max())
    return low - 0.06 * (high - low), high + 0.06 * (high - low)
