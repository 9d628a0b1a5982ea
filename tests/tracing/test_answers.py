"""Hand calculations: what is right stays right, and each slip is called by its name."""

from __future__ import annotations

import numpy as np
import pytest

from deltarule import Network, check_answers, trace
from deltarule.equations import ACTIVATIONS, LOSSES
from deltarule.errors import InvalidOption
from deltarule.tracing import Quiz

RNG = np.random.default_rng(3)
X = RNG.normal(size=(4, 3)).round(2)
CASES = {
    "softmax": (Network.create([3, 3, 3], ["tanh", "softmax"], "categorical_cross_entropy", seed=3), [0, 2, 1, 1]),
    "sigmoid": (Network.create([3, 2, 1], ["sigmoid", "sigmoid"], "binary_cross_entropy", seed=4), [0, 1, 1, 0]),
    "unfused": (Network.create([3, 2, 1], ["tanh", "sigmoid"], "squared_error", seed=5), [0.2, 1, 0.4, 0]),
}
for _network, _ in CASES.values():
    for _l, _b in _network.b.items():
        _b[...] = np.linspace(0.1, 0.4, len(_b)) * _l


def tidy(value):
    return np.asarray(value, dtype=float).round(4).tolist()


def judged(case, name, value, **options):
    network, y = CASES[case]
    return check_answers(network, X, y, {name: tidy(value)}, **options)[name]


KEYS = ("Z1", "a1", "Z2", "a2", "L", "J", "dZ2", "dW2", "db2", "dA1", "dZ1", "dW1", "db1", "W1", "b1", "W2")


@pytest.mark.parametrize("case", CASES)
def test_what_the_trace_shows_is_right(case):
    network, y = CASES[case]
    found = trace(network, X, y, alpha=0.3, penalties={"l2": 0.5})
    report = check_answers(network, X, y, {key: tidy(found[key]) for key in KEYS}, alpha=0.3, penalties={"l2": 0.5})
    assert report.right, str(report)


@pytest.mark.parametrize(
    ("given", "right"),
    [
        (0.38, True), ("0.375", True), (0.4, True), (0.3752, True), (0.37, False), (0.3751, False), ("0.380", False),
        ("0.3752", True), (-0.38, False), ("3.752e-1", True), (0, False), (1, False), ("3/8", False),
    ],
)  # fmt: skip
def test_to_the_digits_given(example, given, right):
    assert check_answers(example, [[1, 2]], [1], {"a2": given}).right is right


SLIPS = {
    ("softmax", "Z1", "the bias b is forgotten"): lambda t, n: t["Z1"] - n.b[1][:, None],
    ("softmax", "Z2", "W is transposed"): lambda t, n: n.W[2].T @ t["a1"] + n.b[2][:, None],
    ("softmax", "Z2", "Z[1] is used in place of a[1]"): lambda t, n: n.W[2] @ t["Z1"] + n.b[2][:, None],
    ("softmax", "a1", "the activation is forgotten"): lambda t, n: t["Z1"],
    ("softmax", "a1", "that is sigmoid of Z"): lambda t, n: 1 / (1 + np.exp(-t["Z1"])),
    ("softmax", "a2", "not divided by the sum"): lambda t, n: np.exp(t["Z2"]),
    ("softmax", "L", "the sign is wrong"): lambda t, n: -t["L"],
    ("softmax", "L", "base 10"): lambda t, n: t["L"] / np.log(10),
    ("softmax", "J", "missing 1/m"): lambda t, n: 4 * t["J"],
    ("softmax", "dZ2", "the sign is wrong"): lambda t, n: -t["dZ2"],
    ("softmax", "dA1", "W[2] is not transposed"): lambda t, n: n.W[2] @ t["dZ2"],
    ("softmax", "dZ1", "missing g'"): lambda t, n: t["dA1"],
    ("softmax", "dW1", "missing 1/m"): lambda t, n: 4 * t["dW1"],
    ("softmax", "dW1", "1/m taken twice"): lambda t, n: t["dW1"] / 4,
    ("softmax", "dW1", "missing g'"): lambda t, n: t["dA1"] @ X / 4,
    ("softmax", "dW2", "transposed"): lambda t, n: t["dW2"].T,
    ("softmax", "db1", "missing 1/m"): lambda t, n: 4 * t["db1"],
    ("softmax", "db2", "not summed over the examples"): lambda t, n: t["dZ2"],
    ("softmax", "W1", "added, not subtracted"): lambda t, n: 2 * n.W[1] - t["W1"],
    ("softmax", "W1", "learning rate α is forgotten"): lambda t, n: n.W[1] - t["dW1"],
    ("sigmoid", "dW1", "transposed"): lambda t, n: t["dW1"].T,
    ("sigmoid", "dZ2", "the derivative is taken twice"): lambda t, n: t["dZ2"] * t["a2"] * (1 - t["a2"]),
    ("sigmoid", "dW2", "the derivative is taken twice"):
        lambda t, n: (t["dZ2"] * t["a2"] * (1 - t["a2"])) @ t["a1"].T / 4,
    ("sigmoid", "dZ1", "g' is taken at a[1]"):
        lambda t, n: t["dA1"] * np.exp(-t["a1"]) / (1 + np.exp(-t["a1"])) ** 2,
    ("sigmoid", "dZ1", "missing g'"): lambda t, n: t["dA1"],
    ("sigmoid", "dW2", "Z[1] is used in place of a[1]"): lambda t, n: t["dZ2"] @ t["Z1"].T / 4,
    ("unfused", "dZ2", "missing g'"): lambda t, n: t["a2"] - np.array([[0.2, 1, 0.4, 0]]),
    ("unfused", "L", "factor ½"): lambda t, n: 2 * t["L"],
    ("unfused", "dW2", "missing g'"): lambda t, n: (t["a2"] - np.array([[0.2, 1, 0.4, 0]])) @ t["a1"].T / 4,
}  # fmt: skip


@pytest.mark.parametrize(("case", "key", "cause"), SLIPS)
def test_the_usual_slips_are_recognized(case, key, cause):
    network, y = CASES[case]
    found = trace(network, X, y, alpha=0.3)
    judgment = judged(case, key, SLIPS[case, key, cause](found, network), alpha=0.3)
    assert not judgment.right
    assert cause in judgment.cause


def test_slips_with_penalties():
    network, y = CASES["sigmoid"]
    with_, without = trace(network, X, y, penalties={"l2": 2.0}), trace(network, X, y)
    for key in ("J", "dW1", "dW2"):
        judgment = judged("sigmoid", key, without[key], penalties={"l2": 2.0})
        assert judgment.cause == "the penalty is forgotten"
    undivided = without["dW1"] + 2.0 * network.W[1]
    assert "not divided by m" in judged("sigmoid", "dW1", undivided, penalties={"l2": 2.0}).cause
    assert judged("sigmoid", "dW1", with_["dW1"], penalties={"l2": 2.0}).right


def test_an_error_carried_over_is_told_from_a_new_one():
    network, y = CASES["sigmoid"]
    found = trace(network, X, y)
    Z1 = found["Z1"] - network.b[1][:, None]  # the slip
    a1 = 1 / (1 + np.exp(-Z1))
    Z2 = network.W[2] @ a1 + network.b[2][:, None]
    answers = {"Z1": Z1, "a1": a1, "Z2": Z2, "a2": found["a2"], "dA1": found["dA1"] * 7}
    report = check_answers(network, X, y, {key: tidy(value) for key, value in answers.items()})
    assert "bias" in report["Z1"].cause
    assert report["a1"].cause == "a carried-over error: it follows from your own Z1, which is wrong"
    assert report["Z2"].cause.startswith("a carried-over error: it follows from your own a1")
    assert report["a2"].right
    assert report["dA1"].cause == "no usual slip recognized"
    assert str(report).endswith("1 of 5 right")


def test_a_slip_on_top_of_an_error_carried_over():
    network, y = CASES["sigmoid"]
    found = trace(network, X, y)
    wrong_dZ2 = found["dZ2"] + 0.5
    dW2 = -wrong_dZ2 @ found["a1"].T / 4
    report = check_answers(network, X, y, {"dZ2": tidy(wrong_dZ2), "dW2": tidy(dW2)})
    assert report["dW2"].cause == "the sign is wrong; and it starts from your own dZ2, which is wrong"


def test_rounded_values_of_ones_own_are_no_error(example):
    report = check_answers(example, [[1, 2]], [1], {"a2": 0.4, "dZ2": "-0.60", "db2": "-0.60"})
    assert report.right
    assert report["dZ2"].note == "computed from your rounded values"


def test_the_mean_inside_dZ_is_right_too():
    network, y = CASES["softmax"]
    judgment = judged("softmax", "dZ2", trace(network, X, y)["dZ2"] / 4)
    assert judgment.right
    assert "1/m" in judgment.note


def test_the_place_of_the_first_wrong_number():
    network, y = CASES["softmax"]
    value = np.asarray(trace(network, X, y)["Z1"], dtype=float).round(4)
    value[1, 2] += 0.5
    judgment = judged("softmax", "Z1", value)
    assert judgment.where == (2, 3)
    assert judgment.note.startswith("1 of 12 entries; row 2, column 3")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Z[1]", "Z1"), ("A1", "a1"), ("yhat", "a2"), ("ŷ", "a2"), ("dW[2]", "dW2"), ("updated W1", "W1"),
        ("W1_new", "W1"), ("new b2", "b2"), ("da1", "dA1"), ("J", "J"),
    ],
)  # fmt: skip
def test_names_as_students_write_them(example, name, key):
    assert check_answers(example, [[1, 2]], [1], {name: 0}).judgments[0].key == key


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({}, "found none"), ({"Q1": 1}, "expected an answer called"), ({"Z3": 1}, "layers 1 to 2"),
        ({"p1": 1}, "learns no slope"), ({"a2": "lots"}, "expected numbers such as"),
        ({"a2": None}, "expected numbers"),
        ({"Z1": [[1, 2], [3]]}, "rows of equal length"), ({"Z1": {"x": 1}}, "found names and values"),
        ({"new Z1": 1}, "expected an updated W, b or p"), ({"a2": "1/0"}, "expected numbers"), ({"a2": True}, "True"),
    ],
)  # fmt: skip
def test_answers_that_cannot_be_read(example, answers, says):
    with pytest.raises(InvalidOption, match=says):
        check_answers(example, [[1, 2]], [1], answers)


def test_a_right_answer_of_every_network_is_right():
    """No activation or loss of the registers makes the recalculation differ from the network."""
    for g in ACTIVATIONS.values():
        for loss in LOSSES.values():
            if loss.accepts(g) or (
                loss.name not in ("huber", "poisson_deviance") and g.name not in ("tanh", "softmax")
            ):
                continue
            network = Network.create([3, 2, 3], ["prelu", g.name], loss.name, seed=1, dropout=0.2)
            y = np.eye(3)[[0, 1, 2, 0]]
            found = trace(network, X, y, check=False)
            keys = (*KEYS, "p1", "dp1")
            report = check_answers(network, X, y, {key: np.asarray(found[key], float).tolist() for key in keys})
            assert report.right, f"{g} {loss}\n{report}"


def test_a_quiz(example):
    quiz = Quiz(example, [[1, 2]], [1], blanks=["Z1", "dW1", "W2"])
    assert quiz.keys == ("Z1", "dW1", "W2")
    assert quiz.blanks == ("Z1", "dW1", "W2_new")
    assert quiz.question("dW1") == "dW[1] = ? 3 rows of 2, as [1 2; 3 4]"
    assert quiz.question("W2") == "updated W[2] = ? 3 numbers"
    assert quiz.answer("Z1", "0.2 1.7 -0.4").right
    assert quiz.answer("Z1", "[0.2 1.7 -0.4]ᵀ").right
    assert quiz.answer("dW1", "-0.44,-0.87;0.31,0.62;0,0").right
    assert quiz.answer("W2", "0.6875 -0.6062 0.9").cause == "α dW is added, not subtracted"
    assert quiz.expected("Z1") == "[0.2 1.7 -0.4]ᵀ"


def test_a_quiz_by_chance_is_the_same_for_the_same_seed(example):
    a, b = (Quiz(example, [[1, 2]], [1], quiz_seed=4, questions=3) for _ in range(2))
    assert a.keys == b.keys
    assert len(a.keys) == 3
    assert len(Quiz(example, [[1, 2]], [1], blanks=["all"]).keys) > 10
    with pytest.raises(InvalidOption, match="expected results out of"):
        Quiz(example, [[1, 2]], [1], blanks=["Z9"])
