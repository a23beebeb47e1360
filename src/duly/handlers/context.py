"""What a handler may know about the attempt it is making."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True, kw_only=True)
class Context:
    """The attempt at hand. `deadline` is a moment of `time.monotonic()`, or None.

    `lease` is the fence of every write that is made for this attempt.
    """

    job_id: UUID
    job_type: str
    queue: str
    attempt: int
    max_attempts: int
    lease: int
    deadline: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def should_stop(self) -> bool:
        """Whether the handler should come to an end: cancelled, out of time, or shutting down."""
        return self._stop.is_set()

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the deadline, never negative; None when there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def stop(self) -> None:
        """Ask the handler to come to an end. Safe from every thread."""
        self._stop.set()
