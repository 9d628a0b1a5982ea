"""What a linear model returns without a warning is the optimum: held to scikit-learn's, converged hard."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.utils
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, logsumexp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.preprocessing import scale

from deltarule import LinearRegression, LogisticRegression, full_batch
from deltarule.callbacks import Callback
from deltarule.errors import DeltaruleWarning, InvalidOption
from deltarule.estimators import arrival, base_linear, separable

CANCER, IRIS, WINE = (load(return_X_y=True) for load in (load_breast_cancer, load_iris, load_wine))
DIGITS = load_digits().data / 16, load_digits().target
DIABETES = load_diabetes(return_X_y=True)
HARD = {"tol": 1e-9, "max_iter": 2000}
STEPWISE = ["gradient_descent", "momentum", "nesterov", "adam", "adamw", "rmsprop", "sgd"]


def cost(model, X, y, w=None):
    """``Σ w L`` with the penalties that the model's parameters ask for; liblinear's on the intercept too."""
    W, b, C = model.coef_, model.intercept_, model.C
    Z = X @ W.T + b
    Z = np.c_[np.zeros(len(Z)), Z] if Z.shape[1] == 1 else Z
    L = logsumexp(Z, axis=1) - Z[np.arange(len(y)), y]
    P = np.c_[W, b / model.intercept_scaling] if model.solver == "liblinear" and model.fit_intercept else W
    penalty = (1 - model.l1_ratio) * 0.5 * (P**2).sum() + model.l1_ratio * np.abs(P).sum()
    return L @ (np.ones(len(y)) if w is None else w) + penalty / C


def theirs(X, y, w=None, **options):
    solver = options.pop("solver")
    model = sklearn.linear_model.LogisticRegression(solver=solver, random_state=0, **HARD, **options)
    return model.fit(X, y, w)


def fitted_in_silence(model, X, y, w=None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model.fit(X, y, w)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky", "sag", "newton"])
@pytest.mark.parametrize("data", [CANCER, WINE, IRIS], ids=["cancer", "wine", "iris"])
@pytest.mark.parametrize("C", [1.0, 100.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_l2_on_raw_tables(solver, data, C, weighted):
    X, y = data
    w = np.random.default_rng(0).integers(0, 4, len(y)) if weighted else None
    best = cost(theirs(X, y, w, C=C, solver="newton-cholesky"), X, y, w)
    assert_allclose(cost(fitted_in_silence(LogisticRegression(C=C, solver=solver), X, y, w), X, y, w), best, rtol=1e-7)


@pytest.mark.parametrize("l1_ratio", [0, 1])
@pytest.mark.parametrize("C", [1.0, 100.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_liblinear(l1_ratio, C, intercept):
    X, y = scale(CANCER[0]), CANCER[1]
    options = {"solver": "liblinear", "C": C, "l1_ratio": l1_ratio, "fit_intercept": intercept, "intercept_scaling": 3}
    reference = cost(theirs(X, y, **options), X, y)
    assert_allclose(cost(fitted_in_silence(LogisticRegression(**options), X, y), X, y), reference, rtol=1e-5)


@pytest.mark.parametrize("C", [1.0, 1000.0])
def test_liblinear_on_a_raw_table(C):
    X, y = CANCER
    options = {"solver": "liblinear", "C": C, "l1_ratio": 1}
    reference = sklearn.linear_model.LogisticRegression(tol=1e-4, max_iter=1000, random_state=0, **options).fit(X, y)
    assert cost(fitted_in_silence(LogisticRegression(**options), X, y), X, y) <= cost(reference, X, y) * (1 + 1e-7)


@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["iris", "cancer"])
@pytest.mark.parametrize("C", [1.0, 100.0])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_saga_with_l1_is_at_the_optimum(data, C, l1_ratio):
    X, y = scale(data[0]), data[1]
    options = {"solver": "saga", "C": C, "l1_ratio": l1_ratio, "fit_intercept": False}
    reference = sklearn.linear_model.LogisticRegression(tol=1e-8, max_iter=5000, random_state=0, **options).fit(X, y)
    for given in ({}, {"tol": 1e-12}):
        ours = fitted_in_silence(LogisticRegression(**options, **given), X, y)
        assert cost(ours, X, y) <= cost(reference, X, y) * (1 + 1e-7)
        assert (ours.coef_ == 0).sum() >= (reference.coef_ == 0).sum()
        assert subgradient_norm(ours, X, y) < 1e-3


def subgradient_norm(model, X, y):
    """The largest component of the subgradient of least norm of ``Σ L + Σ penalties``: zero at the optimum alone."""
    W = model.coef_
    g = (model.predict_proba(X) - np.eye(len(model.classes_))[y]).T @ X
    g = (g[1:] if len(W) == 1 else g) + (1 - model.l1_ratio) / model.C * W
    l1 = model.l1_ratio / model.C
    v = np.where(W == 0, np.sign(g) * np.maximum(np.abs(g) - l1, 0), g + l1 * np.sign(W))
    return np.abs(v).max()


def test_many_classes_with_a_weak_l1_penalty():
    ours = fitted_in_silence(LogisticRegression(solver="saga", l1_ratio=1.0, C=100.0), *DIGITS)
    assert subgradient_norm(ours, *DIGITS) < 0.01
    assert (ours.coef_ == 0).sum() > 300


@pytest.mark.parametrize(("data", "C"), [(DIGITS, 100.0), (IRIS, 1e4), (WINE, 1e4)], ids=["digits", "iris", "wine"])
def test_weakly_penalized_coefficients_are_those_of_the_optimum(data, C):
    X, y = data
    reference = theirs(X, y, C=C, solver="newton-cholesky")
    ours = fitted_in_silence(LogisticRegression(C=C), X, y)
    assert np.linalg.norm(ours.coef_ - reference.coef_) < 1e-4 * np.linalg.norm(reference.coef_)


@pytest.mark.parametrize("solver", STEPWISE)
@pytest.mark.parametrize("table", [scale(CANCER[0]), CANCER[0]], ids=["standardized", "raw"])
@pytest.mark.parametrize("options", [{}, {"max_iter": 3000}, {"max_iter": 200, "learning_rate": "cosine"}])
def test_descent_is_at_the_optimum_or_warns(solver, table, options):
    X, y = table, CANCER[1]
    best = cost(theirs(X, y, C=1.0, solver="newton-cholesky"), X, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = cost(LogisticRegression(solver=solver, **options).fit(X, y), X, y)
    warned = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    assert warned or found <= best * (1 + 1e-5)
    assert not warned or found > best * (1 + 1e-6)
    if solver in ("momentum", "nesterov", "sgd") and options == {"max_iter": 3000} and X is not CANCER[0]:
        assert not warned


@pytest.mark.parametrize("solver", ["gradient_descent", "momentum", "nesterov", "adam", "rmsprop", "lbfgs", "newton"])
@pytest.mark.parametrize("weighted", [False, True])
def test_descent_of_least_squares_is_at_the_optimum(solver, weighted):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 10))
    y, w = X @ rng.normal(size=10) + rng.normal(size=200), rng.uniform(0.1, 2, 200) if weighted else None
    exact = LinearRegression().fit(X, y, w)
    assert_allclose(fitted_in_silence(LinearRegression(solver=solver), X, y, w).loss_, exact.loss_, rtol=2e-6)


def test_where_second_derivatives_are_too_many_the_gradient_decides(monkeypatch):
    monkeypatch.setattr(arrival, "MOST_FOR_NEWTON", 5)
    X, y = scale(CANCER[0]), CANCER[1]
    best = cost(theirs(X, y, C=1.0, solver="newton-cholesky"), X, y)
    for solver in ("lbfgs", "nesterov"):
        ours = fitted_in_silence(LogisticRegression(solver=solver, max_iter=20_000), X, y)
        assert_allclose(cost(ours, X, y), best, rtol=1e-5)
    monkeypatch.setattr(base_linear, "LARGEST", 5)
    with pytest.raises(InvalidOption, match="newton takes at most 5 parameters, found 31"):
        LogisticRegression(solver="newton").fit(X, y)


def lasso_cost(W, b, X, y, l1, ridge=0.0, w=None):
    return 0.5 * (np.ones(len(y)) if w is None else w) @ (X @ W + b - y) ** 2 + l1 * np.abs(W).sum() + ridge / 2 * W @ W


@pytest.mark.parametrize("alpha", [0.0, 5.0])
@pytest.mark.parametrize("l1", [1.0, 50.0, 500.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_l1_is_the_elastic_net(alpha, l1, weighted, kind):
    X, y = DIABETES
    w = np.random.default_rng(0).integers(1, 4, len(y)).astype(float) if weighted else None
    total = len(y) if w is None else w.sum()
    options = {"alpha": (alpha + l1) / total, "l1_ratio": l1 / (alpha + l1), "tol": 1e-14, "max_iter": 100_000}
    net = sklearn.linear_model.ElasticNet(**options).fit(X, y, w)
    ours = fitted_in_silence(LinearRegression(alpha=alpha, l1=l1), kind(X), y, w)
    assert_allclose(ours.coef_, net.coef_, rtol=1e-6, atol=1e-6 * np.abs(net.coef_).max())
    assert_array_equal(ours.coef_ == 0, net.coef_ == 0)
    costs = [lasso_cost(model.coef_, model.intercept_, X, y, l1, alpha, w) for model in (ours, net)]
    assert_allclose(*costs, rtol=1e-9)


def test_gradient_descent_with_l1_takes_proximal_steps():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 10))
    y = X @ rng.normal(size=10) + rng.normal(size=200)
    lasso = sklearn.linear_model.Lasso(alpha=100 / 200, tol=1e-12, max_iter=100_000).fit(X, y)
    ours = fitted_in_silence(LinearRegression(l1=100, solver="gradient_descent"), X, y)
    costs = [lasso_cost(model.coef_, model.intercept_, X, y, 100) for model in (ours, lasso)]
    assert_allclose(*costs, rtol=1e-5)
    assert_array_equal(ours.coef_ == 0, lasso.coef_ == 0)
    assert (ours.coef_ == 0).any()
    assert (np.diff(ours.loss_curve_) <= 1e-12).all()


@pytest.mark.parametrize("solver", ["momentum", "nesterov", "adam", "adamw", "rmsprop", "sgd"])
def test_other_steps_refuse_l1(solver):
    with pytest.raises(InvalidOption, match="expected no L1 penalty with"):
        LinearRegression(l1=1.0, solver=solver).fit(*DIABETES)
    with pytest.raises(InvalidOption, match="use solver='saga'"):
        LogisticRegression(l1_ratio=0.5, solver=solver).fit(*CANCER)


def test_adamw_shrinks_a_linear_model_only_if_it_is_asked_to():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    best = sklearn.linear_model.LinearRegression().fit(X, y).score(X, y)
    ours = LinearRegression(solver="adamw", max_iter=5000).fit(X, y)
    assert ours.score(X, y) == pytest.approx(best, abs=1e-4)
    assert LinearRegression(solver="adamw(weight_decay=0.1)", max_iter=500).fit(X, y).score(X, y) < best - 0.01


def test_more_columns_than_are_moved_together(monkeypatch):
    from deltarule.equations import newton

    monkeypatch.setattr(newton, "MOST", 80)
    rng = np.random.default_rng(0)
    X = sparse.random(100, 300, density=0.1, format="csr", random_state=0)
    y = X @ rng.normal(size=300) * (rng.random(300) < 0.1).sum() + rng.normal(size=100)
    net = sklearn.linear_model.Lasso(alpha=0.05, tol=1e-12, max_iter=100_000).fit(X, y)
    ours = LinearRegression(l1=5.0, max_iter=2000).fit(X, y)
    costs = [lasso_cost(model.coef_, model.intercept_, X, y, 5.0) for model in (ours, net)]
    assert_allclose(*costs, rtol=1e-5)


def test_every_column_scaled_and_moved_at_will():
    X, y = DIABETES
    moved = X * 10.0 ** np.arange(-5, 5) + 10.0 ** np.arange(-4, 6)
    plain, other = (LinearRegression(solver="lbfgs").fit(A, y).predict(A) for A in (X, moved))
    assert_allclose(other, plain, rtol=1e-6)


def test_a_constant_column_stays_at_zero():
    X, y = CANCER
    ours = LogisticRegression(C=np.inf).fit(np.c_[X[:, :3], np.full(len(y), 0.1)], y)
    assert ours.coef_[0, 3] == 0
    assert_allclose(ours.coef_[0, :3], LogisticRegression(C=np.inf).fit(X[:, :3], y).coef_[0], rtol=1e-6)


def test_values_too_large_to_be_squared_are_refused():
    X, y = DIABETES
    with pytest.raises(ValueError, match="large values"):
        LinearRegression(solver="lbfgs").fit(X * 1e200, y)


def test_a_start_far_out_where_every_sample_is_told_apart_surely_still_finds_the_optimum():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    expected = LogisticRegression(C=np.inf).fit(X, y).coef_
    model = LogisticRegression(C=np.inf, warm_start=True).fit(X, y)
    model.coef_ = 1000 * model.coef_
    np.testing.assert_allclose(model.fit(X, y).coef_, expected, rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_l1_with_more_columns_than_samples_and_several_classes_converges(seed):
    rng = np.random.default_rng(seed)
    X, y, w = rng.normal(size=(40, 80)), rng.integers(0, 3, 40), rng.integers(1, 4, 40)
    options = {"solver": "saga", "l1_ratio": 1.0, "class_weight": "balanced", "random_state": 0}
    ours = LogisticRegression(**options).fit(X, y, w)
    theirs = sklearn.linear_model.LogisticRegression(**options, max_iter=5000, tol=1e-6).fit(X, y, w)
    Z = [X @ model.coef_.T + model.intercept_ for model in (ours, theirs)]
    weights = w * sklearn.utils.compute_sample_weight("balanced", y)
    cost = [
        float(weights @ (logsumexp(z, axis=1) - z[np.arange(40), y])) + np.abs(model.coef_).sum()
        for z, model in zip(Z, (ours, theirs), strict=True)
    ]
    assert cost[0] <= cost[1] * (1 + 1e-5)
    assert ours.n_iter_.max() < 100


@pytest.mark.parametrize("constant", [1.0, 0.1, 1e6])
def test_a_constant_column_has_no_weight_though_nothing_is_penalized(constant):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 12)), rng.integers(0, 3, 300)
    model = LogisticRegression(C=np.inf).fit(np.column_stack([X, np.full(300, constant)]), y)
    assert_allclose(model.coef_[:, -1], 0, atol=1e-12)
    assert_allclose(model.coef_[:, :-1], LogisticRegression(C=np.inf).fit(X, y).coef_, rtol=1e-5)


def test_negative_class_weights_are_refused():
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2
    with pytest.raises(ValueError, match="class weights of 0 or more"):
        LogisticRegression(class_weight={0: -1.0, 1: 1.0}).fit(X, y)


@pytest.mark.parametrize("solver", ["auto", "newton"])
def test_a_dummy_trap_whose_units_are_far_apart(solver):
    """The well-determined column keeps its weight, whatever the size of those that depend on each other."""
    rng = np.random.default_rng(0)
    group, x = np.eye(3)[rng.integers(0, 3, 200)], rng.normal(size=200)
    X, y = np.c_[x * 1e-9, group * 1e6], x + 0.1 * rng.normal(size=200)
    plain = LinearRegression().fit(np.c_[x, group[:, 1:]], y)
    model = LinearRegression(solver=solver).fit(X, y)
    assert_allclose(model.predict(X), plain.predict(np.c_[x, group[:, 1:]]), rtol=1e-8)
    if solver == "auto":  # the shortest: nothing along (1, 1, 1)
        assert abs(model.coef_[1:].sum()) < 1e-6 * abs(model.coef_[1:]).max()


def test_more_columns_than_rows_in_units_far_apart():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(30, 60)) * 10.0 ** rng.integers(-10, 10, 60), rng.normal(size=30)
    model = LinearRegression().fit(X, y)
    assert model.score(X, y) == pytest.approx(1)
    Xc = X - X.mean(axis=0)
    s = abs(Xc).max(axis=0)
    V = np.linalg.svd(Xc / s)[2][29:] / s  # directions that change no prediction
    V /= np.linalg.norm(V, axis=1)[:, None]
    assert abs(V @ model.coef_).max() < 1e-6 * np.linalg.norm(model.coef_)


@pytest.mark.parametrize("far", [1e13, 1e15])
@pytest.mark.parametrize("solver", ["auto", "newton"])
def test_columns_far_from_zero(far, solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2)) + far
    y = (X - far) @ [1.0, 2.0] + 0.1 * rng.normal(size=100)
    near = LinearRegression().fit(X - far, y)
    assert_allclose(LinearRegression(solver=solver).fit(X, y).coef_, near.coef_, rtol=1e-12)


@pytest.mark.parametrize("seed", [3, 4])
def test_a_large_column_that_a_sample_of_the_rows_does_not_see(seed):
    rng = np.random.default_rng(seed)
    m = 300_001
    X = rng.normal(size=(m, 12))
    X[:, 1] = 0
    X[rng.choice(m, 12, replace=False), 1] = rng.normal(size=12)
    y = (rng.random(m) < expit(X @ rng.normal(size=12) * 0.5 + 80 * X[:, 1] - 1)).astype(int)
    near = LogisticRegression().fit(X, y)
    X[:, 1] *= 1e9  # so that the penalty hardly matters for its weight
    assert LogisticRegression().fit(X, y).loss_ <= near.loss_


def test_a_sample_that_is_not_like_the_rest(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 3))
    y = (X[:, 0] + rng.logistic(size=20_000) > 0).astype(int)
    right, head_start = LogisticRegression().fit(X, y), full_batch._head_start

    def misled(*arguments):
        found = head_start(*arguments)
        return found._replace(start=found.start - 50)

    monkeypatch.setattr(full_batch, "_head_start", misled)
    assert LogisticRegression().fit(X, y).loss_ == pytest.approx(right.loss_, rel=1e-9)


@pytest.mark.parametrize("model", [LinearRegression(), LinearRegression(alpha=1.0), LogisticRegression()])
def test_float32_far_from_zero_is_told(model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3)).astype(np.float32) + np.float32([0, 1e6, 0])
    y = (X[:, 1] - 1e6 + X[:, 0] > 0).astype(int)
    with pytest.warns(DeltaruleWarning, match="not far from zero, .* found x1: "):
        clone(model).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(model).fit(X.astype(np.float64), y)
        clone(model).fit(X - np.float32([0, 1e6, 0]), y)


@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression(C=np.inf)])
@pytest.mark.parametrize("unit", [1e-10, 1.0])
def test_float32_far_from_zero_is_told_in_any_unit(model, unit):
    rng = np.random.default_rng(0)
    X = np.column_stack([(1e7 + rng.normal(size=300)) * unit, rng.normal(size=300)]).astype(np.float32)
    y = (X[:, 0].astype(float) / unit - 1e7 + X[:, 1] + rng.logistic(size=300) > 0).astype(int)
    with pytest.warns(DeltaruleWarning, match="not far from zero, .* found x0: "):
        clone(model).fit(X, y)


def test_float32_columns_that_depend_on_each_other_are_told_where_they_are_far_from_zero():
    x = np.random.default_rng(0).normal(size=(50, 2))
    X = np.column_stack([x[:, 0], x[:, 0], x[:, 1] + 1e7]).astype(np.float32)
    with pytest.warns(DeltaruleWarning, match="not far from zero, .* found x2: "):
        LinearRegression().fit(X, X[:, 2] - 1e7 + x[:, 0])
    X = np.column_stack([x[:, 0], x[:, 0], x[:, 1] * 1e-30]).astype(np.float32)
    with pytest.raises(ValueError, match="float32 holds, found others of x2"):
        LinearRegression().fit(X, (x[:, 1] * 1e10).astype(np.float32))


@pytest.mark.parametrize("m", [40, 4000])
def test_weights_that_float32_cannot_hold_are_told(m):
    X = np.random.default_rng(0).normal(size=(m, 2)).astype(np.float32)
    small, large = np.float32([1, 1e-30]), np.float32([1, 1e30])
    with pytest.raises(ValueError, match="float32 holds, found others of x1"):
        LinearRegression().fit(X * small, X.sum(axis=1) * np.float32(1e10))
    with pytest.warns(DeltaruleWarning, match="float32 holds, found others of x1"):
        LinearRegression().fit(X * large, X.sum(axis=1) * np.float32(1e-16))


class Enough(Callback):
    """Ends a fit after so many steps, as its user or as Ctrl-C does."""

    def __init__(self, steps, *, by_key):
        self.left, self.by_key = steps, by_key

    def on_epoch_end(self, run):
        self.left -= 1
        if self.left == 0:
            self.theta = run.network.theta.copy()
            if self.by_key:
                raise KeyboardInterrupt
            run.stop("enough")


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("solver", ["newton", "lbfgs", "lbfgs(memory=20)"])
def test_a_fit_that_is_ended_keeps_the_weights_of_that_step(solver, by_key):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, 2))
    y = (X[:, 0] + rng.logistic(size=80) > 0).astype(int)
    enough = Enough(1, by_key=by_key)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=np.inf, solver=solver, callbacks=[enough]).fit(X, y)
    assert_array_equal(model.network_.theta, enough.theta)
    assert model.loss_ == pytest.approx(log_loss(y, model.predict_proba(X)))
    assert "standard errors off" in " ".join(str(model.summary()).split())


def test_separation_is_not_looked_for_after_ctrl_c(monkeypatch):
    X = np.arange(80.0)[:, None]
    begun = []
    monkeypatch.setattr(separable, "separation", lambda *_: begun.append(1))
    model = LogisticRegression(C=np.inf, callbacks=[Enough(8, by_key=True)], tol=1e-12)
    with pytest.warns(DeltaruleWarning, match="interrupted"):
        model.fit(X, X[:, 0] > 40)
    assert not begun
    assert "a fit stopped by Ctrl-C before that was told; fit again" in model.summary().notes[0]


@pytest.mark.parametrize("of_y", [1e4, 1e8])
def test_a_target_far_from_zero_costs_no_digits(of_y):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(3000, 4))
    y = X @ np.ones(4) + rng.normal(size=3000) + of_y
    near = y - of_y  # without rounding
    far, model = LinearRegression().fit(X, y), LinearRegression().fit(X, near)
    assert_allclose(far.coef_, model.coef_, rtol=1e-13)
    assert_allclose(far.intercept_ - of_y, model.intercept_, atol=1e-15 * of_y)
    assert_allclose(far.covariance(), model.covariance(), rtol=1e-11)


@pytest.mark.parametrize("n", [40, 400])
@pytest.mark.parametrize("alpha", [1e-6, 1.0])
def test_a_penalty_on_more_columns_than_rows(n, alpha):
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(30, n)), rng.normal(size=(30, 2))
    model = LinearRegression(alpha=alpha).fit(X, Y)
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    assert_allclose(Xc.T @ (Xc @ model.coef_.T - Yc) + alpha * model.coef_.T, 0, atol=1e-9)


@pytest.mark.parametrize("closeness", [1e-5, 1e-7])
def test_logistic_regression_of_columns_that_nearly_depend_on_each_other(closeness):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    X = np.c_[a, b, (a + b + closeness * rng.normal(size=200))]
    y = (a - b + rng.logistic(size=200) > 0).astype(int)
    model = LogisticRegression(C=np.inf).fit(X, y)
    apart = np.c_[a, b, (X[:, 2] - a - b) / closeness]  # the same model of columns that do not
    best = LogisticRegression(C=np.inf).fit(apart, y)
    assert model.loss_ == pytest.approx(best.loss_, rel=1e-6)
    assert_allclose(model.coef_[0, 2], best.coef_[0, 2] / closeness, rtol=1e-3)


def test_newton_in_the_units_of_the_table():
    """Without standardized columns, too."""
    rng = np.random.default_rng(3)
    scale = np.array([1e-30, 1.0, 1e30, 1e-15])
    X = rng.normal(size=(100, 4))
    y = X @ [1.0, 2.0, 3.0, 4.0]
    model = LinearRegression(solver="newton", standardize=False).fit(X * scale, y)
    assert_allclose(model.coef_ * scale, [1, 2, 3, 4], rtol=1e-9)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, -1e30, 7.0])
@pytest.mark.parametrize("m", [30, 997])
@pytest.mark.parametrize("w", [None, "random"])
def test_a_constant_column_has_no_weight_in_least_squares(constant, m, w):
    rng = np.random.default_rng(0)
    x = rng.normal(size=m)
    X, y = np.c_[np.full(m, constant), x], x + rng.normal(size=m)
    w = None if w is None else rng.uniform(0.1, 2, m)
    model = LinearRegression().fit(X, y, w)
    assert model.coef_[0] == 0
    assert_allclose(model.coef_[1], LinearRegression().fit(X[:, 1:], y, w).coef_[0], rtol=1e-12)
    assert LinearRegression().fit(X[:, :1], y, w).coef_[0] == 0


def test_errors_of_columns_that_depend_on_each_other_but_for_rounding_nearly():
    """The second derivatives have lost what the columns themselves still tell: the last steps are by these."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 300))
    rest = rng.normal(size=300)
    y = (a - b + rng.logistic(size=300) > 0).astype(int)
    near = LogisticRegression(C=np.inf).fit(np.c_[a, b, a + b + 1e-7 * rest], y)
    apart = LogisticRegression(C=np.inf).fit(np.c_[a, b, rest], y)
    assert_allclose(near.coef_[0, 2], apart.coef_[0, 2] * 1e7, rtol=1e-5)
    assert_allclose(near.summary()["z"][3], apart.summary()["z"][3], rtol=1e-5)


@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression()], ids=["linear", "logistic"])
def test_an_option_that_is_the_default_counts_as_asked_for(model):
    X, y = scale(CANCER[0]), CANCER[1]

    def fitted(solver, **options):
        return clone(model).set_params(solver=solver, max_iter=20, **options).fit(X, y)

    assert fitted("lbfgs").solver_ == "newton"
    for memory in (9, 10):
        assert fitted(f"lbfgs(memory={memory})").solver_ == "lbfgs"
    assert_array_equal(fitted("adamw(weight_decay=0)").coef_, fitted("adamw").coef_)
    shrunk = [abs(fitted(f"adamw(weight_decay={x})", learning_rate_init=0.1).coef_).sum() for x in (0, 0.01, 0.02)]
    assert shrunk[0] > shrunk[1] > shrunk[2]
    assert_array_equal(fitted("adam(beta_1=0.9)", beta_1=0.5).coef_, fitted("adam").coef_)
    assert_array_equal(
        fitted("adam", learning_rate="inverse_scaling(power=0.5)", power_t=2.0).coef_,
        fitted("adam", learning_rate="inverse_scaling").coef_,
    )


def wide(m, n, depending):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(m, 3)) @ rng.normal(size=(3, n)) + 0.1 * rng.normal(size=(m, n)) if depending else None
    X = rng.normal(size=(m, n)) if X is None else X
    return X, (X @ rng.normal(size=n) + np.sqrt(n) * rng.normal(size=m) > 0).astype(int)


@pytest.mark.parametrize(("depending", "solver"), [(False, "lbfgs"), (True, "newton")])
@pytest.mark.parametrize(("m", "n"), [(1000, 250), (150, 600)])
def test_some_steps_of_lbfgs_come_first_and_newton_goes_on_where_they_do_not_arrive(m, n, depending, solver):
    X, y = wide(m, n, depending)
    tried, newton = LogisticRegression().fit(X, y), LogisticRegression(solver="newton").fit(X, y)
    assert tried.solver_ == solver
    assert newton.solver_ == "newton"
    assert tried.n_iter_[0] == len(tried.history_["loss"]) <= 100
    costs = [
        float(
            np.logaddexp(0, np.where(y, -1, 1) * model.decision_function(X)).sum() + 0.5 * np.square(model.coef_).sum()
        )
        for model in (tried, newton)
    ]
    assert costs[0] == pytest.approx(costs[1], rel=1e-6)
    assert tried.loss_ == pytest.approx(newton.loss_, rel=1e-6)


def test_whoever_looks_at_each_epoch_sees_one_run_of_newton():
    X, y = wide(1000, 250, depending=False)
    seen = []
    model = LogisticRegression(callbacks=[lambda run: seen.append(run.epoch)]).fit(X, y)
    assert model.solver_ == "newton"
    assert seen == list(range(1, model.n_iter_[0] + 1))
