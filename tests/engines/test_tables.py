"""The native table and least squares against their definitions in NumPy: the result does not depend on the path."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from deltarule import LinearRegression, LogisticRegression
from deltarule.engines import ENGINES, Data
from deltarule.engines import least_squares as native
from deltarule.engines.tables import STRETCH, NativeTable, Table, make_table, measuring, native_moments
from deltarule.equations.columns import Columns, moments, standardizing
from deltarule.equations.exact import least_squares, normal_equations
from deltarule.network import Network

OUTPUTS = {
    "identity": ("squared_error", 1),
    "sigmoid": ("binary_cross_entropy", 1),
    "softmax": ("categorical_cross_entropy", 4),
    "exp": ("poisson_deviance", 2),
}


def table_of(m, n, k, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(m, n)) * 10.0 ** rng.uniform(-2, 2, n) + rng.normal(size=n)).astype(dtype)
    y = rng.random((m, 1)) if k == 1 else np.eye(k)[rng.integers(0, k, m)]
    return Data(X, y.astype(dtype), rng.integers(0, 3, m).astype(dtype))


def pair(data, activation, k, *, intercept=True, threads=1):
    """The definition and the native table of the same cost, and a place."""
    network = Network.create([data.X.shape[1], k], [activation], OUTPUTS[activation][0], dtype=data.X.dtype)
    columns = standardizing(data.X, data.w, intercept=intercept)
    double = Data(*(None if a is None else a.astype(np.float64) for a in (data.X, data.y, data.w)))
    phi = np.random.default_rng(1).normal(scale=0.3, size=network.n_parameters)
    phi[k * data.X.shape[1] :] *= intercept
    definition = Table(ENGINES["reference"], network, double, columns)
    return definition, NativeTable(ENGINES["native"], network, data, columns, threads), phi


def assert_same(definition, own, phi, free=None):
    free = np.ones(len(phi), bool) if free is None else free
    (J, g), (J_own, g_own) = definition.cost_and_gradient(phi), own.cost_and_gradient(phi)
    H, H_own = definition.hessian(phi, free), own.hessian(phi, free)
    assert_allclose(J_own, J, rtol=1e-12)
    assert_allclose(g_own, g, atol=1e-12 * max(1, np.abs(g).max()))
    assert_allclose(H_own, H, atol=1e-12 * max(1, np.abs(H).max()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", OUTPUTS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
def test_cost_gradient_and_second_derivative_are_those_of_the_definition(activation, dtype, weighted, intercept):
    k = OUTPUTS[activation][1]
    data = table_of(301, 7, k, dtype)
    data = data if weighted else Data(data.X, data.y)
    assert_same(*pair(data, activation, k, intercept=intercept))


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3), (63, 8), (65, 15), (200, 16), (500, 191), (400, 200), (50, 777)])
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_every_shape(m, n, activation):
    k = OUTPUTS[activation][1]
    assert_same(
        *pair(
            Data(*vars(table_of(m, n, k)).values()) if m > 9 else Data(np.ones((m, n)), np.eye(k)[[0] * m]),
            activation,
            k,
        )
    )


@pytest.mark.parametrize("activation", ["identity", "softmax"])
def test_some_of_the_parameters(activation):
    k = OUTPUTS[activation][1]
    definition, own, phi = pair(table_of(100, 9, k), activation, k)
    free = np.random.default_rng(2).random(len(phi)) < 0.4
    assert_same(definition, own, phi, free)
    only_b = np.zeros(len(phi), bool)
    only_b[-1] = True
    assert_same(definition, own, phi, only_b)


def layouts(X):
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), X.dtype)
    wide[::2, 1::3] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    return {
        "F": np.asfortranarray(X),
        "strided": wide[::2, 1::3],
        "backwards": X[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": frozen,
        "unaligned": np.frombuffer(b"1" + X.tobytes(), X.dtype, offset=1).reshape(X.shape),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", layouts(np.ones((2, 2))))
def test_any_layout_gives_the_same_bits_and_is_not_copied(layout, dtype):
    data = table_of(400, 21, 4, dtype)
    other = layouts(data.X)[layout]
    assert_array_equal(other, data.X)
    _, own, phi = pair(data, "softmax", 4)
    moved = NativeTable(own.engine, own.network, Data(other, data.y, data.w), own.columns)
    assert moved.data.X is other
    assert own.cost_and_gradient(phi)[0] == moved.cost_and_gradient(phi)[0]
    assert_array_equal(own.cost_and_gradient(phi)[1], moved.cost_and_gradient(phi)[1])
    free = np.ones(len(phi), bool)
    assert_array_equal(own.hessian(phi, free), moved.hessian(phi, free))
    for measured, again in zip(native_moments(data.X, data.w, True), native_moments(other, data.w, True), strict=True):
        assert_array_equal(measured, again)


@pytest.mark.parametrize(("m", "n", "k"), [(100, 5, 1), (600, 2, 300), (50, 38, 1), (60, 30, 3), (105, 17, 1)])
def test_small_fits_have_the_same_bits_however_many_threads_blas_may_use(m, n, k):
    rng = np.random.default_rng(7)
    X, Y = rng.normal(size=(m, n)), rng.normal(size=(m, k))
    results = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            linear = LinearRegression().fit(X, Y)
            logistic = [LogisticRegression(C=C).fit(X, Y[:, 0] > 0).network_.theta for C in (1.0, 1e3)]
        results.append([linear.network_.theta, linear.singular_, *logistic])
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            assert_array_equal(one, same)


def exactly(X, y, w):
    """The solution of least squares in fractions: (n + 1,), the intercept first."""
    A = [[Fraction(1), *map(Fraction, row)] for row in X.tolist()]
    w, y = list(map(Fraction, w.tolist())), list(map(Fraction, y.tolist()))
    p = len(A[0])
    rows = [
        [sum(v * a[i] * a[j] for v, a in zip(w, A, strict=True)) for j in range(p)]
        + [sum(v * a[i] * t for v, a, t in zip(w, A, y, strict=True))]
        for i in range(p)
    ]
    for i in range(p):  # the matrix is positive definite: no pivots
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in set(range(p)) - {i}:
            rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i], strict=True)]
    return np.array([float(row[-1]) for row in rows])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("of_X", "of_y"), [(0, 0), (9, 0), (11, 0), (60, 60), (1e6, 0), (0, 1e6), (1e8, 1e8)])
def test_small_tables_far_from_zero_are_solved_exactly(of_X, of_y, weighted):
    rng = np.random.default_rng(11)
    X = rng.normal(size=(30, 3))
    y = X @ [1.0, -2.0, 0.5] + rng.normal(size=30) + of_y
    X += of_X
    w = rng.integers(1, 4, 30).astype(float) if weighted else np.ones(30)
    model = LinearRegression().fit(X, y, w if weighted else None)
    b, *W = exactly(X, y, w)
    assert_allclose(model.coef_, W, rtol=1e-12)
    assert_allclose(model.intercept_, b, rtol=1e-12, atol=1e-13 * max(of_X, of_y))


@pytest.mark.parametrize("n", [5, 300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(n, dtype):
    data = table_of(20_000 if n == 5 else 2000, n, 4, dtype)
    results, conditions = [], []
    for threads in (1, 2, 3, 7):
        _, own, phi = pair(data, "softmax", 4, threads=threads)
        free = np.ones(len(phi), bool)
        solution = native.least_squares(ENGINES["native"], data, intercept=True, n_jobs=threads)
        measured = native_moments(data.X, data.w, True, threads)
        sums = solution.sums()
        unknown = sums._replace(rows=None, condition=0.0)  # LAPACK's estimate depends on where its arrays begin
        known = [*unknown, *sums.rows, *solution[:3]]
        conditions.append(sums.condition)
        results.append([*own.cost_and_gradient(phi), own.hessian(phi, free), *measured, *known])
    assert_allclose(conditions, conditions[0], rtol=1e-6)
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            assert_array_equal(one, same)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("centers", [True, False])
@pytest.mark.parametrize("first", [0.0, 1e6])
def test_moments(dtype, centers, first):
    data = table_of(500, 6, 1, dtype)
    X = np.c_[data.X, np.full(500, 0.1, dtype), data.X[:, 0] * 1e-30, data.X[:, 1] + 1e5].astype(dtype)
    X[0] += dtype(first)  # an outlier, from which nothing can be seen
    for w in (None, data.w + 1):
        for own, definition in zip(native_moments(X, w, centers), moments(X.astype(float), w, centers), strict=True):
            assert_allclose(own, definition, rtol=1e-9, atol=1e-18 if first else 0)
    assert native_moments(X[1:], None, True)[1][6] == 0


def test_who_computes():
    data = table_of(50, 3, 1)
    network = Network.create([3, 1], ["sigmoid"], "binary_cross_entropy")
    columns = Columns(np.zeros(3), np.ones(3))
    kind = {"whole": True, "exact": True}
    assert type(make_table(ENGINES["native"], network, data, columns, 1, **kind)) is NativeTable
    assert type(make_table(ENGINES["reference"], network, data, columns, 1, **kind)) is Table
    assert type(make_table(ENGINES["native"], network, data, columns, 1, whole=False, exact=False)) is Table
    smoothed = Network.create([3, 1], ["sigmoid"], "binary_cross_entropy(label_smoothing=0.1)")
    assert type(make_table(ENGINES["native"], smoothed, data, columns, 1, **kind)) is Table
    assert measuring(ENGINES["reference"], data.X, 1) is moments
    single = table_of(50, 3, 1, np.float32)
    assert make_table(ENGINES["reference"], network, single, columns, 1, **kind).dtype == np.float64


def test_a_sample_has_one_row_of_each_stretch():
    data = table_of(STRETCH * 1000, 3, 1)
    _, own, phi = pair(data, "sigmoid", 1)
    part = own.sample()
    assert len(part.data) == 1000
    places = np.searchsorted(np.sort(data.X[:, 0]), np.sort(part.data.X[:, 0]))
    assert len(np.unique(places)) == 1000
    assert_allclose(part.cost_and_gradient(phi)[0], own.cost_and_gradient(phi)[0], rtol=0.1)
    _, few, _ = pair(table_of(100, 30, 1), "sigmoid", 1)
    assert few.sample() is None


def both(model, X, y, w=None):
    """The network's parameters by the native path and by the definition."""
    return [model.set_params(engine=engine).fit(X, y, w).network_.theta for engine in ("native", "reference")]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_has_one_optimum(dtype, weighted, intercept, classes):
    data = table_of(400, 6, 1, dtype)
    y = np.random.default_rng(3).integers(0, classes, 400)
    model = LogisticRegression(fit_intercept=intercept, tol=1e-8)
    native_theta, theta = both(model, data.X, y, data.w if weighted else None)
    assert_allclose(native_theta, theta, atol=2e-6 * np.abs(theta).max())


@pytest.mark.parametrize("sorted_by_class", [False, True])
def test_a_start_from_a_sample_leads_to_the_same_optimum(sorted_by_class):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 4))
    X[:, 3] = 0
    X[:20, 3] = 1  # seen in almost no sample of the rows
    y = (X[:, 0] + rng.logistic(size=len(X)) > 0).astype(int)
    order = np.argsort(y, kind="stable") if sorted_by_class else slice(None)
    model = LogisticRegression(C=np.inf, tol=1e-9)
    native_theta, theta = both(model, X[order], y[order])
    assert_allclose(native_theta, theta, rtol=1e-5)
    assert model.set_params(engine="native").fit(X, y).n_iter_[0] <= 6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [0.0, 3.0])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_least_squares_is_the_exact_solution(dtype, alpha, intercept, weighted):
    data = table_of(300, 8, 3, dtype)
    model = LinearRegression(fit_intercept=intercept, alpha=alpha)
    native_theta, theta = both(model, data.X, data.y, data.w if weighted else None)
    assert_allclose(native_theta, theta, rtol=1e-9 if dtype is np.float64 else 2e-5, atol=1e-6 * (dtype is np.float32))
    exact = LinearRegression(fit_intercept=intercept).fit(data.X, data.y, data.w)
    keep = data.w > 0
    found = least_squares(*(a[keep].astype(float) for a in (data.X, data.y, data.w)), intercept=intercept)
    assert exact.rank_ == 8
    assert_allclose(exact.singular_, found.singular, rtol=1e-9)
    assert exact.singular_ is exact.singular_


@pytest.mark.parametrize("powers", [(-30, 30), (-30, 0), (0, 30)])
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_columns_in_units_as_far_apart_as_there_are(powers, engine):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    y = X @ np.arange(1, 7.0) + 5 + rng.normal(size=200)
    scale = 10.0 ** np.linspace(*powers, 6)
    plain = LinearRegression().fit(X, y)
    scaled = LinearRegression(engine=engine).fit(X * scale, y)
    assert_allclose(scaled.coef_ * scale, plain.coef_, rtol=1e-8)
    assert scaled.rank_ == 6
    z = (y > y.mean()).astype(int)
    free = LogisticRegression(C=np.inf, tol=1e-8)
    assert_allclose(free.set_params(engine=engine).fit(X * scale, z).coef_ * scale, free.fit(X, z).coef_, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize(
    ("m", "n"), [(500, 30), (3, 221), (700, 222), (700, 223), (700, 224), (1, 445), (400, 446), (700, 447), (6000, 300)]
)
def test_products_of_columns_however_many_are_those_of_numpy(m, n, quick, dtype):
    rng = np.random.default_rng(n)
    X, y, w = (a.astype(dtype) for a in (rng.normal(2, 3, (m, n)), rng.normal(size=(m, 1)), rng.random(m)))
    mean, scale = np.linspace(1, 3, n + 1), np.linspace(2, 4, n + 1)
    T = np.insert((np.c_[X, y].astype(np.float64) - mean) / scale, n, 1.0, axis=1)
    wanted = T.T @ (T * w.astype(np.float64)[:, None])
    size = np.sqrt(wanted.diagonal())
    for order in "CF":
        for threads in (1, 3):
            problem = native.Problem(Data(np.asarray(X, order=order), y, w), y, w, True, 0.0, threads)
            found = problem._products(mean, scale, quick)
            within = 3e-6 if quick and dtype == np.float32 else 1e-14
            assert_allclose(found / size / size[:, None], wanted / size / size[:, None], atol=within)
            assert_array_equal(found, found.T)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_products_of_float32_are_corrected_to_the_exact_solution(intercept, noise):
    data = table_of(2000, 1, 1, np.float32)
    data = Data(np.random.default_rng(4).normal(size=(2000, native.MANY)).astype(np.float32), data.y)
    y = (data.X @ np.linspace(-1, 1, native.MANY, dtype=np.float32) + np.float32(noise) * data.y[:, 0])[:, None]
    problem = native.Problem(Data(data.X, y), y, None, intercept, 0.0, 1)
    quick, exact = problem.solve(quick=True), problem.solve(quick=False)
    assert_allclose(quick.W, exact.W, rtol=1e-9, atol=1e-9 * np.abs(exact.W).max())
    assert_allclose(quick.b, exact.b, atol=1e-9 * np.abs(y).max())
    assert not np.array_equal(quick.W, exact.W)
    apart = 0.003 * data.X[:, 0].std() * np.random.default_rng(5).normal(size=(2000, 1)).astype(np.float32)
    close = np.c_[data.X, data.X[:, :1] + apart]
    near = native.Problem(Data(close, y), y, None, intercept, 0.0, 1)
    assert near.solve(quick=True) is None
    assert near.solve(quick=False) is not None


HARD = {
    "collinear": lambda X: np.c_[X, X[:, 0] + X[:, 1]],
    "twice": lambda X: np.c_[X, X],
    "constant": lambda X: np.c_[X, np.full(len(X), 0.1)],
    "zero": lambda X: np.c_[X, np.zeros(len(X))],
    "wide": lambda X: X[:4],
    "nearly": lambda X: np.c_[X, X[:, 0] + 1e-9 * X[:, 1]],
    "offset": lambda X: X + 1e9,
}


@pytest.mark.filterwarnings("default::deltarule.errors.DependenceWarning")
@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("intercept", [True, False])
def test_where_the_condition_is_bad_the_singular_values_decide(kind, intercept):
    rng = np.random.default_rng(0)
    X = HARD[kind](rng.normal(size=(60, 5)))
    y = rng.normal(size=len(X))
    native_theta, theta = both(LinearRegression(fit_intercept=intercept), X, y)
    if kind == "offset" and intercept:  # centered, there is nothing wrong with it
        assert_allclose(native_theta, theta, rtol=1e-5)
    elif kind != "constant" or intercept:
        assert native.least_squares(ENGINES["native"], Data(X, y[:, None]), intercept=intercept) is None
        assert_array_equal(native_theta, theta)


def test_normal_equations_refuse_what_they_cannot_solve_exactly():
    assert normal_equations(np.diag([1.0, 0, 4, 1]), 1) is None  # a column of zeros
    assert normal_equations(np.array([[1, 1, 0, 1], [1, 1, 0, 1], [0, 0, 1.0, 0], [1, 1, 0, 1]]), 1) is None


@pytest.mark.parametrize("kind", [LinearRegression, LogisticRegression])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(kind, value):
    X, y = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50) % 2
    X[40, 1] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        kind().fit(X, y)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        kind().fit(np.asfortranarray(X), y)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, -2, 9]),
        np.array([True, False]),
        np.array(["b", "a"]),
        np.array([0.0, 1.0, 2.0]),
        np.array([200, 100], np.uint8),
        np.array([-128, 127], np.int8),
        np.array([0, 10**12]),
    ],
)
def test_labels_of_any_kind_are_the_same_classes(labels):
    rng = np.random.default_rng(0)
    index = rng.integers(0, len(labels), 60)
    index[: len(labels)] = range(len(labels))
    model = LogisticRegression().fit(rng.normal(size=(60, 2)), labels[index])
    assert_array_equal(model.classes_, np.unique(labels))
    assert model.classes_.dtype == labels.dtype
    assert_array_equal(
        model._encode(labels[index], np.float64).sum(axis=0)[-1],
        (labels[index] == labels.max()).sum() if labels.dtype.kind != "U" else (labels[index] == "b").sum(),
    )
