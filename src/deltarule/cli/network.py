"""A network and some samples, as the commands `trace` and `check` are told of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from deltarule.cli.numbers import (
    one_number,
    penalties,
    read_sizes,
    row_numbers,
    rows_of_numbers,
    set_weights,
    split_outside,
)

if TYPE_CHECKING:
    from deltarule.network import Network

_MODEL, _NETWORK, _STEP = "Model and table", "Network", "Update"

Model = Annotated[str | None, typer.Argument(metavar="MODEL", help="A model file; else describe a network.")]
Table = Annotated[str | None, typer.Argument(metavar="TABLE", help="Its rows; - reads standard input.")]
Row = Annotated[
    str | None, typer.Option(metavar="N", help="Rows of TABLE, from 1: 3, or 3,7, or 1-4.", rich_help_panel=_MODEL)
]
Target = Annotated[
    str | None,
    typer.Option("--target", "-t", metavar="COLUMN", help="Of a model saved from Python.", rich_help_panel=_MODEL),
]
Layers = Annotated[
    str | None, typer.Option(metavar="SIZES", help="Inputs and units, such as 2-3-1.", rich_help_panel=_NETWORK)
]
Activations = Annotated[
    str | None,
    typer.Option("--activation", metavar="NAMES", help="One a layer: relu,sigmoid.", rich_help_panel=_NETWORK),
]
LossName = Annotated[
    str | None,
    typer.Option("--loss", metavar="NAME", help="By default what goes with the output.", rich_help_panel=_NETWORK),
]
Xs = Annotated[
    str | None, typer.Option("--x", metavar="X", help="Samples: 1,2 or '1,2;3,4'.", rich_help_panel=_NETWORK)
]
Ys = Annotated[
    str | None,
    typer.Option("--y", metavar="Y", help="Targets: 1 or '1;0'; classes from 0.", rich_help_panel=_NETWORK),
]
Weights = Annotated[
    str | None,
    typer.Option(metavar="FILE|SEED", help="JSON or YAML with W1, b1, ...; or a seed.", rich_help_panel=_NETWORK),
]
Dropout = Annotated[
    str, typer.Option(metavar="RATES", help="Of the hidden layers: 0.2 or 0.2,0.5.", rich_help_panel=_NETWORK)
]
Module = Annotated[
    str | None,
    typer.Option(metavar="FILE.py", help="Activations and losses of your own: g and d_g.", rich_help_panel=_NETWORK),
]
SampleWeights = Annotated[
    str | None, typer.Option(metavar="W", help="Weights of the samples: 1,2.", rich_help_panel=_STEP)
]
Alpha = Annotated[str, typer.Option(metavar="RATE", help="Learning rate.", rich_help_panel=_STEP)]
Optimizer = Annotated[str, typer.Option(metavar="NAME", help="Such as adam(beta_1=0.8).", rich_help_panel=_STEP)]
Penalty = Annotated[
    list[str] | None, typer.Option(metavar="NAME=STRENGTH", help="Such as l2=0.1.", rich_help_panel=_STEP)
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Of weights and dropout masks.", rich_help_panel=_STEP)]


@dataclass
class Case:
    """A network with samples: `y` and `w` may be missing."""

    network: Network
    X: Any
    y: Any = None
    w: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """The options as they were given."""

    model: str | None
    table: str | None
    row: str | None
    target: str | None
    layers: str | None
    activation: str | None
    loss: str | None
    x: str | None
    y: str | None
    weights: str | None
    dropout: str
    module: str | None
    sample_weights: str | None
    alpha: str
    optimizer: str
    penalty: list[str] | None
    seed: int

    @classmethod
    def among(cls, options: Mapping[str, Any]) -> Self:
        """Those among all options of a command, by their names."""
        return cls(**{option.name: options[option.name] for option in fields(cls)})

    def case(self, *, samples: bool = True) -> Case:
        """The network and the samples that were described; without `x`, some by chance, unless `samples` are needed.

        Raises
        ------
        InvalidOption, DataError, UnknownName
        """
        from deltarule.cli.own import read_module
        from deltarule.errors import InvalidOption

        own = read_module(self.module) if self.module else {}
        if self.model is not None:
            found = self._from_file()
        else:
            if self.layers is None:
                raise InvalidOption(
                    "expected a model file and a table, or a network, found neither",
                    "describe one: --layers 2-3-1 --activation relu,sigmoid --x 1,2 --y 1",
                )
            found = self._from_options(samples)
        found.own = own
        found.options = {
            "alpha": one_number("--alpha", self.alpha),
            "optimizer": self.optimizer,
            "penalties": penalties(self.penalty or []),
            "seed": self.seed,
        }
        return found

    def _from_options(self, samples: bool) -> Case:
        from deltarule.engines import Network
        from deltarule.errors import InvalidOption

        for name, value in (("TABLE", self.table), ("--row", self.row), ("--target", self.target)):
            if value is not None:
                raise InvalidOption(f"expected {name} together with a model file, found it with --layers")
        sizes = read_sizes(self.layers or "")
        activations = split_outside(self.activation or "")
        if len(activations) != len(sizes) - 1:
            raise InvalidOption(
                f"expected {len(sizes) - 1} activations, one a layer, found {len(activations)}",
                f"such as --activation {','.join(['relu'] * (len(sizes) - 2) + ['sigmoid'])}",
            )
        rates = [one_number("--dropout", rate) for rate in split_outside(self.dropout)]
        seed = self.seed
        from_seed = self.weights is not None and self.weights.isdigit() and not Path(self.weights).exists()
        if from_seed:
            seed = int(self.weights or 0)
        network = Network.create(
            sizes,
            activations,
            self.loss or natural_loss(activations[-1]),
            dropout=rates[0] if len(rates) == 1 else rates,
            initializer="glorot_uniform" if len(sizes) == 2 else "auto",  # zeros have nothing to show
            seed=seed,
        )
        if self.weights is not None and not from_seed:
            set_weights(network, self.weights)
        if self.x is None and not samples:
            return by_chance(network, seed)
        if self.x is None:
            raise InvalidOption("expected samples, found none", "such as --x 1,2 --y 1, or --x '1,2;3,4' --y '1;0'")
        X = rows_of_numbers("--x", self.x)
        y = None if self.y is None else targets(rows_of_numbers("--y", self.y), len(X))
        w = None
        if self.sample_weights is not None:
            w = [value for row in rows_of_numbers("--sample-weights", self.sample_weights) for value in row]
        return Case(network, X, y, w)

    def _from_file(self) -> Case:
        from deltarule.errors import InvalidOption

        described = {
            "--layers": self.layers, "--activation": self.activation, "--loss": self.loss, "--x": self.x,
            "--y": self.y, "--weights": self.weights, "--sample-weights": self.sample_weights,
        }  # fmt: skip
        for name, value in described.items():
            if value is not None:
                raise InvalidOption(f"expected a model file or a network of options, found MODEL and {name}")
        if self.table is None:
            raise InvalidOption("expected the table whose rows are to be shown, found a model file alone", "name it")
        return from_model(str(self.model), self.table, self.row or "1", self.target)


def from_model(path: str, table: str, rows: str, target: str | None) -> Case:
    """The network in a model file, and rows of a table as it takes them."""
    import numpy as np

    from deltarule.cli.output import note
    from deltarule.errors import DataError
    from deltarule.tabular import read_table
    from deltarule.tabular.load import load
    from deltarule.tabular.model import TabularModel
    from deltarule.tabular.named import named_samples
    from deltarule.tabular.rows import rows_of
    from deltarule.tabular.wording import near_matches

    model, frame = load(path), read_table(table)
    index = row_numbers(rows, len(frame))
    notes: list[str] = []
    if target is not None and target not in frame.columns:
        raise DataError(f"the target column {target!r} is not in the table", near_matches(target, frame.columns))
    with rows_of(index):
        frame = frame[index]
        if isinstance(model, TabularModel):
            X, y = model.samples(frame, notes)
            estimator = model.estimator
        else:
            chosen, labels = named_samples(model, frame, [] if target is None else [target], notes)
            X, y = np.asarray(chosen, float), None if labels is None else encoded(model, labels)
            estimator = model
    for text in notes:
        note(text)
    if len(index) > 1:
        note(f"examples 1 to {len(index)} are the rows {rows} of {table}")
    if y is None:
        note("the table has no target column: only the forward pass can be shown")
    return Case(estimator.network_, X, y)


def encoded(estimator: Any, y: Any) -> Any:
    """A target column as the network of an estimator takes it."""
    encoding = getattr(estimator, "_encoding", None)
    return y if encoding is None else encoding.encode(y, float)


def natural_loss(output: str) -> str:
    """The loss whose output activation this one is by default; else the squared error."""
    from deltarule.equations import ACTIVATIONS, LOSSES

    name = ACTIVATIONS.choose(output).name
    found = [loss.name for loss in LOSSES.values() if loss.output == name]
    return found[0] if found else "squared_error"


def targets(rows: list[list[float]], m: int) -> Any:
    """Targets as `trace` takes them: for `m` samples ``1,0`` means the same as ``1;0``."""
    flat = [value for row in rows for value in row]
    if len(rows) == 1 < m == len(flat):
        return flat
    return flat if len(rows[0]) == 1 else rows


def by_chance(network: Network, seed: int) -> Case:
    """Eight samples by chance, with targets that the loss takes."""
    import numpy as np

    rng = np.random.default_rng(seed)
    X = rng.normal(size=(8, network.n_features))
    n_out = network.sizes[-1]
    if network.loss.domain == "simplex":
        return Case(network, X, np.eye(n_out)[rng.integers(n_out, size=8)])
    return Case(network, X, rng.uniform(0.05, 0.95, (8, n_out)))
