"""The split into training, validation and test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltarule.errors import DataError, DeltaruleWarning, InvalidOption
from deltarule.tabular import Task, split_rows


@given(st.integers(5, 300), st.integers(0, 99), st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.5, 0), (0.8, 0, 0.2)]))
def test_every_row_once_and_no_part_empty(m, seed, fractions):
    parts = split_rows(np.arange(m), "regression", fractions=fractions, seed=seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(m))
    for part, share in zip(parts, fractions, strict=True):
        assert (len(part) > 0) == (share > 0)
        assert abs(len(part) - share * m) <= 1.5
        assert part.tolist() == sorted(part.tolist())


def test_the_seed_decides():
    y = np.tile([0, 1], 50)
    first, again, other = (split_rows(y, "binary", seed=seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert first[0].tolist() != other[0].tolist()


def test_classes_have_the_same_share_everywhere():
    y = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [800, 160, 40]))
    for part, m in zip(split_rows(y, Task("multiclass", ""), seed=0), (700, 150, 150), strict=True):
        assert np.bincount(y[part]).tolist() == [0.8 * m, 0.16 * m, 0.04 * m]


def test_small_classes_are_for_training_only():
    y = np.array([0] * 50 + [1] * 30 + [2] * 2 + [3])
    with pytest.warns(
        DeltaruleWarning, match="2 classes have fewer than 3 rows: too few to split, so only training sees those 3"
    ):
        train, valid, test = split_rows(y, "multiclass", seed=0)
    assert {80, 81, 82} <= set(train.tolist())
    with pytest.warns(DeltaruleWarning, match="one class has fewer"):
        train, valid, test = split_rows(np.array([0, 0, 0, 0, 1]), "binary", seed=0)
    assert (len(train), len(valid), len(test)) == (3, 1, 1)
    assert 4 in train


def test_a_class_of_three_is_in_every_part():
    y = np.array([0] * 97 + [1] * 3)
    assert [int((y[part] == 1).sum()) for part in split_rows(y, "binary", seed=5)] == [1, 1, 1]


@pytest.mark.parametrize("y", [[], [1], [1, 2, 3, 4]])
def test_too_few_rows(y):
    with pytest.raises(DataError, match=f"expected at least 5 rows to split, found {len(y)}"):
        split_rows(np.array(y), "regression", seed=0)


def test_no_class_large_enough():
    with pytest.raises(DataError, match="class with at least 3 rows, found at most 2"):
        split_rows(np.array([0, 0, 1, 1, 2]), "multiclass", seed=0)


@pytest.mark.parametrize("fractions", [(0.7, 0.2, 0.2), (0, 0.5, 0.5), (1.5, -0.5, 0), (0.5, 0.5), (np.nan, 0.5, 0.5)])
def test_wrong_shares(fractions):
    with pytest.raises(InvalidOption, match="add up to 1"):
        split_rows(np.arange(9), "regression", fractions=fractions, seed=0)


def test_large_shares_leave_a_row_to_train_on():
    train, valid, test = split_rows(np.arange(5), "regression", fractions=(0.01, 0.6, 0.39), seed=0)
    assert len(train) == 1
    assert len(valid) > 0
    assert len(test) > 0
