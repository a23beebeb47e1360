"""One listener of the stream: a position, what it wants, and nothing more."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, Self

from .event import Event, EventFilters, Reset

AT_ONCE = 256
FOREVER = 3_600.0


class Source(Protocol):
    """What a subscription needs of the feed."""

    is_closed: bool

    async def place(self, after: str | None) -> int | Reset:
        """The position to go on from."""
        ...

    async def after(self, position: int, most: int) -> list[Event]:
        """Events after a position."""
        ...

    async def news(self, timeout: float) -> None:
        """Wait for something new."""
        ...


class Subscription:
    """An asynchronous iterator of events, and of a Reset where events may be missing.

    Use it with `async with`: entering decides where it starts.
    """

    def __init__(self, source: Source, filters: EventFilters, after: str | None) -> None:
        self._source = source
        self._filters = filters
        self._after = after
        self._position = 0
        self._waiting: deque[Event | Reset] = deque()

    async def __aenter__(self) -> Self:
        place = await self._source.place(self._after)
        if isinstance(place, Reset):
            self._waiting.append(place)
            self._position = int(place.position.rpartition(".")[2])
        else:
            self._position = place
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

    async def next(self, timeout: float) -> Event | Reset | None:
        """The next event; None when none came in `timeout` seconds.

        Raises StopAsyncIteration when the feed has closed.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not self._waiting:
            if self._source.is_closed:
                raise StopAsyncIteration
            if not await self._take() and not self._waiting:
                left = deadline - loop.time()
                if left <= 0:
                    return None
                await self._source.news(left)
        return self._waiting.popleft()

    async def _take(self) -> bool:
        """Take what is there; answers whether anything was, wanted or not."""
        events = await self._source.after(self._position, AT_ONCE)
        if not events:
            return False
        self._position += len(events)
        self._waiting.extend(event for event in events if self._filters.match(event))
        return True
