"""Firth's penalized likelihood: how logistic regression is trained by it, and its errors."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..arrays import Array
from ..engines import Data
from ..engines.threads import one_blas_thread
from ..equations import design as designs
from ..equations import firth as equations
from ..equations.inference import Estimate, Fit
from ..errors import DataError, InvalidOption, warn
from ..run import State, Validation
from .base import NOT_CONVERGED
from .inference import Inference, Profile, Refusal
from .inferring import Inferring
from .measuring import RESCALE

FINE_SCORE = 1e-9
"""Of the score, in standard errors: there the weights are right to the digits that others compare."""


class FirthInference(Inferring):
    """The part of logistic regression that ``solver="firth"`` asks for; of two classes."""

    def _train_firth(self, data: Data, validation: Validation | None, state: State) -> None:
        """Train by Firth's penalized likelihood."""
        began = time.perf_counter()
        D, y = self._firth_design(data)
        found = equations.firth(D.A, y, D.w, max_iter=self.max_iter, tol=min(self.tol, FINE_SCORE))
        if not found.converged:
            warn(NOT_CONVERGED.format("firth failed to converge", self.max_iter), ConvergenceWarning)
        network, theta = self.network_, D.outward() @ found.phi
        network.W[1][0] = theta[int(D.intercept) :]
        network.b[1][0] = theta[0] if D.intercept else 0.0
        cost = -(found.log_likelihood + np.log(D.scale).sum()) / float(D.w.sum())  # of θ, not of φ
        measured = {} if validation is None else validation(network)
        values = {"loss": cost, "seconds": time.perf_counter() - began, **measured}
        self._note_one_step(state, values, len(data), solver="firth", engine="reference")
        self._set_n_iter(found.steps)
        small = self._is_small(data)
        self._inference = self._infer(data, "classical", self._weight_meaning()) if small else self._too_many(len(data))

    def _firth_design(self, data: Data) -> tuple[designs.Design, Array]:
        if data.y.shape[1] > 1:
            raise InvalidOption(
                "Only binary classification is supported. Expected two classes for solver='firth', found "
                f"{data.y.shape[1]}",
                "penalize: use solver='lbfgs'",
            )
        if self.early_stopping:
            raise InvalidOption("expected no early_stopping with solver='firth', which goes to the optimum, found it")
        try:
            D = designs.design(data.X, data.w, intercept=self.fit_intercept)
        except np.linalg.LinAlgError as error:
            raise DataError(f"solver='firth': {error}", RESCALE) from None
        found = self._check_dependence(D, self._weight_meaning())
        if found is not None:
            raise DataError(f"solver='firth': {found.told(self._column_names())}", found.hint)
        return D, data.y[:, 0].astype(np.float64)

    def _distance(self, D: designs.Design, E: Estimate, Y: Array, fit: Fit) -> float:
        if self.solver_ != "firth":
            return super()._distance(D, E, Y, fit)
        W, b = self._contrasts()
        phi = D.inward(W, b)[0]
        score, _ = equations.penalized_score(phi, D.A, Y[:, 0], D.w)
        return float(np.square(E.F.T @ score).sum())

    @one_blas_thread()
    def _profile(self, data: Data, level: float) -> Profile:
        """Intervals and p-values from the profile of Firth's likelihood, of ``X / s`` and the plain intercept."""
        D, y = self._firth_design(data)
        A = D.A.copy()
        A[:, int(D.intercept) :] += D.mean / D.scale  # so that its intercept is that of X
        best = equations.firth(A, y, D.w, max_iter=1000, tol=1e-8)
        unit = np.concatenate([np.ones(int(D.intercept)), D.scale])
        try:
            ends = [equations.profile_interval(A, y, D.w, best, j, level=level) for j in range(A.shape[1])]
            p = [equations.profile_test(A, y, D.w, best, j) for j in range(A.shape[1])]
        except np.linalg.LinAlgError as error:
            raise InvalidOption(str(error), "use intervals='wald'") from None
        lower, upper = (tuple(float(end[k] / u) for end, u in zip(ends, unit, strict=True)) for k in (0, 1))
        return Profile(level, lower, upper, tuple(p))

    def _infer(self, data: Data, *arguments: Any, **options: Any) -> Inference | Refusal:
        found = super()._infer(data, *arguments, **options)
        if self.solver_ != "firth" or isinstance(found, Refusal):
            return found
        D, y = self._firth_design(data)
        W, b = self._contrasts()
        phi = D.inward(W, b)[0]
        likelihood = equations.penalized_likelihood(phi, D.A, y, D.w) + np.log(D.scale).sum()  # of θ, not of φ
        return replace(found, penalized_likelihood=float(likelihood))
