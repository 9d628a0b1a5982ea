"""What all pictures share: the style, colors that color-blind people and printers can tell apart, and the file.

matplotlib is imported here and nowhere else in this room, when the first picture is drawn. No state of pyplot is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..atomic import atomic_write
from ..errors import InvalidOption, missing_library

COLORS = ("#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
"""Okabe and Ito 2008."""
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MUTED, FAINT = "#666666", "#bbbbbb"

ENDINGS = (".png", ".svg", ".pdf")
"""What a picture can be."""

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "figure.facecolor": "white",
    "savefig.dpi": 150,
    "svg.hashsalt": "deltarule",
    "svg.fonttype": "path",
    "path.simplify": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and write in the style of all pictures.

    Raises
    ------
    MissingLibrary
        There is no matplotlib.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise missing_library("matplotlib", "to draw pictures") from None
    with mpl.rc_context({**mpl.rcParamsDefault, **STYLE}):
        yield


def new_figure(width: float, height: float) -> Any:
    """An empty figure of so many inches; within `style`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def check_ending(path: str | Path) -> None:
    """Refuse a file that is no picture.

    Raises
    ------
    InvalidOption
    """
    if Path(path).suffix.lower() not in ENDINGS:
        raise InvalidOption(f"expected a picture that ends in {', '.join(ENDINGS)}, found {str(path)!r}")


def save(figure: Any, path: str | Path) -> None:
    """Write a figure to a file: whole, or not at all; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        Ends in .png, .svg or .pdf.

    Raises
    ------
    InvalidOption
        Another ending.
    OutputError
        The file cannot be written.
    """
    check_ending(path)
    kind = Path(path).suffix.lower()[1:]
    undated: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    with style(), atomic_write(path) as temporary:
        figure.savefig(temporary, format=kind, metadata=undated[kind])


def number(value: float) -> str:
    """A number as short as it can be read."""
    return f"{value:.3g}".replace("-", "−")
