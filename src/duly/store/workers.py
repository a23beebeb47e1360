"""Workers: who is alive, and who holds a duty of the house."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from ..postgres.pool import Database
from .statements import statement


class Pulse(NamedTuple):
    """The answer to a heartbeat: whether the worker counts as alive, and the jobs it is to stop."""

    is_alive: bool
    cancelled: list[UUID]


class LiveWorker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that is alive."""

    id: int
    name: str
    slots: int
    queues: list[str] | None
    job_types: list[str]
    started_at: datetime
    heartbeat_at: datetime


class Workers:
    """Workers in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(
        self, name: str, *, slots: int, queues: Sequence[str] | None, job_types: Sequence[str]
    ) -> int:
        """Let a worker in; answers its id."""
        rows = await self._database.fetch(
            statement("workers/register").text,
            name,
            slots,
            None if queues is None else list(queues),
            list(job_types),
        )
        return int(rows[0]["id"])

    async def beat(self, worker: int) -> Pulse:
        """Say that the worker is alive."""
        return (await self.beat_for([worker]))[worker]

    async def beat_for(self, workers: Sequence[int]) -> dict[int, Pulse]:
        """Say that these workers are alive, all in one statement."""
        rows = await self._database.fetch(statement("workers/beat").text, list(workers))
        heard = {row["id"]: row["cancelled"] for row in rows}
        return {
            worker: Pulse(is_alive=worker in heard, cancelled=heard.get(worker, []))
            for worker in workers
        }

    async def asked_to_stop(self, worker: int) -> list[UUID]:
        """The running jobs of this worker that somebody wants cancelled."""
        rows = await self._database.fetch(statement("workers/asked_to_stop").text, worker)
        return [row["job_id"] for row in rows]

    async def leave(self, worker: int) -> None:
        """Say goodbye."""
        await self._database.fetch(statement("workers/leave").text, worker)

    async def crash(self, worker: int) -> None:
        """Say that the process of this worker has crashed: what it held is under suspicion."""
        await self._database.fetch(statement("workers/crash").text, worker)

    async def bury(self, ttl: float) -> list[str]:
        """Declare dead the workers that were silent for `ttl` seconds; answers their names."""
        rows = await self._database.fetch(statement("workers/bury").text, ttl)
        return [row["name"] for row in rows]

    async def list(self) -> list[LiveWorker]:
        """The workers that are alive, oldest first."""
        rows = await self._database.fetch(statement("workers/list").text)
        return [LiveWorker(**dict(row)) for row in rows]

    async def hold(self, duty: str, holder: str, seconds: float) -> bool:
        """Take or keep a duty for some seconds; answers whether `holder` has it."""
        query = statement("house/hold")
        values: dict[str, object] = {"duty": duty, "holder": holder, "seconds": seconds}
        return bool(await self._database.fetch(query.text, *query.arguments(values)))

    async def resign(self, duty: str, holder: str) -> None:
        """Give a duty up."""
        await self._database.fetch(statement("house/resign").text, duty, holder)
