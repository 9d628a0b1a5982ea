"""In which order epochs see their samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Array
from ..errors import InvalidOption
from . import _native


def check_seed(seed: int) -> None:
    """Refuse a seed that Philox has no key for.

    Raises
    ------
    InvalidOption
        If it is no whole number, negative, or beyond 64 bits.
    """
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
        raise InvalidOption(f"expected a seed from 0 to 2^64 - 1, found {seed!r}")


def epoch_orders(seed: int, epochs: Sequence[int], n_samples: int) -> Array:
    """The order in which each of some epochs, counted from 0, sees its samples: int64 (n_epochs, n_samples).

    Shuffled as Durstenfeld (1964) does, from the last place to the second: sample number ``last`` changes places with
    ``word * (last + 1) >> 64``. The words are those of NumPy's ``Philox(key=[seed, 1], counter=[0, 0, 0, epoch])``.
    Compiled, as it would take longer than the steps of a small network.

    Raises
    ------
    InvalidOption
        See `check_seed`.
    """
    check_seed(seed)
    orders = np.empty((len(epochs), n_samples), np.int64)
    for epoch, order in zip(epochs, orders, strict=True):
        _native.shuffled(seed, epoch, order)
    return orders
