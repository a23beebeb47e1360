"""Waiting for jobs: what it costs, and what it survives."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from eventually import eventually
from spec.faults import kill_postgres
from working import working

from duly import Duly, JobStatus, Reset, Settings
from duly.config import Secret
from duly.store.statements import statement

from .wire import wire_to

CROWD = 500
WATCHED_SECONDS = 2.0
IN_THE_WAY = "lock table duly.event_tick in share row exclusive mode"


async def echo(payload: object) -> object:
    return payload


def tasks(jobs, timeout=60):
    return [asyncio.create_task(job.result(timeout=timeout)) for job in jobs]


async def somebody_waits(app, count=1):
    """Those who wait have looked at their jobs, and listen."""

    def is_listening():
        feed = app._engine.live._feed
        return feed is not None and len(feed._waiting._futures) >= count

    await eventually(is_listening, f"{count} wait")


async def statements_while_nothing_happens(wire):
    before, until = wire.statements, time.monotonic() + WATCHED_SECONDS
    await eventually(lambda: time.monotonic() > until, "the time is over")
    return wire.statements - before


async def test_a_crowd_that_waits_costs_the_database_nothing_and_gets_its_results(settings):
    async with (
        wire_to(settings.database_url.reveal()) as (wire, url),
        Duly(replace(settings, database_url=Secret(url))) as app,
    ):
        jobs = [await app.enqueue("echo", n) for n in range(CROWD)]
        (first,) = tasks(jobs[:1])
        await somebody_waits(app)
        alone = await statements_while_nothing_happens(wire)

        waiting = [first, *tasks(jobs[1:])]
        await somebody_waits(app, CROWD)
        together = await statements_while_nothing_happens(wire)

        async with working(settings, {"echo": echo}):
            results = await asyncio.gather(*waiting)

    assert results == list(range(CROWD))
    assert 1 <= together <= alone + 10


async def test_many_who_wait_for_one_job_are_all_answered(app, settings):
    job = await app.enqueue("echo", "one")
    waiting = tasks([await app.job(job.id) for _ in range(50)])

    async with working(settings, {"echo": echo}):
        assert set(await asyncio.gather(*waiting)) == {"one"}


async def test_a_wait_ends_with_the_first_end_of_a_job_that_is_retried_at_once(
    app, settings, connection
):
    may_begin, may_end, runs = asyncio.Event(), asyncio.Event(), []

    async def count(_payload):
        runs.append(await may_begin.wait())
        if len(runs) == 2:
            await may_end.wait()
        return len(runs)

    async with working(settings, {"count": count}) as work:
        job = await app.enqueue("count")
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(IN_THE_WAY)  # nothing is told until the second run
        waiting = asyncio.create_task(job.wait(20))
        await somebody_waits(app)
        may_begin.set()
        first = await work.ends(job.job)
        await work.client.retry(job.id)
        await work.becomes(job.id, JobStatus.PROCESSING)
        await transaction.rollback()
        ended = await waiting
        may_end.set()
        second = await (await app.job(job.id)).wait(20)

    assert ended == first
    assert (bytes(ended.result), bytes(second.result)) == (b"1", b"2")


async def test_a_wait_ends_with_a_cancellation_that_is_undone_at_once(app, connection):
    job = await app.enqueue("echo", delay=3600)
    (waiting,) = tasks([job])
    await somebody_waits(app)

    async with connection.transaction():
        await connection.execute(statement("jobs/cancel_pending").text, job.id)
        await connection.execute(statement("jobs/retry").text, job.id)

    with pytest.raises(Exception, match="cancelled"):
        await waiting
    assert (await app.get(job.id)).status is JobStatus.PENDING


async def test_an_end_that_was_lost_with_its_history_is_found_out(app, connection):
    job = await app.enqueue("echo", delay=3600)
    waiting = asyncio.create_task(job.wait(20))
    await somebody_waits(app)
    following = await app.events(job_id=job.id).__aenter__()

    async with connection.transaction():
        await connection.execute(IN_THE_WAY)
        await app.client.cancel(job.id)
        await connection.execute(
            "with last as (select * from duly.event_tick order by tick desc limit 1)"
            " insert into duly.event_tick (tick, base, n, snap)"
            " select tick + 1, base + n, 0, pg_current_snapshot() from last"
        )
        await connection.execute("update duly.event_epoch set epoch = 'anew'")
        await connection.execute("notify duly_tick")

    assert (await waiting).status is JobStatus.CANCELLED
    assert isinstance(await anext(following), Reset)


async def test_a_wait_outlives_a_database_that_is_away(own_postgres):
    dsn = await asyncio.to_thread(own_postgres.start)
    async with Duly(Settings(database_url=dsn)) as app:
        early = await app.enqueue("echo", "early")
        late = await app.enqueue("echo", "late")
        (waits_already,) = tasks([early])
        await somebody_waits(app)

        kill_postgres(own_postgres)
        (waits_meanwhile,) = tasks([late])
        with pytest.raises(TimeoutError):
            await late.wait(0.5)
        await asyncio.to_thread(own_postgres.start)
        async with working(Settings(database_url=dsn, poll=0.5), {"echo": echo}):
            answers = await asyncio.gather(waits_already, waits_meanwhile)

    assert answers == ["early", "late"]
