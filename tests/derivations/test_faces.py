"""The faces of a derivation: text, LaTeX, HTML, data; names; entries of one's own."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest
from matplotlib.mathtext import MathTextParser

from deltarule import derive
from deltarule.derivations import SHORT, known
from deltarule.derivations.layout import to_box, to_latex, to_mathml
from deltarule.derivations.notation import layout
from deltarule.derivations.rules import differentiate, substitute
from deltarule.equations import ACTIVATIONS, LOSSES, Activation
from deltarule.equations.symbolic import Symbolic
from deltarule.errors import InvalidOption, UnknownName

NAMES = [name for name in known() if name not in SHORT]


def text_of(expression: str) -> list[str]:
    return [line.rstrip() for line in to_box(layout(expression)).lines]


@pytest.mark.parametrize(
    ("expression", "lines"),
    [
        ("1 - tanh(Z)**2", ["1 − tanh²(Z)"]),
        ("exp(-z)", ["e⁻ᶻ"]),
        ("exp(-Z)", [" −Z", "e"]),
        ("-(a + b) * c", ["−(a + b) c"]),
        ("a - (b + c)", ["a − (b + c)"]),
        ("a - b + c", ["a − b + c"]),
        ("a * -b", ["a (−b)"]),
        ("(a + b)**2", ["(a + b)²"]),
        ("a / b", [" a", "───", " b"]),
        ("W2.T @ dZ2", ["W[2]ᵀ dZ[2]"]),
        ("hadamard(dA1, dg1(Z1))", ["dA[1] ⊙ g[1]′(Z[1])"]),
        ("a[i] * (delta[i, j] - a[j])", ["aᵢ (δᵢⱼ − aⱼ)"]),
        ("-3 < Z < 3", ["−3 < Z < 3"]),
        ("3 * 4", ["3 · 4"]),
    ],
)
def test_text(expression, lines):
    assert text_of(expression) == lines


@pytest.mark.parametrize(
    ("expression", "latex"),
    [
        ("Derivative(sigma(z), z)", r"\frac{d}{d z} \, \sigma (z)"),
        ("Partial(J, W2[i, j])", r"\frac{\partial J}{\partial W_{i j}^{[2]}}"),
        ("W2.T", r"W^{[2]\top}"),
        ("1 / (1 + exp(-z))", r"\frac{1}{1 + e^{- z}}"),
        ("(1 / a)**2", r"\left(\frac{1}{a}\right)^{2}"),
        ("yhat - y", r"\hat y - y"),
    ],
)
def test_latex(expression, latex):
    assert to_latex(layout(expression)) == latex


def test_mathml_puts_layer_and_index_on_one_sign():
    assert to_mathml(layout("Z2[i, k]")) == (
        "<msubsup><mi>Z</mi><mrow><mi>i</mi><mi>k</mi></mrow><mrow><mtext>[2]</mtext></mrow></msubsup>"
    )


def test_what_is_no_formula_is_refused():
    with pytest.raises(ValueError, match="expected a formula"):
        layout("[x for x in y]")


@pytest.mark.parametrize("name", NAMES)
def test_every_line_can_be_set_in_latex(name):
    parser = MathTextParser("path")
    for part in derive(name).parts:
        for line in part.lines:
            parser.parse(f"${line.latex}$".replace(r"\top", "T"))  # raises if it is malformed


@pytest.mark.parametrize("name", NAMES)
def test_the_latex_document_is_plain(name):
    document = derive(name).to_latex()
    assert document.isascii()  # every sign has a command: pdflatex needs no more
    assert document.count("$") % 2 == 0
    assert document.count("{") == document.count("}")
    assert document.count(r"\begin{") == document.count(r"\end{")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
@pytest.mark.parametrize("name", ["sigmoid", "backprop", "softmax"])
def test_the_latex_document_compiles(name, tmp_path):
    (tmp_path / "page.tex").write_text(derive(name).to_latex(), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_whole_and_self_contained(name):
    derivation = derive(name)
    page = derivation.to_html()
    body = re.search(r'<div class="derivation">.*</div>', page, re.DOTALL)[0]
    ET.fromstring(body)  # well formed
    assert not re.search(r"<script|<link|src=|https?:", page)
    assert page.count("<tr>") == len(derivation.definitions) + sum(len(part.lines) - 1 for part in derivation.parts)


@pytest.mark.parametrize("name", NAMES)
def test_the_text_shows_every_rule_once_a_line(name):
    derivation = derive(name)
    text = derivation.to_text()
    assert str(derivation) == text
    for part in derivation.parts:
        for line in part.lines[1:]:
            assert line.rule in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_data_holds_each_line_three_times():
    found = derive("relu").to_dict()
    assert found["name"] == "relu"
    left = found["parts"][2]["lines"][0]
    assert left == {"expression": "Limit(((0) - (0)) / h, h, 0, '-')", "latex": left["latex"], "rule": "", "shape": ""}
    assert r"\lim" in left["latex"]


def test_a_notebook_shows_the_page_without_its_head():
    shown = derive("sigmoid")._repr_html_()
    assert "<math" in shown
    assert "<html" not in shown


def test_all_entries_of_the_registers_are_derived():
    assert set(known()) >= {*ACTIVATIONS, *LOSSES, "backprop", "bce", "mse"}


@pytest.mark.parametrize(("short", "name"), [*SHORT.items(), ("logistic", "sigmoid"), (" relu ", "relu")])
def test_other_names(short, name):
    assert derive(short) == derive(name)


def test_options_are_shown():
    assert derive("leaky_relu(0.2)").definitions["slope"] == "0.2"
    assert derive("leaky_relu").definitions["slope"] == "0.01"


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("sigmoyd", UnknownName, "did you mean 'sigmoid'"),
        ("", UnknownName, "backprop"),
        ("leaky_relu(a=2)", InvalidOption, "takes the options: slope"),
        ("backprop(2)", UnknownName, "backprop"),
    ],
)
def test_wrong_names(name, error, says):
    with pytest.raises(error, match=re.escape(says)):
        derive(name)


def test_an_activation_of_ones_own_is_derived_by_the_rules():
    plain = Activation(name="mine", formula=lambda Z: Z**3, derivative=lambda Z, a: 3 * Z**2)
    ACTIVATIONS.add(plain)
    try:
        with pytest.raises(InvalidOption, match=r"found none for 'mine'; give its entry symbolic=Symbolic"):
            derive("mine")
        assert "mine" not in known()
        ACTIVATIONS.remove("mine")
        ACTIVATIONS.add(
            Activation(name="mine", formula=plain.formula, derivative=plain.derivative, symbolic=Symbolic("Z**3"))
        )
        assert derive("mine").parts[0].result == "3 * Z ** 2"
        assert "mine" in known()
    finally:
        ACTIVATIONS.remove("mine")


@pytest.mark.parametrize(
    ("text", "result", "rule"),
    [
        ("5", "0", "constant"),
        ("x", "1", "linear"),
        ("a * x", "a", "linear"),
        ("x**2 / 2", "x", "power rule"),
        ("x / (1 + x)", "(1 + x - x) / (1 + x) ** 2", "quotient rule"),
        ("1 / x", "-(1 / x ** 2)", "chain rule, (1/u)' = -u'/u²"),
        ("log(a * x)", "1 / (a * x) * a", "chain rule, (ln u)' = u'/u"),
        ("-exp(x)", "-exp(x)", "(e^u)' = e^u u'"),
        ("u**2", "2 * u * a", "insert u"),
    ],
)
def test_the_rules(text, result, rule):
    lines = differentiate(text, "x", {"u": "a * x"})
    assert lines[-1][0] == result
    assert any(rule in why for _, why in lines)


def test_a_function_without_a_rule_is_refused():
    with pytest.raises(ValueError, match=r"expected a formula with known derivatives, found 'bessel\(x\)'"):
        differentiate("bessel(x)", "x", {})


def test_substitution_tidies_up():
    assert substitute("alpha * exp(Z) + 0", {"Z": "0"}) == "alpha"
