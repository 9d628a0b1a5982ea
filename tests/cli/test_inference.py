"""The table of weights on the command line: in the units of the table, with the names of columns and levels."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.formula.api as smf
from cli_tables import Ran
from numpy.testing import assert_allclose
from statsmodels.genmod.families import Binomial

import deltarule
from deltarule.errors import DeltaruleWarning
from deltarule.tabular.read import read_table

Cli = Callable[..., Ran]
ALL = ("--split", "100,0,0")


def people(path: Path, m: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x, z = rng.normal(50, 10, m), rng.exponential(1e5, m)
    group, smoker = rng.choice(["red", "green", "blue"], m), rng.choice(["yes", "no"], m)
    y = 3 + 0.2 * x + 1e-5 * z + 2 * (group == "red") + (smoker == "yes") + rng.normal(0, 2, m)
    state = np.where(rng.random(m) < 1 / (1 + np.exp(-(y - 15) / 2)), "well", "sick")
    three = np.where(rng.random(m) < 0.3, "maybe", state)
    table = pl.DataFrame(
        {
            "x": x,
            "z": z,
            "group": group,
            "smoker": smoker,
            "y": y,
            "state": state,
            "three": three,
            "w": rng.random(m) + 0.1,
        }
    )
    table.write_csv(path)
    return table


TERMS = {"intercept": "Intercept", "x": "x", "z": "z", "group = green": "C(group)[T.green]",
         "group = red": "C(group)[T.red]", "smoker = yes": "C(smoker)[T.yes]"}  # fmt: skip


@pytest.mark.parametrize("scale", ["standard", "robust", "none"])
@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_the_table_equals_statsmodels(kind: str, scale: str, cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv").to_pandas()
    target, other = ("y", "state") if kind == "linear" else ("state", "y")
    table["t"] = table["y"] if kind == "linear" else (table["state"] == "well").astype(int)
    fit = smf.ols if kind == "linear" else smf.logit
    theirs = fit("t ~ x + z + C(group) + C(smoker)", table).fit(
        **({} if kind == "linear" else {"disp": 0, "tol": 1e-12})
    )
    ran = cli(
        "train", "t.csv", "-t", target, "--model", kind, "--drop", f"{other},three,w", "--scale", scale, *ALL, "--json"
    )
    assert (ran.code, ran.err) == (0, "")
    summary = ran.json()["summary"]
    assert summary["columns"]["term"] == list(TERMS)
    order = list(TERMS.values())
    for column, values in (("coefficient", theirs.params), ("standard error", theirs.bse), ("p", theirs.pvalues)):
        assert_allclose(summary["columns"][column], values[order], rtol=1e-7, err_msg=column)
    assert_allclose(summary["facts"]["log-likelihood"], theirs.llf, rtol=1e-10)
    if kind == "linear":
        assert_allclose(summary["facts"]["σ"], np.sqrt(theirs.scale), rtol=1e-10)
    shown = cli("inspect", "model.safetensors", "--json").json()["summary"]
    assert shown == summary


def test_what_is_shown(cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "state", "--model", "logistic", "--drop", "three")
    assert "Logistic regression, classical standard errors" in ran.out
    assert "group = red" in ran.out
    assert "Reference levels, from which the others differ: group: blue; smoker: no." in ran.out
    assert "log odds of well against sick" in ran.out
    assert "none, so that there are standard errors" in ran.out
    inspected = cli("inspect", "model.safetensors").out
    table = ran.out[ran.out.index("Logistic regression, classical") : ran.out.index("Test, on")]
    assert table.strip() in inspected
    assert "solved by      newton" in inspected
    three = cli("train", "t.csv", "-t", "three", "--model", "logistic", "--drop", "state,y", "-o", "three.st").out
    assert "log odds of it against maybe" in three


def test_penalties_are_told_in_place_of_errors(cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "y", "--model", "linear", "--drop", "state,three", "--l2", 1)
    assert "No standard errors: expected no penalty, found alpha=1" in ran.out
    assert "train with --l1 0 --l2 0" in ran.out
    assert "Penalties weigh the scaled columns." in ran.out
    assert "standard error  " not in ran.out
    assert "group = blue" in ran.out  # with a penalty no level is left out


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_a_target_of_any_size(size: float, cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv").select("x", "z", "y")
    table.write_csv(tmp_path / "t.csv")
    usual = cli("train", "t.csv", "-t", "y", "--model", "linear", "--json").json()["summary"]
    table.with_columns(pl.col("y") * size).write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "y", "--model", "linear", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = ran.json()["summary"]
    for column in ("coefficient", "standard error"):
        assert_allclose(np.array(found["columns"][column]) / size, usual["columns"][column], rtol=1e-9)
    assert found["facts"]["σ"] / size == pytest.approx(usual["facts"]["σ"])
    assert found["facts"]["R²"] == pytest.approx(usual["facts"]["R²"])
    assert cli("inspect", "model.safetensors").code == 0


def test_an_option_of_an_optimizer_that_is_the_default(cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    for optimizer, solver in (("lbfgs", "newton"), ("lbfgs(memory=10)", "lbfgs")):
        ran = cli("train", "t.csv", "-t", "y", "--model", "linear", "--optimizer", optimizer)
        assert f"{optimizer} " in ran.out
        assert cli("inspect", "model.safetensors", "--json").json()["solver"] == solver


def test_separated_classes_are_penalized_and_told(cli: Cli) -> None:
    cli("sample", "iris")
    ran = cli("train", "iris.csv", "-t", "species", "--model", "logistic", "--json")
    assert ran.code == 0
    [said] = ran.json()["notes"]
    assert "quasi-complete separation: a linear combination of petal" in said
    assert "the model was penalized (--l2 1)" in said
    [l2] = [d for d in ran.json()["decisions"] if d["what"] == "L2 penalty"]
    assert l2["choice"] == "1"
    assert "separation" in l2["why"]
    inspected = " ".join(cli("inspect", "model.safetensors").out.split())
    assert "No standard errors: expected classes that overlap, found quasi-complete separation" in inspected
    assert "a penalty (--l2 1) that keeps them finite; leave these columns out, or do without." in inspected
    assert "--l2 0" not in inspected
    insisted = cli("train", "iris.csv", "-t", "species", "--model", "logistic", "--l2", 0)
    assert "separation" in insisted.err
    assert "No standard errors: expected classes that overlap" in " ".join(insisted.out.split())


def test_separated_classes_resume_from_checkpoints_of_their_own(cli: Cli, tmp_path: Path) -> None:
    cli("sample", "iris")
    train = ("train", "iris.csv", "-t", "species", "--model", "logistic", "--checkpoint", "c.st", "-o")
    for model in ("first.st", "second.st", "third.st"):
        assert cli(*train, model, *(["--resume"] if model != "first.st" else [])).code == 0
    models = [deltarule.load(tmp_path / model).estimator.coef_ for model in ("first.st", "second.st", "third.st")]
    assert (models[0] == models[1]).all()
    assert (models[0] == models[2]).all()
    assert {path.name for path in tmp_path.glob("c.st*")} == {"c.st", "c.st.penalized"}


def test_inspect_advises_firth_for_two_separated_classes(cli: Cli, tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 60)
    pl.DataFrame({"x": x, "y": np.where(x > 0, "yes", "no")}).write_csv(tmp_path / "t.csv")
    trained = cli("train", "t.csv", "-t", "y", "--model", "logistic")
    for out in (trained.out, cli("inspect", "model.safetensors").out):
        said = " ".join(out.split())
        assert "a linear combination of x separates classes" in said
        assert "that keeps them finite; train with --optimizer firth." in said
        assert "--l2 0" not in said
    assert "standard error" in cli("train", "t.csv", "-t", "y", "--model", "logistic", "--optimizer", "firth").out


def test_notes_name_the_columns_of_the_table_and_options_of_the_shell(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    group = np.array(["a", "b", "c"])[np.arange(90) % 3]
    hit = np.where(group == "c", rng.integers(0, 2, 90), group == "a")
    table = pl.DataFrame({"x0": rng.normal(size=90), "x1": rng.normal(size=90), "group": group, "hit": hit})
    table.with_columns(pl.col("hit").replace_strict({0: "no", 1: "yes"})).write_csv(tmp_path / "t.csv")
    formula = ("train", "t.csv", "--formula", "hit ~ x1 + C(group)", "--split", "100,0,0")
    ran = cli(*formula, "--l2", 0)
    assert "a linear combination of C(group)[T.b]" in ran.err
    assert "penalize (--l2 1), or use --optimizer firth" in ran.err
    assert "solver=" not in ran.out + ran.err
    firth = cli(*formula, "--optimizer", "firth")
    assert firth.code == 0
    assert "Firth's penalized likelihood" in firth.out
    assert "standard error" in firth.out
    penalized = cli("train", "t.csv", "-t", "hit", "--model", "logistic", "--l2", 2)
    assert "expected no penalty, found one" in " ".join(penalized.out.split())
    twins = table.with_columns((pl.col("x1") * 2 + 1e-9 * pl.col("x0")).alias("twice"), (pl.col("x0")).alias("y"))
    twins.write_csv(tmp_path / "twins.csv")
    said = cli("train", "twins.csv", "-t", "y", "--model", "linear", "--drop", "group,hit,x0").err
    assert "found x1, twice: their condition number" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-t", "group", "--model", "logistic"), "expected two classes for --optimizer firth, found 3"),
        (("-t", "x0", "--model", "linear"), "expected --model logistic with --optimizer firth, found the linear model"),
        (("-t", "hit"), "expected --model logistic with --optimizer firth, found the mlp model"),
        (("-t", "hit", "--model", "logistic", "--l2", 1), "expected no --l2, found 1"),
        (("-t", "hit", "--model", "logistic", "--batch-size", 8), "expected no --batch-size, found 8"),
    ],
)
def test_where_firth_is_no_optimizer(cli: Cli, tmp_path: Path, options: tuple[Any, ...], words: str) -> None:
    x = np.arange(60.0)
    table = {"x0": np.sin(x), "x1": np.cos(2 * x), "group": ["a", "b", "c"] * 20, "hit": ["no", "yes"] * 30}
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", *options, "--optimizer", "firth")
    assert ran.code == 2
    assert words in ran.err


def test_the_contest_is_for_predictions(cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "state", "--drop", "three", "--json").json()
    if ran["architecture"].count("->") == 1:
        [l2] = [d for d in ran["decisions"] if d["what"] == "L2 penalty"]
        assert l2 == {
            "what": "L2 penalty",
            "choice": "1",
            "why": "keeps the weights finite where classes do not overlap",
        }


def test_columns_missing_in_the_same_rows_share_a_flag(cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv")
    holes = pl.Series(np.arange(len(table)) % 7 == 0)
    table.with_columns(pl.when(~holes).then(pl.col(name)).alias(name) for name in ("x", "z")).write_csv(
        tmp_path / "t.csv"
    )
    ran = cli("train", "t.csv", "-t", "y", "--model", "linear", "--drop", "state,three", "--json").json()
    terms = ran["summary"]["columns"]["term"]
    assert "x is missing" in terms
    assert "z is missing" not in terms
    assert "standard error" in ran["summary"]["columns"]
    assert cli("predict", "model.safetensors", "t.csv").code == 0


@pytest.mark.parametrize("order", list(itertools.permutations(("x", "state", "three"))), ids="-".join)
def test_standard_errors_do_not_depend_on_the_order_of_columns_with_the_same_holes(
    cli: Cli, tmp_path: Path, order: tuple[str, ...]
) -> None:
    table = people(tmp_path / "t.csv")
    there = pl.Series(np.arange(len(table)) % 7 > 0)
    holes = table.select(pl.when(there).then(pl.col(name)).alias(name) for name in order)
    holes.with_columns(table["y"]).write_csv(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "y", "--model", "linear", "--json").json()
    terms = ran["summary"]["columns"]["term"]
    first = next(name for name in order if name != "x")  # a category, which would else be taken for its reference
    assert [term for term in terms if term.endswith("is missing")] == [f"{first} is missing"]
    assert "standard error" in ran["summary"]["columns"]


def test_networks_have_no_such_table(cli: Cli, tmp_path: Path) -> None:
    people(tmp_path / "t.csv")
    ran = cli("train", "t.csv", "-t", "y", "--model", "mlp", "--epochs", 2, "--json")
    assert ran.json()["summary"] is None
    with pytest.raises(deltarule.errors.InvalidOption, match="expected a linear or logistic model"):
        deltarule.load(tmp_path / "model.safetensors").summary()


def test_a_model_saved_from_python_is_shown_too(cli: Cli, tmp_path: Path) -> None:
    table = people(tmp_path / "t.csv")
    deltarule.LinearRegression().fit(table[["x", "z"]], table["y"]).save(tmp_path / "m.st")
    assert "Linear regression, classical standard errors" in cli("inspect", "m.st").out


# formulas


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
