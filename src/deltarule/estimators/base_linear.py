"""What linear and logistic regression share: a network of one layer, trained on the whole cost to its optimum."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import row_norms

from .. import engines
from ..arrays import Array
from ..callbacks import EarlyStopping
from ..engines import Data
from ..engines.tables import measuring
from ..engines.threads import usable_threads
from ..equations import ACTIVATIONS, LOSSES, OPTIMIZERS, Loss, Optimizer
from ..equations.columns import Columns, curvature, standardizing
from ..errors import DataError, InvalidOption
from ..layers import Layer
from ..network import Network
from ..run import Plan, Run, State, Validation
from .arrival import MOST_FOR_NEWTON, STRICT, Arrival
from .trained import TrainedEstimator
from .trial import Promising, steps_worth_trying

PLAIN_DESCENT = ("gradient_descent", "momentum", "nesterov")
"""Optimizers whose best rate is known from the curvature of the cost."""

TIGHT = 64 * np.finfo(np.float64).eps
"""L-BFGS stops when a step lowers the cost by less, relative to it: at rounding, not before."""

ENOUGH = 10_000
"""Samples that tell how the columns are scaled, about."""

CHEAP = 2e10
"""Products to form the matrix of Newton's method, with which it is quicker than L-BFGS."""

LARGEST = 10_000
"""Parameters of which the matrix of all pairs takes 800 MB."""


@cache
def _layer_and_loss(n_outputs: int, activation: str, loss: str) -> tuple[Layer, Loss]:
    return Layer(n_outputs, ACTIVATIONS[activation]), LOSSES[loss]


def _steepest(X: Array, w: Array | None, batch_size: int) -> float:
    """The largest curvature of the squared error of a batch; infinite, or NaN, if squares overflow."""
    if batch_size < X.shape[0]:  # no batch is steeper than its steepest sample
        uneven = 1.0 if w is None else float(w.max() / w.mean())
        return (float(row_norms(X).max()) ** 2 + 1.0) * uneven
    try:
        return curvature(X, w)
    except np.linalg.LinAlgError:
        return math.inf


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

    largest_loss_curvature: ClassVar[float] = 1.0
    """The largest second derivative of the loss by ``Z``."""

    loss_curvature_at_zero: ClassVar[float] = 1.0
    """That derivative at ``Z = 0``."""

    solver_: str

    def _check_X_y(self, X: Any, y: Any, *, reset: bool, **options: Any) -> tuple[Array, Array]:
        return super()._check_X_y(X, y, reset=reset, order=None, **options)  # in whatever order it lies

    @abstractmethod
    def _activation_and_loss(self, n_outputs: int) -> tuple[str, str]:
        """Names of those of the layer."""

    def _make_network(self, n_features: int, n_outputs: int, seed: int, dtype: Any) -> Network:
        del seed  # on a convex cost there is nothing to draw: it starts from zero
        layer, loss = _layer_and_loss(n_outputs, *self._activation_and_loss(n_outputs))
        return Network.of_zeros(n_features, (layer,), loss, dtype)

    def _refuses_network(self) -> str | None:
        layers, loss = self.network_.layers, str(self.network_.loss)
        found = [str(layer.activation) for layer in layers], loss
        activation, expected = self._activation_and_loss(layers[-1].units)
        if found == ([activation], expected):
            return None
        return f"expected one layer of {activation} with {expected}, found {found[0]} with {loss}"

    def _sizes(self, n_features: int, n_outputs: int) -> list[int]:
        return [n_features, n_outputs]

    def _seeds(self) -> tuple[int, int, int]:
        if self.batch_size == "auto" and not self.early_stopping:
            return 0, 0, 0  # on all samples, from zero: nothing is drawn
        return super()._seeds()

    def _columns(self, data: Data, threads: int) -> Columns:
        """Those in which the model is learned."""
        n_features = self.network_.n_features
        scaling = self._intercept_scaling()
        if not self.standardize:
            return Columns(np.zeros(n_features), np.ones(n_features), self.fit_intercept, scaling)
        l2 = self._penalties().get("l2", 0.0)
        ridge = l2 / data.total_weight / self.loss_curvature_at_zero if l2 else 0.0
        engine = engines.choose(self.engine, self.network_, data.X)
        some = data.sample(ENOUGH) if len(data) >= 4 * ENOUGH else data
        return standardizing(
            some.X,
            some.w,
            measure=measuring(engine, some.X, threads),
            ridge=ridge,
            center=math.isinf(scaling),  # else ``c = b + W μ`` would be penalized in place of ``b``
            intercept=self.fit_intercept,
            intercept_scaling=scaling,
        )

    def _intercept_scaling(self) -> float:
        """What divides ``b`` before penalties see it; infinite where they do not."""
        return np.inf

    def _optimizer(self, data: Data) -> Optimizer:
        """The optimizer asked for; "lbfgs", which stands for the optimum, is Newton's method where that is quicker."""
        optimizer, P, l1 = self._make_optimizer(), self.network_.n_parameters, "l1" in self._penalties()
        if l1 and optimizer.name not in ("lbfgs", "newton", "gradient_descent"):
            raise InvalidOption(
                f"expected no L1 penalty with {optimizer.name}, whose steps cannot end at exact zeros, found one",
                "use solver='saga'" if "saga" in self._optimal() else "use solver='auto' or 'gradient_descent'",
            )
        if optimizer.name == "newton" and not l1 and P > LARGEST:
            raise InvalidOption(f"newton takes at most {LARGEST:,} parameters, found {P:,}", "use solver='lbfgs'")
        if optimizer.name == "adamw" and "weight_decay" not in optimizer.asked:
            return optimizer.configured(weight_decay=0.0)  # which would pull at the intercept, too
        if optimizer.name == "lbfgs" and not optimizer.asked:
            newton = l1 or (P <= MOST_FOR_NEWTON and len(data) * P**2 <= CHEAP)
            return OPTIMIZERS["newton"] if newton else optimizer.configured(ftol=TIGHT)
        return optimizer

    def _optimal(self) -> tuple[str, ...]:
        """Names of solvers that stand for the optimum."""
        return ("lbfgs",)

    def _make_plan(self, data: Data) -> Plan:
        optimizer = self._optimizer(data)
        self.solver_ = optimizer.name
        threads = usable_threads(self.n_jobs)
        columns = self._columns(data, threads)
        batch_size = len(data) if self.batch_size == "auto" else min(int(self.batch_size), len(data))
        return Plan(
            optimizer=optimizer,
            schedule=self._make_schedule(),
            learning_rate=self._rate(optimizer, data, columns, batch_size),
            epochs=self.max_iter,
            batch_size=batch_size,
            shuffle=self.shuffle,
            penalties=self._penalties(),
            tol=self.tol * self._unit(data) / (STRICT if optimizer.name == "lbfgs" else 1),
            max_fun=max(15000, 20 * self.max_iter),
            threads=threads,
            columns=columns,
        )

    def _unit(self, data: Data) -> float:
        """The size of ``Z``, and with it of the weights of standardized columns."""
        del data
        return 1.0

    def _rate(self, optimizer: Optimizer, data: Data, columns: Columns, batch_size: int) -> float:
        """``α``: for "auto", 1 over the largest curvature, with which gradient descent on a convex cost converges."""
        if self.learning_rate_init != "auto":
            return float(self.learning_rate_init)
        if optimizer.name not in PLAIN_DESCENT:
            return 0.01 * self._unit(data)
        with np.errstate(over="ignore", invalid="ignore"):
            largest = _steepest(columns.transform(data.X), data.w, batch_size)
        if not math.isfinite(largest):
            raise DataError(
                "expected columns whose squares are finite, to tell the learning rate from them, found larger ones",
                "scale X, or give learning_rate_init",
            )
        strength = self._penalties().get("l2", 0.0) / data.total_weight
        ridge = float(columns.strengths(self.network_.n_parameters, strength, 2).max())
        return 1.0 / (self.largest_loss_curvature * largest + ridge)

    def _fit_anew(self, *arguments: Any, **options: Any) -> None:
        self._has_intercept = self.fit_intercept
        super()._fit_anew(*arguments, **options)

    def _make_stopper(self, plan: Plan, state: State, validation: Validation | None) -> EarlyStopping | None:
        if self.early_stopping or plan.optimizer.full_batch:
            return super()._make_stopper(plan, state, validation)
        return Arrival(self.n_iter_no_change, self.tol, 1e-6 * (plan.tol / self.tol) ** 2 if self.tol else 0.0)

    def _train_with(
        self,
        data: Data,
        validation: Validation | None,
        state: State,
        *,
        incremental: bool,
    ) -> Run | None:
        if not self.fit_intercept:
            self.network_.b[1][...] = 0
        return super()._train_with(data, validation, state, incremental=incremental)

    def _train(self, data: Data, plan: Plan, state: State, **options: Any) -> Run:
        worth = 0 if self._is_watched(options) else self._steps_worth_trying(data, plan)
        most = min(worth, self.max_iter // 2)
        if most:
            lbfgs = OPTIMIZERS["lbfgs"].configured(ftol=TIGHT)
            trial = replace(plan, optimizer=lbfgs, tol=plan.tol / STRICT)
            asked = options | {"epochs": most, "callbacks": [Promising(worth)]}
            run = super()._train(data, trial, state, **asked)
            if run.arrived or run.interrupted:
                self.solver_, self.n_iter_ = lbfgs.name, run.epoch
                return run
        return super()._train(data, plan, state, **options)

    def _note_one_step(
        self, state: State, values: Mapping[str, float], samples: int, *, solver: str, engine: str
    ) -> None:
        """The history of a solution that takes one step, from what was measured of it: "loss", "seconds" and more."""
        state.history = {name: [float(value)] for name, value in ({"learning_rate": np.nan} | dict(values)).items()}
        state.epoch, state.samples = 1, samples
        self.history_, self.loss_, self.n_iter_ = state.history, float(values["loss"]), 1
        self.t_, self.solver_, self.engine_ = samples, solver, engine

    def _is_watched(self, options: Mapping[str, Any]) -> bool:
        """Whether somebody looks at every epoch."""
        return bool(self._own_callbacks() or self._watchers() or options.get("callbacks") or options.get("validation"))

    def _steps_worth_trying(self, data: Data, plan: Plan) -> int:
        """Of L-BFGS, which may spare Newton's method where nobody has asked for that by name."""
        if plan.optimizer.name != "newton" or list(plan.penalties) != ["l2"]:
            return 0
        worth = steps_worth_trying(self.network_.n_parameters, len(data))
        return worth if worth and self._make_optimizer().name != "newton" else 0

    @property
    def intercept_(self) -> Any:
        """Biases, a view on the parameters of ``network_``."""
        return self._fitted().b[1]

    @intercept_.setter
    def intercept_(self, value: Any) -> None:
        self._fitted().b[1][...] = value
