"""PyTorch, with the whole step compiled by ``torch.compile``."""

from __future__ import annotations

from typing import Any

import torch

from ..problems import Problem
from .torch import run as run_eager


def run(problem: Problem, X: Any, y: Any) -> tuple[list[float], float]:
    return run_eager(problem, X, y, torch.compile)
