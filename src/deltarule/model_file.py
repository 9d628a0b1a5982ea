"""The one safe file: everything deltarule saves, models and checkpoints alike, goes through this module.

A file is a safetensors file. Its metadata hold, as text, a document (any JSON: architecture, preprocessing,
class names, history) and what is needed to trust it:

    format          "deltarule"
    format_version  1; a reader refuses what is newer than itself
    kind            "model" or "checkpoint"
    versions        of deltarule, NumPy and Python, as JSON, at the time of writing
    document        the document, as JSON
    sha256          of all bytes of the file, taken with 64 zeros in this place

Nothing in such a file is ever executed, and nothing of it is handed on before all of it has been checked.
This module knows nothing about networks; whoever reads one checks names and shapes with `expect_arrays`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from . import __version__
from .arrays import Array
from .atomic import atomic_write
from .errors import ModelFileError
from .strict_json import JSON, dumps, encode, loads

Kind: TypeAlias = Literal["model", "checkpoint"]

FORMAT = "deltarule"
FORMAT_VERSION = 1

DTYPES = {"F64": "float64", "F32": "float32", "I64": "int64", "I32": "int32", "U8": "uint8"}
"""What arrays may hold: the name in the file and NumPy's."""

_MAX_HEADER = 100_000_000  # bytes; safetensors reads no longer header
_NO_CHECKSUM = "0" * 64

_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a header that nobody has checked can raise."""

_FOREIGN = {
    b"\x80": "a pickle, which could run code when opened",
    b"PK": "a zip archive (PyTorch, Keras, NumPy .npz)",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array file",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
}
"""First bytes of files that people mistake for a model file."""


def versions() -> dict[str, str]:
    """Versions of deltarule, NumPy and Python that are running."""
    return {"deltarule": __version__, "numpy": np.__version__, "python": platform.python_version()}


def write(path: str | Path, document: Mapping[str, JSON], arrays: Mapping[str, Array], *, kind: Kind = "model") -> None:
    """Write a document and arrays to one file, atomically; equal contents give equal bytes.

    Parameters
    ----------
    path : str or Path
        Where the file shall be, with any suffix.
    document : mapping
        Anything JSON can hold, with NaN and infinities; tuples become lists, NumPy scalars numbers. Keys are
        strings, their order is kept.
    arrays : mapping from str to array
        Any shape, also empty; one of the types in `DTYPES`.
    kind : {"model", "checkpoint"}
        What the file is; `read` asks for it.

    Raises
    ------
    OutputError
        The file cannot be written; an older one is untouched.
    ModelFileError
        The document or an array holds what a file cannot hold.
    """
    if kind not in get_args(Kind):
        raise ModelFileError(f"expected the kind of file to be one of {', '.join(get_args(Kind))}, found {kind!r}")
    if not isinstance(document, Mapping):
        raise ModelFileError(f"expected a mapping as the document, found {type(document).__name__}")
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "kind": kind,
        "versions": dumps(versions()),
        "document": dumps(encode(document, "the document")),
        "sha256": _NO_CHECKSUM,
    }
    content = _serialize(metadata, {name: _storable(name, array) for name, array in arrays.items()})
    checksum = hashlib.sha256(content).hexdigest()
    content = content.replace(_checksum_entry(_NO_CHECKSUM), _checksum_entry(checksum), 1)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def _serialize(metadata: dict[str, str], arrays: dict[str, Array]) -> bytes:
    from safetensors.numpy import save

    written = save(arrays, metadata)
    end = 8 + int.from_bytes(written[:8], "little")
    # safetensors puts the metadata in random order; ours make equal contents equal files
    header = dumps({**json.loads(written[8:end]), "__metadata__": metadata}).encode("ascii")
    header += b" " * (-len(header) % 8)
    if len(header) > _MAX_HEADER:
        raise ModelFileError(f"expected a document of at most {_MAX_HEADER:,} bytes, found {len(header):,}")
    return len(header).to_bytes(8, "little") + header + written[end:]


def _storable(name: str, array: Array) -> Array:
    """`array` in C order (safetensors reads the memory as it lies)."""
    if not isinstance(name, str) or name == "__metadata__":
        raise ModelFileError(f"expected a string other than '__metadata__' as the name of an array, found {name!r}")
    if array.dtype.name not in DTYPES.values():
        raise ModelFileError(f"array {name!r}: expected one of {', '.join(DTYPES.values())}, found {array.dtype}")
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def _checksum_entry(checksum: str) -> bytes:
    return b'"sha256":"%s"' % checksum.encode("ascii")


def read(path: str | Path, *, kind: Kind) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `write` wrote, after checking every byte of it; the suffix of the file does not matter.

    Parameters
    ----------
    path : str or Path
        The file.
    kind : {"model", "checkpoint"}
        What the caller can use.

    Returns
    -------
    document : dict
        As written, tuples as lists.
    arrays : dict from str to array
        As written, bit for bit; writable, in C order.

    Raises
    ------
    ModelFileError
        The file is missing, empty, cut off, damaged, of another program, of another kind, or written by a
        newer deltarule.
    """
    content = _content(path)
    end = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:end].decode("utf-8"))
        metadata = header.pop("__metadata__", {})
        _check_metadata(path, metadata)
        size = end + _data_size(header)
    except ModelFileError:
        raise
    except _UNREADABLE as error:
        raise ModelFileError(
            f"{path} is damaged or of another program: its header cannot be read",
            "copy it again, or train again",
        ) from error
    if len(content) < size:
        _refuse(path, f"is cut off: expected {size:,} bytes, found {len(content):,}", "copy it again")
    checksum = metadata["sha256"]
    unsigned = content[:end].replace(_checksum_entry(checksum), _checksum_entry(_NO_CHECKSUM), 1) + content[end:]
    if hashlib.sha256(unsigned).hexdigest() != checksum:
        _refuse(path, "is damaged: its contents do not match its checksum", "copy it again, or train again")
    if metadata["kind"] != kind:
        _refuse(path, f"holds a {metadata['kind']}, expected a {kind}")
    try:
        document = loads(metadata["document"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(f"{path} has a document that cannot be read: {error}") from error
    if not isinstance(document, dict):
        _refuse(path, f"has a {type(document).__name__} as its document, expected an object")
    return document, _load(path, unsigned, header)


def kind_of(path: str | Path) -> str | None:
    """What a file holds, as its header says: "model", "checkpoint" or "something else"; None for no or an empty one."""
    other = "something else"
    try:
        about = Path(path).stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size == 0:
            return None
        kind = _metadata(path).get("kind", other)
        return kind if kind in get_args(Kind) else other
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, *_UNREADABLE):
        return other


def written_by(path: str | Path) -> dict[str, str]:
    """Program -> version, of the programs that wrote a file which `read` has found whole.

    Raises
    ------
    ModelFileError
        The versions cannot be read.
    """
    try:
        found = json.loads(_metadata(path)["versions"])
        return {str(name): str(version) for name, version in found.items()}
    except (OSError, *_UNREADABLE) as error:
        raise ModelFileError(f"{path}: expected the versions of the programs that wrote it, found none") from error


def _metadata(path: str | Path) -> dict[str, Any]:
    """The metadata of a file, of which no more than the header is read; OSError or `_UNREADABLE` if there are none."""
    with Path(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_MAX_HEADER, os.fstat(file.fileno()).st_size):
            raise ValueError("a header longer than its file")
        found = json.loads(file.read(length))["__metadata__"]
    if not isinstance(found, dict):
        raise TypeError("metadata other than an object")
    return found


def _content(path: str | Path) -> bytes:
    """All bytes of a file, once its first ones promise that it is a safetensors file of its size."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            _refuse(path, "is a folder or a device, expected a model file")
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(9)
            _check_start(path, start, size)
            return start + file.read(size - len(start))
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist, expected a model file", "check the path") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _check_start(path: str | Path, start: bytes, size: int) -> None:
    if not start:
        _refuse(path, "is empty, expected a model file", "copy it again, or train again")
    end = 8 + int.from_bytes(start[:8], "little")
    if start[8:] == b"{" and end - 8 <= _MAX_HEADER:  # this is what a safetensors file looks like
        if end > size:
            _refuse(path, f"is cut off: expected at least {end:,} bytes, found {size:,}", "copy it again")
        return
    for magic, name in _FOREIGN.items():
        if start.startswith(magic):
            _refuse(path, f"is not a deltarule file but looks like {name}", "save the model with deltarule")
    _refuse(path, "is not a deltarule file", "save the model with deltarule")


def _check_metadata(path: str | Path, metadata: dict[str, Any]) -> None:
    """Refuse what another program or a newer deltarule wrote, and what is not complete."""
    if metadata.get("format") != FORMAT:
        _refuse(path, "is a safetensors file of another program", "save the model with deltarule")
    if not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("metadata other than text")
    found = metadata.get("format_version", "")
    if re.fullmatch("[1-9][0-9]{0,8}", found) and int(found) > FORMAT_VERSION:
        _refuse(
            path,
            f"was written by a newer deltarule (format {found}, this one reads up to {FORMAT_VERSION})",
            "upgrade deltarule",
        )
    complete = {"kind", "versions", "document"} <= metadata.keys()
    if found != str(FORMAT_VERSION) or not complete or not re.fullmatch("[0-9a-f]{64}", metadata.get("sha256", "")):
        _refuse(path, "is damaged: its metadata are not complete", "copy it again, or train again")


def _data_size(header: dict[str, Any]) -> int:
    """Bytes that the arrays take, as the header says; ValueError, KeyError or TypeError if it says nonsense."""
    ends = [0]
    for entry in header.values():
        start, end = entry["data_offsets"]
        if entry["dtype"] not in DTYPES or type(start) is not int or type(end) is not int:
            raise ValueError("an entry that deltarule does not write")
        ends.append(end)
    return max(ends)


def _load(path: str | Path, content: bytes, header: dict[str, Any]) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        loaded = load(content)
    except (SafetensorError, ValueError, OverflowError) as error:
        raise ModelFileError(f"{path} has arrays that cannot be read: {error}") from error
    return {name: np.array(loaded[name]) for name in header}  # copies, which own aligned memory


def _refuse(path: str | Path, found: str, hint: str = "") -> NoReturn:
    raise ModelFileError(f"{path} {found}", hint)


def expect_arrays(
    arrays: Mapping[str, Array],
    expected: Mapping[str, tuple[Sequence[int], npt.DTypeLike]],
    source: str = "the model file",
) -> None:
    """Check names, shapes, types and finiteness of arrays that were read.

    Parameters
    ----------
    arrays : mapping from str to array
        What was found.
    expected : mapping from str to (shape, dtype)
        What there must be, no more and no less.
    source : str
        What the message blames, usually the path.

    Raises
    ------
    ModelFileError
        Names every array that is missing, unexpected, of another shape or type, or not finite.
    """
    faults = [f"{name!r} is missing" for name in expected if name not in arrays]
    faults += [f"{name!r} is unexpected" for name in arrays if name not in expected]
    for name, (shape, dtype) in expected.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.shape != tuple(shape) or array.dtype != np.dtype(dtype):
            faults.append(f"{name!r} should be {np.dtype(dtype)} {tuple(shape)}, is {array.dtype} {array.shape}")
        elif not np.isfinite(array).all():
            faults.append(f"{name!r} holds values that are not finite")
    if faults:
        raise ModelFileError(f"{source} does not hold the arrays it should: {', '.join(faults)}")
