"""Submits jobs in SQL, and knows which events there must be."""

from __future__ import annotations

import asyncio
import contextlib

PAUSE = 0.01
SUBMIT = """
select job_id
from duly.enqueue_many(
  job_types => array_fill('nobody-does-this'::text, array[$1::integer]),
  delays => array_fill(3600::double precision, array[$1::integer]),
  tags => array_fill(to_jsonb($2::text[]), array[$1::integer])
)
order by n
"""


class Submitter:
    """`jobs` are the ids of all that was submitted: each makes one event, in this order."""

    def __init__(self, connection):
        self.jobs = []
        self._connection = connection

    async def submit(self, count, *tags):
        """Submit so many jobs, which do not become ready; answers their ids."""
        rows = await self._connection.fetch(SUBMIT, count, list(tags))
        ids = [str(row["job_id"]) for row in rows]
        self.jobs += ids
        return ids

    async def submit_until(self, stop, count):
        """Submit a few jobs again and again until `stop` is set."""
        while not stop.is_set():
            await self.submit(count)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE)
