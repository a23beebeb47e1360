"""Turns ticks of the store into pages of events. What never changes about a job is read once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from uuid import UUID

import msgspec

from ..jobs.status import JobStatus
from ..store.stream import MOST_READ, Change, Stream, Tick, Traits
from .event import Event
from .page import Page, pages_of

MOST_KNOWN = 50_000
UNKNOWN = Traits("unknown", "unknown", ())


class TickGone(Exception):
    """The events of a tick are not kept any more, all or some of them."""


class Reader:
    """Reads ticks, with a bounded memory of the jobs that they are about."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._known: dict[UUID, Traits] = {}

    async def read(
        self, epoch: str, ticks: Sequence[Tick], after: int, *, is_hot: bool = False
    ) -> AsyncGenerator[Page]:
        """The events of consecutive ticks that come after a position. Raises TickGone."""
        end, finish = max(after, ticks[0].base), ticks[-1].end
        is_whole = finish - ticks[0].base <= MOST_READ
        async with aclosing(self._stream.read(ticks, end)) as pieces:
            async for changes in pieces:
                start, end = end, end + len(changes)
                if end > finish or (is_whole and end < finish):
                    raise TickGone  # nothing of it may be told
                await self._learn(changes)
                events = [self._event(epoch, one) for one in changes]
                for page in pages_of(start, events, is_hot=is_hot):
                    yield page
        if end != finish:
            raise TickGone

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
            details=None if change.details is None else msgspec.Raw(change.details.encode()),
            tags=traits.tags,
        )


def portions(ticks: Sequence[Tick]) -> Generator[list[Tick]]:
    """Consecutive ticks as they are read together: few queries, and never too many events."""
    portion: list[Tick] = []
    for tick in ticks:
        if portion and tick.end - portion[0].base > MOST_READ:
            yield portion
            portion = []
        portion.append(tick)
    if portion:
        yield portion
