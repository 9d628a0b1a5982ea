"""The native engine: whole epochs in C++ (`cpp/`), several times as fast as the reference, which says what is right.

An entry of a register runs here if its formula is one that the compiled module knows; see `NativeEngine.supports`.
"""

from __future__ import annotations

import atexit
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from ..arrays import Array, zeros_in_lines
from ..equations import ACTIVATIONS, LOSSES, OPTIMIZERS, Optimizer
from ..errors import EngineUnsupported
from ..layers import Layer
from ..network import Network
from ..registry import Entry
from . import _native
from .base import Data, Steps, not_finite, positive_weight

atexit.register(_native.end)  # threads that are still at work then must not ask for Python any more

ACTIVATION_CODES = {ACTIVATIONS[name].formula: code for code, name in enumerate(_native.ACTIVATIONS)}
OPTIMIZER_CODES = {OPTIMIZERS[name].formula: code for code, name in enumerate(_native.OPTIMIZERS)}
LOSS_CODES = {(LOSSES[name].formula, output): code for code, (name, output) in enumerate(_native.LOSSES)}
PENALTIES = ("l1", "l2")
LARGE, PAGE = 1 << 20, 1 << 21
"""Bytes of moments for which a large page is worth its while, and of that."""


@cache
def instruction_set() -> str:
    """The fastest this machine has, such as "v3"; the environment variable ``DELTARULE_ISA`` forces one.

    Raises
    ------
    EngineUnsupported
        If the one asked for is not there.
    """
    here: list[str] = _native.targets()
    asked = os.environ.get("DELTARULE_ISA") or here[0]
    if asked not in here:
        raise EngineUnsupported(
            f"expected DELTARULE_ISA to be an instruction set of this machine ({', '.join(here)}), found {asked!r}",
            "unset it, and the fastest is taken",
        )
    return asked


class NativeEngine:
    """See `deltarule.engines.base.Engine`."""

    name = "native"

    def supports(
        self,
        network: Network,
        X: Array | None = None,
        optimizer: Optimizer | None = None,
        penalties: Mapping[str, float] | None = None,
    ) -> str | None:
        """Everything of the registers, on dense data; not what was added to them at run time."""
        for layer in network.layers:
            if layer.activation.formula not in ACTIVATION_CODES:
                return f"it has no kernel for the activation {layer.activation.name}"
        if loss_code(network) is None:
            return f"it has no kernel for {network.loss.name} of {network.layers[-1].activation.name}"
        if X is not None and not isinstance(X, np.ndarray):
            return "it takes dense data, found a sparse matrix"
        if optimizer is not None and not optimizer.full_batch and _optimizer_code(optimizer) is None:
            return f"it has no kernel for the optimizer {optimizer.name}"
        unknown = [name for name in penalties or () if name not in PENALTIES]
        return f"it has no kernel for the penalty {unknown[0]}" if unknown else None

    def predict(self, network: Network, X: Array, *, threads: int = 1) -> Array:
        """``ŷ`` (m, n_L)."""
        out = np.empty((X.shape[0], network.layers[-1].units), network.theta.dtype)
        _native.predict(instruction_set(), _describe(network), network.theta, _rows(X, network), out, threads)
        return out

    def cost(self, network: Network, data: Data, *, threads: int = 1) -> float:
        """``J`` over all samples, without penalties and dropout."""
        return self._cost(network, data, None, {}, threads)

    def cost_and_gradient(
        self, network: Network, data: Data, penalties: Mapping[str, float], *, threads: int = 1
    ) -> tuple[float, Array]:
        """``J`` with penalties over all samples, and its gradient (P,)."""
        g = np.empty_like(network.theta)
        return self._cost(network, data, g, penalties, threads), g

    def _cost(
        self, network: Network, data: Data, g: Array | None, penalties: Mapping[str, float], threads: int
    ) -> float:
        positive_weight(data)
        return float(
            _native.cost(
                instruction_set(),
                _describe(network),
                network.theta,
                g,
                _rows(data.X, network),
                _rows(data.y, network),
                _weights(data, network),
                penalties.get("l1", 0.0),
                penalties.get("l2", 0.0),
                threads,
            )
        )

    def moments(
        self, network: Network, optimizer: Optimizer, found: Mapping[str, Array] | None = None
    ) -> Mapping[str, Array]:
        """In the layout of the kernels."""
        if isinstance(found, PackedMoments) and found.fit(network):
            return found
        return PackedMoments(network, optimizer, found)

    def kept(self, moments: Mapping[str, Array]) -> Mapping[str, Array]:
        """In the layout of the kernels; of a cost that takes its own steps, in that of ``theta``."""
        return moments.packed if isinstance(moments, PackedMoments) else moments

    def epochs(
        self,
        network: Network,
        data: Data,
        steps: Steps,
        optimizer: Optimizer,
        moments: Mapping[str, Array],
        penalties: Mapping[str, float],
        *,
        threads: int = 1,
    ) -> list[float]:
        """Forward, loss, backward, step, for every batch of the epochs, without returning to Python in between."""
        held = self.moments(network, optimizer, moments)
        assert isinstance(held, PackedMoments)
        assert held is moments or not isinstance(moments, PackedMoments)  # those of another network
        costs, failed = _native.epochs(
            instruction_set(),
            _describe(network),
            network.theta,
            *held.packed.values(),
            *[None] * (2 - len(held)),
            _rows(data.X, network),
            _rows(data.y, network),
            _weights(data, network),
            steps.orders,
            steps.batch_size,
            steps.alphas.ravel().tolist(),
            len(steps.alphas),
            steps.first,
            steps.seed,
            _optimizer_code(optimizer),
            list(map(float, optimizer.settings.values())),
            penalties.get("l1", 0.0),
            penalties.get("l2", 0.0),
            threads,
        )
        if held is not moments:
            for name, moment in moments.items():
                moment[...] = held[name]
        if failed >= 0:
            t, _, rows = next(islice(steps.batches(), failed, None))
            raise not_finite(network, data.rows(rows), t)
        return costs


class PackedMoments(Mapping[str, Array]):
    """The optimizer's arrays in the layout of the kernels; asked for by name, a copy in that of ``theta``."""

    def __init__(self, network: Network, optimizer: Optimizer, found: Mapping[str, Array] | None) -> None:
        self.place = instruction_set(), _describe(network)
        self.dtype, self.n_parameters = network.theta.dtype, network.theta.size
        size = _native.packed_size(*self.place, self.dtype.itemsize)
        self.packed = {name: _zeros(size, self.dtype) for name in optimizer.moments}
        if found:
            for name, packed in self.packed.items():
                _native.pack(*self.place, _rows(found[name], network), packed)

    def fit(self, network: Network) -> bool:
        """Whether they are laid out for this network, here and now."""
        return self.place == (instruction_set(), _describe(network)) and self.dtype == network.theta.dtype

    def __getitem__(self, name: str) -> Array:
        flat = np.empty(self.n_parameters, self.dtype)
        _native.unpack(*self.place, self.packed[name], flat)
        return flat

    def __iter__(self) -> Iterator[str]:
        return iter(self.packed)

    def __len__(self) -> int:
        return len(self.packed)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def _zeros(size: int, dtype: np.dtype[Any]) -> Array:
    """Zeros; many of them in large pages, where the system has these."""
    if size * dtype.itemsize >= LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
        pages = mmap.mmap(-1, -(-size * dtype.itemsize // PAGE) * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):  # a system without large pages
            pages.madvise(mmap.MADV_HUGEPAGE)
        return np.frombuffer(pages, dtype, size)
    return zeros_in_lines(size, dtype)


def _rows(A: Array, network: Network) -> Array:
    """`A` in the network's precision, one row after another; not copied if it is that already."""
    return np.ascontiguousarray(A, dtype=network.theta.dtype)


def _weights(data: Data, network: Network) -> Array | None:
    return None if data.w is None else _rows(data.w, network)


def _option(entry: Entry) -> float:
    """The one option of an activation or a loss that its kernel takes."""
    return float(next(iter(entry.settings.values()), 0.0))


def loss_code(network: Network) -> int | None:
    """The kernel of the loss together with its output activation, or of the loss alone."""
    formula, output = network.loss.formula, network.layers[-1].activation.name
    return LOSS_CODES.get((formula, output), LOSS_CODES.get((formula, None)))


def _optimizer_code(optimizer: Optimizer) -> int | None:
    return OPTIMIZER_CODES.get(optimizer.formula) if type(optimizer) is Optimizer else None


def _describe(network: Network) -> Any:
    """What the compiled module knows the network by; kept with it, as it depends on nothing that changes."""
    kept = network.__dict__.get("_described")
    if kept is None:
        kept = network.__dict__["_described"] = _described(network)
    return kept


def _described(network: Network) -> Any:
    code = loss_code(network)
    assert code is not None
    return _native.Network(
        network.n_features,
        [_describe_layer(layer) for layer in network.layers],
        code,
        _option(network.loss),
        _native.LOSSES[code][1] is not None,
    )


def _describe_layer(layer: Layer) -> tuple[int, int, float, bool, bool, float]:
    g = layer.activation
    learns = g.learns is not None
    return (
        layer.units,
        ACTIVATION_CODES[g.formula],
        _option(g),
        learns,
        learns and bool(g.settings.get("shared")),
        layer.dropout,
    )


def few_rows(network: Network, X: Array) -> Array | None:
    """``ŷ`` (m, n_L), unless network or data are not for this engine; see `Network.few_rows`."""
    theta, described = network.theta, network.__dict__.get("_described")
    if X.dtype != theta.dtype or X.shape[1] != network.n_features:
        return None
    if described is None:
        if NativeEngine().supports(network):
            return None
        described = _describe(network)
    out = np.empty((len(X), network.layers[-1].units), theta.dtype)
    _native.predict(instruction_set(), described, theta, X if X.flags.c_contiguous else np.ascontiguousarray(X), out, 1)
    return out


Network.few_rows = few_rows
