"""What keeps the house in order: due jobs promoted, orphans rescued, old days dropped."""

from __future__ import annotations

from datetime import date

import asyncpg

from ..postgres.pool import Database
from .attempts import SUSPECTS
from .statements import statement

LOCK_PATIENCE = "set local lock_timeout = '250ms'"


class House:
    """The housekeeping statements. Each is safe in two processes at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def promote(self, most: int) -> dict[str, int]:
        """Move up to `most` due jobs to `ready`; answers how many by queue."""
        rows = await self._database.fetch(statement("jobs/promote").text, most)
        return {row["queue"]: row["n"] for row in rows}

    async def next_due(self) -> float | None:
        """Seconds until the next scheduled job is due (negative: overdue), if there is one."""
        rows = await self._database.fetch(statement("jobs/next_due").text)
        seconds = rows[0]["seconds"]
        return None if seconds is None else float(seconds)

    async def rescue(self, most: int) -> dict[str, int]:
        """Take back up to `most` jobs of dead workers; answers how many by queue."""
        query = statement("jobs/rescue")
        values: dict[str, object] = {"most": most, "suspects": SUSPECTS}
        rows = await self._database.fetch(query.text, *query.arguments(values))
        counts: dict[str, int] = {}
        for row in rows:
            counts[row["queue"]] = counts.get(row["queue"], 0) + 1
        return counts

    async def make_partitions(self, days: int) -> int | None:
        """Make the partitions of yesterday to `days` ahead; answers how many were made.

        None when others would have had to wait for it: then nothing was done.
        """
        made = await self._patiently(statement("house/make_partitions").text, days)
        return None if made is None else int(made[0]["made"])

    async def partition_days(self, kind: str) -> list[date]:
        """The days that have a partition of `kind`, job or event."""
        rows = await self._database.fetch(statement("house/partition_days").text, kind)
        return [row["day"] for row in rows]

    async def prune_day(self, day: date, keep_days: int) -> int | None:
        """Drop a day of finished jobs; answers how many jobs were carried over.

        None when others would have had to wait for it: then nothing was done.
        """
        carried = await self._patiently(statement("house/prune_day").text, day, keep_days)
        return None if carried is None else int(carried[0]["carried"])

    async def prune_events(self, day: date) -> bool:
        """Drop a day of events; False when a transaction of that time is still open."""
        done = await self._patiently(statement("house/prune_events").text, day)
        return done is not None and bool(done[0]["is_done"])

    async def _patiently(self, text: str, *arguments: object) -> list[asyncpg.Record] | None:
        try:
            async with self._database.transaction() as connection:
                await connection.execute(LOCK_PATIENCE)
                return await connection.fetch(text, *arguments)
        except asyncpg.LockNotAvailableError:
            return None

    async def prune_carried(self, keep_days: int, most: int) -> int:
        """Delete up to `most` carried-over jobs that have ended; answers how many."""
        rows = await self._database.fetch(statement("house/prune_carried").text, keep_days, most)
        return int(rows[0]["gone"])

    async def prune_keys(self, keep_days: int) -> None:
        """Forget old idempotency keys and dead workers."""
        await self._database.fetch(statement("house/prune_keys").text, keep_days)
