"""``deltarule diagnose``: both kinds of model files, both formats, bad input."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from cli_tables import mixed_table

import deltarule
from deltarule import LinearRegression, MLPClassifier


@pytest.fixture
def trained(cli):
    table = mixed_table()
    table.write_csv("t.csv")
    assert cli("train", "t.csv", "--target", "outcome", "--hidden", "8", "--epochs", "20", "-o", "m.st", "-q").code == 0
    return table


def test_a_model_of_the_command_line_with_its_preprocessing(cli, trained):
    ran = cli("diagnose", "m.st", "t.csv")
    assert ran.code == 0
    assert "ΔW / W" in ran.out
    found = cli("diagnose", "m.st", "t.csv", "--json").json()
    assert found["samples"] == 240
    assert found["layers"][0]["units"] == len(deltarule.load("m.st").preprocessing.feature_names)
    direct = deltarule.diagnose(deltarule.load("m.st"), trained)
    assert found["layers"] == direct.to_dict()["layers"]
    assert abs(found["layers"][0]["std"]) < 2  # the columns are scaled


def test_rows_without_a_target_are_left_out(cli, trained):
    holes = trained.with_row_index("i").with_columns(
        outcome=pl.when(pl.col("i") < 10).then(None).otherwise(pl.col("outcome"))
    )
    holes.drop("i").write_csv("holes.csv")
    ran = cli("diagnose", "m.st", "holes.csv", "--json")
    assert ran.json()["samples"] == 230
    assert "10 rows without a target left out" in ran.err


def test_models_saved_from_python(cli):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(rng.normal(size=(90, 3)), schema=["a", "b", "c"]).with_columns(
        kind=pl.Series(np.resize(["x", "y", "z"], 90))
    )
    frame.write_csv("t.csv")
    model = MLPClassifier((4,), random_state=0, max_iter=2000)
    model.fit(frame.select("a", "b", "c"), frame["kind"].to_numpy()).save("named.st")
    model.intercepts_[0][...] = -100
    model.save("named.st")
    ran = cli("diagnose", "named.st", "t.csv", "--target", "kind")
    assert ran.code == 0
    assert "layer 1: 4 of 4 units (units 1, 2, 3, 4) never active" in ran.out
    LinearRegression().fit(frame.select("a").to_numpy(), frame.select("b", "c").to_numpy()).save("array.st")
    assert cli("diagnose", "array.st", "t.csv", "--target", "b,c").code == 2  # kind is no feature
    frame.drop("kind").write_csv("numbers.csv")
    assert "No findings" in cli("diagnose", "array.st", "numbers.csv", "--target", "b,c").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("named.st", "t.csv"), "expected --target"),
        (("named.st", "t.csv", "--target", "knd"), "did you mean 'kind'"),
        (("m.st", "t.csv"), "the target column 'outcome' is not in the table"),
        (("m.st", "t.csv", "--target", "a"), "leave it out"),
        (("t.csv", "t.csv"), "t.csv"),
        (("named.st", "none.csv"), "none.csv"),
        (("named.st", "t.csv", "--target", "kind", "--format", "xml"), "--format"),
    ],
)
def test_bad_input_is_one_line(cli, trained, arguments, said):
    frame = pl.DataFrame({"a": np.arange(60) % 7.0, "kind": np.resize(["x", "y"], 60)})
    MLPClassifier((4,), random_state=0, max_iter=2000, tol=0.1).fit(frame.select("a"), frame["kind"].to_numpy()).save(
        "named.st"
    )
    frame.write_csv("t.csv")
    ran = cli("diagnose", *arguments)
    assert ran.code == 2
    assert len(ran.error) == 1
    assert said in ran.error[0]
