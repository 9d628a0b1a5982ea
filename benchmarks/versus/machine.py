"""What the machine can do at most, each from a small C++ program of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .problems import Problem

HERE = Path(__file__).parent


def printed(name: str, *words: str) -> list[float]:
    """The numbers that the program of that name prints."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / name
        flags = ["-O3", "-march=native", "-ffp-contract=fast"]
        subprocess.run(["c++", *flags, HERE / f"{name}.cpp", "-o", program], check=True)
        done = subprocess.run([program, *words], capture_output=True, text=True, check=True)
        return [float(number) for number in done.stdout.split()]


def peak() -> float:
    """Float32 operations a second that one core can do."""
    return printed("peak")[0]


def reading(nets: Sequence[Problem]) -> list[float]:
    """Microseconds in which one core can read the parameters of each net, again and again."""
    return printed("reading", *(str(net.parameters) for net in nets))[: len(nets)]
