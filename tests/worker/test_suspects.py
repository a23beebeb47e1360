"""Suspects: a worker has one of them in hand at a time, and goes on with other jobs meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from eventually import eventually
from working import working

from duly.store.attempts import SUSPECTS


class Watched:
    """A handler that notes how many of the jobs whose payload is "suspect" run at once."""

    def __init__(self):
        self.now, self.most, self.done = 0, 0, 0
        self.gate = asyncio.Event()

    async def __call__(self, payload):
        if payload != "suspect":
            self.done += 1
            return
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        self.now -= 1


async def test_of_suspects_a_worker_runs_one_at_a_time_and_of_other_jobs_as_many_as_it_can(
    settings,
):
    watched = Watched()
    async with working(settings, {"note": watched.__call__}, worker=False) as work:
        suspects = [await work.enqueue("note", "suspect") for _ in range(4)]
        await work.sql.execute("update duly.ready set priority = $1", SUSPECTS)
        others = [await work.enqueue("note", "other") for _ in range(20)]

    async with working(replace(settings, slots=5), {"note": watched.__call__}) as work:
        for job in others:
            await work.ends(job)
        await eventually(lambda: watched.now == 1, "one suspect is running")
        waiting = await work.sql.fetchval("select count(*) from duly.ready")
        watched.gate.set()
        for job in suspects:
            await work.ends(job)

    assert (watched.done, waiting) == (20, 3)
    assert watched.most == 1
