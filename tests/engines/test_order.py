"""The order of the samples: one for each epoch and seed, as it is said, and every one as likely as another."""

import numpy as np
import pytest

from deltarule.engines import epoch_orders
from deltarule.errors import InvalidOption


def test_an_epoch_sees_every_sample_once_and_each_epoch_in_another_order():
    orders = epoch_orders(4, range(3), 50)
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(50))
    assert not np.array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(orders[2], epoch_orders(4, [2], 50)[0])


@pytest.mark.parametrize("m", [0, 1, 2, 3, 5, 63, 64, 65, 66, 130, 1000])
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (7, 3), (2**64 - 1, 2**40)])
def test_the_order_is_the_one_that_is_said(seed, epoch, m):
    key = np.array([seed, 1], np.uint64)
    words = np.random.Philox(key=key, counter=[0, 0, 0, epoch]).random_raw(m)
    order = list(range(m))
    for word, last in zip(words.tolist(), range(m - 1, 0, -1), strict=False):
        drawn = word * (last + 1) >> 64
        order[last], order[drawn] = order[drawn], order[last]
    np.testing.assert_array_equal(epoch_orders(seed, [epoch], m)[0], order)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_has_64_bits(seed):
    with pytest.raises(InvalidOption, match=f"from 0 to .* found {seed}"):
        epoch_orders(seed, [0], 5)


def test_every_order_is_as_likely_as_another():
    orders, counts = np.unique(epoch_orders(5, range(24_000), 4), axis=0, return_counts=True)
    assert len(orders) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 49.7  # χ², 23 degrees of freedom, one run of a thousand
