"""What ``import deltarule`` brings, and what it leaves for later."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import deltarule

HEAVY = ("sklearn", "scipy", "polars", "typer", "rich", "safetensors", "matplotlib", "pandas", "jax")


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy():
    assert modules_after("import deltarule").isdisjoint(HEAVY)


def test_importing_an_estimator_adds_little_to_scikit_learn():
    base = modules_after("import sklearn.linear_model")
    assert (modules_after("from deltarule import MLPClassifier") - base).isdisjoint(HEAVY)


@pytest.mark.parametrize("name", [name for name in deltarule.__all__ if name != "__version__"])
def test_every_public_name_can_be_had(name):
    assert getattr(deltarule, name).__module__.startswith("deltarule")


def test_the_version_is_the_installed_one():
    assert deltarule.__version__ == version("deltarule")


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'transformers'"):
        deltarule.transformers  # noqa: B018
