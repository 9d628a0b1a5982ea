"""Statistical inference for logistic regression: standard errors, odds ratios, intervals of probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array
from ..engines import Data
from ..equations import design as designs
from ..equations import inference as equations
from ..equations.likelihood import Likelihood
from ..equations.separation import least_curvature
from ..errors import InvalidOption
from ..run import Run
from .inference import Refusal
from .inferring import Interval, check_level
from .measuring import ARRIVED, MOST_WITH_ERRORS, THERE, too_few
from .reporting import Units, errors, term_labels
from .separable import SUSPICIOUS, UNLIKELY, Separable, certainty
from .summary import Summary, stacked


class LogisticInference(Separable):
    """Errors of the maximum of the likelihood, or of Firth's penalized likelihood."""

    of_classes: ClassVar[bool] = True

    _likelihood: Likelihood

    # standard errors

    def _refuses_errors(self) -> Refusal | None:
        if self.early_stopping:
            return Refusal("expected weights at the optimum, found early_stopping", "fit without it")
        if self._penalties():
            default = " (scikit-learn's default)" if self.C == 1.0 else ""
            return Refusal(
                f"expected no penalty, found C={self.C:g}{default}: it draws the weights towards zero, and standard "
                "errors know nothing of that bias",
                "fit with C=np.inf",
            )
        return self._apart

    def _refuses_kind(self, kind: str) -> Refusal | None:
        if self.class_weight is not None and kind == "classical":
            return Refusal(
                "expected no class_weight for classical errors, found one: samples do not stand for as many as it says",
                "fit without it" if self.solver_ == "firth" else "infer(X, y, covariance='HC0'), or fit without it",
            )
        if self.solver_ == "firth" and kind != "classical":
            return Refusal(f"expected classical errors for Firth's method, found {kind}", "use solver='lbfgs'")
        if self.network_.sizes[-1] > 1 and kind in ("HC2", "HC3"):
            return Refusal(f"expected HC0 or HC1 for more than two classes, found {kind}", "use HC1")
        return None

    def _weight_meaning(self) -> str:
        return "frequency" if self.class_weight is None else "precision"

    def _estimate(self, D: designs.Design, Y: Array, meaning: str) -> tuple[equations.Estimate, equations.Fit]:
        del meaning  # of no matter to the likelihood
        all_of, P = self._of_all_classes(Y), self._probabilities(D.A, D)
        return equations.logistic_estimate(D, P[:, 1:], all_of[:, 1:]), equations.logistic_fit(D, P, all_of)

    def _polish(self, D: designs.Design, E: equations.Estimate) -> bool:
        """Newton's last step: what `tol` has left undone becomes its square."""
        network = self.network_
        if network.theta.dtype != np.float64 or self.solver_ not in ("newton", "lbfgs"):
            return False
        d = (E.F @ (E.F.T @ (D.A.T @ (E.r * D.w[:, None])).T.ravel())).reshape(E.r.shape[1], -1)  # (q, p)
        d = d @ D.outward().T
        if len(network.W[1]) > 1:  # the solution of smallest norm
            d = np.vstack([np.zeros(d.shape[1]), d])
            d -= d.mean(axis=0)
        network.W[1][...] += d[:, int(D.intercept) :]
        if D.intercept:
            network.b[1][...] += d[:, 0]
        return True

    def infer(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        covariance: str = "classical",
        groups: Any = None,
        weights: str = "auto",
        intervals: str = "wald",
        level: float = 0.95,
    ) -> Self:
        """Compute other errors than those that `fit` has kept, and keep these.

        Parameters
        ----------
        X, y, sample_weight
            The rows of `fit`: others are refused.
        covariance : {"classical", "HC0", "HC1", "HC2", "HC3", "cluster"}
            "classical" errors suppose that the model is right; HC0 to HC3 (HC0 and HC1 for more than two classes) and
            "cluster" do not, and "cluster" allows samples of the same group to depend on each other.
        groups : (m,), optional
            The group of each sample, for "cluster".
        weights : {"auto", "precision", "frequency"}
            What a sample weight ``w`` means: a share of the score, or that the sample stands for ``w`` equal ones
            (by default, unless there are class weights).
        intervals : {"wald", "profile"}
            With solver="firth", "profile" finds the intervals and tests of the penalized likelihood's profile.
        level : float
            Of the profile's intervals.

        Returns
        -------
        self

        Raises
        ------
        InvalidOption
            Where such errors would be wrong: with a penalty, away from the optimum, without full rank.
        """
        check_is_fitted(self, "network_")
        if intervals not in ("wald", "profile") or (intervals == "profile" and self.solver_ != "firth"):
            raise InvalidOption(
                f"expected intervals as 'wald', or 'profile' with solver='firth', found {intervals!r} with "
                f"{self.solver_!r}"
            )
        check_level(level)
        super().infer(X, y, sample_weight, covariance=covariance, groups=groups, weights=weights)
        if intervals == "profile":
            data, _ = self._training_rows(X, y, sample_weight)
            self._inference = replace(self._errors(), profile=self._profile(data, level))
        return self

    # odds

    def odds_ratios(self, level: float = 0.95) -> Summary:
        """By what factor the odds of a class grow when a column grows by 1, and the intervals of these factors.

        Returns
        -------
        Summary
            With the columns "term", "odds ratio", "lower", "upper"; before them "class" where there are several.

        Raises
        ------
        InvalidOption
            Where there are no standard errors; it says why.
        """
        return self._odds(level, Units.own(self))

    def _odds(self, level: float, units: Units) -> Summary:
        found, level = self._errors(), check_level(level)
        W, b = self._contrasts()
        theta = units.theta(W, b, intercept=self._has_intercept)
        half = equations.quantile(level, np.inf) * errors(found, units, intercept=self._has_intercept)
        ends = {"lower": theta - half, "upper": theta + half}
        if found.profile is not None and found.profile.level == level:
            ends = {"lower": np.array([found.profile.lower]), "upper": np.array([found.profile.upper])}
        with np.errstate(over="ignore"):
            values = {"odds ratio": np.exp(theta)} | {name: np.exp(end) for name, end in ends.items()}
        table = stacked(term_labels(self, units), values)
        if self._has_intercept:  # the odds where all columns are zero are no ratio
            kept = [i for i, term in enumerate(table["term"]) if i % theta.shape[1]]
            table = {name: [column[i] for i in kept] for name, column in table.items()}
        against = f"odds against {units.labels[0]}."
        return Summary("Odds ratios", {"samples": found.n_observations}, table, level, (*units.notes, against))

    def predict_interval(self, X: Any, level: float = 0.95, *, kind: str = "confidence") -> Interval:
        """Probabilities and their confidence intervals, which are found for the log odds and mapped back.

        Parameters
        ----------
        X : array-like or sparse matrix (m, n_x)
        level : float
            With which an interval covers the probability.
        kind : {"confidence"}
            A label has no prediction interval.

        Returns
        -------
        prediction, lower, upper : (m,) each, of the second class; or (m, K) of all classes if there are more than two
            For more than two, ``logit(p)`` has the variance that the delta method gives it.

        Raises
        ------
        InvalidOption
            Where there are no standard errors; it says why.
        """
        if kind != "confidence":
            raise InvalidOption(
                f"expected kind='confidence', found {kind!r}: a label has no interval",
                "predict_proba is its distribution",
            )
        A, phi, found = self._link(X)
        var = equations.link_variance(A, found.factor[0])
        ends = equations.probability_interval(A @ phi.T, var, equations.quantile(check_level(level), np.inf))
        return Interval(*(end[:, 1] for end in ends)) if len(self.classes_) == 2 else Interval(*ends)

    # what a fit leaves

    def _learn_errors(self, data: Data, run: Run) -> None:
        """Keep what classical errors are made of, and warn where the weights have no finite optimum."""
        self._apart = None
        if self._refuses_errors() is None and not self._learn_from_cost(data, run):
            self._infer_at_fit(data, self._look_for_separation(data, run), polish=run.arrived)
        refusal = self._refuses_errors()  # now of separable classes, too
        if refusal is not None:
            self._inference = refusal

    def _learn_from_cost(self, data: Data, run: Run) -> bool:
        """Whether the cost that was minimized could tell all; if not, it is for the rows to tell."""
        cost, columns, small = run.cost, run.plan.columns, self._is_small(data)
        able = small or (run.plan.optimizer.second_order and self.network_.n_parameters <= MOST_WITH_ERRORS)
        dense = isinstance(data.X, np.ndarray) and self.standardize and self._has_intercept
        if cost is None or columns is None or not (able and dense and run.plan.optimizer.full_batch):
            return False
        phi = cost.start(np.float64)
        weighted = data.w is not None and bool((data.w != data.w[0]).any())
        found = Likelihood(cost.zero, cost.place(phi), columns, class_totals(data), len(data), weighted)
        distance = found.distance()
        # of float64 they come closer to the optimum; of float32 they tell what keeps it away
        far = THERE if self.network_.theta.dtype == np.float64 else ARRIVED
        rows_know_more = small and distance > far
        if rows_know_more or not np.isfinite(distance):
            return False
        right, least = certainty(cost.predict(phi), data.y)
        if right or (least < UNLIKELY and least_curvature(found.information, found.first) < SUSPICIOUS):
            self._warn_of_separation(None if run.interrupted else self._design(data), data.y)
        few = too_few(min(float(found.totals.sum()), len(data)), self.network_.n_features + 1)
        refusal = self._refuses_kind("classical") or few or self._refuses_distance(distance)
        if refusal is not None:
            self._inference = refusal
        else:
            self._likelihood = found
        return True

    def _statistics_of_fit(self) -> equations.FitStatistics | None:
        found: Likelihood | None = self.__dict__.get("_likelihood")
        return super()._statistics_of_fit() if found is None else found.statistics()


def class_totals(data: Data) -> Array:
    """Weight (K,) of the samples of each class."""
    totals = data.y.sum(axis=0, dtype=np.float64) if data.w is None else data.w.astype(np.float64) @ data.y
    return totals if len(totals) > 1 else np.array([data.total_weight - totals[0], totals[0]])
