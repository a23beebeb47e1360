"""One change of one job, as the stream tells it, and what a listener may ask for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from ..jobs.status import JobStatus

PROGRESS, LOG = "progress", "log"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`change` is the verb, `status` the job's status after it, `duration_ms` that of an attempt.

    `position` is `<epoch>.<number>`; numbers have no gaps and are the same on every server. What a
    running handler reports has the change `progress` or `log`, and `details` with JSON of it.
    """

    position: str
    job_id: UUID
    job_type: str
    queue: str
    change: str
    status: JobStatus
    attempt: int
    at: datetime
    error: str | None = None
    scheduled_at: datetime | None = None
    duration_ms: int | None = None
    details: msgspec.Raw | None = None
    tags: tuple[str, ...] = ()


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """The stream cannot go on where the listener left it: it goes on at `position` instead.

    Events between may be missing: read the jobs of interest again.
    """

    reason: str
    position: str


class EventFilters(msgspec.Struct, frozen=True, kw_only=True):
    """What an event must match; a field that is None matches every event.

    What handlers report comes only when `progress` or `log` asks for it.
    """

    job_id: UUID | None = None
    status: JobStatus | None = None
    job_type: str | None = None
    queue: str | None = None
    tag: str | None = None
    progress: bool = False
    log: bool = False

    def match(self, event: Event) -> bool:
        """Whether the event is wanted."""
        return (
            (self.job_id is None or event.job_id == self.job_id)
            and (self.status is None or event.status is self.status)
            and (self.job_type is None or event.job_type == self.job_type)
            and (self.queue is None or event.queue == self.queue)
            and (self.tag is None or self.tag in event.tags)
            and (self.progress or event.change != PROGRESS)
            and (self.log or event.change != LOG)
        )
