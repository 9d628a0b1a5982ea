"""A model of a table from Python: training, metrics against scikit-learn's, saving and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

import deltarule
import deltarule.estimators
from deltarule import MLPClassifier, model_file
from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, ModelFileError, UnknownName
from deltarule.tabular.advice import _IN_OPTIONS
from deltarule.tabular.draft import batch_size, epochs
from deltarule.tabular.fit import fit_table
from deltarule.tabular.metrics import beats, classification_metrics, regression_metrics
from deltarule.tabular.model import TabularModel
from deltarule.tabular.options import Options
from deltarule.tabular.outcome import Outcome
from deltarule.tabular.prepare import prepare, read_weights
from deltarule.tabular.recipe import make_recipe
from deltarule.tabular.target import Task

QUICK: dict[str, Any] = {"epochs": 4, "hidden": (6,)}


def table(m: int = 120, task: str = "binary", seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, m))
    color = rng.choice(["red", "green", None], m)
    s = 2 * x - z + (color == "red")
    y: Any = {"binary": np.where(s > 0, "up", "down"), "multiclass": np.digitize(s, [-1, 1]), "regression": 50 + 9 * s}
    return pl.DataFrame({"x": x, "z": z, "color": color.tolist(), "y": y[task]})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("model", ["simple", "mlp"])
def test_learns_saves_and_loads(task: str, model: str, tmp_path: Path) -> None:
    frame = table(300, task)
    simple = {"model": "linear"} if task == "regression" else {"model": "logistic", "l2": 1.0}
    fitted = fit_table(frame, "y", **simple if model == "simple" else {"model": "mlp", "epochs": 100})
    report = fitted.report
    assert report["test"]["r2" if task == "regression" else "accuracy"] > 0.85
    fitted.save(tmp_path / "m")
    loaded = deltarule.load(tmp_path / "m")
    assert loaded.predict(frame).equals(fitted.predict(frame))
    assert loaded.evaluate(frame) == fitted.evaluate(frame)
    assert loaded.report == report
    np.testing.assert_equal(loaded.history, fitted.history)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_a_linear_model_finds_the_exact_line() -> None:
    frame = pl.DataFrame({"x": [i / 7 for i in range(50)], "y": [3 - 2 * i / 7 for i in range(50)]})
    fitted = fit_table(frame, "y", model="linear")
    new = pl.DataFrame({"x": [-100.0, 0.0, 1e6]})
    np.testing.assert_allclose(fitted.predict(new)["prediction"], [203, 3, 3 - 2e6], rtol=1e-9)


def test_weights_count_as_repeated_rows_in_the_metrics() -> None:
    rng = np.random.default_rng(1)
    y, w = rng.integers(0, 3, 50), rng.integers(1, 4, 50).astype(float)
    p = rng.dirichlet(np.ones(3), 50)
    again = np.repeat(np.arange(50), w.astype(int))
    assert classification_metrics(y, p, w) == pytest.approx(classification_metrics(y[again], p[again]))
    a, b = rng.normal(size=(2, 50))
    assert regression_metrics(a, b, w) == pytest.approx(regression_metrics(a[again], b[again]))


def test_metrics_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    y, p, w = rng.normal(size=(3, 40))
    w = np.abs(w)
    found = regression_metrics(y, p, w)
    expected = {
        "rmse": sk.root_mean_squared_error(y, p, sample_weight=w),
        "mae": sk.mean_absolute_error(y, p, sample_weight=w),
        "r2": sk.r2_score(y, p, sample_weight=w),
    }
    assert found == pytest.approx(expected)
    classes, proba = rng.integers(0, 2, 40), rng.dirichlet(np.ones(2), 40)
    assert classification_metrics(classes, proba) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(classes, proba.argmax(1)),
            "roc_auc": sk.roc_auc_score(classes, proba[:, 1]),
            "log_loss": sk.log_loss(classes, proba),
        }
    )


def test_the_mean_of_f1_is_that_of_scikit_learn_whatever_classes_are_there() -> None:
    proba = np.eye(3)[[1, 1, 2, 1]]
    found = classification_metrics(np.array([1, 1, 1, 1]), proba)["f1_macro"]
    assert found == pytest.approx(sk.f1_score([1, 1, 1, 1], [1, 1, 2, 1], average="macro"))
    assert found < 0.5


@pytest.mark.parametrize("value", [0.1, 1.5, 1e-300])
@pytest.mark.parametrize("rows", [3, 30])
def test_a_constant_target_has_no_r2(value: float, rows: int) -> None:
    assert regression_metrics(np.full(rows, value), np.linspace(0, value, rows))["r2"] is None


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_regression_metrics_at_any_magnitude(size: float) -> None:
    y = np.array([1.0, 2, 4])
    found = regression_metrics(y * size, (y + np.array([0, 0, 1])) * size)
    assert found["rmse"] == pytest.approx(size / np.sqrt(3))
    assert found["r2"] == pytest.approx(1 - 1 / np.sum((y - y.mean()) ** 2))


def test_metrics_that_rows_do_not_define() -> None:
    assert regression_metrics(np.array([3.0]), np.array([3.0]))["r2"] is None
    one = classification_metrics(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]]))
    assert (one["roc_auc"], one["accuracy"]) == (None, 0.5)
    assert beats({"r2": None}, {"r2": 0.1}) is None
    assert beats({"log_loss": 0.1}, {"log_loss": 0.2})
    assert not beats({"r2": -0.1}, {"r2": 0.0})


def test_a_class_ruled_out_has_a_finite_log_loss() -> None:
    found = classification_metrics(np.array([0]), np.array([[0.0, 1.0]]))["log_loss"]
    assert found is not None
    assert 80 < found < 100


# options and recipes


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("task", "other"), ("model", "tree"), ("hidden", ()), ("hidden", (0,)), ("hidden", (2.5,)), ("epochs", True),
        ("learning_rate", -1), ("learning_rate", float("nan")), ("learning_rate", True), ("batch_size", 0),
        ("patience", 0), ("dropout", 1.0), ("dropout", float("nan")), ("l1", -1), ("l2", float("inf")), ("seed", -1),
        ("scale", "x"), ("class_weight", "x"), ("unheard_of", 1), ("seed", None), ("hidden", 64), ("hidden", "64"),
        ("split", (0.8, 0.2)), ("split", 0.8), ("split", ("a", "b", "c")), ("drop", None), ("drop", "color"),
        ("numeric", (1,)), ("activation", ("relu", "tanh")), ("loss", 1), ("formula", 2), ("engine", None),
    ],
)  # fmt: skip
def test_options_are_checked(option: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=option if option != "hidden" else "hidden"):
        fit_table(table(), "y", **{option: value})


@pytest.mark.parametrize("option", ["activation", "loss", "optimizer", "schedule"])
def test_names_are_checked(option: str) -> None:
    with pytest.raises(UnknownName, match="nonsense"):
        Options(**{option: "nonsense"})


def test_changed_options_are_plain() -> None:
    assert Options().changed() == {}
    assert Options(hidden=(4, 2), l2=0.5).changed() == {"hidden": [4, 2], "l2": 0.5}


@given(st.integers(1, 10**9))
def test_batches_grow_and_epochs_shrink(m: int) -> None:
    assert 16 <= batch_size(m) <= batch_size(2 * m) <= 1024
    assert 300 >= epochs(m) >= epochs(2 * m) >= 40


def test_a_network_beyond_the_memory_is_refused() -> None:
    with pytest.raises(InvalidOption, match="memory"):
        make_recipe(Options(hidden=(10**6, 10**6)), Task("regression", ""), 100, 10, 5, 0)


@pytest.mark.parametrize("activation", ["relu", "prelu", "relu,prelu", "prelu(shared=true)"])
def test_the_parameters_that_are_told_are_those_of_the_network(activation: str) -> None:
    model = fit_table(table(60), "y", hidden=(6, 4), activation=activation, epochs=1)
    told = next(decision["why"] for decision in model.report["decisions"] if decision["what"] == "network")
    assert told.startswith(f"{model.estimator.network_.n_parameters} parameters")


def test_every_choice_has_a_reason() -> None:
    for task, n_classes in (("regression", 0), ("binary", 2), ("multiclass", 3)):
        for model in ("auto", "linear" if task == "regression" else "logistic"):
            recipe = make_recipe(Options(model=model), Task(task, ""), 100, 10, 5, n_classes)  # type: ignore[arg-type]
            assert all(decision.choice and decision.why for decision in recipe.decisions)


# preparing


def test_rows_are_split_without_overlap_and_scaled_by_the_training_rows() -> None:
    prepared = prepare(table(200), "y", Options())
    assert len(prepared.train) + len(prepared.valid) + len(prepared.test) == 200
    assert prepared.train.X.dtype == np.float32
    names = prepared.preprocessing.feature_names
    x = prepared.train.X[:, names.index("x")]
    assert abs(x.mean()) < 1e-6
    assert abs(x.std() - 1) < 1e-6


def test_rows_without_target_or_weight_are_left_out() -> None:
    frame = table(60).with_columns(
        y=pl.when(pl.int_range(60) < 4).then(None).otherwise("y"), w=(pl.int_range(60) % 5).cast(pl.Float64)
    )
    rows = prepare(frame, "y", Options(weights="w")).rows
    assert rows["without target"] == 4
    assert rows["without weight"] == 11
    assert rows["training"] + rows["validation"] + rows["test"] == 45


def test_weights_are_taken_as_they_are() -> None:
    np.testing.assert_allclose(read_weights(pl.Series("w", [1e99, 0, 3e99])), [1e99, 0, 3e99])
    for weight in (1e-320, 1e300):
        with pytest.raises(DataError, match="expected 0, or 1e-100 to 1e\\+100"):
            read_weights(pl.Series("w", [1.0, weight]))
    with pytest.raises(DataError, match="at least one positive weight"):
        read_weights(pl.Series("w", ["0", "0"]))
    with pytest.raises(DataError, match="found 'many' in row 2"):
        read_weights(pl.Series("w", ["1", "many"]))


def test_evaluate_warns_when_nobody_takes_its_notes() -> None:
    fitted = fit_table(table(), "y", **QUICK)
    with pytest.warns(DeltaruleWarning, match="1 row without a target"):
        fitted.evaluate(table(20).with_columns(y=pl.when(pl.int_range(20) == 3).then(None).otherwise("y")))


def test_evaluate_with_weights_all_zero() -> None:
    frame = table().with_columns(w=1.0)
    fitted = fit_table(frame, "y", weights="w", **QUICK)
    with pytest.raises(DataError, match="at least one positive weight"):
        fitted.evaluate(frame.with_columns(w=0.0))


# files


def test_load_gives_an_estimator_for_an_estimators_file(tmp_path: Path) -> None:
    X, y = np.eye(6), np.arange(6) % 2
    fitted = MLPClassifier((3,), max_iter=2, tol=0).fit(X, y)
    fitted.save(tmp_path / "e")
    loaded = deltarule.load(tmp_path / "e")
    assert isinstance(loaded, MLPClassifier)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    path = tmp_path_factory.mktemp("model") / "m"
    fit_table(table(), "y", **QUICK).save(path)
    return model_file.read(path, kind="model")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("weights", 3, "name of the weights"),
        ("report", {}, "decisions"),
        ("report", None, "found none"),
        ("estimator", "x", "estimator"),
        ("preprocessing", {"columns": []}, "columns"),
        ("target", {}, "name"),
    ],
)
def test_documents_that_make_no_sense(
    name: str, value: Any, says: str, written: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    document, arrays = written
    model_file.write(tmp_path / "bad", {**document, name: value}, arrays)
    with pytest.raises(ModelFileError, match=says) as caught:
        deltarule.load(tmp_path / "bad")
    assert str(tmp_path / "bad") in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "ranking"}, "task"),
        ({"kind": "regression"}, "task"),
        ({"classes": ["up"], "trivial": [1.0]}, "task"),
        ({"classes": ["up", "up"]}, "task"),
        ({"dtype": "integer"}, "classes of type integer"),
        ({"dtype": "boolean"}, "classes of type boolean"),
        ({"dtype": "color"}, "task"),
        ({"scale": 0.0}, "positive scale"),
        ({"trivial": [1.0]}, "share of each class"),
        ({"trivial": [True, False]}, "share of each class"),
        ({"trivial": [0.5, 2**2000]}, "share of each class"),
        ({"kind": "multiclass", "classes": ["a", "b", "c"], "trivial": [0.1, 0.1, 0.8]}, "inputs and outputs"),
    ],
)
def test_targets_that_make_no_sense(
    change: dict[str, Any], says: str, written: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    document, arrays = written
    with pytest.raises(ModelFileError, match=says):
        TabularModel.from_document({**document, "target": {**document["target"], **change}}, arrays)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"decisions": [{"what": 1}]}, "decisions"),
        ({"columns": ["x"]}, "columns"),
        ({"test": {"accuracy": "good"}}, "numbers in test"),
        ({"rows": {"test": "many"}}, "numbers of rows"),
        ({"interrupted": 1}, "interrupted"),
    ],
)
def test_reports_that_make_no_sense(
    change: dict[str, Any], says: str, written: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    document, arrays = written
    with pytest.raises(ModelFileError, match=says):
        TabularModel.from_document({**document, "report": {**document["report"], **change}}, arrays)


@pytest.mark.parametrize("name", ["test", "baseline", "best_epoch", "stopped"])
def test_a_report_without_a_field(name: str, written: tuple[dict[str, Any], dict[str, Any]]) -> None:
    document, arrays = written
    report = {key: value for key, value in document["report"].items() if key != name}
    with pytest.raises(ModelFileError, match=f"expected '{name}'"):
        TabularModel.from_document({**document, "report": report}, arrays)


def test_an_estimator_for_other_classes_is_refused(
    written: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    document, arrays = written
    n_features = len(TabularModel.from_document(document, arrays).preprocessing.feature_names)
    X = np.eye(n_features)
    MLPClassifier((6,), max_iter=2, tol=0).fit(X, ["a", *["b"] * (n_features - 1)]).save(tmp_path / "other")
    other, theta = model_file.read(tmp_path / "other", kind="model")
    with pytest.raises(ModelFileError, match="classes of the target"):
        TabularModel.from_document({**document, "estimator": other["estimator"]}, theta)


@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=20).filter(lambda y: len(set(y)) > 1))
def test_a_regression_target_survives_its_scaling(values: list[float]) -> None:
    y = np.array(values)
    outcome = Outcome.fit(pl.Series("y", y), Task("regression", ""), None, y, None)
    back = outcome.to_network(y, np.float64) * outcome.scale + outcome.center
    np.testing.assert_allclose(back, y, atol=1e-12 * np.abs(y).max())
    assert Outcome.from_json(outcome.to_json()) == outcome


def test_what_is_said_in_options_is_still_said_by_the_estimators() -> None:
    """Advice is known by its words: reworded there, it must be here, too."""
    folder = Path(deltarule.estimators.__file__).parent
    said = " ".join(" ".join(path.read_text().split()) for path in sorted(folder.glob("*.py")))
    said = said.replace('" f"', "").replace('" "', "")  # texts of several lines
    for parameter in _IN_OPTIONS:
        assert all(part in said for part in parameter.split(", or use ")), parameter
