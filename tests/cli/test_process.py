"""The command as a process: exit codes, what it imports, closed pipes, Ctrl-C."""

from __future__ import annotations

import builtins
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from cli_tables import Cli, mixed_table

import deltarule
import deltarule.__main__


def start(*arguments: str, cwd: Path, **options: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("PYTHONUNBUFFERED", None)  # Python then takes a write that a closed pipe cut short for a whole one
    command = [sys.executable, "-m", "deltarule", *arguments]
    return subprocess.Popen(command, cwd=cwd, env=environment, **options)  # type: ignore[call-overload,no-any-return]


def test_process_exit_codes(tmp_path: Path) -> None:
    process = start("train", "nothing.csv", "-t", "y", cwd=tmp_path, stderr=subprocess.PIPE)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert err.decode().count("\n") == 1
    assert err.startswith(b"deltarule: expected a file")


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom deltarule.cli import run\nrun(['--help'])\n"
        "print(sorted({'numpy', 'sklearn', 'polars', 'scipy', 'safetensors'} & set(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, cwd=tmp_path, check=True)
    assert done.stderr.decode().strip() == "[]"


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    mixed_table(m=20000).write_csv(tmp_path / "t.csv")
    mixed_table().write_csv(tmp_path / "small.csv")
    train = start("train", "small.csv", "-t", "outcome", "--epochs", "1", "-q", cwd=tmp_path, stderr=subprocess.DEVNULL)
    assert train.wait(timeout=120) == 0
    process = start(
        "predict", "model.safetensors", "t.csv", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"prediction,")
    process.stdout.close()
    assert process.wait(timeout=120) == 141
    lines = [line for line in process.stderr.read().decode().splitlines() if not line.startswith("note: ")]
    process.stderr.close()
    assert lines == []


@pytest.mark.parametrize("command", ["train --help", "sample --list", "inspect m.st", "predict m.st iris.csv"])
def test_every_command_answers_a_closed_pipe_alike(command: str, cli: Cli, tmp_path: Path) -> None:
    cli("sample", "iris")
    assert cli("train", "iris.csv", "-t", "species", "--epochs", 1, "-o", "m.st").code == 0
    ours, theirs = os.pipe()
    os.close(ours)
    process = start(*command.split(), cwd=tmp_path, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (141, b"")


def test_two_trainings_of_one_model_leave_a_whole_one(tmp_path: Path) -> None:
    mixed_table().write_csv(tmp_path / "t.csv")
    command = ["train", "t.csv", "-t", "outcome", "--epochs", "2", "-q", "--checkpoint", "c.st", "--seed"]
    both = [start(*command, seed, cwd=tmp_path, stderr=subprocess.DEVNULL) for seed in ("0", "1")]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert deltarule.load(tmp_path / "model.safetensors").report["options"].get("seed", 0) in (0, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.st", "model.safetensors", "t.csv"]


def test_ctrl_c_on_a_terminal_saves_the_best_model(tmp_path: Path) -> None:
    """On a pseudo terminal: the live bar appears with the losses, and Ctrl-C keeps what was learned."""
    mixed_table(m=2000).write_csv(tmp_path / "t.csv")
    ours, theirs = pty.openpty()
    process = start(
        "train",
        "t.csv",
        "-t",
        "outcome",
        "--epochs",
        "1000000",
        "--patience",
        "1000000",
        cwd=tmp_path,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    )
    os.close(theirs)
    seen = b""
    killer = threading.Timer(120, process.kill)
    killer.start()
    signaled = False
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        seen += part
        if not signaled and re.search(rb"validation [0-9.]+", seen):
            signaled = True
            process.send_signal(signal.SIGINT)
    code = process.wait()
    killer.cancel()
    os.close(ours)
    assert signaled
    assert code == 130, seen[-2000:]
    assert b"the best model so far is in model.safetensors" in seen
    assert b"Traceback" not in seen
    assert len(deltarule.load(tmp_path / "model.safetensors").history["loss"]) >= 1


def test_ctrl_c_while_the_command_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def interrupted(name: str, *rest: Any) -> Any:
        if name == "deltarule.cli":
            raise KeyboardInterrupt
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(SystemExit) as left:
        deltarule.__main__.main()
    assert left.value.code == 130
    assert capsys.readouterr().err == "deltarule: interrupted: nothing was written\n"
