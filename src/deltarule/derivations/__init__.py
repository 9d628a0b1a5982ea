"""Derivations step by step, each line with its rule: of activations, of losses, of backpropagation.

>>> from deltarule import derive
>>> derive("exp").parts[0].result
'exp(Z)'
"""

from __future__ import annotations

from ..equations import ACTIVATIONS, LOSSES, Activation, Loss
from ..errors import InvalidOption, UnknownName, did_you_mean
from . import lecture
from .derivation import Derivation, Line, Part
from .register import derive_activation, derive_loss

__all__ = ["Derivation", "Line", "Part", "derive", "known"]

WRITTEN = {
    "sigmoid": lecture.sigmoid,
    "softmax": lecture.softmax,
    "squared_error": lecture.squared_error,
    "binary_cross_entropy": lecture.binary_cross_entropy,
    "categorical_cross_entropy": lecture.categorical_cross_entropy,
    "poisson_deviance": lecture.poisson_deviance,
    "backprop": lecture.backprop,
}
"""Those that people have written; all others follow from the formula in the register."""

SHORT = {
    "bce": "binary_cross_entropy",
    "mse": "squared_error",
    "cce": "categorical_cross_entropy",
    "cross_entropy": "categorical_cross_entropy",
    "backpropagation": "backprop",
}
"""Names that people say."""


def known() -> list[str]:
    """The names that `derive` takes."""
    found = [name for name, g in ACTIVATIONS.items() if name in WRITTEN or g.symbolic is not None]
    found += [name for name, loss in LOSSES.items() if name in WRITTEN or loss.symbolic is not None]
    return [*found, "backprop", *SHORT]


def derive(name: str) -> Derivation:
    """The derivative of an activation or a loss, or the gradients of a network, step by step.

    Parameters
    ----------
    name : str
        An activation or a loss of the register, with options if you like (``"leaky_relu(0.2)"``); ``"bce"``,
        ``"mse"``; ``"backprop"``.

    Returns
    -------
    Derivation
        `print` it, or ``.to_latex()``, ``.to_html()``, ``.to_dict()``; it shows itself in a notebook.

    Raises
    ------
    UnknownName
        The message lists the known names.
    InvalidOption
        The entry has no formula to derive, or does not take the options.
    """
    bare, parenthesis, options = name.strip().partition("(")
    bare = SHORT.get(bare.strip(), bare.strip())
    text = f"{bare}{parenthesis}{options}"
    entry: Activation | Loss | None = None
    if bare in ACTIVATIONS:
        entry = ACTIVATIONS.choose(text)
    elif bare in LOSSES:
        entry = LOSSES.choose(text)
    if entry is not None:
        return _of_entry(entry)
    if bare in WRITTEN and not parenthesis:
        return WRITTEN[bare]()
    raise UnknownName(
        f"expected something to derive ({', '.join(known())}), found {name!r}",
        did_you_mean(bare.lower(), known()),
    )


def _of_entry(entry: Activation | Loss) -> Derivation:
    """The derivation of what stands in a register."""
    if entry.name in WRITTEN and not entry.options:
        return WRITTEN[entry.name]()
    if entry.symbolic is None:
        raise InvalidOption(
            f"expected a formula to derive, found none for {str(entry)!r}",
            "give its entry symbolic=Symbolic(...), see deltarule.equations.symbolic",
        )
    return derive_activation(entry) if isinstance(entry, Activation) else derive_loss(entry)
