"""A worker process's end of the line to its supervisor."""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import UUID

from ..config import Secret, Settings
from ..worker.heartbeat import Beating
from .messages import Message, Ready, decode, encode
from .spoken_for import SpokenFor

MOST_AT_ONCE = 65_536


class Link:
    """Made from the descriptor that the supervisor has left to this process.

    `is_stopping` is set once the process has been asked to end.
    """

    def __init__(self, descriptor: int, settings: Settings) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - that is how it is called
        self._socket = socket.socket(fileno=descriptor)
        self._settings = settings
        self._sending = threading.Lock()
        self._unread = b""
        self.is_stopping = False

    def heartbeat(
        self,
        dsn: Secret,
        *,
        interval: float,
        ttl: float,
        on_lost: Callable[[], None],
        on_cancelled: Callable[[list[UUID]], None],
    ) -> Beating:
        """The heartbeat of a worker that the supervisor speaks for."""
        return SpokenFor(
            self,
            dsn,
            interval=interval,
            ttl=ttl,
            grace=self._settings.grace,
            on_lost=on_lost,
            on_cancelled=on_cancelled,
        )

    def announce(self, job_types: Iterable[str]) -> None:
        """The worker of this process is at work."""
        ground = ground_of(self._settings)
        self.send(Ready(slots=self._settings.slots, job_types=list(job_types), ground=ground))

    def send(self, message: Message) -> None:
        """Tell the supervisor, if it is still there."""
        with self._sending, contextlib.suppress(OSError):
            self._socket.sendall(encode(message))

    def receive(self, seconds: float) -> list[Message] | None:
        """What came within so many seconds, perhaps nothing; None when the supervisor is gone."""
        readable, _, _ = select.select([self._socket], [], [], seconds)
        if not readable:
            return []
        try:
            received = self._socket.recv(MOST_AT_ONCE)
        except OSError:
            received = b""
        if not received:
            return None
        *lines, self._unread = (self._unread + received).split(b"\n")
        return [decode(line) for line in lines]


def ground_of(settings: Settings) -> str:
    """A print of what a supervisor and its processes must agree on: the database, the beat."""
    place = settings.database_url
    database = str(Path(settings.data_dir).absolute()) if place is None else place.reveal()
    text = f"{database} {settings.heartbeat} {settings.worker_ttl}"
    return hashlib.sha256(text.encode()).hexdigest()
