"""Prints the oldest versions that pyproject.toml allows, mended as they were later, as constraints for pip."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
    if found := re.fullmatch(r"([\w-]+)>=([\w.]+)", requirement):
        print("{}=={}.*".format(*found.groups()))
