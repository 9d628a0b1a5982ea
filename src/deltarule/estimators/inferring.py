"""Standard errors, tests, intervals and influence of the linear models: the face of `equations.inference`."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array
from ..engines.threads import one_blas_thread
from ..equations import design as designs
from ..equations import inference as equations
from ..errors import InvalidOption, ModelFileError
from ..fields import read_field, read_object
from .inference import Inference, Refusal, restore
from .measuring import SINGULAR, Measuring
from .reporting import UNKNOWN, Units, summarize
from .summary import Summary

CHANGED = Refusal("expected the weights of fit, found others that were assigned to it", "fit it again")


class Interval(NamedTuple):
    """Predictions and the ends of their intervals, all of the same shape."""

    prediction: Array
    lower: Array
    upper: Array


class Inferring(Measuring):
    """Adds what statistics has to say to a linear model."""

    own_arrays: ClassVar[tuple[str, ...]] = ("factor",)

    of_classes: ClassVar[bool] = False
    """Whether it tells classes apart: its weights are then log odds against the first class."""

    solver_: str
    _explained: Array

    def covariance(self) -> Array:
        """``V`` of the intercept and the weights: (p, p); (n_L, p, p) of several targets; (q p, q p) of more classes.

        Of classes but the first, against the first, one after the other.
        """
        found = self._errors()
        T = designs.outward(*found.columns, intercept=self._has_intercept)
        F = np.kron(np.eye(found.factor.shape[1] // len(T)), T) @ found.factor
        V = F @ F.swapaxes(1, 2)
        return V[0] if len(V) == 1 else V

    def infer(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        covariance: str = "classical",
        groups: Any = None,
        weights: str = "auto",
    ) -> Self:
        """Compute other errors than those that `fit` has kept, and keep these.

        Parameters
        ----------
        X, y, sample_weight
            The rows of `fit`: others are refused.
        covariance : {"classical", "HC0", "HC1", "HC2", "HC3", "cluster"}
            "classical" errors suppose that the model is right; HC0 to HC3 allow each sample a variance of its own;
            "cluster" allows samples of the same group to depend on each other.
        groups : (m,), optional
            The group of each sample, for "cluster".
        weights : {"auto", "precision", "frequency"}
            What a sample weight ``w`` means: the variance of the sample is ``σ²/w`` (linear regression by default),
            or the sample stands for ``w`` equal ones (logistic regression by default).

        Returns
        -------
        self

        Raises
        ------
        InvalidOption
            Where such errors would be wrong: with a penalty, away from the optimum, without full rank.
        """
        if covariance not in equations.KINDS:
            raise InvalidOption(f"expected covariance as one of {', '.join(equations.KINDS)}, found {covariance!r}")
        if weights not in ("auto", *equations.MEANINGS):
            raise InvalidOption(f"expected weights as auto, {', '.join(equations.MEANINGS)}, found {weights!r}")
        if (covariance == "cluster") != (groups is not None):
            raise InvalidOption("expected groups with covariance='cluster' and with nothing else, found otherwise")
        data, numbers = self._training_rows(X, y, sample_weight, groups)
        meaning = self._weight_meaning() if weights == "auto" else weights
        with one_blas_thread():
            found = self._infer(data, covariance, meaning, numbers)
        if isinstance(found, Refusal):
            raise found.error(self._column_names())
        self._inference = found
        self._note_weights()
        return self

    def summary(self, level: float = 0.95) -> Summary:
        """The weights with their standard errors, tests and intervals, and how well the model fits.

        Parameters
        ----------
        level : float
            With which an interval covers the weight.

        Returns
        -------
        Summary
            Without errors where these would be wrong, and then its notes say why.
        """
        return self._summarize(level, None)

    def _summarize(self, level: float, units: Units | None) -> Summary:
        check_is_fitted(self, "network_")
        found = self._known()
        return summarize(self, found, check_level(level), units or Units.own(self))

    def _fit_anew(self, *arguments: Any, **options: Any) -> None:
        super()._fit_anew(*arguments, **options)
        self._note_weights()

    def _note_weights(self) -> None:
        """Note to which weights the errors belong."""
        self._explained = self.network_.theta.copy()

    def _known(self) -> Inference | Refusal:
        if not np.array_equal(self._explained, self.network_.theta):
            return CHANGED
        if "_inference" not in self.__dict__:
            try:
                found = self._statistics_of_fit()
                self._inference = UNKNOWN if found is None else self._classical(found)
            except np.linalg.LinAlgError:
                self._inference = SINGULAR
        return self._inference

    def _statistics_of_fit(self) -> equations.FitStatistics | None:
        return self.__dict__.get("_statistics")

    @one_blas_thread()
    def _classical(self, statistics: equations.FitStatistics) -> Inference | Refusal:
        mean, scale = statistics.rows.columns
        dependence = designs.dependence(statistics.R, mean, scale, statistics.rows.n_rows)
        return self._conclude(statistics, np.sqrt(statistics.fit.sigma2)[:, None, None] * statistics.F, dependence)

    def _errors(self) -> Inference:
        """What is known, or else an error that says why nothing is."""
        check_is_fitted(self, "network_")
        found = self._known()
        if isinstance(found, Refusal):
            raise found.error(self._column_names())
        return found

    @one_blas_thread()
    def influence(self, X: Any, y: Any, sample_weight: Any = None) -> equations.Influence:
        """Leverage, standardized residual and Cook's distance of each row of `fit`.

        Parameters
        ----------
        X, y, sample_weight
            The rows of `fit`; those of weight zero are left out of the answer.

        Returns
        -------
        Influence
        """
        data, _ = self._training_rows(X, y, sample_weight)
        meaning = self._weight_meaning()
        found = self._measure(data, "classical", meaning)
        if isinstance(found, Refusal):
            raise found.error(self._column_names())
        if self.network_.sizes[-1] > 1 and self.of_classes:
            raise InvalidOption("expected two classes for the influence of a row, found more")
        result = equations.influence(found.D, found.E, found.fit.sigma2, meaning)
        if result.cooks_distance.shape[1] > 1:
            return result
        return equations.Influence(result.leverage, result.standardized_residual[:, 0], result.cooks_distance[:, 0])

    def _link(self, X: Any) -> tuple[Array, Array, Inference]:
        """``A`` of new rows `X` (m, n), the weights ``φ``, and what is known of them."""
        found = self._errors()
        X = designs.to_dense(self._check_X(X))
        mean, scale = found.columns
        A = designs.augmented(X, mean, scale, intercept=self._has_intercept)
        W, b = self._contrasts()
        return A, designs.inward(W, b, mean, scale, intercept=self._has_intercept), found

    def _contrasts(self) -> tuple[Array, Array]:
        """The weights that are reported, (k, n), and biases (k,): for classes, those against the first."""
        W, b = self.network_.W[1].astype(np.float64), self.network_.b[1].astype(np.float64)
        return (W, b) if len(W) == 1 or not self.of_classes else (W[1:] - W[0], b[1:] - b[0])

    # the model file

    def _own_fields(self) -> dict[str, Any]:
        return {"solver": self.solver_, "intercept": bool(self._has_intercept), "inference": self._known().to_json()}

    def _own_arrays(self) -> dict[str, Array]:
        found = self._known()
        return {} if isinstance(found, Refusal) else {"factor": found.factor}

    def _restore_own_fields(self, fields: Any, arrays: Mapping[str, Array]) -> None:
        found = read_object(fields, "own", ("solver", "intercept", "inference"))
        if not isinstance(found["solver"], str):
            raise ModelFileError(f"solver: expected a name, found {str(found['solver'])[:80]}")
        self.solver_, self._has_intercept = found["solver"], read_field(found, "own", "intercept", bool)
        n, k, classes = self.network_.n_features, self.network_.sizes[-1], self.of_classes
        p = (max(1, k - 1) if classes else 1) * (n + int(self._has_intercept))
        self._inference = restore(found, arrays, n, k, (1 if classes else k, p, p))
        self._note_weights()


def check_level(level: Any) -> float:
    """A level of confidence, between 0 and 1."""
    if not isinstance(level, Real) or not 0 < float(level) < 1:
        raise InvalidOption(f"expected level between 0 and 1, found {level!r}", "such as 0.95")
    return float(level)
