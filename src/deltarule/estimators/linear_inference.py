"""Statistical inference for linear regression: standard errors and intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array
from ..engines import Data
from ..equations import design as designs
from ..equations import inference as equations
from ..errors import InvalidOption
from .inference import Refusal
from .inferring import Inferring, Interval, check_level
from .measuring import MOST_WITH_ERRORS, Measured, too_few

LEAST, MOST = 1e-150, 1e150
"""Targets whose squares, and sums of these, float64 holds."""


def refuse_squares(Y: Array) -> Refusal | None:
    """That squares of the targets `Y` (m, k) cannot be summed, if so; all that is told of a fit is made of these."""
    with np.errstate(over="ignore"):
        sizes, spreads = np.abs(Y).max(axis=0).tolist(), np.abs(Y - Y[0]).max(axis=0).tolist()
    found = [size for size in sizes if size > MOST] + [spread for spread in spreads if 0 < spread < LEAST]
    if not found:
        return None
    return Refusal(
        f"expected y of size {LEAST:g} to {MOST:g}, whose squares float64 holds, found {found[0]:.3g}",
        "rescale y to about unit size",
    )


class LinearInference(Inferring):
    """Errors of least squares: of each target by itself."""

    _sums: Callable[[], equations.LeastSquaresSums]

    def _refuses_errors(self) -> Refusal | None:
        found = [f"{name}={getattr(self, name):g}" for name in ("alpha", "l1") if getattr(self, name) > 0]
        if found:
            return Refusal(
                f"expected no penalty, found {' and '.join(found)}: it draws the weights towards zero, and standard "
                "errors know nothing of that bias",
                "fit with alpha=0, l1=0",
            )
        if self.positive:
            return Refusal("expected weights of either sign, found positive=True", "fit with positive=False")
        if self.early_stopping:
            return Refusal("expected weights at the optimum, found early_stopping", "fit without it")
        return None

    def _weight_meaning(self) -> str:
        return "precision"

    def _keep(self, sums: Callable[[], equations.LeastSquaresSums], n_rows: int) -> None:
        """Take note of what a fit has left of its rows; errors are computed when somebody asks for them."""
        n = self.network_.n_features
        many = None if n <= MOST_WITH_ERRORS else self._too_many(n_rows)
        refusal = self._refuses_errors() or too_few(n_rows, n + int(self._has_intercept)) or many
        if refusal is not None:
            self._inference = refusal
        if self.alpha == 0 and many is None:
            self._sums = sums

    def _statistics_of_fit(self) -> equations.FitStatistics | None:
        found = super()._statistics_of_fit()
        if found is not None or "_sums" not in self.__dict__:  # rows, asked where the condition is bad, tell more
            return found
        return self._sums().statistics()

    def _measure(self, data: Data, kind: str, meaning: str, **options: Any) -> Measured | Refusal:
        return refuse_squares(data.y) or super()._measure(data, kind, meaning, **options)

    def _estimate(self, D: designs.Design, Y: Array, meaning: str) -> tuple[equations.Estimate, equations.Fit]:
        W, b = self._contrasts()
        phi = D.inward(W, b)
        r = Y - D.A @ phi.T
        return equations.linear_estimate(D, r), equations.linear_fit(D, Y, r, meaning)

    def predict_interval(self, X: Any, level: float = 0.95, *, kind: str = "prediction") -> Interval:
        """Predictions and the intervals around them.

        Parameters
        ----------
        X : array-like or sparse matrix (m, n_x)
        level : float
            With which an interval covers what it is for.
        kind : {"prediction", "confidence"}
            For a new target (of weight 1), whose own deviation ``σ`` is part of it; or for the mean of many such.

        Returns
        -------
        prediction, lower, upper : (m,) each, or (m, n_L) if `y` was a matrix

        Raises
        ------
        InvalidOption
            Where there are no standard errors; it says why.
        """
        if kind not in ("prediction", "confidence"):
            raise InvalidOption(f"expected kind as 'prediction' or 'confidence', found {kind!r}")
        A, phi, found = self._link(X)
        df = found.n_clusters - 1.0 if found.kind == "cluster" else found.n_observations - A.shape[1]
        Z = A @ phi.T  # (m, k)
        variance = np.column_stack([equations.link_variance(A, F)[:, 0, 0] for F in found.factor])
        if kind == "prediction":
            variance = variance + found.fit.sigma2
        half = equations.quantile(check_level(level), df) * np.sqrt(np.maximum(variance, 0.0))
        ends = (Z, Z - half, Z + half)
        return Interval(*(end.ravel() for end in ends)) if self._single else Interval(*ends)
