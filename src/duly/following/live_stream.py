"""The event stream of a process that serves nobody: opened when somebody first wants it.

How it is opened is told by `wiring`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress

from ..errors import AppClosed
from ..events.event import EventFilters
from ..events.feed import Feed
from .following import Following

SHORTEST_PAUSE, LONGEST_PAUSE = 0.3, 1.0

Opening = Callable[[], AbstractAsyncContextManager[Feed]]


class LiveStream:
    """One feed for all who follow something in this process, however many they are."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._opened = AsyncExitStack()
        self._alone = asyncio.Lock()
        self._feed: Feed | None = None
        self._closed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether somebody has wanted it already."""
        return self._feed is not None

    def follow(self, filters: EventFilters | None = None, *, after: str | None = None) -> Following:
        """The events that match, after a position; from now on when `after` is None.

        `after` is the position of an earlier event, or "0" for the start of what is kept.
        """
        return Following(self, filters or EventFilters(), after)

    async def feed(self) -> Feed:
        """The feed, which runs from the first call on. Raises Unavailable, and AppClosed."""
        if self._feed is not None and not self._closed.is_set():
            return self._feed
        async with self._alone:
            if self._closed.is_set():
                raise AppClosed
            if self._feed is None:
                self._feed = await self._opened.enter_async_context(self._opening())
            return self._feed

    async def pause(self) -> None:
        """Let a database that is away some time to come back. Raises AppClosed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)):
                await self._closed.wait()
        if self._closed.is_set():
            raise AppClosed

    async def close(self) -> None:
        """End everybody's following, then the feed."""
        self._closed.set()
        if self._feed is not None:
            self._feed.close()
        async with self._alone:
            await self._opened.aclose()
