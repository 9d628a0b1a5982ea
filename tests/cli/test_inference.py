"""The table of weights on the command line: in the units of the table, with the names of columns and levels."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import statsmodels.formula.api as smf
from cli_tables import Cli
from numpy.testing import assert_allclose
from people import ALL, people

import deltarule

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
    assert "train with --model linear --l2 0" in ran.out
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
