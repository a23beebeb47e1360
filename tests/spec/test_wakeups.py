"""How jobs are found: by hints, and without any of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
from eventually import eventually
from working import working

from duly.jobs.status import JobStatus

SLOW_POLL = 30.0
SOON = 3.0
LISTENERS = (
    "select pid from pg_stat_activity"
    " where application_name = 'duly listener' and datname = current_database()"
)
KILL = f"with it as materialized ({LISTENERS}) select pid from it where pg_terminate_backend(pid)"


async def nothing(payload: object) -> None:
    pass


@asynccontextmanager
async def stranger(settings):
    """Somebody else's connection to the same database."""
    connection = await asyncpg.connect(settings.database_url.reveal())
    try:
        yield connection
    finally:
        await connection.close()


def enqueue(connection):
    return connection.fetchval("select duly.enqueue('nothing')")


async def done_soon(work, job_id, seconds=SOON):
    async def is_done():
        return (await work.client.get(job_id)).status is JobStatus.DONE

    await eventually(is_done, f"job {job_id} was done", seconds=seconds)


async def test_a_worker_whose_listener_is_killed_goes_on_by_itself_and_listens_again(settings):
    async with working(settings, {"nothing": nothing}) as work:
        killed = await eventually(lambda: work.sql.fetchval(KILL), "it listened")

        await done_soon(work, await enqueue(work.sql))

        again = f"{LISTENERS} and pid <> $1"
        await eventually(lambda: work.sql.fetchval(again, killed), "somebody listens again")


async def test_a_healed_listener_hears_again(settings):
    async with working(replace(settings, poll=SLOW_POLL), {"nothing": nothing}) as work:
        killed = await eventually(lambda: work.sql.fetchval(KILL), "it listened")
        healed = f"{LISTENERS} and pid <> $1 and query like 'LISTEN%' and state = 'idle'"
        await eventually(lambda: work.sql.fetchval(healed, killed), "it listens again")

        await done_soon(work, await enqueue(work.sql))


async def test_a_job_that_is_committed_behind_the_cursor_is_found_soon(settings):
    async with (
        working(replace(settings, poll=SLOW_POLL), {"nothing": nothing}) as work,
        stranger(settings) as late,
    ):
        transaction = late.transaction()
        await transaction.start()
        hidden = await enqueue(late)
        for _ in range(20):
            await done_soon(work, await enqueue(work.sql))

        await transaction.commit()

        await done_soon(work, hidden)


async def test_a_job_in_an_open_transaction_is_seen_by_nobody_and_done_after_the_commit(settings):
    async with (
        working(replace(settings, poll=SLOW_POLL), {"nothing": nothing}) as work,
        stranger(settings) as other,
    ):
        async with other.transaction():
            hidden = await enqueue(other)
            await done_soon(work, await enqueue(work.sql))
            assert (
                await work.sql.fetchval("select count(*) from duly.job where id = $1", hidden) == 0
            )

        await done_soon(work, hidden)


async def test_a_job_in_a_transaction_that_is_rolled_back_never_was(settings):
    async with (
        working(settings, {"nothing": nothing}) as work,
        stranger(settings) as other,
    ):
        transaction = other.transaction()
        await transaction.start()
        await enqueue(other)

        await transaction.rollback()

        last = await enqueue(work.sql)
        await done_soon(work, last)
        assert await work.sql.fetchval("select array_agg(id) from duly.job") == [last]


async def test_a_job_that_nobody_told_of_is_found_by_the_poll(settings):
    async with working(settings, {"nothing": nothing}) as work:
        await done_soon(work, await enqueue(work.sql))

        untold = await work.sql.fetchval(
            "select job_id from duly.enqueue_many(array['nothing', 'nothing'], notify => false)"
        )

        await done_soon(work, untold)
