"""Says that the worker is alive, from a thread and a connection of its own.

A handler that blocks the event loop does not silence it. When no heartbeat was confirmed for almost
the time to live, the worker is told that it has lost its jobs before others take them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from uuid import UUID

from ..config import Secret
from ..errors import DulyError
from ..postgres.pool import Database
from ..store.workers import Workers

logger = logging.getLogger("duly.heartbeat")


class Heartbeat:
    """Calls `on_lost()` and `on_cancelled(job ids)` on the worker's event loop. In seconds."""

    def __init__(
        self,
        dsn: Secret,
        *,
        interval: float,
        ttl: float,
        on_lost: Callable[[], None],
        on_cancelled: Callable[[list[UUID]], None],
    ) -> None:
        self._dsn = dsn
        self._interval = interval
        self._patience = ttl - interval
        self._on_lost = on_lost
        self._on_cancelled = on_cancelled
        self._home = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._worker: int | None = None
        self._confirmed = 0.0

    def start(self, worker: int) -> None:
        """Beat for this worker from now on; its registration counts as the first beat."""
        self._confirmed = since_boot()
        self._worker = worker
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="duly-heartbeat", daemon=True)
            self._thread.start()

    async def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)

    @property
    def age(self) -> float:
        """Seconds since the last confirmed heartbeat was sent."""
        return since_boot() - self._confirmed

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(self._beat_until_stopped())

    async def _beat_until_stopped(self) -> None:
        database = Database(self._dsn, name="heartbeat", size=1)
        is_open = False
        while not self._stopped.is_set():
            try:
                if not is_open:
                    await database.open()
                    is_open = True
                async with asyncio.timeout(max(self._interval, 1.0)):
                    await self._beat(Workers(database))
                pause = self._interval
            except (DulyError, TimeoutError) as error:
                logger.debug("a heartbeat was not confirmed: %s", error)
                pause = min(self._interval, 0.5)
            self._check()
            await self._pause(pause)
        await database.close()

    async def _beat(self, workers: Workers) -> None:
        worker, sent_at = self._worker, since_boot()
        if worker is None:
            return
        pulse = await workers.beat(worker)
        if worker != self._worker:
            return
        if not pulse.is_alive:
            self._lose("it was declared dead")
            return
        self._confirmed = sent_at
        if pulse.cancelled:
            self._home.call_soon_threadsafe(self._on_cancelled, pulse.cancelled)

    def _check(self) -> None:
        if self._worker is not None and self.age > self._patience:
            self._lose(f"no heartbeat was confirmed for {self.age:.1f} s")

    def _lose(self, reason: str) -> None:
        logger.error("this worker has lost its jobs: %s", reason)
        self._worker = None
        self._home.call_soon_threadsafe(self._on_lost)

    async def _pause(self, seconds: float) -> None:
        """Sleep in short steps, so that a process that was frozen finds out at once."""
        end = since_boot() + seconds
        while not self._stopped.is_set() and (left := end - since_boot()) > 0:
            await asyncio.sleep(min(left, 0.1))


def since_boot() -> float:
    """Seconds on a clock that also runs while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
