"""What the commands show: tables for people, one JSON document for machines, notes on standard error."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deltarule.atomic import atomic_write
from deltarule.errors import InvalidOption, OutputError

if TYPE_CHECKING:
    from rich.console import Console

    from deltarule.estimators.summary import Summary
    from deltarule.model_file import Kind

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

PLAIN_WIDTH = 140
"""Of text that does not go to a terminal."""

_RETURN, _FEED = "\x1c", "\x1d"  # stand in for line breaks; nobody types them

_BARS = "▁▂▃▄▅▆▇█"

_said: list[str] = []


def note(text: str) -> None:
    """One line on standard error; `notes` keeps it for the JSON document."""
    _said.append(text)
    encoding = sys.stderr.encoding or "utf-8"
    print(f"note: {text}".encode(encoding, "replace").decode(encoding), file=sys.stderr)


def notes() -> list[str]:
    """What has been noted since the last call."""
    said = list(_said)
    _said.clear()
    return said


def console() -> Console:
    """Standard output; in color on a terminal, plain text otherwise. Text from tables is never taken for markup."""
    from rich.console import Console

    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")  # a sign that the terminal lacks must not end the program
    plain = not sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        markup=False,
        highlight=False,
        emoji=False,
        width=PLAIN_WIDTH if plain else None,
        soft_wrap=False,
    )


def show_table(
    title: str, rows: Iterable[Sequence[str]], headers: Sequence[str] = (), *, n_texts: int | None = None
) -> None:
    """A table without lines; the last column wraps. Columns after the first `n_texts` are numbers, on the right."""
    from rich.table import Table
    from rich.text import Text

    listed = [tuple(map(str, row)) for row in rows]
    table = Table(box=None, show_header=bool(headers), pad_edge=False, padding=(0, 3, 0, 0), title_justify="left")
    width = len(headers) or max(map(len, listed), default=1)
    for k in range(width):
        header = headers[k] if headers else ""
        side: Literal["left", "right"] = "left" if n_texts is None or k < n_texts else "right"
        table.add_column(Text(header, style="dim"), overflow="fold", style="bold" if k == 0 else "", justify=side)
    for row in listed:
        table.add_row(*(Text(cell) for cell in row))
    screen = console()
    screen.print(Text(f"\n{title}", style="bold cyan"))
    screen.print(table)


def show_summary(summary: Summary) -> None:
    """The table of a linear model's weights, what is known of the fit, and what the reader has to know."""
    show_table(summary.title, summary.rows(), summary.headers(), n_texts=summary.n_texts)
    facts = summary.fact_rows()
    if facts:
        show_table("Fit", facts)
    for text in summary.notes:
        say(text[:1].upper() + text[1:])


def say(text: str = "") -> None:
    """A line on standard output."""
    console().print(text, soft_wrap=True)


_TELLING, _TOO_GOOD = 10, 1 - 1e-9
"""Rows whose figures say something, and an R² that is not found but given away."""


def show_metrics(
    title: str, metrics: Mapping[str, float | None], baseline: Mapping[str, float | None], is_: str
) -> None:
    """Metrics beside those of the trivial answer."""
    from deltarule.tabular.metrics import NAMES, number

    rows = [(NAMES.get(name, name), number(value), number(baseline.get(name))) for name, value in metrics.items()]
    show_table(title, rows, ("metric", "model", f"baseline ({is_})"))


def judge(metrics: Mapping[str, float | None], baseline: Mapping[str, float | None], rows: int, remedy: str) -> None:
    """Notes on metrics that a reader may take for more, or for less, than they are."""
    from deltarule.tabular.metrics import beats
    from deltarule.tabular.wording import count

    if beats(metrics, baseline) is False:
        note(f"the model is no better than the baseline on these rows; {remedy}")
    if rows < _TELLING:
        note(f"{count(rows, 'row')} tell little: other rows may give quite another figure")
    if (metrics.get("r2") or 0.0) > _TOO_GOOD:
        note("R² is 1: a column may have been computed from the target; leave it out with --drop")


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """A curve in one line of text; `width` values are picked if there are more."""
    if len(values) > width:
        values = [values[round(k * (len(values) - 1) / (width - 1))] for k in range(width)]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    heights = [0 if span == 0 else int((value - low) / span * (len(_BARS) - 1)) for value in finite]
    bars = iter(_BARS[height] for height in heights)
    return "".join(next(bars) if math.isfinite(value) else " " for value in values)


def show_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output; what is not finite becomes null."""
    sys.stdout.write(json.dumps(_plain(document), indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def format_of(path: str, endings: Mapping[str, str]) -> str:
    """The format that the ending of a file's name tells, ending -> format.

    Raises
    ------
    InvalidOption
        For any other ending.
    """
    ending = Path(path).suffix.lower()
    if ending not in endings:
        raise InvalidOption(
            f"expected a file that ends in {', '.join(endings)}, found {path!r}", "or name the --format"
        )
    return endings[ending]


class _Probe(Exception):
    """Ends a trial writing before anything is replaced."""


def check_output(path: str, *, inputs: Sequence[str] = (), kind: Kind | None = None) -> None:
    """Refuse an output that cannot be written, or that is one of the other files, before any work is done.

    With `kind` also one in whose place something else lies, such as a table: it would be lost.

    Raises
    ------
    OutputError
    """
    for name in inputs:
        if name != "-" and os.path.realpath(name) == os.path.realpath(path):
            raise OutputError(f"cannot write {path}: expected a file of its own, found the name of another file in use")
    from deltarule.model_file import kind_of

    there = kind_of(path) if kind else None
    if there not in (None, kind):
        raise OutputError(
            f"cannot write {path}: expected nothing there, or a {kind}, found {there}",
            "choose another name, or delete that file first",
        )
    with contextlib.suppress(_Probe), atomic_write(path):
        raise _Probe


def load_model(path: str, *, target: bool = False) -> Any:
    """The model in a file, which predicts tables; with `target` one that can also be measured on them.

    Raises
    ------
    ModelFileError
        The file cannot be trusted.
    InvalidOption
        It holds an estimator that knows no names of columns, or no name of its target.
    """
    from deltarule.tabular.load import load
    from deltarule.tabular.model import TabularModel
    from deltarule.tabular.named import NamedEstimator

    model = load(path)
    if isinstance(model, TabularModel):
        return model
    found = f"found a {type(model).__name__} saved from Python"
    if target:
        raise InvalidOption(
            f"{path}: expected a model that knows the name of its target, {found}",
            f"measure it there: deltarule.load({path!r}).score(X, y)",
        )
    if not hasattr(model, "feature_names_in_"):
        raise InvalidOption(
            f"{path}: expected a model that knows the names of its columns, {found}, trained on an array",
            f"train it on a frame, or use it there: deltarule.load({path!r}).predict(X)",
        )
    return NamedEstimator(model)


def split_names(values: Iterable[str]) -> tuple[str, ...]:
    """Column names, separated by commas; quotes around a name that holds a comma."""
    import csv

    # a name may hold a line break, at which the csv module would end the row
    whole = [value.replace("\r", _RETURN).replace("\n", _FEED) for value in values]
    names = [name.strip() for row in csv.reader(whole, skipinitialspace=True) for name in row]
    found = [name.replace(_RETURN, "\r").replace(_FEED, "\n") for name in names if name]
    return tuple(dict.fromkeys(found))  # naming a column twice is naming it
