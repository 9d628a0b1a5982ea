"""What linear and logistic regression share: a network of one layer, trained on the whole cost to its optimum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import row_norms

from ..arrays import Array
from ..engines import Data
from ..equations import Optimizer
from ..equations.coordinates import MANY, Coordinates, curvature, standardizing, transformed, whitening
from ..errors import EngineUnsupported
from ..network import Network
from ..training import Plan, State
from .trained import TrainedEstimator

PLAIN = ("gradient_descent", "momentum", "nesterov")
"""Optimizers whose best rate is known from the curvature of the cost."""

TIGHT = 64 * np.finfo(np.float64).eps
"""L-BFGS stops when a step lowers the cost by less, relative to it: at rounding, not before."""


class BaseLinear(TrainedEstimator):
    """A network of one layer: ``ŷ = g(X Wᵀ + b)``."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TrainedEstimator._parameter_constraints,
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "standardize": ["boolean"],
    }

    documented: ClassVar[dict[str, str]] = {
        "batch_size": 'int or "auto"\n    Samples a step; "auto" is all of them.',
        "learning_rate_init": 'float or "auto"\n    The rate from which the schedule starts; "auto" is 1 over the\n'
        "    largest curvature of the cost for descent with or without momentum, and 0.01 of the size of ``Z``\n"
        "    for the others.",
    }
    """Descriptions of parameters that differ from those of other estimators; see `documentation`."""

    steepest: ClassVar[float] = 1.0
    """The largest second derivative of the loss by ``Z``."""

    typical: ClassVar[float] = 1.0
    """That derivative at ``Z = 0``."""

    def _sizes(self, n_features: int, n_outputs: int) -> list[int]:
        return [n_features, n_outputs]

    def _engine(self, plan: Plan) -> str:
        if plan.optimizer.full_batch:
            return self.engine
        if self.engine not in ("auto", "reference"):
            raise EngineUnsupported(
                f"the {self.engine} engine cannot take the steps of {plan.optimizer.name} for a linear model",
                "use engine='auto'",
            )
        return "reference"  # the steps are taken in other coordinates, which are Python's

    def _coordinates(self, data: Data) -> Coordinates:
        """Where the optimizer walks."""
        n_features, n_outputs = self.network_.sizes
        if not self.standardize:
            return Coordinates(np.zeros(n_features), np.ones(n_features), n_outputs, self.fit_intercept)
        ridge = self._penalties().get("l2", 0.0) / data.total_weight / self.typical
        return standardizing(
            data.X, data.w, n_outputs, intercept=self.fit_intercept, center=self._may_center(), ridge=ridge
        )

    def _turn(self, data: Data, T: Coordinates) -> Callable[[Array], Coordinates] | None:
        """From ``θ`` to the coordinates in which a search from there is quickest; None where they cost too much."""
        strengths = self._penalties()
        if not self.standardize or "l1" in strengths or data.X.shape[1] > len(data) or len(self.network_.theta) > MANY:
            return None
        ridge = strengths.get("l2", 0.0) / data.total_weight
        network = self.network_

        def turn(theta: Array) -> Coordinates:
            prediction = network.with_theta(theta.astype(network.theta.dtype)).predict(data.X)
            return whitening(data.X, data.w, T, ridge, self._curvatures(prediction))

        return turn

    def _curvatures(self, prediction: Array) -> Array:
        """Second derivative of each sample's loss by each ``Z``, (m, n_L), at a `prediction` (m, n_L)."""
        return np.ones_like(prediction)

    def _may_center(self) -> bool:
        return True

    def _make_plan(self, data: Data) -> Plan:
        optimizer = self._make_optimizer()
        T = self._coordinates(data)
        if optimizer.full_batch and "ftol" not in optimizer.options:
            optimizer = optimizer.configured(ftol=TIGHT)
        batch_size = len(data) if self.batch_size == "auto" else min(int(self.batch_size), len(data))
        # the cost of a batch has its share of the penalties, so that on the whole it is the cost of all samples
        share = batch_size / len(data)
        return Plan(
            optimizer=self._adapted(transformed(optimizer, T, self._turn(data, T)), data),
            schedule=self._make_schedule(),
            learning_rate=self._rate(optimizer, data, T, batch_size),
            epochs=self.max_iter,
            batch_size=batch_size,
            shuffle=self.shuffle,
            penalties={name: strength * share for name, strength in self._penalties().items()},
            tol=self.tol,
            max_fun=max(15000, 20 * self.max_iter),
        )

    def _adapted(self, optimizer: Optimizer, data: Data) -> Optimizer:
        """The optimizer, once it minimizes what the solver asked for does."""
        del data
        return optimizer

    def _unit(self, data: Data) -> float:
        """The size of ``Z``, and with it of the weights of standardized columns."""
        del data
        return 1.0

    def _rate(self, optimizer: Optimizer, data: Data, T: Coordinates, batch_size: int) -> float:
        """``α``: for "auto", 1 over the largest curvature, with which gradient descent on a convex cost converges."""
        if self.learning_rate_init != "auto":
            return float(self.learning_rate_init)
        if optimizer.name not in PLAIN:
            return 0.01 * self._unit(data)
        if batch_size == len(data):
            largest = curvature(data.X, data.w, T)
        else:  # no batch is steeper than its steepest sample
            if sparse.issparse(data.X):  # |x - μ| <= |x| + |μ|
                norms = row_norms(data.X @ sparse.diags_array(1 / T.scale)) + np.linalg.norm(T.mean / T.scale)
            else:
                norms = row_norms((data.X - T.mean) / T.scale)
            largest = float(norms.max()) ** 2 + 1.0
            if data.w is not None:
                largest *= float(data.w.max() / data.w.mean())
        ridge = self._penalties().get("l2", 0.0) / data.total_weight / float(T.scale.min()) ** 2
        return 1.0 / (self.steepest * largest + ridge)

    def _train_with(
        self,
        data: Data,
        validation: Callable[[Network], Mapping[str, float]] | None,
        state: State,
        *,
        incremental: bool,
    ) -> None:
        if not self.fit_intercept:
            self.network_.b[1][...] = 0
        dtype = self.network_.theta.dtype
        exact = self._make_optimizer().full_batch and dtype != np.float64
        if exact:  # L-BFGS compares costs that differ by less than float32 can tell
            self.network_ = self.network_.with_theta(self.network_.theta.astype(np.float64))
            w = None if data.w is None else data.w.astype(np.float64)
            data = Data(data.X.astype(np.float64), data.y.astype(np.float64), w)
        try:
            super()._train_with(data, validation, state, incremental=incremental)
        finally:
            if exact:
                self.network_ = self.network_.with_theta(self.network_.theta.astype(dtype))

    @property
    def intercept_(self) -> Any:
        """Biases, a view on the parameters of ``network_``."""
        return self._fitted().b[1]

    @intercept_.setter
    def intercept_(self, value: Any) -> None:
        self._fitted().b[1][...] = value
