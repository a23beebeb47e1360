"""One listener of the stream: a place, what it wants, and nothing more."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple, Protocol, Self

from .event import Event, EventFilters, Reset
from .page import Page

FOREVER = 3_600.0
LONGEST_SEARCH = 1.0


class Place(NamedTuple):
    """A place between two events of one history."""

    epoch: str
    position: int


class Source(Protocol):
    """What a subscription needs of the feed."""

    is_closed: bool

    async def place(self, after: str | None) -> Place | Reset:
        """Where to go on from."""
        ...

    async def after(self, place: Place) -> Page | Reset | None:
        """The next events after a place."""
        ...

    def is_beyond(self, place: Place) -> bool:
        """Whether there are events after a place."""
        ...

    async def wait(self, place: Place, filters: EventFilters, timeout: float) -> Place:
        """Wait for something that matches."""
        ...


class Subscription:
    """An asynchronous iterator of events, and of a Reset where events may be missing.

    Use it with `async with`: entering decides where it starts.
    """

    def __init__(self, source: Source, filters: EventFilters, after: str | None) -> None:
        self.filters = filters
        self._source = source
        self._after = after
        self._place = Place("", 0)
        self._reset: Reset | None = None
        self._waiting: deque[Event] = deque()

    async def __aenter__(self) -> Self:
        place = await self._source.place(self._after)
        if isinstance(place, Reset):
            self._start_over(place)
            self._reset = place
        else:
            self._place = place
        return self

    async def __aexit__(self, *_: object) -> None:
        self._waiting.clear()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Reset:
        while True:
            event = await self.next(FOREVER)
            if event is not None:
                return event

    @property
    def position(self) -> str:
        """Everything up to here was taken; a subscription after it goes on where this one is."""
        position = self._place.position
        if self._waiting:
            position = int(self._waiting[0].position.rpartition(".")[2]) - 1
        return f"{self._place.epoch}.{position}"

    @property
    def is_behind(self) -> bool:
        """Whether there are events already, wanted or not, that were not taken."""
        return bool(self._waiting) or self._source.is_beyond(self._place)

    async def next(self, timeout: float) -> Event | Reset | None:
        """The next event; None when none came in `timeout` seconds.

        Raises StopAsyncIteration when the feed has closed, and Unavailable.
        """
        if not self._waiting:
            page = await self.next_page(timeout)
            if not isinstance(page, Page):
                return page
            self._waiting.extend(page.matching(self.filters))
        return self._waiting.popleft()

    async def next_page(self, timeout: float) -> Page | Reset | None:
        """The next page in which anything matches; None when none came in `timeout` seconds.

        Among events that are there already it is looked for at least one second; then `is_behind`
        stays true. Raises StopAsyncIteration when the feed has closed, and Unavailable.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        search_until = loop.time() + max(timeout, LONGEST_SEARCH)
        reset, self._reset = self._reset, None
        while reset is None:
            if self._source.is_closed:
                raise StopAsyncIteration
            page = await self._source.after(self._place)
            if isinstance(page, Reset):
                self._start_over(page)
                return page
            if page is None:
                left = deadline - loop.time()
                if left <= 0:
                    return None
                self._place = await self._source.wait(self._place, self.filters, left)
                continue
            self._place = self._place._replace(position=page.end)
            if page.matching(self.filters):
                return page
            if loop.time() > search_until:
                return None
        return reset

    def _start_over(self, reset: Reset) -> None:
        epoch, _, number = reset.position.rpartition(".")
        self._place = Place(epoch, int(number))
