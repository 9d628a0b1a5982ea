"""Rows for training, for validation (early stopping) and for the test, drawn once from a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deltarule.arrays import Array
from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, warn
from deltarule.tabular.target import Task

MINIMUM_ROWS = 5
"""A table with fewer rows is not split: nothing could be said about the result."""


def split_rows(
    y: Array,
    task: Task | str,
    *,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int,
) -> tuple[Array, Array, Array]:
    """Split the rows of a table in three, class by class for a classification.

    Parameters
    ----------
    y : ndarray, shape (m,)
        The encoded target.
    task : Task or str
        ``"regression"`` splits all rows together; else each class is split by itself, so that it has the same share
        everywhere. A class with fewer rows than there are parts goes to training as a whole.
    fractions : tuple of three floats
        Shares of training, validation and test; they add up to 1, only the first must be positive.
    seed : int
        The same seed gives the same split.

    Returns
    -------
    train, valid, test : ndarray of int64
        Ascending row numbers, counted from 0; together every row once. A part whose share is positive has at least
        one row.

    Raises
    ------
    InvalidOption
        Shares that are negative or do not add up to 1.
    DataError
        Fewer than 5 rows, or no class with a row for each part.

    Warns
    -----
    DeltaruleWarning
        Classes too small to be split.
    """
    shares = _checked(fractions)
    m = len(y)
    if m < MINIMUM_ROWS:
        raise DataError(f"expected at least {MINIMUM_ROWS} rows to split, found {m}", "add rows")
    rng = np.random.default_rng(seed)
    if str(task) == "regression":
        groups = [np.arange(m)]
    else:
        order = np.argsort(y, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(y[order])) + 1)
    parts: list[list[Array]] = [[], [], []]
    needed = sum(share > 0 for share in shares)
    small = [group for group in groups if len(group) < needed]
    if len(small) == len(groups):
        most = max(len(group) for group in groups)
        raise DataError(
            f"expected a class with at least {needed} rows, found at most {most} in a class",
            "add rows",
        )
    for group in groups:
        cuts = np.cumsum(_sizes(len(group), shares) if len(group) >= needed else [len(group), 0])
        for part, rows in zip(parts, np.split(rng.permutation(group), cuts[:2]), strict=True):
            part.append(rows)
    if small:
        n_small = sum(len(group) for group in small)
        which = f"{len(small)} classes have" if len(small) > 1 else "one class has"
        those = "it" if n_small == 1 else f"those {n_small}"
        warn(f"{which} fewer than {needed} rows: too few to split, so only training sees {those}", DeltaruleWarning)
    train, valid, test = (np.sort(np.concatenate(part)).astype(np.int64) for part in parts)
    return train, valid, test


def _checked(fractions: Sequence[float]) -> Sequence[float]:
    fair = len(fractions) == 3 and all(0 <= share <= 1 for share in fractions) and fractions[0] > 0
    if not fair or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        raise InvalidOption(
            f"expected three shares for training, validation and test that add up to 1, found {tuple(fractions)}"
        )
    return fractions


def _sizes(m: int, shares: Sequence[float]) -> list[int]:
    """Rows for training and validation; the rest is the test. Each part with a share gets a row, training first."""
    valid, test = (max(1, round(m * share)) if share > 0 else 0 for share in shares[1:])
    while valid + test > m - 1:
        valid, test = (valid - 1, test) if valid >= test else (valid, test - 1)
    return [m - valid - test, valid]
