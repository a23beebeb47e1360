"""A handler that blocks the event loop is told, with the line at which it does."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from eventually import eventually
from working import working


def dawdle():
    time.sleep(0.6)


async def blocking(_payload):
    dawdle()
    return "done"


async def harmless(_payload):
    return "done"


@pytest.fixture
def settings(settings):
    return replace(settings, stall_seconds=0.2)


async def test_the_handler_that_blocks_the_loop_is_named_with_its_line(settings, caplog):
    async with working(settings, {"blocking": blocking}) as work:
        job = await work.enqueue("blocking")
        await work.ends(job)
        told = await eventually(
            lambda: [one for one in caplog.messages if "blocked the event loop" in one],
            "the stall was told",
        )

    assert len(told) == 1
    assert told[0].startswith(f"job {job.id} (blocking) blocked the event loop for 0.")
    place = told[0].rpartition(" at ")[2].split(" > ")
    assert [one.rpartition("/")[2] for one in place] == [
        "test_stalls.py:18 in blocking",
        "test_stalls.py:14 in dawdle",
    ]


async def test_a_stall_in_a_job_that_goes_on_is_in_its_log(settings):
    gate = []

    async def blocks_and_goes_on(_payload, ctx):
        dawdle()
        await eventually(lambda: gate, "the stall was looked at")

    async with working(settings, {"blocks": blocks_and_goes_on}) as work:
        job = await work.enqueue("blocks")

        async def logged():
            return await work.client.logs(job.id)

        (line,) = await eventually(logged, "the stall was logged")
        gate.append("open")
        await work.ends(job)

    assert line.level == "warning"
    assert "in dawdle" in line.message


async def test_a_thread_and_a_quick_handler_block_nothing(settings, caplog):
    def in_thread(_payload):
        dawdle()

    async with working(settings, {"thread": in_thread, "quick": harmless}) as work:
        jobs = [await work.enqueue(kind) for kind in ("thread", "quick", "thread")]
        for job in jobs:
            await work.ends(job)

    assert [one for one in caplog.messages if "blocked" in one] == []
