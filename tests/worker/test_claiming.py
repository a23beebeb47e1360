"""Which jobs a worker takes, in which order, and what it gives back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import groupby

import pytest
from eventually import eventually
from working import working

from duly.jobs.status import JobStatus
from duly.jobs.submission import Submission

PENDING, PROCESSING, DONE = JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.DONE


class Diary:
    """A handler that notes the number in each payload."""

    def __init__(self) -> None:
        self.entries: list[int] = []

    async def note(self, payload: int) -> None:
        self.entries.append(payload)


@pytest.fixture
def one_slot(settings):
    return replace(settings, slots=1)


async def submit(settings, submissions):
    """Make jobs while no worker looks."""
    async with working(settings, {}, worker=False) as work:
        return await work.client.enqueue_many(submissions)


def noted(number, **options):
    return Submission(job_type="note", payload=str(number), **options)


async def test_jobs_of_a_higher_priority_come_first_and_equals_in_the_order_they_came(one_slot):
    diary = Diary()
    priorities = [0, 5, -5, 100, 0, 5, -100, 0]
    jobs = await submit(one_slot, [noted(n, priority=p) for n, p in enumerate(priorities)])

    async with working(one_slot, {"note": diary.note}) as work:
        for job in jobs:
            await work.ends(job)

    assert diary.entries == [3, 1, 5, 0, 4, 7, 2, 6]


async def test_a_worker_takes_only_jobs_of_its_queues(settings):
    diary = Diary()
    handlers = {"note": diary.note}
    jobs = await submit(
        settings, [noted(n, queue=queue) for n, queue in enumerate(["mail", "default", "reports"])]
    )

    async with working(settings, handlers, queues=["mail", "reports"]) as work:
        ended = [await work.ends(jobs[0]), await work.ends(jobs[2])]
        later = await work.ends(await work.client.enqueue(noted(3, queue="mail")))
        left = await work.client.get(jobs[1].id)

    assert {job.status for job in [*ended, later]} == {DONE}
    assert (left.status, left.attempts) == (PENDING, 0)
    assert sorted(diary.entries) == [0, 2, 3]


async def test_queues_of_one_priority_take_turns(one_slot):
    diary = Diary()
    queues = ["a"] * 8 + ["b"] * 8
    jobs = await submit(one_slot, [noted(n, queue=queue) for n, queue in enumerate(queues)])

    async with working(one_slot, {"note": diary.note}) as work:
        for job in jobs:
            await work.ends(job)

    order = [queues[number] for number in diary.entries]
    assert sorted(diary.entries) == list(range(16))
    assert max(len(list(same)) for _, same in groupby(order)) <= 2


async def test_a_job_that_is_running_when_the_grace_is_over_is_given_back_uncharged(settings):
    started = []

    async def endless(_payload, ctx):
        started.append(ctx.attempt)
        await asyncio.Event().wait()

    hasty = replace(settings, grace=0.1)
    async with working(hasty, {"endless": endless}) as work:
        job = await work.enqueue("endless", max_attempts=1)
        await eventually(lambda: started, "the handler's start")

    async with working(settings, {}, worker=False) as work:
        given_back = await work.client.get(job.id)
        (tried,) = await work.client.attempts(job.id)
    assert (given_back.status, given_back.attempts) == (PENDING, 0)
    assert (tried.outcome, tried.attempt) == ("release", 1)

    async def quick(_payload, ctx):
        return ctx.attempt

    async with working(settings, {"endless": quick}) as work:
        ended = await work.ends(job)
    assert (ended.status, ended.attempts, bytes(ended.result)) == (DONE, 1, b"1")


async def test_jobs_that_were_claimed_and_never_started_go_back_without_a_trace(settings):
    started = []
    hasty = replace(settings, grace=0.1, slots=2)
    async with working(hasty, _quick_and_endless(started)) as work:
        jobs = await _claimed_ahead(work, started)

    async with working(settings, {}, worker=False) as work:
        given_back = [await work.client.get(job.id) for job in jobs]
        histories = [await work.client.attempts(job.id) for job in jobs]
    assert {(job.status, job.attempts) for job in given_back} == {(PENDING, 0)}
    assert len(started) == 2
    assert sorted(len(history) for history in histories) == [0] * 10 + [1] * 2


async def test_a_job_that_was_claimed_ahead_is_cancelled_without_being_started(settings):
    started = []
    hasty = replace(settings, grace=0.1, slots=2)
    async with working(hasty, _quick_and_endless(started)) as work:
        jobs = await _claimed_ahead(work, started)
        waiting = [job for job in jobs if job.id not in started]

        for job in waiting:
            await work.client.cancel(job.id)
        ended = [await work.ends(job) for job in waiting]

        assert {job.status for job in ended} == {JobStatus.CANCELLED}
        assert len(waiting) == 10
        assert len(started) == 2


async def test_two_workers_never_take_the_same_job(settings):
    diary = Diary()
    handlers = {"note": diary.note}
    jobs = await submit(settings, [noted(n) for n in range(500)])

    async with working(settings, handlers) as work, working(settings, handlers):
        for job in jobs:
            await work.ends(job)

    assert sorted(diary.entries) == list(range(500))


def _quick_and_endless(started):
    async def note(_payload):
        return None

    async def endless(_payload, ctx):
        started.append(ctx.job_id)
        await asyncio.Event().wait()

    return {"note": note, "endless": endless}


async def _claimed_ahead(work, started):
    """Twelve endless jobs, of which more are claimed than run."""
    # Quick jobs teach the worker to claim ahead.
    for job in await work.client.enqueue_many([noted(n) for n in range(150)]):
        await work.ends(job)
    jobs = await work.client.enqueue_many([Submission(job_type="endless")] * 12)

    async def are_claimed():
        statuses = [(await work.client.get(job.id)).status for job in jobs]
        return statuses.count(PROCESSING) > 2

    await eventually(are_claimed, "more claims than slots")
    await eventually(lambda: len(started) == 2, "both slots are taken")
    return jobs
