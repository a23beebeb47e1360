"""Workers that are told to stop while their handlers do not listen."""

from __future__ import annotations

import signal

import pytest

from .fleet import enqueue, statuses, until

SHORT = {"DULY_WORKER_TTL": 2, "DULY_HEARTBEAT": 0.4, "DULY_POLL": 0.5}


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


async def _started(fleet, count):
    return len(fleet.ledger("start")) >= count


async def _all_done(connection):
    return await statuses(connection) == {"done": 1}
