"""Where there are no errors to be had, it says why."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from real_tables import fit_logistic, overlapping, table
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris

from deltarule import LinearRegression, LogisticRegression, load
from deltarule.errors import DeltaruleWarning, DependenceWarning, InvalidOption, ModelFileError, SeparationWarning
from deltarule.estimators import separable
from deltarule.estimators.persistence import from_document, to_document


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (LogisticRegression(), "found C=1 (scikit-learn's default).*fit with C=np.inf"),
        (LogisticRegression(C=0.5, solver="saga", l1_ratio=1), r"found C=0.5:"),
        (LogisticRegression(C=np.inf, class_weight="balanced"), "class_weight"),
        (LogisticRegression(C=np.inf, solver="gradient_descent", max_iter=2), "standard errors off"),
        (LogisticRegression(C=np.inf, early_stopping=True, solver="adam"), "early_stopping"),
        (LinearRegression(alpha=0.1), "found alpha=0.1: it draws the weights towards zero"),
        (LinearRegression(l1=0.1), "l1=0.1"),
        (LinearRegression(positive=True), "positive"),
        (LinearRegression(solver="gradient_descent", max_iter=3), "standard errors off"),
    ],
)
def test_it_says_why_there_are_none(model, words):
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :4] / X[:, :4].std(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    summary = model.summary()
    assert not summary.has_errors
    assert list(summary.columns)[-1] == "coefficient"
    with pytest.raises(InvalidOption, match=words.replace("(", r"\(").replace(")", r"\)").replace(r"\\", "\\")):
        model.predict_interval(X)
    assert "No standard errors" in str(summary)
    with pytest.raises(InvalidOption):
        model.infer(X, y)


def test_too_few_rows_and_columns_that_depend_on_each_other():
    X, y = table("diabetes")
    with pytest.raises(InvalidOption, match="more samples than parameters"):
        LinearRegression().fit(X[:11], y[:11]).predict_interval(X)
    copied = np.column_stack([X[:, :3], np.ones(len(y)), X[:, 0] - 2 * X[:, 1]])
    summary = LinearRegression().fit(copied, y).summary()
    assert "found x0, x1, x3, x4, whose weights" in summary.notes[0]
    nearly = np.column_stack([X[:, :3], X[:, 0] + 1e-10 * X[:, 5]])
    with pytest.warns(DependenceWarning, match="found x0, x3: their condition number"):
        model = LinearRegression().fit(nearly, y)
    assert any(note.startswith("x0, x3 nearly depend") for note in model.summary().notes)


def test_of_many_columns_the_first_are_named():
    X, y = table("diabetes")
    far = (np.hstack([X, X + 1e-3 * np.sin(X)]) + 1e6).astype(np.float32)
    with pytest.warns(DeltaruleWarning, match="found x0, x1, .*x9, ...: weights of float32"):
        LinearRegression(alpha=1e-3).fit(far, y)


def test_other_rows_are_refused():
    X, y = table("diabetes")
    model = LinearRegression().fit(X, y)
    with pytest.raises(InvalidOption, match="pass the rows of fit"):
        model.infer(X[::2], y[::2], covariance="HC3")
    with pytest.raises(InvalidOption, match="standard errors off"):
        model.influence(X, y + X[:, 0] * 1000)


@pytest.mark.parametrize(
    "options", [{"covariance": "HC9"}, {"weights": "no"}, {"covariance": "cluster"}, {"groups": [1]}]
)
def test_options_that_are_unknown(options):
    X, y = table("stackloss")
    with pytest.raises(InvalidOption, match="expected"):
        LinearRegression().fit(X, y).infer(X, y, **options)


@pytest.mark.parametrize("groups", [[1.0, np.nan] * 10 + [1], ["a", None] * 10 + ["b"], [1, 2], [0] * 21])
def test_groups_that_cannot_be_used(groups):
    X, y = table("stackloss")
    with pytest.raises(ValueError, match="group"):
        LinearRegression().fit(X, y).infer(X, y, covariance="cluster", groups=groups)


def test_groups_of_any_kind_are_those_that_are_equal():
    X, y = table("diabetes")
    plain = np.arange(len(y)) % 9
    mixed = np.array([float(g) if i % 2 else g for i, g in enumerate(plain.tolist())], dtype=object)
    kinds = np.array([*"1abc", 1, None, 2.5, (1, 2), True, 3], dtype=object)[[0, 1, 2, 3, 4, 6, 7, 9, 9]][plain]
    model = LinearRegression().fit(X, y)
    expected = model.infer(X, y, covariance="cluster", groups=plain).covariance()
    np.testing.assert_allclose(model.infer(X, y, covariance="cluster", groups=mixed).covariance(), expected, rtol=1e-9)
    assert "8 groups" in model.infer(X, y, covariance="cluster", groups=kinds).summary().notes[0]


@pytest.mark.parametrize("level", [0, 1, 95, True, "0.9", None])
def test_levels(level):
    with pytest.raises(InvalidOption, match="between 0 and 1"):
        LinearRegression().fit(*table("stackloss")).summary(level)


def test_frequencies_of_less_than_one_sample_a_weight_have_no_errors():
    X, y = overlapping(400, 2, np.float64)
    model = LogisticRegression(C=np.inf).fit(X, y, np.full(400, 0.01))
    assert "more samples than parameters" in model.summary().notes[0]


def test_a_large_table_is_left_to_infer(monkeypatch):
    from deltarule.estimators import measuring

    X, y = table("diabetes")
    monkeypatch.setattr(measuring, "MOST_ENTRIES", 1000)
    model = LinearRegression(engine="reference").fit(X, y)
    assert "infer(X, y) computes them" in model.summary().notes[0]
    assert model.infer(X, y).summary().has_errors


def test_class_weights_with_firth_are_told_what_helps():
    X, y = load_breast_cancer(return_X_y=True)
    notes = fit_logistic(X[:, :3], y, solver="firth", class_weight="balanced").summary().notes
    assert any("class_weight" in note for note in notes)
    assert not any("HC0" in note for note in notes)


def test_values_too_large_to_be_squared():
    X, y = table("stackloss")
    model = LinearRegression().fit(X * 1e200, y)
    assert "squares are finite" in model.summary().notes[0]
    with pytest.raises(ValueError, match="squares are finite"):
        LogisticRegression(solver="firth").fit(X * 1e200, y > 15)


def test_one_of_three_classes_is_separated():
    x = np.repeat([0.0, 0.0, 0.0, 1.0, 1.0], [20, 20, 20, 15, 15])[:, None]
    y = np.repeat([0, 1, 2, 0, 1], [20, 20, 20, 15, 15])  # class 2 only where x is 0
    with pytest.warns(SeparationWarning, match="quasi-complete separation: .*x0"):
        model = LogisticRegression(C=np.inf).fit(x, y)
    assert "No standard errors" in str(model.summary())


def test_separated_classes_have_no_errors():
    X, y = load_iris(return_X_y=True, as_frame=True)
    with pytest.warns(SeparationWarning, match="quasi-complete separation: .*petal"):
        model = LogisticRegression(C=np.inf).fit(X, y)
    assert "separation" in model.summary().notes[0]
    with pytest.warns(
        SeparationWarning, match="^complete separation: a linear combination of petal length .cm. separates"
    ):
        LogisticRegression(C=np.inf).fit(X[y < 2][["petal length (cm)", "sepal length (cm)"]], y[y < 2])


def test_separated_classes_have_no_errors_after_loading_either(tmp_path):
    X, y = load_iris(return_X_y=True)
    with pytest.warns(SeparationWarning):
        LogisticRegression(C=np.inf).fit(X[:, 2:], y).save(tmp_path / "model")
    model = load(tmp_path / "model")
    for kind in ("classical", "HC1"):
        with pytest.raises(InvalidOption, match="separation: a linear combination of x1 separates"):
            model.infer(X[:, 2:], y, covariance=kind)
    document, arrays = to_document(model)
    for own in ({"apart": "yes"}, {"apart": {"message": 1, "hint": "", "columns": []}}):
        with pytest.raises(ModelFileError, match="refusal: expected"):
            from_document(document | {"own": document["own"] | own}, arrays)
    del document["own"]["apart"]
    with pytest.raises(ModelFileError, match="expected the field apart"):
        from_document(document, arrays)


@pytest.mark.parametrize("asked", [False, True])
def test_weights_assigned_one_by_one_have_no_errors(asked):
    X, y = table("stackloss")
    model = LinearRegression().fit(X, y)
    assert not asked or model.summary().has_errors
    kept = model.coef_[1]
    model.coef_[1] += 1
    assert "weights of fit" in model.summary().notes[0]
    with pytest.raises(InvalidOption, match="weights of fit"):
        model.predict_interval(X)
    model.coef_[1] = kept
    assert model.summary().has_errors


def test_a_class_without_weight_is_told():
    X, y = overlapping(300, 3, np.float64)
    with pytest.warns(SeparationWarning, match="no sample of positive weight of class 2"):
        model = LogisticRegression(C=np.inf).fit(X, y, (y != 2).astype(float))
    assert not model.summary().has_errors


COLLINEAR = {
    "twice": lambda X: X[:, 0] * 2,
    "a third": lambda X: X[:, 0] / 3,
    "a sum": lambda X: X[:, 0] + X[:, 1],
    "far from zero": lambda X: X[:, 0] + X[:, 1] + 1000,
    "a constant": lambda X: np.full(len(X), 0.1),
}


@pytest.mark.filterwarnings("ignore:expected columns not far from zero")
@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression(C=np.inf)], ids=["linear", "logistic"])
@pytest.mark.parametrize("m", [300, 5000])
@pytest.mark.parametrize("case", COLLINEAR)
def test_collinear_columns_are_named_in_either_precision(model, m, case):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(m, 3))
    X = np.c_[X + 1000 * (case == "far from zero"), COLLINEAR[case](X)]
    score = X[:, 2] - X[:, 2].mean() + rng.normal(size=m)
    for classes in (2, 3) if isinstance(model, LogisticRegression) else (0,):
        y = score if classes == 0 else np.digitize(score, [0.0, 1.0][: classes - 1])
        told = [str(clone(model).fit(X.astype(dtype), y).summary().notes[0]) for dtype in (np.float64, np.float32)]
        named = [re.search(r"do not depend on each other, found ([x0-9, ]+), whose weights", text)[1] for text in told]
        assert named[0] == named[1]
        assert "x2" not in named[0]
        assert named[0].endswith("x3")


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_columns_that_single_precision_can_tell_apart_are_not_taken_as_collinear(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3)).astype(kind)
    X = np.c_[X, X[:, 0] + 1e-4 * rng.normal(size=500).astype(kind)]
    y = X[:, 1] + rng.normal(size=500) > 0
    summary = LogisticRegression(C=np.inf).fit(X, y).summary()
    assert not any("found x0, x3" in note for note in summary.notes)


def test_classes_of_which_it_takes_too_long_to_tell_whether_they_are_separable(monkeypatch):
    X = np.arange(12.0)[:, None]
    y = (X[:, 0] > 5).astype(int)
    X[5] = X[6]  # on the line
    monkeypatch.setattr(separable, "SECONDS", 0.0)
    with pytest.warns(SeparationWarning, match="nearly separates, or wholly: it takes too long to tell; penalize"):
        model = LogisticRegression(C=np.inf).fit(X, y)
    assert any("too long to tell" in note for note in model.summary().notes)
