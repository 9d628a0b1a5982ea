"""What a user waits for: a whole fit, a prediction, several fits at the same time, and the memory they take.

Each function is run in a process of its own by ``python -m benchmarks.versus.whole NAME`` and prints a row of it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .machine import reading
from .problems import HIGGS, LECTURE, MNIST, NETS, Problem

ROUNDS = 5
WIDE = Problem("wide", (784, 2048, 2048, 10), "relu", 128, 2, 1)


def median(action: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Seconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def times_faster(one: Callable[[], Any], other: Callable[[], Any]) -> float:
    """Of pairs, one right after the other, as others use the machine as well: the median."""
    pairs = [(median(other, 1), median(one, 1)) for _ in range(ROUNDS)]
    return statistics.median(a / b for a, b in pairs)


def digits() -> str:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier as Theirs

    from deltarule import MLPClassifier

    warnings.simplefilter("ignore")
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split((X / 16).astype(np.float32), y, random_state=0)
    seconds, scores = [], []
    for kind in (MLPClassifier, Theirs):
        model = kind((100,), random_state=0, max_iter=100)
        model.fit(X_train, y_train)
        seconds.append(median(lambda model=model: model.fit(X_train, y_train)))
        scores.append(model.score(X_test, y_test))
    ours, theirs = seconds
    return (
        f"| digits, 64-100-10, 100 epochs, whole `fit` | {ours:.3f} s, accuracy {scores[0]:.3f} "
        f"| scikit-learn {theirs:.3f} s, accuracy {scores[1]:.3f} | {theirs / ours:.1f} |"
    )


def network(problem: Problem) -> Any:
    from deltarule import Network

    many = problem.sizes[-1] > 1
    names = [problem.activation] * (len(problem.sizes) - 2) + ["softmax" if many else "sigmoid"]
    loss = "categorical_cross_entropy" if many else "binary_cross_entropy"
    return Network.create(problem.sizes, names, loss, dtype=np.float32)


def one_row() -> str:
    own = []
    for problem in NETS:
        net, x = network(problem), np.ones((1, problem.sizes[0]), np.float32)
        own.append(f"{problem.name} {median(lambda net=net, x=x: [net.predict(x) for _ in range(2000)]) / 2e-3:.1f}")
    alone = "one core reads the parameters in " + ", ".join(f"{least:.1f}" for least in reading(NETS))
    return f"| one row, `Network.predict`, µs | {', '.join(own)} | {alone} | |"


def many_rows() -> str:
    from deltarule.engines import choose
    from deltarule.engines.threads import usable_threads

    net, X = network(MNIST), np.random.default_rng(0).standard_normal((100_000, MNIST.sizes[0]), dtype=np.float32)
    engine = choose("auto", net, X)
    ours = median(lambda: engine.predict(net, X, threads=usable_threads()))
    session = onnx_session(net)
    theirs = median(lambda: session.run(None, {"A0": X}))
    worst = np.abs(engine.predict(net, X[:1000]) - session.run(None, {"A0": X[:1000]})[0]).max()
    if worst > 1e-4:
        raise SystemExit(f"predictions differ by {worst:g}")
    return f"| 100,000 rows of mnist | {ours:.3f} s | ONNX Runtime {theirs:.3f} s | {theirs / ours:.2f} |"


def onnx_session(net: Any) -> Any:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []
    for l, layer in enumerate(net.layers, 1):
        weights += [numpy_helper.from_array(net.W[l], f"W{l}"), numpy_helper.from_array(net.b[l], f"b{l}")]
        nodes.append(helper.make_node("Gemm", [f"A{l - 1}", f"W{l}", f"b{l}"], [f"Z{l}"], transB=1))
        nodes.append(helper.make_node(layer.activation.onnx, [f"Z{l}"], [f"A{l}"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, n])
        for name, n in (("A0", net.sizes[0]), (f"A{len(net.layers)}", net.sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString())


def epochs(problem: Problem, threads: int, repeats: int = 1) -> Callable[[], Any]:
    from deltarule.engines import Data, Steps, choose
    from deltarule.equations import OPTIMIZERS

    net, adam, (X, y) = network(problem), OPTIMIZERS["adam"], problem.data()
    Y = np.eye(problem.classes, dtype=np.float32)[y] if problem.sizes[-1] > 1 else y.astype(np.float32)[:, None]
    data, engine = Data(X, Y), choose("auto", net, X)
    moments = engine.moments(net, adam)
    steps = Steps.of_epoch(None, problem.batch_size, np.full(problem.steps, 1e-3), 0, 0)

    def run() -> None:
        for _ in range(repeats):
            engine.epochs(net, data, steps, adam, moments, {}, threads=threads)

    return run


def cores() -> str:
    cells = []
    for problem in (MNIST, HIGGS):
        one, two = epochs(problem, 1), epochs(problem, 2)
        one(), two()
        cells.append(f"{problem.name} {times_faster(two, one):.2f}")
    return f"| a step on two cores, times faster than on one | {', '.join(cells)} | | |"


def eight_fits() -> str:
    runs = [epochs(MNIST, 1) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        faster = times_faster(lambda: list(pool.map(lambda run: run(), runs)), lambda: [run() for run in runs])
    return f"| eight fits in a thread pool, times faster than one after another | {faster:.2f} | | |"


def memory(own: bool) -> float:
    """MiB that training a wide net takes beyond the data, at its peak."""
    from .adapters import deltarule, sklearn

    X, y = WIDE.data()
    adapter = deltarule if own else sklearn
    adapter.run(LECTURE, *LECTURE.data())  # what the libraries themselves take
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    adapter.run(WIDE, X, y)
    return resident("VmHWM") - before


def resident(which: str) -> float:
    """MiB of this process in memory now (VmRSS), or at most so far (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(which)) / 1024


def peak_memory() -> str:
    ours, theirs = (float(alone(f"memory_{name}")) for name in ("own", "sklearn"))
    parameters = network(WIDE).theta.nbytes / 2**20
    return (
        f"| memory to train 784-2048-2048-10, data aside | {ours:.1f} MiB, {ours / parameters:.1f} times theta "
        f"| scikit-learn {theirs:.1f} MiB | {theirs / ours:.1f} |"
    )


ROWS = {
    "digits": digits,
    "one_row": one_row,
    "many_rows": many_rows,
    "cores": cores,
    "eight_fits": eight_fits,
    "peak_memory": peak_memory,
}
PARTS = {"memory_own": lambda: str(memory(True)), "memory_sklearn": lambda: str(memory(False))}


def alone(name: str) -> str:
    """What the function of that name prints, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.versus.whole", name]
    # what arrays free goes back to the system at once, and is not counted as memory in use
    limits = {"MALLOC_MMAP_THRESHOLD_": "65536"} if name in PARTS else {}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | limits)
    if done.returncode:
        return f"| {name} | could not run: {done.stderr.strip().splitlines()[-1]} | | |"
    return done.stdout.strip().splitlines()[-1]


def installed(package: str) -> bool:
    return find_spec(package.replace("scikit-", "sk")) is not None


def table() -> list[str]:
    """Lines of Markdown."""
    rows = dict(ROWS)
    if not all(map(installed, ("onnx", "onnxruntime"))):
        del rows["many_rows"]
    return ["| | deltarule | rival | times faster |", "|---|---|---|---|", *map(alone, rows)]


if __name__ == "__main__":
    print({**ROWS, **PARTS}[sys.argv[1]]())
