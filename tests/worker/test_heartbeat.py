"""A worker that is not heard any more ends its handlers by itself, before others take its jobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from eventually import eventually
from working import working

from duly.jobs.status import JobStatus


class Patient:
    """A handler that waits for ever at its first attempt, and notes how it ended."""

    def __init__(self):
        self.started = asyncio.Event()
        self.was_cancelled = asyncio.Event()

    async def __call__(self, _payload, ctx):
        if ctx.attempt > 1:
            return
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_cancelled.set()


def outcomes(work):
    return work.sql.fetchval("select array_agg(outcome order by lease) from duly.attempt")


async def test_a_worker_whose_heartbeats_are_not_confirmed_gives_up_before_it_is_dead(settings):
    patient = Patient()
    brief = replace(settings, heartbeat=0.4, worker_ttl=2)
    async with working(brief, {"patient": patient.__call__}) as work:
        job = await work.enqueue("patient")
        await asyncio.wait_for(patient.started.wait(), 20)
        before = work.engine.worker.id

        async with work.sql.transaction():
            await work.sql.execute("select from duly.worker for update")  # no beat gets through
            await asyncio.wait_for(patient.was_cancelled.wait(), 20)
            assert await work.sql.fetchval("select count(*) from duly.running") == 1
            assert await outcomes(work) is None

        ended = await work.ends(job)
        assert (ended.status, ended.attempts) == (JobStatus.DONE, 2)
        assert await outcomes(work) == ["rescue", "complete"]
        assert work.engine.worker.id != before
        assert work.engine.worker.settler.stale_writes == 0
        await eventually(lambda: not work.engine.worker.reasons_not_ready(), "it is ready again")


async def test_a_worker_that_hears_that_it_is_dead_ends_its_handlers_and_starts_over(settings):
    patient = Patient()
    brief = replace(settings, heartbeat=0.2)
    async with working(brief, {"patient": patient.__call__}) as work:
        job = await work.enqueue("patient")
        await asyncio.wait_for(patient.started.wait(), 20)
        before = work.engine.worker.id

        await work.sql.execute("update duly.worker set died_at = now()")

        await asyncio.wait_for(patient.was_cancelled.wait(), 20)
        ended = await work.ends(job)
        assert (ended.status, ended.attempts) == (JobStatus.DONE, 2)
        assert await outcomes(work) == ["rescue", "complete"]
        assert work.engine.worker.id != before


async def test_a_heartbeat_tells_of_a_cancellation_when_no_hint_does(settings):
    patient = Patient()
    brief = replace(settings, heartbeat=0.2)
    async with working(brief, {"patient": patient.__call__}) as work:
        job = await work.enqueue("patient")
        await asyncio.wait_for(patient.started.wait(), 20)

        await work.sql.execute("update duly.running set cancel_requested_at = now()")

        assert (await work.ends(job)).status is JobStatus.CANCELLED
        assert patient.was_cancelled.is_set()
