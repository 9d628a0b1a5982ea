"""Pictures: activations, gradient descent on its cost, the sigmoid over its data. matplotlib is needed to draw them.

Each ``plot_...`` returns a figure of matplotlib, which a notebook shows; `save` writes it to a file.
"""

from __future__ import annotations

from .activation import plot_activation
from .boundary import plot_boundary
from .canvas import save
from .descent import Descent, Walk, descend
from .surface import plot_descent
from .table import Problem, read_problem

__all__ = [
    "Descent",
    "Problem",
    "Walk",
    "descend",
    "plot_activation",
    "plot_boundary",
    "plot_descent",
    "read_problem",
    "save",
]
