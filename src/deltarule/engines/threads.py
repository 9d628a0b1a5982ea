"""Threads that do not change the result.

OpenBLAS splits a product differently for each number of threads, and rounds differently. So the reference engine keeps
the linear algebra to one thread, and shares out fixed chunks of rows instead, whose results are put together in their
order.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np
from joblib import cpu_count, effective_n_jobs
from threadpoolctl import ThreadpoolController

T = TypeVar("T")
LITTLE, NARROW = 2000, 20  # numbers, and columns, of a table that BLAS does not share out
CHUNK = 8192  # rows: small enough to bound the memory of the activations, large enough to be fast


class BlasLimit:
    """Keeps BLAS to one thread as long as there are users."""

    def __init__(self) -> None:
        self.lock, self.users = threading.Lock(), 0
        self.before: list[tuple[Any, int]] = []  # libraries of the whole process, and how many threads they had

    def enter(self) -> list[tuple[Any, int]]:
        """One user more; what its thread had of its own."""
        with self.lock:
            self.users += 1
            if self.users == 1:
                self.before = _one_thread(_of_a_thread(False))
        return _one_thread(_of_a_thread(True))

    def leave(self, own: list[tuple[Any, int]]) -> None:
        """One user less."""
        _set_threads(own)
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.restore()

    def restore(self) -> None:
        """Let BLAS have its threads again."""
        _set_threads(self.before)
        self.before = []


_blas = BlasLimit()


def _forget() -> None:
    """In a child process, whose parent may have been in the middle of something on other threads."""
    global _blas  # noqa: PLW0603
    _blas.restore()
    _blas = BlasLimit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def usable_threads(n_jobs: int | None = None) -> int:
    """How many threads `n_jobs` stands for: None for all cores that this process may use.

    Those are the ones its affinity and its container leave it, and no more than ``OMP_NUM_THREADS``, with which joblib
    tells its workers their share. Other numbers are joblib's: -1 for all cores.
    """
    if n_jobs is not None:
        return int(effective_n_jobs(n_jobs))
    asked = os.environ.get("OMP_NUM_THREADS", "")
    allowed = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    cores = _cores(allowed, os.environ.get("LOKY_MAX_CPU_COUNT"))
    return max(1, min(cores, int(asked) if asked.isdecimal() else sys.maxsize))


@cache
def _cores(allowed: frozenset[int] | None, limit: str | None) -> int:
    """What joblib counts, which reads several files: asked once for the cores and the limit it looks at."""
    return int(cpu_count())


@cache
def _blas_libraries() -> list[Any]:
    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]


@cache
def _of_a_thread(each: bool) -> list[Any]:
    """The libraries of which `each` thread has a limit of its own; or those that have one for the whole process."""
    return [library for library in _blas_libraries() if _limits_a_thread(library) == each]


def _limits_a_thread(library: Any) -> bool:
    """As OpenBLAS on OpenMP does, from threadpoolctl 3.8 on."""
    return hasattr(library, "clear_controlling_thread") and library.threading_layer == "openmp"


def _is_controlled(library: Any) -> bool:
    """Whether only the first thread that limits the whole process may do so, as threadpoolctl has it from 3.8 on."""
    return hasattr(library, "clear_controlling_thread") and not _limits_a_thread(library)


def _one_thread(libraries: list[Any]) -> list[tuple[Any, int]]:
    """One thread from here on; how many there were."""
    known = [(library, library.get_num_threads()) for library in libraries]
    before = [(library, threads) for library, threads in known if threads is not None]
    _set_threads([(library, 1) for library, _ in before])
    return before


def _set_threads(limits: list[tuple[Any, int]]) -> None:
    """Whoever calls: limits of the whole process are set by one user at a time."""
    for library, threads in limits:
        if _is_controlled(library):
            library.clear_controlling_thread(force=True)
        library.set_num_threads(threads)
        if _is_controlled(library):
            library.clear_controlling_thread()


@contextmanager
def one_blas_thread(rows: float = np.inf, columns: float = np.inf) -> Iterator[None]:
    """Keep the linear algebra of the whole process to one thread, until the last of those who asked has left.

    A table of so few `rows` and `columns` that BLAS does not share out its products needs no limit.
    """
    if columns <= NARROW and rows * columns <= LITTLE:
        yield
        return
    limit = _blas
    own = limit.enter()
    try:
        yield
    finally:
        limit.leave(own)


def map_chunks(function: Callable[[slice], T], n_rows: int, threads: int) -> list[T]:
    """`function` of each chunk of rows, in their order, on up to `threads` threads."""
    chunks = [slice(i, min(i + CHUNK, n_rows)) for i in range(0, max(n_rows, 1), CHUNK)]
    if threads == 1 or len(chunks) == 1:
        return [function(chunk) for chunk in chunks]
    with ThreadPoolExecutor(min(threads, len(chunks)), initializer=_one_thread, initargs=(_of_a_thread(True),)) as pool:
        return list(pool.map(function, chunks))
