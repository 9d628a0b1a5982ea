"""From scikit-learn's parameters to a network, a plan and a training: what both MLP estimators share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from ..arrays import Array
from ..engines import Data
from ..engines.threads import usable_threads
from ..equations import ACTIVATIONS, INITIALIZERS, LOSSES
from ..errors import InvalidOption, warn
from ..network import Network
from ..run import Plan
from .base import Views
from .trained import TrainedEstimator


class BaseMLP(TrainedEstimator):
    """What classifier and regressor share: from parameters to a network, a plan, and a training."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TrainedEstimator._parameter_constraints,
        "loss": [str],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str, list, tuple],
        "output_activation": [str],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "initializer": [str],
    }

    @abstractmethod
    def _loss_and_output(self) -> tuple[str, str]:
        """Texts that choose the loss and the output activation."""

    # from parameters to a network and a plan

    def _hidden(self) -> list[int]:
        sizes = list(self.hidden_layer_sizes) if np.iterable(self.hidden_layer_sizes) else [self.hidden_layer_sizes]
        if not all(isinstance(size, Real) for size in sizes):
            raise InvalidOption(f"expected hidden_layer_sizes as whole numbers, one a hidden layer, found {sizes}")
        if any(size <= 0 for size in sizes):
            raise InvalidOption(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes

    def _sizes(self, n_features: int, n_outputs: int) -> list[int]:
        return [n_features, *self._hidden(), n_outputs]

    def _dropout(self) -> float | list[float]:
        if not np.iterable(self.dropout):
            return float(self.dropout)
        rates = list(self.dropout)
        if not all(isinstance(rate, Real) for rate in rates):
            raise InvalidOption(f"expected dropout as numbers, one a hidden layer, found {rates}")
        return rates

    def _make_network(
        self, n_features: int, n_outputs: int, seed: int, dtype: Any, *, initializer: str | None = None
    ) -> Network:
        hidden = self._hidden()
        given = self.activation
        activations = [given] * len(hidden) if isinstance(given, str) else list(given)
        loss, output = self._loss_and_output()
        if len(activations) != len(hidden):
            raise InvalidOption(
                f"expected one activation, or a list of {len(hidden)}, one a hidden layer, found {len(activations)}"
            )
        return Network.create(
            [n_features, *hidden, n_outputs],
            [*activations, output],
            loss,
            dropout=self._dropout(),
            initializer=initializer or self.initializer,
            seed=seed,
            dtype=dtype,
        )

    def _network_as_asked(self) -> Network:
        network = self.network_
        asked = self._make_network(network.n_features, network.sizes[-1], 0, network.theta.dtype, initializer="zeros")
        if asked.n_parameters != network.n_parameters:
            raise InvalidOption(
                f"warm_start and partial_fit go on with the {network.n_parameters} parameters of {network}, "
                f"found an activation that makes them {asked.n_parameters}"
            )
        return asked.with_theta(network.theta)

    def _make_plan(self, data: Data) -> Plan:
        n_samples = len(data)
        batch_size = 200 if self.batch_size == "auto" else self.batch_size
        if self.batch_size != "auto" and batch_size > n_samples:
            warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
        return Plan(
            optimizer=self._make_optimizer(),
            schedule=self._make_schedule(),
            learning_rate=float(self.learning_rate_init),
            epochs=self.max_iter,
            batch_size=min(int(batch_size), n_samples),
            shuffle=self.shuffle,
            penalties=self._penalties(),
            tol=self.tol,
            max_fun=self.max_fun,
            threads=usable_threads(self.n_jobs),
        )

    def _check_choices(self) -> None:
        super()._check_choices()
        loss, output = self._loss_and_output()
        LOSSES.choose(loss)
        for name in [output, *([self.activation] if isinstance(self.activation, str) else self.activation)]:
            ACTIVATIONS.choose(name)
        if self.initializer != "auto":
            INITIALIZERS.choose(self.initializer)
        self._hidden()

    # what scikit-learn's estimators show

    @property
    def coefs_(self) -> list[Array]:
        """Weights of each layer, (n_in, n_out): the transposes of ``network_.W[l]``, views on the parameters."""
        return Views(W.T for W in self._fitted().W.values())

    @coefs_.setter
    def coefs_(self, values: Sequence[Array]) -> None:
        _copy_into(self.coefs_, values, "coefs_")

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of each layer, (n_out,): views on the parameters."""
        return Views(self._fitted().b.values())

    @intercepts_.setter
    def intercepts_(self, values: Sequence[Array]) -> None:
        _copy_into(self.intercepts_, values, "intercepts_")

    @property
    def best_loss_(self) -> float | None:
        """The lowest cost of an epoch; None with early stopping."""
        return None if self.early_stopping else min(self.loss_curve_, default=None)

    @property
    def validation_scores_(self) -> list[float] | None:
        """Score on the validation set after each epoch; None without one."""
        return self._recorded("validation_score")

    @property
    def best_validation_score_(self) -> float | None:
        """The best of `validation_scores_`."""
        scores = self.validation_scores_
        return None if scores is None else float(np.nanmax(scores))

    @property
    def n_layers_(self) -> int:
        """Number of layers, the input counted."""
        return len(self._fitted().sizes)

    @property
    def n_outputs_(self) -> int:
        """Number of units of the last layer."""
        return self._fitted().sizes[-1]

    @property
    def out_activation_(self) -> str:
        """Name of the output activation, scikit-learn's where it has one."""
        name = self._fitted().layers[-1].activation.name
        return "logistic" if name == "sigmoid" else name


def _copy_into(views: list[Array], values: Sequence[Array], name: str) -> None:
    """Overwrite the parameters that `views` show; nothing is changed unless every shape fits."""
    arrays = [np.asarray(value) for value in values]
    expected, found = [view.shape for view in views], [array.shape for array in arrays]
    if found != expected:
        raise InvalidOption(f"expected {name} of the shapes {expected}, found {found}")
    if not all(array.dtype.kind in "fiu" and np.isfinite(array).all() for array in arrays):
        raise InvalidOption(f"expected finite numbers as {name}, found something else")
    for view, array in zip(views, arrays, strict=True):
        view[...] = array
