"""A model file read: an estimator, or a model of a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from deltarule import __version__, model_file
from deltarule.errors import ModelFileError
from deltarule.estimators.persistence import from_document
from deltarule.fields import read_field
from deltarule.tabular.model import FACE, TabularModel


def load(path: str | Path) -> Any:
    """Read a model file.

    Parameters
    ----------
    path : str or Path
        What ``save`` of an estimator, or ``deltarule train``, has written.

    Returns
    -------
    estimator or TabularModel
        Predictions equal those before saving, bit for bit.

    Raises
    ------
    ModelFileError
        The file is damaged, of another program, newer than this one, or does not fit together.
    """
    document, arrays = model_file.read(path, kind="model")
    try:
        if document.get("face") == FACE:
            return TabularModel.from_document(document, arrays)
        return from_document(read_field(document, "model", "estimator", dict), arrays)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error.message}", _upgrade(path) or error.hint or "train again") from error


def _upgrade(path: str | Path) -> str:
    """What to do about a file that a newer version has written; empty for all others."""
    theirs = model_file.written_by(path).get("deltarule", "")
    numbers = [[int(part) for part in re.findall(r"\d{1,9}", version)] for version in (theirs, __version__)]
    return f"upgrade deltarule: {theirs} has written it, this is {__version__}" if numbers[0] > numbers[1] else ""
