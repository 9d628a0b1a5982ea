"""``deltarule exercise``: list, question, answer."""

from __future__ import annotations

import pytest

from deltarule.cli.exercise import plain, read_answer
from deltarule.course import EXERCISES


def test_all_are_listed_and_each_is_shown(cli):
    ran = cli("exercise")
    assert ran.code == 0
    assert all(number in ran.out for number in EXERCISES)
    assert "what is dW[1], a matrix" in cli("exercise", "6.3").out
    assert "one of: dead units" in cli("exercise", "8.3").out


@pytest.mark.parametrize("number", EXERCISES)
def test_no_mark_of_latex_is_left(number):
    assert not set("$`\\{}") & set(plain(EXERCISES[number].question))


@pytest.mark.parametrize(
    ("number", "answer", "code", "said"),
    [
        ("1.1", "2.5", 0, "1.1 is right"),
        ("1.1", "5/2", 0, "1.1 is right"),
        ("6.1", "-0.587", 1, "The sign"),
        ("6.3", "[[0.821, 0.411], [-0.587, -0.293], [0, 0]]", 0, "6.3 is right"),
        ("1.2", "(5, 3)", 1, "its transpose"),
        ("8.4", "overfitting", 0, "8.4 is right"),
        ("1.1", "__import__('os')", 1, "expected a number"),
        ("1.1", "1/0", 1, "expected a number"),
        ("7.2", "3", 1, "expected a function"),
    ],
)
def test_answers(cli, number, answer, code, said):
    ran = cli("exercise", number, answer)
    assert (ran.code, ran.err) == (code, "")
    assert said in ran.out
    assert len(ran.out.splitlines()) == 1


def test_an_unknown_number_is_one_line(cli):
    ran = cli("exercise", "4.9")
    assert ran.code == 2
    assert ran.error == ["deltarule: expected the number of an exercise, from 1.1 to 9.3, found '4.9'"]


def test_read_answer_never_runs_anything():
    assert read_answer("[1, [2") == "[1, [2"
    assert read_answer("1e-3") == 0.001
    assert read_answer("x" * 100_000) == "x" * 100_000


def test_read_answer_takes_numbers_however_large():
    assert read_answer("1/4") == 0.25
    assert read_answer("1e999999999") == float("inf")  # as a fraction it would not end
