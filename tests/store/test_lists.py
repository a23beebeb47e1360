"""Lists of jobs: every job that matches, once, newest first, page by page."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise

import pytest
from working import working

from duly.jobs.filters import JobFilters
from duly.jobs.outcome import Cancel, Discard
from duly.jobs.status import JobStatus
from duly.jobs.submission import Submission
from duly.store.attempts import Lane

PENDING, PROCESSING, DONE, FAILED, CANCELLED = JobStatus
TYPES = ("done", "failed", "cancelled", "flaky")
QUEUES = ("default", "mail")
TAGS = ((), ("weekly",), ("weekly", "large"))


@pytest.fixture
async def history(settings):
    """An engine with 120 jobs in every stage of life; some had another life before."""

    async def failed(_payload):
        raise Discard("no use")

    async def cancelled(_payload):
        raise Cancel

    async def flaky(_payload):
        raise OSError("later")

    handlers = {"done": _done, "failed": failed, "cancelled": cancelled, "flaky": flaky}
    chance = random.Random(1)
    made = [
        Submission(
            job_type=chance.choice(TYPES),
            queue=chance.choice(QUEUES),
            tags=chance.choice(TAGS),
            delay=chance.choice((None, None, None, 3600)),
        )
        for _ in range(90)
    ]
    async with working(settings, handlers) as work:
        jobs = await work.client.enqueue_many(made)
        for job, one in zip(jobs, made, strict=True):
            if one.delay is None and one.job_type == "flaky":
                await work.last_attempt(job)
            elif one.delay is None:
                await work.ends(job)
    async with working(settings, {}, worker=False, maintenance=False) as work:
        for job in await work.client.list(JobFilters(status=FAILED), limit=5):
            await work.client.retry(job.id)
        for job in await work.client.list(JobFilters(status=DONE), limit=5):
            await work.client.retry(job.id)
            await work.client.cancel(job.id)
        await work.client.enqueue_many([Submission(job_type="done", queue="idle")] * 30)
        await _claim_some(work, 10)
        yield work


@pytest.mark.parametrize("status", [None, *JobStatus])
async def test_a_list_holds_every_job_that_matches_and_no_other(history, status):
    everything = await history.client.list(JobFilters(), limit=1_000)
    assert len(everything) == 120
    assert {job.status for job in everything} == set(JobStatus)

    for job_type in (None, "done", "failed"):
        for queue in (None, "mail"):
            for tag in (None, "weekly"):
                filters = JobFilters(status=status, job_type=job_type, queue=queue, tag=tag)

                listed = await history.client.list(filters, limit=1_000)

                assert listed == [job for job in everything if _matches(job, filters)]


@pytest.mark.parametrize("status", [None, *JobStatus])
async def test_pages_join_without_a_gap_and_without_an_overlap(history, status):
    filters = JobFilters(status=status)
    whole = await history.client.list(filters, limit=1_000)

    pages = []
    before = None
    while page := await history.client.list(filters, limit=7, before=before):
        pages += page
        before = page[-1].id

    assert pages == whole
    assert all(newer.id > older.id for newer, older in pairwise(pages))


async def test_neighbouring_spans_of_time_share_no_job_and_miss_none(history):
    whole = await history.client.list(JobFilters(), limit=1_000)
    middle = whole[60].created_at.replace(microsecond=0) + timedelta(milliseconds=137)

    older = await history.client.list(JobFilters(created_before=middle), limit=1_000)
    newer = await history.client.list(JobFilters(created_after=middle), limit=1_000)

    assert newer + older == whole


def _matches(job, filters):
    return (
        filters.status in {None, job.status}
        and filters.job_type in {None, job.job_type}
        and filters.queue in {None, job.queue}
        and (filters.tag is None or filters.tag in job.tags)
    )


async def _claim_some(work, count):
    store = work.engine.store
    worker = await store.workers.register("test", slots=1, queues=None, job_types=[])
    claim = await store.attempts.claim(Lane("idle", 0), worker=worker, cursor=-1, most=count)
    assert len(claim.jobs) == count


async def _done(_payload):
    return None
