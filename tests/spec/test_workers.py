"""What becomes of jobs when workers run, die, are frozen, and are told to stop."""

from __future__ import annotations

import signal

import pytest

from .fleet import enqueue, record, statuses, unfinished, until

SHORT = {"DULY_WORKER_TTL": 2, "DULY_HEARTBEAT": 0.4, "DULY_POLL": 0.5}


async def test_of_20000_jobs_on_three_workers_each_is_run_once(fleet, connection):
    for _ in range(3):
        fleet.start(DULY_SLOTS=50)

    jobs = []
    for _ in range(20):
        jobs += await enqueue(connection, "quick", 1_000)

    async def done():
        return await unfinished(connection) == 0

    await until(done, "20,000 jobs done")
    assert fleet.runs("run") == dict.fromkeys(jobs, 1)
    assert await record(connection) == dict.fromkeys(jobs, (1, 1))
    assert len({pid for _, _, pid, _ in fleet.ledger("run")}) == 3


async def test_the_jobs_of_a_killed_worker_are_done_elsewhere_within_20_seconds(fleet, connection):
    jobs = await enqueue(connection, "gated", 10, '{"gate": "open"}')
    victim = fleet.start()
    await until(lambda: _started(fleet, 10), "ten jobs in hand")

    fleet.start()
    victim.send(signal.SIGKILL)
    fleet.open_gate("open")

    async def done():
        return await statuses(connection) == {"done": 10}

    took = await until(done, "all done elsewhere", within=20.0)
    assert took < 20
    assert await record(connection) == dict.fromkeys(jobs, (1, 2))
    rescued = await connection.fetchval(
        "select count(*) from duly.attempt where outcome = 'rescue'"
    )
    assert rescued == 10


@pytest.mark.parametrize("kind", ["gated", "gated_thread", "blocking"])
async def test_a_job_that_runs_longer_than_any_timeout_is_not_started_twice(
    fleet, connection, kind
):
    await enqueue(connection, kind, 1, '{"gate": "open"}')
    worker = fleet.start(**SHORT)
    fleet.start(**SHORT)
    await until(lambda: _started(fleet, 1), "the job is running")

    async def outlived():
        """Three times to live, by the heartbeats of the database."""
        return await connection.fetchval("select now() - min(started_at) > '6 s' from duly.running")

    await until(outlived, "the job has run for three times the time to live")
    fleet.open_gate("open")

    async def done():
        return await statuses(connection) == {"done": 1}

    await until(done, "the job is done")
    assert len(fleet.ledger("start")) == 1
    assert list((await record(connection)).values()) == [(1, 1)]
    assert worker.popen.poll() is None


async def test_a_frozen_worker_that_wakes_up_writes_nothing_over_what_happened(fleet, connection):
    (job,) = await enqueue(connection, "blocking", 1, '{"gate": "open"}')
    zombie = fleet.start(**SHORT)
    await until(lambda: _started(fleet, 1), "the job is running")
    zombie.send(signal.SIGSTOP)
    fleet.start(**SHORT)
    await until(lambda: _started(fleet, 2), "the job was rescued and runs elsewhere")
    fleet.open_gate("open")

    async def done():
        return await statuses(connection) == {"done": 1}

    await until(done, "the job is done elsewhere")
    before = await connection.fetch("select * from duly.attempt order by lease")
    zombie.send(signal.SIGCONT)

    async def woke():
        log = zombie.log.read_text()
        return len(fleet.ledger("end")) == 2 and (
            "stale write refused" in log or "has started over" in log
        )

    await until(woke, "the zombie has ended its handler and noticed")
    assert await connection.fetch("select * from duly.attempt order by lease") == before
    assert [row["outcome"] for row in before] == ["rescue", "complete"]
    assert await record(connection) == {job: (1, 2)}


async def test_a_worker_that_is_told_to_stop_finishes_what_runs_and_gives_back_the_rest(
    fleet, connection
):
    running = await enqueue(connection, "gated", 2, '{"gate": "open"}')
    worker = fleet.start(DULY_SLOTS=2)
    await until(lambda: _started(fleet, 2), "two jobs are running")
    waiting = await enqueue(connection, "gated", 5, '{"gate": "open"}')

    worker.send(signal.SIGTERM)
    await until(lambda: _logged(worker, "stopping"), "the worker has heard it")
    fleet.open_gate("open")

    assert worker.wait() == 0, worker.log.read_text()
    assert await record(connection) == dict.fromkeys(running, (1, 1))
    left = await connection.fetch("select job_id, attempt from duly.ready")
    assert {(str(row["job_id"]), row["attempt"]) for row in left} == {(job, 0) for job in waiting}
    assert await connection.fetchval("select count(*) from duly.running") == 0


async def test_stopping_under_load_loses_nothing_and_charges_nothing(fleet, connection):
    jobs = []
    for _ in range(10):
        jobs += await enqueue(connection, "quick", 1_000)
    for _ in range(3):
        worker = fleet.start(DULY_SLOTS=20)
        await until(lambda: _ran_more(fleet, 500), "it is at work")
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0, worker.log.read_text()

    fleet.start(DULY_SLOTS=50)

    async def done():
        return await unfinished(connection) == 0

    await until(done, "the last worker did the rest")
    assert await record(connection) == dict.fromkeys(jobs, (1, 1))
    assert fleet.runs("run") == dict.fromkeys(jobs, 1)


async def test_a_job_that_outlasts_the_grace_period_is_given_back_uncharged(fleet, connection):
    await enqueue(connection, "stubborn", 1)
    worker = fleet.start(DULY_GRACE=0.3)
    await until(lambda: _started(fleet, 1), "the job is running")

    worker.send(signal.SIGTERM)

    assert worker.wait() == 0, worker.log.read_text()
    assert len(fleet.ledger("end")) == 1
    assert await connection.fetchval("select attempt from duly.ready") == 0


async def test_a_second_signal_ends_a_worker_at_once_and_its_job_is_rescued(fleet, connection):
    await enqueue(connection, "gated", 1, '{"gate": "open"}')
    worker = fleet.start(**SHORT)
    await until(lambda: _started(fleet, 1), "the job is running")

    worker.send(signal.SIGTERM)
    await until(lambda: _logged(worker, "stopping"), "the first was heard")
    worker.send(signal.SIGTERM)

    assert worker.wait() == 128 + signal.SIGTERM
    fleet.open_gate("open")
    fleet.start(**SHORT)

    async def done():
        return await statuses(connection) == {"done": 1}

    await until(done, "the job was rescued and done")


async def _started(fleet, count):
    return len(fleet.ledger("start")) >= count


async def _ran_more(fleet, count):
    return len(fleet.ledger("run")) >= count


async def _logged(process, words):
    return words in process.log.read_text()
