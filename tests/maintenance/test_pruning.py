"""Partitions are made ahead, and days that are over are dropped without what is still wanted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from eventually import eventually
from working import working

from duly.config import Secret
from duly.jobs.filters import JobFilters
from duly.jobs.status import JobStatus
from duly.maintenance.pruner import Pruner
from duly.postgres.pool import Database
from duly.store.store import Store

KEPT_DAYS = 7
TODAY = datetime.now(UTC).date()
OLD = TODAY - timedelta(days=30)


async def nothing(payload: object) -> None:
    pass


@pytest.fixture
async def store(database_url):
    database = Database(Secret(database_url), name="test", size=2)
    await database.open()
    yield Store(database)
    await database.close()


@pytest.fixture
def house(store):
    return store.house


@pytest.fixture
async def no_partitions(connection):
    """A database in which nobody has kept house for long: no day has a partition."""
    for kind in ("job", "attempt", "event"):
        for day in await days(connection, kind):
            await connection.execute(f"drop table duly.{kind}_{day:%Y%m%d}")


async def days(connection, kind):
    return [
        row["day"]
        for row in await connection.fetch("select day from duly.partition_days($1) as day", kind)
    ]


async def where(connection, table, job_id):
    """The partition that the rows of a job are in."""
    column = {"job": "id", "attempt": "job_id"}[table]
    return await connection.fetchval(
        f"select distinct relname::text from duly.{table} as t"
        f" join pg_class on pg_class.oid = t.tableoid where {column} = $1",
        job_id,
    )


async def old_job(connection, hour, *, day=OLD):
    """The body of a job that was made at this hour of an old day."""
    made_at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return await connection.fetchval(
        """
        insert into duly.job (
          id, queue, job_type, payload, priority, max_attempts, tags, created_at
        ) values (duly.first_id($1), 'default', 'old', '{}', 0, 3, '{}', $1) returning id
        """,
        made_at,
    )


async def attempt(connection, job_id, number, status, finished_at, error=None):
    await connection.execute(
        """
        insert into duly.attempt (
          job_id, lease, attempt, started_at, finished_at, outcome, status, error
        ) values ($1, nextval('duly.lease'), $2, $4, $4, 'complete', $3, $5)
        """,
        *(job_id, number, status, finished_at, error),
    )


@pytest.mark.usefixtures("no_partitions")
async def test_partitions_are_made_for_the_coming_week(house, connection):
    made = await house.make_partitions(7)

    expected = [TODAY + timedelta(days=n) for n in range(-1, 8)]
    assert made == 3 * len(expected)
    for kind in ("job", "attempt", "event"):
        assert await days(connection, kind) == expected
    assert await house.make_partitions(7) == 0


@pytest.mark.usefixtures("no_partitions")
async def test_a_job_of_a_day_without_a_partition_is_done_and_moved_when_it_is_made(
    settings, house, connection
):
    async with working(settings, {"nothing": nothing}, maintenance=False) as work:
        job = await work.enqueue("nothing")
        before = await work.ends(job)
        attempts = await work.client.attempts(job.id)
        assert await where(connection, "job", job.id) == "job_default"

        await house.make_partitions(1)

        day = job.created_at.strftime("%Y%m%d")
        assert await where(connection, "job", job.id) == f"job_{day}"
        assert await where(connection, "attempt", job.id) == f"attempt_{day}"
        assert await connection.fetchval("select count(*) from only duly.event_default") == 0
        assert await connection.fetchval(f"select count(*) from duly.event_{day}") == 3
        assert await work.client.get(job.id) == before
        assert await work.client.attempts(job.id) == attempts


@pytest.mark.usefixtures("no_partitions")
async def test_partitions_are_made_while_jobs_come_in_and_are_done(settings, connection):
    async with working(settings, {"nothing": nothing}) as work:
        jobs = [await work.enqueue("nothing") for _ in range(50)]

        async def are_made():
            return TODAY + timedelta(days=7) in await days(connection, "event")

        await eventually(are_made, "the partitions were made")
        jobs += [await work.enqueue("nothing") for _ in range(50)]

        ended = [await work.ends(job) for job in jobs]
        assert {(one.status, one.attempts) for one in ended} == {(JobStatus.DONE, 1)}


async def test_a_day_is_dropped_and_what_is_wanted_of_it_is_carried_over(
    settings, house, connection
):
    await connection.execute("select duly.make_partitions($1, 1)", OLD)
    long_ago = datetime.now(UTC) - timedelta(days=KEPT_DAYS + 1)
    lately = datetime.now(UTC) - timedelta(days=KEPT_DAYS - 1)
    over, fresh, ready, scheduled, running = [await old_job(connection, n) for n in range(5)]
    await attempt(connection, over, 1, "done", long_ago)
    await attempt(connection, fresh, 1, "pending", long_ago, "at first")
    await attempt(connection, fresh, 2, "failed", lately, "at last")
    await attempt(connection, ready, 1, "pending", long_ago, "once")
    for statement, job_id in (
        ("insert into duly.ready values ($1, 'default', 0, default, 1)", ready),
        ("insert into duly.scheduled values ($1, 'default', 0, now() + '1 day', 0)", scheduled),
        ("insert into duly.running values ($1, nextval('duly.lease'), 1, 1, now())", running),
    ):
        await connection.execute(statement, job_id)
    async with working(settings, {}, worker=False, maintenance=False) as work:
        seen = {job.id: job for job in await work.client.list(JobFilters())}
        history = await work.client.attempts(fresh)

        carried = await house.prune_day(OLD, KEPT_DAYS)

        assert carried == 4
        assert OLD not in await days(connection, "job") + await days(connection, "attempt")
        left = {job.id: job for job in await work.client.list(JobFilters())}
        assert left == {job_id: job for job_id, job in seen.items() if job_id != over}
        assert {job_id: job.status for job_id, job in left.items()} == {
            fresh: JobStatus.FAILED,
            ready: JobStatus.PENDING,
            scheduled: JobStatus.PENDING,
            running: JobStatus.PROCESSING,
        }
        assert await work.client.attempts(fresh) == history and len(history) == 2
        assert len(await work.client.attempts(ready)) == 1


async def reported(connection, *job_ids):
    """What the handlers of these jobs reported."""
    for job_id in job_ids:
        lease = await connection.fetchval("select nextval('duly.lease')")
        await connection.execute(
            "insert into duly.log values ($1, $2, 1, 1, now(), 'info', 'hello')", job_id, lease
        )
        await connection.execute(
            "insert into duly.progress values"
            """ ($1, $2, '{"done": 1, "total": 2, "note": null, "at": "2026-01-01T00:00:00Z"}')""",
            *(job_id, lease),
        )


async def jobs_that_reported(connection):
    """The jobs that have lines, and those that have progress."""
    lines = await connection.fetch("select job_id from duly.log")
    progress = await connection.fetch("select job_id from duly.progress")
    return {row["job_id"] for row in lines}, {row["job_id"] for row in progress}


async def test_reports_go_with_their_jobs_and_are_carried_over_with_them(
    settings, house, connection
):
    await connection.execute("select duly.make_partitions($1, 1)", OLD)
    long_ago = datetime.now(UTC) - timedelta(days=KEPT_DAYS + 1)
    over, fresh, running = [await old_job(connection, n) for n in range(3)]
    other_day = await old_job(connection, 1, day=OLD + timedelta(days=1))
    await attempt(connection, over, 1, "done", long_ago)
    await attempt(connection, fresh, 1, "done", datetime.now(UTC))
    await connection.execute(
        "insert into duly.running values ($1, nextval('duly.lease'), 1, 1, now())", running
    )
    await reported(connection, over, fresh, running, other_day)
    async with working(settings, {}, worker=False, maintenance=False) as work:
        before = await work.client.logs(fresh)

        await house.prune_day(OLD, KEPT_DAYS)

        left = {fresh, running, other_day}
        assert await jobs_that_reported(connection) == (left, left)
        assert await work.client.logs(fresh) == before and len(before) == 1
        assert (await work.client.get(running)).progress.total == 2


async def test_reports_that_were_carried_over_are_deleted_with_their_jobs(house, connection):
    long_ago = datetime.now(UTC) - timedelta(days=KEPT_DAYS + 1)
    over, fresh = [await old_job(connection, n) for n in range(2)]
    await attempt(connection, over, 1, "done", long_ago)
    await attempt(connection, fresh, 1, "done", datetime.now(UTC))
    await reported(connection, over, fresh)

    await house.prune_carried(KEPT_DAYS, 100)

    assert await jobs_that_reported(connection) == ({fresh}, {fresh})


async def test_a_job_that_was_carried_over_is_still_done(settings, house, connection):
    await connection.execute("select duly.make_partitions($1, 1)", OLD)
    job_id = await old_job(connection, 1)
    await connection.execute("insert into duly.ready values ($1, 'default', 0, default, 0)", job_id)
    await house.prune_day(OLD, KEPT_DAYS)

    async with working(settings, {"old": nothing}) as work:
        ended = await work.ends(job_id)

    assert ended.status is JobStatus.DONE


async def test_a_day_is_left_alone_while_others_use_the_table(house, connection):
    await connection.execute("select duly.make_partitions($1, 1)", OLD)
    async with connection.transaction():
        job_id = await old_job(connection, 1)

        assert await house.prune_day(OLD, KEPT_DAYS) is None

    assert await where(connection, "job", job_id) == f"job_{OLD:%Y%m%d}"


async def test_what_was_carried_over_is_deleted_when_its_time_has_come(house, connection):
    long_ago = datetime.now(UTC) - timedelta(days=KEPT_DAYS + 1)
    over, fresh, unfinished = [await old_job(connection, n) for n in range(3)]
    await attempt(connection, over, 1, "done", long_ago)
    await attempt(connection, fresh, 1, "done", datetime.now(UTC))
    await connection.execute(
        "insert into duly.ready values ($1, 'default', 0, default, 0)", unfinished
    )
    new = await connection.fetchval("select duly.enqueue('new')")

    gone = await house.prune_carried(KEPT_DAYS, 100)

    assert gone == 1
    left: set[UUID] = {row["id"] for row in await connection.fetch("select id from duly.job")}
    assert left == {fresh, unfinished, new}
    assert await connection.fetchval("select array_agg(job_id) from duly.attempt") == [fresh]


async def changes_in(store, tick):
    return [change async for piece in store.stream.read([tick]) for change in piece]


async def an_old_event(connection):
    await connection.execute(
        "insert into duly.event (at, change, status, n, job_ids)"
        " values ($1, 'enqueue', 'pending', 1, array[duly.make_id()])",
        datetime(OLD.year, OLD.month, OLD.day, 5, tzinfo=UTC),
    )


async def test_events_of_a_day_are_dropped_with_their_ticks(store, house, connection):
    await connection.execute("select duly.make_partitions($1, 1)", OLD)
    for _ in range(2):
        await an_old_event(connection)
        old = (await store.stream.tick()).tick
    await connection.execute("select duly.enqueue('new')")
    new = (await store.stream.tick()).tick

    assert await house.prune_events(OLD)

    assert OLD not in await days(connection, "event")
    ticks = await connection.fetch("select tick from duly.event_tick order by tick")
    # The last one of the dropped is kept: the next one begins where it ended.
    assert [row["tick"] for row in ticks] == [old.tick, new.tick]
    assert (await store.stream.head()).oldest_position == new.base == old.base + old.n == 2
    assert [one.change for one in await changes_in(store, new)] == ["enqueue"]


async def test_events_that_were_committed_long_after_their_day_take_their_tick_along(
    store, house, connection, settings
):
    await connection.execute("select duly.make_partitions($1, 1)", OLD)
    late = await asyncpg.connect(settings.database_url.reveal())
    transaction = late.transaction()
    await transaction.start()
    await an_old_event(late)
    await connection.execute("select duly.enqueue('early')")
    await store.stream.tick()

    assert not await house.prune_events(OLD)  # somebody still writes to that day
    assert OLD in await days(connection, "event")
    await transaction.commit()
    await late.close()
    await connection.execute("select duly.enqueue('beside it')")
    both = (await store.stream.tick()).tick
    assert both.n == 2
    await connection.execute("select duly.enqueue('new')")
    new = (await store.stream.tick()).tick

    assert await house.prune_events(OLD)

    # A tick that had lost one of its events would number the others wrongly.
    assert (await store.stream.head()).oldest_position == both.base + both.n
    assert len(await changes_in(store, new)) == new.n == 1


async def test_one_round_of_pruning_drops_the_old_and_keeps_the_rest(house, connection):
    recent = TODAY - timedelta(days=KEPT_DAYS - 1)
    for day in (OLD, recent):
        await connection.execute("select duly.make_partitions($1, 1)", day)
    pruner = Pruner(house, keep_days=KEPT_DAYS, event_hours=24)

    await pruner.prune(datetime.now(UTC))

    kept = [TODAY + timedelta(days=n) for n in range(-1, 8)]
    assert await days(connection, "job") == [recent, *kept]
    assert await days(connection, "attempt") == [recent, *kept]
    assert await days(connection, "event") == kept
