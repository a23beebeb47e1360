"""What the contracts in pyproject.toml cannot say of themselves: that nothing gets round them."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "duly"
FILES = sorted(SOURCE.rglob("*.py"))
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
MAY_READ_SETTINGS = {"app", "cli", "wiring"}
MAY_HIDE_IMPORTS = {"__init__.py", "testing/__init__.py"}  # public names, loaded on first use


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def contract(beginning: str) -> dict:
    return next(one for one in CONTRACTS if one["name"].startswith(beginning))


def job_types_of(path: Path) -> list[str]:
    """The job types that classes of this file are handlers of."""
    return [
        line.value.value
        for node in nodes(path)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.Assign | ast.AnnAssign) and isinstance(line.value, ast.Constant)
        for target in (line.targets if isinstance(line, ast.Assign) else [line.target])
        if isinstance(target, ast.Name) and target.id == "job_type"
    ]


HANDLERS = [path for path in (SOURCE / "handlers").glob("*.py") if job_types_of(path)]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_inside_the_package_are_relative(path):
    absolute = [
        module
        for node in nodes(path)
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0)
        for module in (
            [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module]
        )
        if module.split(".")[0] == "duly"
    ]

    assert absolute == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_import_hides_from_the_contracts(path):
    hidden = [
        node for node in nodes(path) if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"
    ]

    assert not hidden or name(path) in MAY_HIDE_IMPORTS


def test_the_contracts_have_no_exceptions():
    assert [one["name"] for one in CONTRACTS if "ignore_imports" in one] == []


def test_only_the_outer_layers_read_settings_from_the_environment():
    readers = {
        name(path)
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr == "from_environment"
    }

    assert readers
    assert {one.split("/")[0].removesuffix(".py") for one in readers} <= MAY_READ_SETTINGS


def test_every_handler_is_a_stranger_to_its_siblings():
    strangers = {
        word.strip("() ") for word in contract("A handler knows nothing")["layers"][0].split("|")
    }

    assert HANDLERS
    assert [path.stem for path in HANDLERS if path.stem not in strangers] == [], (
        "name the handler in the contract `A handler knows nothing of its siblings`"
    )


def test_every_handler_is_picked_by_wiring_and_the_command_line_only():
    protected = contract("Only wiring and the command line pick handlers")["protected_modules"]

    assert {f"duly.handlers.{path.stem}" for path in HANDLERS} == set(protected)


@pytest.mark.parametrize("path", HANDLERS, ids=name)
def test_a_handler_has_a_file_of_its_own_that_is_named_for_its_job_type(path):
    assert job_types_of(path) == [path.stem]
