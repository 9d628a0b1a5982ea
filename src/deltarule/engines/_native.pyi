"""The compiled module; `cpp/module.cpp` says what the arguments are."""

from collections.abc import Sequence
from typing import Any

from ..arrays import Array

ACTIVATIONS: list[str]
LOSSES: list[tuple[str, str | None]]
OPTIMIZERS: list[str]
FUNCTIONS: list[str]

class Network:
    def __init__(
        self,
        n_features: int,
        layers: Sequence[tuple[int, int, float, bool, bool, float]],
        loss: int,
        loss_option: float,
        fused: bool,
    ) -> None: ...

def targets() -> list[str]: ...
def function(isa: str, which: int, x: Array, y: Array) -> None: ...
def epoch(*arguments: Any) -> tuple[float, int]: ...
def cost(*arguments: Any) -> float: ...
def predict(*arguments: Any) -> None: ...
def spread(*arguments: Any) -> None: ...
def descend(*arguments: Any) -> float: ...
def gram(*arguments: Any) -> None: ...
