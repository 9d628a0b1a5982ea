"""The checker: solutions pass, typical wrong answers fail with a hint, and nothing gives the solution away."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

import deltarule
from deltarule import MLPClassifier, course
from deltarule.course import EXERCISES
from deltarule.course.practice import ModelExercise
from deltarule.errors import UnknownName

NUMERIC = [n for n, x in EXERCISES.items() if type(x) is course.Exercise and not x.words]
BY_HAND = {
    "1.1": 2.5,
    "1.2": (3, 5),
    "2.1": 0.731,
    "2.2": [0.12, 0.27, 0.5, 0.73, 0.88],
    "2.3": 2.197,
    "3.1": 0.223,
    "3.2": (0.2231 + 0.3567 + 0.1054) / 3,
    "3.3": 1.25,
    "4.1": (-14 / 3, -2),
    "4.2": 1 + 1.4 / 3,
    "4.3": 2 / (14 / 3),
    "5.1": [1.0, 1.1, -1.1],
    "5.2": 1 / (1 + np.exp(-0.35)),
    "5.3": 257,
    "6.1": 0.587,
    "6.2": [0.587, 0.645, 0],
    "6.3": [[0.821, 0.411], [-0.587, -0.293], [0, 0]],
    "6.4": (0.5866 - 0.6248) / 2,
    "7.1": 0.25,
    "7.3": 0.01,
    "7.4": 2,
    "7.5": 0,
    "8.1": 45,
    "9.1": -3,
    "9.2": 0.1966,
    "9.3": 4,
}


@pytest.mark.parametrize("number", NUMERIC)
def test_what_is_computed_by_hand_is_right(number):
    feedback = course.check(number, BY_HAND[number])
    assert feedback, feedback
    assert str(feedback).startswith(f"{number} is right: ")


@pytest.mark.parametrize("number", EXERCISES)
def test_the_solution_is_right_and_every_slip_is_told(number):
    exercise = EXERCISES[number]
    if not isinstance(exercise, ModelExercise):
        assert course.check(number, course.solution(number))
    for slip in exercise.slips:
        feedback = exercise.check(slip.answer())
        assert not feedback
        assert feedback.text == slip.hint
    hints = [slip.hint for slip in exercise.slips]
    assert len(set(hints)) == len(hints)


@pytest.mark.parametrize("number", NUMERIC)
@pytest.mark.parametrize("change", [lambda x: x + 1, lambda x: 1.3 * x + 0.07, lambda x: np.append(x, 0.0)])
def test_a_wrong_number_is_wrong_and_the_right_one_is_not_told(number, change):
    right = np.asarray(course.solution(number), dtype=float)
    feedback = course.check(number, change(right))
    assert not feedback
    for value in right.ravel():
        if round(abs(value), 9) not in (0, 1, 2, 3, 0.5, 0.25, 0.01):  # which stand in the questions
            assert f"{abs(value):.3g}"[:4] not in feedback.text


@pytest.mark.parametrize("number", EXERCISES)
@pytest.mark.parametrize("nonsense", ["", "abc", None, [], [[1], [2, 3]], np.nan, {}, object(), 1j])
def test_nonsense_is_answered_kindly(number, nonsense):
    feedback = course.check(number, nonsense)
    assert not feedback
    assert len(str(feedback).splitlines()) == 1


def test_three_digits_are_enough_and_two_are_not():
    assert course.check("2.3", 2.20)
    assert not course.check("2.3", 2.1)
    assert course.check("6.2", np.array([[0.5866], [0.6453], [0.0]]))  # a column will do
    assert not course.check("5.3", 257.4)  # a whole number is a whole number


def test_a_partly_right_answer_is_told_how_much():
    assert "4 of 6 entries are right" in course.check("6.3", [[0.821, 0.411], [-0.587, 9], [0, 9]]).text
    assert "found numbers of the shape (6,)" in course.check("6.3", np.ravel(course.solution("6.3"))).text


def test_functions_are_tried():
    assert course.check("1.3", lambda X, W, b: X @ W.T + b)
    assert course.check("7.2", lambda Z: np.where(Z > 0, Z, 0.01 * Z))
    assert "ValueError" in course.check("1.3", lambda X, W, b: X @ W + b).text
    assert "is there a return?" in course.check("7.2", lambda Z: None).text
    assert "TypeError" in course.check("7.2", lambda: 1).text
    assert "expected a function" in course.check("7.2", 3).text
    assert "call it" in course.check("7.3", lambda: 0.01).text


def test_a_function_cannot_change_what_it_is_tried_on():
    def spoil(X, W, b):
        X[...] = 0
        return X @ W.T + b

    assert not course.check("1.3", spoil)


def test_a_model_is_measured_on_digits_it_has_not_seen():
    X, X_test, y, y_test = course.digits()
    assert len(X_test) == 360
    good = MLPClassifier((64, 32), ["relu", "tanh"], learning_rate_init=0.01, max_iter=50, random_state=0).fit(X, y)
    assert course.check("8.2", good)
    assert f"{good.score(X_test, y_test):.1%}" in course.check("8.2", good).text
    bad = MLPClassifier((2,), max_iter=3, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        bad.fit(X, y)
    assert "97% is asked" in course.check("8.2", bad).text
    assert "expected a fitted model" in course.check("8.2", MLPClassifier()).text
    for error, told in ((ValueError("rows\nor columns"), "ValueError: rows."), (ValueError(), "it does not say why.")):
        silent = mock.Mock(predict=mock.Mock(side_effect=error))
        assert course.check("8.2", silent).text.endswith(told)


def test_the_patient_has_one_main_illness():
    assert deltarule.diagnose(*course.patient()).findings[0].kind == course.solution("8.3")
    assert course.check("8.3", "Symmetric units ")
    assert not course.check("8.4", "underfitting")


def test_numbers_are_in_order_and_an_unknown_one_is_told():
    assert list(EXERCISES) == sorted(EXERCISES)
    assert {n.partition(".")[0] for n in EXERCISES} == set("123456789")
    assert course.check(1.1, 2.5)
    with pytest.raises(UnknownName, match=r"from 1.1 to 9.3, found '10.1'"):
        course.check("10.1", 0)
