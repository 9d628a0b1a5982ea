"""Every line of every derivation equals the one above it, as SymPy sees it; the last is that of the register."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import sympy
from sympy_reader import SIZES, Reader, same

from deltarule.derivations import SHORT, WRITTEN, Derivation, Part, derive, known
from deltarule.equations import ACTIVATIONS, LOSSES
from deltarule.network import Network

FROM_RULES = [name for name in known() if name not in WRITTEN and name not in SHORT]
c1, c2, c3, e1, e2 = (sympy.Rational(*pair) for pair in ((3, 7), (-5, 11), (2, 13), (7, 3), (-4, 9)))
OPEN = {  # what backpropagation leaves open: any g and any L
    "g1": lambda z: c1 * z + c2 * z**2,
    "dg1": lambda z: c1 + 2 * c2 * z,
    "g2": lambda z: e1 * z + e2 * z**2,
    "dg2": lambda z: e1 + 2 * e2 * z,
    "L": lambda a, y: c1 * (a - y) ** 2 + c3 * a**3 * y,
}


def reader(derivation: Derivation, part: Part, **values) -> Reader:
    """The definitions that hold under the condition of the part."""
    given = {}
    for left, right in derivation.definitions.items():
        name, _, where = left.partition(" | ")
        if not where or where == part.where:
            given[name] = right
    of_network = bool(derivation.shapes)
    known_values = {sympy.Symbol(k): v for k, v in values.items()}
    return Reader(given, derivation.shapes, OPEN if of_network else {}, known_values, exact_numbers=of_network)


def free_indices(part: Part) -> list[str]:
    node = ast.parse(part.lines[0].expression, mode="eval")
    found = {
        n.id
        for s in ast.walk(node)
        if isinstance(s, ast.Subscript)
        for n in ast.walk(s.slice)
        if isinstance(n, ast.Name)
    }
    summed = {c.args[1].elts[0].id for c in ast.walk(node) if isinstance(c, ast.Call) and c.func.id == "Sum"}
    return sorted(found - summed)


def values_of(derivation: Derivation, part: Part):
    """For each line its values at all indices."""
    values = {}
    if part.where.startswith("Sum(y[k]"):
        values = {"y_3": 1 - sympy.Symbol("y_1") - sympy.Symbol("y_2")}
    read = reader(derivation, part, **values)
    indices = free_indices(part)
    sizes = [SIZES["K"]] * len(indices)
    if derivation.shapes:
        base = ast.parse(part.lines[0].expression, mode="eval").body.args[1].value.id
        sizes = read.shapes[base][: len(indices)]
    bindings = [dict(zip(indices, at, strict=True)) for at in product(*(range(1, n + 1) for n in sizes))]
    if part.where == "i != j":
        bindings = [bound for bound in bindings if bound["i"] != bound["j"]]
    for line in part.lines:
        found = [read.read(line.expression, bound) for bound in bindings]
        matrix = found[0] if isinstance(found[0], sympy.MatrixBase) else None
        if matrix is not None:
            assert matrix.shape == tuple(sizes)
            found = [matrix[bound[indices[0]] - 1, bound[indices[1]] - 1] for bound in bindings]
        yield line, found


PARTS = [
    pytest.param(name, k, id=f"{name}-{part.title or 'all'}")
    for name in known()
    if name not in SHORT
    for k, part in enumerate(derive(name).parts)
]


@pytest.mark.parametrize(("name", "k"), PARTS)
def test_each_line_equals_the_one_above(name, k):
    derivation = derive(name)
    part = derivation.parts[k]
    above = None
    for line, values in values_of(derivation, part):
        if above is not None:
            assert line.rule
            for x, y in zip(above, values, strict=True):
                assert same(x, y), f"{line.expression}: {x} != {y}"
        above = values
    assert above is not None
    assert not part.lines[0].rule
    assert "Derivative(" not in part.result
    assert "Limit(" not in part.result


@pytest.mark.parametrize(
    ("name", "part", "line", "wrong"),
    [
        ("sigmoid", 1, 4, "(1 + exp(-z)) / (1 + exp(-z)) - 1 / (1 + exp(-z))**2"),
        ("tanh", 0, 3, "((exp(Z) + exp(-Z))**2 + (exp(Z) - exp(-Z))**2) / (exp(Z) + exp(-Z))**2"),
        ("leaky_relu", 0, 1, "slope * Z"),
        ("relu", 3, 1, "0"),
        ("softmax", 1, 3, "a[i] * a[j]"),
        ("softmax", 3, 2, "Sum(dA[i] * a[i] * (delta[i, j] - a[i]), (i, 1, K))"),
        ("binary_cross_entropy", 1, 3, "y - yhat"),
        ("squared_error", 2, 3, "1 / m * Sum((yhat[i] - y[i]) * x[1], (i, 1, m))"),
        ("categorical_cross_entropy", 1, 5, "a[j] - 1"),
        ("backprop", 0, 1, "Partial(L(a2[i, k], y[i, k]), a2[i, k])"),
        ("backprop", 2, 3, "dZ2 @ a2.T"),
        ("backprop", 4, 3, "W2.T @ dA2"),
        ("backprop", 5, 3, "hadamard(dA1, dg1(a1))"),
    ],
)
def test_a_wrong_line_is_found(name, part, line, wrong):
    derivation = derive(name)
    chosen = derivation.parts[part]
    lines = list(chosen.lines)
    lines[line] = replace(lines[line], expression=wrong)
    try:
        found = [values for _, values in values_of(derivation, replace(chosen, lines=tuple(lines)))]
    except AssertionError:
        return  # the shape is wrong
    assert not all(same(x, y) for x, y in zip(found[line - 1], found[line], strict=True))


def result(name: str, title: str) -> tuple[Derivation, Part]:
    derivation = derive(name)
    return derivation, next(part for part in derivation.parts if part.title == title)


@pytest.mark.parametrize(
    "name", [name for name in FROM_RULES if name in ACTIVATIONS] + ["sigmoid", "leaky_relu(0.3)", "elu(2)"]
)
def test_the_last_line_is_the_derivative_in_the_register(name):
    g, derivation = ACTIVATIONS.choose(name), derive(name)
    Z = np.array([[-4.0], [-3.0], [-1.3], [-0.2], [0.0], [0.4], [1.7], [3.0], [5.0]])
    p = None if g.learns is None else np.array([0.25])
    expected = g.backward(np.ones_like(Z), Z, g.forward(Z, p), p)[:, 0]
    seen = set()
    for part in derivation.parts:
        if part.title.startswith("by p"):
            continue
        read = reader(derivation, part, p=sympy.Rational(1, 4))
        value = read.read(part.result)
        for z, slope in zip(Z[:, 0].tolist(), expected.tolist(), strict=True):
            taken = "from the right" not in part.title  # at a kink, the left one
            if taken and (not part.where or eval(part.where, {"Z": z})):
                found = value.subs({"Z": sympy.Rational(str(z)), "z": sympy.Rational(str(z))})
                assert float(found) == pytest.approx(slope, rel=1e-12, abs=1e-14)
                seen.add(z)
    assert seen == set(Z[:, 0].tolist())


def test_the_derivative_of_prelu_by_its_parameter_is_that_of_the_register():
    g = ACTIVATIONS["prelu"]
    for part, z in (("by p, for Z < 0", -2.0), ("by p, for Z > 0", 3.0)):
        derivation, found = result("prelu", part)
        assert float(reader(derivation, found).read(found.result).subs({"Z": z})) == g.learns(np.array([z]))[0]


@pytest.mark.parametrize("name", [*LOSSES, "huber(0.5)", "quantile(0.9)"])
def test_the_derivative_of_a_loss_is_that_of_the_register(name):
    loss, derivation = LOSSES.choose(name), derive(name)
    if name == "categorical_cross_entropy":
        value = Reader(derivation.definitions).read(derivation.parts[0].result, {"j": 2}, frozenset({"a"}))
        a, y = np.array([[0.2, 0.3, 0.5]]), np.array([[0.0, 1.0, 0.0]])
        assert float(value.subs({"a_2": 0.3, "y_2": 1})) == pytest.approx(loss.derivative(a, y)[0, 1])
        return
    seen = 0
    for yhat, y in ((0.2, 0.9), (0.85, 0.3), (0.4, 0.45), (0.7, 0.65)):
        expected = loss.bind(loss.derivative)(np.array([[yhat]]), np.array([[y]]))[0, 0]
        for part in derivation.parts:
            values = {"yhat": yhat, "y": y, **loss.settings}
            by_prediction = part.lines[0].expression.endswith(", yhat)")
            if by_prediction and (not part.where or eval(part.where, dict(values))):
                found = reader(derivation, part).read(part.result, {}, frozenset({"yhat"})).subs(values)
                assert float(found) == pytest.approx(expected, rel=1e-12)
                seen += 1
    assert seen == 4


@pytest.mark.parametrize(("name", "output"), [("squared_error", "identity"), ("binary_cross_entropy", "sigmoid")])
def test_the_gradients_of_one_unit_are_those_of_the_network(name, output):
    network = Network.create([1, 1], [output], name)
    network.theta[:] = [0.7, -0.4]
    X, y = np.array([[1.5], [-0.5]]), np.array([[1.0], [0.0]])
    gradient = network.backward(network.forward(X), y)
    derivation = derive(name)
    point = {"w": 0.7, "b": -0.4, "x_1": 1.5, "x_2": -0.5, "y_1": 1, "y_2": 0}
    for title, expected in (("for the weight", gradient.W[1][0, 0]), ("for the bias", gradient.b[1][0])):
        part = next(part for part in derivation.parts if part.title == title)
        assert float(reader(derivation, part).read(part.result).subs(point)) == pytest.approx(expected, rel=1e-12)


def test_backpropagation_in_numbers_is_that_of_the_network():
    rng = np.random.default_rng(0)
    network = Network.create([2, 3, 2], ["tanh", "sigmoid"], "squared_error", seed=1)
    X, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    cache = network.forward(X)
    gradient = network.backward(cache, y)
    a1, a2 = cache.a[1].T, cache.a[2].T  # a sample is a column
    names = {
        "W2": network.W[2],
        "a1": a1,
        "X": X.T,
        "Z1": cache.Z[1].T,
        "Z2": cache.Z[2].T,
        "dg1": lambda z: 1 - np.tanh(z) ** 2,
    }
    names |= {"dg2": lambda z: a2 * (1 - a2), "hadamard": np.multiply, "dA2": (a2 - y.T) / 4}
    for part in derive("backprop").parts[1:]:
        name = part.title.partition(",")[0].replace("[", "").replace("]", "")
        if name.startswith("db"):
            names[name] = names["dZ" + name[2]].sum(axis=1)
        else:
            names[name] = eval(part.result, dict(names))
    for l in (1, 2):
        np.testing.assert_allclose(names[f"dW{l}"], gradient.W[l], rtol=1e-12)
        np.testing.assert_allclose(names[f"db{l}"], gradient.b[l], rtol=1e-12)
