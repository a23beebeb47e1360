"""Cancelling and retrying many jobs at once: which ones is decided once."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from eventually import eventually
from working import working

from duly.errors import RequestRefused
from duly.jobs.filters import JobFilters
from duly.jobs.status import JobStatus
from duly.jobs.submission import Submission
from duly.wiring import open_engine

PENDING, PROCESSING, DONE, FAILED, CANCELLED = JobStatus


@pytest.fixture
async def client(settings):
    async with open_engine(settings, migrate=False) as engine:
        yield engine.client


async def make(client, count, job_type="report", **options):
    return await client.enqueue_many([Submission(job_type=job_type, **options)] * count)


async def statuses(client, jobs):
    return [(await client.get(job.id)).status for job in jobs]


def counts(answer):
    return answer.matched, answer.changed, answer.skipped


async def events(connection, change):
    return await connection.fetchval(
        "select coalesce(sum(n), 0) from duly.event where change = $1", change
    )


async def test_all_that_wait_and_match_are_cancelled_whatever_they_wait_for(client, connection):
    ready = await make(client, 2, queue="a")
    scheduled = await make(client, 2, queue="a", delay=3600)
    other = await make(client, 1, queue="b")

    answer = await client.cancel_many(JobFilters(queue="a"))

    assert counts(answer) == (4, 4, 0)
    assert await statuses(client, ready + scheduled) == [CANCELLED] * 4
    assert await statuses(client, other) == [PENDING]
    assert await events(connection, "cancel") == 4


@pytest.mark.parametrize(
    "filters",
    [
        {"job_type": "email"},
        {"queue": "mail"},
        {"tag": "weekly"},
        {"created_after": datetime.now(UTC) - timedelta(hours=1), "tag": "weekly"},
        {"status": PENDING, "queue": "mail"},
    ],
)
async def test_every_filter_narrows_the_set(client, filters):
    wanted = await make(client, 3, "email", queue="mail", tags=("weekly", "x"))
    await make(client, 2)

    dry = await client.cancel_many(JobFilters(**filters), dry_run=True)
    before = await statuses(client, wanted)
    answer = await client.cancel_many(JobFilters(**filters))
    nothing = await client.cancel_many(JobFilters(created_before=datetime(2020, 1, 1, tzinfo=UTC)))

    assert (counts(dry), counts(answer), counts(nothing)) == ((3, 0, 0), (3, 3, 0), (0, 0, 0))
    assert before == [PENDING] * 3
    assert await statuses(client, wanted) == [CANCELLED] * 3


async def test_handlers_of_running_jobs_are_asked_to_stop(settings):
    started = asyncio.Semaphore(0)

    async def endless(_payload):
        started.release()
        await asyncio.Event().wait()

    async with working(settings, {"endless": endless}) as work:
        jobs = [await work.enqueue("endless") for _ in range(3)]
        for _ in jobs:
            await started.acquire()
        only_pending = await work.client.cancel_many(JobFilters(status=PENDING))
        answer = await work.client.cancel_many(JobFilters(job_type="endless"))
        ended = [await work.ends(job) for job in jobs]

    assert (counts(only_pending), counts(answer)) == ((0, 0, 0), (3, 3, 0))
    assert [job.status for job in ended] == [CANCELLED] * 3


async def test_what_comes_in_after_the_set_was_decided_is_not_touched(client):
    await make(client, 1_500, queue="a")
    late = []
    seen = []

    def agreed(matched):
        late.append(asyncio.ensure_future(make(client, 1, queue="a")))
        return matched == 1_500

    answer = await client.cancel_many(
        JobFilters(queue="a"), agreed=agreed, on_progress=lambda *at: seen.append(at)
    )

    assert counts(answer) == (1_500, 1_500, 0)
    assert seen == [(1_000, 1_500), (1_500, 1_500)]
    assert await statuses(client, await late[0]) == [PENDING]


async def test_what_has_moved_on_before_its_turn_is_skipped(client, connection):
    jobs = await make(client, 3)

    claimed = await connection.fetchval(
        "with gone as (delete from duly.ready where job_id = $1 returning job_id)"
        " insert into duly.running (job_id, lease, worker, attempt, started_at)"
        " select job_id, nextval('duly.lease'), 1, 1, now() from gone returning job_id",
        jobs[0].id,
    )
    by_status = await client._store.jobs.cancel_many([job.id for job in jobs], [PENDING])

    assert claimed == jobs[0].id
    assert by_status == {jobs[1].id: False, jobs[2].id: False}
    assert await statuses(client, jobs) == [PROCESSING, CANCELLED, CANCELLED]


async def test_a_cancelled_job_lets_go_of_its_unique_key(client):
    for n in range(3):
        await client.enqueue(Submission(job_type="report", unique_key=f"key-{n}"))

    await client.cancel_many(JobFilters(job_type="report"))
    again = [
        await client.enqueue(Submission(job_type="report", unique_key=f"key-{n}")) for n in range(3)
    ]

    assert await statuses(client, again) == [PENDING] * 3


async def test_without_a_status_only_what_failed_is_retried(settings, connection):
    def broken(_payload):
        raise ValueError("no")

    async with working(
        settings, {"broken": (broken, {"max_attempts": 1}), "fine": lambda _payload: 1}
    ) as work:
        failed = [await work.enqueue("broken", queue="q") for _ in range(2)]
        done = await work.enqueue("fine", queue="q")
        for job in [*failed, done]:
            await work.ends(job)
        dry = await work.client.retry_many(JobFilters(queue="q"), dry_run=True)
        answer = await work.client.retry_many(JobFilters(queue="q"))

        async def all_failed_twice():
            tried = [await work.client.attempts(job.id) for job in failed]
            return all(len(attempts) == 2 for attempts in tried)

        await eventually(all_failed_twice, "the second attempts")
        tried_once = await work.client.attempts(done.id)
        of_done = await work.client.retry_many(JobFilters(queue="q", status=DONE))

    assert (counts(dry), counts(answer), counts(of_done)) == ((2, 0, 0), (2, 2, 0), (1, 1, 0))
    assert len(tried_once) == 1
    assert await events(connection, "retry") == 3


async def test_of_jobs_with_one_unique_key_one_is_retried_and_none_beside_a_live_one(client):
    jobs = []
    for _ in range(3):
        jobs.append(await client.enqueue(Submission(job_type="report", unique_key="k")))
        await client.cancel(jobs[-1].id)

    first = await client.retry_many(JobFilters(status=CANCELLED))
    beside = await client.retry_many(JobFilters(status=CANCELLED))

    assert (counts(first), counts(beside)) == ((3, 1, 2), (2, 0, 2))
    assert await statuses(client, jobs) == [CANCELLED, CANCELLED, PENDING]


async def test_ids_are_taken_once_and_unknown_ones_do_not_match(client):
    jobs = await make(client, 2)
    await client.cancel(jobs[0].id)

    ids = [jobs[0].id, jobs[1].id, jobs[1].id, uuid4()]
    cancelled = await client.cancel_many(ids)
    retried = await client.retry_many(ids)

    assert counts(cancelled) == (2, 1, 1)
    assert counts(retried) == (2, 2, 0)
    assert await statuses(client, jobs) == [PENDING, PENDING]


async def test_two_persons_at_once_change_each_job_once(client, connection):
    jobs = await make(client, 1_200)

    answers = await asyncio.gather(*(client.cancel_many(JobFilters()) for _ in range(3)))
    again = await asyncio.gather(*(client.retry_many([job.id for job in jobs]) for _ in range(3)))

    assert sum(answer.changed for answer in answers) == 1_200
    assert sum(answer.changed for answer in again) == 1_200
    assert await events(connection, "cancel") == 1_200
    assert await events(connection, "retry") == 1_200


@pytest.mark.parametrize(
    ("verb", "status", "said"),
    [
        ("cancel", DONE, "cancel is possible only for jobs that are pending or processing"),
        ("retry", PENDING, "retry is possible only for jobs that are done, failed or cancelled"),
    ],
)
async def test_a_status_that_does_not_allow_it_is_refused(client, verb, status, said):
    with pytest.raises(RequestRefused, match=said):
        await getattr(client, f"{verb}_many")(JobFilters(status=status))


def test_the_program_of_the_guide_runs(database_url):
    guide = Path(__file__).parents[2] / "docs" / "guides" / "many-jobs.md"
    (program,) = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "12 12 12 0\n"
