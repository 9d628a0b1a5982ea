"""Logistic regression with scikit-learn's interface: one sigmoid unit for two classes, softmax for more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array
from ..engines import Data
from ..engines.threads import one_blas_thread
from ..equations import dense
from ..errors import DataError, InvalidOption, warn
from ..run import Plan, Run, State, Validation
from .base import store
from .classes import ClassTargets
from .documentation import with_parameters
from .logistic_inference import LogisticInference

OPTIMAL = ("auto", "lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")
"""Solvers that ask for the optimum of the cost: scikit-learn's, and the name that means no more than that."""

SKLEARN_NOT_CONVERGED = {
    "newton-cg": "newton-cg failed to converge at loss = {loss}. Increase the number of iterations.",
    "liblinear": "Liblinear failed to converge, increase the number of iterations.",
    "newton-cholesky": "Newton solver did not converge after {epochs} iterations.",
    "sag": "The max_iter was reached which means the coef_ did not converge",
    "saga": "The max_iter was reached which means the coef_ did not converge",
}
"""What scikit-learn says for each of its solvers, as programs may look for it."""

PENALTY_DEPRECATED = (
    "'penalty' was deprecated in version 1.8 of scikit-learn. Use l1_ratio=0 instead of penalty='l2', l1_ratio=1 "
    "instead of penalty='l1', l1_ratio between 0 and 1 instead of penalty='elasticnet', and C=np.inf instead of "
    "penalty=None."
)


@with_parameters
class LogisticRegression(ClassifierMixin, ClassTargets, LogisticInference):
    """Logistic regression: ``P(y = 1 | X) = σ(X Wᵀ + b)``, and with softmax in place of σ for more than two classes.

    A drop-in replacement of ``sklearn.linear_model.LogisticRegression``: it minimizes ``C Σ L + ½ ‖W‖²``, or with
    `l1_ratio` the elastic net. The solvers of scikit-learn all lead to the optimum of that cost and are one here:
    Newton's method, or L-BFGS where there are many parameters and no L1 penalty. Any optimizer of the register, with
    minibatches or without, walks there by gradient descent; with an L1 penalty, only "gradient_descent" does.

    Attributes
    ----------
    classes_ : (K,)
    coef_ : (1, n_x) or (K, n_x)
    intercept_ : (1,) or (K,)
    n_iter_ : (1,)
    solver_ : str
        The one that was used: the name of an optimizer, such as "newton", or "firth".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deltarule import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> round(LogisticRegression().fit(X, y).score(X, y), 2)
    0.97
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: rule for name, rule in LogisticInference._parameter_constraints.items() if name not in ("alpha", "l1")
        },
        "penalty": [StrOptions({"l1", "l2", "elasticnet", "deprecated"}), None],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    own_solvers: ClassVar[tuple[str, ...]] = (*OPTIMAL, "firth", "sgd")

    of_a_fit: ClassVar[tuple[str, ...]] = ("_sparse", "_likelihood", "_statistics", "_inference", "_apart")

    documented: ClassVar[dict[str, str]] = {
        **LogisticInference.documented,
        "solver": "str\n    \"auto\" or one of scikit-learn's, which all lead to the optimum, by Newton's method\n"
        "    or L-BFGS;"
        ' "lbfgs(memory=20)", with an option, is L-BFGS itself; "firth", Firth\'s penalized likelihood for two\n'
        "    classes, which takes no other penalty; or the name of an optimizer.",
        "tol": "float\n    The gradient at which training ends; descent over all samples must be within\n"
        "    5e-6 of the least cost too, or `tol` if that is smaller. With batches, improvements of less do not count.",
    }

    n_iter_: Any

    def __init__(
        self,
        penalty: str | None = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        verbose: bool | int | str = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
        standardize: bool = True,
        learning_rate: str = "constant",
        learning_rate_init: float | str = "auto",
        power_t: float = 0.5,
        batch_size: int | str = "auto",
        shuffle: bool = True,
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
        tags.classifier_tags.multi_label = False
        tags.classifier_tags.multi_class = self.solver not in ("liblinear", "firth")
        return tags

    @property
    def largest_loss_curvature(self) -> float:  # type: ignore[override]
        """``σ' <= 1/4``; no eigenvalue of the derivative of softmax is above 1/2."""
        return 0.25 if self.network_.sizes[-1] == 1 else 0.5

    @property
    def loss_curvature_at_zero(self) -> float:  # type: ignore[override]
        """``p (1 - p)`` where all classes are equally likely."""
        n_classes = max(2, self.network_.sizes[-1])
        return (1 - 1 / n_classes) / n_classes

    def _check_X_y(self, X: Any, y: Any, *, reset: bool, **options: Any) -> tuple[Array, Array]:
        if self.solver == "liblinear":  # which scikit-learn has in float64 alone
            options |= {"dtype": np.float64}
        return super()._check_X_y(X, y, reset=reset, multi_output=False, **options)

    def _not_converged(self, plan: Plan) -> str:
        text = SKLEARN_NOT_CONVERGED.get(self.solver)
        return text.format(loss=self.loss_, epochs=plan.epochs) if text else super()._not_converged(plan)

    def _activation_and_loss(self, n_outputs: int) -> tuple[str, str]:
        if n_outputs == 1:
            return "sigmoid", "binary_cross_entropy"  # lecture: 2
        return "softmax", "categorical_cross_entropy"

    def _refuses_network(self) -> str | None:
        return LogisticInference._refuses_network(self)  # not what other classifiers may have

    # the cost

    def _ratio(self) -> float | None:
        """Share of L1 in the penalty; None for no penalty."""
        if self.penalty == "deprecated":
            return None if np.inf == self.C else float(self.l1_ratio or 0)
        if self.penalty is None:
            return None
        return {"l2": 0.0, "l1": 1.0}[self.penalty] if self.penalty != "elasticnet" else float(self.l1_ratio or 0)

    def _penalties(self) -> dict[str, float]:
        ratio = self._ratio()
        if ratio is None or self.solver == "firth":
            return {}
        return {name: part / self.C for name, part in (("l2", 1 - ratio), ("l1", ratio)) if part > 0}

    def _solver(self) -> str:
        return "lbfgs" if self.solver in (*OPTIMAL, "firth") else self.solver

    def _check_choices(self) -> None:
        super()._check_choices()
        self._check_penalty()

    def _check_penalty(self) -> None:
        """Refuse a penalty that the solver does not take."""
        ratio, solver = self._ratio(), self.solver
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise InvalidOption("l1_ratio must be specified when penalty is elasticnet.")
        if self.dual and solver != "liblinear":
            raise InvalidOption(f"Solver {solver} supports only dual=False, got dual={self.dual}")
        if solver == "firth" and (self.C not in (1.0, np.inf) or ratio):
            raise InvalidOption(
                f"expected no other penalty with solver='firth', found C={self.C:g}, l1_ratio={self.l1_ratio}",
                "leave them out",
            )
        if solver not in OPTIMAL or solver in ("auto", "saga"):
            return
        name = "elasticnet" if ratio not in (None, 0, 1) else "l1"
        if solver != "liblinear" and ratio:
            raise InvalidOption(
                f"Solver {solver} supports only 'l2' or None penalties, got {name} penalty.", "use solver='saga'"
            )
        if name == "elasticnet":
            raise InvalidOption(f"Only 'saga' solver supports elasticnet penalty, got solver={solver}.")
        if solver == "liblinear" and ratio is None:
            raise InvalidOption("C=np.inf as well as penalty=None is not supported for the liblinear solver")
        if solver == "liblinear" and len(self.classes_) > 2:
            raise InvalidOption(
                "Only binary classification is supported. The 'liblinear' solver does not support multiclass "
                "classification (n_classes >= 3). Either use another solver or wrap the estimator in a "
                "OneVsRestClassifier to keep applying a one-versus-rest scheme."
            )

    def _warn_of_deprecations(self) -> None:
        if self.penalty != "deprecated":
            warn(PENALTY_DEPRECATED, FutureWarning)
            if self.penalty is None and self.C != 1.0:
                warn("Setting penalty=None will ignore the C and l1_ratio parameters")
            if self.penalty != "elasticnet" and self.l1_ratio is not None and 0 < self.l1_ratio < 1:
                text = "l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={})"
                warn(text.format(self.penalty))
            if self.penalty in ("l1", "l2") and self.l1_ratio != (self.penalty == "l1"):
                warn(
                    f"Inconsistent values: penalty={self.penalty} with l1_ratio={self.l1_ratio}. penalty is "
                    "deprecated. Please use l1_ratio only."
                )
        elif self.l1_ratio is None:
            warn(
                "'l1_ratio=None' was deprecated in version 1.8 of scikit-learn. Use 0<=l1_ratio<=1 instead.",
                FutureWarning,
            )

    def _intercept_scaling(self) -> float:
        return float(self.intercept_scaling) if self.solver == "liblinear" and self.fit_intercept else np.inf

    def _optimal(self) -> tuple[str, ...]:
        return OPTIMAL

    # training

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Sequence[Any] | None = None) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like or sparse matrix (m, n_x)
        y : (m,) labels
        sample_weight : (m,), optional
            A weight of zero is the same as leaving the sample out, but for its class, which stays known.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after each epoch; what early stopping looks at, instead of a part of the training data.

        Raises
        ------
        ValueError
            For data or parameters that cannot be used; for values that cease to be finite, with layer and step.
        """
        self._validate_params()
        self._warn_of_deprecations()
        return self._fit(X, y, sample_weight, validation_data)

    def _train_with(
        self,
        data: Data,
        validation: Validation | None,
        state: State,
        *,
        incremental: bool,
    ) -> Run | None:
        self._check_penalty()
        if data.w is not None and not (data.y != data.y[0]).any():
            raise DataError("expected samples of two classes or more with a positive weight, found one class alone")
        with one_blas_thread(len(data), self.network_.n_parameters):
            if self.solver == "firth":
                self._check_choices()  # which others make use of
                self._train_firth(data, validation, state)
                return None
            run = super()._train_with(data, validation, state, incremental=incremental)
            network = self.network_
            if network.sizes[-1] > 1:  # softmax is the same for all Z + constant: take the solution of smallest norm
                network.b[1][...] -= network.b[1].mean()
                if not self._penalties():
                    network.W[1][...] -= network.W[1].mean(axis=0)
            self._set_n_iter(int(self.n_iter_))
            if run is not None:
                self._learn_errors(data, run)
        return run

    def _set_n_iter(self, n_iter: int) -> None:
        self.n_iter_ = np.array([n_iter], dtype=np.int32)

    # prediction

    def decision_function(self, X: Any) -> Array:
        """``Z = X Wᵀ + b``: (m,) for two classes, above 0 for the second; (m, K) for more."""
        X = self._check_X(X)
        Z = dense.linear(X, self.network_.W[1], self.network_.b[1])
        return Z.ravel() if Z.shape[1] == 1 else Z

    def predict(self, X: Any) -> Array:
        """Labels (m,) for `X` (m, n_x)."""
        Z = self.decision_function(X)
        return self.classes_[(Z > 0).astype(int) if Z.ndim == 1 else Z.argmax(axis=1)]

    @property
    def coef_(self) -> Any:
        """Weights (1, n_x) or (K, n_x): a view on the parameters of ``network_``, or a sparse copy after `sparsify`."""
        W = self._fitted().W[1]
        return sparse.csr_matrix(W) if getattr(self, "_sparse", False) else W

    @coef_.setter
    def coef_(self, value: Any) -> None:
        self._fitted().W[1][...] = value.toarray() if sparse.issparse(value) else value

    def sparsify(self) -> Self:
        """Show ``coef_`` as a sparse matrix."""
        check_is_fitted(self, "network_")
        self._sparse = True
        return self

    def densify(self) -> Self:
        """Show ``coef_`` as an array again."""
        check_is_fitted(self, "network_")
        self._sparse = False
        return self

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Set the callbacks, as the parameter of that name does."""
        self.callbacks = list(callbacks) or None
        return self
