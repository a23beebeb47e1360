"""An event as JSON and as the lines of the protocol."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from ...events.event import LOG, PROGRESS, Event, Reset
from ...jobs.status import JobStatus
from ..answer import encode


class JobChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data of a `job` event. `change` is the verb, `status` the one right after it.

    A `progress` event has `progress` as well, a `log` event has `log`.
    """

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
    progress: msgspec.Raw | None = None
    log: msgspec.Raw | None = None


class ListedChange(JobChange, frozen=True, kw_only=True, omit_defaults=True):
    """A change in a page of events, with its position."""

    position: str


class EventPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of events. `next` is the position to go on from; with `more` there is more already.

    With `reset` there may be events missing before these.
    """

    events: list[ListedChange]
    next: str
    more: bool = msgspec.field(default_factory=bool)
    reset: Reset | None = None


def change_of(event: Event) -> JobChange:
    """What is told of an event."""
    return JobChange(
        job_id=event.job_id,
        job_type=event.job_type,
        queue=event.queue,
        change=event.change,
        status=event.status,
        attempt=event.attempt,
        at=event.at,
        error=event.error,
        scheduled_at=event.scheduled_at,
        duration_ms=event.duration_ms,
        progress=event.details if event.change == PROGRESS else None,
        log=event.details if event.change == LOG else None,
    )


def listed(event: Event) -> ListedChange:
    """What is told of an event, with its position."""
    fields = msgspec.structs.asdict(change_of(event))
    return ListedChange(position=event.position, **fields)


def as_text(event: Event | Reset) -> bytes:
    """One event as the lines of the protocol."""
    position = event.position.encode()
    if isinstance(event, Reset):
        return b"id: %b\nevent: reset\ndata: %b\n\n" % (position, encode(event))
    kind = event.change if event.change in (PROGRESS, LOG) else "job"
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (position, kind.encode(), encode(change_of(event)))
