"""What is written when a handler ends, where somebody asked for its end at the same moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from eventually import eventually
from working import working

from duly.jobs.outcome import Snooze
from duly.jobs.status import JobStatus

# What a cancellation does, without the hint: no heartbeat tells the worker of it either.
ASK = "update duly.running set cancel_requested_at = duly.now() returning job_id"


@pytest.mark.parametrize(
    ("answer", "status", "outcome"),
    [
        (ValueError("not now"), JobStatus.CANCELLED, "cancel"),
        (Snooze(60), JobStatus.CANCELLED, "cancel"),
        (None, JobStatus.DONE, "complete"),
    ],
    ids=["it failed", "it snoozed", "it was done"],
)
async def test_a_job_whose_end_was_asked_for_does_not_go_back_to_wait(
    settings, answer, status, outcome
):
    started, gate = asyncio.Event(), asyncio.Event()

    async def slow(_payload):
        started.set()
        await gate.wait()
        if answer is not None:
            raise answer

    uninformed = replace(settings, heartbeat=3600, worker_ttl=14_400)
    async with working(uninformed, {"slow": slow}) as work:
        job = await work.enqueue("slow", unique_key="one")
        await asyncio.wait_for(started.wait(), 20)
        assert await work.sql.fetchval(ASK) == job.id

        gate.set()

        attempt = await work.last_attempt(job)
        ended = await work.client.get(job.id)
        assert (ended.status, ended.attempts, attempt.outcome) == (status, 1, outcome)
        assert await work.sql.fetchval("select count(*) from duly.unique_key") == 0


async def test_a_job_that_waits_for_a_slot_when_its_worker_stops_is_cancelled_if_that_was_asked_for(
    settings,
):
    started, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_payload):
        started.set()
        await may_end.wait()

    async def quick(_payload):
        pass

    uninformed = replace(settings, slots=1, heartbeat=3600, worker_ttl=14_400)
    async with working(uninformed, {"slow": slow, "quick": quick}) as work:
        for n in range(60):  # a worker that knows how quick its jobs are claims some ahead
            await work.ends(await work.enqueue("quick", n))
        await work.enqueue("slow")
        await asyncio.wait_for(started.wait(), 20)
        ahead = await work.enqueue("quick", unique_key="ahead")
        await eventually(
            lambda: work.sql.fetchval("select 1 from duly.running where job_id = $1", ahead.id),
            "the job was claimed ahead",
        )
        await work.sql.execute(
            f"{ASK.replace(' returning', ' where job_id = $1 returning')}", ahead.id
        )
        stopping = asyncio.create_task(work.engine.worker.stop(20))
        cancelled = await work.ends(ahead)
        may_end.set()
        assert await stopping

    assert cancelled.status is JobStatus.CANCELLED
