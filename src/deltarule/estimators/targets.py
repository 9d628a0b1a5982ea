"""From class labels to the numbers a network learns, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from ..arrays import Array
from ..errors import DataError

FEW_CLASSES = 20
"""Classes of which each is looked for by itself, and beyond which whole numbers may be no classes at all."""

LARGE = 2**61
"""Whole numbers beyond it are not counted: their differences might overflow."""


def _whole_numbers(y: Array) -> Array | None:
    """The distinct values of `y` (m,), sorted, if they are a few whole numbers close to each other; else None.

    Then they are counted; anything else takes scikit-learn several sorts.
    """
    if not isinstance(y, np.ndarray) or y.ndim != 1 or y.dtype.kind not in "biuf" or not len(y):
        return None
    ends = y.min(), y.max()
    if y.dtype.kind == "f" and not (np.isfinite(ends).all() and (y == np.floor(y)).all()):
        return None
    low, high = map(int, ends)
    if high - low >= max(1000, len(y)) or max(abs(low), high) > LARGE:
        return None
    if high - low <= 1:
        return np.array([low, high][: high - low + 1], y.dtype)
    found = np.flatnonzero(np.bincount(y.astype(np.int64) - low)) + low
    return found.astype(y.dtype) if len(found) <= FEW_CLASSES else None


def dense(y: Any) -> Array:
    """`y` as an array; an indicator matrix may be sparse."""
    return np.asarray(y.toarray() if sparse.issparse(y) else y)


class LabelEncoding:
    """Labels <-> columns of zeros and ones.

    Parameters
    ----------
    classes : (K,)
        Sorted labels.
    multilabel : bool
        A sample may have several: `y` is an indicator matrix (m, K).

    Notes
    -----
    Two classes are one column (the second class is 1), more are one-hot, multilabel is as it comes. One class is a
    column of zeros, from which nothing is learned but that class.
    """

    def __init__(self, classes: Array, *, multilabel: bool) -> None:
        self.classes = classes
        self.multilabel = multilabel

    @classmethod
    def of(cls, y: Array, classes: Any = None, *, fewest: int = 2) -> LabelEncoding:
        """The encoding for targets `y`, or for `classes` if given.

        Raises
        ------
        DataError
            If there are fewer than `fewest` classes.
        """
        plain = _whole_numbers(y) if classes is None else None
        if plain is not None and len(plain) >= fewest:
            return cls(plain, multilabel=False)
        with np.errstate(invalid="ignore"):  # numbers too large to be whole ones, which are refused
            check_classification_targets(y)
            multilabel = type_of_target(y).startswith("multilabel")
        found = unique_labels(y) if classes is None else np.unique(np.asarray(classes))
        if multilabel and classes is not None and len(found) != y.shape[1]:
            raise DataError(f"expected one class a column of y ({y.shape[1]}), found {len(found)} classes")
        if len(found) < fewest and not multilabel:
            raise DataError(
                f"expected at least {fewest} classes in y, found only one class: {found.tolist()}",
                "a classifier needs samples of every class it is to tell apart",
            )
        return cls(found, multilabel=multilabel)

    @property
    def n_outputs(self) -> int:
        """Columns of the encoded target."""
        return len(self.classes) if self.multilabel or len(self.classes) > 2 else 1

    def encode(self, y: Array, dtype: Any) -> Array:
        """`y` as zeros and ones, (m, n_outputs).

        Raises
        ------
        DataError
            For a label that is not among the classes.
        """
        if self.multilabel:
            if np.ndim(y) != 2 or y.shape[1] != len(self.classes):
                raise DataError(
                    f"expected an indicator matrix with {len(self.classes)} columns, found shape {np.shape(y)}"
                )
            return dense(y).astype(dtype)
        y = y if type(y) is np.ndarray and y.ndim == 1 else column_or_1d(y, warn=True)
        if 1 < len(self.classes) <= FEW_CLASSES:
            first = 1 if self.n_outputs == 1 else 0
            Y = np.empty((len(y), self.n_outputs), bool)
            for column in range(self.n_outputs):
                Y[:, column] = y == self.classes[first + column]
            known = np.count_nonzero(Y) + (np.count_nonzero(y == self.classes[0]) if first else 0)
            if known == len(y):
                return Y.astype(dtype)
        index = np.clip(np.searchsorted(self.classes, y), 0, len(self.classes) - 1)
        unknown = np.unique(y[self.classes[index] != y])
        if len(unknown):
            raise DataError(
                f"expected the classes {self.classes.tolist()}, found also {unknown.tolist()} (`y` has classes not in "
                f"`self.classes_`)"
            )
        if self.n_outputs == 1:
            return index.astype(dtype)[:, None]
        Y = np.zeros((len(y), len(self.classes)), dtype)
        Y[np.arange(len(y)), index] = 1
        return Y

    def decode(self, probability: Array) -> Array:
        """Labels (m,), or an indicator matrix (m, K), from network outputs (m, n_outputs)."""
        if self.multilabel:
            return (probability > 0.5).astype(int)
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(probability))
        if self.n_outputs == 1:
            return self.classes[(probability[:, 0] > 0.5).astype(int)]
        return self.classes[probability.argmax(axis=1)]

    def probabilities(self, output: Array) -> Array:
        """One column a class, (m, K), from network outputs (m, n_outputs); rows add up to 1 unless multilabel."""
        if self.multilabel:
            return output
        if len(self.classes) == 1:
            return np.ones_like(output)
        if self.n_outputs == 1:
            return np.hstack([1 - output, output])
        total = output.sum(axis=1, keepdims=True)
        nothing = total == 0  # outputs that need not add up, such as hard sigmoids, may all be zero
        return np.where(nothing, 1 / output.shape[1], output / np.where(nothing, 1, total))
