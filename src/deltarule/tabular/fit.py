"""From a prepared table to a trained model; a training that ran away is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from deltarule.callbacks import Callback
from deltarule.errors import InvalidOption
from deltarule.tabular.metrics import NAMES, beats
from deltarule.tabular.model import TabularModel
from deltarule.tabular.prepare import Prepared
from deltarule.training import Run


class _Watch(Callback):
    """Keeps the run, for the way in which it ended."""

    def __init__(self) -> None:
        self.run: Run | None = None

    def on_end(self, run: Run) -> None:
        """A run interrupted before its first epoch ended has nothing to keep."""
        self.run = run
        if run.interrupted and not run.history:
            raise KeyboardInterrupt


def train(prepared: Prepared, callbacks: Iterable[Callback] = ()) -> TabularModel:
    """Train the estimator of a prepared table, and measure it on the test rows.

    Parameters
    ----------
    prepared : Prepared
    callbacks : iterable of Callback

    Returns
    -------
    TabularModel
        Also after Ctrl-C, with the best weights so far; its report then has "interrupted".

    Raises
    ------
    NotFinite, InvalidOption
        If training diverges before anything useful was learned.
    """
    recipe, outcome = prepared.recipe, prepared.outcome
    watch = _Watch()
    estimator = recipe.estimator
    estimator.set_params(callbacks=[*callbacks, watch])
    try:
        _fit(prepared)
    finally:
        estimator.set_params(callbacks=None)
    # how long an epoch took would make every file another
    estimator.history_ = {name: values for name, values in estimator.history_.items() if name != "seconds"}
    model = TabularModel(prepared.preprocessing, estimator, outcome, prepared.options.weights, {})
    _refuse_diverged(model, prepared, watch.run)
    tested = model.measure(prepared.test) if len(prepared.test) else {}
    run = watch.run
    model.report.update(
        decisions=[asdict(decision) for decision in prepared.decisions],
        columns=[{"name": c.name, "kind": str(c.kind), "why": c.why} for c in prepared.columns],
        rows=prepared.rows,
        options=prepared.options.changed(),
        test=tested.get("metrics"),
        baseline=tested.get("baseline"),
        baseline_is=outcome.trivial_name,
        stopped="" if run is None else run.stopped,
        interrupted=run is not None and run.interrupted,
        best_epoch=_best_epoch(estimator.history_) if getattr(estimator, "early_stopping", False) else None,
    )
    return model


def _fit(prepared: Prepared) -> None:
    """Fit the estimator, with the validation rows where it takes them."""
    estimator, outcome = prepared.recipe.estimator, prepared.outcome
    dtype = prepared.train.X.dtype
    arguments: dict[str, Any] = {}
    if len(prepared.valid):
        part = prepared.valid
        held = (part.X, outcome.to_network(part.y, dtype))
        arguments["validation_data"] = held if part.w is None else (*held, part.w)
    part = prepared.train
    estimator.fit(part.X, outcome.to_network(part.y, dtype), sample_weight=part.w, **arguments)


def _best_epoch(history: Mapping[str, list[float]]) -> int | None:
    values = np.asarray(history.get("validation_loss") or [np.nan])
    return int(np.nanargmin(values)) + 1 if np.isfinite(values).any() else None


def _refuse_diverged(model: TabularModel, prepared: Prepared, run: Run | None) -> None:
    """Refuse a model from a training that ran away; one that was good before it did is kept.

    A value that ceased to be finite was seen by the training loop. A learning rate that is too high may also end in
    finite numbers that are beyond all reason: errors of five times the spread of the target, twice the log loss
    of a guess; on the rows whose loss training has made as low as it could.
    """
    part = prepared.valid if getattr(model.estimator, "early_stopping", False) else prepared.train
    measured = model.measure(part)
    metrics, baseline = measured["metrics"], measured["baseline"]
    if run is not None and run.failure and not beats(metrics, baseline):
        raise run.failure
    name, factor = ("log_loss", 2) if model.outcome.is_classification else ("rmse", 5)
    usual = np.log(len(model.outcome.classes)) if model.outcome.is_classification else model.outcome.scale
    if not metrics[name] <= factor * max(baseline[name], float(usual)):
        raise InvalidOption(
            f"training diverged: expected errors like those of {measured['baseline_is']} or lower, "
            f"{NAMES[name]} {baseline[name]:.3g}, found {metrics[name]:.3g}",
            "lower the learning rate, or scale the columns",
        )
