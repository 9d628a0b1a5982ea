"""Reading a table from a file or from standard input, and writing one.

The formats are known by their extension; standard input, and a file without an extension, by the first bytes. Text may
be compressed with gzip under any name. Every row is looked at before a type is chosen, so that text in the last row is
seen. What a missing value looks like stands in `deltarule.tabular.values`.
"""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import polars as pl

from deltarule.atomic import atomic_write
from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, OutputError, warn
from deltarule.tabular.delimited import split_delimited
from deltarule.tabular.lines import parse_lines
from deltarule.tabular.memory import memory
from deltarule.tabular.values import has_decimal_commas, infer_type, settle

EXTENSIONS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
FORMATS = ("csv", "tsv", "parquet", "arrow", "ndjson")

_MOST_TIMES, _FEW_BYTES = 200, 2**30
"""Text grows to far less than 200 times its gzip; what grows to more may be meant to fill the memory."""

_GZIP = b"\x1f\x8b"
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x19\x1b-\x1f]")
"""Bytes that stand in no text, whatever its encoding."""
_LOOKED_AT = 4096
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a workbook",
    b"\xd0\xcf\x11\xe0": "an old workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x89HDF": "HDF5",
    b"SQLite format 3": "a database",
}


def read_table(path: str | Path, *, format: str | None = None, encoding: str = "utf-8") -> pl.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        A file, or ``"-"`` for standard input.
    format : {"csv", "tsv", "parquet", "arrow", "ndjson"}, optional
        Found from the extension (``.csv .txt .tsv .tab .parquet .pq .arrow .feather .ipc .ndjson .jsonl``, each also
        with ``.gz``) or the first bytes. The delimiter of a CSV (comma, tab, semicolon, bar) is found from its lines.
    encoding : str, default "utf-8"
        Of a text format; a byte-order mark is passed over.

    Returns
    -------
    polars.DataFrame
        At least one row. Missing values are null, never NaN; infinite values are kept. Text of CSV and TSV is
        stripped and becomes numbers where a whole column holds numbers.

    Raises
    ------
    DataError
        The file cannot be read, is empty, damaged or in another format or encoding, or its header or a row is not
        as it should be; the message names the line.
    InvalidOption
        An unknown `format` or `encoding`.
    """
    return read_as_written(path, format=format, encoding=encoding)[0]


def read_as_written(
    path: str | Path, *, format: str | None = None, encoding: str = "utf-8"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same table, and its fields as they stand in a text file: ``007`` is no number there.

    Of a format whose values have types, both are the same. For parameters and errors see `read_table`.
    """
    if format is not None and format not in FORMATS:
        raise InvalidOption(f"expected format to be {', '.join(FORMATS)}, found {format!r}")
    name = "standard input" if str(path) == "-" else str(path)
    wanted = format or ("" if str(path) == "-" else _by_extension(Path(path)))
    data = _decompress(_bytes(path), name)
    if not data.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataError(f"{name}: expected a table, found an empty file")
    found = wanted or _by_content(data)
    if found in ("csv", "tsv"):
        fields, delimiter = split_delimited(_utf8(data, name, encoding), name, "\t" if found == "tsv" else None)
        decimals = "." if delimiter != ";" else "," if has_decimal_commas(fields) else ".,"
        frame = fields.select(infer_type(field, decimals=decimals) for field in fields.get_columns())
    elif found == "ndjson":
        fields = frame = parse_lines(_utf8(data, name, encoding), name)
    else:
        fields = frame = _without_index(_parse_binary(data, found, name), name)
    if "" in frame.columns:
        raise DataError(f"{name}: column {frame.columns.index('') + 1} has no name", "give every column a name")
    settled = settle(frame)
    if not settled.width:
        raise DataError(f"{name}: expected at least one column that can be used, found none")
    if settled.is_empty():
        raise DataError(f"{name}: expected at least one row, found none")
    return settled, fields


def _by_extension(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if not suffixes:
        return ""
    if suffixes[-1] not in EXTENSIONS:
        raise DataError(
            f"{path}: expected a file that ends in {' '.join(EXTENSIONS)} (or these with .gz), found {suffixes[-1]}",
            "save the table as CSV; if it is one of these already, rename it",
        )
    return EXTENSIONS[suffixes[-1]]


def _by_content(data: bytes) -> str:
    for magic, found in _MAGIC.items():
        if data.startswith(magic):
            return found
    return "ndjson" if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else "csv"


def _bytes(path: str | Path) -> bytes:
    if str(path) == "-":
        if sys.stdin is None:
            raise DataError("expected a table on standard input, found it closed", "pipe one into it, or name a file")
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"expected a file, found nothing at {path}", "check the path") from None
    except IsADirectoryError:
        raise DataError(f"expected a file, found a folder at {path}", "name a file in it") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a readable file, found: {getattr(error, 'strerror', error)}") from None


def _decompress(data: bytes, name: str) -> bytes:
    if not data.startswith(_GZIP):
        return data
    limit = min(max(_FEW_BYTES, _MOST_TIMES * len(data)), memory() // 2)
    try:
        with gzip.open(io.BytesIO(data)) as file:
            text = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: expected a whole gzip file, found a damaged one ({error})", "copy it again") from None
    if len(text) > limit:
        raise DataError(
            f"{name}: expected a table, found {len(data):,} bytes of gzip that grow beyond {limit:,}",
            "unpack it first, if it is to be trusted",
        )
    return text


def _read_arrow(data: io.BytesIO) -> pl.DataFrame:
    is_file = data.getvalue().startswith(b"ARROW1")
    return pl.read_ipc(data) if is_file else pl.read_ipc_stream(data)


_BINARY: dict[str, Callable[[io.BytesIO], pl.DataFrame]] = {"parquet": pl.read_parquet, "arrow": _read_arrow}


def _parse_binary(data: bytes, found: str, name: str) -> pl.DataFrame:
    try:
        return _BINARY[found](io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{name}: expected a whole {found} file, found a damaged or foreign one ({reason})") from None


def _without_index(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Without the row labels that pandas writes beside the columns, and hides when it reads them again."""
    labels = [column for column in frame.columns if re.fullmatch(r"__index_level_\d+__", column)]
    if labels:
        warn(
            f"{name}: {', '.join(labels)}, the index of a pandas frame, is left out; reset_index() makes it a column",
            DeltaruleWarning,
        )
    return frame.drop(labels)


def _utf8(data: bytes, name: str, encoding: str) -> bytes:
    """The text in UTF-8 without a byte-order mark, lines ended by a line feed."""
    for magic, what in (_FOREIGN | _MAGIC).items():
        if data.startswith(magic):
            raise DataError(f"{name}: expected text, found {what}", "save the table as CSV, or name its own format")
    try:
        if encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
            data.decode("utf-8")
        else:
            data = data.decode(encoding).encode("utf-8")
    except LookupError:
        raise InvalidOption(f"expected the name of an encoding, found {encoding!r}") from None
    except UnicodeError as error:
        if _CONTROL.search(data[:_LOOKED_AT]) and not data.startswith(_UTF_16):
            raise DataError(f"{name}: expected text, found binary data", "save the table as CSV") from None
        raise DataError(*_wrong_encoding(data, name, encoding, error)) from None
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise DataError(f"{name}: expected text, found a zero byte in line {line}", "save the table as UTF-8 text")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        data = data if b"\n" in data else data.replace(b"\r", b"\n")
    return data


def _wrong_encoding(data: bytes, name: str, encoding: str, error: UnicodeError) -> tuple[str, str]:
    if data.startswith(_UTF_16):
        guess, found = "utf-16", "UTF-16"
    else:
        guess = "latin-1"
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = data.count(b"\n", 0, at) + 1
        found = f"byte 0x{data[at]:02x} in line {line}"
    spoken = "UTF-8" if encoding.lower() == "utf-8" else encoding
    return (
        f"{name}: expected text in {spoken}, found {found}",
        f"convert it first: iconv -f {guess} -t utf-8 FILE > NEW",
    )


def _text(frame: pl.DataFrame, separator: str = ",") -> str:
    """As CSV. A missing value of an only column would be a blank line, which others pass over."""
    return frame.write_csv(separator=separator, null_value="NaN" if frame.width == 1 else None)


_WRITERS: dict[str, Callable[[pl.DataFrame, io.BytesIO], object]] = {
    "csv": lambda frame, sink: sink.write(_text(frame).encode()),
    "tsv": lambda frame, sink: sink.write(_text(frame, "\t").encode()),
    "parquet": lambda frame, sink: frame.write_parquet(sink),
    "arrow": lambda frame, sink: frame.write_ipc(sink),
    "ndjson": lambda frame, sink: frame.write_ndjson(sink),
}


def output_format(path: str | Path) -> str:
    """The format that the extension of `path` names, ``.gz`` aside.

    Raises
    ------
    OutputError
        For an extension that is not known.
    """
    plain = Path(path).with_suffix("") if Path(path).suffix.lower() == ".gz" else Path(path)
    suffix = plain.suffix.lower()
    if suffix not in EXTENSIONS:
        raise OutputError(
            f"cannot write {path}: found {suffix or 'no extension'}",
            f"choose a name that ends in {' '.join(EXTENSIONS)}",
        )
    return EXTENSIONS[suffix]


def write_table(frame: pl.DataFrame, path: str | Path) -> None:
    """Write a table, whole or not at all.

    Parameters
    ----------
    frame : polars.DataFrame
    path : str or Path
        The extension chooses the format, as for `read_table`; ``.gz`` compresses; ``"-"`` is standard output, as CSV.

    Raises
    ------
    OutputError
        The extension is unknown, or the file cannot be written. An existing file is then as it was.
    """
    if str(path) == "-":
        try:
            sys.stdout.write(_text(frame))
            sys.stdout.flush()
        except OSError as error:
            raise OutputError(f"cannot write to standard output: {error.strerror}") from None
        return
    data = file_content(frame, path)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def file_content(frame: pl.DataFrame, path: str | Path) -> bytes:
    """The bytes that `write_table` puts into a file of that name; the same table gives the same bytes."""
    sink = io.BytesIO()
    _WRITERS[output_format(path)](frame, sink)
    return gzip.compress(sink.getvalue(), mtime=0) if Path(path).suffix.lower() == ".gz" else sink.getvalue()
