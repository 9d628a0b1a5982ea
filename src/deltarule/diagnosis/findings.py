"""What the measures mean: each rule looks for one illness and says, in one sentence, what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from .measure import LayerMeasures, Measures

MANY = 0.1
"""Share of dead, or of saturated, units from which they matter; the notes of CS231n tell of 40 % dead units where the
learning rate is too high."""

SATURATED_UNIT = 0.95
"""A unit counts as saturated when it is in its flat part on this share of the samples."""

SATURATED_SHARE = 0.6
"""A layer is saturated when so many of its activations are: Glorot and Bengio 2010 show what then becomes of it."""

VANISHED, EXPLODED = 1e-3, 20.0
"""``RMS(dZ[l]) / RMS(dZ[L])``: weights after Glorot and Bengio 2010 and He et al. 2015 keep it near 1 at any depth;
wide layers before few outputs make it smaller, nothing healthy makes it much larger."""

NOTHING = float(np.finfo(np.float64).eps)
"""Below this share of the output layer's it is rounding, not a gradient."""

GOOD_RATIO, FAR_OFF = 1e-3, 100.0
"""A step that changes the weights by 1e-3 of their size is healthy (notes of CS231n); a hundred times as much, or
as little, is not."""

LEARNED = 0.01
"""A training that has lowered the cost by this share does learn, however short its steps are by now."""

SEVERITIES = ("critical", "warning", "note")
"""It cannot learn; it learns badly; good to know."""


@dataclass(frozen=True)
class Finding:
    """One illness.

    Attributes
    ----------
    kind : str
        Such as "dead units".
    severity : {"critical", "warning", "note"}
    layers : tuple of int
        Where, counted from 1; 0 stands for the data.
    what : str
        What was found, with its numbers.
    advice : str
        One sentence: what to do.
    units : dict, l -> tuple of int
        The units that it concerns, counted from 1.
    """

    kind: str
    severity: str
    layers: tuple[int, ...]
    what: str
    advice: str
    units: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.severity}: {self.kind}: {self.what}. {self.advice}"


@dataclass(frozen=True)
class Evidence:
    """What the rules look at.

    Parameters
    ----------
    measures : Measures
    updates : mapping, l -> float
        See `deltarule.diagnosis.updates.update_ratios`; empty if not known.
    fallen : float or None
        The share by which training has lowered the cost; None if not known.
    rows : (m,) or None
        What the user calls the samples; their number, counted from 1, by default.
    """

    measures: Measures
    updates: Mapping[int, float] = field(default_factory=dict)
    fallen: float | None = None
    rows: Array | None = None

    @property
    def layers(self) -> list[LayerMeasures]:
        """Without the input."""
        return self.measures.layers[1:]


def find(evidence: Evidence) -> list[Finding]:
    """All findings, the worst first."""
    rules = RULES if evidence.measures.broken is None else (not_finite,)
    found = [finding for rule in rules for finding in rule(evidence)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def not_finite(evidence: Evidence) -> Iterator[Finding]:
    """The first value that is NaN or infinite."""
    broken = evidence.measures.broken
    if broken is None:
        return
    index = [i + 1 for i in broken.index]
    if broken.by_sample:
        row = index[0] if evidence.rows is None else evidence.rows[broken.index[0]]
        column = "column" if broken.layer == 0 else "unit"
        where = f"in row {row}" + (f", {column} {index[1]}" if len(index) > 1 else "")
    else:
        where = "at " + ", ".join(f"{name} {i}" for name, i in zip(("unit", "input"), index, strict=False))
    place = f"in layer {broken.layer}" if broken.layer else "in the data"
    kind = broken.quantity.partition("[")[0]
    if broken.layer == 0:
        advice = "Correct the value or leave the row out."
    elif kind in ("W", "b", "p"):
        advice = "These weights are lost: train again with a lower learning rate."
    else:
        advice = "Scale the columns of X (and y) to about unit size, and begin with smaller weights."
    yield Finding(
        "not finite",
        "critical",
        (broken.layer,),
        f"the first NaN or infinity is {place}, {broken.quantity}, {where}",
        advice,
    )


def dead(evidence: Evidence) -> Iterator[Finding]:
    """Units that no sample gives a slope, so that no gradient reaches their weights."""
    gone = {x.layer: numbers(x.dead) for x in evidence.layers if x.dead is not None and x.dead.any()}
    if not gone:
        return
    whole = any(len(gone[x.layer]) == x.units for x in evidence.layers if x.layer in gone)
    many = any(len(gone[x.layer]) >= MANY * x.units for x in evidence.layers if x.layer in gone)
    parts = [_share(x, gone[x.layer]) for x in evidence.layers if x.layer in gone]
    yield Finding(
        "dead units",
        "critical" if whole else "warning" if many else "note",
        tuple(gone),
        f"{'; '.join(parts)} never active: their slope is zero on every sample",
        "Lower the learning rate, or use leaky_relu, whose units cannot die."
        if many
        else "A few do no harm; leaky_relu keeps them all alive.",
        gone,
    )


def saturated(evidence: Evidence) -> Iterator[Finding]:
    """Units in the flat part of their activation, where hardly any gradient passes."""
    flat = {x.layer: x.flat for x in evidence.layers[:-1] if x.flat is not None}
    shares = {l: float(units.mean()) for l, units in flat.items()}
    stuck = {l: numbers(units >= SATURATED_UNIT) for l, units in flat.items()}
    ill = {l: units for l, units in stuck.items() if units or shares[l] >= SATURATED_SHARE}
    if ill:
        whole = any(len(units) == _units(evidence, l) for l, units in ill.items())
        many = any(len(units) >= MANY * _units(evidence, l) or shares[l] >= SATURATED_SHARE for l, units in ill.items())
        parts = [f"layer {l}: {shares[l]:.0%} of the activations" for l in ill]
        yield Finding(
            "saturated units",
            "critical" if whole else "warning" if many else "note",
            tuple(ill),
            f"{'; '.join(parts)} in the flat part, where the slope is near zero",
            "Scale the columns of X to about unit size, begin with smaller weights, or lower the learning rate."
            if many
            else "A few do no harm; smaller weights and biases bring them back.",
            ill,
        )
    output = evidence.layers[-1]
    if output.stuck is not None and output.stuck >= MANY:
        yield Finding(
            "saturated output",
            "warning",
            (output.layer,),
            f"layer {output.layer}: {output.stuck:.0%} of the outputs are wrong, and in the flat part of "
            f"{output.activation}, where no error gets through",
            "Use the loss that goes with this output, such as a cross-entropy, which undoes the flat part.",
        )


def gradients(evidence: Evidence) -> Iterator[Finding]:
    """Gradients that fade, or grow, from the output down to the first layer."""
    ratios = gradient_ratios(evidence.measures)
    blocked = [l for l, ratio in ratios.items() if ratio <= NOTHING]
    for kind, layers, advice in (
        (
            "no gradient",
            blocked,
            "Dead units, or weights of zero in the layer above, let nothing back: mend those first.",
        ),
        (
            "vanishing gradients",
            [l for l, ratio in ratios.items() if NOTHING < ratio < VANISHED],
            "Use fewer layers, or relu with its own initial weights (initializer='auto') in place of what saturates.",
        ),
        (
            "exploding gradients",
            [l for l, ratio in ratios.items() if ratio > EXPLODED],
            "Begin with smaller weights (initializer='auto'), use fewer layers, or lower the learning rate.",
        ),
    ):
        if layers:
            worst = min(layers)
            size = f"{ratios[worst]:.2g} of that of the output layer" if ratios[worst] > NOTHING else "0"
            yield Finding(
                kind,
                "warning",
                tuple(layers),
                f"{name_layers(layers)}: RMS(dZ[{worst}]) is {size}",
                advice,
            )


def symmetric(evidence: Evidence) -> Iterator[Finding]:
    """Units with the same weights and gradients: they stay the same for ever."""
    ill = {x.layer: x.same for x in evidence.layers if x.same}
    if not ill:
        return
    parts = []
    for l, groups in ill.items():
        alike, units = sum(map(len, groups)), _units(evidence, l)
        parts.append(f"layer {l}: {alike} of {units} units" if len(groups) > 1 or alike < units else f"layer {l}: all")
    yield Finding(
        "symmetric units",
        "critical" if any(len(groups[0]) == _units(evidence, l) for l, groups in ill.items()) else "warning",
        tuple(ill),
        f"{'; '.join(parts)} have the same weights and the same gradients as another, and stay so",
        "Begin with random weights (initializer='auto'): alike units learn one and the same thing.",
        {l: tuple(i + 1 for group in groups for i in group) for l, groups in ill.items()},
    )


def steps(evidence: Evidence) -> Iterator[Finding]:
    """Steps that are far too long or too short for the weights they change."""
    long = {l: ratio for l, ratio in evidence.updates.items() if ratio > GOOD_RATIO * FAR_OFF}
    if long:
        worst = max(long, key=lambda l: long[l])
        size = f"by {long[worst]:.2g} times its size" if np.isfinite(long[worst]) else "until it is no longer finite"
        yield Finding(
            "steps too long",
            "warning",
            tuple(long),
            f"{name_layers(list(long))}: a step changes W[{worst}] {size}, {GOOD_RATIO:g} is healthy",
            "Lower the learning rate, by a factor of ten to begin with.",
        )
    short = {l: ratio for l, ratio in evidence.updates.items() if ratio < GOOD_RATIO / FAR_OFF}
    learns = evidence.fallen is not None and evidence.fallen >= LEARNED
    if short and len(short) == len(evidence.updates) and not learns:
        worst = min(short, key=lambda l: short[l])
        yield Finding(
            "steps too short",
            "warning",
            tuple(short),
            f"{name_layers(list(short))}: a step changes W[{worst}] by {short[worst]:.2g} of its size, "
            f"{GOOD_RATIO:g} is healthy",
            "Raise the learning rate, unless the training has already arrived.",
        )


RULES: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    symmetric,
    dead,
    saturated,
    gradients,
    steps,
)
"""All but `not_finite`, after which nothing else can be said."""


def gradient_ratios(measures: Measures) -> dict[int, float]:
    """``RMS(dZ[l]) / RMS(dZ[L])`` of each layer; empty where the output layer has no gradient."""
    layers = measures.layers[1:]
    if not layers or not layers[-1].rms_dZ > 0:
        return {}
    return {x.layer: x.rms_dZ / layers[-1].rms_dZ for x in layers}


def numbers(chosen: Array) -> tuple[int, ...]:
    """The units that are marked, counted from 1."""
    return tuple(int(i) + 1 for i in np.flatnonzero(chosen))


def name_layers(layers: list[int]) -> str:
    """``layer 2``, ``layers 1 to 3``, ``layers 1, 3``."""
    if len(layers) == 1:
        return f"layer {layers[0]}"
    if layers == list(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]} to {layers[-1]}"
    return f"layers {', '.join(map(str, layers))}"


def _units(evidence: Evidence, l: int) -> int:
    return evidence.measures.layers[l].units


def _share(x: LayerMeasures, units: tuple[int, ...]) -> str:
    name = "unit" if len(units) == 1 else "units"
    some = f" ({name} {', '.join(map(str, units))})" if len(units) <= 5 else ""
    return f"layer {x.layer}: {len(units)} of {x.units} units{some}"
