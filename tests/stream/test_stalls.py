"""Nobody else's transaction holds the stream up, in this database or in another of the cluster."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from statistics import median

import pytest

from .machines import connected
from .storm.servers import server
from .storm.variants import WaitingForOthers

PATIENCE = 10.0


@asynccontextmanager
async def open_writer(dsn):
    """A transaction that has written to a table of its own and does not end."""
    async with connected(dsn) as connection:
        await connection.execute("create table if not exists public.others (n integer)")
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("insert into public.others values (1)")
        yield
        # It was there all the time.
        assert await connection.fetchval("select count(*) from public.others") == 1
        await transaction.rollback()


@pytest.fixture
def other_url(postgres):
    with postgres.database() as url:
        yield url


async def told_within(door, connection, seconds):
    """The delays from commit to event of jobs that are made one after the other for some time."""
    delays = []
    until = time.monotonic() + seconds
    async with door.follow(None) as subscription:
        while time.monotonic() < until or len(delays) < 10:
            job_id = await connection.fetchval("select duly.enqueue('others')")
            committed_at = time.monotonic()
            event = await subscription.next(PATIENCE)
            assert event is not None, "the event waits for somebody else's transaction"
            assert event.job_id == job_id
            delays.append(time.monotonic() - committed_at)
    return sorted(delays)


async def follow_beside_open_writers(dsn, other, seconds):
    async with (
        connected(dsn) as connection,
        server(dsn) as door,
        open_writer(other),
        open_writer(dsn),
    ):
        delays = await told_within(door, connection, seconds)
    last = delays[len(delays) * 99 // 100]
    print(
        f"{len(delays)} events beside two open writers: median {median(delays) * 1e3:.0f} ms,"
        f" 99 % {last * 1e3:.0f} ms, longest {delays[-1] * 1e3:.0f} ms"
    )
    return delays


async def test_events_arrive_while_others_hold_their_transactions_open(database_url, other_url):
    delays = await follow_beside_open_writers(database_url, other_url, 3.0)

    assert median(delays) < 1.0  # the open transactions last three seconds


@pytest.mark.chaos
async def test_events_arrive_while_others_hold_theirs_open_for_a_minute(database_url, other_url):
    delays = await follow_beside_open_writers(database_url, other_url, 60.0)

    assert median(delays) < 1.0


@pytest.mark.parametrize("where", ["here", "in another database"])
async def test_a_stream_that_waits_for_others_would_be_found_out(database_url, other_url, where):
    writer = open_writer(database_url if where == "here" else other_url)
    async with (
        connected(database_url) as connection,
        server(database_url, WaitingForOthers) as door,
        door.follow(None) as subscription,
    ):
        async with writer:
            await connection.execute("select duly.enqueue('others')")
            assert await subscription.next(0.5) is None

        event = await subscription.next(PATIENCE)

    assert event is not None and event.change == "enqueue"
