"""The vocabulary: names that say nothing are not used, and one verb has one name everywhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from duly.api.routes.jobs import JobRoutes
from duly.cli.commands.jobs import jobs as jobs_command
from duly.client import Client
from duly.config import Settings
from duly.jobs.lifecycle import VERBS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "duly"
FILES = sorted(SOURCE.rglob("*.py"))
STATEMENTS = sorted((SOURCE / "store").rglob("*.sql"))
NOT_IN_A_NAME = {
    *"manager util utils helper helpers common misc base core info impl".split(),  # say nothing
    *"mgr cfg conf tmp arr idx cnt num msg".split(),  # abbreviations
    *"dequeue dedupe entrypoint mutex master consumer actor ack".split(),  # words of others
}


def words(identifier: str) -> list[str]:
    """The words of a name: `JobFilters` and `job_filters` have the same two."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)]


def defined_in(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in ast.walk(tree) if isinstance(node, kinds)]


def verbs_told(text: str) -> set[str]:
    """The changes that a text of SQL writes as events, where they are written as constants."""
    told = r"insert into duly\.event \(change[^)]*\)\s+select\s+'([a-z]+)'"
    return set(re.findall(told, text))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_name_says_something_in_our_words(path):
    names = [path.stem, *defined_in(path)]

    assert [name for name in names if NOT_IN_A_NAME & set(words(name))] == []


def test_every_change_that_is_told_is_a_verb_of_the_lifecycle():
    told = {verb for path in STATEMENTS for verb in verbs_told(path.read_text())}

    assert {"claim", "promote", "cancel", "retry", "rescue"} <= told
    assert told <= set(VERBS)


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_what_a_person_may_do_has_one_name_at_every_door(verb):
    client = Client(store=None, notifier=None)  # a description of the routes asks for neither

    routes = [(one.method, one.path) for one in JobRoutes(client, Settings()).operations()]

    assert callable(getattr(client, verb))
    assert ("POST", f"/jobs/{{job_id}}/{verb}") in routes
    assert verb in jobs_command.commands
    assert any(path.stem.split("_")[0] == verb for path in STATEMENTS)
