"""Formulas on the command line: equal to statsmodels', kept in the model, refused where they cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.formula.api as smf
from cli_tables import Cli
from numpy.testing import assert_allclose
from people import ALL, people
from statsmodels.genmod.families import Binomial

import deltarule
from deltarule.errors import DeltaruleWarning
from deltarule.tabular.fit import fit_table
from deltarule.tabular.read import read_table


@pytest.mark.parametrize(
    "right",
    [
        "x + C(group)",
        "x * smoker + log(z)",
        "I(x / 10) + sqrt(z) + group:smoker",
        "C(group, Treatment('red')) + x",
        "C(group, Treatment(reference='red')) + x",
        "C(group, Sum) * x",
        "C(group, Sum()) + C(smoker, Treatment())",
        "x + I(x ** 2) + abs(z - 100)",
        "x + C(group) - 1",
    ],
)
def test_formulas_equal_statsmodels(right: str, cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", f"y ~ {right}", *ALL, "--json")
    assert (ran.code, ran.err) == (0, "")
    summary = ran.json()["summary"]["columns"]
    theirs = smf.ols(f"y ~ {right.replace('log(', 'np.log(').replace('sqrt(', 'np.sqrt(')}", table.to_pandas()).fit()
    assert_allclose(sorted(summary["coefficient"]), sorted(theirs.params), rtol=1e-6)
    assert_allclose(sorted(summary["standard error"]), sorted(theirs.bse), rtol=1e-6)
    model = deltarule.load(tmp_path / "model.safetensors")
    assert_allclose(model.predict(table)["prediction"], theirs.fittedvalues, rtol=1e-8)
    assert_allclose(model.predict(table[5:6])["prediction"], theirs.fittedvalues[5:6], rtol=1e-8)  # one level alone
    model.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("right", "told"),
    [
        ("x + z", "x: no; z: no"),
        ("C(x, Treatment('yes')) + C(z)", "x: yes; z: no"),
        ("C(x, Treatment('yes')) + `q w`:k", "x: yes"),
        ("x * C(`q w`, Treatment('b'))", "x: no; q w: b"),
        ("C(x, Sum) + z", "z: no"),
        ("C(x, Sum) + k", ""),
    ],
)
def test_reference_levels_are_told_of_each_column_by_itself(right: str, told: str) -> None:
    sides, rng = {"x": ["no", "yes"], "z": ["no", "yes"], "q w": ["a", "b"]}, np.random.default_rng(0)
    table = {name: rng.choice(levels, 50).tolist() for name, levels in sides.items()}
    table |= {name: rng.normal(size=50).tolist() for name in "yk"}
    remarks = fit_table(table, "y", formula=right).preprocessing.remarks()
    assert remarks == ([f"reference levels, from which the others differ: {told}."] if told else [])


def test_a_function_of_text_is_refused(cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", "y ~ log(group)", *ALL)
    assert ran.code == 2
    assert ran.err.startswith("deltarule: formula 'log(group)'")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([*map(str, range(50)), "oops"], "1 of 51 values are text (row 51: 'oops'); correct these values"),
        ([f"1,{k:03d}.5" for k in range(51)], "not written plainly, such as '1,000.5'; write plain numbers"),
    ],
)
def test_numbers_that_cannot_be_read_are_no_categories_of_a_formula(
    values: list[str], says: str, cli: Cli, tmp_path: Path
) -> None:
    pl.DataFrame({"x": values, "y": np.arange(51.0)}).write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", "y ~ x", *ALL)
    assert ran.code == 2
    assert says in ran.err
    assert "or write C(x) in the formula" in ran.err


def test_a_formula_of_classes(cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv").to_pandas()
    ran = cli("train", "t.csv", "-t", "state", "--formula", "x + C(group)", *ALL)
    assert ran.code == 0
    assert "C(group)[T.red]" in ran.out
    assert "Reference levels, from which the others differ: group: blue." in ran.out
    table["t"] = (table["state"] == "well").astype(int)
    theirs = smf.logit("t ~ x + C(group)", table).fit(disp=0, tol=1e-12)
    summary = deltarule.load(tmp_path / "model.safetensors").summary()
    assert_allclose(sorted(summary["standard error"]), sorted(theirs.bse), rtol=1e-7)


def test_whole_numbers_as_categories_are_in_order(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"k": rng.choice([2, 10, 1], 60), "y": rng.normal(size=60)})
    table.write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", "y ~ C(k)", *ALL, "--json").json()
    assert ran["summary"]["columns"]["term"] == ["intercept", "C(k)[T.2]", "C(k)[T.10]"]
    assert "k: 1" in ran["summary"]["notes"][0]


@pytest.mark.parametrize("level", ["2", "'2'", "2.0", "'02'", "reference=2", 'reference="2.0"'])
def test_a_number_as_the_reference(level: str, cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"k": rng.choice([2, 10, 1], 60), "y": rng.normal(size=60)})
    table.write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", f"y ~ C(k, Treatment({level}))", *ALL, "--json")
    assert (ran.code, ran.err) == (0, "")
    theirs = smf.ols("y ~ C(k, Treatment(2))", table.to_pandas()).fit()
    assert_allclose(ran.json()["summary"]["columns"]["coefficient"], theirs.params, rtol=1e-9)
    model = deltarule.load(tmp_path / "model.safetensors")
    assert_allclose(
        model.predict({"k": [2, 10]})["prediction"], theirs.predict(pl.DataFrame({"k": [2, 10]}).to_pandas()), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("y ~ .", "y ~ x + `a z` + group + smoker"),
        (".", "y ~ x + `a z` + group + smoker"),
        ("y ~ . - group", "y ~ x + `a z` + smoker"),
        ("y ~ x * (. - x - `a z`)", "y ~ x * (group + smoker)"),
        ("y ~ .^2 - .:`a z`", "y ~ (x + group + smoker)^2"),
        ("y ~ . + I(x ** 2 / 1.5)", "y ~ x + `a z` + group + smoker + I(x ** 2 / 1.5)"),
    ],
)
def test_a_dot_stands_for_all_other_columns(short: str, long: str, cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv").rename({"z": "a z"}).drop("state", "three")
    table.write_csv(tmp_path / "t.csv")
    left, right = (
        cli("train", "t.csv", "-t", "y", "--weights", "w", "--formula", formula, *ALL, "--json").json()["summary"]
        for formula in (short, long)
    )
    ours, theirs = (
        dict(zip(found["columns"]["term"], found["columns"]["coefficient"], strict=True)) for found in (left, right)
    )
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert "w" not in ours


def test_a_dot_is_written_out_in_the_model(cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv").select("x", "group", "y")
    table.write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", "y ~ .", *ALL)
    assert "x + group" in ran.out
    table.with_columns(new=pl.lit("ignored")).write_csv(tmp_path / "new.csv")
    assert cli("predict", "model.safetensors", "new.csv").code == 0
    assert "formula   x + group" in cli("inspect", "model.safetensors").out


@pytest.mark.parametrize(
    ("table", "formula", "words"),
    [
        ("x,y", "y ~ log(.)", "expected . by itself, for all other columns, found it within a function in 'log(.)'"),
        ("x,y", "y ~ x + I((x + .) * 2)", "found it within a function"),
        ("a|b,y", "y ~ .", "found 'a|b'; rename it"),
        (
            ",".join(["y", *(f"column_{k}" for k in range(99))]),
            "y ~ .",
            "found . for 99 columns; leave the formula out",
        ),
    ],
)
def test_dots_that_are_refused(table: str, formula: str, words: str, cli: Cli, tmp_path: Path) -> None:
    row = ",".join(["1"] * (table.count(",") + 1))
    (tmp_path / "t.csv").write_text("\n".join([table, *[row] * 20, ""]))
    ran = cli("train", "t.csv", "--formula", formula)
    assert ran.code == 2
    assert words in ran.err


def test_rows_with_holes_are_left_out_and_told(cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv")
    table = table.with_columns(pl.when(pl.int_range(pl.len()) % 10 != 0).then("x").alias("x"))
    table.write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", "y ~ x + C(group)", *ALL, "--json").json()
    assert ran["rows"]["incomplete"] == 30
    assert ran["summary"]["facts"]["samples"] == 270


@pytest.mark.parametrize("target", ["y", "state", "three"])
def test_rows_with_holes_have_no_prediction(target: str, cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv")
    cli("train", "t.csv", "--formula", f"{target} ~ x + C(group)", *ALL)
    row = pl.int_range(pl.len())
    holes = table.with_columns(
        pl.when(row % 10 != 1).then("x").alias("x"), pl.when(row % 25 != 2).then("group").alias("group")
    )
    holes.write_csv(tmp_path / "holes.csv")
    ran = cli("predict", "model.safetensors", "holes.csv", "-o", "p.csv")
    assert ran.code == 0
    assert "note: no prediction for 42 rows with missing values of the formula (first: row 2)" in ran.err
    assert "258 predictions written to p.csv" in ran.out
    model = deltarule.load(tmp_path / "model.safetensors")
    whole, notes = model.predict(table), []
    predicted = model.predict(holes.to_pandas(), notes=notes)
    assert predicted.schema == whole.schema
    there = holes["x"].is_not_null() & holes["group"].is_not_null()
    for name in whole.columns:
        assert predicted[name].is_null().equals(~there)
    assert predicted.filter(there).equals(whole.filter(there))
    assert len(notes) == 1
    with pytest.warns(DeltaruleWarning, match="no prediction for 42 rows"):
        model.predict(holes)
    written = pd.read_csv(tmp_path / "p.csv")  # which passes over blank lines
    assert written["prediction"].isna().tolist() == (~there).to_list()
    assert read_table(tmp_path / "p.csv")["prediction"].is_null().equals(~there)
    evaluated = cli("evaluate", "model.safetensors", "holes.csv", "--json")
    assert evaluated.json()["rows"] == 258
    assert evaluated.json()["notes"][-1:] == ["42 rows with missing values of the formula (first: row 2) left out"]
    holes.filter(there).write_csv(tmp_path / "t.csv")
    kept = cli("evaluate", "model.safetensors", "t.csv", "--json")
    assert kept.json()["metrics"] == evaluated.json()["metrics"]


def test_a_table_of_holes_alone(cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    cli("train", "t.csv", "--formula", "three ~ x + C(group)", *ALL)
    (tmp_path / "holes.csv").write_text("x,group,three\n,red,it\n1,,it\n")
    assert cli("predict", "model.safetensors", "holes.csv").out.splitlines()[1:] == [",,,"] * 2
    ran = cli("evaluate", "model.safetensors", "holes.csv")
    assert ran.code == 2
    assert "expected rows with all values of the formula, found 2 rows with missing values of" in ran.err


def test_rows_are_numbered_as_in_the_table_with_holes(cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    cli("train", "t.csv", "--formula", "y ~ log(z) + C(group)", *ALL)
    (tmp_path / "new.csv").write_text("z,group,y\n,red,1\n1,violet,\n2,,1\n0,red,1\n")
    for command in ("predict", "evaluate"):
        ran = cli(command, "model.safetensors", "new.csv")
        assert ran.code == 2
        assert "expected a finite log(z), found -inf in row 4" in ran.err


def test_levels_never_seen_are_told(cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv")
    cli("train", "t.csv", "--formula", "y ~ x + C(group)", *ALL)
    table.with_columns(group=pl.lit("violet")).write_csv(tmp_path / "new.csv")
    ran = cli("predict", "model.safetensors", "new.csv", "-o", "p.csv")
    assert "first 'violet' in row 1) are taken as 'blue'" in ran.err


BAD = {
    "y ~ __import__('os').system('touch hacked')": "__import__",
    "y ~ C(__import__('os'))": "C(column)",
    "y ~ C(group, __import__('os'))": "Treatment('level')",
    "y ~ Sum('group')": "expected Sum within C(), found \"Sum('group')\"; write C(column, Sum)",
    "y ~ x + Treatment(group)": "expected Treatment within C(), found 'Treatment(group)'; write C(column, Treatment)",
    "y ~ C(group, Sum('red'))": "expected Sum without a level",
    "y ~ C(group, Helmert)": "expected Treatment('level') or Sum in C(), found 'C(group, Helmert)'",
    "y ~ C(group, Treatment)": "expected Treatment('level') or Sum in C(), found 'C(group, Treatment)'",
    "y ~ C('group')": "such as C(group), without quotes",
    "y ~ C(group, Treatment('rad'))": "levels of 'group' in C() of the formula, found 'rad'; did you mean 'red'?",
    "y ~ C(group, Treatment(2))": "found '2'; such as 'blue', 'green', 'red'",
    "y ~ x.__class__": "none named 'x.__class__'",
    "y ~ I((lambda: x)())": "expected columns, numbers",
    "y ~ scale(x)": "expected columns, numbers",
    "y ~ poly(x, 2)": "expected columns, numbers",
    "y ~ np.log(x)": "expected columns, numbers",
    "y ~ {x if x else z}": "expected columns, numbers",
    "y ~ I(9 ** 9 ** 9 ** x)": "power",
    "y ~ I(x ** 11)": "expected a formula",
    "y ~ (x + z) ** 99": "expected a formula",
    "y ~ x | z": "expected a formula",
    "y ~ x[0]": "expected a formula",
    "y ~ x +": "expected a formula",
    "y ~ (x": "expected a formula",
    "y ~": "expected a formula",
    "y ~ 1": "at least one column",
    "y ~ 5 + x": "Numeric literals",
    "y ~ x ~ z": "expected a formula",
    "log(y) ~ x": "left of ~",
    "y ~ nothing": "none named 'nothing'",
    "y ~ y + x": "expected other columns than 'y'",
    "y ~ log(x - 1000)": "expected a finite log(x - 1000), found nan in row",
    "y ~ log(group)": "log(group)",
    "y ~ C(group, Treatment('violet'))": "violet",
    "": "expected a formula",
}


@pytest.mark.parametrize("formula", BAD)
def test_formulas_that_are_refused(formula: str, cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", formula)
    assert ran.code == 2
    assert len(ran.error) == 1
    assert len(ran.error[0]) < 400
    assert BAD[formula] in ran.err
    assert not (tmp_path / "hacked").exists()
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "z"), "found 'z' and 'y' in the formula"),
        (("--model", "mlp"), "found mlp"),
        (("--drop", "z"), "no --drop beside a formula"),
        (("--scale", "robust"), "no --scale beside a formula"),
        (("--hidden", "4"), "expected no --hidden"),
    ],
)
def test_options_that_do_not_go_with_a_formula(options: tuple[str, ...], words: str, cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", "y ~ x", *options)
    assert ran.code == 2
    assert words in ran.err


def test_a_formula_in_a_file_is_not_trusted(cli: Cli, tmp_path: Path) -> None:
    from deltarule import model_file
    from deltarule.errors import DeltaruleError

    table = people(tmp_path / "t.csv")
    cli("train", "t.csv", "--formula", "y ~ x + C(group)", *ALL)
    document, arrays = model_file.read(tmp_path / "model.safetensors", kind="model")
    for change in (
        {"formula": "__import__('os').system('touch hacked')"},
        {"formula": "x + C(group) + I(open('t.csv'))"},
        {"formula": "x + z"},
        {"formula": "x + C(group) + I(x * 2)"},
        {"names": ["x"]},
        {"levels": {"group": ["red", "red"]}},
        {"levels": {"other": ["red"]}},
        {"feature_names": []},
        {"intercept": 1},
        {"formula": None},
    ):
        changed = {**document, "preprocessing": {**document["preprocessing"], **change}}
        model_file.write(tmp_path / "bad", changed, arrays, kind="model")
        with pytest.raises(DeltaruleError):
            deltarule.load(tmp_path / "bad").predict(table)
    assert not (tmp_path / "hacked").exists()


def test_without_the_library_it_says_what_to_install(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    people(tmp_path / "t.csv")
    monkeypatch.setitem(sys.modules, "formulaic", None)
    ran = cli("train", "t.csv", "--formula", "y ~ x")
    assert ran.code == 2
    assert "expected formulaic for a formula, found none; pip install formulaic" in ran.err


@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_weights_count_as_they_are(kind: str, cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv").with_columns(w=pl.Series(np.arange(300) % 4 + 1))
    table.write_csv(tmp_path / "t.csv")
    data = table.to_pandas()
    data["t"] = data["y"] if kind == "linear" else (data["state"] == "well").astype(int)
    if kind == "linear":
        theirs = smf.wls("t ~ x + C(group)", data, weights=data["w"]).fit()
    else:
        theirs = smf.glm("t ~ x + C(group)", data, family=Binomial(), freq_weights=data["w"]).fit(tol=1e-14)
    target = "y" if kind == "linear" else "state"
    ran = cli("train", "t.csv", "--formula", f"{target} ~ x + C(group)", "--weights", "w", *ALL, "--json").json()
    summary = ran["summary"]
    assert_allclose(sorted(summary["columns"]["standard error"]), sorted(theirs.bse), rtol=1e-7)
    assert_allclose(summary["facts"]["log-likelihood"], theirs.llf, rtol=1e-9)
    if kind == "linear":
        assert_allclose(summary["facts"]["σ"], theirs.scale**0.5, rtol=1e-9)
    else:
        assert summary["facts"]["samples"] == table["w"].sum()


@pytest.mark.parametrize(
    ("formula", "more", "told"),
    [
        ("y ~ x", ("--weights", "nope"), "expected the weights column 'nope' in the table"),
        ("y ~ C(class)", (), "rename the column 'class', a word of Python"),
        ("y ~ C(group) * C", (), "expected a column or a function C, found both"),
    ],
)
def test_names_that_cannot_be(formula: str, more: tuple[str, ...], told: str, cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv")
    table.with_columns(C=pl.col("x") + 1, **{"class": pl.col("group")}).write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "--formula", formula, *more, *ALL)
    assert ran.code == 2
    assert ran.err.startswith("deltarule: expected")
    assert told in ran.err
