"""What a handler may know about the attempt it is making, and what it may say of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from .notebook import Notebook

_opening = threading.Lock()


class Completes(Protocol):
    """The worker's part of completing a job inside a transaction of its handler."""

    async def complete(self, ctx: Context, conn: object, result: Any) -> None: ...
    def complete_sync(self, ctx: Context, conn: object, result: Any) -> None: ...


@dataclass(slots=True, kw_only=True)
class Context:
    """The attempt at hand. `deadline` is a moment of `time.monotonic()`, or None.

    `lease` is the fence of every write that is made for this attempt. `notebook` holds what the
    handler has reported, None until it does; `announce` tells the worker that there is something
    new in it, and may be called from any thread. `is_completed` is set when the handler has
    completed the job itself, in a transaction that may still be rolled back.
    """

    job_id: UUID
    job_type: str
    queue: str
    attempt: int
    max_attempts: int
    lease: int
    deadline: float | None = None
    notebook: Notebook | None = None
    announce: Callable[[Context], None] | None = None
    completer: Completes | None = None
    is_completed: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def should_stop(self) -> bool:
        """Whether the handler should come to an end: cancelled, out of time, or shutting down."""
        return self._stop.is_set()

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the deadline, never negative; None when there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def progress(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Say how far the job is, and what is being done. Call it as often as you like.

        From a coroutine or a thread; it waits for nothing. The newest progress is stored a few
        times per second. A note is cut at 500 characters. Raises TypeError or ValueError for what
        is no number from 0 on.
        """
        notebook = self.notebook or self.open_notebook()
        if notebook.put_progress(done, total, note):
            self._announce(notebook)

    def log(self, message: str, *, level: str = "info") -> None:
        """Keep a line with the attempt. `level` is debug, info, warning or error.

        From a coroutine or a thread; it waits for nothing. A message is cut at 2,000 characters,
        and an attempt keeps 1,000 lines or 256 KiB. Raises TypeError or ValueError for what is no
        text or no level.
        """
        notebook = self.notebook or self.open_notebook()
        if notebook.put_line(message, level):
            self._announce(notebook)

    async def complete(self, conn: object, result: Any = None) -> None:
        """Complete the job inside your own transaction: it is done exactly when that commits.

        `conn` is a connection or session of asyncpg, psycopg or SQLAlchemy. Commit next, and
        return: what the handler returns or raises after the commit changes nothing. If you roll
        back instead, the job goes on, and ends as the handler does. What is reported after this
        call is ignored. Raises LeaseLost when the job is in other hands by now, so that your
        transaction is rolled back; PayloadRefused for what is no result; RequestRefused for what
        is no such connection; and the errors of the driver.
        """
        await self._completer.complete(self, conn, result)

    def complete_sync(self, conn: object, result: Any = None) -> None:
        """The same for a handler that runs in a thread, with a connection of a sync driver."""
        self._completer.complete_sync(self, conn, result)

    def stop(self) -> None:
        """Ask the handler to come to an end. Safe from every thread."""
        self._stop.set()

    def open_notebook(self) -> Notebook:
        """Where reports are kept. Made when it is first needed: most handlers report nothing."""
        with _opening:
            if self.notebook is None:
                self.notebook = Notebook()
            return self.notebook

    @property
    def _completer(self) -> Completes:
        if self.completer is None:
            raise RuntimeError("a job is completed where its worker runs it, and nowhere else")
        return self.completer

    def _announce(self, notebook: Notebook) -> None:
        notebook.is_announced = True
        if self.announce is not None:
            self.announce(self)
