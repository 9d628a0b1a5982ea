"""Linear regression with scikit-learn's interface, by the exact solution or by any optimizer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from scipy import linalg, sparse
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from .. import engines
from ..arrays import Array, in_precision
from ..engines import Data, Engine
from ..engines.least_squares import least_squares as engine_least_squares
from ..engines.solution import Solution
from ..engines.threads import one_blas_thread, usable_threads
from ..equations.design import FULL_RANK
from ..errors import DataError, DeltaruleWarning, InvalidOption, ModelFileError, warn
from ..network import Network
from ..run import Run, State, Validation
from .base import store
from .base_linear import PLAIN_DESCENT
from .documentation import with_parameters
from .exact_solution import put, solve
from .inference import Refusal
from .linear_inference import LEAST, LinearInference, refuse_squares
from .measuring import MOST_WITH_ERRORS

EXACT_SOLVERS = ("auto", "exact")


@with_parameters
class LinearRegression(RegressorMixin, LinearInference):
    """Linear regression ``ŷ = X Wᵀ + b``, of one target or several.

    A drop-in replacement of ``sklearn.linear_model.LinearRegression``, which also learns by gradient descent, or by
    any other optimizer, and takes the penalties `alpha` (L2) and `l1`. ``solver="auto"`` is the exact solution, of
    smallest norm where there are several; it is Newton's method with `l1`, and with `alpha` for a sparse `X`. Of the
    optimizers that take steps only gradient descent takes `l1`; its steps are then proximal.

    Attributes
    ----------
    coef_ : (n_x,) or (n_L, n_x)
    intercept_ : float or (n_L,)
    solver_ : str
        The one that was used: "exact", or the name of an optimizer.
    rank_, singular_
        Of `X`, centered and weighted; only where the exact solution of a dense `X` was computed.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from deltarule import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True)
    >>> exact = LinearRegression().fit(X, y)
    >>> learned = LinearRegression(solver="gradient_descent", max_iter=20_000, tol=1e-9).fit(X, y)
    >>> bool(abs(exact.coef_ - learned.coef_).max() < 0.001)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LinearInference._parameter_constraints,
        "copy_X": ["boolean"],
        "positive": ["boolean"],
    }

    own_solvers: ClassVar[tuple[str, ...]] = (*EXACT_SOLVERS, "sgd")

    of_a_fit: ClassVar[tuple[str, ...]] = ("rank_", "_singular", "_sums", "_statistics", "_inference")

    documented: ClassVar[dict[str, str]] = {
        **LinearInference.documented,
        "solver": 'str\n    "auto", "exact", or the name of an optimizer of the register; "lbfgs" is\n'
        "    Newton's method where "
        'that is quicker, "lbfgs(memory=20)", with an option, L-BFGS itself; "sgd" has `momentum`. Weights begin at\n'
        "    zero; for adam, adamw and rmsprop the intercept at the mean of y.",
        "tol": "float\n    The gradient, in units of y, at which training ends; descent over all samples must\n"
        "    be within 5e-6 of the least cost too, or `tol` if that is smaller. With batches, improvements\n"
        "    of less do not count. The exact solution needs none.",
    }

    rank_: int
    _singular: Array
    _single: bool

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        positive: bool = False,
        solver: str = "auto",
        alpha: float = 0.0,
        l1: float = 0.0,
        standardize: bool = True,
        learning_rate: str = "constant",
        learning_rate_init: float | str = "auto",
        power_t: float = 0.5,
        max_iter: int = 1000,
        batch_size: int | str = "auto",
        shuffle: bool = True,
        random_state: Any = None,
        verbose: bool | int | str = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str | Callable[..., float] = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        callbacks: Sequence[Any] | None = None,
        engine: str = "auto",
    ) -> None:
        store(self, locals())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not self.positive
        tags.target_tags.multi_output = True
        return tags

    def _check_X_y(self, X: Any, y: Any, *, reset: bool, **options: Any) -> tuple[Array, Array]:
        kinds = False if self.positive else "csr"
        return super()._check_X_y(X, y, reset=reset, accept_sparse=kinds, y_numeric=True, **options)

    def _learn_target(self, y: Array, dtype: Any, *, fresh: bool, incremental: bool) -> Array:
        self._single = y.ndim == 1
        return super()._learn_target(y, dtype, fresh=fresh, incremental=incremental)

    def _encode(self, y: Array, dtype: Any) -> Array:
        return in_precision(np.asarray(y), dtype).reshape(len(y), -1)

    def _activation_and_loss(self, n_outputs: int) -> tuple[str, str]:
        del n_outputs
        return "identity", "squared_error"

    def _is_exact(self, X: Array) -> bool:
        fits = self.l1 == 0 and (self.alpha == 0 or not sparse.issparse(X))
        if self.positive and (self.l1 > 0 or self.solver not in EXACT_SOLVERS):
            raise InvalidOption(
                f"positive=True takes solver='auto' or 'exact' and l1=0, found {self.solver!r} and l1={self.l1}"
            )
        if self.solver == "exact" and not fits:
            raise InvalidOption(
                "solver='exact' takes no l1, and alpha only for a dense X, found otherwise", "use solver='auto'"
            )
        return self.solver in EXACT_SOLVERS and fits

    def _solver(self) -> str:
        return "lbfgs" if self.solver in EXACT_SOLVERS else self.solver

    def _unit(self, data: Data) -> float:
        y = data.y.astype(np.float64, copy=False)  # squares of float32 may be too large for it
        centered = y - np.average(y, axis=0, weights=data.w)
        return float(np.sqrt(np.average(np.square(centered), axis=0, weights=data.w).max())) or 1.0

    def _make_network(self, n_features: int, n_outputs: int, seed: int, dtype: Any) -> Network:
        self._is_fresh = True
        return super()._make_network(n_features, n_outputs, seed, dtype)

    def _start(self, data: Data) -> None:
        """Let the intercept of a new model begin at the mean of ``y``, where it belongs while all weights are zero.

        Only where steps have a length of their own, however far the way is: gradient descent and Newton's method are
        soon there from zero, where the lecture begins.
        """
        optimizer = self._make_optimizer()
        if optimizer.name not in PLAIN_DESCENT and not optimizer.full_batch:
            self.network_.b[1][...] = np.average(data.y.astype(np.float64, copy=False), axis=0, weights=data.w)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Sequence[Any] | None = None) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like or sparse matrix (m, n_x)
        y : (m,) or (m, n_L)
        sample_weight : (m,), optional
            A weight of zero is the same as leaving the sample out.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after each epoch; what early stopping looks at, instead of a part of the training data.

        Raises
        ------
        ValueError
            For data or parameters that cannot be used; for values that cease to be finite, with layer and step.
        """
        self._validate_params()
        if self.early_stopping and validation_data is None and self._is_exact(X):
            raise InvalidOption(
                "early_stopping needs a solver that takes steps, found the exact solution, which takes none",
                'choose a solver such as "gradient_descent", or leave early_stopping out',
            )
        return self._fit(X, y, sample_weight, validation_data)

    def _train_with(
        self,
        data: Data,
        validation: Validation | None,
        state: State,
        *,
        incremental: bool,
    ) -> Run | None:
        fresh = self.__dict__.pop("_is_fresh", False)
        if self._is_exact(data.X):
            self._train_exactly(data, validation, state)
            return None
        wrong = refuse_squares(data.y)
        if wrong is not None:
            raise DataError(wrong.message, wrong.hint)
        if fresh and self.fit_intercept:
            self._start(data)
        with one_blas_thread():
            run = super()._train_with(data, validation, state, incremental=incremental)
            self._infer_at_fit(data)
        return run

    def _train_exactly(self, data: Data, validation: Validation | None, state: State) -> None:
        """Put the optimum into the network, and say what training would have said."""
        if not data.total_weight > 0:
            raise DataError("expected at least one sample with a positive weight, found none")
        began = time.perf_counter()
        network = self.network_
        engine = engines.choose(self.engine, network, data.X)
        options = {"intercept": self.fit_intercept, "alpha": self.alpha, "n_jobs": self.n_jobs}
        found = None if self.positive else engine_least_squares(engine, data, **options)
        if found is None:
            cost, wrong = self._by_columns(data, engine)
        else:
            cost, wrong = found.cost, self._by_products(found, data)
        if self.alpha > 0:
            with np.errstate(over="ignore"):
                size = float(np.square(network.W[1], dtype=np.float64).sum())
            cost += 0.5 * self.alpha * size / data.total_weight
        elif found is not None:
            self.rank_ = found.W.shape[1]
        measured = {} if validation is None else validation(network)
        values = {"loss": cost, "seconds": time.perf_counter() - began, **measured}
        self._note_one_step(state, values, len(data), solver="exact", engine=engine.name)
        if wrong is not None:
            self._inference = wrong
            warn(f"{wrong.message}: the weights are right, the cost is not; {wrong.hint}", DeltaruleWarning)
        elif found is None or found.condition < FULL_RANK:
            with one_blas_thread():
                self._infer_at_fit(data)

    def _by_products(self, found: Solution, data: Data) -> Refusal | None:
        """Take what the engine has found from products of the columns; why there are no errors, if so."""
        put(self.network_.theta, found.W, found.b, self._named)
        spread = found.spread.tolist()
        self._keep(found.sums, len(data))
        mean, scale = found.columns
        self._warn_of_rounding(mean, scale, max(spread))
        return refuse_squares(data.y) if min(spread) < LEAST else None

    def _by_columns(self, data: Data, engine: Engine) -> tuple[float, Refusal | None]:
        """The same from the columns themselves, with the cost there."""
        with one_blas_thread(), np.errstate(over="ignore"):  # of squares of y, which are told
            W, b, found = solve(
                data, intercept=self.fit_intercept, alpha=self.alpha, positive=self.positive, tol=self.tol
            )
            if found is not None:
                self.rank_, self._singular = found.rank, found.singular
            put(self.network_.theta, W, b, self._named)
        if data.X.dtype == np.float32 and isinstance(data.X, np.ndarray):
            mean, scale = data.X.mean(axis=0, dtype=np.float64), data.X.std(axis=0, dtype=np.float64)
            self._warn_of_rounding(mean, scale, self._unit(data))
        cost = engine.cost(self.network_, data, threads=usable_threads(self.n_jobs))
        return cost, refuse_squares(data.y)

    @property
    def singular_(self) -> Array:
        """Singular values of `X`, centered and weighted, (min(m, n_x),), the largest first."""
        if "_singular" not in self.__dict__ and "_sums" in self.__dict__:
            self._singular = linalg.svdvals(self._sums().R, check_finite=False)
        if "_singular" not in self.__dict__:
            raise AttributeError(
                "there are singular values only of the exact solution for a dense X, from normal equations of at most "
                f"{MOST_WITH_ERRORS} columns"
            )
        return self._singular

    @property
    def coef_(self) -> Any:
        """Weights (n_x,), or (n_L, n_x) if `y` was a matrix: a view on the parameters of ``network_``."""
        W = self._fitted().W[1]
        return W[0] if self._single else W

    @coef_.setter
    def coef_(self, value: Any) -> None:
        self._fitted().W[1][...] = value

    @property
    def intercept_(self) -> Any:
        """Bias, a number, or (n_L,) if `y` was a matrix."""
        b = self._fitted().b[1]
        if not self._has_intercept and not b.any():
            return 0.0
        return b[0] if self._single else b

    @intercept_.setter
    def intercept_(self, value: Any) -> None:
        self._fitted().b[1][...] = value

    def predict(self, X: Any) -> Array:
        """Predictions (m,), or (m, n_L) if `y` was a matrix, for `X` (m, n_x)."""
        output = self._outputs(X)
        return output.ravel() if self._single else output

    def _own_fields(self) -> dict[str, Any]:
        singular = getattr(self, "singular_", None)
        return super()._own_fields() | {
            "single": self._single,
            "rank": getattr(self, "rank_", None),
            "singular": None if singular is None else [float(s) for s in singular],
        }

    def _restore_own_fields(self, fields: Any, arrays: Mapping[str, Array]) -> None:
        if not isinstance(fields, Mapping) or not {"single", "rank", "singular"} <= set(fields):
            raise ModelFileError("expected the fields single, rank, singular of its own, found others")
        own = ("single", "rank", "singular")
        super()._restore_own_fields({name: value for name, value in fields.items() if name not in own}, arrays)
        single, rank, singular = fields["single"], fields["rank"], fields["singular"]
        if type(single) is not bool or (single and self.network_.sizes[-1] != 1):
            raise ModelFileError(f"expected single to be true or false as the outputs say, found {str(single)[:80]}")
        self._single = single
        if rank is None and singular is None:
            return
        n = self.network_.n_features
        if singular is not None:  # of many columns there is only the rank
            numbers = isinstance(singular, list) and all(type(s) is float and 0 <= s < np.inf for s in singular)
            if not numbers or len(singular) > n:
                raise ModelFileError(f"expected at most {n} singular values of X, found {str(singular)[:80]}")
            n, self._singular = len(singular), np.array(singular)
        if type(rank) is not int or not 0 <= rank <= n:
            raise ModelFileError(f"expected the rank of X to be a whole number up to {n}, found {str(rank)[:80]}")
        self.rank_ = rank
