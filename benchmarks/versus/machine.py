"""What the machine can do at most, each from a small C++ program of its own."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from .problems import Problem

HERE = Path(__file__).parent


def first_number(name: str, *words: str) -> float:
    """What the program of that name prints first."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / name
        flags = ["-O3", "-march=native", "-ffp-contract=fast"]
        subprocess.run(["c++", *flags, HERE / f"{name}.cpp", "-o", program], check=True)
        return float(subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout.split()[0])


def peak() -> float:
    """Float32 operations a second that one core can do."""
    return first_number("peak")


def reading(net: Problem) -> float:
    """Microseconds in which one core can read the parameters of a net, again and again."""
    return first_number("reading", str(net.parameters))
