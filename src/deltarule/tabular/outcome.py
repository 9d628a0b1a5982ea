"""The column to be predicted, as a trained model remembers it: its classes, its scale, and the trivial answer."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, get_args

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.errors import ModelFileError
from deltarule.fields import read_field
from deltarule.tabular.metrics import Metrics, classification_metrics, regression_metrics
from deltarule.tabular.scaling import Scaler
from deltarule.tabular.target import Task, TaskKind

_DTYPES = {"text": pl.String(), "integer": pl.Int64(), "float": pl.Float64(), "boolean": pl.Boolean()}


@dataclass(frozen=True)
class Outcome:
    """What the network's output means.

    Attributes
    ----------
    name : str
        Of the target column.
    kind : {"regression", "binary", "multiclass"}
    dtype : {"text", "integer", "float", "boolean"}
        Of the target column; predicted classes get it back.
    classes : tuple of str
        Empty for a regression.
    center, scale : float
        A regression learns ``(y - center) / scale``.
    trivial : tuple of float
        What needs no model: the mean of the training rows, or the share of each class in them.
    """

    name: str
    kind: TaskKind
    dtype: str
    classes: tuple[str, ...]
    center: float
    scale: float
    trivial: tuple[float, ...]

    @classmethod
    def fit(
        cls, series: pl.Series, task: Task, classes: list[str] | None, y: Array, w: Array | None, *, shift: bool = True
    ) -> Self:
        """Learn from the training rows.

        Parameters
        ----------
        series : polars.Series
            The target column.
        task : Task
        classes : list of str or None
            As `encode_target` gave them.
        y : (m,)
            The encoded target.
        w : (m,), optional
        shift : bool
            Whether the loss allows negative targets, so that the mean may be subtracted.
        """
        kind = series.dtype
        dtype = "boolean" if kind == pl.Boolean else "integer" if kind.is_integer() else "text"
        if kind.is_float():
            dtype = "float"
        if classes is not None:
            counts = np.bincount(y, weights=w, minlength=len(classes))
            shares = tuple((counts / counts.sum()).tolist())
            return cls(series.name, task.kind, dtype, tuple(classes), 0.0, 1.0, shares)
        size = float(np.abs(y).max()) or 1.0
        mean = float(np.average(y / size, weights=w)) * size
        scaler = Scaler.fit(pl.Series(y), "standard")
        center, scale = (scaler.center, scaler.scale or 1.0) if shift else (0.0, abs(mean) or 1.0)
        return cls(series.name, task.kind, "float", (), center, scale, (mean,))

    @property
    def is_classification(self) -> bool:
        """Whether the target is one of several classes."""
        return bool(self.classes)

    def to_network(self, y: Array, dtype: Any) -> Array:
        """The encoded target (m,) in the units of the network; class numbers stay what they are."""
        return y if self.classes else ((y - self.center) / self.scale).astype(dtype)

    def outputs(self, estimator: Any, X: Array) -> Array:
        """Predictions for `X` (m, n_x) in the units of the table: numbers (m,) or probabilities (m, K), float64."""
        if self.classes:
            return np.asarray(estimator.predict_proba(X), np.float64)
        return np.asarray(estimator.predict(X), np.float64) * self.scale + self.center

    def to_frame(self, output: Array) -> pl.DataFrame:
        """A table with "prediction", and "probability of ..." for each class."""
        if not self.classes:
            return pl.DataFrame({"prediction": output})
        names = pl.Series("prediction", self.classes).gather(output.argmax(axis=1))
        if self.dtype == "boolean":
            names = names == "true"
        shown = pl.Series(self.classes)
        if self.dtype == "float":  # 1.0, as predictions are written
            shown = shown.cast(pl.Float64).cast(pl.String)
        columns = {f"probability of {name}": output[:, k] for k, name in enumerate(shown)}
        return pl.DataFrame({"prediction": names.cast(_DTYPES[self.dtype]), **columns})

    def measure(self, y: Array, output: Array, w: Array | None) -> Metrics:
        """Metrics of `outputs` for the encoded target (m,)."""
        return classification_metrics(y, output, w) if self.classes else regression_metrics(y, output, w)

    def measure_trivial(self, y: Array, w: Array | None) -> Metrics:
        """Metrics of the trivial answer: the mean, or the most frequent class with the shares as probabilities."""
        if self.classes:
            return classification_metrics(y, np.tile(self.trivial, (len(y), 1)), w)
        return regression_metrics(y, np.full(len(y), self.trivial[0]), w)

    @property
    def trivial_name(self) -> str:
        """What the trivial answer is, for people."""
        if self.classes:
            return f"always {self.classes[int(np.argmax(self.trivial))]!r}"
        return f"always the mean, {self.trivial[0]:.6g}"

    def describe(self) -> str:
        """One line for people."""
        if self.classes:
            more = ", ..." if len(self.classes) > 10 else ""
            return f"{self.name}: {self.kind}, classes {', '.join(self.classes[:10])}{more}"
        return f"{self.name}: number, minus {self.center:.6g}, divided by {self.scale:.6g}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values under the names of the attributes."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self.__dict__.items()}

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The inverse of `to_json`; raises ModelFileError."""
        read = partial(read_field, document, "target")
        name, kind, dtype = (read(key, str) for key in ("name", "kind", "dtype"))
        classes, trivial = (read(key, list) for key in ("classes", "trivial"))
        center, scale = (read(key, float) for key in ("center", "scale"))
        texts = all(isinstance(name, str) for name in classes) and len(set(classes)) == len(classes)
        numbers = all(type(x) in (int, float) and abs(x) <= sys.float_info.max for x in trivial)
        counts = {"regression": len(classes) == 0, "binary": len(classes) == 2, "multiclass": len(classes) >= 2}
        if kind not in get_args(TaskKind) or not counts[kind] or dtype not in _DTYPES or not texts:
            raise ModelFileError(f"target: expected a task with its classes, found {kind[:40]!r} with {len(classes)}")
        if not numbers or len(trivial) != max(1, len(classes)) or scale <= 0:
            raise ModelFileError("target: expected a mean or the share of each class, and a positive scale")
        _check_castable(classes, dtype)
        return cls(name, kind, dtype, tuple(classes), center, scale, tuple(map(float, trivial)))


def _check_castable(classes: list[str], dtype: str) -> None:
    """Refuse class names that cannot be given back in the type of the target column."""
    if dtype == "boolean":
        fits = set(classes) <= {"true", "false"}
    else:
        fits = not pl.Series(classes, dtype=pl.String).cast(_DTYPES[dtype], strict=False).has_nulls()
    if not fits:
        raise ModelFileError(f"target: expected classes of type {dtype}, found {', '.join(classes)[:80]!r}")
