"""Linear and logistic regression beside scikit-learn, glum and statsmodels: whole fits, to the same objective.

deltarule runs as it comes. A rival runs with the loosest tolerance with which its objective is not above deltarule's by
more than 1e-6 of it; every measurement is a process of its own, rivals in turn, after a warm-up. statsmodels has no L2
penalty: both run without one beside it, and deltarule's logistic fit then looks for separation and has standard errors.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

CLOSE = 1e-6
PATIENCE = 100.0  # seconds that a rival's process may take
BLOCK = 50_000  # rows whose objective is computed at a time
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


@dataclass(frozen=True)
class Table:
    """Samples of a logistic model, or of a linear one (`classes` 0)."""

    m: int
    n: int
    classes: int
    dtype: str = "float32"

    def __str__(self) -> str:
        kind = {0: "linear", 2: "logistic"}.get(self.classes, f"{self.classes} classes")
        return f"{kind} {self.m:,} x {self.n:,} {self.dtype}"

    def data(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.m, self.n), dtype=np.float32)
        k = max(1, self.classes if self.classes > 2 else 1)
        Z = X @ (rng.standard_normal((self.n, k)) * 2 / np.sqrt(self.n)).astype(np.float32)
        if self.classes == 0:
            y = (Z[:, 0] + rng.standard_normal(self.m)).astype(self.dtype)
        elif k == 1:
            y = (Z[:, 0] + rng.logistic(size=self.m) > 0).astype(int)
        else:
            y = (Z + rng.gumbel(size=Z.shape)).argmax(axis=1)
        return X.astype(self.dtype), y

    def objective(self, X: Any, y: Any, W: Any, b: Any, *, penalized: bool = True) -> float:
        """``Σ L``, with ``½ ‖W‖²`` for a logistic model; in float64."""
        from scipy.special import logsumexp

        W, total = np.atleast_2d(np.asarray(W, np.float64)), 0.0
        for start in range(0, self.m, BLOCK):
            rows = slice(start, start + BLOCK)
            Z = X[rows].astype(np.float64) @ W.T + b
            if self.classes == 0:
                total += 0.5 * float(np.square(Z[:, 0] - y[rows]).sum())
                continue
            Z = np.c_[np.zeros(len(Z)), Z] if Z.shape[1] == 1 else Z
            total += float((logsumexp(Z, axis=1) - Z[np.arange(len(Z)), y[rows]]).sum())
        return total + (0.5 * float(np.square(W).sum()) if self.classes and penalized else 0.0)


SHAPES = ((500_000, 50, 2), (2_000_000, 20, 2), (5_000, 2_000, 2), (20_000, 784, 10), (100, 5, 2))
TABLES = tuple(
    Table(m, n, classes, dtype)
    for dtype in ("float32", "float64")
    for m, n, k in SHAPES
    for classes in (k, 0)
)  # fmt: skip
BY_NAME = {str(table): table for table in TABLES}

Fit = tuple[Callable[[], Any], Callable[[Any], tuple[Any, Any]]]
"""What is timed, and ``W``, ``b`` of what it returns."""


def estimator(model: Any, X: Any, y: Any) -> Fit:
    return lambda: model.fit(X, y), lambda fitted: (fitted.coef_, fitted.intercept_)


def own(table: Table, X: Any, y: Any) -> Iterator[Fit]:
    from deltarule import LinearRegression, LogisticRegression

    yield estimator(LogisticRegression() if table.classes else LinearRegression(), X, y)


def own_unpenalized(table: Table, X: Any, y: Any) -> Iterator[Fit]:
    from deltarule import LogisticRegression

    yield estimator(LogisticRegression(C=np.inf), X, y)


def sklearn(solver: str) -> Callable[[Table, Any, Any], Iterator[Fit]]:
    def fits(table: Table, X: Any, y: Any) -> Iterator[Fit]:
        from sklearn.linear_model import LogisticRegression

        for tol in TOLERANCES:
            yield estimator(LogisticRegression(solver=solver, tol=tol, max_iter=10_000), X, y)

    return fits


def sklearn_exact(table: Table, X: Any, y: Any) -> Iterator[Fit]:
    from sklearn.linear_model import LinearRegression

    yield estimator(LinearRegression(), X, y)


def sklearn_ridge(table: Table, X: Any, y: Any) -> Iterator[Fit]:
    from sklearn.linear_model import Ridge

    yield estimator(Ridge(alpha=1e-9, solver="cholesky"), X, y)


def glum(table: Table, X: Any, y: Any) -> Iterator[Fit]:
    from glum import GeneralizedLinearRegressor

    options = {"family": "binomial", "alpha": 1 / table.m} if table.classes else {"family": "gaussian", "alpha": 0}
    for tol in TOLERANCES:
        yield estimator(GeneralizedLinearRegressor(l1_ratio=0, gradient_tol=tol, **options), X, y)


def statsmodels(table: Table, X: Any, y: Any) -> Iterator[Fit]:
    import statsmodels.api as sm

    def fit() -> Any:
        design = sm.add_constant(X)
        if table.classes:
            return sm.Logit(y, design).fit(disp=False)
        return sm.OLS(y, design).fit()

    yield fit, lambda fitted: (fitted.params[1:], fitted.params[0])


OURS, UNPENALIZED = "deltarule", "deltarule, C=inf"
OWN = {OURS: own, UNPENALIZED: own_unpenalized}
RIVALS: dict[str, tuple[str, Callable[[Table], bool], Callable[[Table, Any, Any], Iterator[Fit]]]] = {
    "scikit-learn lbfgs": ("sklearn", lambda t: t.classes > 0, sklearn("lbfgs")),
    "scikit-learn newton-cholesky": ("sklearn", lambda t: t.classes > 0 and t.n < 1000, sklearn("newton-cholesky")),
    "scikit-learn newton-cg": ("sklearn", lambda t: t.classes > 0, sklearn("newton-cg")),
    "scikit-learn LinearRegression": ("sklearn", lambda t: t.classes == 0, sklearn_exact),
    "scikit-learn Ridge cholesky": ("sklearn", lambda t: t.classes == 0, sklearn_ridge),
    "glum": ("glum", lambda t: t.classes <= 2, glum),
    "statsmodels": ("statsmodels", lambda t: t.classes == 0 or (t.classes == 2 and t.m > 10 * t.n), statsmodels),
}


def measure_here(rival: str, name: str, best: list[float]) -> None:
    """Print the seconds of a fit, and its objective with and without penalty; nothing if `best` is not reached."""
    table = BY_NAME[name]
    X, y = table.data()
    penalized = rival != "statsmodels"
    for fit, parameters in (OWN[rival] if rival in OWN else RIVALS[rival][2])(table, X, y):
        W, b = parameters(fit())
        found = [table.objective(X, y, W, b, penalized=kind) for kind in (True, False)]
        if best and not found[not penalized] <= best[not penalized] * (1 + CLOSE):
            continue
        taken = []
        while len(taken) < 3 or (sum(taken) < 0.3 and len(taken) < 200):
            began = time.perf_counter()
            fit()
            taken.append(time.perf_counter() - began)
        print(json.dumps([statistics.median(taken), found]))
        return


def measure(rival: str, table: Table, best: list[float]) -> tuple[float, list[float]] | None:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.versus.linear", rival, str(table), json.dumps(best)]
    limits = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | limits, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        print(f"{rival} cannot run {table}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout and not done.returncode else None


def compare(table: Table, rounds: int) -> dict[str, float]:
    """Median seconds of deltarule and of each rival that reaches its objective, taken in turn."""
    there = [name for name, (package, takes, _) in RIVALS.items() if find_spec(package) and takes(table)]
    ours = [OURS, UNPENALIZED] if table.classes and "statsmodels" in there else [OURS]
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        best = {}
        for name in ours:
            found = measure(name, table, [])
            if found is None:
                raise SystemExit(f"{name} cannot run {table}")
            times.setdefault(name, []).append(found[0])
            best[name] = found[1]
        for rival in list(there):
            found = measure(rival, table, best[ours[-1] if rival == "statsmodels" else OURS])
            if found is None:
                there.remove(rival)
            else:
                times.setdefault(rival, []).append(found[0])
    return {rival: statistics.median(taken) for rival, taken in times.items()}


def section(rounds: int, only: str = "") -> list[str]:
    """Lines of Markdown: the time of a fit, and how many times faster than each rival."""
    head = ["table", "deltarule, ms", *(f"× {rival}" for rival in RIVALS)]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for table in TABLES:
        if only not in str(table):
            continue
        times = compare(table, rounds)
        ours = dict.fromkeys(RIVALS, times[OURS]) | {"statsmodels": times.get(UNPENALIZED, times[OURS])}
        ratios = [f"{times[rival] / ours[rival]:.1f}" if rival in times else "" for rival in RIVALS]
        rows.append("| " + " | ".join([str(table), f"{1e3 * times[OURS]:.3g}", *ratios]) + " |")
        print(rows[-1], file=sys.stderr)
    return rows


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    measure_here(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
