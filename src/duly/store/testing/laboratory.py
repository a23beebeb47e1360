"""What only a test may do to a database: set its clock, claim one job, let workers fall silent."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from ...postgres.pool import Database
from ..claimed import ClaimedJob
from ..statements import statement


class Laboratory:
    """One database that is for tests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def advance(self, seconds: float) -> None:
        """Move the clock of the jobs on. Heartbeats and leaders go by the real one."""
        async with self._database.connection() as connection:
            ahead = await connection.fetchval("select extract(epoch from duly.now() - now())")
            await connection.execute(
                "create or replace function duly.now() returns timestamptz language sql stable"
                " parallel safe as"
                f" $$ select now() + make_interval(secs => {float(ahead) + seconds:.6f}) $$"
            )

    async def claim(self, job_id: UUID, worker: int) -> ClaimedJob | None:
        """Give a job that waits, due or not, to a worker; None when it does not wait."""
        query = statement("testing/claim")
        values: dict[str, object] = {"job_id": job_id, "worker": worker}
        rows = await self._database.fetch(query.text, *query.arguments(values))
        return ClaimedJob(**dict(rows[0])) if rows else None

    async def let_silence_pass(self, workers: Collection[int], seconds: float) -> None:
        """Let it be so much longer since these workers were last heard."""
        query = statement("testing/let_silence_pass")
        values: dict[str, object] = {"workers": list(workers), "seconds": seconds}
        await self._database.fetch(query.text, *query.arguments(values))
