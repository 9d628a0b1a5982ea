from __future__ import annotations

import hashlib
import io
import json
import math
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltarule
from deltarule import model_file
from deltarule.errors import ModelFileError, OutputError

DOCUMENT = {
    "layers": [{"units": 3, "activation": "relu"}],
    "classes": ["ja", "日本"],
    "history": [0.5, math.nan],
}
ARRAYS = {"W1": np.arange(6, dtype=np.float32).reshape(2, 3), "b1": np.array([0.1, -0.0, 1e-300])}

floats = st.floats(allow_nan=True, allow_infinity=True)
scalars = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | floats | st.text()
keys = st.text() | st.sampled_from(["$float", "$", "$$float", "sha256", "__metadata__"])
documents = st.dictionaries(
    keys,
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)),
    max_size=5,
)
arrays_of_all_types = st.dictionaries(
    st.text().filter(lambda name: name != "__metadata__"),
    hnp.arrays(
        st.sampled_from(list(model_file.DTYPES.values())),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    max_size=4,
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    model_file.write(path, DOCUMENT, ARRAYS)
    return path


def refusal(path: Path | str, kind: model_file.Kind = "model") -> str:
    with pytest.raises(ModelFileError) as caught:
        model_file.read(path, kind=kind)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def forge(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the header of a good file and sign it again, as a malicious writer would."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    change(header)
    metadata = header["__metadata__"]
    if "sha256" in metadata and isinstance(metadata["sha256"], str):
        metadata["sha256"] = "0" * 64
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    content = len(text).to_bytes(8, "little") + text + content[end:]
    checksum = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + checksum, 1))


# ---------------------------------------------------------------------- round trips


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents, arrays=arrays_of_all_types, kind=st.sampled_from(["model", "checkpoint"]))
def test_what_is_written_is_read(
    tmp_path: Path, document: dict[str, Any], arrays: dict[str, Any], kind: model_file.Kind
) -> None:
    path = tmp_path / "m.safetensors"
    model_file.write(path, document, arrays, kind=kind)
    found_document, found_arrays = model_file.read(path, kind=kind)
    assert repr(found_document) == repr(document)  # repr tells 1 from 1.0, -0.0 from 0.0, and knows NaN and order
    assert found_arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found_arrays[name].dtype == array.dtype
        assert found_arrays[name].shape == array.shape
        assert found_arrays[name].tobytes() == array.tobytes()
        assert found_arrays[name].flags.writeable
        assert found_arrays[name].flags.c_contiguous


def test_equal_contents_give_equal_bytes(tmp_path: Path, saved: Path) -> None:
    again = tmp_path / "again"
    model_file.write(again, DOCUMENT, ARRAYS)
    assert again.read_bytes() == saved.read_bytes()


def test_any_suffix_loads(tmp_path: Path, saved: Path) -> None:
    for name in ("m", "m.pkl", "m.csv"):
        renamed = saved.rename(tmp_path / name)
        assert model_file.read(str(renamed), kind="model")[0]["classes"] == ["ja", "日本"]
        saved = renamed


def test_other_programs_read_it_too(saved: Path) -> None:
    with safetensors.safe_open(saved, framework="np") as file:
        metadata = file.metadata()
        assert np.array_equal(file.get_tensor("W1"), ARRAYS["W1"])
    assert metadata["format"] == "deltarule"
    assert metadata["format_version"] == "1"
    assert metadata["kind"] == "model"
    assert json.loads(metadata["versions"]) == model_file.versions()
    assert model_file.versions()["numpy"] == np.__version__
    assert model_file.versions()["deltarule"] == deltarule.__version__
    assert json.loads(metadata["document"])["history"] == [0.5, {"$float": "nan"}]


def test_arrays_in_any_memory_order_and_byte_order(tmp_path: Path) -> None:
    array = np.arange(6.0).reshape(2, 3)
    arrays = {"f": np.asfortranarray(array), "t": array.T, "s": array[:, ::-2], "big": array.astype(">f8")}
    model_file.write(tmp_path / "m", {}, arrays)
    found = model_file.read(tmp_path / "m", kind="model")[1]
    for name, expected in arrays.items():
        assert np.array_equal(found[name], expected)
        assert found[name].dtype == np.float64


def test_tuples_and_numpy_scalars_in_a_document(tmp_path: Path) -> None:
    document: Any = {
        "t": (1, np.float64(math.inf)),
        "n": [np.int64(3), np.float32(0.5), np.bool_(True), np.str_("x")],
    }
    model_file.write(tmp_path / "m", document, {})
    found = model_file.read(tmp_path / "m", kind="model")[0]
    assert found == {"t": [1, math.inf], "n": [3, 0.5, True, "x"]}
    assert type(found["n"][2]) is bool


# ---------------------------------------------------------------------- refused when writing


@pytest.mark.parametrize(
    ("document", "arrays", "expected"),
    [
        ({"a": [{"b": {1}}]}, {}, "the document['a'][0]['b']: expected what JSON can hold, found set"),
        ({"a": np.ones(2)}, {}, "the document['a']: expected what JSON can hold, found ndarray"),
        ({1: "a"}, {}, "the document: expected strings as keys, found 1"),
        ([1], {}, "expected a mapping as the document, found list"),
        ({}, {"a": np.array(["x"])}, "array 'a': expected one of float64, float32"),
        ({}, {"a": np.array([None])}, "found object"),
        ({}, {"__metadata__": np.ones(1)}, "expected a string other than '__metadata__'"),
        ({}, {1: np.ones(1)}, "as the name of an array, found 1"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(tmp_path: Path, document: Any, arrays: Any, expected: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        model_file.write(tmp_path / "m", document, arrays)
    assert expected in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="one of model, checkpoint, found 'pickle'"):
        model_file.write(tmp_path / "m", {}, {}, kind="pickle")  # type: ignore[arg-type]


def test_a_document_too_long_to_be_read_back_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "_MAX_HEADER", 1000)
    with pytest.raises(ModelFileError, match="at most 1,000 bytes, found"):
        model_file.write(tmp_path / "m", {"a": "x" * 1000}, {})
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_output(tmp_path: Path, saved: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        model_file.write(tmp_path / "no" / "m", DOCUMENT, ARRAYS)
    with pytest.raises(OutputError, match="found a folder"):
        model_file.write(tmp_path, DOCUMENT, ARRAYS)


def test_an_interrupted_write_leaves_the_old_model(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def half(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(KeyboardInterrupt):
        model_file.write(saved, {"other": 1}, {})
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


# ---------------------------------------------------------------------- refused when reading


def test_every_changed_byte_is_found(saved: Path) -> None:
    good = saved.read_bytes()
    for position in range(len(good)):
        for flip in (1 << (position % 8), 0xFF):
            bad = bytearray(good)
            bad[position] ^= flip
            saved.write_bytes(bad)
            refusal(saved)
    saved.write_bytes(good)
    model_file.read(saved, kind="model")


def test_every_truncation_is_found(saved: Path) -> None:
    good = saved.read_bytes()
    for length in range(len(good)):
        saved.write_bytes(good[:length])
        message = refusal(saved)
        if length > 8:
            assert "is cut off: expected" in message
    saved.write_bytes(good + b"\0")
    assert "is damaged" in refusal(saved)


def test_missing_empty_folder_and_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist, expected a model file" in refusal(tmp_path / "no")
    assert "is a folder or a device" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    assert "is a folder or a device" in refusal(tmp_path / "pipe")
    assert "null" in refusal(str(tmp_path / "a\0b"))
    (tmp_path / "empty").touch()
    assert "is empty" in refusal(tmp_path / "empty")

    def refuse(self: Path, mode: str) -> io.BytesIO:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot read" in refusal(tmp_path / "empty")
    assert "Permission denied" in refusal(tmp_path / "empty")


class Trap:
    """Leaves a trace when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_files_of_other_kinds_are_refused_whatever_their_name(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("data.pkl", "x")
    table = io.BytesIO()
    np.save(table, np.ones(3))
    cases = {
        pickle.dumps(Trap(tmp_path / "trap")): "a pickle, which could run code",
        archive.getvalue(): "a zip archive",
        table.getvalue(): "a NumPy array file",
        b"\x1f\x8b\x08\x00abcdefg": "a gzip file",
        b"a,b,c\n1,2,3\n": "is not a deltarule file; save the model with deltarule",
        b"\x08\x05\x12\x07pytorch": "is not a deltarule file",  # how an ONNX file begins
        b'{"a": 1, "b": 2}': "is not a deltarule file",
        b"x": "is not a deltarule file",
        (10**9).to_bytes(8, "little") + b"{": "is not a deltarule file",  # a header of 1 GB is not allocated
        (2).to_bytes(8, "little") + b"{}": "of another program",
        (8).to_bytes(8, "little") + b"{abcdef}": "its header cannot be read",
    }
    for content, expected in cases.items():
        path.write_bytes(content)
        assert expected in refusal(path)
    assert not (tmp_path / "trap").exists()


def test_safetensors_files_of_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for metadata in (None, {"format": "pt"}):
        safetensors.numpy.save_file({"a": np.ones(2)}, path, metadata)
        assert "is a safetensors file of another program" in refusal(path)
    safetensors.numpy.save_file({"a": np.ones(2, np.float16)}, path, {"format": "pt"})
    assert "of another program" in refusal(path)


def test_the_wrong_kind(tmp_path: Path, saved: Path) -> None:
    assert "holds a model, expected a checkpoint" in refusal(saved, "checkpoint")
    model_file.write(saved, {}, {}, kind="checkpoint")
    assert "holds a checkpoint, expected a model" in refusal(saved)


def test_a_newer_format(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "FORMAT_VERSION", 7)
    monkeypatch.setattr(model_file, "DTYPES", {**model_file.DTYPES, "F16": "float16"})
    model_file.write(saved, DOCUMENT, {**ARRAYS, "half": np.ones(2, np.float16)})
    monkeypatch.undo()
    expected = "was written by a newer deltarule (format 7, this one reads up to 1); upgrade deltarule"
    assert expected in refusal(saved)


def meta(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header["__metadata__"].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda header: None, ""),
        (lambda header: header["__metadata__"].pop("document"), "metadata are not complete"),
        (lambda header: header["__metadata__"].pop("sha256"), "metadata are not complete"),
        (lambda header: header["__metadata__"].pop("format_version"), "metadata are not complete"),
        (lambda header: header.__setitem__("__metadata__", []), "header cannot be read"),
        (lambda header: header.__setitem__("W1", []), "header cannot be read"),
        (lambda header: header["W1"].__setitem__("dtype", "F16"), "header cannot be read"),
        (lambda header: header["W1"].__setitem__("data_offsets", ["a", "b"]), "header cannot be read"),
        (lambda header: header["W1"].__setitem__("data_offsets", [0]), "header cannot be read"),
        (lambda header: header["W1"].__setitem__("data_offsets", [0, 10**12]), "is cut off"),
        (lambda header: header["W1"].__setitem__("data_offsets", [0, 8]), "arrays that cannot be read"),
        (lambda header: header["W1"].__setitem__("shape", [10**9, 10**9]), "arrays that cannot be read"),
        (lambda header: header["W1"].update(shape=[0, 2**63], data_offsets=[0, 0]), "arrays that cannot be read"),
        (lambda header: header["W1"].__setitem__("shape", [-2, -3]), "arrays that cannot be read"),
        (meta("sha256", 5), "header cannot be read"),
        (meta("format_version", "0"), "metadata are not complete"),
        (meta("format_version", "1e9"), "metadata are not complete"),
        (meta("document", "{"), "a document that cannot be read"),
        (meta("document", '{"a":1,"a":2}'), "a key occurs twice"),
        (meta("document", '{"a":NaN}'), "NaN is not JSON"),
        (meta("document", '{"a":{"$float":"1"}}'), "a document that cannot be read"),
        (meta("document", '{"a":{"$float":[]}}'), "a document that cannot be read"),
        (meta("document", '{"a":{"$float":"nan","b":1}}'), "a document that cannot be read"),
        (meta("document", '{"$float":"nan"}'), "a float as its document, expected an object"),
        (meta("document", "[" * 100_000), "a document that cannot be read"),
    ],
)
def test_forged_files_with_a_right_checksum(
    saved: Path, change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    forge(saved, change)
    if expected:
        assert expected in refusal(saved)
    else:  # the forger itself works
        model_file.read(saved, kind="model")


# ---------------------------------------------------------------------- expected arrays


def test_expected_arrays_pass() -> None:
    model_file.expect_arrays(ARRAYS, {"W1": ((2, 3), np.float32), "b1": ([3], "float64")})
    model_file.expect_arrays({"n": np.zeros((0,), np.int64)}, {"n": ((0,), np.int64)})


def test_every_fault_is_named() -> None:
    arrays = {"W1": ARRAYS["W1"], "W2": ARRAYS["W1"], "extra": ARRAYS["b1"], "b1": np.array([1.0, math.nan])}
    expected = {"W1": ((3, 2), "f4"), "W2": ((2, 3), "f8"), "b1": ((2,), "f8"), "gone": ((1,), "f8")}
    with pytest.raises(ModelFileError) as caught:
        model_file.expect_arrays(arrays, expected, source="m.safetensors")
    assert str(caught.value) == (
        "m.safetensors does not hold the arrays it should: 'gone' is missing, 'extra' is unexpected, "
        "'W1' should be float32 (3, 2), is float32 (2, 3), 'W2' should be float64 (2, 3), is float32 (2, 3), "
        "'b1' holds values that are not finite"
    )


HEADS = {
    "nothing": b"",
    "text": b"x,y\n1,2\n",
    "longer than its file": (1 << 40).to_bytes(8, "little") + b"{}",
    "no metadata": (2).to_bytes(8, "little") + b"{}",
    "metadata of another type": (19).to_bytes(8, "little") + b'{"__metadata__":[]}',
    "nested without end": (200_000).to_bytes(8, "little") + b"[" * 200_000,
}


@pytest.mark.parametrize("head", HEADS)
def test_a_header_without_metadata_tells_neither_kind_nor_versions(tmp_path: Path, head: str) -> None:
    path = tmp_path / "m"
    path.write_bytes(HEADS[head])
    assert model_file.kind_of(path) == (None if head == "nothing" else "something else")
    with pytest.raises(ModelFileError, match="expected the versions"):
        model_file.written_by(path)


def test_kind_and_versions_are_read_from_the_header_alone(saved: Path) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: 8 + int.from_bytes(whole[:8], "little")])
    assert model_file.kind_of(saved) == "model"
    assert model_file.written_by(saved) == model_file.versions()
    assert model_file.kind_of(saved.parent / "none") is None
