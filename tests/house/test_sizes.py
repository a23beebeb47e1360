"""The limits on sizes. Whoever must break one says why in EXCEPTIONS."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "duly"
FILES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
STATEMENTS = sorted((SOURCE / "store" / "sql").rglob("*.sql"))
MIGRATIONS = sorted((SOURCE / "store" / "migrations").glob("*.sql"))
FOLDERS = sorted({path.parent for path in FILES + TESTS})

LONGEST_FILE = 300
LONGEST_FUNCTION = 40  # without its docstring
MOST_PUBLIC_METHODS = 12
LONGEST_STATEMENT = 60  # without its header
LONGEST_TEST_FILE = 400
MOST_FILES = 12

EXCEPTIONS = {
    "src/duly/store/sql/attempts/settle.sql": "one statement settles a batch of every outcome:"
    " splitting it would cost a round trip per kind",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def length_of_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    told = ast.get_docstring(node) is not None and len(node.body) > 1
    return node.end_lineno - node.body[1 if told else 0].lineno + 1


def public_methods(node: ast.ClassDef) -> list[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = [one.name for one in node.body if isinstance(one, kinds)]
    return [one for one in names if not one.startswith("_")]


def too_large_in(path: Path) -> list[str]:
    """What breaks a limit in one source file: the file, or `file:function`, or `file:Class`."""
    text = path.read_text()
    found = [name(path)] if len(text.splitlines()) > LONGEST_FILE else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_too_large = length_of_function(node) > LONGEST_FUNCTION
        elif isinstance(node, ast.ClassDef):
            is_too_large = len(public_methods(node)) > MOST_PUBLIC_METHODS
        else:
            continue
        found += [f"{name(path)}:{node.name}"] if is_too_large else []
    return found


def too_long_statement(path: Path) -> list[str]:
    body = [line for line in path.read_text().splitlines() if not line.startswith("--")]
    return [name(path)] if len(body) > LONGEST_STATEMENT else []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_functions_and_classes_are_small(path):
    assert [one for one in too_large_in(path) if one not in EXCEPTIONS] == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_source_file_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", STATEMENTS, ids=name)
def test_a_statement_is_short(path):
    assert [one for one in too_long_statement(path) if one not in EXCEPTIONS] == []


@pytest.mark.parametrize("path", STATEMENTS + MIGRATIONS, ids=name)
def test_a_file_of_sql_opens_with_what_it_does(path):
    assert path.read_text().startswith("-- ")


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_a_test_file_is_short(path):
    assert len(path.read_text().splitlines()) <= LONGEST_TEST_FILE


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_folder_holds_few_files(folder):
    assert len(list(folder.glob("*.py"))) <= MOST_FILES


def test_an_exception_to_a_limit_is_still_needed():
    files = [one for path in FILES for one in too_large_in(path)]
    statements = [one for path in STATEMENTS for one in too_long_statement(path)]

    assert set(files + statements) == set(EXCEPTIONS)
