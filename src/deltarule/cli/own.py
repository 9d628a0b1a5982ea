"""Activations and losses of the user's own, from a Python file that is run.

A function with a partner whose name begins with ``d_`` is one: ``g(Z)`` with ``d_g(Z)`` or ``d_g(Z, a)`` is an
activation, ``L(a, y)`` with ``d_L(a, y)`` a loss. So is an `Activation` or `Loss` of `deltarule`, which can say more.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from deltarule.cli.numbers import read_file


def split_name(path: str) -> tuple[str, str]:
    """``FILE.py:name`` as its file and the name; without a name, the path and an empty text."""
    file, _, wanted = path.partition(".py:") if ".py:" in path else (path, "", "")
    return (f"{file}.py" if wanted else file), wanted


def read_module(path: str) -> dict[str, Any]:
    """Run the file and put what it defines into the registers, name -> entry.

    ``FILE.py:name`` takes one entry alone.

    Raises
    ------
    DataError
        The file cannot be run, or defines nothing of the kind.
    """
    from deltarule.equations import ACTIVATIONS, LOSSES, Loss
    from deltarule.errors import DataError, InvalidOption

    file, wanted = split_name(path)
    found = {entry.name: entry for entry in _entries(_run(file)).values()}
    if wanted and wanted not in found:
        raise DataError(f"{file}: expected a function {wanted} with its derivative d_{wanted}, found no such pair")
    if not found:
        raise DataError(
            f"{file}: expected an activation g(Z) with d_g(Z), or a loss L(a, y) with d_L(a, y), found none"
        )
    chosen = {wanted: found[wanted]} if wanted else found
    for entry in chosen.values():
        register: Any = LOSSES if isinstance(entry, Loss) else ACTIVATIONS
        if entry.name in register:
            raise InvalidOption(f"{file}: the {register.kind} {entry.name!r} exists already", "choose another name")
        register.add(entry)
    return chosen


def _run(path: str) -> dict[str, Any]:
    from deltarule.errors import DataError

    source = read_file(path)
    names: dict[str, Any] = {"__name__": Path(path).stem, "__file__": path}
    try:
        exec(compile(source, path, "exec"), names)
    except SystemExit:
        raise DataError(f"{path}: expected a file that defines functions, found one that ends the program") from None
    except Exception as error:
        line = next((frame.lineno for frame in reversed(_frames(error)) if frame.filename == path), 0)
        line = getattr(error, "lineno", None) or line
        raise DataError(f"{path}: line {line}: {type(error).__name__}: {' '.join(str(error).split())}") from None
    return names


def _frames(error: Exception) -> list[Any]:
    import traceback

    return list(traceback.extract_tb(error.__traceback__))


def _entries(names: dict[str, Any]) -> dict[str, Any]:
    from deltarule.equations import ACTIVATIONS, LOSSES, Activation, Loss
    from deltarule.function_check import of_both

    built_in = {id(entry) for register in (ACTIVATIONS, LOSSES) for entry in register.values()}
    found: dict[str, Any] = {
        name: value
        for name, value in names.items()
        if isinstance(value, Activation | Loss) and id(value) not in built_in
    }
    for name, function in names.items():
        derivative = names.get(f"d_{name}")
        if not inspect.isfunction(function) or not inspect.isfunction(derivative):
            continue
        takes = list(inspect.signature(function).parameters)
        if takes[:2] == ["a", "y"] or len(_positional(function)) == 2:
            found[name] = Loss(name=name, formula=function, derivative=derivative)
        else:
            found[name] = Activation(name=name, formula=function, derivative=of_both(derivative))
    return found


def _positional(function: Any) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
