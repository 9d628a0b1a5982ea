from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from deltarule.atomic import atomic_write
from deltarule.errors import DeltaruleError, OutputError


def put(path: Path | str, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_file_and_its_replacement(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    put(target, "first")
    put(str(target), "second")
    assert target.read_text() == "second"
    assert names(tmp_path) == ["a.txt"]


def test_the_temporary_file_lies_beside_the_target_with_its_suffix(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "table.parquet") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".parquet"
        assert temporary.read_bytes() == b""
    with atomic_write(tmp_path / ("n." + "x" * 200)) as temporary:
        assert temporary.suffix == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError, GeneratorExit])
@pytest.mark.parametrize("exists", [True, False])
def test_an_interrupted_write_changes_nothing(tmp_path: Path, error: type[BaseException], exists: bool) -> None:
    target = tmp_path / "a.txt"
    if exists:
        target.write_text("old")
    with pytest.raises(error), atomic_write(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert names(tmp_path) == (["a.txt"] if exists else [])
    assert not exists or target.read_text() == "old"


def test_permissions_of_a_new_and_of_a_replaced_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    before = os.umask(0o027)
    try:
        put(target, "first")
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        target.chmod(0o606)
        with atomic_write(target) as temporary:
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o606
            temporary.write_text("second")
        assert stat.S_IMODE(target.stat().st_mode) == 0o606
    finally:
        os.umask(before)


def test_symbolic_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "a.txt")
    put(link, "new file through a link")
    put(link, "replaced through a link")
    assert link.is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "replaced through a link"
    assert names(tmp_path / "real") == ["a.txt"]


def test_a_device_stays_a_device() -> None:
    put("/dev/null", "gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_pipe_receives_the_bytes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    put(pipe, "through the pipe")
    reader.join()
    assert received == ["through the pipe"]
    assert names(tmp_path) == ["pipe"]


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone" / "a")
    cases = {
        str(tmp_path): "found a folder; add a file name",
        "": "found a folder",
        str(tmp_path / "no" / "a"): f"the folder {tmp_path / 'no'} does not exist; create it",
        str(tmp_path / "nowhere"): f"the folder {tmp_path / 'gone'} does not exist",
        str(tmp_path / "file" / "a"): "Not a directory",
        str(tmp_path / "loop"): "symbolic links",
        str(tmp_path / ("x" * 300)): "File name too long",
        str(tmp_path / "a\0b"): "null character",
    }
    for path, expected in cases.items():
        with pytest.raises(OutputError) as caught:
            put(path, "new")
        assert expected in str(caught.value), path
        assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file", "loop", "nowhere"]


def test_a_read_only_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everything, so say otherwise
    with pytest.raises(OutputError, match="is read-only; choose another path"):
        put(target, "new")
    assert target.read_text() == "old"


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match="Permission denied; choose a folder that you may write to"):
        put(tmp_path / "a.txt", "new")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device; make room on the disk"):
        put(target, "new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_disk_errors_of_the_body_become_output_errors_and_others_stay(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Input/output error"), atomic_write(tmp_path / "a"):
        raise OSError(errno.EIO, "Input/output error")
    with pytest.raises(OutputError, match="said by the body"), atomic_write(tmp_path / "a"):
        raise OutputError("said by the body")
    assert issubclass(OutputError, OSError)
    assert issubclass(OutputError, DeltaruleError)


def test_a_body_that_removes_the_file_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"), atomic_write(tmp_path / "a") as temporary:
        temporary.unlink()
    assert names(tmp_path) == []
