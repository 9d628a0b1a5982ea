"""Schedules: the learning rate ``α`` of every step, from the rate ``α_0`` the user gives.

A schedule is a pure function of the `Clock`, so that an interrupted run that continues takes the very same steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..arrays import Array
from ..registry import Entry, Register


class Clock(NamedTuple):
    """Where a run stands at the beginning of an epoch.

    Parameters
    ----------
    epoch, epochs : int
        Epochs done, and the number asked for.
    steps : ndarray of int, (n,)
        Numbers of the steps of this epoch, counted from 0 at the start of the run, as if all its epochs were as long.
    total_steps : int
        Number of steps of the whole run, likewise.
    samples : int
        Samples seen so far.
    plateaus : int
        How often the loss has ceased to improve.
    """

    epoch: int
    epochs: int
    steps: Array
    total_steps: int
    samples: int
    plateaus: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule(Entry):
    """One entry of `SCHEDULES`: ``formula(clock) -> factor``, a number or one a step, (n,).

    Parameters
    ----------
    on_plateau : bool
        When the loss ceases to improve, lower the rate and go on, as long as it is above ``minimum``.
    fixed_length : bool
        It is shaped by the number of epochs, and reaching the last one is its aim.
    """

    on_plateau: bool = False
    fixed_length: bool = False

    def rates(self, alpha_0: float, clock: Clock) -> Array:
        """``α`` of each step of the epoch, (n,), float64."""
        alphas = np.empty(clock.steps.shape)
        alphas[...] = alpha_0 * self.rule(clock)
        return alphas


SCHEDULES: Register[Schedule] = Register("schedule")


def constant(clock: Clock) -> float:
    """``1``."""
    return 1.0


def inverse_scaling(clock: Clock, *, power: float = 0.5) -> float:
    """``1 / (t + 1)^power``, where ``t`` counts the samples seen at the beginning of the epoch, as in scikit-learn."""
    return float((clock.samples + 1.0) ** -power)


def adaptive(clock: Clock, *, factor: float = 5.0, minimum: float = 1e-6) -> float:
    """``1 / factor^plateaus``; training ends when the loss stalls at a rate of `minimum` or less."""
    return float(factor**-clock.plateaus)


def step(clock: Clock, *, every: int = 10, factor: float = 0.1) -> float:
    """``factor^⌊epoch / every⌋``."""
    return float(factor ** (clock.epoch // every))


def exponential(clock: Clock, *, decay: float = 0.95) -> float:
    """``decay^epoch``."""
    return float(decay**clock.epoch)


def cosine(clock: Clock, *, warmup: float = 0.05, floor: float = 0.0) -> Array:
    """Linear from 0 to 1 over the fraction `warmup` of all steps, then half a cosine down to `floor`."""
    warm = round(warmup * clock.total_steps)
    rising = (clock.steps + 1) / max(warm, 1)
    fallen = np.clip((clock.steps - warm) / max(clock.total_steps - warm, 1), 0, 1)
    falling = floor + (1 - floor) * 0.5 * (1 + np.cos(np.pi * fallen))
    return np.where(clock.steps < warm, rising, falling)


def one_cycle(clock: Clock, *, rise: float = 0.3, start: float = 0.04, end: float = 4e-6) -> Array:
    """Half a cosine up from `start` to 1 over the fraction `rise` of all steps, then down to `end`. Smith 2018."""
    last = max(clock.total_steps - 1, 1)
    top = rise * last
    up = np.clip(clock.steps / max(top, 1e-12), 0, 1)
    down = np.clip((clock.steps - top) / max(last - top, 1e-12), 0, 1)
    rising = start + (1 - start) * 0.5 * (1 - np.cos(np.pi * up))
    falling = end + (1 - end) * 0.5 * (1 + np.cos(np.pi * down))
    return np.where(clock.steps < top, rising, falling)


UNIT = (0.0, 1.0)
for _entry in (
    Schedule(name="constant", formula=constant, latex=r"\alpha_0"),
    Schedule(
        name="inverse_scaling",
        formula=inverse_scaling,
        aliases=("invscaling",),
        bounds={"power": (0, 100)},
        latex=r"\alpha_0 / (t + 1)^{p}",
    ),
    Schedule(
        name="adaptive",
        formula=adaptive,
        on_plateau=True,
        bounds={"factor": (1.0001, 1e6), "minimum": (0, 1e6)},
        latex=r"\alpha_0 / f^{\,\text{plateaus}}",
    ),
    Schedule(
        name="step",
        formula=step,
        bounds={"every": (1, 1e9), "factor": UNIT},
        latex=r"\alpha_0 f^{\lfloor e/n \rfloor}",
    ),
    Schedule(name="exponential", formula=exponential, bounds={"decay": UNIT}, latex=r"\alpha_0 d^{\,e}"),
    Schedule(
        name="cosine",
        formula=cosine,
        fixed_length=True,
        bounds={"warmup": UNIT, "floor": UNIT},
        latex=r"\tfrac{\alpha_0}{2}(1 + \cos \pi\tau)",
    ),
    Schedule(
        name="one_cycle",
        formula=one_cycle,
        fixed_length=True,
        bounds={"rise": UNIT, "start": UNIT, "end": UNIT},
        latex=r"\alpha_0 \nearrow\searrow",
    ),
):
    SCHEDULES.add(_entry)
