"""The newest events of the stream in memory; without gaps, so finding a position is arithmetic."""

from __future__ import annotations

from .event import Event

CAPACITY = 20_000


class Ring:
    """Holds the events with the positions `start + 1` to `end`."""

    def __init__(self, position: int) -> None:
        self.start = position
        self._events: list[Event] = []

    @property
    def end(self) -> int:
        """The position of the newest event."""
        return self.start + len(self._events)

    def extend(self, events: list[Event]) -> None:
        """Append the next events, and forget the oldest when there are far too many."""
        self._events.extend(events)
        if len(self._events) > 2 * CAPACITY:
            surplus = len(self._events) - CAPACITY
            del self._events[:surplus]
            self.start += surplus

    def after(self, position: int, most: int) -> list[Event]:
        """Up to `most` events after `position`, which must not be before `start`."""
        index = position - self.start
        return self._events[index : index + most]
