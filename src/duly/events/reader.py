"""Turns ticks of the store into events. What never changes about a job is looked up once."""

from __future__ import annotations

from uuid import UUID

from ..jobs.status import JobStatus
from ..store.stream import Change, Stream, Traits
from .event import Event

MOST_KNOWN = 50_000
UNKNOWN = Traits("unknown", "unknown", ())


class Reader:
    """Reads ticks, with a bounded memory of the jobs that they are about."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._known: dict[UUID, Traits] = {}

    async def read(self, epoch: str, tick: int) -> list[Event]:
        """The events of one tick, in their order."""
        changes = await self._stream.read(tick)
        await self._learn(changes)
        return [self._event(epoch, change) for change in changes]

    async def _learn(self, changes: list[Change]) -> None:
        strangers = list({one.job_id for one in changes if one.job_id not in self._known})
        if not strangers:
            return
        if len(self._known) + len(strangers) > MOST_KNOWN:
            self._known.clear()
            strangers = list({one.job_id for one in changes})
        self._known.update(await self._stream.traits(strangers))

    def _event(self, epoch: str, change: Change) -> Event:
        traits = self._known.get(change.job_id, UNKNOWN)
        return Event(
            position=f"{epoch}.{change.position}",
            job_id=change.job_id,
            job_type=traits.job_type,
            queue=traits.queue,
            change=change.change,
            status=JobStatus(change.status),
            attempt=change.attempt,
            at=change.at,
            error=change.error,
            scheduled_at=change.scheduled_at,
            duration_ms=change.duration_ms,
            tags=traits.tags,
        )
