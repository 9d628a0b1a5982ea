from __future__ import annotations

import copy
from math import cos, pi

import numpy as np
import pytest

from deltarule.equations import SCHEDULES
from deltarule.equations.schedules import Clock

EPOCHS, STEPS, SAMPLES = 20, 5, 37  # five steps an epoch, the last batch smaller


def clock(epoch, plateaus=0):
    steps = np.arange(epoch * STEPS, (epoch + 1) * STEPS)
    return Clock(epoch, EPOCHS, steps, EPOCHS * STEPS, epoch * SAMPLES, plateaus)


def whole_run(text, alpha=1.0):
    """The rate of every step of a run, (100,)."""
    return np.concatenate([SCHEDULES.choose(text).rates(alpha, clock(epoch)) for epoch in range(EPOCHS)])


CLOSED_FORMS = {  # alpha / alpha_0 in closed form: schedule -> epoch -> value at the first step of the epoch
    "constant": {0: 1, 7: 1, 19: 1},
    "inverse_scaling": {0: 1, 1: 38**-0.5, 4: 149**-0.5},
    "inverse_scaling(power=2)": {0: 1, 2: 75**-2},
    "adaptive": {0: 1, 19: 1},
    "step": {0: 1, 9: 1, 10: 0.1, 19: 0.1},
    "step(every=3, factor=0.5)": {0: 1, 2: 1, 3: 0.5, 8: 0.25, 9: 0.125},
    "exponential": {0: 1, 1: 0.95, 10: 0.95**10},
    "exponential(decay=0.5)": {3: 0.125},
    "cosine": {0: 0.2, 1: 1, 10: (1 + cos(pi * 45 / 95)) / 2},
    "cosine(warmup=0)": {0: 1, 5: (1 + cos(pi / 4)) / 2, 10: 0.5},
    "cosine(warmup=0, floor=0.1)": {0: 1, 10: 0.1 + 0.9 * 0.5},
    "one_cycle": {0: 0.04, 3: 0.04 + 0.96 * (1 - cos(pi * 15 / 29.7)) / 2},
    "one_cycle(rise=0.5, start=0.1, end=0.01)": {0: 0.1},
}


def test_the_table_covers_the_register_exactly():
    assert {text.split("(")[0] for text in CLOSED_FORMS} == set(SCHEDULES)


@pytest.mark.parametrize("text", CLOSED_FORMS)
def test_values_in_closed_form(text):
    schedule = SCHEDULES.choose(text)
    for epoch, factor in CLOSED_FORMS[text].items():
        assert schedule.rates(0.3, clock(epoch))[0] == pytest.approx(0.3 * factor, rel=1e-12)


@pytest.mark.parametrize("text", CLOSED_FORMS)
def test_one_finite_rate_a_step_never_above_the_first_given(text):
    rates = whole_run(text, 0.3)
    assert rates.shape == (EPOCHS * STEPS,)
    assert rates.dtype == np.float64
    assert np.isfinite(rates).all()
    assert ((rates >= 0) & (rates <= 0.3 * (1 + 1e-12))).all()


@pytest.mark.parametrize("text", CLOSED_FORMS)
def test_a_schedule_is_a_function_of_the_clock_alone(text):
    schedule = SCHEDULES.choose(text)
    now = clock(11, plateaus=2)
    before = copy.deepcopy(now)
    first = schedule.rates(0.3, now)
    whole_run(text)  # what was asked in between does not matter
    np.testing.assert_array_equal(SCHEDULES.choose(text).rates(0.3, before), first)
    np.testing.assert_array_equal(now.steps, before.steps)


def test_the_ends_of_the_cosine():
    rates = whole_run("cosine(warmup=0.1, floor=0.02)")
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)  # linear warm-up, not from a rate of zero
    assert rates[10] == 1
    assert rates[-1] == pytest.approx(0.02 + 0.98 * (1 + cos(pi * 89 / 90)) / 2)
    assert (np.diff(rates[10:]) < 0).all()
    beyond = Clock(EPOCHS, EPOCHS, np.array([100, 150]), 100, 0, 0)
    np.testing.assert_allclose(SCHEDULES.choose("cosine(floor=0.02)").rates(1, beyond), 0.02)


def test_the_ends_of_one_cycle():
    rates = whole_run("one_cycle(rise=0.3, start=0.04, end=1e-5)")
    assert rates[0] == pytest.approx(0.04)
    assert rates[-1] == pytest.approx(1e-5)
    top = int(np.argmax(rates))
    assert top in (29, 30)
    assert rates[top] > 0.999
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()


@pytest.mark.parametrize("text", ["one_cycle(rise=0)", "one_cycle(rise=1)", "cosine(warmup=1)", "cosine(warmup=0)"])
def test_the_extremes_of_the_options(text):
    rates = whole_run(text)
    assert np.isfinite(rates).all()
    assert rates.max() == pytest.approx(1)


@pytest.mark.parametrize("text", CLOSED_FORMS)
def test_a_run_of_a_single_step(text):
    rates = SCHEDULES.choose(text).rates(0.3, Clock(0, 1, np.array([0]), 1, 0, 0))
    assert rates.shape == (1,)
    assert 0 < rates[0] <= 0.3


def test_adaptive_divides_at_each_plateau():
    schedule = SCHEDULES.choose("adaptive(factor=4)")
    assert [schedule.rates(1, clock(5, plateaus))[0] for plateaus in (0, 1, 3)] == [1, 1 / 4, 1 / 64]
    assert [name for name, entry in SCHEDULES.items() if entry.on_plateau] == ["adaptive"]
    assert schedule.rates(1, clock(5, 10_000))[0] == 0


def test_only_adaptive_cares_for_plateaus():
    for name, schedule in SCHEDULES.items():
        same = np.array_equal(schedule.rates(1, clock(5, 0)), schedule.rates(1, clock(5, 3)))
        assert same == (name != "adaptive")
