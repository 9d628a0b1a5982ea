"""The picture of gradient descent: the cost from above, as a surface, and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from .canvas import COLORS, DASHES, FAINT, MARKERS, MUTED, new_figure, number, style
from .descent import Descent, Walk, descend

GRID = 61
SEEN = {
    "none": "as they are",
    "deviation": "divided by twice the deviation",
    "standard": "of mean 0, divided by twice the deviation",
}
"""What has been done to the features."""
SHOWN = 3.0
"""A walk is drawn until it is so many windows away."""


def plot_descent(
    X: Array | Descent,
    y: Array | None = None,
    model: str = "linear",
    *,
    features: Sequence[str] = (),
    target: str = "",
    **options: Any,
) -> Any:
    """Draw the cost of a fit with one or two parameters, and the walks of gradient descent on it.

    Parameters
    ----------
    X : (m, n) or Descent
        One feature or two; or what `deltarule.pictures.descend` has found.
    y : (m,)
        Numbers, or 0 and 1 for "logistic".
    model : {"linear", "logistic"}
    features, target : str
        Names for the title.
    **options
        Those of `deltarule.pictures.descend`: bias, rates, steps, start, scale, optimizer.

    Returns
    -------
    matplotlib.figure.Figure
        `deltarule.pictures.save` writes it; a notebook shows it.

    Raises
    ------
    DataError
        The fit has no optimum, or not only one.
    InvalidOption
    """
    found = X if isinstance(X, Descent) else descend(X, y if y is not None else np.empty(0), model, **options)
    with style():
        if len(found.parameters) == 1:
            figure = new_figure(10.0, 4.6)
            left, right = figure.subplots(1, 2)
            _curve(found, left)
        else:
            figure = new_figure(14.0, 5.0)
            left = figure.add_subplot(1, 3, 1)
            middle = figure.add_subplot(1, 3, 2, projection="3d")
            right = figure.add_subplot(1, 3, 3)
            window = _window(found)
            grid = _grid(found, window)
            _contours(found, left, window, grid)
            _relief(found, middle, window, grid)
        _steps(found, right)
        handles, labels = right.get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=4 if len(found.parameters) > 1 else 2, frameon=False
        )
        figure.suptitle(_title(found, features, target))
    return figure


def _title(found: Descent, features: Sequence[str], target: str) -> str:
    seen = f", {SEEN[found.scale]}" if found.scale != "none" else ""
    what = f"{found.model} regression of {target or 'y'} on {', '.join(features) or 'X'}{seen}, {len(found.X):,} rows"
    bound = f"$λ_{{max}}$ = {number(found.eigenvalues[-1])}, bound $2/λ_{{max}}$ = {number(found.bound)}"
    return f"{what.replace('$', chr(92) + '$')};  {bound}"


def _label(walk: Walk) -> str:
    return f"α = {number(walk.alpha)}, {walk.name}: {walk.verdict}"


def _drawn(k: int) -> dict[str, Any]:
    """Color, dashes and marker of the k-th walk."""
    return {
        "color": COLORS[k], "linestyle": DASHES[k], "marker": MARKERS[k], "markersize": 4, "linewidth": 1.4,
    }  # fmt: skip


def _window(found: Descent) -> Array:
    """What is shown, (2, P): the lowest and the highest parameters of the walks that stay below the bound."""
    begin = found.walks[0].points[0]
    rise = max(float(found.walks[0].costs[0]) - found.least, 1e-300)
    reach = 0.35 * np.sqrt(2 * rise * np.diag(np.linalg.inv(found.hessian)))  # of the level of the start
    calm = [walk.points for walk in found.walks if walk.alpha < found.bound]
    corners = np.vstack([[found.optimum - reach, found.optimum + reach, begin], *calm])
    low, high = corners.min(axis=0), corners.max(axis=0)
    return np.stack([low - 0.1 * (high - low), high + 0.1 * (high - low)])


def _grid(found: Descent, window: Array) -> tuple[Array, Array, Array]:
    """The parameters of a grid and the cost at each, all (GRID, GRID)."""
    first, second = (np.linspace(window[0, k], window[1, k], GRID) for k in range(2))
    P, Q = np.meshgrid(first, second)
    J = np.array([found.surface(np.array(point)) for point in zip(P.ravel(), Q.ravel(), strict=True)]).reshape(P.shape)
    return P, Q, J


def _visible(walk: Walk, window: Array) -> Array:
    """The points of a walk up to the first that is far outside."""
    middle, half = window.mean(axis=0), (window[1] - window[0]) / 2
    far = (np.abs(walk.points - middle) > SHOWN * half).any(axis=1)
    last = int(far.argmax()) + 1 if far.any() else len(far)
    return walk.points[:last]


def _contours(found: Descent, axes: Any, window: Array, grid: tuple[Array, Array, Array]) -> None:
    """The cost from above."""
    P, Q, J = grid
    levels = found.least + (J.max() - found.least) * np.linspace(0, 1, 14)[1:] ** 2
    axes.contour(P, Q, J, levels=levels, colors=FAINT, linewidths=0.9)
    for k, walk in enumerate(found.walks):
        points = _visible(walk, window)
        axes.plot(points[:, 0], points[:, 1], **_drawn(k), zorder=3 + len(found.walks) - k)
    _ends(axes, found)
    axes.set(
        title="cost J from above", xlabel=found.parameters[0], ylabel=found.parameters[1],
        xlim=window[:, 0], ylim=window[:, 1],
    )  # fmt: skip


def _ends(axes: Any, found: Descent) -> None:
    """Where the walks begin, and the global optimum."""
    begin, optimum = found.walks[0].points[0], found.optimum
    axes.plot(*begin, "o", markersize=9, markerfacecolor="white", markeredgecolor="black", zorder=20)
    axes.plot(*optimum, "*", markersize=16, markerfacecolor="#F0E442", markeredgecolor="black", zorder=21)
    up = optimum[1] >= begin[1]
    for point, text, above in ((begin, "start", not up), (optimum, "optimum", up)):
        axes.annotate(
            text, point, xytext=(0, 12 if above else -12), textcoords="offset points", zorder=22,
            ha="center", va="bottom" if above else "top",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip


def _relief(found: Descent, axes: Any, window: Array, grid: tuple[Array, Array, Array]) -> None:
    """The cost as a surface, the walks on it."""
    P, Q, J = grid
    axes.computed_zorder = False
    axes.plot_surface(P, Q, J, cmap="Greys_r", alpha=0.55, rasterized=True, linewidth=0, rstride=2, cstride=2, zorder=1)
    for k, walk in enumerate(found.walks):
        inside = ((walk.points >= window[0]) & (walk.points <= window[1])).all(axis=1)
        last = len(inside) if inside.all() else int((~inside).argmax())
        points, costs = walk.points[:last], walk.costs[:last]
        axes.plot(points[:, 0], points[:, 1], costs, **_drawn(k), zorder=5)
    axes.plot(
        *([value] for value in (*found.optimum, found.least)), "*",
        markersize=14, markerfacecolor="#F0E442", markeredgecolor="black", zorder=10,
    )  # fmt: skip
    axes.set(title="cost J as a surface", xlabel=found.parameters[0], ylabel=found.parameters[1])
    axes.view_init(elev=38, azim=-60)
    axes.locator_params(nbins=5)


def _curve(found: Descent, axes: Any) -> None:
    """The cost of one parameter, the walks on it."""
    window = _window(found)
    w = np.linspace(window[0, 0], window[1, 0], 401)
    axes.plot(w, [found.surface(np.array([value])) for value in w], color=FAINT, linewidth=2.5)
    for k, walk in enumerate(found.walks):
        points = _visible(walk, window)
        axes.plot(points[:, 0], walk.costs[: len(points)], **_drawn(k), zorder=3 + len(found.walks) - k)
    top = max(found.surface(window[k]) for k in range(2))
    begin = found.walks[0]
    for value, J, text, sign, size in (
        (begin.points[0, 0], begin.costs[0], "start", "o", 9),
        (found.optimum[0], found.least, "optimum", "*", 16),
    ):
        face = "white" if text == "start" else "#F0E442"
        axes.plot(value, J, sign, markersize=size, markerfacecolor=face, markeredgecolor="black", zorder=20)
        below = text == "optimum"
        axes.annotate(
            text,
            (value, J),
            xytext=(0, -20) if below else (10, 8),
            textcoords="offset points",
            ha="center" if below else "left",
        )
    rise = top - found.least
    axes.set(
        title="cost J", xlabel=found.parameters[0], ylabel="J",
        xlim=window[:, 0], ylim=(found.least - 0.16 * rise, top + 0.05 * rise),
    )  # fmt: skip


def _steps(found: Descent, axes: Any) -> None:
    """How far above the optimum each step is."""
    rise = max(float(found.walks[0].costs[0]) - found.least, 1e-300)
    lowest, highest = 1.0, 1.0
    for k, walk in enumerate(found.walks):
        above = np.maximum((walk.costs - found.least) / rise, 1e-8)
        axes.plot(np.arange(len(above)), above, **_drawn(k), label=_label(walk), markevery=max(1, len(above) // 12))
        lowest, highest = min(lowest, above.min()), max(highest, above.max())
    axes.set(title="distance to the least cost J*, step by step", xlabel="step", yscale="log")
    axes.set(ylabel="(J − J*) / (J at the start − J*)", ylim=(max(0.5 * lowest, 1e-7), min(2 * highest, 1e3)))
    axes.axhline(1, color=MUTED, linewidth=0.7, linestyle=":")
