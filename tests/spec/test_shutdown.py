"""Workers that are replaced one by one while there is work, as a deployment does it."""

from __future__ import annotations

import signal

from .fleet import enqueue, record, unfinished, until

SETTINGS = {"DULY_SLOTS": 20, "DULY_POLL": 0.5}
COUNT = 8_000


async def test_a_rolling_restart_under_load_loses_nothing_and_charges_nothing(fleet, connection):
    jobs = []
    workers = [fleet.start(**SETTINGS) for _ in range(2)]

    for old in workers:
        for _ in range(COUNT // 2_000):
            jobs += await enqueue(connection, "quick", 1_000)
        await until(lambda old=old: _works(fleet, old), "the old worker is at work")
        fleet.start(**SETTINGS)
        old.send(signal.SIGTERM)
        assert old.wait() == 0, old.log.read_text()

    await until(lambda: _nothing_left(connection), "the new workers did the rest")
    assert len(jobs) == COUNT
    assert fleet.runs("run") == dict.fromkeys(jobs, 1)
    assert await record(connection) == dict.fromkeys(jobs, (1, 1))
    outcomes = await connection.fetch("select distinct outcome from duly.attempt")
    assert [row["outcome"] for row in outcomes] == ["complete"]
    assert await connection.fetchval("select count(*) from duly.worker where died_at is null") == 2


async def _works(fleet, worker):
    return sum(pid == worker.pid for _, _, pid, _ in fleet.ledger("run")) >= 100


async def _nothing_left(connection):
    return await unfinished(connection) == 0
