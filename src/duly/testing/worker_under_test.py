"""A worker that a test may kill, or freeze, to see what becomes of its jobs."""

from __future__ import annotations

from collections.abc import Callable

from ..postgres.pool import Database
from ..worker.worker import Worker


class WorkerUnderTest:
    """A real worker in this process. Jobs that go back to wait do so until the clock is moved.

    `on_silent` is told the number of a worker that will not be heard any more.
    """

    def __init__(
        self, worker: Worker, database: Database, on_silent: Callable[[int], None]
    ) -> None:
        self._worker = worker
        self._database = database
        self._on_silent = on_silent

    @property
    def name(self) -> str:
        """Its name, as the attempts keep it."""
        return self._worker.name

    @property
    def running(self) -> int:
        """How many handlers are running."""
        return self._worker.executor.running

    @property
    def stale_writes(self) -> int:
        """How many outcomes were refused because the job was no longer this worker's."""
        return self._worker.settler.stale_writes

    async def kill(self) -> None:
        """End it as `kill -9` does: its jobs are left in hand, and it says no goodbye.

        Handlers that run are cancelled, since this process goes on; one in a thread runs to its
        end. Nothing of that is written.
        """
        self._fall_silent()
        self._worker.executor.end_all("drop")
        await self._worker.settler.flush()
        await self._worker.heartbeat.stop()
        await self._database.close()
        self._worker.id = None

    async def freeze(self) -> None:
        """Stop its heartbeat while its handlers run on, as in a process that was suspended.

        It does not know that it is taken for dead, and will try to write its outcomes.
        """
        self._fall_silent()
        await self._worker.heartbeat.stop()

    def _fall_silent(self) -> None:
        self._worker.claimer.worker = None
        if self._worker.id is not None:
            self._on_silent(self._worker.id)
