"""One reader of the stream per process, and one ring in memory that all its listeners share.

A listener is a position: it takes from the ring, or from the database while it is behind the ring.
"""

from __future__ import annotations

import asyncio
import logging

from ..errors import Unavailable
from ..store.stream import Head, Stream, Tick
from .event import Event, EventFilters, Reset
from .reader import Reader
from .ring import Ring
from .subscription import Subscription

POLL = 1.0
TICKS_AT_ONCE = 50
CHANNEL = "duly_tick"

logger = logging.getLogger("duly.feed")


class Feed:
    """`run` keeps the ring up to date; `wake` is called when there may be a new tick."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._reader = Reader(stream)
        self._head: Head | None = None
        self._tick = 0
        self._ring = Ring(0)
        self._hint = asyncio.Event()
        self._news = asyncio.Event()
        self.is_closed = False

    def follow(
        self, filters: EventFilters | None = None, *, after: str | None = None
    ) -> Subscription:
        """The events that match, after a position; from now on when `after` is None.

        `after` is a position of an earlier event, or "0" for the start of what is kept.
        """
        return Subscription(self, filters or EventFilters(), after)

    def wake(self) -> None:
        """There may be a new tick."""
        self._hint.set()

    async def run(self) -> None:
        """Read new ticks into the ring until cancelled; that ends every subscription."""
        try:
            while True:
                try:
                    await self._catch_up()
                except Unavailable as error:
                    logger.debug("the stream cannot be read: %s", error)
                await self._wait_for_hint()
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """End every subscription."""
        self.is_closed = True
        self._announce()

    async def news(self, timeout: float) -> None:
        """Return when there is something new, when the feed closes, or after `timeout` seconds."""
        news = self._news
        if not self.is_closed:
            try:
                async with asyncio.timeout(timeout):
                    await news.wait()
            except TimeoutError:
                return

    async def place(self, after: str | None) -> int | Reset:
        """The position to go on from, or a Reset when `after` cannot be gone on from."""
        head = await self._ready()
        now = f"{head.epoch}.{self._ring.end}"
        if after is None:
            return self._ring.end
        oldest = (await self._stream.head()).oldest_position
        if after in ("0", f"{head.epoch}.0"):
            return oldest
        epoch, _, number = after.partition(".")
        if not number.isdecimal() or not number.isascii() or len(number) > 18:
            return Reset(reason="the position is not one of this stream", position=now)
        if epoch != head.epoch:
            return Reset(reason="the position belongs to another history of events", position=now)
        if int(number) < oldest:
            return Reset(reason="the events after the position are no longer kept", position=now)
        if int(number) > self._ring.end and int(number) > (await self._stream.head()).position:
            return Reset(reason="the position lies in the future", position=now)
        return int(number)

    async def after(self, position: int, most: int) -> list[Event]:
        """Events after `position`, in order; none when there are none yet."""
        if position >= self._ring.start:
            return self._ring.after(position, most)
        head = await self._ready()
        tick = await self._stream.tick_at(position)
        while tick is not None and tick.base + tick.n <= position:
            following = await self._stream.ticks_after(tick.tick, 1)
            tick = following[0] if following else None
        if tick is None:
            return []
        events = await self._reader.read(head.epoch, tick.tick)
        return events[max(0, position - tick.base) :]

    async def _ready(self) -> Head:
        if self._head is None:
            head = await self._stream.head()
            if self._head is None:
                self._head, self._tick, self._ring = head, head.tick, Ring(head.position)
        return self._head

    async def _catch_up(self) -> None:
        head = await self._ready()
        while True:
            ticks = await self._stream.ticks_after(self._tick, TICKS_AT_ONCE)
            for tick in ticks:
                await self._append(head.epoch, tick)
            if len(ticks) < TICKS_AT_ONCE:
                return

    async def _append(self, epoch: str, tick: Tick) -> None:
        self._ring.extend(await self._reader.read(epoch, tick.tick))
        self._tick = tick.tick
        self._announce()

    def _announce(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _wait_for_hint(self) -> None:
        try:
            async with asyncio.timeout(POLL):
                await self._hint.wait()
        except TimeoutError:
            return
        self._hint.clear()
