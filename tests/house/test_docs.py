"""The pages that are generated, and the links of the others."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_up_to_date():
    for name, page in generator().PAGES.items():
        assert (ROOT / "docs" / "reference" / name).read_text() == page(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_files_that_the_architecture_names_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text()

    named = re.findall(
        r"`((?:api|store|worker|maintenance|events|jobs|handlers|postgres|wiring)/[\w/]+\.(?:py|sql))",
        text,
    )

    assert named
    assert [name for name in named if not (ROOT / "src" / "duly" / name).exists()] == []
