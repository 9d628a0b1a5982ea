"""Every error and warning a user can meet.

    Exception
    └── DeltaruleError            catch this to catch everything below
        ├── UnknownName           (ValueError, KeyError)  a name that is not in a register
        ├── InvalidOption         (ValueError)  a value outside what an option or an argument takes
        ├── DataError             (ValueError)  a table, a column or an array that cannot be used
        ├── NotFinite             (ValueError)  training met NaN or infinity: says layer and step
        ├── EngineUnsupported     (ValueError)  the engine asked for cannot run this network
        ├── ModelFileError        (ValueError)  a model file or checkpoint that must not be trusted
        ├── MissingLibrary        (ImportError) a library of an extra that is not installed: says how to install it
        └── OutputError           (OSError)     a file that cannot be written
    UserWarning
    └── DeltaruleWarning          the result is right, but the user should know
        ├── SeparationWarning     the classes are linearly separable: the weights have no finite optimum
        └── DependenceWarning     columns depend on each other so nearly that their weights are mostly rounding

A message says what was expected and what was found; the hint says what to do. ``str(error)`` is one line.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable

BETWEEN = ("deltarule", "sklearn", "contextlib")
"""Packages whose frames stand between a warning and the line of the user that is meant."""


class DeltaruleError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message : str
        What was expected and what was found, without a closing full stop.
    hint : str, optional
        What to do about it, beginning in lower case, without a closing full stop.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        return " ".join(text.split())


class UnknownName(DeltaruleError, ValueError, KeyError):
    """A name that is not in a register; the message lists the known ones."""


class InvalidOption(DeltaruleError, ValueError):
    """A value outside what an option or an argument takes."""


class DataError(DeltaruleError, ValueError):
    """A file, a table, a column or an array that cannot be used."""


class NotFinite(DeltaruleError, ValueError):
    """Training met a value that is NaN or infinite.

    Attributes
    ----------
    layer : int
        The first layer, counted from 1, in which such a value appears.
    step : int
        The gradient step, counted from 1, at which it appeared.
    quantity : str
        In what it appeared, such as "Z[2]".
    """

    def __init__(self, message: str, hint: str = "", *, layer: int = 0, step: int = 0, quantity: str = "") -> None:
        super().__init__(message, hint)
        self.layer = layer
        self.step = step
        self.quantity = quantity


class EngineUnsupported(DeltaruleError, ValueError):
    """The engine asked for by name cannot run this network; the message says why."""


class ModelFileError(DeltaruleError, ValueError):
    """A model file or a checkpoint that is damaged, foreign, newer, or does not fit."""


class MissingLibrary(DeltaruleError, ImportError):
    """A library that not everybody needs is asked for, and is not installed."""


class OutputError(DeltaruleError, OSError):
    """A file that cannot be written."""


class DeltaruleWarning(UserWarning):
    """The result stands, but the user should know something about it."""


class SeparationWarning(DeltaruleWarning):
    """Classes are linearly separable, completely or but for samples on the line: the weights grow without bound."""


class DependenceWarning(DeltaruleWarning):
    """Columns that depend on each other so nearly that half the digits of their weights are lost, or more."""


def missing_library(library: str, purpose: str) -> MissingLibrary:
    """The error that says what `library` is needed for, and how to install it."""
    return MissingLibrary(f"expected {library} {purpose}, found none", f"pip install {library}")


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn of the line outside this package that led here, however deep it is."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def did_you_mean(name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> str:
    """A hint for an unknown name: up to `most` known ones that look like it; empty if none does."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=most, cutoff=cutoff)
    near = near or [other for other in names if other.lower() == name.lower()][:most]
    return f"did you mean {' or '.join(map(repr, near))}?" if near else ""
