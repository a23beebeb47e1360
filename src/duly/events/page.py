"""A run of consecutive events, which many listeners read: what they share is worked out once."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from .event import Event, EventFilters

LARGEST = 256
MOST_REMEMBERED = 8
WEIGHT = 600  # bytes that an event takes in memory, roughly, beside its texts

Render = Callable[[Event], bytes]


class Page:
    """The events with the positions `start + 1` to `end`, at most `LARGEST` of them."""

    __slots__ = ("_by_job", "_matching", "_rendered", "end", "events", "is_hot", "start", "weight")

    def __init__(self, start: int, events: tuple[Event, ...], *, is_hot: bool = False) -> None:
        self.start = start
        self.end = start + len(events)
        self.events = events
        self.weight = sum(WEIGHT + len(one.error or "") + _size(one) for one in events)
        self.is_hot = is_hot  # many listeners are about to ask for the same
        self._matching: dict[EventFilters, tuple[Event, ...]] = {}
        self._rendered: dict[EventFilters, bytes] = {}
        self._by_job: dict[UUID, list[Event]] | None = None

    def after(self, position: int) -> Page:
        """The part of this page that comes after `position`."""
        if position <= self.start:
            return self
        return Page(position, self.events[position - self.start :])

    def matching(self, filters: EventFilters) -> tuple[Event, ...]:
        """The events that match, in order."""
        if filters.job_id is not None:
            return tuple(filter(filters.match, self._of_job(filters.job_id)))
        found = self._matching.get(filters)
        if found is None:
            found = tuple(filter(filters.match, self.events))
            if self.is_hot and len(self._matching) < MOST_REMEMBERED:
                self._matching[filters] = found
        return found

    def rendered(self, filters: EventFilters, render: Render) -> bytes:
        """The events that match as one text. All who read a page render in the same way."""
        text = self._rendered.get(filters)
        if text is None:
            text = b"".join(map(render, self.matching(filters)))
            if self.is_hot and filters.job_id is None and len(self._rendered) < MOST_REMEMBERED:
                self._rendered[filters] = text
        return text

    def cool(self) -> None:
        """Forget what was worked out: whoever keeps up has read this page."""
        self.is_hot = False
        self._matching.clear()
        self._rendered.clear()

    def _of_job(self, job_id: UUID) -> list[Event]:
        if self._by_job is None:
            self._by_job = {}
            for event in self.events:
                self._by_job.setdefault(event.job_id, []).append(event)
        return self._by_job.get(job_id, [])


def _size(event: Event) -> int:
    return 0 if event.details is None else len(memoryview(event.details))


def pages_of(start: int, events: list[Event], *, is_hot: bool = False) -> list[Page]:
    """The events after position `start`, cut into pages."""
    return [
        Page(start + at, tuple(events[at : at + LARGEST]), is_hot=is_hot)
        for at in range(0, len(events), LARGEST)
    ]
