"""Following the stream from a program: goes on by itself when the database was away."""

from __future__ import annotations

from typing import Protocol, Self

from ..errors import AppClosed, Unavailable
from ..events.event import Event, EventFilters, Reset
from ..events.feed import Feed
from ..events.subscription import Subscription


class Live(Protocol):
    """What somebody who follows needs of the process."""

    async def feed(self) -> Feed:
        """The feed; raises Unavailable, and AppClosed."""
        ...

    async def pause(self) -> None:
        """Wait a moment; raises AppClosed."""
        ...


class Following:
    """An asynchronous iterator of events, and of a Reset where events may be missing.

    Use it with `async for`; it starts at the first event that is asked for, or where `async with`
    is entered. While the database is away it waits, and then misses nothing. It ends when the app
    is closed.
    """

    def __init__(self, live: Live, filters: EventFilters, after: str | None) -> None:
        self._live = live
        self._filters = filters
        self._after = after
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        while self._subscription is None:
            try:
                feed = await self._live.feed()
                subscription = feed.follow(self._filters, after=self._after)
                self._subscription = await subscription.__aenter__()
            except Unavailable:
                await self._live.pause()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._subscription is not None:
            await self._subscription.__aexit__(None, None, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Reset:
        while True:
            try:
                if self._subscription is None:
                    await self.__aenter__()
                else:
                    return await anext(self._subscription)
            except Unavailable:
                await self._pause()
            except AppClosed:
                raise StopAsyncIteration from None

    @property
    def position(self) -> str | None:
        """Everything up to here was taken: a later following after it goes on where this one is.

        None as long as it has not started and was not told where to.
        """
        return self._after if self._subscription is None else self._subscription.position

    async def _pause(self) -> None:
        try:
            await self._live.pause()
        except AppClosed:
            raise StopAsyncIteration from None
