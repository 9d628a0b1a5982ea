"""A model of a table: preprocessing, estimator and target in one piece, which is trained, predicts, and is saved.

This is what ``deltarule train`` writes and what all other commands read. The file holds no row of any table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from deltarule import model_file
from deltarule.arrays import Array
from deltarule.diagnosis import Report, diagnose_estimator
from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, ModelFileError, warn
from deltarule.estimators.persistence import from_document, to_document
from deltarule.estimators.reporting import Units
from deltarule.estimators.summary import Summary
from deltarule.fields import read_field
from deltarule.tabular.advice import in_options
from deltarule.tabular.frames import as_frame
from deltarule.tabular.outcome import Outcome
from deltarule.tabular.prepare import Part, read_weights
from deltarule.tabular.preprocessing import Preprocessing
from deltarule.tabular.report import check_report
from deltarule.tabular.rows import row_number, rows_of
from deltarule.tabular.target import encode_target, rows_with_target
from deltarule.tabular.wording import count

if TYPE_CHECKING:
    from deltarule.tabular.formula import FormulaPreprocessing

FACE = "table"
"""Tells the document of a `TabularModel` from that of a bare estimator."""


@dataclass(frozen=True)
class TabularModel:
    """A trained model of a table.

    Attributes
    ----------
    preprocessing : Preprocessing or FormulaPreprocessing
    estimator : object
        One of the estimators of this package, fitted.
    outcome : Outcome
        The target: its name, classes and scale.
    weights : str or None
        The column that held the sample weights.
    report : dict
        How it was trained: "decisions", "columns", "rows", "options", "test", "baseline", "stopped", "interrupted",
        "best_epoch".

    See Also
    --------
    deltarule.tabular.fit.fit_table : Train one.
    """

    preprocessing: Preprocessing | FormulaPreprocessing
    estimator: Any
    outcome: Outcome
    weights: str | None
    report: dict[str, Any]

    def __repr__(self) -> str:
        """One line: the target, the task and the network."""
        what = f"{self.outcome.name}: {self.outcome.kind}"
        return f"<TabularModel {what} by {type(self.estimator).__name__}, {self.estimator.network_}>"

    def predict(self, table: Any, *, notes: list[str] | None = None) -> pl.DataFrame:
        """Predict the target of each row.

        Parameters
        ----------
        table : polars.DataFrame, pandas.DataFrame or dict of columns
            ``m`` rows with the columns of the training table, in any order.
        notes : list of str, optional
            See `Preprocessing.transform`.

        Returns
        -------
        polars.DataFrame
            ``m`` rows: "prediction", and for classes "probability of ..." each; null where values of a formula are
            missing.

        Raises
        ------
        DataError
            Columns are missing or hold what training did not have.
        """
        frame = as_frame(table)
        complete = self.preprocessing.complete(frame)
        if complete.all():
            return self.outcome.to_frame(self._outputs(self._matrix(frame, notes)))
        told = [f"no prediction for {_incomplete(complete)}"]
        rows = np.flatnonzero(complete)
        output = np.empty((0, len(self.outcome.classes)) if self.outcome.classes else 0)
        if len(rows):
            with rows_of(rows):
                output = self._outputs(self._matrix(frame[rows], told))
        _tell(told, notes)
        return _spread(self.outcome.to_frame(output), complete)

    def evaluate(self, table: Any, *, notes: list[str] | None = None) -> dict[str, Any]:
        """Compare predictions with the target.

        Parameters
        ----------
        table : polars.DataFrame, pandas.DataFrame or dict of columns
            Rows with the columns of the training table, the target included; rows without a target, or without values
            of a formula, are left out.
        notes : list of str, optional
            Takes what the user should know.

        Returns
        -------
        dict
            "rows" (int), "weights" (the column they are weighted by, or None), "metrics" and "baseline" (name ->
            value), "baseline_is" (str).

        Raises
        ------
        DataError
            As for `predict`, or the target has a class that the model does not know.
        """
        frame, rows = as_frame(table), self.report["rows"]
        if notes is not None and len(frame) == rows.get("read"):
            honest = "the test that train showed" if rows.get("test") else "that of rows it has not seen"
            notes.append(
                "this table has as many rows as the one of the training: if it is the same, "
                f"{rows.get('training', 0):,} of them were learned from, and the honest figure is {honest}"
            )
        part, _ = self._part(frame, notes)
        return self.measure(part)

    def diagnose(self, table: Any, *, notes: list[str] | None = None) -> Report:
        """Look for what keeps the network from learning; see `deltarule.diagnose`.

        Parameters
        ----------
        table, notes
            As for `evaluate`.
        """
        part, rows = self._part(table, notes)
        y = self.outcome.to_network(part.y, self.estimator.network_.theta.dtype)
        return diagnose_estimator(self.estimator, part.X, y, part.w, rows)

    def _part(self, table: Any, notes: list[str] | None) -> tuple[Part, Array]:
        """Prepared rows with their target and weights, and their numbers in the table, counted from 1."""
        frame = as_frame(table)
        told: list[str] = []
        target = self.outcome.name
        present = rows_with_target(frame, target)
        n_dropped = len(frame) - len(present)
        if n_dropped:
            told.append(f"{count(n_dropped, 'row')} without a target left out")
        with rows_of(present):
            complete = self.preprocessing.complete(frame[present])
            if not complete.any():
                raise DataError(
                    f"expected rows with all values of the formula, found {_incomplete(complete)}", "fill them in"
                )
            if not complete.all():
                told.append(f"{_incomplete(complete)} left out")
        present = present[complete]
        with rows_of(present):
            frame = frame[present]
            w = None
            if self.weights is not None and self.weights in frame.columns:
                w = read_weights(frame[self.weights])
            elif self.weights is not None:
                told.append(f"the column of weights {self.weights!r} is not there: every row counts the same")
            y, _ = encode_target(frame[target], self.outcome.kind, list(self.outcome.classes) or None)
            part = Part(self._matrix(frame, told), y, w)
        _tell(told, notes)
        return part, present + 1

    def samples(self, table: Any, notes: list[str] | None = None) -> tuple[Array, Array | None]:
        """Rows as the network sees them.

        Parameters
        ----------
        table : polars.DataFrame, pandas.DataFrame or dict of columns
        notes : list of str, optional
            See `Preprocessing.transform`.

        Returns
        -------
        X : (m, n_x)
        y : (m, n_L) or None
            None if the target is not among the columns.
        """
        frame = as_frame(table)
        X = self._matrix(frame, notes)
        if self.outcome.name not in frame.columns:
            return X, None
        codes, _ = encode_target(frame[self.outcome.name], self.outcome.kind, list(self.outcome.classes) or None)
        if len(self.outcome.classes) > 2:
            return X, np.eye(len(self.outcome.classes))[codes]
        return X, self.outcome.to_network(codes, X.dtype)[:, None]

    def _matrix(self, frame: pl.DataFrame, notes: list[str] | None) -> Array:
        # columns of the training table that are no input, which nobody needs to hear of again
        known = {self.outcome.name, self.weights, *(column["name"] for column in self.report["columns"])}
        other = [name for name in frame.columns if name in known and name not in self.preprocessing.columns]
        return self.preprocessing.transform(frame.drop(other), self.estimator.network_.theta.dtype, notes=notes)

    def _outputs(self, X: Array) -> Array:
        return self.outcome.outputs(self.estimator, X)

    def summary(self, level: float = 0.95) -> Summary:
        """The weights with their standard errors, in the units of the table; see `LinearRegression.summary`.

        Raises
        ------
        InvalidOption
            For a network, whose weights say nothing by themselves.
        """
        if not hasattr(self.estimator, "summary"):
            raise InvalidOption(
                f"expected a linear or logistic model for a table of weights, found {type(self.estimator).__name__}",
                "train with --model linear or logistic",
            )
        center, scale = self.preprocessing.units()
        notes = self.preprocessing.remarks()
        if self.estimator._penalties():
            notes.append("penalties weigh the scaled columns.")
        units = Units(
            names=self.preprocessing.term_names,
            center=center,
            scale=scale,
            y_center=self.outcome.center,
            y_scale=self.outcome.scale,
            labels=list(self.outcome.classes) or [self.outcome.name],
            notes=tuple(notes),
        )
        summary = self.estimator._summarize(level, units)
        return replace(summary, notes=tuple(map(in_options, summary.notes)))

    def measure(self, part: Part) -> dict[str, Any]:
        """Metrics of prepared rows; see `evaluate`."""
        return {
            "rows": len(part),
            "weights": None if part.w is None else self.weights,
            "metrics": self.outcome.measure(part.y, self._outputs(part.X), part.w),
            "baseline": self.outcome.measure_trivial(part.y, part.w),
            "baseline_is": self.outcome.trivial_name,
        }

    @property
    def weighting(self) -> str:
        """For people, behind a number of rows: by what they are weighted, if they are."""
        return f", weighted by {self.weights}" if self.weights else ""

    @property
    def history(self) -> dict[str, list[float]]:
        """Name -> one value an epoch; empty for a model that was solved in one step."""
        return getattr(self.estimator, "history_", None) or {}

    def save(self, path: str | Path) -> None:
        """Write everything to one safe file; the same model gives the same bytes.

        Raises
        ------
        OutputError
            If the file cannot be written; a file that was there is then untouched.
        """
        estimator, arrays = to_document(self.estimator)
        document = {
            "face": FACE,
            "preprocessing": self.preprocessing.to_json(),
            "target": self.outcome.to_json(),
            "weights": self.weights,
            "report": self.report,
            "estimator": estimator,
        }
        model_file.write(path, document, arrays)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """What `save` wrote; every field is checked.

        Raises
        ------
        ModelFileError
            A field is missing, of the wrong type, or does not fit the others.
        """
        preprocessing = _read_preprocessing(document.get("preprocessing"))
        outcome = Outcome.from_json(document.get("target"))
        weights = document.get("weights")
        if weights is not None and not isinstance(weights, str):
            raise ModelFileError(f"expected the name of the weights, found {type(weights).__name__}")
        report = check_report(document.get("report"))
        estimator = from_document(read_field(document, "model", "estimator", dict), arrays)
        model = cls(preprocessing, estimator, outcome, weights, report)
        model._check_fit()
        return model

    def _check_fit(self) -> None:
        """The parts must belong together."""
        network = getattr(self.estimator, "network_", None)
        n_classes = len(self.outcome.classes)
        n_outputs = n_classes if n_classes > 2 else 1
        expected = [len(self.preprocessing.feature_names), n_outputs]
        found = [network.sizes[0], network.sizes[-1]] if network is not None else None
        if found != expected:
            raise ModelFileError(f"expected a network of {expected} inputs and outputs, found {found}")
        classes = getattr(self.estimator, "classes_", None)
        if (classes is not None) != bool(n_classes) or (
            classes is not None and not np.array_equal(classes, np.arange(n_classes))
        ):
            raise ModelFileError("expected an estimator for the classes of the target, found another")


def _incomplete(complete: Array) -> str:
    """How many rows, (m,) of bool, miss values of the formula, and the first of them."""
    first = row_number(int(np.argmin(complete)))
    return f"{count(int((~complete).sum()), 'row')} with missing values of the formula (first: row {first})"


def _spread(predicted: pl.DataFrame, complete: Array) -> pl.DataFrame:
    """Rows predicted for those that are `complete`, (m,) of bool, with rows of nulls in the places of the others."""
    places = pl.Series(np.cumsum(complete) - 1).scatter(np.flatnonzero(~complete), None)
    return predicted.select(pl.all().gather(places))


def _tell(told: list[str], notes: list[str] | None) -> None:
    """Hand on what the user should know, or warn of it where nobody takes it."""
    if notes is None and told:
        warn("; ".join(told), DeltaruleWarning)
    elif notes is not None:
        notes += told


def _read_preprocessing(document: object) -> Preprocessing | FormulaPreprocessing:
    if isinstance(document, dict) and "formula" in document:
        from deltarule.tabular.formula import FormulaPreprocessing

        return FormulaPreprocessing.from_json(document)
    return Preprocessing.from_json(document)
