"""The heartbeat of a worker whose supervisor speaks for it, as the worker's process sees it.

It listens in a thread. A process that was blocked reads first what was confirmed meanwhile, and
only then decides whether it has been silent for too long.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from ..config import Secret
from ..worker.heartbeat import Heartbeat, Standing, since_boot
from ..worker.metrics import attempts_ended
from .messages import Confirmed, Denied, Ended, Message, Speak

LISTEN_FOR = 0.1
COUNT_EVERY = 0.5
# After the grace period, what is left to be written is written within this, or never.
LAST_PATIENCE = 15.0

logger = logging.getLogger("duly.heartbeat")


class Line(Protocol):
    """The line to the supervisor."""

    is_stopping: bool

    def send(self, message: Message) -> None:
        """Tell the supervisor."""
        ...

    def receive(self, seconds: float) -> list[Message] | None:
        """What came within so many seconds; None when the supervisor is gone."""
        ...


class SpokenFor:
    """When the supervisor is gone, it speaks for itself and asks its process to end."""

    def __init__(
        self,
        line: Line,
        dsn: Secret,
        *,
        interval: float,
        ttl: float,
        grace: float,
        on_lost: Callable[[], None],
        on_cancelled: Callable[[list[UUID]], None],
    ) -> None:
        self._line = line
        self._standing = Standing(ttl - interval, on_lost, on_cancelled)
        self._alone = Heartbeat(
            dsn, interval=interval, ttl=ttl, on_lost=on_lost, on_cancelled=on_cancelled
        )
        self._is_alone = False
        self._longest_end = grace + ttl + LAST_PATIENCE
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._counted, self._counted_at = 0, 0.0

    @property
    def age(self) -> float:
        """Seconds since the last confirmed heartbeat was sent."""
        return self._alone.age if self._is_alone else self._standing.age

    def start(self, worker: int) -> None:
        """Be spoken for as this worker; its registration counts as the first beat."""
        with self._changing:
            if self._is_alone:
                self._alone.start(worker)
                return
            self._standing.begin(worker)
            self._line.send(Speak(worker))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="duly-link", daemon=True)
                self._thread.start()

    async def stop(self) -> None:
        """The worker is to leave: nobody need speak for it any more."""
        self._stopped.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)
        await self._alone.stop()
        self._line.send(Speak(None))

    def _run(self) -> None:
        while not self._stopped.is_set():
            asked_at = since_boot()
            messages = self._line.receive(LISTEN_FOR)
            if messages is None:
                self._go_on_alone()
                return
            for message in messages:
                self._hear(message)
            if not messages:
                # What came while the process was blocked is read by the next look: not later than
                # `asked_at` is known here.
                self._standing.check(asked_at)
            self._tell_count()

    def _hear(self, message: Message) -> None:
        match message:
            case Confirmed(worker=worker, sent_at=sent_at, cancelled=cancelled):
                self._standing.confirm(worker, sent_at, cancelled)
            case Denied(worker=worker):
                self._standing.deny(worker)
            case _:
                logger.debug("the supervisor said something that only a worker says")

    def _tell_count(self) -> None:
        if time.monotonic() - self._counted_at < COUNT_EVERY:
            return
        self._counted_at, count = time.monotonic(), attempts_ended()
        if count != self._counted:
            self._counted = count
            self._line.send(Ended(count))

    def _go_on_alone(self) -> None:
        logger.warning("the supervisor is gone: this worker finishes what it runs, and ends")
        with self._changing:
            self._is_alone = True
            if self._standing.worker is not None:
                self._alone.start(self._standing.worker)
        if not self._line.is_stopping:
            os.kill(os.getpid(), signal.SIGTERM)
        if not self._stopped.wait(self._longest_end):
            logger.error("this worker did not end in time after its supervisor: it ends at once")
            os._exit(1)
