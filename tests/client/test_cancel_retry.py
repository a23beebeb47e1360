"""What a person may do with a job: cancel it, and start it afresh."""

from __future__ import annotations

import asyncio
import threading
from uuid import uuid4

import pytest
from eventually import eventually
from working import working

from duly.errors import JobNotFound, NotAllowed, UniqueKeyTaken
from duly.jobs.status import JobStatus
from duly.jobs.submission import Submission
from duly.wiring import open_engine

PENDING, PROCESSING, DONE, FAILED, CANCELLED = JobStatus


@pytest.fixture
async def client(settings):
    async with open_engine(settings, migrate=False) as engine:
        yield engine.client


@pytest.mark.parametrize("delay", [None, 3600], ids=["ready", "scheduled"])
async def test_a_pending_job_is_cancelled_at_once(client, delay):
    job = await client.enqueue(Submission(job_type="report", delay=delay))

    cancelled = await client.cancel(job.id)

    assert (cancelled.status, cancelled.attempts) == (CANCELLED, 0)
    assert cancelled.finished_at is not None
    assert await client.attempts(job.id) == []


async def test_a_running_async_handler_is_ended_when_its_job_is_cancelled(settings):
    state = {}

    async def endless(_payload):
        state["runs"] = True
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            state["ended"] = True
            raise

    async with working(settings, {"endless": endless}) as work:
        job = await work.enqueue("endless")
        await eventually(lambda: state.get("runs"), "the handler's start")
        await work.client.cancel(job.id)
        ended = await work.ends(job)
        (tried,) = await work.client.attempts(job.id)

    assert state["ended"]
    assert (ended.status, ended.attempts, tried.outcome) == (CANCELLED, 1, "cancel")
    assert ended.last_error == "cancelled while it was running"


async def test_a_plain_handler_is_asked_to_stop_when_its_job_is_cancelled(settings):
    started, asked = threading.Event(), threading.Event()

    def patient(_payload, ctx):
        started.set()
        while not ctx.should_stop:
            threading.Event().wait(0.01)
        asked.set()

    async with working(settings, {"patient": patient}) as work:
        job = await work.enqueue("patient")
        await eventually(started.is_set, "the handler's start")
        await work.client.cancel(job.id)
        ended = await work.ends(job)
        await eventually(asked.is_set, "the request to stop")

    assert ended.status is CANCELLED


@pytest.mark.parametrize("ending", [DONE, FAILED, CANCELLED])
async def test_a_job_that_has_ended_cannot_be_cancelled(settings, ending):
    async with working(settings, {"done": _done, "failed": _broken}) as work:
        job = await _ended(work, ending)

        with pytest.raises(NotAllowed) as refusal:
            await work.client.cancel(job.id)

        assert refusal.value.fields["allowed"] == "pending or processing"
        assert (await work.client.get(job.id)).status is ending


@pytest.mark.parametrize("delay", [None, 3600], ids=["ready", "scheduled"])
async def test_a_pending_job_cannot_be_retried(client, delay):
    job = await client.enqueue(Submission(job_type="report", delay=delay))

    with pytest.raises(NotAllowed) as refusal:
        await client.retry(job.id)

    assert refusal.value.fields["allowed"] == "done, failed or cancelled"
    assert await client.get(job.id) == job


async def test_a_running_job_cannot_be_retried(settings):
    may_end = asyncio.Event()

    async def waits(_payload):
        await may_end.wait()

    async with working(settings, {"waits": waits}) as work:
        job = await work.enqueue("waits")
        await work.becomes(job, PROCESSING)

        with pytest.raises(NotAllowed):
            await work.client.retry(job.id)

        may_end.set()
        assert (await work.ends(job)).status is DONE


async def test_what_is_not_there_can_be_neither_cancelled_nor_retried_nor_listed(client):
    for action in (client.cancel, client.retry, client.attempts, client.get):
        with pytest.raises(JobNotFound):
            await action(uuid4())


@pytest.mark.parametrize("ending", [DONE, FAILED, CANCELLED])
async def test_a_retried_job_is_run_again(settings, ending):
    runs = []

    async def done_or_failed(_payload):
        runs.append(True)
        if ending is FAILED and len(runs) == 1:
            raise RuntimeError("broken")

    handlers = {"done": done_or_failed, "failed": done_or_failed}
    async with working(settings, handlers) as work:
        job = await _ended(work, ending)
        runs_before = len(runs)
        await work.client.retry(job.id)
        ended = await work.ends(job)

    assert (ended.status, ended.attempts) == (DONE, 1)
    assert len(runs) == runs_before + 1


async def test_a_retry_keeps_the_history_and_counts_afresh(settings):
    async def broken(_payload, ctx):
        raise RuntimeError(f"broken in attempt {ctx.attempt}")

    async with working(settings, {"broken": broken}) as work:
        job = await work.enqueue("broken", max_attempts=2)
        await work.becomes(job, PENDING, attempts=1)
        await work.advance(2)
        await work.ends(job)
        await work.client.retry(job.id)
        await work.becomes(job, PENDING, attempts=1)
        await work.advance(4)
        ended = await work.ends(job)
        history = await work.client.attempts(job.id)

    assert (ended.status, ended.attempts) == (FAILED, 2)
    assert [one.attempt for one in history] == [1, 2, 1, 2]
    assert [one.status for one in history] == [PENDING, FAILED, PENDING, FAILED]
    assert [one.error.splitlines()[0][-9:] for one in history] == [
        "attempt 1", "attempt 2", "attempt 1", "attempt 2",
    ]  # fmt: skip
    assert sorted({one.lease for one in history}) == [one.lease for one in history]
    assert all(one.worker and one.started_at <= one.finished_at for one in history)


async def test_fifty_people_who_retry_one_job_start_it_once(client):
    job = await client.enqueue(Submission(job_type="report"))
    await client.cancel(job.id)

    answers = await asyncio.gather(
        *(client.retry(job.id) for _ in range(50)), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, NotAllowed)]
    assert len(refused) == 49


async def test_a_retry_needs_the_unique_key_back(client):
    first = await client.enqueue(Submission(job_type="report", unique_key="a"))
    await client.cancel(first.id)
    second = await client.enqueue(Submission(job_type="report", unique_key="a"))

    with pytest.raises(UniqueKeyTaken) as refusal:
        await client.retry(first.id)

    assert refusal.value.fields["job_id"] == second.id
    await client.cancel(second.id)
    retried = await client.retry(first.id)
    assert (retried.status, retried.attempts, retried.finished_at) == (PENDING, 0, None)
    assert (await client.enqueue(Submission(job_type="x", unique_key="a"))).id == first.id


async def _ended(work, ending):
    if ending is CANCELLED:
        job = await work.enqueue("done", delay=3600)
        return await work.client.cancel(job.id)
    return await work.ends(await work.enqueue(ending.value, max_attempts=1))


async def _done(_payload):
    return None


async def _broken(_payload):
    raise RuntimeError("broken")
