"""Writing a file so that nothing is ever lost: it is complete, or it is as it was before."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import OutputError


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Write a file so that it is either complete or as it was before.

    The body of the ``with`` statement writes to the temporary path it is given, which lies in the same
    folder. If the body ends well, the temporary file takes the place of `path` in one step; if it ends in any
    other way, Ctrl-C included, the temporary file is removed. A symbolic link is followed. An existing file
    keeps its permissions, a new one gets the usual ones. A device or a pipe, like ``/dev/stdout``, receives
    the bytes at the end.

    Parameters
    ----------
    path : str or Path
        Where the file shall be.

    Yields
    ------
    Path
        An empty file with the same suffix as `path`.

    Raises
    ------
    OutputError
        The folder does not exist or cannot be written to, `path` is a folder, the disk is full; also for any
        other `OSError` from the body, which should therefore do nothing but write.
    """
    target = Path(path)
    try:
        mode = _mode(target)
        in_place = mode is None or stat.S_ISREG(mode)
        if in_place:
            target = Path(os.path.realpath(target))
        with _temporary(target, target.parent if in_place else Path(tempfile.gettempdir()), mode) as temporary:
            yield temporary
            if in_place:
                _replace(temporary, target)
            else:
                with temporary.open("rb") as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}", _output_hint(error)) from error


def _mode(target: Path) -> int | None:
    """Kind and permissions of the file to be replaced, None for a new one; refuses what cannot be written."""
    if "\0" in str(target):
        raise OutputError(f"cannot write {str(target)!r}: a path cannot contain a null character")
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        folder = Path(os.path.realpath(target)).parent
        if not folder.exists():
            raise OutputError(
                f"cannot write {target}: the folder {folder} does not exist",
                "create it, or choose another path",
            ) from None
        return None
    if stat.S_ISDIR(mode):
        raise OutputError(f"cannot write {target}: expected the path of a file, found a folder", "add a file name")
    if not os.access(target, os.W_OK):
        raise OutputError(f"cannot write {target}: the file is read-only", "choose another path")
    return mode


@contextlib.contextmanager
def _temporary(target: Path, folder: Path, mode: int | None) -> Iterator[Path]:
    """Yield an empty file with the permissions of `mode`, or the usual ones; it is gone afterwards."""
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= 32 else ""
    temporary = folder / f".deltarule-{secrets.token_hex(8)}{suffix}"
    try:
        # 0o666 leaves the rest to the umask, as for any new file; tempfile would make it private
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileNotFoundError:  # the folder has been seen to be there; some, such as /proc, take no files
            raise OutputError(f"cannot write {target}: the folder {folder} takes no files", "choose another") from None
        if mode is not None and stat.S_ISREG(mode):
            temporary.chmod(stat.S_IMODE(mode))
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _replace(temporary: Path, target: Path) -> None:
    """Put `temporary` in the place of `target`; bytes first, so that a power cut leaves old or new."""
    handle = os.open(temporary, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(target)
    with contextlib.suppress(OSError):  # the file is complete; not every system can sync a folder
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _output_hint(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "choose a folder that you may write to"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room on the disk"
    return "choose another path"
