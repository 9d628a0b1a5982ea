"""Where the time of a training step goes: the core alone, with its symbols, under Linux's ``perf``.

`PARTS` says which function of ``cpp/`` is counted as what. The parts are those of one thread, so that nothing waits; a
step on two threads is timed beside it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from .problems import NETS, Problem

BUILD = Path("build/profile")
PARTS = {
    "matrix products": ("band", "multiply", "sum_tiles"),
    "Adam": ("run_step", "update"),
    "activations": ("run_forward", "run_backward", "forward", "activation_backward"),
    "loss": ("run_fused", "run_cross_entropy", "head"),
    "copies": ("transpose", "turned", "backward", "gather", "pack", "unpack", "mem", "lay_", "columns", "Left"),
    "products and Adam of small nets": ("micro",),
}
SECONDS = 4.0
OUTSIDE = re.compile(r"Numbers|std::|main")  # making up the data


def available() -> bool:
    """Whether there is what it needs."""
    return all(map(shutil.which, ("perf", "cmake")))


def build() -> Path:
    """The program `steps`, optimized as the package is, with symbols."""
    if not available():
        raise SystemExit("--profile needs perf and cmake. On Debian: apt install linux-perf cmake")
    options = ["-DDELTARULE_TEST=ON", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    for words in (["-S", ".", "-B", BUILD, *options], ["--build", BUILD, "--target", "steps", "--parallel"]):
        subprocess.run(["cmake", *words], check=True, stdout=subprocess.DEVNULL)
    return BUILD / "steps"


def part_of(symbol: str) -> str:
    """Which of the `PARTS` a function belongs to."""
    name = re.sub(r"\(anonymous namespace\)::|^void |<.*", "", symbol).strip("_ ")
    found = [part for part, names in PARTS.items() if name.startswith(names)]
    return found[0] if found else "the rest"


def measure(program: Path, net: Problem) -> tuple[float, float, dict[str, float]]:
    """Microseconds a step, on one thread and on two, and the share of each part on one."""
    words = [net.activation, str(net.batch_size), *map(str, net.sizes)]

    def run(epochs: int, *before: str, threads: int = 1) -> float:
        command = [*before, str(program), str(threads), str(net.steps), str(epochs), *words]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    epochs = max(1, int(SECONDS * 1e6 / run(1) / net.steps))
    data = str(BUILD / "perf.data")
    taken = run(epochs, "perf", "record", "-q", "-o", data)
    shared = run(epochs, threads=2)
    report = ["perf", "report", "-q", "--stdio", "--no-children", "-F", "overhead,symbol", "-i", data]
    lines = subprocess.run(report, capture_output=True, text=True, check=True).stdout.splitlines()
    shares: dict[str, float] = {}
    for line in lines:
        found = re.match(r"\s*([\d.]+)%\s+\[(.)\]\s+(.*)", line)
        if found and not OUTSIDE.search(found[3]):
            part = "the rest" if found[2] == "k" else part_of(found[3])
            shares[part] = shares.get(part, 0.0) + float(found[1]) / 100
    total = sum(shares.values())
    return taken, shared, {part: share / total for part, share in shares.items()}


def section(rate: float) -> list[str]:
    """A table in Markdown: for each net its parts, and the rate of the products themselves as a share of the peak."""
    program = build()
    head = [
        "net (batch), one thread",
        "µs a step",
        *PARTS,
        "the rest",
        "of peak",
        "the products, of peak",
        "µs on two threads",
    ]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for net in NETS:
        taken, shared, shares = measure(program, net)
        of_peak = net.operations / taken * 1e6 / rate
        inside = shares.get("matrix products", 0.0)
        if max(inside, shares.get("products and Adam of small nets", 0.0)) < 0.1:
            raise SystemExit(f"{net}: expected products in the profile, found none; name their functions in PARTS")
        cells = [f"{shares.get(part, 0.0):.0%}" for part in (*PARTS, "the rest")]
        products = f"{of_peak / inside:.0%}" if inside > 0.1 else ""
        rows.append(
            "| " + " | ".join([str(net), f"{taken:.3g}", *cells, f"{of_peak:.0%}", products, f"{shared:.3g}"]) + " |"
        )
    return rows
