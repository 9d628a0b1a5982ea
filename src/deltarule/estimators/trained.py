"""From `X` and `y` to a trained network, alike for all estimators: checks, weights, validation set, stopping."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, Options, StrOptions

from ..arrays import Array
from ..callbacks import EarlyStopping
from ..engines import Data
from ..errors import DataError, DeltaruleWarning, InvalidOption, warn
from ..network import Network, check_shapes
from ..run import Plan, Run, State, Validation
from .base import NetworkEstimator, check_weights
from .validation import given_validation, make_validation, split


class TrainedEstimator(NetworkEstimator):
    """What all estimators share from `fit` to the training loop."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "solver": [str],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [str],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose", StrOptions({"progress"})],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean", str, callable],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "callbacks": ["array-like", None],
        "engine": [str],
        "n_jobs": [Integral, None],
    }

    of_a_fit: ClassVar[tuple[str, ...]] = ()
    """Names of attributes that belong to one fit, and not to the next."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # what the kinds of model and of target make different

    @abstractmethod
    def _encode(self, y: Array, dtype: Any) -> Array:
        """`y` as the network's targets, (m, n_L)."""

    @abstractmethod
    def _sizes(self, n_features: int, n_outputs: int) -> list[int]:
        """``[n_x, n_1, ..., n_L]`` that the parameters ask for."""

    @abstractmethod
    def _make_network(self, n_features: int, n_outputs: int, seed: int, dtype: Any) -> Network:
        """A network with fresh weights."""

    def _network_as_asked(self) -> Network:
        """The network with the weights it has, and all else as the parameters now say."""
        return self.network_

    def _penalties(self) -> dict[str, float]:
        """Penalty name -> strength, as far as there are any."""
        return {name: float(s) for name, s in (("l2", self.alpha), ("l1", self.l1)) if s > 0}

    @abstractmethod
    def _make_plan(self, data: Data) -> Plan:
        """How to train."""

    # training

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation_data: Sequence[Any] | None = None,
        *,
        incremental: bool = False,
        classes: Any = None,
    ) -> Self:
        """Train."""
        with self._all_or_nothing(in_place=self.warm_start or incremental):
            for name in self.of_a_fit:
                self.__dict__.pop(name, None)
            if incremental:
                self._learn_classes(y, classes)
            self._fit_anew(X, y, sample_weight, validation_data, incremental=incremental)
        return self

    @contextmanager
    def _all_or_nothing(self, *, in_place: bool = False) -> Iterator[None]:
        """Leave the model as it was if something fails, also where its weights and state change `in_place`."""
        before = dict(self.__dict__)
        theta = state = None
        if in_place and "network_" in before:
            theta, state = self.network_.theta.copy(), self._state.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if theta is not None and state is not None:
                if not np.array_equal(self.network_.theta, theta, equal_nan=True):  # it may be read-only
                    self.network_.theta[...] = theta
                self._state, self.history_ = state, state.history
            raise
        if state is not None and self._state is before["_state"] and self._state.epoch == state.epoch:
            self._state, self.history_ = state, state.history  # Ctrl-C amid the only epoch, which changed the moments

    def _fit_anew(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Sequence[Any] | None, *, incremental: bool
    ) -> None:
        if incremental and self.early_stopping:
            raise InvalidOption("partial_fit does not support early_stopping=True", "call fit, or set it to False")
        fresh = not hasattr(self, "network_") or not (self.warm_start or incremental)
        X, y = self._check_X_y(X, y, reset=fresh)
        dtype = X.dtype if fresh else self.network_.theta.dtype
        X = X if fresh else self._in_its_precision(X)
        w = check_weights(sample_weight, X)
        Y = self._learn_target(y, dtype, fresh=fresh, incremental=incremental)
        X, y, w, Y = self._weigh(X, y, w, Y)
        goes_on = incremental and not fresh  # with the seed of its state
        init_seed, split_seed, order_seed = (0, 0, 0) if goes_on else self._seeds()
        if fresh:
            self.network_ = self._make_network(X.shape[1], Y.shape[1], init_seed, dtype)
        elif self.network_.sizes != self._sizes(X.shape[1], Y.shape[1]):
            raise InvalidOption(
                f"warm_start and partial_fit go on with the network of sizes {self.network_.sizes}, "
                f"found {self._sizes(X.shape[1], Y.shape[1])}"
            )
        else:
            asked = self._network_as_asked()
            if incremental and not asked.theta.flags.writeable:
                raise DataError(
                    "expected weights that partial_fit can change, found read-only ones",
                    "load the model without mmap_mode",
                )
            self.network_ = asked if incremental else asked.with_theta(asked.theta.copy())
        self.network_.loss.check_targets(Y)
        self._state = state = self._next_state(order_seed, fresh=fresh, incremental=incremental)
        train, held_out = Data(X, Y, w), given_validation(self, validation_data)
        if self.early_stopping and held_out is None:
            train, held_out = split(self, X, y, Y, w, split_seed)
        validation = None if held_out is None else make_validation(self, held_out)
        self._train_with(train, validation, state, incremental=incremental)

    def _learn_classes(self, y: Any, classes: Any) -> None:
        """Take note of all classes there will be, at the first `partial_fit`; of numbers there are none."""

    def _learn_target(self, y: Array, dtype: Any, *, fresh: bool, incremental: bool) -> Array:
        """Take note of the kind of target, and encode it."""
        del fresh, incremental  # only classes are remembered from one call to the next
        return self._encode_finite(y, dtype)

    def _encode_finite(self, y: Array, dtype: Any) -> Array:
        """`y`, which is finite, as the network's targets, which must be so as well."""
        Y = self._encode(y, dtype)
        if Y.dtype != y.dtype and not np.isfinite(Y).all():
            raise DataError(f"expected finite numbers of {Y.dtype} in y, found NaN or infinity")
        return Y

    def _weigh(self, X: Array, y: Array, w: Array | None, Y: Array) -> tuple[Array, Array, Array | None, Array]:
        """Leave out samples of weight zero."""
        if w is None or w.all():
            return X, y, w, Y
        present = w > 0
        return X[present], y[present], w[present], Y[present]

    def _weigh_places(self, y: Array, w: Array | None, Y: Array) -> tuple[Array, Array | None, Array]:
        """The places of the samples that have a weight, and the weights and targets of these, as `_weigh` has them."""
        places, _, w, Y = self._weigh(np.arange(len(Y), dtype=np.float64), y, w, Y)
        return places.astype(np.int64), w, Y

    def _next_state(self, seed: int, *, fresh: bool, incremental: bool) -> State:
        if incremental and not fresh:
            return self._state
        before = State() if fresh else self._state
        return State(seed=seed, samples=before.samples, history=before.history)

    def _samples(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[Data, Array]:
        """Samples as the fitted network is trained on, with the weights of the classes; and their places in `X`."""
        X = self._check_X(X)
        y = np.asarray(y)
        if y.ndim == 0 or len(y) != X.shape[0]:
            raise DataError(f"expected as many y as rows of X ({X.shape[0]}), found {y.size}")
        Y = self._encode(y, X.dtype)
        check_shapes(self.network_, X, Y)
        self.network_.loss.check_targets(Y)
        places, w, Y = self._weigh_places(y, check_weights(sample_weight, X), Y)
        return Data(X[places], Y, None if w is None else w.astype(X.dtype)), places

    def _train_with(
        self,
        data: Data,
        validation: Validation | None,
        state: State,
        *,
        incremental: bool,
    ) -> Run | None:
        plan = self._make_plan(data)
        if incremental and plan.schedule.fixed_length and state.epoch >= plan.epochs:
            warn(
                f"the learning rate of {self.learning_rate!r} has run its course of max_iter={plan.epochs} epochs, so "
                "that partial_fit hardly learns any more; raise max_iter, or take another schedule",
                DeltaruleWarning,
            )
        stopper = self._make_stopper(plan, state, validation)
        run = self._train(
            data,
            plan,
            state,
            epochs=1 if incremental else None,
            callbacks=[] if stopper is None else [stopper],
            validation=validation,
        )
        self.t_ = state.samples
        if stopper is not None:
            self._no_improvement_count = stopper.count
        return run

    def _make_stopper(self, plan: Plan, state: State, validation: Validation | None) -> EarlyStopping | None:
        """What ends the training: the validation if early_stopping, else the training loss (not for L-BFGS)."""
        patience, tol = self.n_iter_no_change, self.tol
        if not self.early_stopping:
            return None if plan.optimizer.full_batch else EarlyStopping("loss", patience, tol, restore_best=False)
        assert validation is not None  # with early stopping, some samples are held out
        by_loss = self.early_stopping == "validation_loss"
        name = "validation_loss" if by_loss else "validation_score"
        baseline = validation(self.network_)[name] if state.history else None  # of a warm start
        return EarlyStopping(name, patience, tol, higher_is_better=not by_loss, baseline=baseline)

    def _fitted(self) -> Network:
        if "network_" not in self.__dict__:
            raise AttributeError(
                f"expected a fitted {type(self).__name__}, found one without coefs_ and intercepts_: call fit first"
            )
        return self.network_

    @property
    def loss_curve_(self) -> list[float]:
        """Cost of each epoch, penalties included."""
        return self._recorded("loss") or []

    def _recorded(self, name: str) -> list[float] | None:
        self._fitted()
        return self.history_.get(name)
