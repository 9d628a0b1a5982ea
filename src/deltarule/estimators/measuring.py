"""What errors of a linear model are made of, and whether there are any: measured at the weights of the network.

What is kept after `fit` is an `Inference`: a factor of the covariance matrix and a few sums, no row of the data. Where
errors would be wrong, there is a `Refusal` in its place, which says why. What users call is in `inferring`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array
from ..engines import Data
from ..equations import design as designs
from ..equations import inference as equations
from ..equations.columns import EPS
from ..errors import DataError, DeltaruleWarning, DependenceWarning, warn
from ..run import Plan, Run, State
from .base import check_weights
from .base_linear import BaseLinear
from .inference import Inference, Refusal, listed

MOST_ENTRIES = 4_000_000
"""Of ``[1 X]``, for which `fit` computes errors by itself, as that is then a matter of milliseconds."""
MOST_WITH_ERRORS = 500
MOST_PRODUCTS = 2e9
"""To form the matrix of second derivatives: rows times the square of the parameters."""
NEAR, THERE = 25.0, 1e-18
"""From where Newton's steps lead there, and where another one changes nothing."""
RESCALE = "rescale the columns, for example to unit deviation"
ARRIVED = 1e-4
"""Squared distance from the optimum, in standard errors, up to which errors are those of the optimum."""

SINGULAR = Refusal("expected second derivatives of full rank, found others", "see the warnings of fit")

EPS32 = float(np.finfo(np.float32).eps) / 2
TOO_MUCH = 1e-3
"""What rounding weights to float32 may take from predictions, as a share of their deviation."""


class Measured(NamedTuple):
    """Design, targets (m, k), estimate and fit of all rows."""

    D: designs.Design
    Y: Array
    E: equations.Estimate
    fit: equations.Fit

    def statistics(self, meaning: str) -> equations.FitStatistics:
        """What there is to remember, with such sample weights."""
        D = self.D
        return equations.FitStatistics(
            D.R, D.rows(self.Y), self.E.F, self.fit, equations.observations(D, meaning), meaning
        )


class Measuring(BaseLinear):
    """A linear model that can measure, at its weights, what errors are made of."""

    term_names: list[str] | None = None
    """What messages call the columns, where `X` has no names of its own."""

    _has_intercept: bool
    """Whether the last fit had one, whatever `fit_intercept` says by now."""
    _inference: Inference | Refusal
    _statistics: equations.FitStatistics

    # what the two kinds of model make different

    @abstractmethod
    def _refuses_errors(self) -> Refusal | None:
        """Why there are no errors, whatever the data are."""

    @abstractmethod
    def _estimate(self, D: designs.Design, Y: Array, meaning: str) -> tuple[equations.Estimate, equations.Fit]:
        """Estimate and fit at the weights of the network."""

    @abstractmethod
    def _weight_meaning(self) -> str:
        """What a sample weight means if nobody says."""

    def _polish(self, D: designs.Design, E: equations.Estimate) -> bool:
        """Whether it took a last step to the optimum, for which all that is needed is there."""
        del D, E
        return False

    def _distance(self, D: designs.Design, E: equations.Estimate, Y: Array, fit: equations.Fit) -> float:
        """Squared, from the optimum, in standard errors."""
        least = np.maximum(fit.sigma2, EPS * fit.null_deviance / len(Y))
        return equations.decrement(D, E, np.where(least > 0, least, 1.0))

    # computing

    def _train(self, data: Data, plan: Plan, state: State, **options: Any) -> Run:
        run = super()._train(data, plan, state, **options)
        if plan.columns is not None and self.network_.theta.dtype == np.float32:
            self._warn_of_rounding(plan.columns.mean, plan.columns.scale, self._unit(data))
        return run

    def _warn_of_rounding(self, mean: Array, scale: Array, unit: float) -> None:
        """That rounded weights of columns of such `mean` and `scale` (n,) matter to predictions as large as `unit`."""
        if self.network_.theta.dtype != np.float32:
            return
        W = np.abs(self.network_.theta[: -self.network_.layers[-1].units].reshape(-1, len(mean)))
        share = W * (np.abs(mean) + scale)  # in the predictions
        most = TOO_MUCH / EPS32 * unit
        if share.max() > most:
            names = self._named((share > most).any(axis=0))
            warn(
                f"expected columns not far from zero, beside their deviation, that do not nearly depend on each other, "
                f"found {names}: weights of float32 are rounded to 7 digits, so that predictions are off; pass "
                "float64, center the columns, or penalize",
                DeltaruleWarning,
            )

    def _infer_at_fit(
        self, data: Data, design: designs.Design | Refusal | None = None, *, polish: bool = False
    ) -> None:
        """Keep what classical errors are made of, if there are any and they cost little; `design` is that of `data`.

        With `polish` the weights, which are those of the optimum but for the tolerance, take a last step there.
        """
        if not self._is_small(data):
            self._inference = self._refuses_errors() or self._too_many(len(data))
            return
        meaning = self._weight_meaning()
        found = self._measure(data, "classical", meaning, design=design, polish=polish)
        if isinstance(found, Refusal):
            self._inference = found
        else:
            self._statistics = found.statistics(meaning)

    def _too_many(self, rows: int) -> Refusal:
        return Refusal(
            f"expected at most {MOST_ENTRIES:,} numbers in X and {MOST_WITH_ERRORS} parameters for errors in fit, "
            f"found {rows:,} x {self.network_.n_features:,} and {self.network_.n_parameters:,}",
            "infer(X, y) computes them",
        )

    def _is_small(self, data: Data) -> bool:
        """Whether second derivatives are a matter of milliseconds."""
        (rows, n), P = data.X.shape, self.network_.n_parameters
        return rows * (n + 1) <= MOST_ENTRIES and P <= MOST_WITH_ERRORS and rows * P**2 <= MOST_PRODUCTS

    def _infer(self, data: Data, kind: str, meaning: str, groups: Array | None = None) -> Inference | Refusal:
        """Errors at the weights of the network."""
        found = self._measure(data, kind, meaning)
        if isinstance(found, Refusal):
            return found
        with np.errstate(invalid="ignore", divide="ignore"):
            D, E, sigma2 = found.D, found.E, found.fit.sigma2
            F = equations.covariance_factor(D, E, kind, sigma2=sigma2, meaning=meaning, groups=groups)
        n_clusters = 0 if groups is None else int(groups.max()) + 1
        return self._conclude(found.statistics(meaning), F, found.D.dependence, kind=kind, n_clusters=n_clusters)

    @staticmethod
    def _conclude(
        statistics: equations.FitStatistics,
        F: Array,
        dependence: designs.Dependence,
        *,
        kind: str = "classical",
        n_clusters: int = 0,
    ) -> Inference | Refusal:
        """All there is to say of the errors whose covariance is ``F Fᵀ``."""
        if not np.isfinite(F).all():
            alone = kind in ("HC2", "HC3")
            why = f": a row has a leverage of 1, for which {kind} is not defined" if alone else ""
            return Refusal(f"expected a finite covariance, found none{why}", "use HC1" if alone else RESCALE)
        return Inference.of(
            statistics.rows,
            dependence,
            F,
            statistics.fit,
            kind=kind,
            meaning=statistics.meaning,
            n_observations=statistics.n_observations,
            n_clusters=n_clusters,
        )

    def _measure(
        self,
        data: Data,
        kind: str,
        meaning: str,
        *,
        design: designs.Design | Refusal | None = None,
        polish: bool = False,
    ) -> Measured | Refusal:
        """What errors of that kind are made of, if there can be any."""
        refusal = self._refuses_errors() or self._refuses_kind(kind)
        if refusal is not None:
            return refusal
        D = self._design(data) if design is None else design
        if isinstance(D, Refusal):
            return D
        refusal = self._check_dependence(D, meaning)
        if refusal is not None:
            return refusal
        if not D.well and D.dependence.nearly.any():
            self._warn_of(D.dependence)
        Y = data.y.astype(np.float64, copy=False)
        found = self._estimate_at_optimum(D, Y, meaning, polish=polish)
        return found if isinstance(found, Refusal) else Measured(D, Y, *found)

    def _design(self, data: Data) -> designs.Design | Refusal:
        try:
            return designs.design(data.X, data.w, intercept=self._has_intercept)
        except np.linalg.LinAlgError as error:
            return Refusal(str(error), RESCALE)

    def _estimate_at_optimum(
        self, D: designs.Design, Y: Array, meaning: str, *, polish: bool
    ) -> tuple[equations.Estimate, equations.Fit] | Refusal:
        """Estimate and fit, once it is known that the weights are at the optimum of these rows."""
        try:
            E, fit = self._estimate(D, Y, meaning)
        except np.linalg.LinAlgError:
            return SINGULAR
        distance = self._distance(D, E, Y, fit)
        while polish and THERE < distance < NEAR:
            theta = self.network_.theta.copy()
            if not self._polish(D, E):
                break
            try:
                E_new, fit_new = self._estimate(D, Y, meaning)
                closer = self._distance(D, E_new, Y, fit_new)
            except np.linalg.LinAlgError:
                closer = np.inf
            if not closer < distance / 2:
                self.network_.theta[...] = theta
                break
            E, fit, distance = E_new, fit_new, closer
        return self._refuses_distance(distance) or (E, fit)

    def _refuses_distance(self, squared: float) -> Refusal | None:
        """That the weights are so many standard errors from the optimum, if that is too far."""
        if squared <= ARRIVED:
            return None
        return Refusal(
            f"expected weights at the optimum of these rows, found them {squared**0.5:.2g} standard errors off",
            self._how_to_arrive(),
        )

    def _check_dependence(self, D: designs.Design, meaning: str) -> Refusal | None:
        """That some weights are not determined, if so."""
        few = too_few(min(equations.observations(D, meaning), len(D.A)), D.A.shape[1])
        if few is not None or D.well:
            return few
        exact, why = D.dependence.exact, "are not determined"
        if not exact.any() and self.network_.theta.dtype == np.float32:
            exact, why = designs.dependent_but_for_rounding(D, EPS32), "only the rounding to float32 determines"
        if not exact.any():
            return None
        return Refusal(
            f"expected columns that do not depend on each other, found COLUMNS, whose weights {why}",
            "drop constant columns and one column of each linear dependence",
            tuple(map(int, np.flatnonzero(exact))),
        )

    def _warn_of(self, found: designs.Dependence) -> None:
        warn(
            f"expected columns that do not depend on each other, found {self._named(found.nearly)}: their "
            f"condition number is {found.standardized:.1e}, so that half the digits of their weights are lost, or "
            "more; leave some out, or penalize",
            DependenceWarning,
        )

    def _refuses_kind(self, kind: str) -> Refusal | None:
        """A kind of covariance that this model does not have."""
        del kind
        return None

    def _how_to_arrive(self) -> str:
        if self.network_.theta.dtype == np.float32:
            return "fit in float64, and pass the same rows"
        return "pass the rows of fit; if they are, lower tol or raise max_iter"

    def _column_names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", self.term_names)
        return [f"x{j}" for j in range(self.network_.n_features)] if names is None else [str(name) for name in names]

    def _named(self, columns: Array) -> str:
        """Names of the columns that `columns` (n,) marks."""
        return listed([name for name, marked in zip(self._column_names(), columns, strict=True) if marked])

    def _training_rows(self, X: Any, y: Any, sample_weight: Any, groups: Any = None) -> tuple[Data, Array | None]:
        """The rows of fit as it saw them, without those of weight zero, and the number of the cluster of each."""
        check_is_fitted(self, "network_")
        X, y = self._check_X_y(X, y, reset=False)
        w = check_weights(sample_weight, X)
        Y = self._encode(y, np.float64)
        numbers = None
        if groups is not None:
            labels = np.asarray(groups)
            if labels.shape != (len(Y),):
                raise DataError(f"expected a group for each of the {len(Y)} rows, found shape {labels.shape}")
            missing = labels != labels  # noqa: PLR0124 - NaN alone differs from itself
            if np.any(missing) or any(label is None for label in labels):
                raise DataError(
                    "expected a group in each row, found missing ones", "fill them in, or leave the rows out"
                )
            if labels.dtype == object:  # of any kinds, which cannot be sorted: 1 and 1.0 are the same
                known = {label: number for number, label in enumerate(dict.fromkeys(labels.tolist()))}
                labels = np.array([known[label] for label in labels.tolist()])
            numbers = np.unique(labels, return_inverse=True)[1]
        kept, w, Y = self._weigh_places(y, w, Y)
        if numbers is not None:
            numbers = np.unique(numbers[kept], return_inverse=True)[1]
            if numbers.max() < 1:
                raise DataError("expected at least two groups, found one", "use HC1 where rows are independent")
        return Data(X[kept], Y, w), numbers


def too_few(m: float, p: int) -> Refusal | None:
    """That `m` samples are not more than `p` parameters, if so."""
    if m > p:
        return None
    return Refusal(f"expected more samples than parameters ({p}), found {m:g}", "leave columns out, or penalize")
