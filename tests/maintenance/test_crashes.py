"""What becomes of the jobs of a worker whose process has crashed, as the database decides it."""

from __future__ import annotations

import pytest

from duly.jobs.status import JobStatus
from duly.store.attempts import SUSPECTS, Lane
from duly.wiring import open_engine

SUSPECTED = Lane("mail", SUSPECTS)


class Crashes:
    """One job in the queue `mail`, and workers that crash while they have it."""

    def __init__(self, engine, connection):
        self.engine, self.connection = engine, connection
        self.job_id = None

    async def make(self, *, max_attempts=3):
        self.job_id = await self.connection.fetchval(
            "select duly.enqueue('note', queue => 'mail', priority => 7, max_attempts => $1)",
            max_attempts,
        )

    async def claim(self, lane):
        """The worker that has it now."""
        workers, attempts = self.engine.store.workers, self.engine.store.attempts
        worker = await workers.register("one", slots=1, queues=None, job_types=["note"])
        claim = await attempts.claim(lane, worker=worker, cursor=-1, most=10)
        assert [job.id for job in claim.jobs] == [self.job_id]
        return worker

    async def crash(self, lane):
        await self.engine.store.workers.crash(await self.claim(lane))
        assert await self.engine.store.house.rescue(10) == {"mail": 1}

    async def job(self):
        return await self.engine.client.get(self.job_id)

    async def errors(self):
        return [one.error for one in await self.engine.client.attempts(self.job_id)]


@pytest.fixture
async def crashes(settings, connection):
    async with open_engine(settings, migrate=False) as engine:
        yield Crashes(engine, connection)


async def test_after_a_crash_a_job_is_not_charged_and_waits_among_the_suspects(crashes):
    await crashes.make()

    await crashes.crash(Lane("mail", 7))

    job = await crashes.job()
    assert (job.status, job.attempts, job.priority) == (JobStatus.PENDING, 0, 7)
    assert await crashes.errors() == ["its worker crashed while the job was running"]
    assert await crashes.engine.store.attempts.lanes(["mail"]) == [SUSPECTED]


async def test_a_job_that_was_there_at_three_crashes_has_failed(crashes):
    await crashes.make(max_attempts=10)

    await crashes.crash(Lane("mail", 7))
    await crashes.crash(SUSPECTED)
    assert (await crashes.job()).status is JobStatus.PENDING
    await crashes.crash(SUSPECTED)

    job = await crashes.job()
    assert (job.status, job.attempts) == (JobStatus.FAILED, 1)
    assert job.last_error == "crashed its worker 3 times"


async def test_a_job_is_not_given_to_more_crashes_than_it_has_attempts(crashes):
    await crashes.make(max_attempts=2)

    await crashes.crash(Lane("mail", 7))
    await crashes.crash(SUSPECTED)

    job = await crashes.job()
    assert (job.status, job.last_error) == (JobStatus.FAILED, "crashed its worker 2 times")


async def test_a_worker_that_only_fell_silent_makes_no_suspects_and_counts_as_no_crash(crashes):
    await crashes.make(max_attempts=10)
    await crashes.engine.store.workers.leave(await crashes.claim(Lane("mail", 7)))
    await crashes.engine.store.house.rescue(10)

    await crashes.crash(Lane("mail", 7))
    await crashes.crash(SUSPECTED)

    assert (await crashes.job()).status is JobStatus.PENDING
    assert (await crashes.job()).attempts == 1


async def test_who_retries_a_job_forgives_it_its_crashes(crashes):
    await crashes.make(max_attempts=1)
    await crashes.crash(Lane("mail", 7))
    assert (await crashes.job()).status is JobStatus.FAILED
    await crashes.connection.execute("update duly.job set max_attempts = 3")

    await crashes.engine.client.retry(crashes.job_id)
    await crashes.crash(Lane("mail", 7))
    await crashes.crash(SUSPECTED)

    assert (await crashes.job()).status is JobStatus.PENDING
    assert (await crashes.job()).attempts == 0
