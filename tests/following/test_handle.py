"""What a program has in its hands after it submitted a job."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from eventually import eventually
from working import working

from duly import Duly, JobCancelled, JobFailed, JobStatus
from duly.errors import AppClosed, JobNotFound, NotAllowed


async def add(payload: dict[str, int]) -> int:
    return payload["a"] + payload["b"]


async def broken(_payload: object) -> None:
    raise ValueError("out of paper")


async def nothing(_payload: object) -> None:
    pass


@pytest.fixture
async def work(settings):
    """Another process, as it were, that does the jobs and keeps house."""
    handlers = {"add": add, "broken": broken, "nothing": nothing}
    async with working(settings, handlers) as opened:
        yield opened


async def test_the_result_is_what_the_handler_returned(app, work):
    job = await app.enqueue("add", {"a": 1, "b": 2})
    empty = await app.enqueue("nothing")

    assert await job.result(timeout=20) == 3
    assert await empty.result(timeout=20) is None
    assert (job.status, job.job.attempts) == (JobStatus.DONE, 1)


async def test_the_result_of_a_job_that_failed_is_its_last_error(app, work):
    job = await app.enqueue("broken", max_attempts=1)

    with pytest.raises(JobFailed, match="failed after 1 attempts: ValueError: out of paper") as end:
        await job.result(timeout=20)

    assert end.value.fields["job_id"] == job.id
    assert "in broken" in end.value.fields["last_error"]
    assert "in broken" not in str(end.value)


async def test_the_result_of_a_job_that_was_cancelled_is_an_error_of_its_own(app, work):
    job = await app.enqueue("add", {"a": 1, "b": 2}, delay=3600)
    waiting = asyncio.create_task(job.result(timeout=20))

    await (await app.job(job.id)).cancel()

    with pytest.raises(JobCancelled, match=str(job.id)):
        await waiting


async def test_waiting_answers_the_job_however_it_ended(app, work):
    done = await app.enqueue("add", {"a": 1, "b": 2})
    failed = await app.enqueue("broken", max_attempts=1)

    ends = await asyncio.gather(done.wait(20), failed.wait(20))

    assert [end.status for end in ends] == [JobStatus.DONE, JobStatus.FAILED]
    assert ends == [done.job, failed.job] == [await app.get(done.id), await app.get(failed.id)]


@pytest.mark.parametrize("timeout", [0.05, 0])
async def test_a_wait_that_is_too_long_ends_and_the_job_goes_on(app, settings, timeout):
    job = await app.enqueue("add", {"a": 1, "b": 2})

    with pytest.raises(TimeoutError, match=f"job {job.id} has not ended"):
        await job.wait(timeout=timeout)

    async with working(settings, {"add": add}):
        assert await job.result(timeout=20) == 3


async def test_a_job_that_has_ended_is_answered_without_the_stream(app, work):
    job = await app.enqueue("add", {"a": 1, "b": 2})
    await work.ends(job.job)

    found = await app.job(job.id)

    assert await found.result(timeout=0) == await job.result() == 3
    assert not app._engine.live.is_open


async def test_a_job_that_was_pruned_is_not_found(app, connection):
    job = await app.enqueue("add", {"a": 1, "b": 2})
    await connection.execute("delete from duly.ready")
    await connection.execute("delete from duly.job")

    for ask in (job.wait, job.result, job.refresh):
        with pytest.raises(JobNotFound):
            await ask()
    with pytest.raises(JobNotFound):
        await app.job(uuid4())


async def test_the_fields_of_the_job_are_read_from_the_handle(app):
    job = await app.enqueue("add", {"a": 1}, queue="sums", tags=["x"], unique_key="k")

    assert (job.id, job.queue, job.tags, job.unique_key) == (job.job.id, "sums", ["x"], "k")
    assert (job.status, job.attempts, job.last_error) == (JobStatus.PENDING, 0, None)
    with pytest.raises(AttributeError, match="a job has no 'colour'"):
        _ = job.colour


async def test_a_handle_shows_the_job_as_it_was_until_it_is_refreshed(app, connection):
    job = await app.enqueue("add", {"a": 1, "b": 2})
    await app.client.cancel(job.id)

    assert job.status is JobStatus.PENDING
    assert (await job.refresh()).status is JobStatus.CANCELLED
    assert job.status is JobStatus.CANCELLED


async def test_a_job_is_cancelled_and_retried_by_its_handle(app):
    job = await app.enqueue("add", {"a": 1, "b": 2})

    with pytest.raises(NotAllowed):
        await job.retry()
    assert (await job.cancel()).status is job.status is JobStatus.CANCELLED
    assert (await job.retry()).status is job.status is JobStatus.PENDING


async def test_whoever_waits_when_the_app_is_closed_is_told(settings):
    async with Duly(settings) as app:
        jobs = [await app.enqueue("add", delay=3600) for _ in range(20)]
        waiting = [asyncio.create_task(job.result()) for job in jobs]
        await eventually(lambda: app._engine.live.is_open, "somebody waits")

    async with asyncio.timeout(5):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(answer) for answer in answers} == {AppClosed}
    with pytest.raises(AppClosed):
        await jobs[0].wait()
