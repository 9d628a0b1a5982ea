"""Changing the import is enough: every parameter of scikit-learn's is there, at its place, with its default."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.neural_network
from sklearn.datasets import load_iris

import deltarule
from deltarule.equations import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
PAIRS = [
    (deltarule.LinearRegression, sklearn.linear_model.LinearRegression),
    (deltarule.LogisticRegression, sklearn.linear_model.LogisticRegression),
    (deltarule.MLPClassifier, sklearn.neural_network.MLPClassifier),
    (deltarule.MLPRegressor, sklearn.neural_network.MLPRegressor),
]
each_pair = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[theirs.__name__ for _, theirs in PAIRS])


def parameters(function: object) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(function).parameters)  # type: ignore[arg-type]
    found.pop("self", None)
    return found


def describe(found: dict[str, inspect.Parameter]) -> dict[str, tuple[str, object]]:
    return {name: (parameter.kind.name, parameter.default) for name, parameter in found.items()}


@each_pair
def test_parameters_of_the_constructor(ours: type, theirs: type) -> None:
    expected = describe(parameters(theirs.__init__))
    found = describe(parameters(ours.__init__))
    assert {name: found.get(name) for name in expected} == expected
    positional = [name for name, (kind, _) in expected.items() if kind == "POSITIONAL_OR_KEYWORD"]
    assert [name for name, (kind, _) in found.items() if kind == "POSITIONAL_OR_KEYWORD"] == positional


@each_pair
def test_public_methods(ours: type, theirs: type) -> None:
    public = [name for name in dir(theirs) if not name.startswith("_") and not name.endswith("_request")]
    assert [name for name in public if not hasattr(ours, name)] == []
    for name in public:
        method = inspect.getattr_static(theirs, name)
        if inspect.isfunction(method):
            expected = list(parameters(method))
            assert list(parameters(getattr(ours, name)))[: len(expected)] == expected, name


@each_pair
def test_every_parameter_of_ours_alone_is_documented(ours: type, theirs: type) -> None:
    added = parameters(ours.__init__).keys() - parameters(theirs.__init__).keys()
    section = PAGE.read_text(encoding="utf-8").partition("## Parameters added")[2].partition("##")[0]
    table = [[cell.strip() for cell in line.split("|")] for line in section.splitlines() if line.startswith("| ")]
    column = table[0].index(ours.__name__)
    documented = {row[1].strip("`") for row in table[1:] if row[column]}
    assert documented == added


def test_every_name_of_the_registers_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## Values added")[2]
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    hidden = [entry for entry in ACTIVATIONS.values() if not entry.output_only]
    losses = [entry for entry in LOSSES.values() if entry.task == "regression"]
    for parameter, entries in {
        "activation": hidden,
        "loss": losses,
        "solver": OPTIMIZERS.values(),
        "learning_rate": SCHEDULES.values(),
    }.items():
        missing = [
            entry.name
            for entry in entries
            if not any(f"`{name}`" in rows[parameter] for name in (entry.name, *entry.aliases))
        ]
        assert missing == [], parameter


@each_pair
def test_fitted_attributes(ours: type, theirs: type) -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    settings = {"early_stopping": True, "random_state": 0} if "MLP" in theirs.__name__ else {}
    found, expected = ours(**settings).fit(X, y), theirs(**settings).fit(X, y)
    names = [name for name in vars(expected) if name.endswith("_") and not name.startswith("_")]
    assert len(names) >= 4
    for name in names:
        value, wanted = getattr(found, name), getattr(expected, name)
        if isinstance(wanted, list):
            assert isinstance(value, list), name
            assert not value or np.shape(value[0]) == np.shape(wanted[0]), name
        else:
            assert np.shape(value) == np.shape(wanted), name
            assert np.asarray(value).dtype.kind == np.asarray(wanted).dtype.kind, name
