"""Every face shows the same tree, well formed."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest
from pylatexenc.latexwalker import LatexWalker

from deltarule import Network, trace
from deltarule.equations import ACTIVATIONS, LOSSES, OPTIMIZERS, PENALTIES
from deltarule.tracing.expressions import parse
from deltarule.tracing.faces.boxes import text_of
from deltarule.tracing.faces.html import mathml
from deltarule.tracing.faces.latex import latex
from deltarule.tracing.faces.numerals import Style, cells, shown, written


@pytest.fixture(scope="module")
def rich_trace():
    """All that can stand in a trace: dropout, penalties, Adam, learned slopes, weights, several classes and steps."""
    network = Network.create([3, 4, 3], ["prelu", "softmax"], "categorical_cross_entropy", dropout=0.3, seed=1)
    X = np.random.default_rng(0).normal(size=(5, 3)).round(1)
    return trace(
        network, X, [0, 1, 2, 1, 0], penalties={"l2": 0.1, "l1": 0.1}, optimizer="adam", steps=2,
        sample_weight=[1, 2, 1, 1, 1],
    )  # fmt: skip


def all_latex():
    for register in (ACTIVATIONS, LOSSES, OPTIMIZERS, PENALTIES):
        for entry in register.values():
            yield from (text for text in (entry.latex, getattr(entry, "latex_derivative", "")) if text)


@pytest.mark.parametrize("formula", list(all_latex()))
def test_the_formulas_of_the_registers_are_understood(formula):
    node = parse(formula)
    text = text_of(node)
    assert "\\" not in text
    assert not re.search(r"(frac|begin|cases|operatorname|left)", text)
    ElementTree.fromstring(f"<m>{mathml(node, Style())}</m>")
    again = latex(node, Style())
    LatexWalker(again, tolerant_parsing=False).get_latex_nodes()
    assert text_of(parse(again)) == text  # nothing is lost on the way


def test_the_latex_is_well_formed(rich_trace):
    document = rich_trace.to_latex()
    LatexWalker(document, tolerant_parsing=False).get_latex_nodes()
    assert document.count(r"\begin{document}") == document.count(r"\end{document}") == 1


def test_the_latex_has_no_sign_that_needs_another_engine(rich_trace, example):
    for found in (rich_trace, trace(example, [[1, 2]], [1])):
        assert set(re.findall(r"[^\x00-\x7f]", found.to_latex())) == set()


def test_the_markdown_has_paired_dollars(rich_trace):
    page = rich_trace.to_markdown()
    assert page.count("$$") % 2 == 0
    for block in page.split("$$")[1::2]:
        LatexWalker(block, tolerant_parsing=False).get_latex_nodes()
    assert "### Forward" in page


def test_the_page_is_well_formed_and_fetches_nothing(rich_trace):
    page = rich_trace.to_html()
    body = page[page.index("<div") : page.rindex("</div>") + 6]
    style, _, rest = body.partition("</style>")
    root = ElementTree.fromstring(f"{style[: style.index('<style>')]}{rest}")
    assert sum(1 for _ in root.iter("math")) > 50
    assert "<script" not in page
    assert not re.search(r"(https?:)?//", page)
    assert "@import" not in page


def test_a_symbol_lights_up_everywhere(example):
    page = trace(example, [[1, 2]], [1]).to_html()
    assert ".deltarule-trace:has(.k-W1:hover) .k-W1 {" in page
    assert page.count('class="k k-W1"') > 3  # the symbol and its numbers
    assert page.count('class="k k-a1"') > 3
    used = set(re.findall(r'class="k (k-\w+)"', page))
    assert used == set(re.findall(r":has\(\.(k-\w+):hover\)", page)) & used
    assert used <= set(re.findall(r":has\(\.(k-\w+):hover\)", page))


def test_json_holds_everything(rich_trace):
    document = json.loads(rich_trace.to_json())
    assert document["format"] == "deltarule trace"
    assert len(document["iterations"]) == 2
    steps = [step for section in document["iterations"][0]["sections"] for step in section["steps"]]
    found = {step["symbol"]: step for step in steps if step["value"] is not None}
    np.testing.assert_array_equal(found["dZ2"]["value"], rich_trace["dZ2"])
    assert found["dZ2"]["shape"] == [3, 5]
    assert found["Z1"]["lines"][0]["text"].startswith("Z[1] = W[1]·a[0] + b[1] = ")


def test_fractions_in_every_face():
    network = Network.create([1, 1], ["identity"])
    network.W[1][...] = 0.75
    found = trace(network, [[1]], [0], exact=True)
    assert json.loads(found.to_json())["iterations"][0]["sections"][0]["steps"][0]["value"] == [["3/4"]]
    assert r"\tfrac{3}{4}" in found.to_latex()
    assert "<mfrac><mn>3</mn><mn>4</mn></mfrac>" in found.to_html()
    assert "3/4" in found.to_text()


@pytest.mark.parametrize("face", ["text", "markdown", "latex", "html", "json"])
def test_blanks_hide_a_result_wherever_it_stands(example, face):
    found = trace(example, [[1, 2]], [1])
    shown_ = getattr(found, f"to_{face}")(blanks=["a2", "dZ2", "db2"])
    assert "0.3752" in getattr(found, f"to_{face}")()
    assert "0.3752" not in shown_.replace("0.37518", "").split("Loss" if face != "text" else "LOSS")[0]


def test_a_notebook_shows_it(example):
    found = trace(example, [[1, 2]], [1])
    assert found._repr_html_().startswith('<div class="deltarule-trace">')
    assert found._repr_markdown_().startswith("# 2 ")


def test_printing_is_plain_text(example, capsys):
    print(trace(example, [[1, 2]], [1]))
    assert "\x1b" not in capsys.readouterr().out


def test_rich_shows_it_in_color(example):
    from rich.console import Console

    console = Console(
        width=100, record=True, force_terminal=True, color_system="standard", file=__import__("io").StringIO()
    )
    console.print(trace(example, [[1, 2]], [1]))
    assert "Z[1]" in console.export_text()


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.5, 4, "0.5"), (-0.12496, 4, "-0.1250"), (0.0, 4, "0"), (-0.0, 4, "0"), (1e-7, 4, "1e-7"),
        (-1e-17, 4, "-1e-17"), (1.0, 4, "1"), (123456.789, 2, "123456.79"), (1.5e9, 3, "1.5e9"), (2.0, 1, "2"),
        (float("nan"), 4, "NaN"), (float("-inf"), 4, "-∞"), (Fraction(3, 8), 4, "3/8"), (Fraction(6, 3), 4, "2"),
        (Fraction(123456789, 1234567891), 4, "0.1000"),
    ],
)  # fmt: skip
def test_numbers(value, digits, text):
    assert written(value, digits) == text


@pytest.mark.parametrize("count", [1, 5, 8, 9, 100])
def test_what_is_left_out_of_a_large_matrix(count):
    rows = shown(count, 8)
    assert len(rows) <= 8
    assert (None in rows) == (count > 8)
    assert rows[0] == 0
    assert rows[-1] == count - 1
    assert len(cells(np.zeros((count, 30)), "", Style())) == len(rows)
