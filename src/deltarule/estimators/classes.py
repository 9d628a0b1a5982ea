"""What classifiers share: classes learned from labels, weights of the classes, labels and probabilities predicted."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from ..arrays import Array
from ..errors import DataError, InvalidOption
from .targets import LabelEncoding, dense
from .trained import TrainedEstimator

PROBABILITIES = ("(0, 1)", "[0, 1]", "simplex")
"""Ranges that the output activation of a classifier may have."""


def _class_weights(class_weight: Any, y: Array, w: Array | None) -> Array:
    """Weight of the class of each sample, (m,); "balanced" counts a sample as often as its weight `w` says."""
    if w is None or class_weight != "balanced":
        return compute_sample_weight(class_weight, y)
    by_class = np.ones(len(w))
    for labels in dense(y).reshape(len(w), -1).T:
        _, index = np.unique(labels, return_inverse=True)
        share = np.bincount(index, weights=w)
        by_class *= (share.sum() / (len(share) * share))[index]
    return by_class


class ClassTargets(TrainedEstimator):
    """The part of an estimator that makes it a classifier."""

    fewest_classes: ClassVar[int] = 2
    """A perceptron takes one class, too, as scikit-learn's does."""

    classes_: Array
    _encoding: LabelEncoding

    def _learn_target(self, y: Array, dtype: Any, *, fresh: bool, incremental: bool) -> Array:
        if fresh and not incremental:
            self._encoding = LabelEncoding.of(y, fewest=self.fewest_classes)
            self.classes_ = self._encoding.classes
        elif not incremental:  # warm start
            found = LabelEncoding.of(y, fewest=self.fewest_classes).classes
            if not np.array_equal(found, self.classes_):
                raise DataError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {found}"
                )
        return self._encode(y, dtype)

    def _encode(self, y: Array, dtype: Any) -> Array:
        return self._encoding.encode(y, dtype)

    def _weigh(self, X: Array, y: Array, w: Array | None, Y: Array) -> tuple[Array, Array, Array | None, Array]:
        X, y, w, Y = super()._weigh(X, y, w, Y)
        if self.class_weight is None:
            return X, y, w, Y
        by_class = _class_weights(self.class_weight, y, w).astype(X.dtype)
        if not (by_class.min(initial=0) >= 0 and by_class.max(initial=0) < np.inf):
            raise InvalidOption(f"expected finite class weights of 0 or more, found {self.class_weight}")
        return super()._weigh(X, y, by_class if w is None else w * by_class, Y)

    def _refuses_network(self) -> str | None:
        output = self.network_.layers[-1].activation
        return (
            None if output.range in PROBABILITIES else f"expected probabilities from the output layer, found {output}"
        )

    def predict(self, X: Any) -> Array:
        """Labels (m,), or an indicator matrix (m, K), for `X` (m, n_x)."""
        output = self._outputs(X)
        return self._encoding.decode(output)

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class, (m, K), for `X` (m, n_x)."""
        output = self._outputs(X)
        return self._encoding.probabilities(output)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithm of `predict_proba`, (m, K)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))
