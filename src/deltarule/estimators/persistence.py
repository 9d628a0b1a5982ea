"""An estimator as a document and arrays, for the model file; and back, with every field checked before it is used.

The document holds the class, the constructor's parameters, the architecture, the classes, the names of the features
and the history; the arrays are ``theta`` and what an estimator has of its own, such as a factor of the covariance
matrix. No training rows, no optimizer moments, nothing that could be executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import engines, model_file
from ..arrays import FLOATS, Array, zeros_in_lines
from ..equations import ACTIVATIONS, LOSSES
from ..errors import DeltaruleError, ModelFileError, UnknownName
from ..fields import pack, pack_classes, read_classes, read_list, read_number, read_object, read_whole, refuse, unpack
from ..layers import Layer, count_parameters
from ..network import Network
from ..run import State
from .base import NetworkEstimator
from .linear import LinearRegression
from .logistic import LogisticRegression
from .mlp import MLPClassifier, MLPRegressor
from .targets import LabelEncoding

CLASSES: dict[str, type[NetworkEstimator]] = {
    cls.__name__: cls for cls in (LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor)
}
"""The estimators a file may hold, by name."""

FIELDS = (
    "class",
    "parameters",
    "network",
    "classes",
    "multilabel",
    "n_features_in_",
    "feature_names_in_",
    "n_iter_",
    "loss_",
    "history_",
    "state",
    "own",
)
NETWORK_FIELDS = ("n_features", "units", "activations", "dropout", "objective", "dtype")
STATE_FIELDS = ("seed", "epoch", "samples", "plateaus")

Fault = (DeltaruleError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError)
"""What checking a value of the wrong kind may raise."""


def save(estimator: NetworkEstimator, path: str | Path) -> None:
    """Write a fitted estimator to one file, atomically.

    Raises
    ------
    NotFittedError
        If there is nothing to save.
    OutputError
        If the file cannot be written.
    ModelFileError
        If the estimator is not one of ours, or holds what a file cannot hold.
    """
    document, arrays = to_document(estimator)
    model_file.write(path, {"estimator": document}, arrays, kind="model")


def to_document(estimator: NetworkEstimator) -> tuple[dict[str, Any], dict[str, Array]]:
    """A fitted estimator as what JSON can hold, and its arrays.

    Parameters
    ----------
    estimator : LinearRegression, LogisticRegression, MLPClassifier or MLPRegressor
        Callbacks are left out, a generator of random numbers becomes None, a scorer the default.

    Returns
    -------
    document : dict
        With the keys of `FIELDS`.
    arrays : dict
        ``theta`` (P,), float32 or float64; for a linear model with known errors also ``factor``.
    """
    check_is_fitted(estimator, "network_")
    name = type(estimator).__name__
    if CLASSES.get(name) is not type(estimator):
        raise ModelFileError(f"expected one of {', '.join(CLASSES)} to save, found {name}")
    network, state = estimator.network_, estimator._state
    if not np.isfinite(network.theta).all():
        raise ModelFileError("expected finite parameters to save, found NaN or infinity")
    estimator._validate_params()
    estimator._check_choices()
    encoding = getattr(estimator, "_encoding", None)
    names = getattr(estimator, "feature_names_in_", None)
    document = {
        "class": name,
        "parameters": _parameters(estimator),
        "network": {
            "n_features": network.n_features,
            "units": [layer.units for layer in network.layers],
            "activations": [str(layer.activation) for layer in network.layers],
            "dropout": [float(layer.dropout) for layer in network.layers],
            "objective": str(network.loss),
            "dtype": network.theta.dtype.name,
        },
        "classes": None if encoding is None else pack_classes(encoding.classes),
        "multilabel": encoding is not None and encoding.multilabel,
        "n_features_in_": int(estimator.n_features_in_),
        "feature_names_in_": None if names is None else [str(column) for column in names],
        "n_iter_": int(np.max(estimator.n_iter_)),
        "loss_": float(estimator.loss_),
        "history_": {key: [float(value) for value in values] for key, values in estimator.history_.items()},
        "state": {field: int(getattr(state, field)) for field in STATE_FIELDS},
        "own": estimator._own_fields(),
    }
    return document, {"theta": network.theta, **estimator._own_arrays()}


def from_document(document: Mapping[str, Any], arrays: Mapping[str, Array]) -> NetworkEstimator:
    """The fitted estimator that `to_document` described.

    Parameters
    ----------
    document : mapping
        As read from a file; nothing in it is trusted.
    arrays : mapping
        ``theta``, and what the estimator has of its own.

    Raises
    ------
    ModelFileError
        In one line, for whatever is missing, unexpected, of another type, or does not fit together.
    """
    found = read_object(document, "estimator", FIELDS)
    name = found["class"]
    if not isinstance(name, str) or name not in CLASSES:
        refuse("class", f"one of {', '.join(CLASSES)}", name)
    estimator = _make(CLASSES[name], found["parameters"])
    own = {name: array for name, array in arrays.items() if name in estimator.own_arrays}
    network = _make_network(found["network"], {k: v for k, v in arrays.items() if k not in own})
    estimator.network_ = network
    if found["n_features_in_"] != network.n_features or type(found["n_features_in_"]) is not int:
        refuse("n_features_in_", str(network.n_features), found["n_features_in_"])
    estimator.n_features_in_ = network.n_features
    names = _feature_names(found["feature_names_in_"], network.n_features)
    if names is not None:
        estimator.feature_names_in_ = names
    _restore_classes(estimator, found["classes"], found["multilabel"])
    reason = estimator._refuses_network()
    if reason:
        raise ModelFileError(f"{name}: {reason}")
    _restore_training(estimator, found)
    try:
        estimator._restore_own_fields(found["own"], own)
        estimator._check_choices()
        estimator.engine_ = engines.choose(estimator.engine, estimator.network_).name
    except Fault as error:
        raise ModelFileError(f"{name}: {error}") from error
    return estimator


# parameters


def _parameters(estimator: NetworkEstimator) -> dict[str, Any]:
    """The constructor's parameters; what JSON cannot hold is replaced by its default."""
    defaults = type(estimator)().get_params(deep=False)
    document = {}
    for name, value in estimator.get_params(deep=False).items():
        try:
            document[name] = None if name == "callbacks" else pack(value)
        except TypeError:
            document[name] = None if name == "random_state" else pack(defaults[name])
    return document


def _make(cls: type[NetworkEstimator], parameters: Any) -> NetworkEstimator:
    names = tuple(cls().get_params(deep=False))
    found = read_object(parameters, "parameters", names)
    estimator = cls(**{name: unpack(found[name], f"parameter {name}") for name in names})
    try:
        estimator._validate_params()
    except Fault as error:
        raise ModelFileError(f"parameters: {error}") from error
    return estimator


# network, classes, names, history


def _make_network(document: Any, arrays: Mapping[str, Array]) -> Network:
    found = read_object(document, "network", NETWORK_FIELDS)
    n_features = read_whole(found["n_features"], "network n_features", lowest=1)
    units = [read_whole(n, "network units", lowest=1) for n in read_list(found["units"], "network units", int)]
    if not units:
        refuse("network units", "at least one layer", units)
    activations = read_list(found["activations"], "network activations", str, len(units))
    dropout = read_list(found["dropout"], "network dropout", float, len(units))
    if not isinstance(found["objective"], str):
        refuse("network loss", "the name of a loss", found["objective"])
    dtype = found["dtype"]
    if dtype not in [known.name for known in FLOATS]:
        refuse("network dtype", "float32 or float64", dtype)
    try:
        layers = tuple(
            Layer(n, ACTIVATIONS.choose(g), rate) for n, g, rate in zip(units, activations, dropout, strict=True)
        )
        loss = LOSSES.choose(found["objective"])
        model_file.expect_arrays(arrays, {"theta": ((count_parameters(n_features, layers),), dtype)})
        theta = zeros_in_lines(len(arrays["theta"]), dtype)
        theta[:] = arrays["theta"]
        return Network(n_features, layers, loss, theta)
    except ModelFileError:
        raise
    except UnknownName as error:
        raise ModelFileError(f"network: {error.message}", "put one of your own into its register before") from error
    except Fault as error:
        raise ModelFileError(f"network: {error}") from error


def _restore_classes(estimator: NetworkEstimator, classes: Any, multilabel: Any) -> None:
    if type(multilabel) is not bool:
        refuse("multilabel", "true or false", multilabel)
    if not hasattr(estimator, "predict_proba"):
        if classes is not None or multilabel:
            refuse("classes", "none, as for any regression", classes)
        return
    encoding = LabelEncoding(read_classes(classes), multilabel=multilabel)
    allowed = multilabel and estimator.__sklearn_tags__().classifier_tags.multi_label
    if multilabel and not allowed:
        refuse("multilabel", "false", multilabel)
    n_outputs = estimator.network_.sizes[-1]
    if encoding.n_outputs != n_outputs or (len(encoding.classes) < estimator.fewest_classes and not multilabel):
        refuse("classes values", f"labels for the {n_outputs} outputs of the network", encoding.classes.tolist())
    estimator._encoding = encoding
    estimator.classes_ = encoding.classes


def _feature_names(names: Any, n_features: int) -> Array | None:
    if names is None:
        return None
    return np.array(read_list(names, "feature_names_in_", str, n_features), dtype=object)


def _restore_training(estimator: NetworkEstimator, found: Mapping[str, Any]) -> None:
    """History and counters; the moments of the optimizer start anew."""
    if not isinstance(found["history_"], Mapping):
        refuse("history_", "an object", found["history_"])
    history = {}
    for name, values in found["history_"].items():
        if not isinstance(values, list):
            refuse(f"history_ {name}", "a list of numbers", values)
        history[name] = [read_number(value, f"history_ {name}") for value in values]
    counters = read_object(found["state"], "state", STATE_FIELDS)
    state = State(history=history)
    for name in STATE_FIELDS:
        setattr(state, name, read_whole(counters[name], f"state {name}"))
    estimator.history_ = history
    estimator.loss_ = read_number(found["loss_"], "loss_")
    estimator._set_n_iter(read_whole(found["n_iter_"], "n_iter_"))
    estimator._state = state
    estimator.t_ = state.samples
