"""The linear algebra has one thread while it is asked to, whichever thread asks, and all of them again afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from deltarule import LogisticRegression
from deltarule.engines import threads
from deltarule.engines.threads import CHUNK, one_blas_thread


def test_the_linear_algebra_is_limited_and_free_again_in_whichever_thread(
    blas_threads: Callable[[], list[int]],
) -> None:
    """The first user enters here and leaves first, the second is another thread."""
    inside, done = threading.Event(), threading.Event()

    def second() -> list[int]:
        with one_blas_thread():
            inside.set()
            done.wait(60)
            return blas_threads()

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(1) as pool:
            with one_blas_thread():
                other = pool.submit(second)
                inside.wait(60)
                assert set(blas_threads()) == {1}
            done.set()
            assert set(other.result()) == {1}
            assert blas_threads() == before
            with one_blas_thread():
                pass
            assert pool.submit(second).result() == other.result()
        assert blas_threads() == before


def test_a_fit_has_the_same_bits_in_another_thread() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 60)), rng.integers(0, 3, 1000)
    here = LogisticRegression().fit(X, y).coef_
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(lambda: LogisticRegression().fit(X, y).coef_).result()
    np.testing.assert_array_equal(here, there)


def test_threads_with_a_limit_of_their_own_each_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of OpenBLAS on OpenMP."""

    class Library(threading.local):
        threading_layer, user_api, n = "openmp", "blas", 5

        def clear_controlling_thread(self, force: bool = False) -> None:
            raise AssertionError("what another thread controls is none of its business")

        def get_num_threads(self) -> int:
            return self.n

        def set_num_threads(self, n: int) -> None:
            self.n = n

    library = Library()
    monkeypatch.setattr(threads, "_blas_libraries", lambda: [library])
    monkeypatch.setattr(threads, "_of_a_thread", threads._of_a_thread.__wrapped__)
    with one_blas_thread():
        found = threads.map_chunks(lambda rows: library.n, 4 * CHUNK, 3)
        assert found == [1] * 4
        assert library.n == 1
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(library.get_num_threads).result() == 5
    assert library.n == 5
