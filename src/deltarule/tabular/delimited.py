"""Text separated by commas, tabs, semicolons or bars.

Polars splits the fields; what it would let pass is checked first, on the positions of line feeds, delimiters and
quotes in the bytes: rows that are too long or too short, with their line. A file whose quotes do not follow the rules
(RFC 4180), such as ``5" pipe`` without quotes around it, is split by Python's csv module: slower, and more forgiving.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import polars as pl

from deltarule.arrays import Array
from deltarule.errors import DataError, DeltaruleWarning, warn

DELIMITERS = (",", "\t", ";", "|")
_LINE_FEED, _QUOTE = ord("\n"), ord('"')
_SAID = re.compile(rb'"?sep=([,;|\t]|\\t)"?[,;|\t ]*(?=\n)', re.IGNORECASE)
"""A first line that says the delimiter, which spreadsheets read and write."""
_SNIFFED_BYTES = 65536
_SNIFFED_ROWS = 20


def split_delimited(data: bytes, name: str, delimiter: str | None = None) -> tuple[pl.DataFrame, str]:
    """Split delimited text with a header into fields.

    Parameters
    ----------
    data : bytes
        UTF-8, lines ended by a line feed. Blank lines are passed over, but in a table of one column they are rows
        whose value is missing.
    name : str
        Of the file, for messages.
    delimiter : str, optional
        By default what a first line ``sep=;`` says, or else found from the first rows.

    Returns
    -------
    polars.DataFrame
        The fields, as text. A first column without a name, as pandas and R write row labels, is left out.
    str
        The delimiter.

    Raises
    ------
    DataError
        Only a header, an empty or repeated name in it, a row of another length, a quote that is never closed.

    Warns
    -----
    DeltaruleWarning
        Of a column that is left out.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    if said := _SAID.match(data):
        delimiter = said[1].decode().replace("\\t", "\t")
        data = data[said.end() :]  # the line stays, blank: others keep their numbers
        if not data.strip():
            raise DataError(f"{name}: expected a table, found an empty file")
    delimiter = delimiter or _sniff(data)
    if len(next(_first_rows(data, delimiter), [])) > 1:
        data = data.rstrip(b" \n") + b"\n"
    records = _Records.find(data, delimiter)
    frame = _split_fast(data, delimiter, records, name) if records is not None else None
    if frame is None:
        frame = _split_careful(data, delimiter, name)
    if "" in frame.columns:
        warn(
            f"{name}: the first column has no name: it is left out, as row labels are; to use it, give it a name",
            DeltaruleWarning,
        )
        frame = frame.drop("")
    return frame, delimiter


def _sniff(data: bytes) -> str:
    """The delimiter that cuts the first rows into the same number of fields, the more the better."""
    best, best_score = ",", (False, 1)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in islice(_first_rows(data, delimiter), _SNIFFED_ROWS)]
        score = (len(set(widths)) == 1, widths[0])
        if widths[0] > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _first_rows(data: bytes, delimiter: str) -> Iterator[list[str]]:
    """The fields of the first rows, blank lines passed over."""
    start = data[:_SNIFFED_BYTES]
    text = start[: start.rfind(b"\n") + 1 or None].decode("utf-8", "ignore")
    return filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@dataclass(frozen=True)
class _Records:
    """Where each record ends, the lines its start and end lie on, and how many fields it has.

    `ends` are positions of line feeds outside of quotes; `lines` counts from 1; a blank line is a record of length 0.
    """

    ends: Array
    lines: Array
    fields: Array
    blank: Array

    @classmethod
    def find(cls, data: bytes, delimiter: str) -> _Records | None:
        """None when the quotes do not follow the rules."""
        text = np.frombuffer(data, np.uint8)
        feeds = np.flatnonzero(text == _LINE_FEED)
        cuts = np.flatnonzero(text == ord(delimiter))
        quotes = np.flatnonzero(text == _QUOTE)
        ends = feeds
        if quotes.size:
            if not _well_quoted(text, quotes, ord(delimiter)):
                return None
            ends = feeds[np.searchsorted(quotes, feeds) % 2 == 0]
            cuts = cuts[np.searchsorted(quotes, cuts) % 2 == 0]
        starts = np.concatenate([[0], ends[:-1] + 1])
        fields = np.diff(np.searchsorted(cuts, ends), prepend=0) + 1
        return cls(ends, np.searchsorted(feeds, starts) + 1, fields, ends == starts)


def _well_quoted(text: Array, quotes: Array, delimiter: int) -> bool:
    """Whether each quote opens a field, closes one, or is one of two that stand for a quote."""
    if quotes.size % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    before = text[opening - 1]
    begins = (before == delimiter) | (before == _LINE_FEED) | (opening == 0)
    doubled = np.zeros(opening.size, bool)
    doubled[1:] = opening[1:] == closing[:-1] + 1
    after = text[closing + 1]  # the text ends in a line feed
    finishes = (after == delimiter) | (after == _LINE_FEED)
    finishes[:-1] |= doubled[1:]
    return bool((begins | doubled).all() and finishes.all())


def _split_fast(data: bytes, delimiter: str, records: _Records, name: str) -> pl.DataFrame | None:
    """Split with polars, or None when it does not see the same rows."""
    filled = np.flatnonzero(~records.blank)
    head = filled[0]
    start = 0 if head == 0 else int(records.ends[head - 1]) + 1
    header = data[start : int(records.ends[head])].decode("utf-8")
    names = _check_header(next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter)), name)
    if len(names) == 1:
        filled = np.arange(head, len(records.ends))  # a blank line is a row whose one value is missing
    ragged = filled[records.fields[filled] != len(names)]
    if ragged.size:
        row = int(np.searchsorted(filled, ragged[0]))  # the header is the first one that is filled
        raise _ragged(name, row, int(records.lines[ragged[0]]), int(records.fields[ragged[0]]), len(names))
    if filled.size == 1:
        raise _only_header(name)
    body = data[int(records.ends[head]) + 1 :]
    if len(names) > 1 and records.blank[head:].any():
        keep = np.ones(len(data), bool)
        keep[records.ends[records.blank]] = False
        body = np.frombuffer(data, np.uint8)[keep].tobytes()[int(records.ends[head]) + 1 - head :]
    frame = pl.read_csv(
        body,
        has_header=False,
        separator=delimiter,
        quote_char='"' if _QUOTE in data else None,
        schema=dict.fromkeys(names, pl.String()),
    )
    return frame if len(frame) == filled.size - 1 else None


def _split_careful(data: bytes, delimiter: str, name: str) -> pl.DataFrame:
    """Split with Python's csv module: quotes within a field are part of it, a space before a quote is none."""
    text = data.decode("utf-8")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter != "\t")
    names: list[str] = []
    rows: list[list[str]] = []
    line, last = 1, text.count("\n")
    try:
        for row in reader:
            if row and not names:
                names = _check_header(row, name)
            elif row or len(names) == 1:
                if line < reader.line_num == last:
                    _require_closed(text, line, delimiter, name)
                fields = row or [""]  # a blank line is a row whose one value is missing
                if len(fields) != len(names):
                    raise _ragged(name, len(rows) + 1, line, len(fields), len(names))
                rows.append(fields)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{name}: expected fields that can be split, found in line {line}: {error}") from None
    if not rows:
        raise _only_header(name)
    return pl.DataFrame(list(zip(*rows, strict=True)), schema=dict.fromkeys(names, pl.String()), orient="col")


def _require_closed(text: str, start: int, delimiter: str, name: str) -> None:
    """Refuse the last record when it ran on to the end of the file in search of a quote."""
    record = text.split("\n")[start - 1 : -1]
    try:
        list(csv.reader([line + "\n" for line in record], delimiter=delimiter, strict=True))
    except csv.Error:
        raise DataError(
            f"{name}: expected a closing quote for the one opened in line {start}, found the end of the file",
            "close the quote, or double a quote that is part of the text",
        ) from None


def _check_header(header: list[str], name: str) -> list[str]:
    names = [field.strip() for field in header]
    unnamed = [number for number, column in enumerate(names, 1) if not column]
    if unnamed and (unnamed != [1] or len(names) == 1):
        raise DataError(
            f"{name}: expected a name for every column, found none for column {unnamed[-1]} of {len(names)}",
            "name it in the header",
        )
    repeated = [f"{column!r} {count} times" for column, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            f"{name}: expected a different name for each column, found {', '.join(repeated[:5])}", "rename the columns"
        )
    return names


def _ragged(name: str, row: int, line: int, found: int, expected: int) -> DataError:
    fields = "1 field" if expected == 1 else f"{expected} fields"
    return DataError(
        f"{name}: expected {fields} in each row, as in the header, found {found} in row {row} (line {line})",
        "remove what stands above the header, such as a title or a comment"
        if row == expected == 1
        else "correct the line, or put quotes around text that holds the delimiter"
        + ("; if it is the header, remove what stands above it" if row == 1 else ""),
    )


def _only_header(name: str) -> DataError:
    return DataError(f"{name}: expected rows below the header, found none", "add rows")
