"""What a linear model keeps of its errors: a factor of their covariance and a few sums, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..equations.design import Dependence, Rows
from ..equations.inference import KINDS, MEANINGS, Fit
from ..errors import InvalidOption, ModelFileError
from ..fields import read_list, read_number, read_object, read_whole, refuse

MOST_NAMES = 10
"""Of columns in a message."""


def listed(names: Sequence[str]) -> str:
    """Names of columns in a message: the first of them, if they are many."""
    return ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")


@dataclass(frozen=True)
class Refusal:
    """Why there are no errors, and what to do about it; "COLUMNS" in the message stands for the names of `columns`."""

    message: str
    hint: str
    columns: tuple[int, ...] = ()

    def told(self, names: list[str]) -> str:
        """The message with the columns by name."""
        return self.message.replace("COLUMNS", listed([names[j] for j in self.columns]))

    def found(self, names: list[str]) -> str:
        """The part of the message that says what was found, with the columns by name."""
        return self.told(names).partition("found ")[2]

    def error(self, names: list[str]) -> InvalidOption:
        """To be raised where errors are indispensable."""
        return InvalidOption(self.told(names), self.hint)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"message": self.message, "hint": self.hint, "columns": list(self.columns)}

    @classmethod
    def from_json(cls, document: Any, n_features: int) -> Refusal:
        """The inverse of `to_json`; raises ModelFileError."""
        found = read_object(document, "refusal", ("message", "hint", "columns"))
        if not (isinstance(found["message"], str) and isinstance(found["hint"], str)):
            refuse("refusal", "two texts", document)
        return cls(found["message"], found["hint"], _places(found["columns"], "refusal columns", n_features))


@dataclass(frozen=True)
class Profile:
    """Of Firth's likelihood: ends of the intervals of each weight (p,), in the units of the columns, and p-values."""

    level: float
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    p: tuple[float, ...]


@dataclass(frozen=True)
class Inference:
    """Errors of a fitted linear model, and how well it fits.

    Attributes
    ----------
    kind : {"classical", "HC0", "HC1", "HC2", "HC3", "cluster"}
    meaning : {"precision", "frequency"}
        Of the sample weights.
    weighted : bool
        Whether there were any.
    n_rows, n_clusters : int
    n_observations : float
        Rows, or the sum of their frequencies.
    factor : (k, p, p), or (1, q p, q p) for classes
        ``F`` of the covariance ``F Fᵀ`` of the weights of standardized columns, the intercept first.
    fit : Fit
    columns : (2, n)
        Mean and scale of the columns.
    correlations : (n,)
        Of each column with the target, to know columns again.
    target : (2, k)
        Mean and deviation of the target.
    condition : tuple of two floats
        Of the columns as they are and standardized.
    doubtful : tuple of int
        Columns that nearly depend on each other.
    penalized_likelihood : float or None
        Of Firth's method.
    profile : Profile or None
    """

    kind: str
    meaning: str
    weighted: bool
    n_rows: int
    n_observations: float
    n_clusters: int
    factor: Array
    fit: Fit
    columns: Array
    correlations: Array
    target: Array
    condition: tuple[float, float]
    doubtful: tuple[int, ...]
    penalized_likelihood: float | None = None
    profile: Profile | None = None

    @classmethod
    def of(
        cls,
        rows: Rows,
        found: Dependence,
        factor: Array,
        fit: Fit,
        *,
        n_observations: float,
        kind: str = "classical",
        meaning: str = "precision",
        n_clusters: int = 0,
    ) -> Inference:
        """From what is remembered of the rows, how the columns depend on each other, factor and fit."""
        return cls(
            kind=kind,
            meaning=meaning,
            n_observations=n_observations,
            n_clusters=n_clusters,
            factor=factor,
            fit=fit,
            condition=(found.condition, found.standardized),
            doubtful=tuple(map(int, np.flatnonzero(found.nearly))),
            **rows._asdict(),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything but the factor, which is an array of the model file."""
        return {
            "kind": self.kind,
            "meaning": self.meaning,
            "weighted": self.weighted,
            "n_rows": self.n_rows,
            "n_observations": self.n_observations,
            "n_clusters": self.n_clusters,
            "fit": {name: values.tolist() for name, values in self.fit._asdict().items()},
            "columns": self.columns.tolist(),
            "correlations": self.correlations.tolist(),
            "target": self.target.tolist(),
            "condition": list(self.condition),
            "doubtful": list(self.doubtful),
            "penalized_likelihood": self.penalized_likelihood,
            "profile": None
            if self.profile is None
            else {"level": self.profile.level, **{end: list(getattr(self.profile, end)) for end in ENDS}},
        }

    @classmethod
    def from_json(cls, document: Any, factor: Array, n_features: int, n_targets: int) -> Inference:
        """The inverse of `to_json`, for a model of so many columns and targets; raises ModelFileError."""
        found = read_object(document, "inference", FIELDS)
        for name, known in (("kind", KINDS), ("meaning", MEANINGS)):
            if found[name] not in known:
                refuse(name, f"one of {', '.join(known)}", found[name])
        fits = read_object(found["fit"], "fit", Fit._fields)
        fit = Fit(*(_row(fits[name], f"fit {name}") for name in Fit._fields))
        if len({len(values) for values in fit}) != 1:
            refuse("fit", "as many values of each kind", found["fit"])
        doubtful = _places(found["doubtful"], "doubtful", n_features)
        columns = _rows(found["columns"], "columns", 2, n_features)
        if not (columns[1] > 0).all():
            refuse("columns", "positive scales", found["columns"])
        condition = _row(found["condition"], "condition", 2)
        likelihood = found["penalized_likelihood"]
        if type(found["weighted"]) is not bool:
            refuse("weighted", "true or false", found["weighted"])
        return cls(
            kind=found["kind"],
            meaning=found["meaning"],
            weighted=found["weighted"],
            n_rows=read_whole(found["n_rows"], "n_rows", lowest=1),
            n_observations=read_number(found["n_observations"], "n_observations"),
            n_clusters=read_whole(found["n_clusters"], "n_clusters"),
            factor=factor,
            fit=fit,
            columns=columns,
            correlations=_row(found["correlations"], "correlations", n_features),
            target=_rows(found["target"], "target", 2, n_targets),
            condition=(float(condition[0]), float(condition[1])),
            doubtful=doubtful,
            penalized_likelihood=None if likelihood is None else read_number(likelihood, "penalized_likelihood"),
            profile=_profile(found["profile"]),
        )


ENDS = ("lower", "upper", "p")
FIELDS = tuple(name for name in Inference.__dataclass_fields__ if name != "factor")


def _profile(document: Any) -> Profile | None:
    if document is None:
        return None
    found = read_object(document, "profile", ("level", *ENDS))
    ends = [tuple(map(float, _row(found[end], f"profile {end}"))) for end in ENDS]
    return Profile(read_number(found["level"], "profile level"), *ends)


def _places(values: Any, where: str, n_features: int) -> tuple[int, ...]:
    found = tuple(read_list(values, where, int))
    if any(not 0 <= j < n_features for j in found):
        refuse(where, f"columns below {n_features}", values)
    return found


def _row(values: Any, where: str, length: int | None = None) -> Array:
    if not isinstance(values, list) or (length is not None and len(values) != length):
        refuse(where, "a list of numbers", values)
    return np.array([read_number(value, where) for value in values])


def _rows(values: Any, where: str, height: int, width: int) -> Array:
    if not isinstance(values, list) or len(values) != height:
        refuse(where, f"{height} lists of {width} numbers", values)
    return np.stack([_row(row, where, width) for row in values])


def restore(
    fields: Mapping[str, Any], arrays: Mapping[str, Array], n_features: int, n_targets: int, shape: tuple[int, ...]
) -> Inference | Refusal:
    """What a model file says of errors; `shape` is that of the factor."""
    document, F = fields.get("inference"), arrays.get("factor")
    if (F is None) == (isinstance(document, Mapping) and "kind" in document):
        raise ModelFileError("expected a factor of the covariance and what belongs to it, found one without the other")
    if F is None:
        return Refusal.from_json(document, n_features)
    if F.shape != shape or F.dtype != np.float64 or not np.isfinite(F).all():
        raise ModelFileError(f"factor: expected finite float64 of shape {shape}, found {F.dtype} {F.shape}")
    return Inference.from_json(document, F, n_features, n_targets)
