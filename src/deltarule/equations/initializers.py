"""Initial weights ``W`` (k, n) of a layer with n inputs (`fan_in`) and k units (`fan_out`), and its biases ``b`` (k,).

A layer whose activation keeps the variance of its input neither fades nor explodes with depth; each initializer is that
condition solved for one kind of activation. Biases begin at zero, or are drawn like the weights: the units of a layer
then bend at different places from the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from ..arrays import Array
from ..registry import Entry, Register


@dataclass(frozen=True, kw_only=True, eq=False)
class Initializer(Entry):
    """One entry of `INITIALIZERS`: ``formula(fan_in, fan_out) -> (distribution, scale)``.

    `scale` is the bound of a "uniform" distribution and the standard deviation of a "normal" one.

    Parameters
    ----------
    biases : bool
        Whether the biases are drawn as well, from the distribution of the weights.
    """

    formula: Callable[[int, int], tuple[str, float]]
    biases: bool = False

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Array, Array]:
        """``W`` of shape (k, n) and ``b`` of shape (k,), float64."""
        fan_out, fan_in = shape
        distribution, scale = self.formula(fan_in, fan_out)
        if scale == 0:
            return np.zeros(shape), np.zeros(fan_out)

        def values(shape: tuple[int, ...]) -> Array:
            return rng.uniform(-scale, scale, shape) if distribution == "uniform" else rng.normal(0.0, scale, shape)

        return values(shape), values((fan_out,)) if self.biases else np.zeros(fan_out)


INITIALIZERS: Register[Initializer] = Register("initializer")


def zeros(fan_in: int, fan_out: int) -> tuple[str, float]:
    """All zero: right for one layer, whose cost is convex; deeper layers would all stay alike."""
    return "normal", 0.0


def glorot_uniform(fan_in: int, fan_out: int) -> tuple[str, float]:
    """``U(-√(6/(n+k)), √(6/(n+k)))``. Glorot and Bengio 2010."""
    return "uniform", sqrt(6 / (fan_in + fan_out))


def glorot_normal(fan_in: int, fan_out: int) -> tuple[str, float]:
    """``N(0, 2/(n+k))``."""
    return "normal", sqrt(2 / (fan_in + fan_out))


def he_uniform(fan_in: int, fan_out: int) -> tuple[str, float]:
    """``U(-√(6/n), √(6/n))``. He et al. 2015."""
    return "uniform", sqrt(6 / fan_in)


def he_normal(fan_in: int, fan_out: int) -> tuple[str, float]:
    """``N(0, 2/n)``."""
    return "normal", sqrt(2 / fan_in)


def lecun_uniform(fan_in: int, fan_out: int) -> tuple[str, float]:
    """``U(-√(3/n), √(3/n))``. LeCun et al. 1998."""
    return "uniform", sqrt(3 / fan_in)


def lecun_normal(fan_in: int, fan_out: int) -> tuple[str, float]:
    """``N(0, 1/n)``."""
    return "normal", sqrt(1 / fan_in)


for _entry in (
    Initializer(name="zeros", formula=zeros, latex="0"),
    Initializer(name="glorot_uniform", formula=glorot_uniform, latex=r"U(\pm\sqrt{6/(n+k)})"),
    Initializer(name="glorot_uniform_with_biases", formula=glorot_uniform, biases=True, latex=r"U(\pm\sqrt{6/(n+k)})"),
    Initializer(name="glorot_normal", formula=glorot_normal, latex=r"N(0,\ 2/(n+k))"),
    Initializer(name="he_uniform", formula=he_uniform, latex=r"U(\pm\sqrt{6/n})"),
    Initializer(name="he_normal", formula=he_normal, latex=r"N(0,\ 2/n)"),
    Initializer(name="lecun_uniform", formula=lecun_uniform, latex=r"U(\pm\sqrt{3/n})"),
    Initializer(name="lecun_normal", formula=lecun_normal, latex=r"N(0,\ 1/n)"),
):
    INITIALIZERS.add(_entry)
