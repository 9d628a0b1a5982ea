"""A diagnosis to be read: findings and a table of the layers, for a terminal, a notebook, or a machine."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .findings import Evidence, Finding, find, gradient_ratios
from .measure import LayerMeasures

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

WIDTH = 130
"""Of `print`."""

COLORS = {"critical": "bold red", "warning": "bold yellow", "note": "bold cyan"}

HEADS = {
    "layer": "layer",
    "dead": "dead",
    "saturated": "flat",
    "mean": "mean a",
    "std": "std a",
    "rms_dZ": "RMS dZ",
    "gradient_ratio": "of last",
    "rms_dW": "RMS dW",
    "update_ratio": "ΔW / W",
}
"""Columns of the table: key in JSON -> head, short enough for a terminal of 80 columns."""


@dataclass(frozen=True)
class Report:
    """What `deltarule.diagnose` found; `print` it, or let a notebook show it.

    Attributes
    ----------
    network : str
    samples : int
    cost : float
        ``J``, without penalties.
    findings : tuple of Finding
        The worst first; without any but notes for a healthy network.
    layers : tuple of dict
        A row a layer, the input as layer 0, with the keys of `HEADS`, "units" and "activation"; None where a
        quantity does not exist.
    """

    network: str
    samples: int
    cost: float
    findings: tuple[Finding, ...]
    layers: tuple[dict[str, Any], ...] = field(repr=False)

    @classmethod
    def of(cls, evidence: Evidence) -> Report:
        """Judge the evidence and lay out its numbers."""
        measures = evidence.measures
        ratios = gradient_ratios(measures)
        rows = tuple(_row(x, ratios.get(x.layer), evidence.updates.get(x.layer)) for x in measures.layers)
        return cls(str(measures.network), measures.m, measures.cost, tuple(find(evidence)), rows)

    @property
    def healthy(self) -> bool:
        """Nothing was found that keeps it from learning; there may be notes."""
        return all(finding.severity == "note" for finding in self.findings)

    def __getitem__(self, kind: str) -> Finding:
        """The finding of a kind, such as "dead units"."""
        return next(finding for finding in self.findings if finding.kind == kind)

    def __contains__(self, kind: str) -> bool:
        return any(finding.kind == kind for finding in self.findings)

    def __str__(self) -> str:
        from rich.console import Console

        screen = Console(file=io.StringIO(), width=WIDTH, color_system=None, markup=False, highlight=False)
        screen.print(self)
        text = screen.file.getvalue()  # type: ignore[attr-defined]
        return "\n".join(line.rstrip() for line in text.splitlines())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        yield Text(self._title(), style="bold cyan")
        if not self.findings:
            yield Text("No findings: nothing is dead, stuck, fading, growing or alike.", style="green")
        for finding in self.findings:
            yield Text.assemble((finding.severity, COLORS[finding.severity]), "  ", (finding.kind, "bold"))
            yield Padding(Text(f"{finding.what}."), (0, 0, 0, 2))
            yield Padding(Text(f"→ {finding.advice}"), (0, 0, 0, 2))
        if self.layers:
            table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
            for key, head in HEADS.items():
                table.add_column(
                    Text(head, style="dim"), justify="left" if key == "layer" else "right", no_wrap=key != "layer"
                )
            for row in self.layers:
                table.add_row(*(Text(_cell(key, row)) for key in HEADS))
            yield Text("")
            yield table

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{html.escape(head)}</th>" for head in HEADS.values())
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_cell(key, row))}</td>" for key in HEADS) + "</tr>"
            for row in self.layers
        )
        items = "".join(
            f"<li><b>{html.escape(f'{x.severity}: {x.kind}')}</b>: {html.escape(x.what)}. "
            f"<i>{html.escape(x.advice)}</i></li>"
            for x in self.findings
        )
        told = f"<ul>{items}</ul>" if items else "<p>No findings.</p>"
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        return f"<div><p><b>{html.escape(self._title())}</b></p>{told}{table}</div>"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as ``deltarule diagnose --json`` prints them."""
        return {
            "network": self.network,
            "samples": self.samples,
            "cost": self.cost,
            "healthy": self.healthy,
            "findings": [
                {
                    "kind": x.kind,
                    "severity": x.severity,
                    "layers": list(x.layers),
                    "units": {str(l): list(units) for l, units in x.units.items()},
                    "what": x.what,
                    "advice": x.advice,
                }
                for x in self.findings
            ],
            "layers": [dict(row) for row in self.layers],
        }

    def _title(self) -> str:
        cost = f", J = {self.cost:.4g}" if np.isfinite(self.cost) else ""
        return f"{self.network}: on {self.samples:,} sample{'s' * (self.samples != 1)}{cost}"


def _row(x: LayerMeasures, gradient_ratio: float | None, update_ratio: float | None) -> dict[str, Any]:
    below = x.layer == 0
    return {
        "layer": x.layer,
        "units": x.units,
        "activation": "input" if below else x.activation,
        "dead": None if x.dead is None else int(x.dead.sum()),
        "saturated": None if x.flat is None else float(x.flat.mean()),
        "mean": x.mean,
        "std": x.std,
        "rms_dZ": None if below else x.rms_dZ,
        "gradient_ratio": gradient_ratio,
        "rms_dW": None if below else x.rms_dW,
        "update_ratio": update_ratio,
    }


def _cell(key: str, row: dict[str, Any]) -> str:
    value = row[key]
    if key == "layer":
        return f"{value}: {row['units']} {row['activation']}"
    if value is None:
        return "-"
    if key == "saturated":
        return f"{value:.0%}"
    return f"{value:.2g}" if isinstance(value, float) else str(value)
