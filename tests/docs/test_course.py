"""The pages of the course: all there, in order, with exercises, pictures and links; their generated parts are fresh."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from deltarule.course import EXERCISES

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "course"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("course_tool", ROOT / "tools" / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_nine_pages_and_the_index_names_them_in_order():
    assert [page.name[0] for page in PAGES] == list("123456789")
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[\d [^]]+\]\(([^)]+)\)", index, re.MULTILINE) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_has_all_its_parts(page):
    text = page.read_text(encoding="utf-8")
    number = page.name[0]
    assert text.startswith(f"# {number} ")
    assert text.splitlines()[2].startswith("After this page you can ")
    assert "$$" in text or number == "9"
    assert "\n>>> " in text
    pictures = re.findall(r"!\[[^]]{10,}\]\(([^)]+)\)", text)
    assert pictures
    assert all((FOLDER / picture).stat().st_size > 1000 for picture in pictures)
    asked = re.findall(r"^\*\*(\d\.\d)\*\* ", text, re.MULTILINE)
    assert asked == [key for key in EXERCISES if key.startswith(number)]
    after = PAGES[int(number)].name if number != "9" else "README.md"
    assert f"]({after})" in text.splitlines()[-1]


def test_the_exercises_on_the_pages_are_fresh(tool):
    assert tool.main(["--check"]) == 0


def test_a_stale_page_is_told(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, "FOLDER", tmp_path)
    (tmp_path / "1-line.md").write_text("<!-- exercises: 1 -->\nold\n<!-- end -->\n", encoding="utf-8")
    assert tool.main(["--check"]) == 1
    assert "1-line.md is stale" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["1-line", "3-loss", "5-forward", "6-backward", "9-slips"])
def test_the_pictures_are_drawn_the_same_each_time(tool, name, tmp_path):
    drawn = []
    for _ in range(2):
        tool.save(tool.PICTURES[f"{name}.svg"](), tmp_path / f"{name}.svg")
        drawn.append((tmp_path / f"{name}.svg").read_bytes())
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith(b"<?xml")


def test_every_picture_belongs_to_a_page(tool):
    assert {path.name for path in FOLDER.iterdir()} - {page.name for page in FOLDER.glob("*.md")} == set(tool.PICTURES)


def test_no_page_gives_a_solution_away():
    text = "".join(page.read_text(encoding="utf-8") for page in FOLDER.glob("*.md"))
    assert not re.search(r"^\d\.\d is right", text, re.MULTILINE)
    assert "course.solution(" not in re.sub(r"`[^`]*`", "", text)
