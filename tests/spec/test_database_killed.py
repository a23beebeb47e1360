"""PostgreSQL is killed in the middle of a storm of submissions, and comes back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest
from eventually import eventually

from .faults import Storm, kill_postgres, serving

CREATED = (201, "application/json")
AWAY = (503, "application/problem+json")
CLIENTS = 16


@asynccontextmanager
async def storming(url):
    storm = Storm(url)
    blowing = asyncio.create_task(storm.blow(CLIENTS))
    try:
        yield storm
    finally:
        storm.is_over = True
        await blowing


async def has_accepted(storm, more):
    goal = len(storm.accepted) + more
    await eventually(lambda: len(storm.accepted) >= goal, f"{more} more jobs were accepted")


async def kill_and_start(embedded, storm):
    """The database is away until every client has been told so a few times."""
    goal = storm.answers[AWAY] + 3 * CLIENTS
    kill_postgres(embedded)
    await eventually(lambda: storm.answers[AWAY] >= goal, "the clients were told")
    await asyncio.to_thread(embedded.start)


async def statuses(dsn, job_ids):
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select id::text, status, attempts from duly.jobs where id = any($1::uuid[])", job_ids
        )
    finally:
        await connection.close()
    return {row["id"]: row["status"] for row in rows}


async def all_done(dsn, storm):
    found = await statuses(dsn, storm.accepted)
    assert found.keys() == set(storm.accepted)
    return all(status == "done" for status in found.values())


@pytest.fixture
async def dsn(own_postgres):
    return (await asyncio.to_thread(own_postgres.start)).reveal()


async def test_no_accepted_job_is_lost_when_postgres_is_killed_twice(own_postgres, dsn, tmp_path):
    with serving(dsn, tmp_path) as url:
        async with storming(url) as storm:
            await has_accepted(storm, 200)
            await kill_and_start(own_postgres, storm)
            await has_accepted(storm, 200)
            await kill_and_start(own_postgres, storm)
            await has_accepted(storm, 200)

        await eventually(lambda: all_done(dsn, storm), "every accepted job is done", seconds=30)

    assert storm.answers.keys() == {CREATED, AWAY}
    assert len(set(storm.accepted)) == storm.answers[CREATED]
