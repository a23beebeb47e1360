"""What handlers report floods nothing, delays nobody, and comes before the end."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import pytest
from eventually import eventually
from working import working

from duly.events.event import EventFilters
from duly.jobs.status import JobStatus

A_MILLION = 1_000_000
WRITTEN = "select count(*) from duly.event where change = $1"


async def on_loop(_payload, ctx):
    for n in range(1, A_MILLION + 1):
        ctx.progress(n, A_MILLION, "counting")
        if n % 1_000 == 0:
            await asyncio.sleep(0)


def in_thread(_payload, ctx):
    for n in range(1, A_MILLION + 1):
        ctx.progress(n, A_MILLION, "counting")


async def quick(_payload):
    return True


@pytest.mark.parametrize("flood", [on_loop, in_thread], ids=["a coroutine", "a thread"])
async def test_a_million_reports_are_a_few_rows_and_delay_no_neighbour(settings, flood):
    async with working(settings, {"flood": flood, "quick": quick}) as work:
        started = time.monotonic()
        flooding = await work.enqueue("flood")
        waits = []
        while (await work.client.get(flooding.id)).status is not JobStatus.DONE:
            began = time.monotonic()
            await work.ends(await work.enqueue("quick"))
            waits.append(time.monotonic() - began)
        took = time.monotonic() - started
        ended = await work.client.get(flooding.id)
        rows = await work.sql.fetchval(WRITTEN, "progress")

    assert (ended.progress.done, ended.progress.total) == (A_MILLION, A_MILLION)
    assert 1 <= rows <= 4 * took + 2
    assert sorted(waits)[len(waits) // 2] < 0.5


async def test_a_million_lines_are_a_thousand_and_delay_no_neighbour(settings):
    def flood(_payload, ctx):
        for n in range(A_MILLION):
            ctx.log(f"line {n}")

    async with working(settings, {"flood": flood, "quick": quick}) as work:
        flooding = await work.enqueue("flood")
        neighbour = await work.ends(await work.enqueue("quick"))
        await work.ends(flooding)
        told = await work.sql.fetchval(f"{WRITTEN.replace('count(*)', 'sum(n)')}", "log")
        lines = await work.client.logs(flooding.id, limit=5_000)

    assert neighbour.status is JobStatus.DONE
    assert told == len(lines) == 1_001
    assert lines[999].message == "line 999"
    assert "further lines are dropped" in lines[1_000].message


async def test_jobs_that_report_end_as_soon_as_others(settings):
    """The last report shares its statement with others, and waits for no round of 250 ms."""

    async def brief(_payload, ctx):
        ctx.progress(1, 1)
        ctx.log("done")

    one_at_a_time = replace(settings, slots=1)
    async with working(one_at_a_time, {"brief": brief}) as work:
        started = time.monotonic()
        jobs = await asyncio.gather(*(work.enqueue("brief") for _ in range(100)))
        ended = [await work.ends(job) for job in jobs]
        took = time.monotonic() - started
        kept = [await work.client.logs(job.id) for job in jobs]

    assert {job.progress.done for job in ended} == {1}
    assert [[line.message for line in lines] for lines in kept] == [["done"]] * 100
    assert took < 100 * 0.25 / 2


async def test_every_report_comes_before_the_end_in_the_stream(settings):
    async def chatty(payload, ctx):
        for n in range(payload):
            ctx.log(f"line {n}")
            ctx.progress(n)
            await asyncio.sleep(0)

    async with (
        working(settings, {"chatty": chatty}, feed=True) as work,
        work.engine.feed.follow(EventFilters(progress=True, log=True)) as subscription,
    ):
        jobs = {(await work.enqueue("chatty", 3 + n)).id: 3 + n for n in range(50)}
        stories, left = {job_id: [] for job_id in jobs}, set(jobs)
        while left:
            event = await subscription.next(20)
            assert event is not None
            stories[event.job_id].append(event)
            if event.status.is_final:
                left.discard(event.job_id)
        more = await subscription.next(0.3)

    assert more is None
    for job_id, count in jobs.items():
        changes = [event.change for event in stories[job_id]]
        said = [bytes(one.details) for one in stories[job_id] if one.change == "log"]
        moved = [bytes(one.details) for one in stories[job_id] if one.change == "progress"]
        assert (changes[:2], changes[-1]) == (["enqueue", "claim"], "complete")
        assert [f'"line {n}"'.encode() in text for n, text in enumerate(said)] == [True] * count
        assert f'"done": {count - 1},'.encode() in moved[-1]


async def test_what_a_zombie_reports_is_refused_also_while_another_is_at_work(settings, caplog):
    begun, gate, taken_over, may_end = (threading.Event() for _ in range(4))

    def slow(_payload, ctx):
        ctx.log("the zombie begins")
        begun.set()
        gate.wait(20)
        for n in range(1_000):
            ctx.progress(n)
            ctx.log("the zombie goes on")

    def second(_payload, ctx):
        ctx.progress(7, 7)
        ctx.log("the rescuer")
        taken_over.set()
        may_end.wait(20)

    def refusals():
        return [text for text in caplog.messages if "stale report refused" in text]

    deaf = replace(settings, slots=1, heartbeat=3600, worker_ttl=14_400, grace=1)
    async with working(deaf, {"slow": slow}, maintenance=False) as zombie:
        job = await zombie.enqueue("slow")
        await eventually(begun.is_set, "the handler began")
        await eventually(lambda: zombie.client.logs(job.id), "its first line is kept")
        beaten = "select heartbeat_at > started_at from duly.worker"
        await eventually(lambda: zombie.sql.fetchval(beaten), "the first beat")
        await zombie.sql.execute("update duly.worker set died_at = now()")
        assert await zombie.engine.store.house.rescue(10) == {"default": 1}
        async with working(settings, {"slow": second}) as rescuer:
            await eventually(taken_over.is_set, "another has taken over")

            gate.set()
            await eventually(refusals, "the zombie's report was refused")
            may_end.set()
            done = await rescuer.ends(job)

        settler = zombie.engine.worker.settler
        await eventually(lambda: settler.stale_writes, "the zombie's outcome was refused")
        lines = await zombie.client.logs(job.id)
        assert await zombie.client.get(job.id) == done
    assert done.progress.done == 7
    assert [(line.attempt, line.message) for line in lines] == [
        (1, "the zombie begins"),
        (2, "the rescuer"),
    ]
    assert [f"job {job.id}" in text for text in refusals()] == [True]
