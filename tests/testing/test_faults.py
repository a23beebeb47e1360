"""Workers that a test kills or freezes: what becomes of their jobs."""

from __future__ import annotations

import asyncio
import threading

import asyncpg
import pytest
from eventually import eventually

from duly import Duly, Settings
from duly.testing import Testing


class Gate:
    """A handler for the job type `held`: its first attempt waits here."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self.was_cancelled = False

    async def execute(self, payload, ctx):
        if ctx.attempt == 1:
            self.reached.set()
            try:
                await self.opened.wait()
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
        return ctx.attempt


@pytest.fixture
async def gate():
    return Gate()


@pytest.fixture
def app(gate):
    made = Duly(Settings())
    made.handler("held")(gate.execute)
    return made


@pytest.fixture
def testing(app, database_url):
    tested = Testing(app, database_url)
    with tested.in_place():
        yield tested


async def test_a_killed_worker_leaves_its_jobs_in_hand_until_they_are_rescued(app, testing, gate):
    async with app:
        handle = await app.enqueue("held")
        async with testing.worker() as worker:
            await gate.reached.wait()

            await worker.kill()
            left = await app.get(handle.id)
            rescued = await testing.rescue()
            after = await app.get(handle.id)
        (ran,) = await testing.drain()

    assert (left.status, rescued, after.status, after.attempts) == ("processing", 1, "pending", 1)
    assert (ran.result, worker.stale_writes, gate.was_cancelled) == (2, 0, True)


async def test_a_killed_worker_is_cut_off_and_says_no_goodbye(app, testing, gate, database_url):
    async with app:
        await app.enqueue("held")
        async with testing.worker() as worker:
            await gate.reached.wait()
            await worker.kill()

    connection = await asyncpg.connect(database_url)
    row = await connection.fetchrow("select name, died_at from duly.worker")
    await connection.close()
    assert (row["name"], row["died_at"]) == (worker.name, None)


async def test_a_worker_that_is_heard_keeps_its_jobs_when_others_are_rescued(app, testing, gate):
    async with app:
        handle = await app.enqueue("held")
        async with testing.worker() as healthy, testing.worker(queues=["none"]) as other:
            await gate.reached.wait()
            await other.kill()

            rescued = await testing.rescue()
            gate.opened.set()
            job = await handle.wait(20)

    assert (rescued, job.status, job.attempts, healthy.stale_writes) == (0, "done", 1, 0)


async def test_a_frozen_worker_runs_on_and_its_outcome_is_refused(app, testing, gate):
    async with app:
        handle = await app.enqueue("held")
        async with testing.worker() as worker:
            await gate.reached.wait()
            await worker.freeze()

            rescued = await testing.rescue()
            (second,) = await testing.drain()
            gate.opened.set()
            await eventually(lambda: worker.stale_writes, "the refusal of the late outcome")

        job = await app.get(handle.id)

    assert (rescued, second.outcome, gate.was_cancelled) == (1, "complete", False)
    assert (job.status, bytes(job.result), worker.running) == ("done", b"2", 0)


async def test_the_thread_of_a_killed_worker_runs_on_and_writes_nothing(app, testing):
    started, may_end = threading.Event(), threading.Event()

    @app.handler("threaded", max_attempts=1)
    def threaded(payload):
        started.set()
        may_end.wait(20)
        return "too late"

    async with app:
        handle = await app.enqueue("threaded")
        async with testing.worker() as worker:
            await asyncio.to_thread(started.wait, 20)
            await worker.kill()
            await testing.rescue()
            may_end.set()
        job = await app.get(handle.id)

    assert (job.status, job.result) == ("failed", None)
    assert "its worker died" in job.last_error
