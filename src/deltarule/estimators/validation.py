"""Samples that are not trained on: the user's own, or a part of the others, and what is measured on them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import InvalidParameterError

from .. import engines
from ..arrays import Array
from ..engines import Data
from ..engines.threads import usable_threads
from ..errors import DataError, InvalidOption, did_you_mean
from ..network import Network, check_shapes
from ..run import Validation
from .base import check_weights
from .scores import quick_score
from .targets import dense

if TYPE_CHECKING:
    from .trained import TrainedEstimator


class HeldOut(NamedTuple):
    """``X`` (m, n_x), targets `y` as the user knows them and `Y` (m, n_L) as the network does, weights (m,) or None."""

    X: Array
    y: Any
    Y: Array
    w: Array | None


def given_validation(estimator: TrainedEstimator, validation_data: Sequence[Any] | None) -> HeldOut | None:
    """The user's own."""
    if validation_data is None:
        return None
    if not isinstance(validation_data, Sequence) or len(validation_data) not in (2, 3):
        raise DataError("expected validation_data as (X, y) or (X, y, sample_weight), found something else")
    try:
        X, y = estimator._check_X_y(*validation_data[:2], reset=False)
        X = estimator._in_its_precision(X)
        y = dense(y)
        if is_classifier(estimator) and y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        w = check_weights(validation_data[2] if len(validation_data) == 3 else None, X)
        Y = estimator._encode_finite(y, X.dtype)
        check_shapes(estimator.network_, X, Y)
        estimator.network_.loss.check_targets(Y)
        X, y, w, Y = estimator._weigh(X, y, w, Y)
        if not len(Y):
            raise DataError("expected a sample whose class has a weight above zero, found none")
    except (TypeError, ValueError) as error:
        raise DataError(f"in validation_data: {error}") from error
    return HeldOut(X, y, Y, w)


def split(
    estimator: TrainedEstimator, X: Array, y: Array, Y: Array, w: Array | None, seed: int
) -> tuple[Data, HeldOut]:
    """What is trained on, and `validation_fraction` of the samples."""
    index = np.arange(X.shape[0])
    options = {"test_size": estimator.validation_fraction, "random_state": seed}
    n_validation = int(np.ceil(estimator.validation_fraction * len(index)))
    if is_classifier(estimator) and Y.shape[1] == 1:
        options["stratify"] = Y.astype(bool)
    elif _supports_stratification(estimator, y, n_validation):
        options["stratify"] = y
    kept, held = train_test_split(index, **options)
    if len(held) < 2:
        raise DataError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    data = Data(X, Y, w)
    validation = data.rows(held)
    return data.rows(kept), HeldOut(validation.X, dense(y[held]), validation.y, validation.w)


def make_validation(estimator: TrainedEstimator, held_out: HeldOut) -> Validation:
    """A function that measures the loss of a network on these samples, and the score that early_stopping names."""
    unnamed = isinstance(estimator.early_stopping, bool | np.bool_) or estimator.early_stopping == "validation_loss"
    scoring = None if unnamed else estimator.early_stopping
    X, y, Y, w = held_out
    data = Data(X, Y, w)
    try:
        scorer = check_scoring(estimator, scoring) if scoring is not None else None
    except InvalidParameterError:
        raise InvalidOption(
            f"expected early_stopping as True, False, 'validation_loss' or a scorer of scikit-learn, found {scoring!r}",
            did_you_mean(str(scoring), get_scorer_names()) or "sklearn.metrics.get_scorer_names() lists them",
        ) from None
    weights = {} if w is None or not _takes_weights(scorer or estimator.score) else {"sample_weight": w}
    quick = quick_score(estimator, y, w) if scorer is None else None
    bare, threads = estimator._bare(), usable_threads(estimator.n_jobs)
    engine = engines.choose(estimator.engine, estimator.network_, X)

    def measure(network: Network) -> dict[str, float]:
        bare.network_ = network
        J = engine.cost(network, data, threads=threads)
        if not np.isfinite(J):
            return {"validation_loss": np.nan, "validation_score": np.nan}
        score: Any = None if quick is None else quick(bare.predict(X))
        if score is None:
            score = bare.score(X, y, **weights) if scorer is None else scorer(bare, X, y, **weights)
        return {"validation_loss": J, "validation_score": _number(score, scoring)}

    return measure


def _takes_weights(scorer: Callable[..., float]) -> bool:
    """Whether a scorer can be given sample weights; a plain function ``(estimator, X, y)`` cannot."""
    function = getattr(scorer, "_score_func", scorer)  # a scorer that scikit-learn made promises more than its metric
    return "sample_weight" in inspect.signature(function).parameters


def _number(score: Any, scoring: Any) -> float:
    try:
        return float(score)
    except (TypeError, ValueError):
        raise InvalidOption(f"expected a number from early_stopping={scoring!r}, found {score!r}") from None


def _supports_stratification(estimator: Any, y: Array, n_validation: int) -> bool:
    """Whether every class of `y` (m,) can stand on both sides of a split."""
    if not is_classifier(estimator) or y.ndim != 1:
        return False
    counts = np.unique(y, return_counts=True)[1]
    return bool(counts.min() >= 2 and n_validation >= len(counts) and len(y) - n_validation >= len(counts))
