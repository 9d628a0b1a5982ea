"""A network: a frozen description and one flat parameter vector `theta`, with ``W[l]`` and ``b[l]`` as views on it.

    Z[l] = W[l] a[l-1] + b[l],   a[l] = g[l](Z[l]),   ŷ = a[L]

Layers are counted from 1, as in the lecture; ``a[0]`` is ``X``. Here stands the whole computation, layer by layer:
`forward`, `cost`, `backward`, `step`. Engines may do the same faster, never differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from .arrays import FLOATS, FRACTIONS, Array, zeros_in_lines
from .equations import INITIALIZERS, LOSSES, Activation, Initializer, Loss, dense
from .equations.losses import cost, cost_backward
from .equations.optimizers import gradient_descent
from .errors import DataError, InvalidOption
from .layers import Cache, Deltas, Layer, Parameters, count_parameters, make_layers
from .lazily import cached_property

PRECISIONS = (*FLOATS, FRACTIONS)
FEW_ROWS = 4  # rows
MOST_PARAMETERS = 2**31  # 16 GB in float64; beyond, a mistyped size is likelier than a wish


@dataclass(frozen=True, eq=False)
class Network:
    """A dense network.

    Parameters
    ----------
    n_features : int
        ``n_x``, the number of inputs.
    layers : tuple of Layer
        Layers 1 to L.
    loss : Loss
        The loss ``L(ŷ, y)`` it is trained on.
    theta : (P,)
        All parameters: ``W[1]``, ``b[1]`` (and ``p[1]``), ``W[2]``, ...; float32 or float64.

    Examples
    --------
    >>> network = Network.create([2, 4, 1], ["tanh", "sigmoid"], loss="binary_cross_entropy", seed=0)
    >>> network.W[1].shape, network.b[2].shape
    ((4, 2), (1,))
    """

    n_features: int
    layers: tuple[Layer, ...]
    loss: Loss
    theta: Array

    few_rows: ClassVar[Callable[[Network, Array], Array | None] | None] = None
    """How an engine predicts a few rows (m, n) in less time than NumPy takes to begin; set when that is imported."""

    def __post_init__(self) -> None:
        if not self.layers:
            raise InvalidOption("expected a layer, found none")
        if self.theta.shape != (self.n_parameters,) or self.theta.dtype not in PRECISIONS:
            raise InvalidOption(
                f"expected theta of shape ({self.n_parameters},) in float32 or float64, "
                f"found {self.theta.shape} in {self.theta.dtype}"
            )
        if not self.theta.flags.c_contiguous:
            raise InvalidOption("expected theta in one piece, found an array with gaps", "copy it: theta.copy()")
        self._check_layers()

    def _check_layers(self) -> None:
        for l, layer in enumerate(self.layers, 1):
            if not 0 <= layer.dropout < 1:
                raise InvalidOption(f"layer {l}: dropout must lie in [0, 1), found {layer.dropout!r}")
            if layer.activation.output_only and l < len(self.layers):
                raise InvalidOption(
                    f"layer {l}: {layer.activation.name} is an output activation, found in a hidden layer"
                )
        if self.layers[-1].dropout:
            raise InvalidOption(f"dropout of the output layer must be 0, found {self.layers[-1].dropout!r}")
        reason = self.loss.accepts(self.layers[-1].activation)
        if reason:
            raise InvalidOption(reason, f"use {self.loss.output!r} as the output activation")

    @classmethod
    def create(
        cls,
        sizes: Sequence[int],
        activations: Sequence[str | Activation],
        loss: str | Loss = "squared_error",
        *,
        dropout: float | Sequence[float] = 0.0,
        initializer: str | Initializer = "auto",
        seed: int = 0,
        dtype: Any = np.float64,
    ) -> Self:
        """A network with freshly drawn weights.

        Parameters
        ----------
        sizes : sequence of int
            ``[n_x, n_1, ..., n_L]``.
        activations : sequence of str
            ``g[1]``, ..., ``g[L]``.
        loss : str
        dropout : float or sequence of float
            For the hidden layers: one for all, or one each.
        initializer : str
            "auto" takes the one that suits each layer's activation; zeros for a network of one layer (a convex cost).
        seed : int
        dtype : float32 or float64

        Raises
        ------
        UnknownName, InvalidOption
            For names, options, sizes or pairings that are not allowed.
        """
        layers = make_layers(sizes, activations, dropout)
        network = cls.of_zeros(int(sizes[0]), layers, LOSSES.choose(loss), dtype)
        network._initialize(initializer, seed)
        return network

    @classmethod
    def of_zeros(cls, n_features: int, layers: tuple[Layer, ...], loss: Loss, dtype: Any) -> Self:
        """A network all of whose parameters are zero."""
        n_parameters = count_parameters(n_features, layers)
        if n_parameters > MOST_PARAMETERS:
            sizes = [n_features, *(layer.units for layer in layers)]
            raise InvalidOption(
                f"expected at most {MOST_PARAMETERS:,} parameters, found {n_parameters:,} for sizes {sizes}",
                "use smaller layers",
            )
        return cls(n_features, layers, loss, zeros_in_lines(n_parameters, dtype))

    def _initialize(self, initializer: str | Initializer, seed: int) -> None:
        rng = None
        for l, layer in enumerate(self.layers, 1):
            name: str | Initializer = initializer
            if name == "auto":
                name = "zeros" if len(self.layers) == 1 else layer.activation.initializer
            if name != "zeros":  # theta is zero already
                rng = rng or np.random.default_rng(seed)
                self.W[l][...], self.b[l][...] = INITIALIZERS.choose(name).draw(self.W[l].shape, rng)
            if l in self.p:
                self.p[l][...] = layer.activation.settings["initial"]

    @property
    def sizes(self) -> list[int]:
        """``[n_x, n_1, ..., n_L]``."""
        return [self.n_features, *(layer.units for layer in self.layers)]

    @cached_property
    def n_parameters(self) -> int:
        """``P``, the length of `theta`."""
        return count_parameters(self.n_features, self.layers)

    @cached_property
    def parameters(self) -> Parameters:
        """Views on `theta`."""
        return self.view(self.theta)

    @property
    def W(self) -> dict[int, Array]:
        """Weights, l -> (n_l, n_{l-1}); views on `theta`."""
        return self.parameters.W

    @property
    def b(self) -> dict[int, Array]:
        """Biases, l -> (n_l,); views on `theta`."""
        return self.parameters.b

    @property
    def p(self) -> dict[int, Array]:
        """Learned parameters of the activations, l -> (n_l,) or (1,); views on `theta`."""
        return self.parameters.p

    def view(self, flat: Array) -> Parameters:
        """Views, layer by layer, on a vector (P,) laid out like `theta`."""
        views, start, n_in = Parameters(flat), 0, self.n_features
        for l, layer in enumerate(self.layers, 1):
            n_out = layer.units
            b, p = start + n_out * n_in, start + n_out * (n_in + 1)
            views.W[l] = flat[start:b].reshape(n_out, n_in)
            views.b[l] = flat[b:p]
            start, n_in = p + layer.activation.n_learned(n_out), n_out
            if start > p:
                views.p[l] = flat[p:start]
        return views

    def with_theta(self, theta: Array) -> Self:
        """The same network with other parameters (P,)."""
        return replace(self, theta=theta)

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("n_features", "layers", "loss", "theta")}

    def forward(self, X: Array, *, dropout_key: tuple[int, int] | None = None) -> Cache:  # lecture: 5
        """The forward pass: ``Z[l] = W[l] a[l-1] + b[l]``, ``a[l] = g[l](Z[l])`` for l = 1 to L.

        Parameters
        ----------
        X : (m, n_x)
        dropout_key : (seed, step), optional
            Draw dropout masks, as in training; without it nothing is dropped.

        Returns
        -------
        Cache
            ``cache.prediction`` is ``ŷ`` (m, n_L).

        Raises
        ------
        DataError
            If `X` has another shape.
        """
        self._check_width(X)
        cache = Cache(a={0: X})
        for l, layer in enumerate(self.layers, 1):
            Z = dense.linear(cache.seen(l - 1), self.W[l], self.b[l])  # (m, n_l)  lecture: 3
            a = layer.activation.forward(Z, self.p.get(l))  # (m, n_l)
            cache.Z[l], cache.a[l] = Z, a
            if layer.dropout and dropout_key is not None:
                cache.mask[l] = dense.dropout_mask(a.shape, layer.dropout, (*dropout_key, l), a.dtype)
                cache.dropped[l] = dense.dropout(a, cache.mask[l])
        return cache

    def sample_losses(self, cache: Cache, y: Array) -> Array:
        """``L(ŷ⁽ⁱ⁾, y⁽ⁱ⁾)`` of each sample, (m,), for targets `y` (m, n_L)."""
        top = len(self.layers)
        return self.loss.forward(self.layers[-1].activation, cache.Z[top], cache.a[top], self._targets(cache, y))

    def cost(self, cache: Cache, y: Array, w: Array | None = None) -> float:
        """The cost ``J = (1/m) Σ L``, for targets `y` (m, n_L) and optional sample weights `w` (m,)."""
        return cost(self.sample_losses(cache, y), w)

    def backward(
        self,
        cache: Cache,
        y: Array,
        w: Array | None = None,
        *,
        out: Parameters | None = None,
        deltas: Deltas | None = None,
    ) -> Parameters:
        """Backpropagation: ``dW[l]``, ``db[l]`` for l = L to 1.

        Parameters
        ----------
        cache : Cache
            Of the `forward` pass to undo.
        y : (m, n_L)
        w : (m,), optional
        out : Parameters, optional
            Where to write the gradient; else it is allocated.
        deltas : Deltas, optional
            Takes ``dA[l]`` and ``dZ[l]``.

        Returns
        -------
        Parameters
            The gradient of the cost, laid out like the parameters: ``W[l]`` holds ``dW[l]``.
        """
        grad = self.view(np.empty_like(self.theta)) if out is None else out
        top = len(self.layers)
        output = self.layers[-1].activation
        # J = (1/m) Σ L(a[L], y)  ->  dA[L]; or, if fused with g[L], dZ[L] at once
        dA = cost_backward(self.loss.backward(output, cache.Z[top], cache.a[top], self._targets(cache, y)), w)
        for l in range(top, 0, -1):
            g = self.layers[l - 1].activation
            dropped = dA
            if l in cache.mask:
                dA = dense.dropout_backward(dropped, cache.mask[l])
            if l in grad.p:
                g.backward_learned(dA, cache.Z[l], grad.p[l])
            # a[l] = g(Z[l])  ->  dZ[l] = dA[l] ⊙ g'(Z[l])
            fused = l == top and self.loss.is_fused(g)
            dZ = dA if fused else g.backward(dA, cache.Z[l], cache.a[l], self.p.get(l))  # (m, n_l)
            if deltas is not None:
                deltas.dZ[l] = dZ
                deltas.dA |= {} if fused else {l: dA}
                deltas.dropped |= {l: dropped} if l in cache.mask else {}
            # Z[l] = a[l-1] W[l]ᵀ + b[l]  ->  dW[l], db[l], dA[l-1]
            dense.linear_backward(dZ, cache.seen(l - 1), grad.W[l], grad.b[l])
            if l > 1:
                dA = dense.linear_backward_input(dZ, self.W[l])  # (m, n_{l-1})
        return grad

    def step(self, gradient: Parameters, alpha: float) -> None:
        """Gradient descent, in place: ``W[l] = W[l] - α dW[l]``, ``b[l] = b[l] - α db[l]``."""
        gradient_descent(self.theta, gradient.flat, t=1, alpha=alpha)

    def predict(self, X: Array) -> Array:
        """``ŷ`` (m, n_L) for `X` (m, n_x); a few rows by the engine that is there for it, else as `apply` does."""
        quick = Network.few_rows
        few = type(X) is np.ndarray and X.ndim == 2 and len(X) <= FEW_ROWS
        found = quick(self, X) if quick and few else None
        return self.apply(X) if found is None else found

    def apply(self, X: Array) -> Array:
        """``ŷ`` (m, n_L) for `X` (m, n_x), layer by layer; unlike `forward` it keeps nothing for `backward`."""
        self._check_width(X)
        A = X
        for l, layer in enumerate(self.layers, 1):
            A = layer.activation.forward(dense.linear(A, self.W[l], self.b[l]), self.p.get(l))
        return A

    def _targets(self, cache: Cache, y: Array) -> Array:
        """`y` as (m, n_L); of one output it may be (m,)."""
        y, shape = np.asarray(y), cache.prediction.shape
        if y.shape == shape:
            return y
        if y.shape != shape[:1] or shape[1] != 1:
            raise DataError(f"expected y of the shape {shape}, as the prediction has, found {y.shape}")
        return y[:, None]

    def _check_width(self, X: Array) -> None:
        if len(np.shape(X)) != 2 or np.shape(X)[1] != self.n_features:
            raise DataError(
                f"expected samples of the shape (m, {self.n_features}), found {np.shape(X)}", "one row a sample"
            )

    def __repr__(self) -> str:
        return f"Network({self})"

    def __str__(self) -> str:
        """One line: ``4 -> 16 tanh -> 1 sigmoid, binary_cross_entropy, 97 parameters``."""
        chain = " -> ".join(
            f"{x.units} {x.activation}" + (f" (dropout {x.dropout:g})" if x.dropout else "") for x in self.layers
        )
        return f"{self.n_features} -> {chain}, {self.loss}, {self.n_parameters} parameters"


def check_shapes(network: Network, X: Array, y: Array) -> None:
    """Refuse data whose shapes do not fit the network, with a line that says which.

    Raises
    ------
    DataError
    """
    if X.ndim != 2 or X.shape[1] != network.n_features:
        raise DataError(f"expected X of shape (m, {network.n_features}), found {X.shape}")
    if y.shape != (X.shape[0], network.sizes[-1]):
        raise DataError(f"expected y of shape ({X.shape[0]}, {network.sizes[-1]}), found {y.shape}")
