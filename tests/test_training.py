"""The training loop: one seed one result, schedules step by step, values that cease to be finite."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from deltarule.callbacks import Callback, EarlyStopping
from deltarule.engines import ENGINES, Data, epoch_orders
from deltarule.engines.threads import CHUNK
from deltarule.equations import OPTIMIZERS
from deltarule.equations.schedules import Clock
from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, NotFinite, UnknownName
from deltarule.network import Network
from deltarule.run import Run, State
from deltarule.training import train
from runs import ROWS, assert_same_run, make_data, make_network, make_plan, run_once

# one seed, one result


@pytest.mark.parametrize("optimizer", [name for name, entry in OPTIMIZERS.items() if not entry.second_order])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_one_seed_gives_one_result(optimizer: str, dropout: float) -> None:
    runs = [run_once(5, make_plan(optimizer), dropout=dropout) for _ in range(2)]
    assert_same_run(*runs)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_another_seed_gives_another_result(dropout: float) -> None:
    thetas = [run_once(seed, dropout=dropout).network.theta for seed in (1, 2)]
    assert not np.array_equal(*thetas)


def test_without_shuffling_the_seed_matters_only_for_dropout() -> None:
    plan = make_plan(shuffle=False)
    assert_same_run(run_once(1, plan), run_once(2, plan))
    thetas = [run_once(seed, plan, dropout=0.2).network.theta for seed in (1, 2)]
    assert not np.array_equal(*thetas)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(optimizer: str, dtype: Any) -> None:
    """More than two chunks of rows, wide enough that OpenBLAS would split the products."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * CHUNK + 100, 20)).astype(dtype)
    data = Data(X, X[:, :1] * X[:, 1:2])
    engine = ENGINES["reference"]
    results = []
    for threads, blas in [(1, 1), (2, 2), (3, 1), (3, 2)]:
        network = Network.create([20, 64, 1], ["tanh", "identity"], seed=0, dtype=dtype)
        with threadpool_limits(blas, user_api="blas"):
            run = train(network, data, make_plan(optimizer, epochs=2, batch_size=500, threads=threads))
            predicted = engine.predict(network, X, threads=threads)
            cost = engine.cost(network, data, threads=threads)
        results.append((network.theta.tobytes(), run.history["loss"], predicted.tobytes(), cost))
    assert results[0][1][-1] < results[0][1][0]
    for result in results[1:]:
        assert result == results[0]


def test_concurrent_fits_give_the_same_bits_and_leave_the_linear_algebra_as_it_was(
    blas_threads: Callable[[], list[int]],
) -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        alone = [run_once(seed, make_plan(epochs=3)) for seed in range(6)]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda seed: run_once(seed, make_plan(epochs=3)), range(6)))
        assert blas_threads() == before
    for found, expected in zip(together, alone, strict=True):
        assert_same_run(found, expected)


def test_the_linear_algebra_is_free_again_after_an_error(blas_threads: Callable[[], list[int]]) -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(NotFinite):
            run_once(plan=make_plan("gradient_descent", learning_rate=1e200))
        assert blas_threads() == before


# what an epoch is


@pytest.mark.parametrize("batch_size", [1, 16, 59, 60, 1000])
def test_history_has_one_value_an_epoch(batch_size: int) -> None:
    run = run_once(plan=make_plan(batch_size=batch_size), validation=lambda network: {"mine": 1.0})
    assert set(run.history) == {"loss", "learning_rate", "seconds", "mine"}
    assert {len(values) for values in run.history.values()} == {6}
    assert run.state.epoch == run.epoch == 6
    assert run.state.step == 6 * -(-ROWS // batch_size)
    assert run.state.samples == 6 * ROWS
    assert run.stopped == "Maximum iterations (6) reached."
    assert not run.converged


def test_the_loss_of_an_epoch_is_the_mean_of_its_batches() -> None:
    """By hand, with weights and penalties: each batch counts by the weight of its samples."""
    data, network, twin = make_data(weights=True), make_network(), make_network()
    plan = make_plan("gradient_descent", epochs=1, shuffle=False, penalties={"l2": 0.1, "l1": 0.05})
    run = train(network, data, plan)
    total = 0.0
    for start in range(0, ROWS, 16):
        batch = data.rows(slice(start, start + 16))
        weight = batch.w.sum()
        cache = twin.forward(batch.X)
        J = twin.cost(cache, batch.y, batch.w)
        grad = twin.backward(cache, batch.y, batch.w)
        for l, W in twin.W.items():
            J += (0.1 / 2 * (W**2).sum() + 0.05 * np.abs(W).sum()) / weight
            grad.W[l] += (0.1 * W + 0.05 * np.sign(W)) / weight
        twin.step(grad, 0.01)
        total += J * weight
    np.testing.assert_allclose(network.theta, twin.theta, rtol=1e-12)
    assert run.history["loss"] == pytest.approx([total / data.w.sum()], rel=1e-12)


@pytest.mark.parametrize(
    "schedule", ["inverse_scaling", "step(every=2)", "exponential", "cosine(warmup=0.3)", "one_cycle"]
)
def test_the_schedule_sets_the_rate_of_every_step(schedule: str) -> None:
    data, network, twin = make_data(), make_network(), make_network()
    plan = make_plan("gradient_descent", schedule)
    run = train(network, data, plan, state=State(seed=9))
    n_steps, last = 4, []
    for epoch in range(6):
        steps = np.arange(epoch * n_steps, (epoch + 1) * n_steps)
        clock = Clock(epoch, 6, steps, 6 * n_steps, epoch * ROWS, 0)
        alphas = plan.schedule.rates(0.01, clock)
        (order,) = epoch_orders(9, [epoch], ROWS)
        for i, alpha in enumerate(alphas):
            batch = data.rows(order[16 * i : 16 * (i + 1)])
            twin.step(twin.backward(twin.forward(batch.X), batch.y), alpha)
        last.append(alphas[-1])
    np.testing.assert_allclose(network.theta, twin.theta, rtol=1e-11)
    assert run.history["learning_rate"] == last
    assert len(set(last)) > 1


def test_adaptive_lowers_the_rate_when_the_loss_stalls_and_then_stops() -> None:
    plan = make_plan("gradient_descent", "adaptive(minimum=0.0001)", epochs=1000, learning_rate=0.01)
    run = run_once(plan=plan, callbacks=[EarlyStopping("loss", 2, 1e9)])
    rates = run.history["learning_rate"]
    assert sorted(set(rates), reverse=True) == pytest.approx([0.01, 0.002, 0.0004, 0.00008])
    assert run.converged
    assert run.epoch == 1 + 4 * 3  # the first epoch is an improvement on nothing, then 4 rates with 3 epochs each
    assert run.state.plateaus == 3


def test_constant_stops_at_the_first_plateau() -> None:
    run = run_once(plan=make_plan(epochs=1000), callbacks=[EarlyStopping("loss", 2, 1e9)])
    assert run.epoch == 4
    assert set(run.history["learning_rate"]) == {0.01}


def test_epochs_are_run_one_by_one_as_at_once() -> None:
    at_once = run_once(7)
    network, state = make_network(), State(seed=7)
    for _ in range(6):
        run = train(network, make_data(), make_plan(), state=state, epochs=1)
    assert_same_run(run, at_once)


def test_another_optimizer_begins_with_its_own_moments() -> None:
    network, state = make_network(), State(seed=7)
    for optimizer in ["rmsprop", "momentum", "adam", "nesterov", "gradient_descent", "adamw"]:
        before = network.theta.copy()
        train(network, make_data(), make_plan(optimizer, batch_size=ROWS), state=state, epochs=1)
        assert set(state.moments) == set(OPTIMIZERS[optimizer].moments)
        if optimizer == "momentum":  # its first step is one of gradient descent, whatever RMSProp has remembered
            twin = make_network().with_theta(before)
            data = make_data()
            twin.step(twin.backward(twin.forward(data.X), data.y), 0.01)
            np.testing.assert_allclose(network.theta, twin.theta, rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_the_seconds_of_an_epoch_include_its_validation(optimizer: str) -> None:
    def measure(network: Network) -> dict[str, float]:
        time.sleep(0.02)
        return {"validation_loss": 1.0}

    run = run_once(plan=make_plan(optimizer, epochs=2), validation=measure)
    assert min(run.history["seconds"]) >= 0.02


# L-BFGS


def test_lbfgs_counts_its_steps_as_epochs() -> None:
    run = run_once(plan=make_plan("lbfgs", epochs=5), validation=lambda network: {"mine": network.theta[0]})
    assert run.epoch == 5
    assert {len(values) for values in run.history.values()} == {5}
    assert run.history["mine"][-1] == run.network.theta[0]
    assert run.history["loss"] == sorted(run.history["loss"], reverse=True)
    assert not run.converged


def test_lbfgs_ends_when_there_is_nothing_left_to_gain() -> None:
    run = run_once(plan=make_plan("lbfgs", epochs=2000, penalties={"l2": 1.0}))
    assert run.converged
    after, g = run.engine.cost_and_gradient(run.network, run.data, {"l2": 1.0})
    before, g_before = run.engine.cost_and_gradient(make_network(), run.data, {"l2": 1.0})
    assert after < before / 5
    assert np.abs(g).max() < np.abs(g_before).max() / 10  # relu has kinks, at which the gradient does not vanish


def test_lbfgs_at_the_optimum_takes_no_step_and_still_has_a_loss() -> None:
    data = Data(np.ones((5, 1)), np.zeros((5, 1)))
    run = train(Network.create([1, 1], ["identity"]), data, make_plan("lbfgs"))
    assert run.converged
    assert run.epoch == 0
    assert run.history["loss"] == [0.0]


def test_lbfgs_with_l1_sets_weights_to_exactly_zero_and_reports_the_penalty() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    data = Data(X, 2 * X[:, :1] - X[:, 1:2] + 0.01 * rng.normal(size=(200, 1)))
    network = Network.create([6, 1], ["identity"])
    run = train(network, data, make_plan("lbfgs", epochs=500, penalties={"l1": 5.0}, tol=1e-9))
    W = network.W[1].ravel()
    assert (W[2:] == 0).all()
    assert (W[:2] != 0).all()
    J = run.engine.cost(network, data) + 5.0 / 200 * np.abs(W).sum()
    assert run.history["loss"][-1] == pytest.approx(J, rel=1e-6)


def test_lbfgs_is_stopped_by_a_callback() -> None:
    run = run_once(plan=make_plan("lbfgs", epochs=100), callbacks=[lambda run: run.stop("enough")])
    assert (run.epoch, run.stopped) == (1, "enough")


def test_lbfgs_with_no_epochs_left_changes_nothing() -> None:
    run = run_once(plan=make_plan("lbfgs", epochs=3), epochs=0)
    np.testing.assert_array_equal(run.network.theta, make_network().theta)


# what is refused


def test_an_epoch_without_any_weight_is_refused() -> None:
    data = make_data()
    with pytest.raises(DataError, match="positive weight"):
        run_once(data=Data(data.X, data.y, np.zeros(ROWS)))
    with pytest.raises(DataError, match="at least one sample"):
        run_once(data=data.rows(slice(0, 0)))


def test_shapes_that_do_not_fit_are_refused() -> None:
    data = make_data()
    with pytest.raises(DataError, match=r"expected X of shape \(m, 3\)"):
        run_once(data=Data(data.X[:, :2], data.y))
    with pytest.raises(DataError, match=r"expected y of shape \(60, 1\)"):
        run_once(data=Data(data.X, data.y[:5]))


def test_an_unknown_engine_and_what_is_no_callback_are_refused() -> None:
    with pytest.raises(UnknownName, match="reference"):
        run_once(engine="abacus")
    with pytest.raises(InvalidOption, match="found 3"):
        run_once(callbacks=[3])
    with pytest.raises(InvalidOption, match="pass an instance"):
        run_once(callbacks=[EarlyStopping])


def test_a_validation_cannot_replace_what_the_loop_records() -> None:
    with pytest.raises(InvalidOption, match="'loss'"):
        run_once(validation=lambda network: {"loss": 0.0})


# sample weights


def test_samples_of_weight_zero_teach_nothing() -> None:
    data = make_data()
    w = np.ones(ROWS)
    w[16:32] = 0  # one whole batch, too
    nonsense = Data(data.X, np.where(w[:, None] == 0, 1e6, data.y), w)
    plan = make_plan(shuffle=False)
    run = run_once(plan=plan, data=nonsense)
    assert run.history["loss"][-1] < 10
    assert_same_run(run, run_once(plan=plan, data=Data(data.X, data.y, w)))


def test_weights_of_two_are_samples_twice() -> None:
    data = make_data()
    w = np.r_[np.ones(30), np.full(30, 2.0)]
    twice = data.rows(np.r_[np.arange(60), np.arange(30, 60)])
    plan = make_plan("gradient_descent", batch_size=90, epochs=20, penalties={"l2": 0.3})
    weighted, repeated = run_once(plan=plan, data=Data(data.X, data.y, w)), run_once(plan=plan, data=twice)
    np.testing.assert_allclose(weighted.network.theta, repeated.network.theta, rtol=1e-10)


# values that cease to be finite


def test_not_finite_names_layer_and_step() -> None:
    with pytest.raises(NotFinite, match=r"layer \d at step \d+; lower the learning rate") as caught:
        run_once(plan=make_plan("gradient_descent", learning_rate=1e6))
    assert 1 <= caught.value.layer <= 3
    assert caught.value.step >= 2
    assert f"layer {caught.value.layer} at step {caught.value.step}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("layer", [1, 2])
def test_not_finite_names_the_first_layer_that_broke(layer: int, optimizer: str) -> None:
    network = make_network()
    network.W[layer][0, 0] = np.inf
    with pytest.raises(NotFinite) as caught:
        train(network, make_data(), make_plan(optimizer))
    assert caught.value.layer == layer
    # the tanh of layer 1 hides an infinite weight from the cost, so that Adam meets it when the epoch is over
    assert caught.value.step == (4 if optimizer == "adam" and layer == 1 else 1)
    assert f"W[{layer}]" in str(caught.value)


def test_not_finite_in_a_later_epoch_counts_its_steps_from_the_start() -> None:
    def spoil(run: Run) -> None:
        if run.epoch == 2:
            run.network.b[2][0] = np.nan

    with pytest.raises(NotFinite) as caught:
        run_once(callbacks=[spoil])
    assert (caught.value.layer, caught.value.step) == (2, 2 * 4 + 1)
    assert "b[2]" in str(caught.value)


class Spoil(Callback):
    """After an epoch, the weights become absurd."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, run: Run) -> None:
        if run.epoch == self.epoch:
            run.network.theta[:] = 1e200


def test_not_finite_with_early_stopping_keeps_the_best_weights_and_warns() -> None:
    stopper = EarlyStopping("loss")
    with pytest.warns(DeltaruleWarning, match=r"at step 13.* The best weights so far are kept"):
        run = run_once(callbacks=[stopper, Spoil(3)])
    assert isinstance(run.failure, NotFinite)
    assert run.recovered
    np.testing.assert_array_equal(run.network.theta, run_once(epochs=3).network.theta)
    assert {len(values) for values in run.history.values()} == {3}
    assert np.isfinite(run.history["loss"]).all()


def test_not_finite_without_early_stopping_goes_back_to_the_last_epoch_before_it_raises() -> None:
    network = make_network()
    with pytest.raises(NotFinite):
        train(network, make_data(), make_plan(), callbacks=[Spoil(3)], state=State(seed=0))
    np.testing.assert_array_equal(network.theta, run_once(epochs=3).network.theta)


# callbacks are told the end, however it comes


class Diary(Callback):
    def __init__(self) -> None:
        self.events: list[str] = []

    def on_start(self, run: Run) -> None:
        self.events.append("start")

    def on_epoch_end(self, run: Run) -> None:
        self.events.append(f"epoch {run.epoch}")

    def on_end(self, run: Run) -> None:
        self.events.append(f"end: {run.stopped}")


def test_callbacks_see_start_epochs_and_end() -> None:
    diary = Diary()
    run_once(epochs=2, callbacks=[diary])
    assert diary.events == ["start", "epoch 1", "epoch 2", "end: Maximum iterations (2) reached."]


def test_callbacks_see_the_end_when_another_fails() -> None:
    diary = Diary()

    def fail(run: Run) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_once(callbacks=[diary, fail])
    assert diary.events == ["start", "epoch 1", "end: Training ended by ZeroDivisionError."]


def test_callbacks_that_have_not_begun_are_not_told_the_end() -> None:
    class Fails(Diary):
        def on_start(self, run: Run) -> None:
            raise ZeroDivisionError

    first, failing, last = Diary(), Fails(), Diary()
    with pytest.raises(ZeroDivisionError):
        run_once(callbacks=[first, failing, last])
    assert first.events == ["start", "end: Training ended by ZeroDivisionError."]
    assert failing.events == last.events == []


def test_one_batch_needs_no_order_and_float32_stays_float32() -> None:
    data = make_data(dtype=np.float32)
    run = train(make_network(dtype=np.float32), data, make_plan(batch_size=100, epochs=30))
    assert run.network.theta.dtype == np.float32
    assert run.history["loss"][-1] < run.history["loss"][0]


def test_newton_takes_one_layer_with_a_second_derivative():
    data = make_data()
    with pytest.raises(InvalidOption, match="newton expects one layer, found 3"):
        train(make_network(), data, make_plan("newton"))
    for name, activation, reason in (("huber", "identity", "huber"), ("poisson", "softplus", "poisson_deviance")):
        network = Network.create([3, 1], [activation], name)
        with pytest.raises(InvalidOption, match=f"a loss with a second derivative, found {reason}"):
            train(network, Data(data.X, data.y**2), make_plan("newton"))
    network = Network.create([3, 1], ["exp"], "poisson")
    run = train(network, Data(data.X, data.y**2), make_plan("newton", epochs=50, tol=1e-8, penalties={"l2": 3.0}))
    assert run.converged
    g = run.cost.smooth(network.theta)[1]
    np.testing.assert_allclose(g, 0, atol=1e-8)
    g[:3] -= 3.0 / ROWS * network.W[1][0]
    np.testing.assert_allclose(g, network.backward(network.forward(data.X), data.y**2).flat, atol=1e-12)


def test_weights_below_zero_are_refused() -> None:
    network, data = make_network(), make_data()
    data = Data(data.X, data.y, np.where(np.arange(len(data)) == 1, -1.0, 1.0).astype(data.X.dtype))
    with pytest.raises(DataError, match="weights of 0 or more, found -1"):
        train(network, data, make_plan())
