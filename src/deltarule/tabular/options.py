"""What can be asked for when a model is trained on a table, each value checked before any work is done."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from deltarule.equations import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES
from deltarule.errors import InvalidOption, UnknownName
from deltarule.tabular.advice import FIRTH
from deltarule.tabular.scaling import SCALES

TASKS = ("auto", "regression", "binary", "multiclass")
MODELS = ("auto", "linear", "logistic", "mlp")
CLASS_WEIGHTS = ("none", "balanced")

MOST_EPOCHS = 10**9
MOST_UNITS = 10**6
"""In one hidden layer; beyond, a mistyped size is likelier than a wish."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that can be chosen; None, "auto" and empty leave the choice to the program.

    Attributes
    ----------
    task : {"auto", "regression", "binary", "multiclass"}
    model : {"auto", "linear", "logistic", "mlp"}
        "auto" keeps the better one of the mlp and the simple model, see `deltarule.tabular.choice`.
    hidden : tuple of int
        Units of each hidden layer; only for an mlp, as are `activation` and `dropout`.
    activation, loss, optimizer, schedule : str
        Entries of the registers, with options: ``"leaky_relu(slope=0.2)"``. Activations may be several, one a hidden
        layer, separated by commas.
    learning_rate, epochs, batch_size, patience : number
        `patience`: epochs without a lower validation loss before training ends.
    dropout : float
        Share of each hidden layer's outputs dropped while training.
    l1, l2 : float
        Strengths of the penalties.
    class_weight : {"none", "balanced"}
        "balanced" gives every class the same total weight.
    drop, categorical, numeric : tuple of str
        Columns left out, or used as categories or numbers whatever they look like.
    weights : str
        The column of the sample weights.
    seed : int
        Of split, first weights, order of the samples and dropout.
    engine : str
    split : tuple of three floats
        Shares of training, validation and test. A linear or logistic model trains on the first two together.
    scale : {"standard", "robust", "none"}
    formula : str
        The right side of a formula, such as ``"x + C(group)"``, for a linear or logistic model.

    Raises
    ------
    InvalidOption, UnknownName
        For a value that an option does not take.
    """

    task: str = "auto"
    model: str = "auto"
    hidden: tuple[int, ...] | None = None
    activation: str | None = None
    loss: str = "auto"
    optimizer: str = "auto"
    learning_rate: float | None = None
    schedule: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    patience: int | None = None
    dropout: float = 0.0
    l1: float = 0.0
    l2: float | None = None
    class_weight: str = "none"
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    weights: str | None = None
    seed: int = 0
    engine: str = "auto"
    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    scale: str = "standard"
    formula: str | None = None

    def __post_init__(self) -> None:
        _one_of("task", self.task, TASKS)
        _one_of("model", self.model, MODELS)
        _one_of("scale", self.scale, SCALES)
        _one_of("class_weight", self.class_weight, CLASS_WEIGHTS)
        if self.hidden is not None:
            self._check_hidden(self.hidden)
        for name in ("activation", "schedule", "weights", "formula"):
            _text(name, getattr(self, name), optional=True)
        for name in ("loss", "optimizer", "engine"):
            _text(name, getattr(self, name))
        for name in ("drop", "categorical", "numeric"):
            _columns(name, getattr(self, name))
        self._check_split()
        _positive("learning_rate", self.learning_rate)
        _whole("epochs", self.epochs, 1, MOST_EPOCHS, optional=True)
        _whole("batch_size", self.batch_size, 1, 2**62, optional=True)
        _whole("patience", self.patience, 1, MOST_EPOCHS, optional=True)
        _whole("seed", self.seed, 0, 2**32 - 1)
        if not _is_number(self.dropout) or not 0 <= self.dropout < 1:
            raise InvalidOption(f"expected dropout from 0 to below 1, found {self.dropout!r}")
        for name, strength in (("l1", self.l1), ("l2", self.l2)):
            if strength is not None and not (_is_number(strength) and 0 <= strength < math.inf):
                raise InvalidOption(f"expected {name} to be a number from 0, found {strength!r}")
        self._check_names()
        if self.formula is not None:
            self._check_formula()

    def _check_hidden(self, hidden: Any) -> None:
        if not isinstance(hidden, Sequence) or isinstance(hidden, str):
            raise InvalidOption(f"expected hidden to be the units of each layer, found {hidden!r}", "such as (64, 32)")
        if not hidden:
            raise InvalidOption("expected the units of at least one hidden layer, found none", "such as 64,32")
        for units in hidden:
            _whole("hidden", units, 1, MOST_UNITS)

    def _check_split(self) -> None:
        split: Any = self.split
        if not isinstance(split, Sequence) or len(split) != 3 or not all(map(_is_number, split)):
            raise InvalidOption(
                f"expected split to be three shares, of training, validation and test, found {split!r}",
                "such as (0.7, 0.15, 0.15)",
            )

    def _check_formula(self) -> None:
        """A formula says by itself which columns are used, and as what."""
        if self.model == "mlp":
            raise InvalidOption("expected --model linear or logistic for a formula, found mlp", "leave one of them out")
        for name in ("drop", "categorical", "numeric", "scale"):
            if name in self.changed():
                raise InvalidOption(
                    f"expected no --{name} beside a formula, which says which columns are used and as what, found one",
                    "write C(column) for categories, log(column), I(column / 10)",
                )

    def _check_names(self) -> None:
        """Every name must be known, even where it will not be used."""
        for name in self.activations:
            _hidden_activation(name)
        if self.loss not in ("auto", "log_loss"):
            LOSSES.choose(self.loss)
        if self.optimizer == "sgd":
            raise UnknownName(
                f"expected one of the known optimizer names ({', '.join(OPTIMIZERS)}), found 'sgd'",
                "it steps on one batch after the other, as gradient_descent, momentum and nesterov do here",
            )
        if self.optimizer not in ("auto", FIRTH):
            OPTIMIZERS.choose(self.optimizer)
        if self.schedule is not None:
            SCHEDULES.choose(self.schedule)

    @property
    def activations(self) -> tuple[str, ...]:
        """The activations asked for, split at the commas that do not stand in parentheses."""
        return () if self.activation is None else tuple(map(str.strip, re.split(r",(?![^(]*\))", self.activation)))

    def changed(self) -> dict[str, Any]:
        """The options that differ from their defaults, as plain values."""
        pairs = ((field.name, getattr(self, field.name), field.default) for field in dataclasses.fields(self))
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value, default in pairs
            if value != default
        }


def _hidden_activation(name: str) -> None:
    """Refuse what no hidden layer takes; the names listed are those that it takes."""
    known = ", ".join(key for key, entry in ACTIVATIONS.items() if not entry.output_only)
    try:
        only_output = ACTIVATIONS.choose(name).output_only
    except UnknownName as error:
        raise UnknownName(f"expected an activation of hidden layers ({known}), found {name!r}", error.hint) from None
    if only_output:
        raise InvalidOption(f"expected an activation of hidden layers ({known}), found {name!r}, one of output layers")


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidOption(f"expected {name} to be one of {', '.join(known)}, found {value!r}")


def _text(name: str, value: object, *, optional: bool = False) -> None:
    if not isinstance(value, str) and not (optional and value is None):
        raise InvalidOption(f"expected {name} to be a text, found {value!r}")


def _columns(name: str, value: object) -> None:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise InvalidOption(f"expected {name} to be names of columns, found {value!r}", "such as ('age', 'size')")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _whole(name: str, value: Any, low: int, high: int, *, optional: bool = False) -> None:
    if value is None and optional:
        return
    if not isinstance(value, Integral) or isinstance(value, bool) or not low <= int(value) <= high:
        raise InvalidOption(f"expected {name} to be a whole number from {low:,} to {high:,}, found {value!r}")


def _positive(name: str, value: Any) -> None:
    if value is not None and not (_is_number(value) and 0 < value < math.inf):
        raise InvalidOption(f"expected {name} to be a positive number, found {value!r}")
