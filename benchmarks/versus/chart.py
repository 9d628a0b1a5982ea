"""The chart of docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

COLORS = ("#1f6feb", "#9aa5b1", "#f2a65a", "#d98336", "#7fb685", "#c5d3e8")


def draw(results: Mapping[str, Mapping[str, float]], names: Mapping[str, str], path: Path) -> None:
    """One group of bars a net: microseconds a step of each rival, on a logarithmic scale; shorter is faster."""
    mpl.rcParams["svg.hashsalt"] = "deltarule"
    shown = [rival for rival in names if any(rival in times for times in results.values())]
    figure, axis = plt.subplots(figsize=(8, 0.28 * len(results) * (len(shown) + 1) + 0.9), layout="constrained")
    height = 0.8 / len(shown)
    for place, (rival, color) in enumerate(zip(shown, COLORS, strict=False)):
        at = [group + place * height for group in range(len(results))]
        values = [times.get(rival, 0) for times in results.values()]
        bars = axis.barh(at, values, 0.9 * height, color=color, label=names[rival])
        axis.bar_label(bars, [short(value) for value in values], padding=3, fontsize=8)
    axis.set_xscale("log")
    axis.set_xlabel("microseconds a training step (logarithmic; shorter is faster)")
    axis.set_yticks([group + 0.4 - height / 2 for group in range(len(results))], list(results))
    axis.invert_yaxis()
    axis.margins(x=0.15)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=len(shown))
    figure.savefig(path, metadata={"Date": None})


def short(value: float) -> str:
    """Three digits, or a whole number; nothing for 0, which was not measured."""
    if not value:
        return ""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
