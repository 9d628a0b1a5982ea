"""Activations: ``g`` and ``g'`` side by side, the kink marked with the value that is taken there."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..arrays import Array
from ..equations import ACTIVATIONS, Activation
from ..errors import InvalidOption
from .canvas import COLORS, DASHES, FAINT, MUTED, new_figure, style

POINTS = 801
OTHERS = (0.0, 1.0)
"""The other entries of ``Z`` that a function of the whole row sees."""


def plot_activation(*names: str | Activation, low: float = -5.0, high: float = 5.0) -> Any:
    """Draw ``g`` and ``g'`` of activations side by side, one row each.

    Parameters
    ----------
    *names : str
        As everywhere: ``"tanh"``, ``"leaky_relu(0.2)"``.
    low, high : float
        The range of ``Z``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UnknownName, InvalidOption
        An unknown name, none at all, or an empty range.
    """
    if not names:
        raise InvalidOption(f"expected the name of an activation ({', '.join(ACTIVATIONS)}), found none")
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidOption(f"expected a range of Z from low to high, found {low:g} to {high:g}")
    entries = [ACTIVATIONS.choose(name) for name in names]
    pairs = 1 if len(entries) <= 3 else 2
    rows = -(-len(entries) // pairs)
    with style():
        figure = new_figure(8.0 if pairs == 1 else 13.0, 2.7 * rows + 0.2)
        grid = figure.subplots(rows, 2 * pairs, squeeze=False)
        for k, g in enumerate(entries):
            left, right = grid[k // pairs, 2 * (k % pairs) : 2 * (k % pairs) + 2]
            _draw(g, left, right, low, high)
        for unused in grid.ravel()[2 * len(entries) :]:
            unused.set_axis_off()
    return figure


def values(g: Activation, Z: Array) -> tuple[Array, Array]:
    """``g(Z)`` and ``g'(Z)``, both (m, n), for `Z` (m,).

    n is 1; for softmax it is 3: the outputs for the row ``(Z, 0, 1)``, and their derivatives by its first entry.
    A learned parameter has its initial value.
    """
    if g.rowwise:
        row = np.column_stack([Z, *(np.full_like(Z, other) for other in OTHERS)])
        a = g.forward(row)
        rows = [g.backward(np.broadcast_to(e, a.shape), row, a)[:, 0] for e in np.eye(row.shape[1])]
        return a, np.column_stack(rows)
    column = Z[:, None]
    p = g.initial(1)
    a = g.forward(column, p)
    return a, g.backward(np.ones_like(column), column, a, p)


def _draw(g: Activation, left: Any, right: Any, low: float, high: float) -> None:
    """One activation: the function at the left, its derivative at the right."""
    borders = [low, *(kink for kink in g.kinks if low < kink < high), high]
    for k, (start, end) in enumerate(pairwise(borders)):
        Z = np.linspace(start, end, POINTS)
        a, _ = values(g, Z)
        inside = Z.copy()
        if k:  # at a kink the value is the left one: it does not belong to the piece that begins there
            inside[0] = np.nextafter(start, end)
        _, da = values(g, inside)
        for axes, curves in ((left, a), (right, da)):
            for j, curve in enumerate(curves.T):
                label = f"$a_{j + 1}$" if g.rowwise and not k else None
                axes.plot(Z, curve, color=COLORS[j], linestyle=DASHES[j], linewidth=2, label=label)
    shown = _title(g)
    for axes, what in ((left, shown), (right, "derivative")):
        axes.set(title=what, xlabel="Z", xlim=(low, high))
        axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
        axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
        axes.margins(y=0.12)
        if g.rowwise:
            axes.legend(frameon=False)
    for kink in borders[1:-1]:
        _mark(g, kink, left, right)
    left.set_ylabel("a = g(Z)")
    right.set_ylabel("g′(Z)")


def _mark(g: Activation, kink: float, left: Any, right: Any) -> None:
    """The convention at a kink: a full dot at the value taken, an empty one at the other."""
    a, taken = (float(found[0, 0]) for found in values(g, np.array([kink])))
    _, beyond = values(g, np.array([np.nextafter(kink, np.inf)]))
    other = float(beyond[0, 0])
    left.plot(kink, a, "o", color=COLORS[0], markersize=5)
    if other != taken:
        right.plot([kink, kink], [taken, other], ":", color=MUTED, linewidth=1)
        right.plot(kink, other, "o", markerfacecolor="white", markeredgecolor=COLORS[0], markersize=6)
    right.plot(kink, taken, "o", color=COLORS[0], markersize=6)
    late = kink > np.mean(right.get_xlim()) if len(g.kinks) > 1 else False
    right.annotate(
        f"g′({kink:g}) = {taken:.3g}".replace("-", "−"),
        (kink, taken),
        xytext=(-9 if late else 9, -7 if other < taken else 5),
        textcoords="offset points",
        color=MUTED,
        ha="right" if late else "left",
        va="top" if other < taken else "bottom",
    )


def _title(g: Activation) -> str:
    """Its name with what is held fast in the picture."""
    if g.rowwise:
        return f"{g}, row (Z, {', '.join(f'{other:g}' for other in OTHERS)})"
    return f"{g}, p = {g.settings['initial']:g}" if g.learns is not None else str(g)
