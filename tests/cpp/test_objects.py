"""Objects compiled for different instruction sets share no symbol: the linker could take the wrong one's."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

CPP = Path(__file__).parents[2] / "cpp"
FLAGS = {"v2": "-march=x86-64-v2", "v3": "-march=x86-64-v3", "v4": "-march=x86-64-v4"}


def exported(path: Path) -> list[str]:
    """Names that other objects can see, weak ones included."""
    lines = subprocess.run(["nm", "--defined-only", "-C", path], capture_output=True, text=True, check=True).stdout
    return [line.split(maxsplit=2)[2] for line in lines.splitlines() if line.split()[1] not in "bdrt"]


def compiled(source: Path, target: str, folder: Path) -> Path:
    """`source` without optimization, so that nothing is inlined away."""
    made = folder / f"{target}.o"
    flags = [FLAGS[target], "-std=c++20", "-O0", "-Wno-psabi", f"-DDELTARULE_TARGET={target}"]
    subprocess.run(["c++", *flags, "-c", source, "-o", made], check=True)
    return made


pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not shutil.which("nm") or not shutil.which("c++"),
    reason="needs x86-64, nm and c++",
)


@pytest.mark.parametrize("target", FLAGS)
def test_an_object_exports_its_table_and_nothing_else(target, tmp_path):
    assert exported(compiled(CPP / "kernels.cpp", target, tmp_path)) == [f"deltarule::{target}::TARGET"]


def test_a_weak_symbol_would_be_noticed(tmp_path):
    source = tmp_path / "weak.cpp"
    includes = f'#include <algorithm>\n#include "{CPP}/kernels.cpp"\n'
    source.write_text(includes + "int larger(int a, int b) { return std::max(a, b); }\n")
    assert any("max" in name for name in exported(compiled(source, "v3", tmp_path)))
