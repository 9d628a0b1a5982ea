"""Descent against the exact solution and the theory of its learning rates; pictures that are whole files."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression as Reference

from deltarule.equations import ACTIVATIONS, Activation
from deltarule.errors import DataError, DeltaruleError, InvalidOption, MissingLibrary
from deltarule.pictures import (
    descend,
    plot_activation,
    plot_boundary,
    plot_descent,
    read_problem,
    save,
)
from deltarule.pictures.activation import values
from deltarule.pictures.boundary import fit

rng = np.random.default_rng(7)
x = rng.normal(size=(80, 1)) + 0.5
Y = 3 * x[:, 0] - 1 + 0.5 * rng.normal(size=80)
CLASS = (x[:, 0] + 0.8 * rng.normal(size=80) > 0.5).astype(float)
X2 = np.column_stack([x[:, 0], rng.normal(size=80)])


def texts(figure) -> str:
    """All that is written in a figure, but for the numbers at the axes."""
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.get_axes() if axes.get_legend())]
    found = [figure.get_suptitle(), *(text.get_text() for legend in legends for text in legend.get_texts())]
    for axes in figure.get_axes():
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in axes.texts)]
    return " | ".join(found)


def test_the_optimum_of_a_line_is_that_of_least_squares():
    found = descend(x, Y, "linear", scale="none")
    slope, intercept = np.polyfit(x[:, 0], Y, 1)
    np.testing.assert_allclose(found.optimum, [slope, intercept], rtol=1e-10)
    A = np.column_stack([x, np.ones(80)])
    np.testing.assert_allclose(found.hessian, A.T @ A / 80, rtol=1e-12)
    assert found.bound == pytest.approx(2 / np.linalg.eigvalsh(A.T @ A / 80)[-1])
    assert found.least == pytest.approx(0.5 * np.mean((A @ found.optimum - Y) ** 2))


def test_the_optimum_of_logistic_regression_is_that_of_scikit_learn():
    found = descend(x, CLASS, "logistic", scale="none")
    reference = Reference(C=1e12, tol=1e-12, max_iter=1000).fit(x, CLASS)
    np.testing.assert_allclose(found.optimum, [reference.coef_[0, 0], reference.intercept_[0]], rtol=1e-5)


@pytest.mark.parametrize(("X", "y", "model", "bias"), [
    (x, Y, "linear", True), (x, Y, "linear", False), (X2, Y, "linear", False),
    (x, CLASS, "logistic", True), (x, CLASS, "logistic", False), (X2, CLASS, "logistic", False),
])  # fmt: skip
def test_the_chosen_rates_do_what_their_names_say(X, y, model, bias):
    found = descend(X, y, model, bias=bias)
    walks = {walk.name: walk for walk in found.walks}
    assert list(walks) == ["slow", "good", "oscillating", "diverging"]
    assert walks["diverging"].alpha > found.bound >= found.safe > walks["oscillating"].alpha
    assert walks["good"].verdict == "at the optimum"
    assert walks["diverging"].verdict == "never settles"
    above = {name: walk.costs - found.least for name, walk in walks.items()}
    for name in ("slow", "good", "oscillating"):
        assert (np.diff(above[name]) <= 1e-12 * above[name][0]).all()  # below the safe bound every step goes down
    assert above["good"][-1] <= 1e-3 * above["good"][0] < above["slow"][-1]
    assert above["diverging"][-5:].mean() > 0.5 * above["diverging"][0]
    step = np.diff(walks["oscillating"].points, axis=0)
    assert (np.sum(step[1:6] * step[:5], axis=1) < 0).any() or len(found.parameters) == 2


def test_a_walk_is_gradient_descent_of_the_lecture():
    found = descend(x, Y, "linear", rates=[0.1], steps=3, scale="none")
    w = b = 0.0
    for t, point in enumerate(found.walks[0].points):
        np.testing.assert_allclose(point, [w, b], rtol=1e-12, atol=1e-15)
        r = w * x[:, 0] + b - Y
        assert found.walks[0].costs[t] == pytest.approx(0.5 * np.mean(r**2))
        w, b = w - 0.1 * np.mean(r * x[:, 0]), b - 0.1 * np.mean(r)
    assert len(found.walks[0].points) == 4


def test_without_a_bias_it_stays_zero_and_other_optimizers_walk_too():
    found = descend(x, Y, "linear", bias=False, rates=[0.01], optimizer="momentum", scale="none", steps=200)
    assert found.parameters == ("w",)
    assert found.optimum[0] == pytest.approx(x[:, 0] @ Y / (x[:, 0] @ x[:, 0]))
    assert found.walks[0].verdict == "at the optimum"


def test_a_rate_far_beyond_the_bound_ends_before_infinity():
    found = descend(x, Y, "linear", rates=[1e6], steps=1000)
    assert np.isfinite(found.walks[0].costs).all()
    assert len(found.walks[0].costs) < 1000
    assert found.walks[0].verdict == "never settles"


@pytest.mark.parametrize(("shift", "factor"), [(0, 1), (1e6, 1), (2020, 10), (0, 1e-30), (0, 1e30), (1e12, 1e9)])
def test_any_scale_gives_a_valley_that_can_be_drawn(shift, factor):
    found = descend(shift + factor * x, 1e-9 * Y, "linear")
    assert found.eigenvalues[0] / found.eigenvalues[-1] > 1 / 30
    assert found.walks[1].verdict == "at the optimum"


def test_a_start_at_the_optimum_is_moved():
    centered = x[:, 0] - x.mean()
    y = rng.normal(size=80)
    y -= y.mean()
    y -= centered * (y @ centered) / (centered @ centered)  # nothing that a line describes: the optimum is zero
    found = descend(centered[:, None], y, "linear", scale="none")
    assert np.linalg.norm(found.optimum) < 1e-12
    assert np.linalg.norm(found.walks[0].points[0]) > 0.1


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: descend(X2, Y, "linear", bias=True), InvalidOption, "one or two parameters, found 3"),
        (lambda: descend(x[:, 0], Y, "linear"), InvalidOption, "expected X of shape .m, n. and y"),
        (lambda: descend(x, Y[1:], "linear"), InvalidOption, "expected X of shape .m, n. and y"),
        (lambda: descend(x[:0], Y[:0], "logistic"), InvalidOption, "expected X of shape .m, n. and y"),
        (lambda: plot_descent(x), InvalidOption, "expected X of shape .m, n. and y"),
        (lambda: descend(x, Y, "cubic"), InvalidOption, "linear or logistic"),
        (lambda: descend(x, Y, "logistic"), DataError, "targets 0 and 1"),
        (lambda: descend(x, Y, "linear", rates=[-1]), InvalidOption, "learning rates above 0"),
        (lambda: descend(x, Y, "linear", rates=[np.nan]), InvalidOption, "learning rates above 0"),
        (lambda: descend(x, Y, "linear", steps=0), InvalidOption, "steps"),
        (lambda: descend(x, Y, "linear", scale="log"), InvalidOption, "scale"),
        (lambda: descend(x, Y, "linear", start=[1]), InvalidOption, "a start of 2 numbers"),
        (lambda: descend(x, Y, "linear", optimizer="adam"), InvalidOption, "learning rates for adam"),
        (lambda: descend(x, Y, "linear", optimizer="lbfgs"), InvalidOption, "step by step"),
        (lambda: descend(np.column_stack([x, 2 * x]), Y, "linear"), DataError, "flat in one direction"),
        (lambda: descend(x, (x[:, 0] > 0).astype(float), "logistic"), DataError, "classes that overlap"),
        (lambda: descend(x * np.nan, Y, "linear"), DataError, "finite"),
        (plot_activation, InvalidOption, "name of an activation"),
        (lambda: plot_activation("tanh", low=2, high=-2), InvalidOption, "range of Z"),
        (lambda: plot_boundary(x, Y), DataError, "targets 0 and 1"),
        (lambda: plot_boundary(np.ones((80, 3)), CLASS), InvalidOption, "one or two features"),
        (lambda: plot_boundary(np.ones((80, 1)), CLASS), DataError, "constant"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_the_derivative_in_the_picture_is_that_of_the_register():
    Z = np.linspace(-3, 3, 13)
    for g in ACTIVATIONS.values():
        a, slope = values(g, Z)
        if g.rowwise:
            assert a.sum(axis=1) == pytest.approx(1)
            h = 1e-6
            assert slope == pytest.approx((values(g, Z + h)[0] - values(g, Z - h)[0]) / (2 * h), abs=1e-8)
        else:
            kink = np.isin(Z, g.kinks)
            h = 1e-6
            rise = (values(g, Z + h)[0] - values(g, Z - h)[0]) / (2 * h)
            assert slope[~kink] == pytest.approx(rise[~kink], abs=1e-6)


def test_activations_are_drawn_with_their_kinks(tmp_path):
    figure = plot_activation("relu", "leaky_relu(0.2)", "softmax", "tanh")
    said = texts(figure)
    assert "g′(0) = 0 " in said + " "
    assert "g′(0) = 0.2" in said
    assert "leaky_relu(slope=0.2)" in said
    for name in ("a.png", "a.svg", "a.pdf"):
        save(figure, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    axes = figure.get_axes()
    (line,) = [
        line for line in axes[1].get_lines() if line.get_linestyle() == "None" and line.get_markerfacecolor() == "white"
    ]
    assert line.get_xydata().tolist() == [[0, 1]]  # the empty dot: the value that is not taken


def test_all_activations_fit_one_figure_and_new_ones_too():
    ACTIVATIONS.add(Activation(name="cube", formula=lambda Z: Z**3, derivative=lambda Z, a: 3 * Z**2))
    try:
        assert "cube" in texts(plot_activation(*ACTIVATIONS))
    finally:
        ACTIVATIONS.remove("cube")


def test_descent_is_drawn_with_every_walk(tmp_path):
    for X, y, model, bias, panels in ((x, Y, "linear", True, 3), (x, CLASS, "logistic", False, 2)):
        figure = plot_descent(X, y, model, bias=bias, features=("size $",), target="price")
        assert len(figure.get_axes()) == panels
        labels = [text.get_text() for text in figure.legends[0].get_texts()]
        assert [label.split(",")[1].split(":")[0].strip() for label in labels] == [
            "slow",
            "good",
            "oscillating",
            "diverging",
        ]
        assert "of price on size" in figure.get_suptitle()
        save(figure, tmp_path / f"{model}.png")


def test_the_same_picture_has_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg"):
        save(plot_boundary(x, CLASS), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_boundary_is_where_the_probability_is_one_half():
    W, _, C = fit(X2, CLASS)
    reference = Reference(C=1e12, tol=1e-12, max_iter=1000).fit(X2, CLASS)
    np.testing.assert_allclose(W, reference.coef_[0], rtol=1e-4)
    assert np.inf == C
    assert f"boundary: x = {-fit(x, CLASS)[1] / fit(x, CLASS)[0][0]:.4g}" in texts(plot_boundary(x, CLASS))
    assert "boundary ŷ = 0.5" in texts(plot_boundary(X2, CLASS, classes=("no", "yes")))


def test_separable_classes_are_drawn_with_a_penalty_that_is_told():
    assert "separable" in texts(plot_boundary(x, (x[:, 0] > 0).astype(float)))


def test_a_missing_matplotlib_is_told_with_the_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingLibrary, match=r"found none; pip install matplotlib"):
        plot_activation("relu")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InvalidOption, match=r"ends in \.png, \.svg, \.pdf"):
        save(plot_activation("relu"), tmp_path / "a.jpg")


def table(**columns) -> pl.DataFrame:
    return pl.DataFrame({"x": x[:, 0], "k": [5.0] * 80, "t": ["a"] * 80, "y": Y, **columns}, strict=False)


def test_rows_with_missing_values_are_left_out_and_told():
    frame = table(x=[None, *x[1:, 0]], y=[*Y[:-2], None, None])
    found = read_problem(frame, "y")
    assert found.X.shape == (77, 1)
    assert found.features == ("x",)
    assert found.notes == ("2 rows without a target left out", "1 row with a missing value left out")


def test_the_closest_feature_is_chosen_and_told():
    found = read_problem(table(z=rng.normal(size=80), endless=np.full(80, np.inf)), "y")
    assert found.features == ("x",)
    assert "of 2 numeric columns" in found.notes[0]
    assert read_problem(table(), "y", ["x"]).notes == ()


def test_classes_keep_their_names():
    found = read_problem(table(y=["yes" if c else "no" for c in CLASS]), "y")
    assert (found.model, found.classes) == ("logistic", ("no", "yes"))
    np.testing.assert_array_equal(found.y, CLASS)


def test_many_rows_are_thinned_and_told():
    many = pl.DataFrame({"x": np.arange(50_000.0), "y": np.arange(50_000.0) % 7.5})
    found = read_problem(many, "y")
    assert len(found.X) == 20_000
    assert "20,000 of 50,000 rows" in found.notes[-1]


@pytest.mark.parametrize(
    ("columns", "target", "features", "model", "says"),
    [
        ({}, "y", ["k"], "auto", "'k': expected values that vary, found only 5"),
        ({}, "y", ["t"], "auto", "'t': expected numbers, found 'a' in row 1"),
        ({}, "y", ["q"], "auto", "no such column"),
        ({}, "y", ["y"], "auto", "other than the target"),
        ({}, "q", [], "auto", "not in the table"),
        ({}, "y", ["x", "k", "t"], "auto", "one or two features, found 3"),
        ({}, "y", [], "logistic", "expected two classes, found numbers"),
        ({}, "y", [], "cubic", "auto, linear or logistic"),
        ({"y": list("abc" * 26 + "ab")}, "y", [], "auto", "a number or two classes, found 3 classes"),
        ({"y": list("abc" * 26 + "ab")}, "y", [], "logistic", "two classes, found 3 classes"),
        ({"x": ["a"] * 80}, "y", [], "auto", "a column of numbers beside 'y', found none"),
        ({"x": [np.inf, *x[1:, 0]]}, "y", ["x"], "auto", "infinite"),
        ({"x": 1e200 * x[:, 0]}, "y", ["x"], "auto", "can be squared"),
        ({"x": [1.0, 2.0, *[None] * 78]}, "y", ["x"], "auto", "at least 3 rows"),
    ],
)
def test_tables_that_give_no_picture(columns, target, features, model, says):
    with pytest.raises(DeltaruleError, match=says):
        read_problem(table(**columns), target, features, model)
