"""What a summary keeps of errors, shows and saves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from real_tables import binary, table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

import deltarule
from deltarule import LinearRegression, LogisticRegression


@pytest.mark.parametrize("covariance", ["classical", "HC3", "cluster"])
@pytest.mark.parametrize("kind", ["linear", "two classes", "three classes", "two targets", "penalized"])
def test_the_file_keeps_errors(tmp_path, kind, covariance):
    X, y = load_iris(return_X_y=True)
    X, y = X[50:, :3], y[50:]
    groups = np.arange(len(y)) % 7
    if kind == "three classes":
        y = np.random.default_rng(0).integers(0, 3, len(y))
        covariance = {"HC3": "HC1"}.get(covariance, covariance)
    target = (
        np.column_stack([X[:, 0] ** 2, X[:, 1] ** 2])
        if kind == "two targets"
        else X[:, 2] ** 2
        if kind == "linear"
        else y
    )
    model = (
        LinearRegression()
        if kind in ("linear", "two targets")
        else LogisticRegression(C=1 if kind == "penalized" else np.inf)
    )
    model.fit(X, target)
    if kind != "penalized":
        model.infer(X, target, covariance=covariance, groups=groups if covariance == "cluster" else None)
    model.save(tmp_path / "model")
    loaded = deltarule.load(tmp_path / "model")
    assert loaded.summary(0.9) == model.summary(0.9)
    assert loaded.solver_ == model.solver_
    if kind != "penalized":
        assert_allclose(np.column_stack(loaded.predict_interval(X)), np.column_stack(model.predict_interval(X)), rtol=0)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
    size = (tmp_path / "model").stat().st_size
    assert size < 16_000  # no rows


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "HC9"), ("meaning", 1), ("n_rows", 0), ("weighted", "no"), ("columns", [[0.0] * 4] * 2),
        ("moments", []), ("doubtful", [4]), ("fit", {}), ("condition", [1.0]), ("target", None),
        ("penalized_likelihood", "x"), ("profile", {}), ("more", 1),
    ],
)  # fmt: skip
def test_a_file_is_not_trusted(key, value):
    from deltarule.errors import ModelFileError
    from deltarule.estimators import persistence

    X, y = table("longley")
    document, arrays = persistence.to_document(LinearRegression().fit(X[:, :4], y))
    assert persistence.from_document(document, arrays).summary().has_errors
    own = {**document["own"], "inference": {**document["own"]["inference"], key: value}}
    with pytest.raises(ModelFileError):
        persistence.from_document({**document, "own": own}, arrays)
    with pytest.raises(ModelFileError, match="one without the other"):
        persistence.from_document(document, {"theta": arrays["theta"]})
    for F in (arrays["factor"][:, :2], arrays["factor"] * np.nan):
        with pytest.raises(ModelFileError, match="factor"):
            persistence.from_document(document, {**arrays, "factor": F})


@pytest.mark.parametrize("intercept", [True, False])
def test_a_table_without_errors_has_the_intercept_of_the_fit(tmp_path, intercept):
    X, y = load_breast_cancer(return_X_y=True)
    model = LogisticRegression(C=1.0, fit_intercept=intercept).fit(X[:, :2] / 10, y)
    before = str(model.summary())
    model.set_params(fit_intercept=not intercept).save(tmp_path / "model")
    assert str(deltarule.load(tmp_path / "model").summary()) == before


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("solver", ["exact", "lbfgs", "firth"])
def test_errors_are_those_of_the_fit_whatever_parameters_say_later(tmp_path, solver, intercept):
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :2]
    model = LinearRegression() if solver == "exact" else LogisticRegression(C=np.inf, solver=solver)
    model.set_params(fit_intercept=intercept).fit(X, y)
    before, errors = str(model.summary()), model.covariance()
    model.set_params(fit_intercept=not intercept)
    assert str(model.summary()) == before
    model.save(tmp_path / "model")
    loaded = deltarule.load(tmp_path / "model")
    assert str(loaded.summary()) == before
    assert_allclose(loaded.covariance(), errors)
    if solver != "firth":
        assert model.influence(X, y).leverage.sum() == pytest.approx(2 + intercept)
    assert_allclose(model.infer(X, y).covariance(), errors, rtol=1e-6)


def test_the_summary_as_text_page_and_frame():
    data = load_diabetes(as_frame=True)
    summary = LinearRegression().fit(data.data, data.target).summary(0.9)
    text = str(summary)
    assert "R²:" in text
    assert "from (90 %)" in text
    assert max(map(len, text.splitlines())) <= 100
    assert [line.split()[0] for line in text.splitlines()[-11:]] == ["intercept", *data.data.columns]
    assert "<td>bmi</td>" in summary._repr_html_()
    assert summary.to_frame().columns == ["term", "coefficient", "standard error", "t", "p", "lower", "upper"]
    assert summary.to_dict()["facts"]["samples"] == 442


def test_the_solver_is_told():
    X, y = binary("spector")
    assert LinearRegression().fit(X, y).solver_ == "exact"
    assert LinearRegression(l1=0.1).fit(X, y).solver_ == "newton"
    assert LogisticRegression(solver="auto").fit(X, y).solver_ == "newton"
    assert LogisticRegression(solver="auto", l1_ratio=0.5).fit(X, y).solver_ == "newton"
    wide = np.random.default_rng(0).normal(size=(32, 2000))
    assert LogisticRegression(solver="auto").fit(wide, y).solver_ == "lbfgs"


def test_digits_of_a_summary_show_how_far_a_coefficient_may_be_off():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    model = LinearRegression().fit(X, 1e6 + X @ [1.0, 2.0] + rng.normal(size=40))
    intercept = model.summary().rows()[0]
    value, low, high = (float(cell) for cell in (intercept[1], *intercept[-2:]))
    assert low < value < high
    assert value == pytest.approx(model.intercept_, abs=0.01)
    assert max(len(cell) for row in model.summary().rows()[1:] for cell in row) <= 9
