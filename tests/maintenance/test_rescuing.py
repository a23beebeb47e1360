"""What becomes of the jobs of dead workers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from eventually import eventually

from duly.jobs.status import JobStatus
from duly.maintenance.rescuer import Rescuer
from duly.store.attempts import Lane
from duly.wiring import open_engine

TTL = 15.0
ENQUEUE = """
select job_id
from duly.enqueue_many(
  array_fill('note'::text, array[$1::int]),
  max_attempts => array_fill($2::smallint, array[$1::int]),
  unique_keys => case when $3::text is not null then array[$3] end
)
"""


@pytest.fixture
async def engine(settings):
    """The store and the client; nobody works, and nobody keeps house."""
    async with open_engine(settings, migrate=False) as opened:
        yield opened


class Claimer:
    """Makes jobs and claims them for a worker of its own."""

    def __init__(self, engine, connection):
        self.engine, self.connection = engine, connection

    async def claim(self, count=1, *, max_attempts=3, unique_key=None):
        """The worker's id and its jobs."""
        workers, attempts = self.engine.store.workers, self.engine.store.attempts
        worker = await workers.register("one", slots=count, queues=None, job_types=["note"])
        await self.connection.fetch(ENQUEUE, count, max_attempts, unique_key)
        claim = await attempts.claim(Lane("default", 0), worker=worker, cursor=-1, most=count)
        assert len(claim.jobs) == count
        return worker, claim.jobs

    async def silence(self, worker, seconds):
        await self.connection.execute(
            "update duly.worker set heartbeat_at = now() - make_interval(secs => $2) where id = $1",
            worker,
            float(seconds),
        )


@pytest.fixture
def claimer(engine, connection):
    return Claimer(engine, connection)


async def test_a_worker_is_dead_when_it_was_silent_for_its_time_to_live_and_not_sooner(
    engine, claimer
):
    silent, _ = await claimer.claim()
    alive, _ = await claimer.claim()
    await claimer.silence(silent, TTL + 1)
    await claimer.silence(alive, TTL - 5)

    assert await engine.store.workers.bury(TTL) == ["one"]

    assert [worker.id for worker in await engine.store.workers.list()] == [alive]
    assert await engine.store.workers.bury(TTL) == []
    assert not (await engine.store.workers.beat(silent)).is_alive


async def test_a_job_is_left_with_its_worker_however_long_it_runs(engine, claimer, connection):
    await claimer.claim()
    await connection.execute("update duly.running set started_at = now() - interval '1 year'")

    assert await engine.store.workers.bury(TTL) == []
    assert await engine.store.house.rescue(10) == {}


async def test_a_rescued_job_goes_back_and_its_attempt_is_charged(engine, claimer):
    worker, (held,) = await claimer.claim(unique_key="one")
    await engine.store.workers.leave(worker)

    assert await engine.store.house.rescue(10) == {"default": 1}

    job = await engine.client.get(held.id)
    (attempt,) = await engine.client.attempts(held.id)
    assert (job.status, job.attempts) == (JobStatus.PENDING, 1)
    assert job.last_error == "its worker died while the job was running"
    assert (attempt.outcome, attempt.lease) == ("rescue", held.lease)


async def test_a_job_that_killed_its_last_worker_has_failed_and_frees_its_key(
    engine, claimer, connection
):
    worker, (held,) = await claimer.claim(max_attempts=1, unique_key="one")
    await engine.store.workers.leave(worker)

    await engine.store.house.rescue(10)

    job = await engine.client.get(held.id)
    assert (job.status, job.attempts) == (JobStatus.FAILED, 1)
    assert await connection.fetchval("select count(*) from duly.unique_key") == 0


async def test_a_job_whose_cancellation_its_worker_did_not_live_to_see_is_cancelled(
    engine, claimer
):
    worker, (held,) = await claimer.claim()
    asked = await engine.client.cancel(held.id)
    await engine.store.workers.leave(worker)

    await engine.store.house.rescue(10)

    assert asked.status is JobStatus.PROCESSING
    assert (await engine.client.get(held.id)).status is JobStatus.CANCELLED


async def test_the_job_of_a_worker_that_nobody_knows_is_rescued_too(engine, claimer, connection):
    worker, _ = await claimer.claim()
    await connection.execute("delete from duly.worker where id = $1", worker)

    assert await engine.store.house.rescue(10) == {"default": 1}


async def test_many_rescuers_at_once_take_each_job_once(engine, claimer, connection):
    worker, jobs = await claimer.claim(1_200)
    await claimer.claim(50)
    await engine.store.workers.leave(worker)
    told = []

    async with rescuing(engine, TTL, told.append), rescuing(engine, TTL, told.append):
        await eventually(
            lambda: connection.fetchval("select count(*) = 1200 from duly.ready"),
            "all jobs of the dead worker are back",
        )

    rows = await connection.fetch("select job_id, lease from duly.attempt")
    assert sorted(row["lease"] for row in rows) == sorted(job.lease for job in jobs)
    assert await connection.fetchval("select count(*) from duly.running") == 50
    assert set(told) == {"default"}


async def test_after_a_time_without_a_database_the_living_have_a_moment_to_be_heard(
    engine, claimer, connection
):
    alive, _ = await claimer.claim()
    dead, _ = await claimer.claim()
    for worker in (alive, dead):
        await claimer.silence(worker, 60)

    async with rescuing(engine, 6.0, lambda _: None):
        assert len(await engine.store.workers.list()) == 2
        assert (await engine.store.workers.beat(alive)).is_alive
        died = "select died_at from duly.worker where id = $1"
        await eventually(lambda: connection.fetchval(died, dead), "the dead one is buried")

        assert await connection.fetchval(died, alive) is None


@asynccontextmanager
async def rescuing(engine, ttl, on_ready):
    rescuer = Rescuer(engine.store.workers, engine.store.house, ttl, on_ready)
    task = asyncio.create_task(rescuer.run())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
