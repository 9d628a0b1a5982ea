"""Who computes: one room for each engine, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping

from ..arrays import Array
from ..equations import Optimizer
from ..errors import EngineUnsupported, UnknownName
from ..network import Network
from ._native import all_finite
from .base import Data, Engine, Steps
from .native import NativeEngine
from .order import check_seed, epoch_orders
from .reference import ReferenceEngine

ENGINES: dict[str, Engine] = {"native": NativeEngine(), "reference": ReferenceEngine()}
"""Engines by name, the fastest first; `choose` with "auto" takes the first that supports the network."""

__all__ = [
    "ENGINES",
    "Data",
    "Engine",
    "Network",
    "ReferenceEngine",
    "Steps",
    "all_finite",
    "check_seed",
    "choose",
    "epoch_orders",
]


def choose(
    name: str,
    network: Network,
    X: Array | None = None,
    optimizer: Optimizer | None = None,
    penalties: Mapping[str, float] | None = None,
) -> Engine:
    """The engine called `name`, or for "auto" the fastest that can run the network, and train it so.

    Raises
    ------
    UnknownName
        If there is no such engine.
    EngineUnsupported
        If the engine asked for cannot run the network on this data; the message says why.
    """
    if name == "auto":
        return next(engine for engine in ENGINES.values() if not engine.supports(network, X, optimizer, penalties))
    if name not in ENGINES:
        raise UnknownName(f"expected an engine out of auto, {', '.join(ENGINES)}, found {name!r}")
    reason = ENGINES[name].supports(network, X, optimizer, penalties)
    if reason:
        raise EngineUnsupported(f"the {name} engine cannot run this network: {reason}", "use engine='auto'")
    return ENGINES[name]
