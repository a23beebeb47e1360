"""The words that are not used, and what must never stand in a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "docs", "examples", "bench", ".ci")
SUFFIXES = {".py", ".md", ".sql", ".toml", ".txt", ".js", ".html", ".css", ".env", ""}
FILES = sorted(
    path
    for path in [
        *(one for folder in FOLDERS for one in (ROOT / folder).rglob("*")),
        *ROOT.glob("*.*"),
        ROOT / "Makefile",
    ]
    if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts
)
NOT_IN_A_NAME = {"manager", "utils", "util", "helper", "helpers", "common", "misc", "base", "core"}
NEVER = [
    re.compile("py" + r"pi\.org"),
    re.compile("python" + "hosted"),
    re.compile("registry" + r"\.npmjs"),
    re.compile(r"deb" + r"\.debian\.org"),
    re.compile("/wo" + r"rk/(main|shared|\.library)"),
    re.compile("/tmp/bash" + "_jobs"),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_names_a_registry_or_a_path_of_somebodys_machine(path):
    text = path.read_text(errors="replace")

    assert [pattern.pattern for pattern in NEVER if pattern.search(text)] == []


def test_no_module_has_a_name_that_says_nothing():
    for path in (ROOT / "src").rglob("*.py"):
        assert not NOT_IN_A_NAME & set(path.stem.lower().split("_")), path
