"""An estimator as a document and arrays, for the model file; and back, with every field checked before it is used.

The document holds the class, the constructor's parameters, the architecture, the classes, the names of the features
and the history; the one array is ``theta``. No training rows, no optimizer moments, nothing that could be executed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from numbers import Real
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import model_file
from ..arrays import FLOATS, Array
from ..equations import ACTIVATIONS, LOSSES
from ..errors import DeltaruleError, ModelFileError
from ..network import Layer, Network, _count
from ..training import State
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
CLASS_TYPES = {"bool", "object", *(np.dtype(code).name for code in "bhilqBHILQefd")}
LARGEST = 2**63 - 1
WIDEST = 2**16  # characters of a class name
DEEPEST = 4  # lists and mappings in each other, in a parameter

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
        ``theta`` (P,), float32 or float64.
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
            "objective": str(network.objective),
            "dtype": network.theta.dtype.name,
        },
        "classes": None if encoding is None else _classes(encoding.classes),
        "multilabel": encoding is not None and encoding.multilabel,
        "n_features_in_": int(estimator.n_features_in_),
        "feature_names_in_": None if names is None else [str(column) for column in names],
        "n_iter_": int(np.max(estimator.n_iter_)),
        "loss_": float(estimator.loss_),
        "history_": {key: [float(value) for value in values] for key, values in estimator.history_.items()},
        "state": {field: int(getattr(state, field)) for field in STATE_FIELDS},
        "own": estimator._own_fields(),
    }
    return document, {"theta": network.theta}


def from_document(
    document: Mapping[str, Any], arrays: Mapping[str, Array], source: str = "the model file"
) -> NetworkEstimator:
    """The fitted estimator that `to_document` described.

    Parameters
    ----------
    document : mapping
        As read from a file; nothing in it is trusted.
    arrays : mapping
        Must be ``theta`` alone.
    source : str
        What a message blames, usually the path.

    Raises
    ------
    ModelFileError
        In one line, for whatever is missing, unexpected, of another type, or does not fit together.
    """
    try:
        return _build(document, arrays, source)
    except ModelFileError as error:
        if error.message.startswith(source):
            raise
        raise ModelFileError(f"{source}: {error.message}", error.hint) from None


def _build(document: Mapping[str, Any], arrays: Mapping[str, Array], source: str) -> NetworkEstimator:
    found = _object(document, "estimator", FIELDS)
    name = found["class"]
    if not isinstance(name, str) or name not in CLASSES:
        _refuse("class", f"one of {', '.join(CLASSES)}", name)
    estimator = _make(CLASSES[name], found["parameters"])
    network = _make_network(found["network"], arrays, source)
    estimator.network_ = network
    if found["n_features_in_"] != network.n_features or type(found["n_features_in_"]) is not int:
        _refuse("n_features_in_", str(network.n_features), found["n_features_in_"])
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
        estimator._restore_own_fields(found["own"])
        estimator._check_choices()
    except Fault as error:
        raise ModelFileError(f"{name}: {error}") from error
    return estimator


def _refuse(where: str, expected: str, found: Any) -> NoReturn:
    shown = repr(found)
    raise ModelFileError(f"{where}: expected {expected}, found {shown if len(shown) <= 80 else shown[:77] + '...'}")


def _object(value: Any, where: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """`value`, once it is known to have these keys and no others."""
    if not isinstance(value, Mapping):
        _refuse(where, "an object", value)
    missing = [name for name in names if name not in value]
    unknown = [name for name in value if name not in names]
    if missing or unknown:
        _refuse(where, f"the fields {', '.join(names)}", sorted(map(str, value)))
    return value


def _whole(value: Any, where: str, lowest: int = 0) -> int:
    if type(value) is not int or not lowest <= value <= LARGEST:
        _refuse(where, f"a whole number from {lowest}", value)
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(where, "a number", value)
    try:
        return float(value)
    except OverflowError:
        _refuse(where, "a number", value)


def _listed(value: Any, where: str, kind: type, length: int | None = None) -> list[Any]:
    """`value`, once it is known to be a list of `kind` (and of this length)."""
    fits = isinstance(value, list) and all(type(item) is kind for item in value)
    if not fits or (length is not None and len(value) != length):
        _refuse(where, f"a list of {'' if length is None else f'{length} '}{kind.__name__}", value)
    return value


# parameters


def _parameters(estimator: NetworkEstimator) -> dict[str, Any]:
    """The constructor's parameters; what JSON cannot hold is replaced by its default."""
    defaults = type(estimator)().get_params(deep=False)
    document = {}
    for name, value in estimator.get_params(deep=False).items():
        try:
            document[name] = None if name == "callbacks" else _pack(value)
        except TypeError:
            document[name] = None if name == "random_state" else _pack(defaults[name])
    return document


def _pack(value: Any) -> Any:
    """`value` in JSON: a tuple as ``{"tuple": [...]}``, a mapping as ``{"items": [[key, value], ...]}``."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list):
        return [_pack(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_pack(item) for item in value]}
    if isinstance(value, Mapping):
        return {"items": [[_pack(key), _pack(item)] for key, item in value.items()]}
    raise TypeError(f"{type(value).__name__} does not go into a file")


def _unpack(value: Any, where: str, depth: int = 0) -> Any:
    """Undo `_pack`."""
    if depth > DEEPEST:
        _refuse(where, "a plain value", value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_unpack(item, where, depth + 1) for item in value]
    if isinstance(value, Mapping) and set(value) == {"tuple"} and isinstance(value["tuple"], list):
        return tuple(_unpack(item, where, depth + 1) for item in value["tuple"])
    if isinstance(value, Mapping) and set(value) == {"items"} and isinstance(value["items"], list):
        pairs = value["items"]
        if all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str | int | float) for pair in pairs):
            return {key: _unpack(item, where, depth + 1) for key, item in pairs}
    return _refuse(where, "a value, a list, a tuple or a mapping", value)


def _make(cls: type[NetworkEstimator], parameters: Any) -> NetworkEstimator:
    names = tuple(cls().get_params(deep=False))
    found = _object(parameters, "parameters", names)
    estimator = cls(**{name: _unpack(found[name], f"parameter {name}") for name in names})
    try:
        estimator._validate_params()
    except Fault as error:
        raise ModelFileError(f"parameters: {error}") from error
    return estimator


# network, classes, names, history


def _make_network(document: Any, arrays: Mapping[str, Array], source: str) -> Network:
    found = _object(document, "network", NETWORK_FIELDS)
    n_features = _whole(found["n_features"], "network n_features", lowest=1)
    units = [_whole(n, "network units", lowest=1) for n in _listed(found["units"], "network units", int)]
    if not units:
        _refuse("network units", "at least one layer", units)
    activations = _listed(found["activations"], "network activations", str, len(units))
    dropout = _listed(found["dropout"], "network dropout", float, len(units))
    if not isinstance(found["objective"], str):
        _refuse("network objective", "the name of a loss", found["objective"])
    dtype = found["dtype"]
    if dtype not in [known.name for known in FLOATS]:
        _refuse("network dtype", "float32 or float64", dtype)
    try:
        layers = tuple(
            Layer(n, ACTIVATIONS.choose(g), rate) for n, g, rate in zip(units, activations, dropout, strict=True)
        )
        objective = LOSSES.choose(found["objective"])
        model_file.expect_arrays(arrays, {"theta": ((_count(n_features, layers),), dtype)}, source)
        return Network(n_features, layers, objective, arrays["theta"])
    except ModelFileError:
        raise
    except Fault as error:
        raise ModelFileError(f"network: {error}") from error


def _classes(classes: Array) -> dict[str, Any]:
    """Class labels with their type: "bool", "int64", "float32", "object", or "U" and the width."""
    kind = f"U{classes.dtype.itemsize // 4}" if classes.dtype.kind == "U" else classes.dtype.name
    document = {"dtype": kind, "values": classes.tolist()}
    try:
        _read_classes(document)
    except ModelFileError as error:
        raise ModelFileError(f"cannot save these classes: {error.message}", "use text or numbers as labels") from error
    return document


def _read_classes(document: Any) -> Array:
    """Undo `_classes`: sorted labels (K,)."""
    found = _object(document, "classes", ("dtype", "values"))
    dtype = _class_dtype(found["dtype"])
    plain = {"b": bool, "i": int, "u": int, "f": float}.get(dtype.kind, str)
    values = _listed(found["values"], "classes values", plain)
    try:
        classes = np.array(values, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelFileError(f"classes values: {error}") from error
    increasing = all(before < after for before, after in pairwise(values))
    if not values or classes.tolist() != values or not increasing:
        _refuse("classes values", f"distinct labels in rising order that {found['dtype']} can hold", values)
    return classes


def _class_dtype(name: Any) -> Any:
    if isinstance(name, str) and re.fullmatch("U[1-9][0-9]{0,4}", name) and int(name[1:]) <= WIDEST:
        return np.dtype(name)
    if isinstance(name, str) and name in CLASS_TYPES:
        return np.dtype(name)
    return _refuse("classes dtype", "bool, object, U and a width, or the name of a type of numbers", name)


def _restore_classes(estimator: NetworkEstimator, classes: Any, multilabel: Any) -> None:
    if type(multilabel) is not bool:
        _refuse("multilabel", "true or false", multilabel)
    if not hasattr(estimator, "predict_proba"):
        if classes is not None or multilabel:
            _refuse("classes", "none, as for any regression", classes)
        return
    encoding = LabelEncoding(_read_classes(classes), multilabel=multilabel)
    allowed = multilabel and estimator.__sklearn_tags__().classifier_tags.multi_label
    if multilabel and not allowed:
        _refuse("multilabel", "false", multilabel)
    n_outputs = estimator.network_.sizes[-1]
    if encoding.n_outputs != n_outputs or (len(encoding.classes) < estimator.fewest_classes and not multilabel):
        _refuse("classes values", f"labels for the {n_outputs} outputs of the network", encoding.classes.tolist())
    estimator._encoding = encoding
    estimator.classes_ = encoding.classes


def _feature_names(names: Any, n_features: int) -> Array | None:
    if names is None:
        return None
    return np.array(_listed(names, "feature_names_in_", str, n_features), dtype=object)


def _restore_training(estimator: NetworkEstimator, found: Mapping[str, Any]) -> None:
    """History and counters; the moments of the optimizer start anew."""
    if not isinstance(found["history_"], Mapping):
        _refuse("history_", "an object", found["history_"])
    history = {}
    for name, values in found["history_"].items():
        if not isinstance(values, list):
            _refuse(f"history_ {name}", "a list of numbers", values)
        history[name] = [_number(value, f"history_ {name}") for value in values]
    counters = _object(found["state"], "state", STATE_FIELDS)
    state = State(history=history)
    for name in STATE_FIELDS:
        setattr(state, name, _whole(counters[name], f"state {name}"))
    estimator.history_ = history
    estimator.loss_ = _number(found["loss_"], "loss_")
    estimator._set_n_iter(_whole(found["n_iter_"], "n_iter_"))
    estimator._state = state
    estimator.t_ = state.samples
