"""What the lecture says: pure functions, forward directly above backward, and the registers of them."""

from .activations import ACTIVATIONS, Activation
from .initializers import INITIALIZERS, Initializer
from .losses import LOSSES, Loss
from .optimizers import OPTIMIZERS, Optimizer
from .penalties import PENALTIES, Penalty
from .schedules import SCHEDULES, Schedule

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "PENALTIES",
    "SCHEDULES",
    "Activation",
    "Initializer",
    "Loss",
    "Optimizer",
    "Penalty",
    "Schedule",
]
