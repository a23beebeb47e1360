"""Submission in the caller's own transaction, on every driver that is understood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from duly.errors import JobNotFound
from duly.jobs.filters import JobFilters
from duly.jobs.status import JobStatus

from .doors import Asyncpg

NASTY = {
    "quotes": '\'" \\ \\" {a,b} null',
    "marks": "% %s %% $1 :name ::text",
    "text": "ünïcode €\n\t☃",
    "numbers": [12345678901234567890, -0.1],
    "none": None,
    "list": [True, {"deep": []}],
}


def plain(job):
    """The job with its payload as a value: PostgreSQL writes JSON with other blanks."""
    return msgspec.structs.replace(job, payload=msgspec.json.decode(job.payload))


async def test_a_committed_job_exists_as_answered_and_wakes_a_worker_without_a_poll(app, door):
    async with app.worker():
        await door.begin()
        job = await door.enqueue(app, "noted", NASTY, tags=["a,b", '"c"'], priority=-3)
        with pytest.raises(JobNotFound):
            await app.get(job.id)
        await door.commit()

        done = await (await app.job(job.id)).wait(timeout=20)

    assert done.status is JobStatus.DONE
    assert msgspec.json.decode(done.result) == NASTY
    shown = ("id", "job_type", "queue", "priority", "max_attempts", "tags", "created_at")
    assert [getattr(done, name) for name in shown] == [getattr(job, name) for name in shown]
    assert (job.queue, job.max_attempts, job.status) == ("notes", 7, JobStatus.PENDING)


async def test_a_job_that_was_rolled_back_never_existed(app, door, connection):
    await door.begin()
    job = await door.enqueue(app, "noted", unique_key="once")
    await door.rollback()

    await door.begin()
    kept = await door.enqueue(app, "noted", unique_key="once")
    await door.say("savepoint here")
    gone = await door.enqueue(app, "noted")
    await door.say("rollback to savepoint here")
    await door.commit()

    assert [one.id for one in await app.client.list(JobFilters())] == [kept.id]
    assert len({job.id, kept.id, gone.id}) == 3
    assert await connection.fetchval("select count(*) from duly.ready") == 1
    assert await connection.fetchval("select count(*) from duly.unique_key") == 1


async def test_many_jobs_are_made_in_order_and_live_ones_are_answered(app, door):
    held = (await app.enqueue("noted", {"n": -1}, delay=3600, unique_key="key 7")).job
    run_at = datetime(2030, 1, 1, 13, tzinfo=UTC) + timedelta(microseconds=7)
    keys = [None, 'k"1', *[f"key {n}" for n in range(2, 250)]]

    await door.begin()
    payloads = ({"n": n} for n in range(250))
    jobs = await door.enqueue_many(app, "noted", payloads, unique_keys=keys, run_at=run_at)
    again = await door.enqueue(app, "other", unique_key='k"1')
    await door.commit()

    assert (plain(jobs[7]), plain(again)) == (plain(held), plain(jobs[1]))
    for n in (0, 1, 249):
        assert plain(await app.get(jobs[n].id)) == plain(jobs[n])
        assert plain(jobs[n]).payload == {"n": n}
        assert jobs[n].scheduled_at == run_at
    assert len(await app.client.list(JobFilters(), limit=1_000)) == 250


@pytest.mark.parametrize("door", [Asyncpg], indirect=True)
async def test_a_job_that_is_committed_after_later_ones_were_done_is_not_overlooked(app, door):
    async with app.worker():
        await door.begin()
        early = await door.enqueue(app, "noted")
        later = await app.enqueue("noted")
        await later.wait(timeout=20)
        await door.commit()

        done = await (await app.job(early.id)).wait(timeout=20)

    assert done.status is JobStatus.DONE
