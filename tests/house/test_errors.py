"""Every error has its sentence, its fields and its codes, and is raised with just those fields."""

from __future__ import annotations

import ast
import functools
import importlib
import pickle
import pkgutil
from pathlib import Path
from string import Formatter

import pytest

import duly
from duly.errors import DulyError

SOURCE = Path(duly.__file__).parent
EXIT_CODES = {1, 2, 3, 4, 5}


def all_below(kind: type[DulyError]) -> list[type[DulyError]]:
    return [one for below in kind.__subclasses__() for one in (below, *all_below(below))]


def import_everything() -> None:
    for module in pkgutil.walk_packages(duly.__path__, "duly."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


import_everything()
ERRORS = {kind.__name__: kind for kind in all_below(DulyError)}
LEAVES = [kind for kind in ERRORS.values() if not kind.__subclasses__()]


def fields_of(kind: type[DulyError]) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(kind.__doc__ or "") if field}


def raised() -> list[tuple[str, str, set[str]]]:
    """Where an error is made: the place, the error, and the fields that it is given."""
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = [one.arg for one in node.keywords]
                if node.func.id in ERRORS and None not in names:
                    place = f"{path.relative_to(SOURCE).as_posix()}:{node.lineno}"
                    found.append((place, node.func.id, set(names)))
    return found


@functools.cache
def names_used() -> set[str]:
    return {
        node.id
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name)
    }


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda kind: kind.__name__)
def test_an_error_says_what_happened_with_its_fields_in_it(leaf):
    fields = {name: f"<{name}>" for name in fields_of(leaf)}

    error = leaf(**fields)

    assert leaf.__doc__
    assert all(value in str(error) for value in fields.values())
    assert "{" not in str(error)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda kind: kind.__name__)
def test_an_error_has_an_answer_over_http_and_an_exit_code(leaf):
    assert 400 <= leaf.status <= 599
    assert leaf.exit_code in EXIT_CODES


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda kind: kind.__name__)
def test_an_error_comes_back_whole_from_another_process(leaf):
    error = leaf(**{name: f"<{name}>" for name in fields_of(leaf)})

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is leaf
    assert (str(copy), copy.fields) == (str(error), error.fields)


@pytest.mark.parametrize(("place", "name", "fields"), raised())
def test_an_error_is_made_with_all_its_fields(place, name, fields):
    assert fields_of(ERRORS[name]) <= fields, place


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda kind: kind.__name__)
def test_an_error_is_used(leaf):
    assert leaf.__name__ in names_used(), "nothing makes it: take it out"


def test_the_tree_that_the_file_of_errors_draws_is_the_tree():
    drawing = importlib.import_module("duly.errors").__doc__ or ""
    here = [kind for kind in ERRORS.values() if kind.__module__ == "duly.errors"]

    assert [kind.__name__ for kind in here if kind.__name__ not in drawing] == []
