"""Jobs run when they are due, never before, however many keep house and whatever the clock does."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from eventually import eventually
from working import working

from duly.events.ticker import Ticker
from duly.jobs.status import JobStatus
from duly.maintenance.promoter import Promoter
from duly.maintenance.rescuer import Rescuer
from duly.store.stream import Tick

from .faults import serving

LATEST = timedelta(milliseconds=250)


class Diary:
    """A handler that notes every call, and when it came by the clock of this machine."""

    def __init__(self) -> None:
        self.calls: Counter[int] = Counter()
        self.called_at: dict[int, datetime] = {}

    async def note(self, payload: int) -> None:
        self.calls[payload] += 1
        self.called_at[payload] = datetime.now(UTC)

    async def lateness(self, job):
        """How long after its moment a job was begun."""
        number = int(bytes(job.payload))
        await eventually(lambda: number in self.called_at, f"job {number} was begun")
        return self.called_at[number] - job.scheduled_at


@pytest.fixture
def diary():
    return Diary()


@pytest.fixture
async def clock(connection):
    """The database's clock, which a test can set ahead."""
    await connection.execute(
        """
        create table public.ahead (by interval not null);
        insert into public.ahead values ('0 s');
        create or replace function duly.now() returns timestamptz language sql stable
        as $$ select now() + by from public.ahead $$
        """
    )

    async def advance(by):
        await connection.execute("update public.ahead set by = $1", by)

    return advance


async def test_a_job_is_started_when_it_is_due_and_never_before(settings, diary):
    async with working(replace(settings, poll=30), {"note": diary.note}) as work:
        await work.ends(await work.enqueue("note", 0))

        jobs = [await work.enqueue("note", n, delay=0.3) for n in range(1, 6)]

        late = [await diary.lateness(job) for job in jobs]
        assert min(late) >= timedelta(0)
        assert statistics.median(late) <= LATEST
        assert set(diary.calls.values()) == {1}


async def test_a_job_that_is_due_before_the_one_that_is_waited_for_is_in_time(settings, diary):
    async with working(replace(settings, poll=30), {"note": diary.note}) as work:
        await work.enqueue("note", 1, delay=0.9)

        early = await work.enqueue("note", 2, delay=0.3)

        assert timedelta(0) <= await diary.lateness(early) <= 2 * LATEST
        assert diary.calls == {2: 1}


async def test_many_who_keep_house_at_once_do_no_harm(settings, diary):
    async with (
        working(settings, {"note": diary.note}) as work,
        working(settings, {"note": diary.note}) as other,
    ):
        house = [
            duty
            for store in (work.engine.store, other.engine.store)
            for duty in (
                Promoter(store.house, work.engine.worker.hint),
                Rescuer(store.workers, store.house, settings.worker_ttl, other.engine.worker.hint),
                Ticker(store.stream),
            )
        ]
        keeping = [asyncio.create_task(duty.run()) for duty in house]
        try:
            jobs = [
                await (work, other)[n % 2].enqueue("note", n, delay=(n % 10) / 20)
                for n in range(100)
            ]
            for job in jobs:
                await work.ends(job)
            positions = await dense_positions(work, jobs)
        finally:
            assert not any(task.done() for task in keeping), keeping
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

        assert diary.calls == dict.fromkeys(range(100), 1)
        assert positions == list(range(1, len(positions) + 1))


async def dense_positions(work, jobs):
    """The positions of all events, once all of these jobs are told to be done."""
    stream = work.engine.store.stream

    async def told():
        first = Tick(0, 0, 0, datetime.now(UTC))
        ticks = (await stream.news(first, 10_000)).ticks
        changes = [one async for piece in stream.read(ticks) for one in piece]
        done = {one.job_id for one in changes if one.status == "done"}
        return changes if done == {job.id for job in jobs} else None

    return [one.position for one in await eventually(told, "every end was told")]


async def test_two_processes_keep_one_house(settings, tmp_path):
    dsn = settings.database_url.reveal()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with working(settings, {}, worker=False, maintenance=False) as work:
        with serving(dsn, tmp_path / "one"), serving(dsn, tmp_path / "two"):
            jobs = [await work.enqueue("nothing", n, delay=(n % 10) / 20) for n in range(100)]
            for job in jobs:
                ended = await work.ends(job)
                assert (ended.status, ended.attempts) == (JobStatus.DONE, 1)

            positions = await dense_positions(work, jobs)

        leases = "select count(*), count(distinct lease) from duly.attempt"
        assert tuple(await work.sql.fetchrow(leases)) == (100, 100)
        assert positions == list(range(1, len(positions) + 1))


async def test_a_back_off_of_25_seconds_ends_when_the_clock_has_come_so_far(settings, clock):
    tries = itertools.count(1)

    async def fourth_time_lucky(payload: object) -> None:
        if next(tries) < 4:
            raise ValueError("not yet")

    async with working(settings, {"try": fourth_time_lucky}) as work:
        job = await work.enqueue("try", max_attempts=4)
        await work.last_attempt(job, of=1)
        await clock(timedelta(seconds=2))
        await work.last_attempt(job, of=2)
        await clock(timedelta(seconds=8))
        failed = await work.last_attempt(job, of=3)
        waits = (await work.client.get(job.id)).scheduled_at - failed.finished_at
        assert timedelta(seconds=25) <= waits <= timedelta(seconds=27.5)
        await clock(timedelta(seconds=8 + 24))
        await a_promoter_has_looked(work)
        assert (await work.client.get(job.id)).status is JobStatus.PENDING

        await clock(timedelta(seconds=8 + 28))

        ended = await work.ends(job)
        assert (ended.status, ended.attempts) == (JobStatus.DONE, 4)


async def test_a_job_for_tomorrow_is_done_tomorrow(settings, clock, diary):
    async with working(settings, {"note": diary.note}) as work:
        job = await work.enqueue("note", 1, delay=86_400)
        started = time.monotonic()
        await a_promoter_has_looked(work)
        assert diary.calls == {}

        await clock(timedelta(days=1, seconds=1))

        ended = await work.ends(job)
        assert ended.status is JobStatus.DONE
        assert ended.updated_at >= job.scheduled_at
        assert time.monotonic() - started < 10


async def a_promoter_has_looked(work):
    """One more job that was due later than every other that is, has been done."""
    probe = await work.enqueue("nobody-does-this", delay=0.05)
    await work.last_attempt(probe)
