"""What `help` says of an estimator: every parameter, every value of the registers that fits, every fitted attribute."""

from __future__ import annotations

import inspect
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deltarule import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from deltarule.engines import ENGINES
from deltarule.equations import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES
from deltarule.estimators.documentation import values

ALL = (LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor)
NETWORKS = (MLPClassifier, MLPRegressor)
X = pd.DataFrame(np.random.default_rng(0).uniform(0.1, 1, (40, 3)), columns=["a", "b", "c"])
y = (X["a"] > X["b"]).astype(int)


def section(cls: type, title: str) -> dict[str, str]:
    """Name -> type and description."""
    text = inspect.getdoc(cls) or ""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, title
    names = re.split(r"^(\w+) : ", found[1], flags=re.MULTILINE)
    return dict(zip(names[1::2], names[2::2], strict=True))


def plain(cls: type, parameter: str) -> list[str]:
    """The values without options and aliases."""
    return [re.split(r"\(| or ", value)[0] for value in values(cls)[parameter]]


def fitted(cls: Any, **options: Any) -> Any:
    network = {"hidden_layer_sizes": (4,)} if cls in NETWORKS else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(**network, max_iter=2, random_state=0, **options).fit(X, y)


@pytest.mark.parametrize("cls", ALL)
def test_every_parameter_is_described_once_and_in_order(cls):
    assert list(section(cls, "Parameters")) == list(inspect.signature(cls).parameters)


@pytest.mark.parametrize("cls", ALL)
def test_the_values_stand_in_the_text(cls):
    described = section(cls, "Parameters")
    for parameter, listed in values(cls).items():
        said = " ".join(described[parameter].split())
        assert f"One of: {', '.join(listed)}." in said, parameter


@pytest.mark.parametrize("cls", ALL)
def test_every_register_is_named(cls):
    unnamed = set(OPTIMIZERS) - {*plain(cls, "solver")}
    assert unnamed == ({"newton"} if cls in NETWORKS else set())  # it takes one layer only
    assert plain(cls, "learning_rate") == [*SCHEDULES]
    assert values(cls)["engine"] == ["auto", *ENGINES]


@pytest.mark.parametrize("cls", NETWORKS)
def test_every_register_of_networks_is_named(cls):
    assert plain(cls, "activation") == [name for name, entry in ACTIVATIONS.items() if not entry.output_only]
    assert plain(cls, "initializer") == ["auto", *INITIALIZERS]
    assert {*plain(MLPClassifier, "loss"), *plain(MLPRegressor, "loss")} == {"log_loss", *LOSSES}
    assert {*plain(MLPRegressor, "output_activation")} == {"auto", *ACTIVATIONS}


@pytest.mark.parametrize(
    ("cls", "parameter", "value"),
    [
        (cls, parameter, value)
        for cls in NETWORKS
        for parameter, listed in values(cls).items()
        for text in listed
        for value in text.split(" or ")
        if parameter not in ("loss", "output_activation")  # not each of them suits every target
    ],
)
def test_a_network_takes_what_is_listed(cls, parameter, value):
    assert np.isfinite(fitted(cls, **{parameter: value}).loss_)


@pytest.mark.parametrize("cls", NETWORKS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_every_attribute_is_described(cls, early_stopping):
    model = fitted(cls, early_stopping=early_stopping)
    found = {name for name in dir(model) if name.endswith("_") and not name.startswith("_")}
    assert set(section(cls, "Attributes")) == found
    assert {*model.history_} == {"loss", "learning_rate", "seconds"} | (
        {"validation_loss", "validation_score"} if early_stopping else set()
    )
