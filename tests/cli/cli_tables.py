"""What the tests of the commands share: the answer of a command, and a table with everything in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def error(self) -> list[str]:
        """Lines on standard error that are not notes."""
        return [line for line in self.err.splitlines() if not line.startswith("note: ")]

    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Ran]
"""Runs a command; see the fixture `cli`."""


def mixed_table(m: int = 240, *, seed: int = 0, task: str = "binary") -> pl.DataFrame:
    """Numbers, dates, truth values, categories, an identifier, weights, and holes in all of them."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 12, m).round(1)
    city = rng.choice(["Rome", "Paris", "Oslo"], m)
    member = rng.random(m) < 0.4
    signup = np.datetime64("2022-01-01") + rng.integers(0, 700, m).astype("timedelta64[D]")
    z = (age - 40) / 12 + 1.5 * (city == "Rome") - 1.5 * (city == "Oslo") + member + rng.normal(size=m) * 0.3
    targets = {
        "binary": np.where(z > 0.5, "stays", "leaves"),
        "regression": 100 + 20 * z,
        "multiclass": np.digitize(z, [-0.5, 1.0]),
    }
    holes = rng.random((3, m)) < 0.08
    return pl.DataFrame(
        {
            "customer_id": np.arange(m) * 13 + 7,
            "age": [None if hole else a for hole, a in zip(holes[0], age.tolist(), strict=True)],
            "city": [None if hole else c for hole, c in zip(holes[1], city.tolist(), strict=True)],
            "member": ["yes" if x else "no" for x in member],
            "signup": [None if hole else str(d) for hole, d in zip(holes[2], signup, strict=True)],
            "importance": rng.integers(1, 4, m),
            "outcome": targets[task],
        }
    )
