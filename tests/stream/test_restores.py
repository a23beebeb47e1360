"""Databases that are dropped, copied and restored: `reset`, and never a silent continuation."""

from __future__ import annotations

import asyncio
import itertools

import asyncpg
import pytest
from eventually import eventually
from working import working

from duly.errors import StreamUnsettled
from duly.events.event import Reset
from duly.store.migrate import migrate

from .machines import (
    burn,
    connected,
    copy_by_dump,
    copy_by_template,
    dump,
    newest_xid,
    restore,
    swap,
)
from .storm.clients import number_of
from .storm.servers import server

PATIENCE = 20.0
NUMBERS = itertools.count(1)


async def make(dsn, count):
    async with connected(dsn) as connection:
        return [await connection.fetchval("select duly.enqueue('restored')") for _ in range(count)]


async def take(subscription, count):
    taken = []
    while len(taken) < count:
        taken.append(await subscription.next(PATIENCE))
        assert taken[-1] is not None, taken
    return taken


async def first_of(door, after):
    """What a client that comes back to this position is told first; None when nothing."""

    async def is_settled():
        try:
            return (await door.stream.head()).is_ours
        except StreamUnsettled:
            return False

    await eventually(is_settled, "the stream is settled")
    async with door.follow(after) as subscription:
        return await subscription.next(0.3)


async def check_that_it_begins_anew(door, dsn, positions):
    """Every old position gets a reset, now and when the new numbers have passed the old ones."""
    epochs = {position.partition(".")[0] for position in positions}
    for position in positions:
        assert isinstance(await first_of(door, position), Reset), position
    async with door.follow(None) as subscription:
        goal = max(map(number_of, positions)) + 3
        while number_of(subscription.position) < goal:
            (made,) = await make(dsn, 1)
            (event,) = await take(subscription, 1)
            assert event.job_id == made
        assert subscription.position.partition(".")[0] not in epochs
    for position in positions:
        assert isinstance(await first_of(door, position), Reset), position


async def told_positions(door, dsn, count):
    async with door.follow(None) as subscription:
        await make(dsn, count)
        return [event.position for event in await take(subscription, count)]


@pytest.fixture
async def admin(postgres):
    async with connected(postgres.dsn) as connection:
        yield connection


@pytest.fixture
def copy(postgres, database_url):
    return postgres.url(f"copy_{next(NUMBERS)}")


async def test_a_server_that_stays_tells_of_a_restored_dump(database_url, admin, copy):
    async with server(database_url) as door:
        positions = await told_positions(door, database_url, 5)
        await copy_by_dump(admin, database_url, copy)
        async with door.follow(None) as subscription:
            positions += await told_positions(door, database_url, 5)
            assert len(await take(subscription, 5)) == 5

            await swap(admin, database_url, copy)

            assert isinstance((await take(subscription, 1))[0], Reset)
            (made,) = await make(database_url, 1)
            (event,) = await take(subscription, 1)
            assert event.job_id == made
        await check_that_it_begins_anew(door, database_url, positions)


async def test_a_server_that_is_new_tells_of_a_copy_by_template(database_url, admin, copy):
    """All that it could ask for is the same but the database."""
    async with server(database_url) as door:
        positions = await told_positions(door, database_url, 5)
    await copy_by_template(admin, database_url, copy)
    async with server(database_url) as door:
        positions += await told_positions(door, database_url, 5)

    await swap(admin, database_url, copy)

    async with server(database_url) as door:
        await check_that_it_begins_anew(door, database_url, positions)


async def test_rows_that_were_put_back_into_the_same_tables_are_another_history(
    database_url, tmp_path
):
    async with server(database_url) as door:
        positions = await told_positions(door, database_url, 5)
        dump(database_url, tmp_path / "dump", "--data-only", "--schema=duly")
        positions += await told_positions(door, database_url, 5)

    async with connected(database_url) as connection:
        tables = await connection.fetch(
            "select format('duly.%I', relname) as name from pg_class"
            " where relnamespace = 'duly'::regnamespace and relkind in ('r', 'p')"
            " and not relispartition"
        )
        await connection.execute(f"truncate {', '.join(row['name'] for row in tables)}")
    restore(tmp_path / "dump", database_url, "--data-only", "--disable-triggers")

    async with server(database_url) as door:
        await check_that_it_begins_anew(door, database_url, positions)


async def test_a_dump_in_another_cluster_brings_no_phantoms_from_its_future(
    database_url, own_postgres, tmp_path
):
    """Its rows name transactions that are yet to come there, and that will be others."""
    await burn(database_url, 12_000)
    async with server(database_url) as door:
        positions = await told_positions(door, database_url, 10)
        dump(database_url, tmp_path / "dump")
        positions += await told_positions(door, database_url, 10)
    dumped_at = await newest_xid(database_url)
    dsn = (await asyncio.to_thread(own_postgres.start)).reveal()
    restore(tmp_path / "dump", dsn)
    assert await newest_xid(dsn) < dumped_at - 8_000

    async with server(dsn) as door:
        await check_that_it_begins_anew(door, dsn, positions)
        made = []
        async with door.follow("0") as subscription:
            first = await subscription.next(PATIENCE)
            start_of_new = number_of(first.position)
        async with door.follow(None) as subscription:
            while await newest_xid(dsn) < dumped_at + 2_000:
                await burn(dsn, 1_500)
                made += await make(dsn, 1)
            events = await take(subscription, len(made))
            assert await subscription.next(0.3) is None
        async with door.follow("0") as subscription:
            (whole,) = await take(subscription, 1)

    assert [event.job_id for event in events] == made
    assert number_of(whole.position) == start_of_new


async def test_the_stream_begins_anew_after_drop_and_migrate(database_url, settings):
    async with working(settings, {}, worker=False, feed=True) as work:
        feed = work.engine.feed
        async with feed.follow() as subscription:
            await make(database_url, 5)
            old = (await take(subscription, 5))[-1].position

            async def drop():
                try:
                    await work.sql.execute("drop schema duly cascade")
                except asyncpg.DeadlockDetectedError:
                    return False
                return True

            await eventually(drop, "the schema is dropped")
            await migrate(work.sql)

            assert isinstance((await take(subscription, 1))[0], Reset)
            made = await make(database_url, 7)
            assert [event.job_id for event in await take(subscription, 7)] == made
        async with feed.follow(after=old) as subscription:
            assert isinstance((await take(subscription, 1))[0], Reset)
