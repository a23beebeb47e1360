"""The event stream in the database: rows, cut into ticks, numbered without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from ..postgres.pool import Database
from .statements import statement


class Head(NamedTuple):
    """Where the stream stands: epoch, newest tick and position, and the oldest kept ones."""

    epoch: str
    tick: int
    position: int
    oldest_tick: int
    oldest_position: int


class Tick(NamedTuple):
    """A cut of the stream: its events have the positions `base + 1` to `base + n`."""

    tick: int
    base: int
    n: int


class Change(NamedTuple):
    """One change of one job, as it was written."""

    position: int
    at: datetime
    change: str
    status: str
    job_id: UUID
    attempt: int
    duration_ms: int | None
    scheduled_at: datetime | None
    error: str | None


class Traits(NamedTuple):
    """What never changes about a job."""

    job_type: str
    queue: str
    tags: tuple[str, ...]


class Stream:
    """The event stream in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tick(self) -> Tick | None:
        """Give positions to what became visible since the last tick; None when nothing did.

        Also None when another process did it at the same moment.
        """
        try:
            rows = await self._database.fetch(statement("events/tick").text)
        except asyncpg.UniqueViolationError:
            return None
        return Tick(*tuple(rows[0])[:3]) if rows else None

    async def head(self) -> Head:
        """Where the stream stands now."""
        rows = await self._database.fetch(statement("events/head").text)
        return Head(*rows[0])

    async def ticks_after(self, tick: int, most: int) -> list[Tick]:
        """The next ticks after `tick`, oldest first."""
        query = statement("events/ticks_after")
        rows = await self._database.fetch(query.text, tick, most)
        return [Tick(*row) for row in rows]

    async def tick_at(self, position: int) -> Tick | None:
        """The tick that holds the first event after `position`."""
        rows = await self._database.fetch(statement("events/tick_at").text, position)
        return Tick(*rows[0]) if rows else None

    async def read(self, tick: int) -> list[Change]:
        """The changes of one tick, in their order."""
        rows = await self._database.fetch(statement("events/read").text, tick)
        changes: list[Change] = []
        for row in rows:
            job_ids = row["job_ids"]
            nothing = [None] * len(job_ids)
            for job_id, attempt, duration, scheduled_at, error in zip(
                job_ids,
                row["attempts"] or [0] * len(job_ids),
                row["durations"] or nothing,
                row["scheduled_at"] or nothing,
                row["errors"] or nothing,
                strict=True,
            ):
                position = row["base"] + len(changes) + 1
                changes.append(
                    Change(
                        position,
                        row["at"],
                        row["change"],
                        row["status"],
                        job_id,
                        attempt,
                        duration,
                        scheduled_at,
                        error,
                    )
                )
        return changes

    async def traits(self, job_ids: Sequence[UUID]) -> dict[UUID, Traits]:
        """Type, queue and tags of these jobs, of those that are still kept."""
        rows = await self._database.fetch(statement("events/traits").text, list(job_ids))
        return {
            row["id"]: Traits(row["job_type"], row["queue"], tuple(row["tags"])) for row in rows
        }
