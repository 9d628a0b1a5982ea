"""A table of people: numbers, levels and truth values, and three targets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

ALL = ("--split", "100,0,0")


def people(path: Path, m: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x, z = rng.normal(50, 10, m), rng.exponential(1e5, m)
    group, smoker = rng.choice(["red", "green", "blue"], m), rng.choice(["yes", "no"], m)
    y = 3 + 0.2 * x + 1e-5 * z + 2 * (group == "red") + (smoker == "yes") + rng.normal(0, 2, m)
    state = np.where(rng.random(m) < 1 / (1 + np.exp(-(y - 15) / 2)), "well", "sick")
    three = np.where(rng.random(m) < 0.3, "maybe", state)
    table = pl.DataFrame(
        {
            "x": x,
            "z": z,
            "group": group,
            "smoker": smoker,
            "y": y,
            "state": state,
            "three": three,
            "w": rng.random(m) + 0.1,
        }
    )
    table.write_csv(path)
    return table
