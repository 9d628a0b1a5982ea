"""Objects compiled for different instruction sets share no symbol: the linker could take the wrong one's."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

CPP = Path(__file__).parents[2] / "cpp"
HERE = ["v2", "v3", "v4", "amx"] if platform.machine() == "x86_64" else ["baseline"]
MARCH = {"amx": ["-march=x86-64-v4", "-mamx-tile", "-mamx-bf16"]}
TARGETS = {"c++": HERE, "clang++": HERE, "aarch64-linux-gnu-g++": ["baseline"]}
COMPILERS = [compiler for compiler in TARGETS if shutil.which(compiler)]


def exported(path: Path) -> list[str]:
    """Names that other objects can see, weak ones included."""
    lines = subprocess.run(["nm", "--defined-only", "-C", path], capture_output=True, text=True, check=True).stdout
    return [line.split(maxsplit=2)[2] for line in lines.splitlines() if line.split()[1] not in "bdrt"]


def compiled(compiler: str, source: Path, target: str, folder: Path) -> Path:
    """`source` without optimization, so that nothing is inlined away."""
    made = folder / f"{target}.o"
    flags = ["-std=c++20", "-O0", "-Wno-psabi", f"-DDELTARULE_TARGET={target}"]
    march = [] if target == "baseline" else MARCH.get(target, [f"-march=x86-64-{target}"])
    subprocess.run([compiler, *flags, *march, "-c", source, "-o", made], check=True)
    return made


pytestmark = pytest.mark.skipif(not shutil.which("nm") or not COMPILERS, reason="needs nm and a compiler")


@pytest.mark.parametrize(
    ("compiler", "target"), [(compiler, target) for compiler in COMPILERS for target in TARGETS[compiler]]
)
def test_an_object_exports_its_table_and_nothing_else(compiler, target, tmp_path):
    assert exported(compiled(compiler, CPP / "kernels.cpp", target, tmp_path)) == [f"deltarule::{target}::TARGET"]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_weak_symbol_would_be_noticed(compiler, tmp_path):
    source = tmp_path / "weak.cpp"
    includes = f'#include <algorithm>\n#include "{CPP}/kernels.cpp"\n'
    source.write_text(includes + "int larger(int a, int b) { return std::max(a, b); }\n")
    assert any("max" in name for name in exported(compiled(compiler, source, TARGETS[compiler][-1], tmp_path)))
