"""Reading and writing: every format, every kind of damage."""

from __future__ import annotations

import gzip
import io
import math
import sys
import warnings
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from deltarule.errors import DataError, DeltaruleWarning, InvalidOption, OutputError
from deltarule.tabular import read_table, write_table
from deltarule.tabular.read import EXTENSIONS

TABLE = pl.DataFrame({"a": [1, 2, 3], "b": [0.5, None, -1e-7], "c": ["x", 'y "z", w', "two\nlines"]})


def _read(folder: Path, data: bytes, name: str = "t.csv", **options: str) -> pl.DataFrame:
    path = folder / name
    path.write_bytes(data)
    return read_table(path, **options)


@pytest.mark.parametrize("extension", [*EXTENSIONS, ".csv.gz", ".tsv.gz", ".ndjson.gz", ".jsonl.gz", ".CSV"])
def test_every_format_gives_back_what_was_written(tmp_path, extension):
    path = tmp_path / f"table{extension}"
    write_table(TABLE, path)
    assert_frame_equal(read_table(path), TABLE)
    assert path.read_bytes().startswith(b"\x1f\x8b") == extension.endswith(".gz")


GOOD = {
    "comma": (b"a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}),
    "no line feed at the end": (b"a,b\n1,x", {"a": [1], "b": ["x"]}),
    "tab in a csv": (b"a\tb\n1\t2\n", {"a": [1], "b": [2]}),
    "semicolon with decimal commas": (b"a;b\n1,5;2\n-2,25;x\n", {"a": [1.5, -2.25], "b": ["2", "x"]}),
    "semicolon with decimal points": (b"a;b\n1.5;2\n", {"a": [1.5], "b": [2]}),
    "semicolon with points and commas": (b"a;b\n1,5;2\n1.5;2\n", {"a": ["1,5", "1.5"], "b": [2, 2]}),
    "semicolon with commas and a missing point": (b"a;b\n1,5;2\n.;2\n", {"a": [1.5, None], "b": [2, 2]}),
    "comma with three decimals": (b"a,b\n2,1\n" + b"3.967,1\n" * 6, {"a": [2.0] + [3.967] * 6, "b": [1] * 7}),
    "bar": (b"a|b\n1,2|3\n", {"a": ["1,2"], "b": [3]}),
    "one column": (b"a\n1\n2\n", {"a": [1, 2]}),
    "one column with gaps": (b"\na\n1\n\n2\n\n\n", {"a": [1, None, 2, None, None]}),
    "one column of blank lines and carriage returns": (b"a\r\n\r\n1\r\n", {"a": [None, 1]}),
    "one column of text with gaps and quotes": (b'a\n"x\ny"\n\nz\n', {"a": ["x\ny", None, "z"]}),
    "one column with stray quotes and gaps": (b'a\n5" pipe\n\nz\n', {"a": ['5" pipe', None, "z"]}),
    "comma within tabs": (b"a\tb,c\n1\tx,y\n2\tz\n", {"a": [1, 2], "b,c": ["x,y", "z"]}),
    "first line says the delimiter": (b"sep=;\na;b,c\n1,5;2\n", {"a": [1.5], "b,c": [2]}),
    "first line says it as spreadsheets do": (b'"SEP=,",,\r\n\r\na,b;c\r\n1,2\r\n', {"a": [1], "b;c": [2]}),
    "first line says a tab in words": (b"sep=\\t\na\tb\n1\t2\n", {"a": [1], "b": [2]}),
    "byte-order mark": (b"\xef\xbb\xbfa,b\n1,2\n", {"a": [1], "b": [2]}),
    "carriage returns": (b'a,b\r\n1,"x"\r\n', {"a": [1], "b": ["x"]}),
    "old carriage returns": (b"a,b\r1,2\r3,4\r", {"a": [1, 3], "b": [2, 4]}),
    "blank lines": (b"\n\na,b\n1,2\n\n3,4\n\n", {"a": [1, 3], "b": [2, 4]}),
    "quotes": (b'"a","b"\n"1","x, ""y"""\n"2",""\n', {"a": [1, 2], "b": ['x, "y"', None]}),
    "line feed in quotes": (b'a,b\n1,"x\n\ny"\n\n2,z\n', {"a": [1, 2], "b": ["x\n\ny", "z"]}),
    "stray quotes": (b'a,b\n1,5" pipe\n2,6\'2"\n', {"a": [1, 2], "b": ['5" pipe', "6'2\""]}),
    "stray quotes, as many rows as columns": (b'a,b\n1,5"\n2,6"\n', {"a": [1, 2], "b": ['5"', '6"']}),
    "stray quotes, then a line feed in quotes": (b'a,b\n1",x\n2,"y\nz"\n', {"a": ['1"', "2"], "b": ["x", "y\nz"]}),
    "space before a quote": (b'a, b\n1, "x, y"\n2, z\n', {"a": [1, 2], "b": ["x, y", "z"]}),
    "white space": (b" a ,b\n 1 , x \n2,\ty\n", {"a": [1, 2], "b": ["x", "y"]}),
    "missing values": (b"a,b\n1,NA\n?,null\nNone,\n-,None\n", {"a": [1, None, None, None], "b": [None] * 3 + ["None"]}),
    "infinity": (b"a,b\n1,inf\n2,-Infinity\n", {"a": [1, 2], "b": [math.inf, -math.inf]}),
    "beyond 64 bits": (b"a,b\n12345678901234567890,1\n", {"a": [12345678901234567890.0], "b": [1]}),
    "gzip under another name": (gzip.compress(b"a,b\n1,2\n"), {"a": [1], "b": [2]}),
    "a column without values": (b"a,b\n1,\n2,\n", {"a": [1, 2], "b": [None, None]}),
}


@pytest.mark.parametrize("case", GOOD)
def test_csv_as_people_write_it(tmp_path, case):
    data, expected = GOOD[case]
    assert _read(tmp_path, data).to_dict(as_series=False) == expected


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("967 3,967 1,000 2,100 9,001 1,120", True),
        ("967 3.967 1.000 2.100 9.001 1.120", True),
        ("1967 3,967 1,000 2,100 9,001 1,120", False),  # a thousand without its mark
        ("0 3,967 1,000 2,100 9,001 1,120", True),
        ("967 3,967 1,000 2,100 9,001 1,12", False),
        ("967 3,967 1,000 2,100 9,001 0,120", False),
        ("3,967 1,000 2,100 9,001 1,120", True),
        ("967 3,967", True),
    ],
)
def test_marks_that_may_be_those_of_thousands_are_told(tmp_path, values, told):
    data = "a;b\n" + "".join(f"{value};x\n" for value in values.split())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = _read(tmp_path, data.encode())["a"].to_list()
    assert found == [float(value.replace(",", ".")) for value in values.split()]
    assert [("is read as" in str(one.message)) for one in caught] == [True] * told


def test_points_mark_thousands_where_other_columns_have_decimal_commas(tmp_path):
    with pytest.warns(DeltaruleWarning, match="column 'a': '5.258' is read as 5258, as other columns have"):
        found = _read(tmp_path, b"a;b;c\n5.258;0,5;1.5\n1.234.567;-1,25;2.250\n7;2;3\n")
    assert found.to_dict(as_series=False) == {"a": [5258, 1234567, 7], "b": [0.5, -1.25, 2.0], "c": [1.5, 2.25, 3.0]}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["1.1", "1.10", "1.2"], "'1.1' and '1.10'"),
        (["100000", "1E5", "2E3"], "'100000' and '1E5'"),
        (["007", "7", "8"], "'007' and '7'"),
        (["12345678901234567890", "12345678901234567891", "7"], "'12345678901234567890' and '12345678901234567891'"),
        (["90071992547409930", "90071992547409931"], ""),
        (["1", "1.0", "+2", "2", ".5", "0.5"], ""),
        (["1", "2", "2"], ""),
        (["1.5", "2.5", ""], ""),
        ([f"{i / 8}" for i in range(100)] + ["1.50"], ""),
    ],
)
def test_values_that_are_the_same_number_are_told(tmp_path, values, told):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _read(tmp_path, "\n".join(["a,b", *(f"{value},1" for value in values)]).encode())
    assert [told in str(one.message) for one in caught] == ([True] if told else [])


def test_a_file_of_nothing_that_can_be_used(tmp_path):
    pl.DataFrame({"l": [[1], [2]]}).write_parquet(tmp_path / "t.parquet")
    with (
        pytest.warns(DeltaruleWarning, match="column 'l' is left out"),
        pytest.raises(DataError, match="expected at least one column that can be used, found none"),
    ):
        read_table(tmp_path / "t.parquet")


def test_the_index_of_a_pandas_frame_is_left_out(tmp_path):
    frame = pd.DataFrame({"x": range(5)})
    frame[frame.x != 2].to_parquet(tmp_path / "t.parquet")
    with pytest.warns(DeltaruleWarning, match="__index_level_0__, the index of a pandas frame, is left out"):
        assert read_table(tmp_path / "t.parquet").columns == ["x"]


BAD = {
    "empty": (b"", "empty file"),
    "only a line that says the delimiter": (b"sep=;\n\n", "empty file"),
    "only blanks": (b" \n\n", "empty file"),
    "only a header": (b"a,b\n", "rows below the header"),
    "only a header, careful": (b'a,b"\n', "rows below the header"),
    "repeated header": (b"a,b,a\n1,2,3\n", "'a' 2 times"),
    "repeated after stripping": (b"a, a\n1,2\n", "'a' 2 times"),
    "empty header": (b"b,\n0,1\n", "none for column 2 of 2"),
    "a title above the header": (b"# of May\na,b\n1,2\n", "found 2 in row 1 (line 2); remove what stands above"),
    "too few fields below a first line that says the delimiter": (
        b"sep=;\na;b\n1;2\n3\n",
        "expected 2 fields in each row, as in the header, found 1 in row 2 (line 4)",
    ),
    "too few fields": (b"a,b\n1,2\n3\n", "expected 2 fields in each row, as in the header, found 1 in row 2 (line 3)"),
    "too many fields": (b"a,b\n1,2\n\n3,4,5\n", "found 3 in row 2 (line 4)"),
    "ragged after a line feed in quotes": (b'a,b\n"1\n\n2",4\n5,6,7\n', "found 3 in row 2 (line 5)"),
    "ragged, careful": (b'a,b\n1,5"\n2\n', "found 1 in row 2 (line 3)"),
    "quote never closed": (b'a,b\n1,"x\n2,3\n4,5\n', "opened in line 2"),
    "latin-1": ("a,b\n1,2\n1,café\n".encode("latin-1"), "byte 0xe9 in line 3"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    "zero byte": (b"a,b\n1,\x00\n", "zero byte in line 2"),
    "workbook": (b"PK\x03\x04....", "workbook"),
    "parquet named csv": (b"PAR1....", "found parquet"),
    "half a gzip": (gzip.compress(b"a,b\n1,2\n" * 99)[:-9], "damaged"),
    "huge field": (b'a,b\n1,5"' + b"x" * 200_000 + b"\n", "field larger"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_csv_is_one_clear_line(tmp_path, case):
    data, says = BAD[case]
    with pytest.raises(DataError) as caught:
        _read(tmp_path, data)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "t.csv" in str(caught.value)


LINES = {
    "numbers and text": (b'{"a":1,"b":"x"}\n\n{"a":2.5}\n', {"a": [1.0, 2.5], "b": ["x", None]}),
    "NaN": (b'{"a":NaN,"b":1}\n{"a":1,"b":null}\n', {"a": [None, 1.0], "b": [1, None]}),
    "huge": (b'{"a":1e999,"b":123456789012345678901}\n', {"a": [math.inf], "b": [123456789012345678901.0]}),
    "true": (b'{"a":true}\n{"a":null}\n', {"a": [True, None]}),
}


@pytest.mark.parametrize("case", LINES)
def test_lines_of_json(tmp_path, case):
    data, expected = LINES[case]
    assert _read(tmp_path, data, "t.ndjson").to_dict(as_series=False) == expected


BAD_LINES = {
    "malformed": (b'{"a":1}\n{"a":\n', "line 2"),
    "an array": (b"[1, 2]\n", "one object a line"),
    "a key twice": (b'{"a":1,"b":2}\n{"a":1,"a":2}\n', "each key once in an object, found 'a' again, in line 2"),
    "a key twice, spelled in another way": (b'{"a":1}\n{"a":1,"\\u0061":2}\n', "'a' again, in line 2"),
    "a key twice, line by line": (b'{"a":NaN,"b":1,"b":2}\n', "found 'b' again, in line 1"),
    "mixed": (b'{"a":1}\n{"a":true}\n', "a number in line 1 and true or false in line 2"),
    "sometimes nested": (b'{"a":1}\n{"a":{"b":2}}\n', "a list or an object in line 2"),
    "no columns": (b"{}\n", "at least one column"),
    "a column without a name": (b'{"":1}\n', "has no name"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_lines_of_json(tmp_path, case):
    data, says = BAD_LINES[case]
    with pytest.raises(DataError) as caught:
        _read(tmp_path, data, "t.jsonl")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [("t.parquet", b"PAR1xx"), ("t.arrow", b"junk"), ("t.feather", b"ARROW1xxxxxxxxxxxx"), ("t.pq", b"x")],
)
def test_damaged_binary_files(tmp_path, name, data):
    with pytest.raises(DataError, match="damaged or foreign"):
        _read(tmp_path, data, name)


def test_a_binary_table_without_rows_is_refused(tmp_path):
    TABLE.head(0).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="expected at least one row"):
        read_table(tmp_path / "t.parquet")


def test_types_of_binary_files_are_brought_down(tmp_path):
    frame = pl.DataFrame({"c": pl.Series(["x", "y"], dtype=pl.Categorical), "f": [1.0, math.nan]}).with_columns(
        d=pl.Series(["1.5", "2"]).cast(pl.Decimal(10, 2))
    )
    frame.write_ipc(tmp_path / "t.arrow")
    found = read_table(tmp_path / "t.arrow")
    assert found.to_dict(as_series=False) == {"c": ["x", "y"], "f": [1.0, None], "d": [1.5, 2.0]}
    assert found.dtypes == [pl.String, pl.Float64, pl.Float64]


def test_arrow_streams_are_read(tmp_path):
    TABLE.write_ipc_stream(tmp_path / "t.arrow")
    assert_frame_equal(read_table(tmp_path / "t.arrow"), TABLE)


def test_paths_that_are_no_files(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="found nothing at"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="found a folder"):
        read_table(tmp_path)
    with pytest.raises(DataError, match=r"found \.xyz"):
        _read(tmp_path, b"a\n1\n", "t.xyz")
    with pytest.raises(DataError, match="readable file"):
        read_table("a\0b.csv")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match="Permission denied"):
        read_table(tmp_path / "t.csv")


def test_format_and_encoding_can_be_named(tmp_path):
    assert _read(tmp_path, b"a,b\tc\n1\t2\n", "t.xyz", format="tsv").columns == ["a,b", "c"]
    assert _read(tmp_path, "a,b\n1,é\n".encode("latin-1"), encoding="latin-1")["b"].to_list() == ["é"]
    assert _read(tmp_path, "a,b\n1,é\n".encode("utf-16"), encoding="utf-16").columns == ["a", "b"]
    with pytest.raises(InvalidOption, match="format"):
        _read(tmp_path, b"a\n1\n", format="excel")
    with pytest.raises(InvalidOption, match="encoding"):
        _read(tmp_path, b"a\n1\n", encoding="klingon")
    with pytest.raises(DataError, match="expected text in ascii, found byte 0xc3 in line 2"):
        _read(tmp_path, "a\né\n".encode(), encoding="ascii")


class _Pipe:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def _in_memory(kind: str) -> bytes:
    sink = io.BytesIO()
    getattr(TABLE, f"write_{kind}")(sink)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet", "ipc", "ipc_stream"])
@pytest.mark.parametrize("compressed", [False, True])
def test_standard_input_is_known_by_its_first_bytes(monkeypatch, kind, compressed):
    data = _in_memory(kind)
    monkeypatch.setattr(sys, "stdin", _Pipe(gzip.compress(data) if compressed else data))
    assert_frame_equal(read_table("-"), TABLE)


def test_empty_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", _Pipe(b""))
    with pytest.raises(DataError, match="standard input: expected a table"):
        read_table("-")


def test_a_file_without_extension_is_known_by_its_first_bytes(tmp_path):
    assert _read(tmp_path, _in_memory("parquet"), "table").columns == TABLE.columns
    assert _read(tmp_path, b"a;b\n1;2\n", "table").columns == ["a", "b"]


def test_text_in_the_last_of_many_rows(tmp_path):
    data = b"a,b\n" + b"1,2\n" * 250_000
    found = _read(tmp_path, data + b"x,3\n")
    assert found.dtypes == [pl.String, pl.Int64]
    assert found["a"][-1] == "x"
    assert _read(tmp_path, data + b"1.5,3\n").dtypes == [pl.Float64, pl.Int64]
    late = b"a,b\n" + b"NA,2\n" * 5000 + b"7,2\n"
    assert _read(tmp_path, late)["a"].to_list()[-1] == 7


def test_writing_leaves_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(OutputError):
        write_table(TABLE, tmp_path / "absent" / "t.csv")
    for name in ("t.xlsx", "t", "t.gz"):
        with pytest.raises(OutputError, match="choose a name"):
            write_table(TABLE, tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]
    assert path.read_text() == "old"


def test_standard_output(capsys, monkeypatch):
    write_table(TABLE, "-")
    assert capsys.readouterr().out == TABLE.write_csv()

    class Closed:
        def write(self, text: str) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(OutputError, match="Broken pipe"):
        write_table(TABLE, "-")


# text that is text after reading: begins with a letter no word for "missing" and no number begins with
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12).map(lambda s: f"w{s}z")
cells = {
    "whole": st.none() | st.integers(-(2**53), 2**53),
    "float": st.none() | st.floats(allow_nan=False),
    "text": st.none() | words | st.sampled_from(["w,z", 'w"z', "w\nz", 'w","z', "w;|\tz", 'w""z']),
}


@st.composite
def tables(draw):
    m = draw(st.integers(1, 12))
    kinds = draw(st.lists(st.sampled_from(sorted(cells)), min_size=1, max_size=4))
    types = {"whole": pl.Int64, "float": pl.Float64, "text": pl.String}
    columns = [pl.Series("key", range(m), dtype=pl.Int64)]
    for k, kind in enumerate(kinds):
        values = draw(st.lists(cells[kind], min_size=m, max_size=m))
        columns.append(pl.Series(f"{kind} {k}", values, dtype=types[kind]))
    return pl.DataFrame(columns)


def _values(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return [tuple(float(v) if isinstance(v, int) else v for v in row) for row in frame.iter_rows()]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.arrow", "t.ndjson"])
def test_round_trip(tmp_path, name):
    @given(tables())
    def check(frame):
        if name == "t.ndjson":  # JSON has no infinity
            frame = frame.with_columns(pl.selectors.float().replace([math.inf, -math.inf], None))
        write_table(frame, tmp_path / name)
        found = read_table(tmp_path / name)
        assert found.columns == frame.columns
        assert _values(found) == _values(frame)

    check()


def _table_or_message(path: Path, data: bytes) -> None:
    """Either a table with rows and distinct names, or an error of one line; anything else fails the test."""
    path.write_bytes(data)
    try:
        frame = read_table(path)
    except DataError as error:
        message = str(error)
    else:
        message = ""
        assert len(frame) > 0
        assert len(set(frame.columns)) == frame.width
    assert "\n" not in message


@pytest.mark.filterwarnings("ignore:.*the first column has no name")
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.ndjson"])
def test_anything_is_a_table_or_one_clear_line(tmp_path, name):
    @given(st.binary(max_size=100) | st.text('ab,;\t|"\n \r12.{}:[', max_size=60).map(str.encode))
    def check(data):
        _table_or_message(tmp_path / name, data)

    check()


def test_gzip_that_grows_beyond_all_measure(tmp_path, monkeypatch):
    monkeypatch.setattr("deltarule.tabular.read._FEW_BYTES", 1000)
    data = b"a,b\n" + b"1,2\n" * 100_000
    assert len(data) > 200 * len(gzip.compress(data))
    with pytest.raises(DataError, match=r"bytes of gzip that grow beyond .* unpack it first"):
        _read(tmp_path, gzip.compress(data), "t.csv.gz")
    data = b"a,b\n" + b"".join(b"%d,%d\n" % (k, k * k) for k in range(1000))
    assert len(_read(tmp_path, gzip.compress(data), "t.csv.gz")) == 1000


@pytest.mark.parametrize("text", ['"","a","y"\n"Mazda",1,2\n"Fiat",3,4\n', ",a,y\n0,1,2\n1,3,4\n"], ids=["R", "pandas"])
def test_row_labels_are_left_out(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.warns(DeltaruleWarning, match="first column has no name: it is left out"):
        assert read_table(path).to_dict(as_series=False) == {"a": [1, 3], "y": [2, 4]}
    path.write_text("a,,y\n1,2,3\n")
    with pytest.raises(DataError, match="found none for column 2 of 3"):
        read_table(path)
    path.write_text("Sales, of 2020\n\na,b,y\n1,2,3\n")
    with pytest.raises(DataError, match="if it is the header, remove what stands above it"):
        read_table(path)
