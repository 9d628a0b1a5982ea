"""Choose the default L2 strength of the network that ``deltarule train`` trains: on rows held out, never on a test set.

Each strength trains on the tables that scikit-learn ships and on synthetic ones of several sizes, and is measured on
folds that training has not seen. The score of a strength on a table is the logarithm of its loss (RMSE or log loss)
over that of the best strength there. The choice is the weakest strength whose mean score is within one standard error
of the lowest mean. About a quarter of an hour on one core:

    .venv/bin/python tools/choose_l2.py
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from sklearn import datasets
from sklearn.model_selection import KFold

from deltarule.cli.sample import SAMPLES, sample_table
from deltarule.tabular.fit import fit_table

STRENGTHS = (0.0, 1e-4, 1e-3, 1e-2, 0.1, 0.2, 1.0)
SIZES = (150, 600, 2500, 20000)
FOLDS = 3
ONE_FOLD_FROM = 5000
"""A fold of a table with so many rows is large enough to be measured on alone."""


def categories(m: int, *, random_state: int) -> tuple[Any, Any]:
    """The first function of Friedman, its columns given as levels of which each is half as frequent as the last."""
    X, y = datasets.make_friedman1(m, noise=1.0, random_state=random_state)
    return np.char.add("level ", np.minimum(-np.log2(X), 7).astype(int).astype(str)), y


SYNTHETIC: dict[str, Callable[..., Any]] = {
    "friedman1": partial(datasets.make_friedman1, noise=1.0),
    "friedman1, clear": partial(datasets.make_friedman1, noise=0.1),
    "friedman1, categories": categories,
    "friedman2": partial(datasets.make_friedman2, noise=125.0),
    "friedman3": partial(datasets.make_friedman3, noise=0.1),
    "regression": partial(datasets.make_regression, n_features=20, n_informative=10, noise=50.0),
    "classification": partial(datasets.make_classification, n_features=20, n_informative=6, flip_y=0.1),
    "classification, clear": partial(datasets.make_classification, n_features=20, n_informative=6, flip_y=0.0),
    "4 classes": partial(datasets.make_classification, n_features=20, n_informative=6, flip_y=0.1, n_classes=4),
}
"""Name -> maker; the noise of the functions is their authors', a signal to noise ratio near 3 to 1, or nearly none."""


@dataclass(frozen=True)
class Case:
    """A table and what is to be predicted."""

    name: str
    frame: pl.DataFrame
    target: str
    task: str


def cases() -> Iterator[Case]:
    """The tables, the small ones first."""
    for name, (target, _) in SAMPLES.items():
        yield Case(name, sample_table(name), target, "auto")
    for m in SIZES:
        for name, make in SYNTHETIC.items():
            X, y = make(m, random_state=m)
            task = "auto" if "class" in name else "regression"
            yield Case(f"{name}, {m}", pl.DataFrame(X).with_columns(pl.Series("y", y)), "y", task)


def held_out_loss(case: Case, l2: float) -> float:
    """The mean loss on the folds; early stopping looks at rows of its own within the rest."""
    m = len(case.frame)
    folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(np.arange(m)))
    losses = []
    for rest, fold in folds[: 1 if m >= ONE_FOLD_FROM else FOLDS]:
        options: dict[str, Any] = {"model": "mlp", "task": case.task, "l2": l2, "split": (0.85, 0.15, 0.0)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = fit_table(case.frame[rest], case.target, **options)
            metrics = model.evaluate(case.frame[fold])["metrics"]
        losses.append(metrics["rmse" if "rmse" in metrics else "log_loss"])
    return float(np.mean(losses))


def main() -> None:
    """Print the loss of each strength over the best one, table by table, the means, and the choice."""
    scores = []
    print(f"{'':28}" + "".join(f"{l2:>9g}" for l2 in STRENGTHS))
    for case in cases():
        losses = np.array([held_out_loss(case, l2) for l2 in STRENGTHS])
        ratios = losses / losses.min()
        scores.append(np.log(ratios))
        print(f"{case.name:28}" + "".join(f"{ratio:9.3f}" for ratio in ratios), flush=True)
    means = np.mean(scores, axis=0)
    print(f"{'geometric mean':28}" + "".join(f"{math.exp(mean):9.3f}" for mean in means))
    above = np.array(scores) - np.array(scores)[:, [int(means.argmin())]]  # of each table, over the best in the mean
    errors = above.std(axis=0, ddof=1) / math.sqrt(len(scores))
    print(f"choice: {STRENGTHS[int(np.argmax(above.mean(axis=0) <= errors))]:g}")


if __name__ == "__main__":
    main()
