"""Says that the worker is alive, from a thread and a connection of its own.

A handler that blocks the event loop does not silence it. When no heartbeat was confirmed for almost
the time to live, the worker is told that it has lost its jobs before others take them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from ..config import Secret
from ..errors import DulyError
from ..postgres.pool import Database
from ..store.workers import Workers

logger = logging.getLogger("duly.heartbeat")


class Beating(Protocol):
    """Whatever says that a worker is alive: its own heartbeat, or one that speaks for it."""

    @property
    def age(self) -> float:
        """Seconds since the last confirmed heartbeat was sent."""
        ...

    def start(self, worker: int) -> None:
        """Beat for this worker from now on; its registration counts as the first beat."""
        ...

    async def stop(self) -> None:
        """End; once more does no harm."""
        ...


class MakeBeating(Protocol):
    """Makes a heartbeat. It calls `on_lost()` and `on_cancelled(job ids)` on the event loop."""

    def __call__(
        self,
        dsn: Secret,
        *,
        interval: float,
        ttl: float,
        on_lost: Callable[[], None],
        on_cancelled: Callable[[list[UUID]], None],
    ) -> Beating: ...


class Standing:
    """Whether a worker still has the right to its jobs; made on its event loop, used in a thread.

    It has not when no heartbeat was confirmed for `patience` seconds, or when it was declared dead.
    """

    def __init__(
        self,
        patience: float,
        on_lost: Callable[[], None],
        on_cancelled: Callable[[list[UUID]], None],
    ) -> None:
        self._patience = patience
        self._on_lost = on_lost
        self._on_cancelled = on_cancelled
        self._home = asyncio.get_running_loop()
        self._confirmed = 0.0
        self.worker: int | None = None

    @property
    def age(self) -> float:
        """Seconds since the last confirmed heartbeat was sent."""
        return since_boot() - self._confirmed

    def begin(self, worker: int) -> None:
        """This worker has just been registered."""
        self._confirmed = since_boot()
        self.worker = worker

    def confirm(self, worker: int, sent_at: float, cancelled: Sequence[UUID]) -> None:
        """A heartbeat that was sent at that moment is written; these jobs are to be stopped."""
        if worker != self.worker:
            return
        self._confirmed = max(self._confirmed, sent_at)
        if cancelled:
            self._home.call_soon_threadsafe(self._on_cancelled, list(cancelled))

    def deny(self, worker: int) -> None:
        """The worker was declared dead."""
        if worker == self.worker:
            self._lose("it was declared dead")

    def check(self, now: float) -> None:
        """Lose the right to the jobs when by `now`, since boot, nothing was confirmed for too long.

        That is the moment up to which there was a look for confirmations.
        """
        age = now - self._confirmed
        if self.worker is not None and age > self._patience:
            self._lose(f"no heartbeat was confirmed for {age:.1f} s")

    def _lose(self, reason: str) -> None:
        logger.error("this worker has lost its jobs: %s", reason)
        self.worker = None
        self._home.call_soon_threadsafe(self._on_lost)


class Heartbeat:
    """A worker that speaks for itself. In seconds."""

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
        self._standing = Standing(ttl - interval, on_lost, on_cancelled)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, worker: int) -> None:
        """Beat for this worker from now on; its registration counts as the first beat."""
        self._standing.begin(worker)
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
        return self._standing.age

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
            self._standing.check(since_boot())
            await self._pause(pause)
        await database.close()

    async def _beat(self, workers: Workers) -> None:
        worker, sent_at = self._standing.worker, since_boot()
        if worker is None:
            return
        pulse = await workers.beat(worker)
        if pulse.is_alive:
            self._standing.confirm(worker, sent_at, pulse.cancelled)
        else:
            self._standing.deny(worker)

    async def _pause(self, seconds: float) -> None:
        """Sleep in short steps, so that a process that was frozen finds out at once."""
        end = since_boot() + seconds
        while not self._stopped.is_set() and (left := end - since_boot()) > 0:
            await asyncio.sleep(min(left, 0.1))


def since_boot() -> float:
    """Seconds on a clock that also runs while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
