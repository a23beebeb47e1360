"""`duly db`: the schema, from nothing to up to date."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from duly.store.migrate import NEEDED, migrations

from ..programs import CommandLine

NAMES = [name for _, name, _ in migrations()]


@pytest.fixture
def empty_url(postgres):
    with postgres.database("template1") as url:
        yield url


@pytest.fixture
def empty(empty_url, tmp_path):
    """The command line with a database that has nothing in it."""
    return CommandLine(tmp_path, {"DATABASE_URL": empty_url})


def execute(url, text):
    async def run():
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(text)
        finally:
            await connection.close()

    asyncio.run(run())


def test_migrate_prints_each_migration_and_the_second_time_none(empty):
    first = empty("db", "migrate")
    second = empty.json("db", "migrate")

    assert first.stderr.splitlines() == [f"applied {name}" for name in NAMES]
    assert second == {"schema": NEEDED, "applied": []}


def test_status_exits_1_until_the_schema_is_up_to_date(empty):
    before = empty("db", "status")
    empty("db", "migrate")
    after = empty.json("db", "status")

    assert before.returncode == 1
    assert all(f"pending     {name}" in before.stdout for name in NAMES)
    assert "duly db migrate" in before.stderr
    assert (after["schema"], after["needed"], after["pending"]) == (NEEDED, NEEDED, [])


def test_looking_at_the_status_changes_nothing(empty):
    empty("db", "status")

    assert empty("db", "status").returncode == 1


def test_the_sql_builds_the_same_schema_by_other_tools(empty, empty_url):
    execute(empty_url, empty("db", "sql").stdout)

    assert empty.json("db", "status")["pending"] == []
    assert empty("enqueue", "x").returncode == 0


def test_a_schema_that_is_not_up_to_date_is_refused_when_migrating_is_turned_off(empty):
    done = empty("jobs", "list", DULY_MIGRATE="off")

    assert done.returncode == 5
    assert "run `duly db migrate`" in done.stderr


@pytest.mark.parametrize("words", [["db", "status"], ["db", "migrate"], ["jobs", "list"]])
def test_a_schema_that_is_newer_is_refused(empty, empty_url, words):
    empty("db", "migrate")
    execute(empty_url, "insert into duly.migration (number, name) values (9999, 'future')")

    done = empty(*words)

    assert done.returncode == 5
    assert "install a newer duly" in done.stderr
