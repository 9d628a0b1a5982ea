"""Models in files: what comes back is what went in, and nothing that is wrong comes back."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal, assert_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import scale

from deltarule import MLPClassifier, MLPRegressor, fields, model_file
from deltarule.equations import ACTIVATIONS
from deltarule.equations.activations import Activation
from deltarule.errors import InvalidOption, ModelFileError, OutputError
from deltarule.estimators import persistence

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
ALMOST = {"max_iter": 3, "random_state": 0}


def read(path):
    document, arrays = model_file.read(path, kind="model")
    return persistence.from_document(document["estimator"], arrays)


def fitted(name):
    X, y = IRIS
    R, r = DIABETES
    M, m = make_multilabel_classification(60, n_features=5, n_classes=3, random_state=0)
    words = np.array(["setosa", "versicolor", "virginica"])
    return {
        "words": lambda: (
            MLPClassifier((5, 4), ["prelu", "leaky_relu(0.2)"], dropout=0.1, **ALMOST).fit(X, words[y]),
            X,
        ),
        "objects": lambda: (MLPClassifier((4,), **ALMOST).fit(X, words.astype(object)[y]), X),
        "binary": lambda: (MLPClassifier((4,), class_weight={False: 1.0, True: 2}, **ALMOST).fit(X, y == 2), X),
        "floats": lambda: (MLPClassifier((4,), early_stopping="accuracy", **ALMOST).fit(X, y - 1.0), X),
        "small": lambda: (MLPClassifier((4,), **ALMOST).fit(X.astype(np.float32), y.astype(np.uint8)), X),
        "multilabel": lambda: (MLPClassifier((4,), **ALMOST).fit(M, m), M),
        "regression": lambda: (MLPRegressor("huber(delta=2)", (4,), solver="lbfgs", **ALMOST).fit(R, r), R),
        "outputs": lambda: (MLPRegressor("squared_error", 3, **ALMOST).fit(R, np.c_[r, -r]), R),
    }[name]()


KINDS = ["words", "objects", "binary", "floats", "small", "multilabel", "regression", "outputs"]


@pytest.mark.parametrize("name", KINDS)
def test_a_loaded_model_is_the_model(tmp_path, name):
    model, X = fitted(name)
    model.save(tmp_path / "model")
    loaded = read(tmp_path / "model")
    assert type(loaded) is type(model)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(model, method):
            before, after = getattr(model, method)(X), getattr(loaded, method)(X)
            assert before.dtype == after.dtype
            assert_array_equal(after, before, strict=True)
    assert loaded.get_params() == model.get_params()
    assert_equal(loaded.history_, model.history_)
    assert (loaded.n_iter_, loaded.loss_, loaded.t_) == (model.n_iter_, model.loss_, model.t_)
    assert str(loaded.network_) == str(model.network_)
    for given, back in zip(model.coefs_ + model.intercepts_, loaded.coefs_ + loaded.intercepts_, strict=True):
        assert_array_equal(back, given, strict=True)
    if hasattr(model, "classes_"):
        assert_array_equal(loaded.classes_, model.classes_, strict=True)
        assert [type(c) for c in loaded.classes_.tolist()] == [type(c) for c in model.classes_.tolist()]


def test_a_schedule_goes_on_after_loading(tmp_path):
    X, y = IRIS
    model = MLPClassifier((4,), solver="sgd", learning_rate="cosine(warmup=0.2)", max_iter=10, random_state=0)
    for _ in range(7):
        model.partial_fit(X, y, classes=[0, 1, 2])
    model.save(tmp_path / "model")
    loaded = read(tmp_path / "model")
    rates = [m.partial_fit(X, y).history_["learning_rate"][-3:] for _ in range(3) for m in (model, loaded)][-2:]
    assert rates[0] == rates[1]
    assert rates[0][0] > rates[0][1] > rates[0][2]


@pytest.mark.parametrize("name", KINDS)
def test_a_loaded_model_can_be_saved_again_cloned_and_pickled(tmp_path, name):
    model, X = fitted(name)
    model.save(tmp_path / "first")
    loaded = read(tmp_path / "first")
    loaded.save(tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == (tmp_path / "first").read_bytes()
    assert clone(loaded).get_params() == model.get_params()
    assert_array_equal(pickle.loads(pickle.dumps(loaded)).predict(X), model.predict(X), strict=True)


def test_training_goes_on_after_loading(tmp_path):
    X, y = IRIS
    model = MLPClassifier((4,), solver="sgd", momentum=0, warm_start=True, **ALMOST).fit(X, y)
    model.save(tmp_path / "model")
    incremental = read(tmp_path / "model").partial_fit(X, y)  # no moments to lose: the very next epoch of the model
    model.partial_fit(X, y)
    assert_array_equal(incremental.network_.theta, model.network_.theta)
    assert incremental.loss_curve_ == pytest.approx(model.loss_curve_, abs=0)
    warm = read(tmp_path / "model").set_params(solver="adam").fit(X, y)
    assert len(warm.loss_curve_) == 6
    assert warm.loss_ < model.loss_
    assert 0 <= warm.score(X, y) <= 1


def test_names_of_columns_are_kept(tmp_path):
    frame = pd.DataFrame(IRIS[0], columns=["a", "b", "c", "d"])
    MLPClassifier((3,), **ALMOST).fit(frame, IRIS[1]).save(tmp_path / "model")
    loaded = read(tmp_path / "model")
    assert loaded.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert loaded.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame[["b", "a", "c", "d"]])


def test_no_training_row_is_in_the_file(tmp_path):
    X = scale(IRIS[0])
    MLPClassifier((3,), **ALMOST).fit(X, IRIS[1]).save(tmp_path / "model")
    content = (tmp_path / "model").read_bytes()
    assert X[17].tobytes() not in content
    assert repr(float(X[17, 0])).encode() not in content


def test_what_a_file_cannot_hold_becomes_the_default(tmp_path):
    X, y = IRIS
    model = MLPClassifier(
        (3,), max_iter=2, random_state=np.random.RandomState(3), callbacks=[lambda run: None], alpha=np.float32(0.5)
    )
    model.early_stopping = lambda estimator, X, y: 0.5
    model.fit(X, y).save(tmp_path / "model")
    loaded = read(tmp_path / "model")
    assert loaded.random_state is None
    assert loaded.callbacks is None
    assert loaded.early_stopping is False
    assert loaded.alpha == 0.5


def test_tuples_lists_and_mappings_stay_what_they_are():
    for value in ((1, 2), [1, (2.5, None)], {1: 2.0, "a": True}, np.inf):
        assert fields.unpack(json.loads(json.dumps(fields.pack(value))), "x") == value
    assert fields.pack(np.array([1, 2])) == [1, 2]


def test_an_unfitted_estimator_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        MLPClassifier().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_loaded_is_not_saved(tmp_path):
    class Mine(MLPRegressor):
        pass

    X, y = DIABETES
    with pytest.raises(ModelFileError, match="found Mine"):
        Mine(3, **ALMOST).set_params(loss="squared_error").fit(X, y).save(tmp_path / "model")
    model = MLPRegressor("squared_error", 3, **ALMOST).fit(X, y)
    model.solver = "wishing"
    with pytest.raises(ValueError, match="found 'wishing'"):
        model.save(tmp_path / "model")
    model.solver = "adam"
    model.intercepts_[0] = np.nan
    with pytest.raises(ModelFileError, match="finite"):
        model.save(tmp_path / "model")
    labels = MLPClassifier((3,), **ALMOST).fit(*IRIS)
    labels._encoding.classes = labels.classes_.astype("M8[D]")
    with pytest.raises(ModelFileError, match="text or numbers"):
        labels.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_unwritable_path_is_an_output_error(tmp_path):
    with pytest.raises(OutputError):
        MLPRegressor("squared_error", 3, **ALMOST).fit(*DIABETES).save(tmp_path / "nowhere" / "model")


def test_an_activation_that_is_gone_is_named(tmp_path):
    g = ACTIVATIONS["tanh"]
    ACTIVATIONS.add(Activation(**{**vars_of(g), "name": "passing"}))
    try:
        MLPRegressor("squared_error", 3, "passing", **ALMOST).fit(*DIABETES).save(tmp_path / "model")
        read(tmp_path / "model")
    finally:
        ACTIVATIONS.remove("passing")
    with pytest.raises(ModelFileError, match=r"known activation names .*'passing'; put one of your own"):
        read(tmp_path / "model")


def vars_of(entry):
    import dataclasses

    return {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry) if field.name != "aliases"}


# every field, wrong in every way

WRONG = [{"unexpected": 1}, [["x"]], "nonsense", -7.25, -(10**400), float("nan"), True, None, {"tuple": 3}, [None], ""]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of a document stands."""
    if path:
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


def changed(document, path, value, *, delete=False):
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if delete:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


def check_refused_or_sound(document, arrays, path, X):
    """Refused in one line; or, where the value is one that may stand there, a model that works and saves itself."""
    model_file.write(path, {"estimator": document}, arrays)
    loaded, message = None, ""
    try:
        loaded = read(path)
    except ModelFileError as error:
        message = str(error)
    if loaded is None:
        assert "\n" not in message
        assert 0 < len(message) < 2000
        return False
    loaded.predict(X)
    loaded.save(path)
    return True


@pytest.mark.parametrize("name", ["words", "binary", "regression"])
def test_a_field_that_is_missing_is_refused(tmp_path, name):
    model, X = fitted(name)
    document, arrays = persistence.to_document(model)
    for path in places(document):
        inside = path[0] in ("history_", "parameters") and len(path) > 2
        if inside or (path[0] == "history_" and len(path) > 1):
            continue  # one epoch, or one curve, less is still a history
        if len(path) == 3 and path[0] == "classes" and name == "binary":
            continue  # one class is also something a perceptron can learn
        broken = changed(document, path, None, delete=True)
        assert not check_refused_or_sound(broken, arrays, tmp_path / "model", X), path


@pytest.mark.parametrize("name", ["words", "binary", "multilabel", "regression"])
def test_a_field_of_the_wrong_kind_is_refused(tmp_path, name):
    model, X = fitted(name)
    document, arrays = persistence.to_document(model)
    for path in places(document):
        refused = 0
        for wrong in WRONG:
            refused += not check_refused_or_sound(changed(document, path, wrong), arrays, tmp_path / "model", X)
        assert refused >= (1 if path[0] == "parameters" and len(path) > 2 else 3), path
        extended = changed(document, (*path[:-1], "extra"), 1) if isinstance(path[-1], str) else document
        if extended is not document and path[0] != "history_":
            assert not check_refused_or_sound(extended, arrays, tmp_path / "model", X), path


REFUSED = {
    "unknown class": (("class",), "RandomForest", "expected one of"),
    "another class": (("class",), "MLPRegressor", "parameters"),
    "unknown activation": (("network", "activations", 0), "magic", "known activation names"),
    "call": (("network", "activations", 0), "__import__('os')", "activation"),
    "hidden softmax": (("network", "activations", 1), "softmax", "output activation"),
    "no probabilities": (("network", "activations", -1), "identity", "categorical_cross_entropy needs"),
    "loss": (("network", "objective"), "poisson_deviance", "needs an output"),
    "other loss": (("network", "objective"), "quantile(q=3)", "must lie in"),
    "dropout": (("network", "dropout", 0), 1.5, "dropout must lie"),
    "output dropout": (("network", "dropout", -1), 0.5, "dropout of the output"),
    "absurd layer": (("network", "units", 0), 10**12, "'theta' should be"),
    "absurd layer for JSON": (("network", "units", 0), 10**30, "whole number"),
    "zero units": (("network", "units", 0), 0, "whole number from 1"),
    "no layer": (("network", "units"), [], "at least one layer"),
    "more features": (("network", "n_features"), 5, "'theta' should be"),
    "precision": (("network", "dtype"), "float32", "'theta' should be"),
    "half precision": (("network", "dtype"), "float16", "float32 or float64"),
    "features": (("n_features_in_",), 3, "n_features_in_: expected 4"),
    "names": (("feature_names_in_",), ["a"], "list of 4 str"),
    "classes twice": (("classes", "values"), ["a", "a", "b"], "rising order"),
    "fewer classes": (("classes", "values"), ["a", "b"], "3 outputs"),
    "wide classes": (("classes", "dtype"), "U99999", "classes dtype"),
    "narrow classes": (("classes", "dtype"), "U2", "rising order"),
    "dates": (("classes", "dtype"), "datetime64[D]", "classes dtype"),
    "numbers": (("classes",), {"dtype": "int8", "values": [1, 2, 300]}, "int8"),
    "one class": (("classes",), {"dtype": "int8", "values": [1]}, "3 outputs"),
    "rate": (("parameters", "learning_rate_init"), -1.0, "learning_rate_init"),
    "solver": (("parameters", "solver"), "wishing", "expected a solver out of"),
    "schedule": (("parameters", "learning_rate"), "sometimes", "schedule"),
    "engine": (("parameters", "engine"), "steam", "engine"),
    "initializer": (("parameters", "initializer"), "dice", "initializer"),
    "activation": (("parameters", "activation"), ["tanh", "magic"], "activation"),
    "deep": (("parameters", "dropout"), [[[[[[[0.5]]]]]]], "plain value"),
    "history": (("history_", "loss"), ["low"], "history_ loss"),
    "curve": (("history_", "loss"), 3.0, "list of numbers"),
    "counter": (("state", "epoch"), -1, "state epoch"),
    "own": (("own",), {"x": 1}, "fields of its own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_is_wrong(tmp_path, name):
    model, _ = fitted("words")
    document, arrays = persistence.to_document(model)
    where, value, message = REFUSED[name]
    model_file.write(tmp_path / "model", {"estimator": changed(document, where, value)}, arrays)
    with pytest.raises(ModelFileError, match=message):
        read(tmp_path / "model")


def test_labels_must_fit_the_task():
    document, arrays = persistence.to_document(fitted("regression")[0])
    with pytest.raises(ModelFileError, match="as for any regression"):
        persistence.from_document(changed(document, ("classes",), {"dtype": "int64", "values": [0, 1]}), arrays)
    document, arrays = persistence.to_document(fitted("multilabel")[0])
    with pytest.raises(ModelFileError, match=r"classes values|network"):
        persistence.from_document(
            changed(changed(document, ("multilabel",), False), ("classes", "values"), [0, 1]), arrays
        )


def test_arrays_must_be_theta_alone(tmp_path):
    document, arrays = persistence.to_document(fitted("binary")[0])
    theta = arrays["theta"]
    poisoned = theta.copy()
    poisoned[3] = np.inf
    for wrong in (
        {},
        {"theta": theta[:-1]},
        {"theta": theta[None]},
        {"theta": theta.astype(np.float32)},
        {"theta": poisoned},
        {"theta": theta, "more": theta},
        {"Theta": theta},
    ):
        model_file.write(tmp_path / "model", {"estimator": document}, wrong)
        with pytest.raises(ModelFileError, match="arrays it should"):
            read(tmp_path / "model")


def test_messages_say_what_is_wrong():
    document, arrays = persistence.to_document(fitted("binary")[0])
    with pytest.raises(ModelFileError, match=r"^class: expected one of"):
        persistence.from_document({**document, "class": "X"}, arrays)
    with pytest.raises(ModelFileError, match=r"^the model file does not hold"):
        persistence.from_document(document, {})
    with pytest.raises(ModelFileError, match="an object"):
        persistence.from_document([], arrays)  # type: ignore[arg-type]


def test_own_options_are_checked_before_saving(tmp_path):
    model, _ = fitted("binary")
    model.output_activation = "tanh"
    with pytest.raises(InvalidOption, match="probabilities"):
        model.save(tmp_path / "model")
