"""A worker that was taken for dead and is not: what it writes comes too late, and is refused."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from eventually import eventually
from prometheus_client import REGISTRY
from working import working

from duly.jobs.outcome import Discard, Snooze

HISTORY = "select * from duly.attempt order by lease"


class Slow:
    """A handler that answers when the test says so."""

    def __init__(self, answer):
        self.answer = answer
        self.started, self.gate = asyncio.Event(), asyncio.Event()

    async def __call__(self, _payload):
        self.started.set()
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def quick(_payload):
    return {"by": "the rescuer"}


@pytest.mark.parametrize(
    "answer",
    [{"by": "the zombie"}, RuntimeError("too late"), Discard("too late"), Snooze(3600)],
    ids=["completed", "failed", "discarded", "snoozed"],
)
async def test_what_a_zombie_writes_reaches_the_database_and_is_refused(settings, caplog, answer):
    slow = Slow(answer)
    deaf = _deaf(settings)
    async with working(deaf, {"slow": slow.__call__}, maintenance=False) as zombie:
        job = await zombie.enqueue("slow")
        await asyncio.wait_for(slow.started.wait(), 20)
        await _take_for_dead(zombie)
        async with working(settings, {"slow": quick}) as rescuer:
            done = await rescuer.ends(job)
        before = await zombie.sql.fetch(HISTORY)
        counted = _stale_writes()

        slow.gate.set()
        settler = zombie.engine.worker.settler
        await eventually(lambda: settler.stale_writes, "the zombie's write was answered")

        assert await zombie.sql.fetch(HISTORY) == before
        assert await zombie.client.get(job.id) == done
    assert [row["outcome"] for row in before] == ["rescue", "complete"]
    assert json.loads(bytes(done.result)) == {"by": "the rescuer"}
    assert settler.stale_writes == 1
    assert _stale_writes() == counted + 1
    assert f"of job {job.id}" in _refusal(caplog)


async def test_what_a_zombie_writes_while_the_other_is_at_work_changes_nothing(settings, caplog):
    early, late = Slow({"by": "the zombie"}), Slow({"by": "the rescuer"})
    deaf = _deaf(settings)
    async with working(deaf, {"slow": early.__call__}, maintenance=False) as zombie:
        job = await zombie.enqueue("slow")
        await asyncio.wait_for(early.started.wait(), 20)
        await _take_for_dead(zombie)
        async with working(settings, {"slow": late.__call__}) as rescuer:
            await asyncio.wait_for(late.started.wait(), 20)

            early.gate.set()
            settler = zombie.engine.worker.settler
            await eventually(lambda: settler.stale_writes, "the zombie's write was answered")
            meanwhile = await rescuer.sql.fetch("table duly.running")
            late.gate.set()
            done = await rescuer.ends(job)

    assert [row["job_id"] for row in meanwhile] == [job.id]
    assert json.loads(bytes(done.result)) == {"by": "the rescuer"}
    assert "stale write refused: complete" in _refusal(caplog)


def _deaf(settings):
    """Hours between beats: it does not find out by itself. No slot to take the job once more."""
    return replace(settings, slots=1, heartbeat=3600, worker_ttl=14_400, grace=1)


async def _take_for_dead(zombie):
    """What the housekeeper does with a worker that has been silent for too long.

    Not before its first beat, from which it would learn of its death at once.
    """
    beaten = "select heartbeat_at > started_at from duly.worker"
    await eventually(lambda: zombie.sql.fetchval(beaten), "the first beat")
    await zombie.sql.execute("update duly.worker set died_at = now()")
    rescued = await zombie.engine.store.house.rescue(10)
    assert rescued == {"default": 1}


def _stale_writes():
    return REGISTRY.get_sample_value("duly_stale_writes_total", {"job_type": "slow"}) or 0.0


def _refusal(caplog):
    (line,) = [text for text in caplog.messages if "stale write refused" in text]
    return line
