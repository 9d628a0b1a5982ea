"""LinearRegression: the exact solution, and every other way to it."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.linear_model
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.estimator_checks import parametrize_with_checks

import deltarule
from deltarule import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, model_file
from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, ModelFileError
from deltarule.estimators import persistence
from deltarule.estimators.base import defaults

X, y = load_diabetes(return_X_y=True)
Y = np.c_[y, np.log(y)]
RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(0, 4, len(y))
PATIENT = {"tol": 0, "n_iter_no_change": np.inf}


@parametrize_with_checks(
    [
        LinearRegression(),
        LinearRegression(positive=True),
        LinearRegression(solver="gradient_descent", max_iter=50),
        LinearRegression(solver="adam", max_iter=50, fit_intercept=False),
        LinearRegression(solver="lbfgs", alpha=0.5),
        LinearRegression(l1=0.5),
        LinearRegression(solver="lbfgs", l1=0.01),
        LinearRegression(solver="gradient_descent", l1=0.01, max_iter=50),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def independent(X, y, w=None, ridge=0.0):
    """The solution by the normal equations of the augmented matrix."""
    A = np.c_[X, np.ones(len(X))]
    D = np.diag(np.ones(len(X)) if w is None else w.astype(float))
    R = ridge * np.eye(A.shape[1])
    R[-1, -1] = 0
    solution = np.linalg.solve(A.T @ D @ A + R, A.T @ D @ y)
    return solution[:-1].T, solution[-1]


@pytest.mark.parametrize("target", [y, Y, y[:, None]], ids=["one", "two", "column"])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_exact_solution_is_that_of_scikit_learn(target, weights, intercept):
    ours = LinearRegression(fit_intercept=intercept).fit(X, target, weights)
    theirs = sklearn.linear_model.LinearRegression(fit_intercept=intercept).fit(X, target, weights)
    for name in ("coef_", "intercept_", "rank_"):
        found, expected = np.asarray(getattr(ours, name)), np.asarray(getattr(theirs, name))
        assert found.shape == expected.shape
        assert_allclose(found, expected, rtol=1e-9)
    assert_allclose(ours.singular_[: ours.rank_], theirs.singular_[: ours.rank_], rtol=1e-9)
    assert ours.predict(X).shape == theirs.predict(X).shape
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("solver", "max_iter", "rtol"),
    [("gradient_descent", 3000, 1e-8), ("momentum", 600, 1e-8), ("nesterov", 600, 1e-8), ("lbfgs", 100, 1e-9)],
)
def test_descent_reaches_the_exact_solution(solver, max_iter, rtol):
    Z = X[:, [0, 1, 2, 3, 6]]  # without the columns that say nearly the same, for which it takes ten times as long
    W, b = independent(Z, y, WEIGHTS)
    model = LinearRegression(solver=solver, max_iter=max_iter, **PATIENT).fit(Z, y, WEIGHTS)
    assert_allclose(model.coef_, W, rtol=rtol, atol=rtol * np.abs(W).max())
    assert_allclose(model.intercept_, b, rtol=rtol)
    assert np.all(np.diff(model.loss_curve_) < 1e-8) or solver != "gradient_descent"


def test_plain_gradient_descent_is_the_lectures():
    Z = StandardScaler().fit_transform(X)
    model = LinearRegression(solver="gradient_descent", standardize=False, learning_rate_init=0.1, max_iter=3).fit(Z, y)
    W, b = np.zeros(10), 0.0
    for _ in range(3):
        dZ = (Z @ W + b - y) / len(y)
        W, b = W - 0.1 * dZ @ Z, b - 0.1 * dZ.sum()
    assert_allclose(model.coef_, W, rtol=1e-12)
    assert_allclose(model.intercept_, b, rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("shift", [0.0, 1e4, -1e7])
@pytest.mark.parametrize("target", [y, Y], ids=["one", "two"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_steps_of_any_length_of_their_own_arrive_however_far_the_target_is(solver, shift, target, weights):
    Z = X[:, [0, 1, 2, 3, 6]]
    exact = LinearRegression().fit(Z, target + shift, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LinearRegression(solver=solver).fit(Z, target + shift, weights)
    assert_allclose(model.predict(Z), exact.predict(Z), atol=0.02 * target.std())


def test_only_a_new_intercept_begins_at_the_mean():
    options = {"max_iter": 1, "learning_rate_init": 1e-3, "standardize": False}
    adam = LinearRegression(solver="adam", warm_start=True, **options).fit(X, y + 1e4)
    assert adam.intercept_ == pytest.approx(y.mean() + 1e4, abs=0.01)
    adam.coef_, adam.intercept_ = np.zeros(10), 0.0  # a start that was asked for
    assert abs(adam.fit(X, y + 1e4).intercept_) < 0.01
    assert LinearRegression(solver="adam", fit_intercept=False, **options).fit(X, y + 1e4).intercept_ == 0
    descent = LinearRegression(solver="gradient_descent", **options).fit(X, y + 1e4)
    assert descent.intercept_ == pytest.approx(1e-3 * (y.mean() + 1e4))  # a step from zero, as in the lecture


def test_minibatches_come_close():
    exact = LinearRegression().fit(X, y)
    model = LinearRegression(solver="sgd", batch_size=64, learning_rate="cosine", max_iter=200, random_state=0).fit(
        X, y
    )
    assert model.score(X, y) > exact.score(X, y) - 0.01
    adam = LinearRegression(solver="adam", max_iter=2000, **PATIENT).fit(X, y)
    assert adam.score(X, y) > exact.score(X, y) - 0.01
    sparse_model = LinearRegression(solver="sgd", batch_size=64, random_state=0, max_iter=200)
    sparse_model.fit(sparse.csr_matrix(X), y, WEIGHTS)
    assert sparse_model.score(X, y) > exact.score(X, y) - 0.05


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_ridge_is_exact_too(weights):
    W, b = independent(X, Y, weights, ridge=3.0)
    for model in (
        LinearRegression(alpha=3.0),
        LinearRegression(alpha=3.0, solver="exact"),
        LinearRegression(alpha=3.0, solver="lbfgs", tol=1e-12),
    ):
        model.fit(X, Y, weights)
        assert_allclose(model.coef_, W, rtol=1e-7)
        assert_allclose(model.intercept_, b, rtol=1e-7)
    total = len(y) if weights is None else weights.sum()
    r = (X @ W.T + b - Y) * np.sqrt(1 if weights is None else weights)[..., None]
    assert_allclose(
        LinearRegression(alpha=3.0).fit(X, Y, weights).loss_, 0.5 * ((r**2).sum() + 3 * (W**2).sum()) / total
    )


def test_l1_is_the_lasso():
    theirs = sklearn.linear_model.Lasso(alpha=0.5, tol=1e-12, max_iter=100000).fit(X, y)
    ours = LinearRegression(l1=0.5 * len(y)).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


def test_positive_coefficients():
    theirs = sklearn.linear_model.LinearRegression(positive=True).fit(X, Y)
    ours = LinearRegression(positive=True).fit(X, Y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-9)
    assert_allclose(ours.intercept_, theirs.intercept_)
    assert (ours.coef_ >= 0).all()
    for wrong in ({"solver": "adam"}, {"l1": 1.0}):
        with pytest.raises(InvalidOption, match="positive"):
            LinearRegression(positive=True, **wrong).fit(X, y)
    with pytest.raises(InvalidOption, match="exact"):
        LinearRegression(solver="exact", l1=1.0).fit(X, y)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("intercept", [True, False])
def test_sparse(kind, weights, intercept):
    S = X * (np.abs(X) > 0.02) * 10.0 ** np.arange(-5, 5)
    options = {"fit_intercept": intercept}
    dense = LinearRegression(**options).fit(S, Y, weights)
    model = LinearRegression(**options).fit(kind(S), Y, weights)
    assert_allclose(model.predict(kind(S)), dense.predict(S), rtol=1e-6, atol=1e-5)
    assert_allclose(model.coef_, dense.coef_, rtol=1e-6)
    assert not hasattr(model, "rank_")
    ridge = LinearRegression(alpha=0.5, tol=1e-12, **options).fit(kind(S), y, weights)
    exact = LinearRegression(alpha=0.5, **options).fit(S, y, weights)
    assert_allclose(ridge.predict(S), exact.predict(S), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("weights", [None, "random"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", ["wide", "collinear", "dummies"])
def test_sparse_solutions_have_the_smallest_norm_too(shape, intercept, weights):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(8, 20) if shape == "wide" else (60, 4))
    A = A * (rng.random(A.shape) < 0.7) * np.logspace(0, 3, A.shape[1])
    if shape == "collinear":
        A = np.hstack([A, 0.1 * A[:, :3], A[:, :1] + A[:, 1:2]])
    if shape == "dummies":
        A = np.hstack([A, np.eye(3)[rng.choice(3, 60, p=[0.7, 0.2, 0.1])]])
    t = rng.normal(size=len(A))
    w = None if weights is None else rng.uniform(0.5, 2, len(A))
    dense = LinearRegression(fit_intercept=intercept).fit(A, t, w)
    found = LinearRegression(fit_intercept=intercept).fit(sparse.csr_matrix(A), t, w)
    assert_allclose(found.coef_, dense.coef_, rtol=1e-6, atol=1e-8 * np.abs(dense.coef_).max())
    assert_allclose(found.predict(A), dense.predict(A), rtol=1e-7, atol=1e-8)


def test_weights_whose_sum_is_no_number_are_refused():
    for model in (LinearRegression(), LinearRegression(solver="gradient_descent"), MLPRegressor("squared_error", (2,))):
        with pytest.raises(DataError, match="whose sum is a number"):
            model.fit(X[:60], y[:60], np.full(60, 3e306))


def test_wide_and_collinear_give_the_smallest_norm():
    A = np.random.default_rng(1).normal(size=(8, 20))
    b = np.random.default_rng(1).normal(size=8)
    wide = LinearRegression(fit_intercept=False).fit(A, b)
    assert_allclose(wide.coef_, np.linalg.pinv(A) @ b, atol=1e-12)
    assert wide.rank_ == 8
    twice = LinearRegression().fit(np.c_[X, X[:, :1]], y)
    assert twice.rank_ == 10
    assert_allclose(twice.coef_[0], twice.coef_[-1], rtol=1e-8)
    assert_allclose(twice.predict(np.c_[X, X[:, :1]]), LinearRegression().fit(X, y).predict(X), rtol=1e-9)
    for solver in ("lbfgs", "gradient_descent"):
        again = LinearRegression(solver=solver, tol=1e-9).fit(np.c_[X, X[:, :1]], y)
        assert_allclose(again.coef_[0], again.coef_[-1], rtol=1e-6)


@pytest.mark.parametrize("solver", ["exact", "lbfgs", "gradient_descent"])
def test_a_weight_is_a_number_of_copies(solver):
    options = {"solver": solver, "max_iter": 200}
    weighted = LinearRegression(**options).fit(X, y, WEIGHTS)
    repeated = LinearRegression(**options).fit(np.repeat(X, WEIGHTS, axis=0), np.repeat(y, WEIGHTS))
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-7, atol=1e-6)


def test_precision_is_kept():
    for solver in ("exact", "lbfgs", "adam"):
        model = LinearRegression(solver=solver, max_iter=20).fit(X.astype(np.float32), y.astype(np.float32))
        assert model.coef_.dtype == np.float32
        assert model.predict(X.astype(np.float32)).dtype == np.float32
        assert model.intercept_.dtype == np.float32


def test_frames_pipelines_and_searches():
    columns = [f"c{i}" for i in range(10)]
    expected = LinearRegression().fit(X, y).predict(X)
    for frame in (pd.DataFrame(X, columns=columns), pl.DataFrame(X, schema=columns)):
        model = LinearRegression().fit(frame, y)
        assert model.feature_names_in_.tolist() == columns
        assert_allclose(model.predict(frame), expected, rtol=1e-12)
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).set_output(transform="pandas")
    assert_allclose(
        pipeline.fit(pd.DataFrame(X, columns=columns), y).predict(pd.DataFrame(X, columns=columns)), expected
    )
    search = GridSearchCV(LinearRegression(), {"alpha": [0.0, 0.1, 100.0]}).fit(X, y)
    assert search.best_params_["alpha"] != 100.0
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(frame), model.predict(frame))
    assert clone(model).get_params() == model.get_params()


def test_warm_start_and_validation():
    model = LinearRegression(solver="gradient_descent", max_iter=5, warm_start=True).fit(X, y)
    first = model.loss_
    assert model.fit(X, y).loss_ < first
    assert len(model.loss_curve_) == 10
    stopped = LinearRegression(solver="nesterov", early_stopping=True, max_iter=300, random_state=0).fit(X, y)
    assert len(stopped.history_["validation_score"]) == stopped.n_iter_
    exact = LinearRegression().fit(X, y, validation_data=(X[:50], y[:50]))
    assert_allclose(exact.history_["validation_score"], exact.score(X[:50], y[:50]))
    assert exact.n_iter_ == 1


def test_the_parameters_can_be_assigned():
    model = LinearRegression().fit(X, y)
    model.coef_ = np.arange(10.0)
    model.intercept_ = 3.0
    assert_allclose(model.predict(X), X @ np.arange(10.0) + 3)


@pytest.mark.parametrize("solver", ["adam", "gradient_descent", "lbfgs"])
def test_any_engine_takes_the_steps(monkeypatch, solver):
    from deltarule import engines

    class Other(type(engines.ENGINES["reference"])):
        name, called = "other", 0

        def cost_and_gradient(self, *args, **options):
            self.called += 1
            return super().cost_and_gradient(*args, **options)

    other = Other()
    monkeypatch.setitem(engines.ENGINES, "other", other)
    model = LinearRegression(solver=solver, engine="other", max_iter=50).fit(X, y)
    assert_array_equal(model.coef_, LinearRegression(solver=solver, engine="reference", max_iter=50).fit(X, y).coef_)
    assert model.engine_ == "other"
    assert other.called > 1


@pytest.mark.parametrize("target", [y, Y], ids=["one", "two"])
@pytest.mark.parametrize("options", [{}, {"solver": "lbfgs"}, {"fit_intercept": False}])
def test_the_file(tmp_path, target, options):
    model = LinearRegression(**options).fit(X, target)
    model.save(tmp_path / "model")
    document, arrays = model_file.read(tmp_path / "model", kind="model")
    loaded = persistence.from_document(document["estimator"], arrays)
    assert_array_equal(loaded.predict(X), model.predict(X), strict=True)
    assert_array_equal(loaded.coef_, model.coef_, strict=True)
    assert hasattr(loaded, "rank_") == hasattr(model, "rank_")
    if hasattr(model, "rank_"):
        assert loaded.rank_ == model.rank_
        assert_array_equal(loaded.singular_, model.singular_)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


@pytest.mark.parametrize("m", [200, 3000])
@pytest.mark.parametrize("n", [1, 70, 520])  # of more than 500 columns no sums of squares are kept
def test_a_file_of_many_columns(m, n, tmp_path):
    X = np.random.default_rng(0).normal(size=(m, n))
    model = LinearRegression().fit(X, X[:, 0])
    model.save(tmp_path / "model")
    loaded = deltarule.load(tmp_path / "model")
    assert loaded.rank_ == model.rank_ == min(m - 1, n)
    assert hasattr(loaded, "singular_") == hasattr(model, "singular_")
    assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "own",
    [
        {},
        None,
        {"single": 1, "rank": None, "singular": None},
        {"single": True, "rank": 11, "singular": [1.0] * 10},
        {"single": True, "rank": 11, "singular": None},
        {"single": True, "rank": 1.0, "singular": None},
        {"single": True, "rank": None, "singular": [1.0]},
        {"single": True, "rank": 1, "singular": [-1.0]},
        {"single": True, "rank": 1, "singular": [1.0] * 11},
    ],
)
def test_the_file_is_not_trusted(own):
    document, arrays = persistence.to_document(LinearRegression().fit(X, y))
    with pytest.raises(ModelFileError):
        persistence.from_document({**document, "own": own}, arrays)


def test_a_file_with_another_network_is_refused():
    document, arrays = persistence.to_document(LinearRegression().fit(X, y))
    document["network"]["objective"] = "huber"
    with pytest.raises(ModelFileError, match="one layer of identity"):
        persistence.from_document(document, arrays)


def test_the_exact_solution_refuses_early_stopping_but_measures_a_validation_set():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(InvalidOption, match="early_stopping needs a solver that takes steps"):
        LinearRegression(early_stopping=True).fit(X, y)
    model = LinearRegression().fit(X[:400], y[:400], validation_data=(X[400:], y[400:]))
    assert_allclose(model.history_["validation_score"], [model.score(X[400:], y[400:])])


@pytest.mark.parametrize("solver", ["newton", "lbfgs(memory=5)"])
def test_a_warm_start_at_the_optimum_of_other_targets_tells_their_cost(solver):
    A = np.random.default_rng(0).integers(-3, 4, (128, 2)).astype(float)
    ones = np.column_stack([np.ones(128), A])
    rest = np.where(np.arange(128) % 2, 1.0, -1.0)
    rest -= ones @ np.linalg.lstsq(ones, rest)[0]  # the more of it, the higher the cost of the same weights
    model = LinearRegression(solver=solver, warm_start=True).fit(A, A @ [1, 2] + rest)
    assert model.fit(A, A @ [1, 2] + 3 * rest).loss_ == pytest.approx(np.square(3 * rest).mean() / 2)


def test_a_warm_start_leaves_the_weights_handed_out_before_as_they_were():
    X, y = load_diabetes(return_X_y=True)
    model = LinearRegression(solver="lbfgs", warm_start=True).fit(X, y)
    before = model.coef_
    kept = before.copy()
    model.fit(X, -y)
    assert_array_equal(before, kept)
    assert not np.allclose(model.coef_, kept)


def test_a_callback_that_fails_leaves_the_model_as_it_was():
    X, y = load_diabetes(return_X_y=True)

    def fail(run):
        raise RuntimeError("stop here")

    model = LinearRegression(solver="lbfgs").fit(X.astype(np.float32), y)
    kept = model.coef_.copy()
    with pytest.raises(RuntimeError, match="stop here"):
        model.set_params(callbacks=[fail]).fit(X[:40].astype(np.float32), y[:40])
    assert model.network_.theta.dtype == np.float32
    np.testing.assert_array_equal(model.coef_, kept)


@pytest.mark.parametrize("kind", [LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor])
def test_defaults_are_valid_as_only_other_parameters_are_checked(kind):
    model = kind()
    validate_parameter_constraints(kind._parameter_constraints, model.get_params(deep=False), kind.__name__)
    assert defaults(kind) == model.get_params(deep=False)
    with pytest.raises(ValueError, match="tol"):
        kind(tol=-1.0).fit(np.eye(4), [0, 1, 0, 1])


EXACT = {
    "plain": {},
    "ridge": {"alpha": 1.0},
    "positive": {"positive": True},
    "reference": {"engine": "reference"},
    "no intercept": {"fit_intercept": False},
}


@pytest.mark.parametrize("size", [1e155, 1e200, 1e300, 1e-155, 1e-200, 1e-300])
@pytest.mark.parametrize("options", EXACT)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_of_targets_whose_squares_no_number_holds_only_the_weights_are_right(size, options, kind):
    options = EXACT[options]
    if kind is sparse.csr_matrix and {"alpha", "positive"} & set(options):
        return
    target = y + 200 * X[:, 0]
    usual = LinearRegression(**options).fit(kind(X), target)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = LinearRegression(**options).fit(kind(X), target * size)
        summary = model.summary()
    [told] = told
    assert told.category is DeltaruleWarning
    assert str(told.message).startswith("expected y of size 1e-150 to 1e+150, whose squares float64 holds, found ")
    assert_allclose(model.coef_ / size, usual.coef_, rtol=1e-7, atol=1e-7 * np.abs(usual.coef_).max())
    assert_allclose(model.intercept_ / size, usual.intercept_, rtol=1e-7)
    assert "standard error" not in summary.to_dict()["columns"]
    if not {"alpha", "positive"} & set(options):
        assert "whose squares float64 holds" in summary.notes[0]
    with pytest.raises(InvalidOption):
        model.infer(kind(X), target * size)


@pytest.mark.parametrize("size", [1e155, 1e300, 1e-155, 1e-300])
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "gradient_descent"},
        {"solver": "adam"},
        {"solver": "lbfgs"},
        {"l1": 1.0},
        {"solver": "sgd", "batch_size": 50},
    ],
)
def test_targets_whose_squares_no_number_holds_are_learned_in_no_steps(size, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=r"expected y of size 1e-150 to 1e.150, .*; rescale y to about unit size"):
            LinearRegression(**options).fit(X, y * size)


@pytest.mark.parametrize("options", [{}, {"engine": "reference"}, {"solver": "lbfgs"}, {"positive": True}])
def test_single_precision_is_fitted_in_silence(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearRegression(**options).fit(X[:, [0, 1, 2, 3, 6]].astype(np.float32), y.astype(np.float32))


def test_a_constant_target_of_any_size():
    for size in (0.0, 1.0, 1e-300, 1e140):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_allclose(LinearRegression().fit(X, np.full(len(y), size)).intercept_, size, rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"positive": True}, {"alpha": 0.5}])
@pytest.mark.filterwarnings("ignore:expected y of size")
@pytest.mark.parametrize(("x", "y", "w"), [(1e-300, 1e160, 1.0), (1.0, 1e307, 1e200), (1e-300, 1e307, 1e200)])
def test_weights_that_no_number_can_be_are_refused(options, x, y, w):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    target = X[:, 0] + rng.normal(size=30)
    model = LinearRegression(**options)
    with np.errstate(all="ignore"):
        try:
            model.fit(x * X, y * target, np.full(30, w))
        except ValueError:
            assert not hasattr(model, "network_")
        else:
            assert np.isfinite(model.coef_).all()
            assert np.isfinite(model.intercept_)


@pytest.mark.parametrize("size", [1e160, 1e300])
def test_a_rate_that_cannot_be_told_is_named(size: float) -> None:
    X = size * np.random.default_rng(0).normal(size=(40, 3))
    with pytest.raises(ValueError, match="to tell the learning rate from them"):
        LinearRegression(solver="gradient_descent").fit(X, np.arange(40.0))
