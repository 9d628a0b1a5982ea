"""From a table to a trained model: the network and the simple model compete; a training that ran away is refused."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from deltarule.callbacks import Callback
from deltarule.checkpoint import Checkpoint
from deltarule.errors import DeltaruleError, InvalidOption, NotFinite, SeparationWarning, did_you_mean, warn
from deltarule.estimators.base_mlp import BaseMLP
from deltarule.estimators.inference import Refusal
from deltarule.run import Run
from deltarule.tabular.advice import in_options
from deltarule.tabular.choice import contender
from deltarule.tabular.frames import as_frame
from deltarule.tabular.metrics import NAMES, Metrics, beats, headline, number
from deltarule.tabular.model import TabularModel
from deltarule.tabular.options import Options
from deltarule.tabular.outcome import Outcome
from deltarule.tabular.penalty import FINITE_L2, WHY_FINITE, is_penalized
from deltarule.tabular.prepare import Part, Prepared, prepare
from deltarule.tabular.recipe import make_recipe
from deltarule.tabular.wording import count

ENOUGH = 5
"""Validation rows by which a network is compared with the simple model; by fewer, it would win by chance."""

TRIAL_STEPS = 100
"""Of the simple model, before it is compared with the network: enough to tell, and quick on a large table."""


def fit_table(table: Any, target: str, *, callbacks: Iterable[Callback] = (), **options: Any) -> TabularModel:
    """Train on a table, finding out by itself what was not said.

    Parameters
    ----------
    table : polars.DataFrame, pandas.DataFrame or dict of columns
        ``m`` rows, at least 5 of them with a target.
    target : str
        The column to be predicted.
    callbacks : iterable of Callback
        Seen by the training loop; see `deltarule.callbacks`.
    **options
        See `deltarule.tabular.options.Options`.

    Raises
    ------
    DataError, InvalidOption, UnknownName
        For a table or options that cannot be used.
    NotFinite
        If training diverges before anything useful was learned.

    Examples
    --------
    >>> from deltarule.tabular.fit import fit_table
    >>> table = {"x": list(range(100)), "y": [2.0 * x for x in range(100)]}
    >>> model = fit_table(table, "y", model="linear", numeric=("x",))
    >>> [round(y) for y in model.predict({"x": [3, 200]})["prediction"]]
    [6, 400]
    """
    known = [field.name for field in dataclasses.fields(Options)]
    for name in options:
        if name not in known:
            raise InvalidOption(f"expected options among {', '.join(known)}, found {name!r}", did_you_mean(name, known))
    return train(prepare(as_frame(table), target, Options(**options)), callbacks)


def train(prepared: Prepared, callbacks: Iterable[Callback] = ()) -> TabularModel:
    """Train the estimator of a prepared table, and measure it on the test rows.

    Where the choice of the model was left open, the simple model (linear or logistic) learns the same training rows,
    and the network must do better than it on the validation rows, of which there must be a few; else the simple one
    learns both and is kept.

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
    network = _train_or_penalize(prepared, list(callbacks))
    simple = contender(prepared.options, prepared.task)
    if simple is None or network.report["interrupted"]:
        return network
    try:
        return _contest(network, simple, prepared)
    except KeyboardInterrupt:
        network.report["interrupted"] = True
        return network


def _train_or_penalize(prepared: Prepared, callbacks: Sequence[Callback]) -> TabularModel:
    """Train; a logistic model whose weights have no finite optimum is trained again with a penalty."""
    options = prepared.options
    if prepared.recipe.model != "logistic" or options.l2 is not None or is_penalized(options, "logistic"):
        return _train(prepared, callbacks)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = _train(prepared, callbacks)
    apart = model.estimator._apart
    if apart is None or model.report["interrupted"]:
        for warning in told:
            warn(warning.message)
        return model
    why = apart.found(prepared.preprocessing.term_names)
    firth = "; --optimizer firth has them" if len(model.estimator.classes_) == 2 else ""
    warn(
        f"{why}; the model was penalized (--l2 {FINITE_L2:g}), so that there are no standard errors{firth}",
        SeparationWarning,
    )
    others = [c.beside("penalized") if isinstance(c, Checkpoint) else c for c in callbacks]
    penalized = _train_penalized(prepared, "logistic", why, others)
    # which does not know by itself why it is penalized, and would advise to leave the penalty out
    penalized.estimator._inference = Refusal(
        f"expected classes that overlap, found {why}, and a penalty (--l2 {FINITE_L2:g}) that keeps them finite",
        "train with --optimizer firth" if firth else "leave these columns out, or do without",
    )
    return penalized


def _train_penalized(prepared: Prepared, name: str, why: str, callbacks: Iterable[Callback]) -> TabularModel:
    """Train the simple model for its predictions: with the penalty that keeps the weights of a logistic one finite."""
    l2 = FINITE_L2 if name == "logistic" and prepared.options.l2 is None else prepared.options.l2
    options = dataclasses.replace(prepared.options, model=name, l2=l2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what there is to say of the table has been said
        model = _train(prepare(prepared.frame, prepared.outcome.name, options), callbacks)
    return _redecided(model, "L2 penalty", f"{l2:g}", why) if l2 != prepared.options.l2 else model


def _contest(network: TabularModel, simple: str, prepared: Prepared) -> TabularModel:
    """The better one of the network and the simple model, on the validation rows."""
    options = dataclasses.replace(prepared.options, model=simple, l2=FINITE_L2 if simple == "logistic" else None)
    ours, theirs = network.measure(prepared.valid)["metrics"], _simple_metrics(prepared, options)
    n_valid = len(prepared.valid)
    if theirs is None or (beats(ours, theirs) and n_valid >= ENOUGH):
        return _explained(network, "mlp", f"the {simple} model's", ours, theirs)
    model = _train_penalized(prepared, simple, WHY_FINITE, ())
    if model.report["interrupted"]:
        raise KeyboardInterrupt
    if n_valid < ENOUGH:
        return _redecided(
            model, "model", simple, f"{count(n_valid, 'validation row')}: too few to compare a network by"
        )
    return _explained(model, simple, "the network's", theirs, ours)


def _simple_metrics(prepared: Prepared, options: Options) -> Metrics | None:
    """How well the simple model does on the validation rows; None where it cannot learn the table."""
    outcome, train, valid = prepared.outcome, prepared.train, prepared.valid
    m, n_features = train.X.shape
    estimator = make_recipe(options, prepared.task, m, 0, n_features, len(outcome.classes)).estimator
    watch = _Watch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an optimum nearly reached is good enough to be compared
        try:
            estimator.set_params(callbacks=[watch], max_iter=TRIAL_STEPS)
            _fit(estimator, outcome, dataclasses.replace(train, X=train.X.astype(np.float64)))
        except (DeltaruleError, MemoryError):
            return None
    if watch.run is not None and watch.run.interrupted:
        raise KeyboardInterrupt
    return outcome.measure(valid.y, outcome.outputs(estimator, valid.X.astype(np.float64)), valid.w)


def _explained(model: TabularModel, kept: str, other: str, won: Metrics, lost: Metrics | None) -> TabularModel:
    """The model, its report saying why it was kept."""
    name = headline(won)
    ours, theirs = (number(None if metrics is None else metrics[name]) for metrics in (won, lost))
    return _redecided(model, "model", kept, f"{NAMES[name]} {ours} on the validation rows, {other} {theirs}")


def _redecided(model: TabularModel, what: str, choice: str, why: str) -> TabularModel:
    """The model, its report with another choice in the place of the one that was made first."""
    model.report["decisions"] = [
        {"what": what, "choice": choice, "why": why} if decision["what"] == what else decision
        for decision in model.report["decisions"]
    ]
    return model


class _Watch(Callback):
    """Keeps the run, for the way in which it ended."""

    def __init__(self) -> None:
        self.run: Run | None = None

    def on_end(self, run: Run) -> None:
        """A run interrupted before its first epoch ended has nothing to keep."""
        self.run = run
        if run.interrupted and not run.history:
            raise KeyboardInterrupt


def _train(prepared: Prepared, callbacks: Iterable[Callback]) -> TabularModel:
    """Train the one estimator of the recipe."""
    recipe, outcome = prepared.recipe, prepared.outcome
    watch = _Watch()
    estimator = recipe.estimator
    estimator.set_params(callbacks=[*callbacks, watch])
    estimator.term_names = prepared.preprocessing.term_names
    try:
        _fit(estimator, outcome, prepared.train, prepared.valid)
    except NotFinite as error:
        raise _diverged(error) from error
    finally:
        estimator.set_params(callbacks=None)
    # how long an epoch took would make every file another
    estimator.history_ = {name: values for name, values in estimator.history_.items() if name != "seconds"}
    model = TabularModel(prepared.preprocessing, estimator, outcome, prepared.options.weights, {})
    run = watch.run
    _refuse_diverged(model, prepared, run)
    tested = model.measure(prepared.test) if len(prepared.test) else {}
    model.report.update(
        decisions=[dataclasses.asdict(decision) for decision in prepared.decisions],
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


def _fit(estimator: Any, outcome: Outcome, train: Part, valid: Part | None = None) -> None:
    """Fit an estimator, with the validation rows if there are any."""
    arguments: dict[str, Any] = {}
    dtype, w = train.X.dtype, train.w
    if w is not None and isinstance(estimator, BaseMLP):  # whose penalties are of samples that weigh 1 on average
        w = w / w.mean()
    if valid is not None and len(valid):
        held = (valid.X, outcome.to_network(valid.y, dtype))
        arguments["validation_data"] = held if valid.w is None else (*held, valid.w)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            estimator.fit(train.X, outcome.to_network(train.y, dtype), sample_weight=w, **arguments)
        except InvalidOption as error:
            raise InvalidOption(in_options(error.message), in_options(error.hint)) from None
    for warning in told:
        if not issubclass(warning.category, UndefinedMetricWarning):  # of an epoch; the report says which it has not
            warn(in_options(str(warning.message)), warning.category)


def _diverged(error: NotFinite) -> NotFinite:
    """In fewer words than those that scikit-learn's users expect."""
    where = f"training diverged: expected finite numbers, found others in layer {error.layer} at step {error.step}"
    return NotFinite(where, "lower the learning rate", layer=error.layer, step=error.step)


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
        raise _diverged(run.failure)
    name, factor = ("log_loss", 2) if model.outcome.is_classification else ("rmse", 5)
    usual = np.log(len(model.outcome.classes)) if model.outcome.is_classification else model.outcome.scale
    if not metrics[name] <= factor * max(baseline[name], float(usual)):
        raise InvalidOption(
            f"training diverged: {NAMES[name]} {metrics[name]:.3g}, of the baseline {baseline[name]:.3g}",
            "lower the learning rate",
        )
