"""Linearly separable classes are found to be so, and no others."""

from __future__ import annotations

import contextlib
import signal
import threading

import numpy as np
import pytest

from deltarule.equations import design as designs
from deltarule.equations import separation
from deltarule.equations.inference import information


def design(X, y):
    D = designs.design(np.asarray(X, float), None, intercept=True)
    return D.A, (np.asarray(y)[:, None] == np.unique(y)[1:]).astype(float)


def test_complete_quasi_complete_and_none():
    x = np.arange(10.0)[:, None]
    found = separation.separation(*design(x, [0] * 5 + [1] * 5))
    assert found.complete
    assert (found.d[0, 1:] != 0).tolist() == [True]
    touching = np.array([0, 1, 2, 3, 4, 4, 5, 6, 7, 8.0])[:, None]
    assert not separation.separation(*design(touching, [0] * 5 + [1] * 5)).complete
    assert separation.separation(*design(x, [0] * 4 + [1, 0] + [1] * 4)) is None


def test_a_cell_without_one_class_is_quasi_complete_and_named():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=200), rng.integers(0, 2, 200), rng.normal(size=200)])
    y = np.where(X[:, 1] == 1, 1, rng.integers(0, 2, 200))
    found = separation.separation(*design(X, y))
    assert not found.complete
    assert (found.d[0, 1:] != 0).tolist() == [False, True, False]


def test_a_line_through_two_columns():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4)) * [1, 1e6, 1e-6, 1]
    y = (X[:, 0] + X[:, 1] / 1e6 > 0.1).astype(int)
    found = separation.separation(*design(X, y))
    assert found.complete
    assert (found.d[0, 1:] != 0).tolist() == [True, True, False, False]
    y[0] = 1 - y[0]
    y[1] = 1 - y[1]
    assert separation.separation(*design(X, y)) is None


@pytest.mark.parametrize("seed", range(8))
def test_against_a_plain_linear_program(seed):
    """Few samples, so that both happen; three classes, and columns of small whole numbers, so that there are ties."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    X, y = rng.integers(0, 3, (12, 3)).astype(float), rng.integers(0, 3, 12)
    A, Y = design(X, y)
    rows = []
    d = np.eye(3)
    for a, label in zip(A, y, strict=True):
        rows += [np.kron(d[label] - d[k], a) for k in range(3) if k != label]
    M = np.array(rows)
    best = linprog(-M.sum(axis=0), A_ub=-M, b_ub=np.zeros(len(M)), bounds=(-1, 1))
    found = separation.separation(A, Y)
    assert (found is not None) == (best.fun < -1e-6)
    if found is not None:
        margins = M @ np.concatenate([np.zeros(4), found.d.ravel()])
        assert margins.min() > -1e-6
        assert margins.max() > 1e-3


def test_more_rows_than_one_program_takes(monkeypatch):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(3000, 3))
    y = (X[:, 0] > 0).astype(int)
    monkeypatch.setattr(separation, "ROWS", 20)
    assert separation.separation(*design(X, y)).complete
    y[np.argmax(np.abs(X[:, 0]))] ^= 1
    assert separation.separation(*design(X, y)) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_column_that_is_zero_where_the_first_program_looks(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    X = np.c_[rng.normal(size=(2000, 2)), np.zeros(2000)]
    y = (X[:, 0] + rng.logistic(size=2000) > 0).astype(int)
    rare = rng.choice(2000, 4, replace=False)
    X[rare, 2], y[rare] = 1.0, 1
    monkeypatch.setattr(separation, "ROWS", 50)
    found = separation.separation(*design(X, y))
    assert found is not None
    assert not found.complete
    assert set(np.flatnonzero(found.d[0])) <= {0, 3}
    y[rare[0]] = 0
    assert separation.separation(*design(X, y)) is None


def test_what_the_weights_separate_is_told_at_once_and_the_rest_within_the_time_there_is():
    rng = np.random.default_rng(3)
    X, W, b = rng.normal(size=(200, 20)), rng.normal(size=(1, 20)), np.zeros(1)
    X = X[np.abs(X @ W[0]) > 0.1]
    D = designs.design(X, None, intercept=True)
    weights, Y = designs.inward(W, b, D.mean, D.scale, intercept=True), (X @ W.T > 0).astype(float)
    with pytest.raises(TimeoutError):
        separation.separation(D.A, Y, seconds=0.0)
    with pytest.raises(TimeoutError):
        separation.separation(D.A, Y, -weights, 0.0)
    found = separation.separation(D.A, Y, weights, 0.0)
    assert found.complete
    np.testing.assert_allclose(found.d, weights / np.abs(weights).max())


def test_ctrl_c_is_heard_in_a_linear_program(monkeypatch):
    enough = threading.Event()

    def deaf(*_, **__):
        for _ in range(50):
            with contextlib.suppress(KeyboardInterrupt):
                enough.wait(0.1)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(separation.optimize, "linprog", deaf)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            separation.separation(*design(np.arange(10.0)[:, None], [0] * 5 + [1] * 5))
    finally:
        signal.signal(signal.SIGALRM, before)
        enough.set()


def test_the_flattest_direction():
    D = designs.design(np.random.default_rng(0).normal(size=(500, 2)), None, intercept=True)

    def least_curvature(P):
        return separation.least_curvature(
            information(D, P)[0], information(D, np.full_like(P, 1 / (P.shape[1] + 1)))[0]
        )

    assert least_curvature(np.full((500, 1), 0.5)) == pytest.approx(1)
    assert least_curvature(np.full((500, 2), 1 / 3)) == pytest.approx(1)
    assert least_curvature(np.full((500, 3), 1 / 4)) == pytest.approx(1)
    assert least_curvature(np.full((500, 1), 0.1)) == pytest.approx(4 * 0.1 * 0.9)
    assert least_curvature(1 / (1 + np.exp(-20 * D.A[:, [1]]))) < 0.05
