"""Dense neural networks with scikit-learn's interface: `MLPClassifier` and `MLPRegressor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from ..arrays import Array, in_precision
from ..equations import ACTIVATIONS, LOSSES, OPTIMIZERS
from ..errors import DataError, InvalidOption
from .base import store
from .base_mlp import BaseMLP
from .classes import PROBABILITIES, ClassTargets
from .documentation import with_parameters
from .targets import LabelEncoding, dense


def _takes_partial_fit(estimator: Any) -> bool:
    if OPTIMIZERS.choose("nesterov" if estimator.solver == "sgd" else estimator.solver).full_batch:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


@with_parameters
class MLPClassifier(ClassifierMixin, ClassTargets, BaseMLP):
    """A dense neural network that tells classes apart: binary, multiclass or multilabel.

    A drop-in replacement of ``sklearn.neural_network.MLPClassifier``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from deltarule import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier((64,), activation="gelu", dropout=0.1, max_iter=20, random_state=0, early_stopping=True)
    >>> bool(model.fit(X / 16, y).score(X / 16, y) > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    fewest_classes: ClassVar[int] = 1

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int | str = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str | Callable[..., float] = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: str = "log_loss",
        output_activation: str = "auto",
        class_weight: Mapping[Any, float] | str | None = None,
        l1: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        initializer: str = "glorot_uniform_with_biases",
        callbacks: Sequence[Any] | None = None,
        engine: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        store(self, locals())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _loss_and_output(self) -> tuple[str, str]:
        one_hot = not self._encoding.multilabel and self._encoding.n_outputs > 1
        name, parenthesis, options = self.loss.partition("(")
        if name.strip() == "log_loss":
            name = "categorical_cross_entropy" if one_hot else "binary_cross_entropy"
        output = ("softmax" if one_hot else "sigmoid") if self.output_activation == "auto" else self.output_activation
        if ACTIVATIONS.choose(output).range not in PROBABILITIES:
            fit = ", ".join(name for name, entry in ACTIVATIONS.items() if entry.range in PROBABILITIES)
            raise InvalidOption(f"expected an output activation that gives probabilities ({fit}), found {output!r}")
        return name + parenthesis + options, output

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Sequence[Any] | None = None) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like or sparse matrix (m, n_x)
        y : (m,) labels, or (m, K) indicator matrix
        sample_weight : (m,), optional
            A weight of zero is the same as leaving the sample out, but for its class, which stays known.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after each epoch; what early stopping looks at, instead of a part of the training data.

        Raises
        ------
        ValueError
            For data or parameters that cannot be used; for values that cease to be finite, with layer and step.
        """
        self._validate_params()
        return self._fit(X, y, sample_weight, validation_data)

    @available_if(_takes_partial_fit)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch over (m, n_x) samples, going on from where the model stands.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : (K,), optional
            All classes there will ever be; needed at the first call.
        """
        self._validate_params()
        if self.class_weight == "balanced":
            raise InvalidOption(
                "class_weight='balanced' needs all the data, found partial_fit", "give the weights as a dict"
            )
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def _learn_classes(self, y: Any, classes: Any) -> None:
        if not hasattr(self, "classes_"):
            if classes is None:
                raise DataError("classes must be passed on the first call to partial_fit.")
            self._encoding = LabelEncoding.of(dense(y), classes, fewest=self.fewest_classes)
            self.classes_ = self._encoding.classes
        elif classes is not None and not np.array_equal(self.classes_, np.unique(np.asarray(classes))):
            raise DataError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
            )


@with_parameters
class MLPRegressor(RegressorMixin, BaseMLP):
    """A dense neural network that predicts numbers, one or several.

    A drop-in replacement of ``sklearn.neural_network.MLPRegressor``.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from deltarule import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor("huber", (32,), "tanh", solver="lbfgs", alpha=1.0, random_state=0, max_iter=100)
    >>> bool(model.fit(20 * X, y / 100).score(20 * X, y / 100) > 0.5)
    True
    """

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int | str = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str | Callable[..., float] = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        output_activation: str = "auto",
        l1: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        initializer: str = "glorot_uniform_with_biases",
        callbacks: Sequence[Any] | None = None,
        engine: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        store(self, locals())

    def _check_X_y(self, X: Any, y: Any, *, reset: bool, **options: Any) -> tuple[Array, Array]:
        X, y = super()._check_X_y(X, y, reset=reset, y_numeric=True, **options)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _encode(self, y: Array, dtype: Any) -> Array:
        return in_precision(np.asarray(y), dtype).reshape(len(y), -1)

    def _loss_and_output(self) -> tuple[str, str]:
        loss = LOSSES.choose(self.loss)
        return self.loss, loss.output if self.output_activation == "auto" else self.output_activation

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Sequence[Any] | None = None) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like or sparse matrix (m, n_x)
        y : (m,) or (m, n_L)
        sample_weight : (m,), optional
            A weight of zero is the same as leaving the sample out.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after each epoch; what early stopping looks at, instead of a part of the training data.

        Raises
        ------
        ValueError
            For data or parameters that cannot be used; for values that cease to be finite, with layer and step.
        """
        self._validate_params()
        return self._fit(X, y, sample_weight, validation_data)

    @available_if(_takes_partial_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over (m, n_x) samples, going on from where the model stands; arguments as for `fit`."""
        self._validate_params()
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Predictions (m,), or (m, n_L) for several targets, for `X` (m, n_x)."""
        output = self._outputs(X)
        return output.ravel() if output.shape[1] == 1 else output
