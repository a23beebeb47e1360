"""Workers that are replaced under load as a deployment does it, or whose handlers do not listen."""

from __future__ import annotations

import asyncio
import signal

import pytest

from .fleet import Producer, enqueue, record, statuses, unfinished, until

SETTINGS = {"DULY_SLOTS": 20, "DULY_POLL": 0.5}
SHORT = {"DULY_WORKER_TTL": 2, "DULY_HEARTBEAT": 0.4, "DULY_POLL": 0.5}
BACKLOG = 1_000


async def test_a_rolling_restart_under_load_loses_nothing_and_charges_nothing(
    fleet, connection, database_url
):
    producer = Producer(database_url, BACKLOG)
    workers = [fleet.start(**SETTINGS) for _ in range(2)]

    async with asyncio.TaskGroup() as group:
        group.create_task(producer.run())
        for old in workers:
            new = await asyncio.to_thread(fleet.start, **SETTINGS)
            for worker in (old, new):
                await until(lambda pid=worker.pid: _works(fleet, pid), f"{worker.pid} is at work")
            await until(lambda: _is_loaded(connection), "there is work to do")
            old.send(signal.SIGTERM)
            assert await asyncio.to_thread(old.wait) == 0, old.log.read_text()
        producer.is_over = True
    await until(lambda: _nothing_left(connection), "the new workers did the rest")

    assert fleet.runs("run") == dict.fromkeys(producer.jobs, 1)
    assert await record(connection) == dict.fromkeys(producer.jobs, (1, 1))
    outcomes = await connection.fetch("select distinct outcome from duly.attempt")
    assert [row["outcome"] for row in outcomes] == ["complete"]
    assert await connection.fetchval("select count(*) from duly.worker where died_at is null") == 2


@pytest.mark.parametrize("kind", ["deaf", "deaf_thread"])
async def test_a_handler_that_never_listens_keeps_no_worker_and_its_job_goes_back_uncharged(
    fleet, connection, kind
):
    await enqueue(connection, kind, 1)
    worker = fleet.start(DULY_GRACE=0.2)
    await until(lambda: _started(fleet, 1), "the job is running")

    worker.send(signal.SIGTERM)

    assert worker.wait() == 0, worker.log.read_text()
    assert "did not end when it was asked to" in worker.log.read_text()
    assert [row["attempt"] for row in await connection.fetch("table duly.ready")] == [0]
    assert await connection.fetchval("select array_agg(outcome) from duly.attempt") == ["release"]
    assert await connection.fetchval("select count(*) from duly.running") == 0


async def test_a_second_signal_ends_a_worker_whose_event_loop_is_blocked(fleet, connection):
    await enqueue(connection, "blocking", 1, '{"gate": "open"}')
    worker = fleet.start(**SHORT)
    await until(lambda: _started(fleet, 1), "the job is running")

    worker.send(signal.SIGTERM)
    worker.send(signal.SIGINT)

    assert worker.wait() in {128 + signal.SIGTERM, 128 + signal.SIGINT}
    fleet.open_gate("open")
    fleet.start(**SHORT)
    await until(lambda: _all_done(connection), "the job was rescued and done")


async def _works(fleet, pid):
    return sum(one == pid for _, _, one, _ in fleet.ledger("run")) >= 100


async def _is_loaded(connection):
    return await unfinished(connection) >= BACKLOG // 2


async def _nothing_left(connection):
    return await unfinished(connection) == 0


async def _started(fleet, count):
    return len(fleet.ledger("start")) >= count


async def _all_done(connection):
    return await statuses(connection) == {"done": 1}
