"""What all estimators share: a trained network behind scikit-learn's methods. No mathematics here.

After `fit`, an estimator holds ``network_`` (the architecture and its flat ``theta``) and ``history_`` (one value an
epoch); everything else a user sees, such as ``coefs_``, is read from these.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .. import engines
from ..arrays import FLOATS, Array, in_precision, is_plain
from ..callbacks import Callback, Printer, Progress
from ..engines import Data
from ..engines.threads import usable_threads
from ..equations import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from ..errors import DataError, ModelFileError, UnknownName, did_you_mean, warn
from ..network import Network
from ..run import Plan, Run, State, Validation
from ..training import train

FINEST_FIRST = FLOATS[::-1]
"""What other types become is the first of them."""

PLAIN_TYPES = (str, int, float, bool, type(None))
"""Types of parameters that do not change."""

NOT_CONVERGED = "{}: Maximum iterations ({}) reached and the optimization hasn't converged yet."


def store(estimator: Any, arguments: dict[str, Any]) -> None:
    """Keep the arguments of a constructor as attributes, unchanged, as scikit-learn wants it."""
    given = {name: value for name, value in arguments.items() if name not in ("self", "__class__")}
    vars(estimator).update(given)


@cache
def defaults(kind: type) -> dict[str, Any]:
    """Parameter of an estimator -> its default."""
    parameters = list(inspect.signature(kind).parameters.values())
    return {parameter.name: parameter.default for parameter in parameters}


def _check_parameter(kind: type[NetworkEstimator], name: str, value: Any) -> None:
    """Refuse a parameter of a wrong type or out of range."""
    validate_parameter_constraints(kind._parameter_constraints, {name: value}, caller_name=kind.__name__)


_check_plain = lru_cache(maxsize=256, typed=True)(_check_parameter)
"""The same of a value that is what it is: once it was right, it is."""


class Views(list[Array]):
    """A list of views on the parameters; assigning to an item writes into the network, not beside it."""

    def __setitem__(self, index: Any, value: Any) -> None:
        self[index][...] = value


class NetworkEstimator(BaseEstimator):
    """An estimator whose model is a `deltarule.Network`.

    Attributes
    ----------
    network_ : Network
        Architecture and parameters.
    history_ : dict
        Name -> list with one value an epoch: "loss", "learning_rate", "seconds", "validation_loss", ...
    n_iter_ : int
        Epochs of the last fit.
    """

    network_: Network
    history_: dict[str, list[float]]
    n_features_in_: int
    n_iter_: int
    loss_: float
    t_: int
    _state: State

    # what the model file asks of an estimator, see `persistence`

    def _own_fields(self) -> dict[str, Any]:
        """What only this kind of estimator has to remember, in JSON."""
        return {}

    own_solvers: ClassVar[tuple[str, ...]] = ("sgd",)
    """Solvers that are no optimizers of the register."""

    own_arrays: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that only this kind of estimator may have to remember."""

    def _own_arrays(self) -> dict[str, Array]:
        """Those of `own_arrays` that there are."""
        return {}

    def _restore_own_fields(self, fields: Any, arrays: Mapping[str, Array]) -> None:
        """Undo `_own_fields` and `_own_arrays`, trusting nothing."""
        del arrays
        if fields != {}:
            raise ModelFileError(f"expected no fields of its own, found {str(fields)[:80]}")

    def _refuses_network(self) -> str | None:
        """``None`` if ``network_`` is of the kind this estimator makes, else the reason why not."""
        return None

    def _validate_params(self) -> None:
        """Refuse parameters of a wrong type or out of range; the defaults are neither."""
        kind: Any = type(self)
        given = {name: value for name, usual in defaults(kind).items() if (value := getattr(self, name)) is not usual}
        for name, value in given.items():
            check = _check_plain if isinstance(value, PLAIN_TYPES) else _check_parameter
            check(kind, name, value)

    def _check_choices(self) -> None:
        """Refuse parameters that name what no register knows."""
        self._make_optimizer()
        self._make_schedule()
        engines.choose(self.engine, self.network_)

    def _set_n_iter(self, n_iter: int) -> None:
        self.n_iter_ = n_iter

    # from parameters to a plan

    def _solver(self) -> str:
        """Name of an optimizer of the register, or "sgd"."""
        return self.solver

    def _make_optimizer(self) -> Optimizer:
        text = self._solver()
        if text == "sgd":
            text = "nesterov" if self.nesterovs_momentum else "momentum"
            text = text if self.momentum > 0 else "gradient_descent"
        try:
            chosen = OPTIMIZERS.choose(text)
        except UnknownName:
            names = [*dict.fromkeys([*self.own_solvers, *OPTIMIZERS])]
            hint = did_you_mean(text.lower(), names)
            raise UnknownName(f"expected a solver out of {', '.join(names)}, found {self.solver!r}", hint) from None
        named = {"mu": self.momentum, "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        own = {name: value for name, value in named.items() if name in chosen.defaults and name not in chosen.asked}
        return chosen.configured(**own)

    def _make_schedule(self) -> Schedule:
        chosen = SCHEDULES.choose(self.learning_rate)
        own = {"power": self.power_t} if "power" in chosen.defaults and "power" not in chosen.asked else {}
        return chosen.configured(**own)

    def _check_X_y(self, X: Any, y: Any, *, reset: bool, **options: Any) -> tuple[Array, Array]:
        """`X` (m, n) as C-ordered dense or CSR array in float32 or float64, and `y` as it is."""
        usual = {"accept_sparse": "csr", "multi_output": True, "dtype": FINEST_FIRST, "order": "C"} | options
        if _passes(X, usual) and is_plain(y, ndim=1, kinds="fiub") and len(X) == len(y):
            if reset:
                self.__dict__.pop("feature_names_in_", None)
                self.n_features_in_ = X.shape[1]
            if self._knows(X):
                return X, y
        if sparse.issparse(y) and (not is_classifier(self) or y.shape[1] == 1):  # classes may be an indicator matrix
            raise DataError(f"expected y as an array, found a sparse matrix of shape {y.shape}", "pass y.toarray()")
        X, y = validate_data(self, X, y, reset=reset, **usual)
        if y.dtype.kind == "f" and not sparse.issparse(y) and not np.isfinite(y).all():  # of objects, unseen as yet
            raise DataError(f"expected finite numbers of {y.dtype} in y, found NaN or infinity")
        return X if sparse.issparse(X) else np.require(X, requirements="A"), y

    def _knows(self, X: Array) -> bool:
        """Whether the model was fitted to as many columns, without names."""
        return X.shape[1] == self.n_features_in_ and "feature_names_in_" not in self.__dict__

    def _check_X(self, X: Any) -> Array:
        """`X` (m, n) as dense or CSR array in the precision of the network."""
        check_is_fitted(self, "network_")
        options = {"dtype": FINEST_FIRST, "order": "C"}
        if not (_passes(X, options) and self._knows(X)):
            X = validate_data(self, X, accept_sparse="csr", reset=False, **options)
        return self._in_its_precision(X)

    def _in_its_precision(self, X: Any) -> Any:
        """`X`, dense or CSR, in the type of the weights, which must be able to hold it."""
        dtype = self.network_.theta.dtype
        with np.errstate(over="ignore"):
            found = X.astype(dtype, copy=False)
        if found is not X and not engines.all_finite(found.data if sparse.issparse(found) else found):
            raise DataError(
                f"expected numbers in X that {dtype} can hold, in which the model was trained, found larger ones",
                "scale X, or train in float64",
            )
        return found

    def _outputs(self, X: Any) -> Array:
        """``ŷ`` (m, n_L) for anything array-like (m, n)."""
        X = self._check_X(X)
        engine = engines.choose(self.engine, self.network_, X)
        return engine.predict(self.network_, X, threads=usable_threads(self.n_jobs))

    def _seeds(self) -> tuple[int, int, int]:
        """Three seeds out of ``random_state``: for the weights, the split, and the epochs."""
        init, split, order = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=3)
        return int(init), int(split), int(order)

    def _watchers(self) -> list[Callback]:
        """The callback that ``verbose`` asks for, if any."""
        if self.verbose == "progress":
            return [Progress(type(self).__name__)]
        return [Printer()] if self.verbose else []

    def _own_callbacks(self) -> list[Any]:
        """Those of the user."""
        return [] if self.callbacks is None else list(self.callbacks)

    def _train(
        self,
        data: Data,
        plan: Plan,
        state: State,
        *,
        epochs: int | None = None,
        callbacks: Sequence[Callback] = (),
        validation: Validation | None = None,
    ) -> Run:
        """Train ``network_`` in place and keep the history."""
        watchers = [*callbacks, *self._own_callbacks(), *self._watchers()]
        run = train(
            self.network_,
            data,
            plan,
            state=state,
            epochs=epochs,
            engine=self.engine,
            callbacks=watchers,
            validation=validation,
        )
        self.history_ = run.history
        self.engine_ = run.engine.name
        self.n_iter_ = run.epoch if epochs is None else epochs
        self.loss_ = run.history.get("loss", [float("nan")])[-1]  # interrupted in the first epoch: none is known
        judged = plan.columns is not None and plan.batch_size >= len(data)  # by the optimum, not by the end of a plan
        planned = (plan.schedule.fixed_length and not judged) or run.interrupted or run.failure
        if epochs is None and not run.converged and not planned:
            warn(self._stuck(run) if run.stuck else self._not_converged(plan), ConvergenceWarning)
        return run

    def _stuck(self, run: Run) -> str:
        """What to say when it ended away from the optimum, whatever is left of the epochs."""
        return (
            f"{self.solver} failed to converge: {run.stopped} Yet that is not its optimum: scale the columns of X to "
            "about unit size, pass float64, or penalize"
        )

    def _not_converged(self, plan: Plan) -> str:
        """What to say when epochs have been used up."""
        who = f"{self.solver} failed to converge" if plan.optimizer.full_batch else "Stochastic Optimizer"
        return NOT_CONVERGED.format(who, plan.epochs)

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one safe file (safetensors, no pickle); `deltarule.load` reads it.

        Raises
        ------
        OutputError
            If the file cannot be written; a file that was there is then untouched.
        """
        from .persistence import save

        save(self, path)

    def _bare(self) -> Self:
        """A copy that shares the network and takes plain arrays without a word about column names."""
        bare = copy.copy(self)
        bare.__dict__.pop("feature_names_in_", None)
        return bare


def _passes(X: Any, options: Mapping[str, Any]) -> bool:
    """Whether `X` would come out of scikit-learn's checks as it is; they take longer than a small fit."""
    asked = options["dtype"]
    if not is_plain(X, ndim=2) or X.dtype not in (asked if isinstance(asked, tuple) else (np.dtype(asked),)):
        return False
    return options["order"] != "C" or bool(X.flags.c_contiguous)


def check_weights(sample_weight: Any, X: Array) -> Array | None:
    """Sample weights (m,) in the precision of `X`, finite and not negative; None stays None."""
    if sample_weight is None:
        return None
    if is_plain(sample_weight, ndim=1) and sample_weight.shape == X.shape[:1] and sample_weight.flags.c_contiguous:
        w = in_precision(sample_weight, X.dtype)
        if w.min() >= 0 and 0 < w.max() < np.inf:
            return _summable(w)
    return _summable(_check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True))


def _summable(w: Array) -> Array:
    with np.errstate(over="ignore"):
        total = w.sum(dtype=np.float64)
    if not total < np.inf:
        raise DataError("expected sample weights whose sum is a number, found larger ones", "divide them by their mean")
    if not total > 0:  # which scikit-learn tells from 1.9 on
        raise DataError("expected a sample weight above zero, found none")
    return w
