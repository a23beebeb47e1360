"""Servers that take over, and data directories that are set back: `reset`, and it goes on."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from eventually import eventually
from spec.faults import kill_postgres

from duly.config import Secret
from duly.errors import Unavailable
from duly.events.event import Reset
from duly.postgres.pool import Database
from duly.store.stream import Stream

from .machines import Standby, connected, start
from .storm.servers import server
from .test_restores import check_that_it_begins_anew, make, take, told_positions

PATIENCE = 20.0


@pytest.fixture
def standby_of(tmp_path):
    made = []

    def make_one(dsn):
        made.append(Standby(tmp_path, dsn))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


async def test_after_a_failover_that_lost_events_listeners_start_over(own_postgres, standby_of):
    primary = await start(own_postgres)
    standby = await asyncio.to_thread(standby_of, primary)
    both = primary.replace("host=", f"host={standby.folder},").replace("=5432", "=5432,5432")

    async with (
        server(f"{both}&target_session_attrs=primary") as door,
        server(standby.dsn) as early,
        door.follow(None) as subscription,
    ):
        positions = await told_positions(door, primary, 5)
        await standby.has_all_of(primary)
        await standby.stop_following()
        positions += await told_positions(door, primary, 5)  # these are lost
        assert len(await take(subscription, 10)) == 10
        with pytest.raises(Unavailable):  # nobody is told by a server that only follows
            await early.follow(positions[0]).__aenter__()

        kill_postgres(own_postgres)
        await standby.promote()

        assert isinstance((await take(subscription, 1))[0], Reset)
        made = await make(standby.dsn, 3)
        assert [event.job_id for event in await take(subscription, 3)] == made
        await check_that_it_begins_anew(door, standby.dsn, positions)
        await check_that_it_begins_anew(early, standby.dsn, positions)


def set_back(embedded, copy):
    """Put an older copy of the data directory in place of what is there now."""
    embedded.stop()
    subprocess.run(["rm", "-r", embedded.data], check=True)
    subprocess.run(["cp", "-a", copy, embedded.data], check=True)
    embedded.start()


async def test_a_data_directory_that_was_set_back_is_found_out_by_who_remembers(own_postgres):
    dsn = await start(own_postgres)
    copy = own_postgres.home / "copy"

    async with server(dsn, ticks=False) as remembers:
        async with server(dsn) as door:
            positions = await told_positions(door, dsn, 5)
        await asyncio.to_thread(own_postgres.stop)
        await asyncio.to_thread(subprocess.run, ["cp", "-a", own_postgres.data, copy], check=True)
        await asyncio.to_thread(own_postgres.start)
        async with remembers.follow(None) as subscription:
            async with server(dsn) as door:
                positions += await told_positions(door, dsn, 5)
            assert [one.position for one in await take(subscription, 5)] == positions[5:]

            await asyncio.to_thread(set_back, own_postgres, copy)
            # Other events take the old numbers, before the one that remembers has looked.
            await make(dsn, 10)
            await tick_once(dsn)

            assert isinstance(await told_first(remembers, positions[-2]), Reset)
            assert isinstance((await take(subscription, 1))[0], Reset)
        async with server(dsn) as door:
            await check_that_it_begins_anew(remembers, dsn, positions)
            await check_that_it_begins_anew(door, dsn, positions)


async def tick_once(dsn):
    database = Database(Secret(dsn), name="test", size=1)
    await database.open()
    ticked = await Stream(database).tick()
    await database.close()
    assert ticked.tick is not None and ticked.tick.n == 10


async def told_first(door, after):
    """What a client is told first, once the server answers it."""

    async def connect():
        try:
            async with door.follow(after) as subscription:
                return await subscription.next(PATIENCE)
        except Unavailable:
            return None

    return await eventually(connect, "the server answers")


class LateAnswer(Stream):
    """The answer to its first question after `hold` comes late."""

    held: asyncio.Event | None = None

    def hold(self) -> asyncio.Event:
        self.held = asyncio.Event()
        return self.held

    async def head(self, known=None):
        head = await super().head(known)
        held, self.held = self.held, None
        if held is not None:
            await held.wait()
        return head


async def test_an_answer_from_before_a_new_history_does_not_bring_the_old_one_back(database_url):
    async with server(database_url, LateAnswer) as door, connected(database_url) as connection:
        positions = await told_positions(door, database_url, 5)
        release = door.stream.hold()
        subscription = door.follow(positions[2])
        coming = asyncio.create_task(subscription.__aenter__())
        await eventually(lambda: door.stream.held is None, "it has asked")
        async with door.follow(None) as other:
            await connection.execute("select duly.begin_epoch(epoch) from duly.event_epoch")
            assert isinstance((await take(other, 1))[0], Reset)

        release.set()
        await coming

        assert isinstance(await subscription.next(PATIENCE), Reset)
        await check_that_it_begins_anew(door, database_url, positions)
