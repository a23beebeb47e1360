"""Attempts: claimed, reported on, settled, and shown. Every write is fenced by its lease."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from ..jobs.attempt import Attempt, LogLine
from ..postgres.pool import Database
from .claimed import ClaimedJob, Report, Settlement
from .rows import attempt_from, line_from
from .statements import statement

Fence = tuple[UUID, int]

# The priority of the lane, before all others, where the jobs wait that were there at a crash.
SUSPECTS = 32_767


class Lane(NamedTuple):
    """Jobs of one queue and one priority: they are served in order."""

    queue: str
    priority: int

    @property
    def is_of_suspects(self) -> bool:
        """Whether its jobs may have crashed a worker."""
        return self.priority == SUSPECTS


class Claim(NamedTuple):
    """What a claim brought, and how far it came in the lane."""

    jobs: list[ClaimedJob]
    cursor: int


class Attempts:
    """Attempts in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lanes(self, queues: Sequence[str] | None) -> list[Lane]:
        """The lanes that hold jobs now, highest priority first; of these queues, or of all."""
        query = statement("jobs/lanes")
        rows = await self._database.fetch(query.text, None if queues is None else list(queues))
        return [Lane(row["queue"], row["priority"]) for row in rows]

    async def claim(
        self, lane: Lane, *, worker: int, cursor: int, most: int, left: list[str] | None = None
    ) -> Claim:
        """Take up to `most` jobs of a lane whose seq is over `cursor`, none of the types `left`."""
        query = statement("jobs/claim")
        values: dict[str, object] = {
            "queue": lane.queue,
            "priority": lane.priority,
            "cursor": cursor,
            "most": most,
            "worker": worker,
            "left_types": left,
        }
        rows = await self._database.fetch(query.text, *query.arguments(values))
        jobs = [_claimed(row, lane.queue) for row in rows]
        return Claim(jobs, max(cursor, rows[-1]["seq"]) if rows else cursor)

    async def held(self, worker: int) -> list[ClaimedJob]:
        """The jobs that a worker has in hand, whether it knows of them or not."""
        rows = await self._database.fetch(statement("attempts/held").text, worker)
        return [_claimed(row, row["queue"]) for row in rows]

    async def report(self, reports: Sequence[Report]) -> set[int]:
        """Write what handlers have reported; answers the leases that are the current ones.

        To write the same lines once more does nothing.
        """
        query, now = statement("attempts/report"), time.monotonic()
        lines = [(one.lease, *line) for one in reports for line in one.lines]
        leases, numbers, moments, levels, messages = zip(*lines, strict=True) if lines else [()] * 5
        values: dict[str, object] = {
            "job_ids": [one.job_id for one in reports],
            "leases": [one.lease for one in reports],
            "progresses": [one.progress for one in reports],
            "ages": [now - one.progress_at for one in reports],
            "line_leases": leases,
            "ns": numbers,
            "line_ages": [now - moment for moment in moments],
            "levels": levels,
            "messages": messages,
        }
        rows = await self._database.fetch(query.text, *query.arguments(values))
        return {row["lease"] for row in rows}

    async def settle(self, settlements: Sequence[Settlement]) -> set[Fence]:
        """Write outcomes; answers those that were accepted. The others came too late."""
        query = statement("attempts/settle")
        rows = await self._database.fetch(query.text, *query.arguments(settle_values(settlements)))
        return {(row["job_id"], row["lease"]) for row in rows}

    async def recorded(self, fences: Sequence[Fence]) -> set[Fence]:
        """Those of these leases whose outcome was written before, by their own worker."""
        query = statement("attempts/recorded")
        rows = await self._database.fetch(
            query.text, [job_id for job_id, _ in fences], [lease for _, lease in fences]
        )
        return {(row["job_id"], row["lease"]) for row in rows}

    async def list(self, job_id: UUID) -> list[Attempt]:
        """The attempts at a job that have ended, oldest first."""
        rows = await self._database.fetch(statement("attempts/list").text, job_id)
        return [attempt_from(row) for row in rows]

    async def logs(
        self, job_id: UUID, *, after: tuple[int, int], attempt: int | None, most: int
    ) -> list[LogLine]:
        """At most so many lines that handlers said about a job, oldest first.

        `after` is the lease and the number of the line before.
        """
        query = statement("attempts/logs")
        values: dict[str, object] = {
            "job_id": job_id,
            "lease": after[0],
            "n": after[1],
            "attempt": attempt,
            "most": most,
        }
        rows = await self._database.fetch(query.text, *query.arguments(values))
        return [line_from(row) for row in rows]


def settle_values(settlements: Sequence[Settlement]) -> dict[str, Any]:
    """What `attempts/settle` is given."""
    return {
        "job_ids": [one.job.id for one in settlements],
        "leases": [one.job.lease for one in settlements],
        "outcomes": [one.outcome for one in settlements],
        "statuses": [one.status for one in settlements],
        "delays": [one.delay for one in settlements],
        "errors": [one.error for one in settlements],
        "results": [one.result for one in settlements],
        "unique_keys": [one.job.unique_key for one in settlements],
        "kept": [one.kept for one in settlements],
    }


def _claimed(row: asyncpg.Record, queue: str) -> ClaimedJob:
    return ClaimedJob(
        row["job_id"],
        row["lease"],
        row["attempt"],
        row["job_type"],
        queue,
        row["max_attempts"],
        row["unique_key"],
        row["payload"],
    )
