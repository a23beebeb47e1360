"""One reader of the stream per process, and one ring in memory that all its listeners share.

A listener is a position: it takes from the ring, or from the database while it is behind the ring.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from ..errors import StreamUnsettled, Unavailable
from ..store.stream import Head, Stream, Tick
from .event import EventFilters, Reset
from .page import Page
from .past import Past
from .reader import Reader, TickGone, portions
from .ring import Ring
from .subscription import Place, Subscription
from .waiting import Waiting

POLL = 1.0
TICKS_AT_ONCE = 50
CHANNEL = "duly_tick"

NOT_KEPT = "the events after the position are no longer kept"
ANOTHER_HISTORY = "the position belongs to another history of events"
NO_POSITION = "the position is not one of this stream"
FUTURE = "the position lies in the future"

logger = logging.getLogger("duly.feed")


class Feed:
    """`run` keeps the ring up to date; `wake` is called when there may be a new tick."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._reader = Reader(stream)
        self._past = Past(stream, self._reader)
        self._epoch = ""
        self._newest: Tick | None = None
        self._ring = Ring(0)
        self._waiting = Waiting()
        self._hint = asyncio.Event()
        self._starting = asyncio.Lock()
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
                    await self._catch_up(await self._start())
                except Unavailable as error:
                    logger.debug("the stream cannot be read: %s", error)
                await self._wait_for_hint()
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """End every subscription."""
        self.is_closed = True
        self._waiting.wake_all()

    async def place(self, after: str | None) -> Place | Reset:
        """Where to go on from, or a Reset when `after` cannot be gone on from.

        Raises Unavailable.
        """
        await self._start()
        if after is None:
            return Place(self._epoch, self._ring.end)
        head = await self._look()
        if after in ("0", f"{head.epoch}.0"):
            return Place(head.epoch, head.oldest_position)
        epoch, _, number = after.partition(".")
        if not number.isdecimal() or not number.isascii() or len(number) > 18:
            return self._reset(NO_POSITION)
        if epoch != head.epoch:
            return self._reset(ANOTHER_HISTORY)
        if int(number) < head.oldest_position:
            return self._reset(NOT_KEPT)
        if int(number) > head.newest.end:
            return self._reset(FUTURE)
        return Place(epoch, int(number))

    async def after(self, place: Place) -> Page | Reset | None:
        """The next events after a place, wanted or not; None when there are none yet.

        Raises Unavailable.
        """
        if place.epoch != self._epoch:
            return self._reset(ANOTHER_HISTORY)
        if place.position >= self._ring.start:
            return self._ring.find(place.position)
        try:
            page = await self._past.after(place, await self._start())
        except TickGone:
            self.wake()  # if the stream was set back, nobody has said so yet
            return self._reset(NOT_KEPT)
        return page if place.epoch == self._epoch else self._reset(ANOTHER_HISTORY)

    def is_beyond(self, place: Place) -> bool:
        """Whether there are events after a place."""
        return place.epoch != self._epoch or place.position < self._ring.end

    async def wait(self, place: Place, filters: EventFilters, timeout: float) -> Place:
        """Wait for something that matches, at most `timeout` seconds, or until the feed closes.

        Answers a place before which nothing more matches: `place`, or a later one.
        """
        if self.is_closed or place.epoch != self._epoch or place.position < self._ring.end:
            return place
        found = await self._waiting.wait(filters, timeout)
        if place.epoch != self._epoch:
            return place
        position = self._ring.end if found is None else found
        return Place(place.epoch, max(place.position, position))

    async def _start(self) -> Tick:
        async with self._starting:
            if self._newest is None:
                return self._begin(await self._stream.head())
            return self._newest

    async def _look(self) -> Head:
        """The head of the stream, once it is the stream that this feed goes by."""
        while True:
            newest, ring = await self._start(), self._ring
            head = await self._stream.head(newest)
            if ring is not self._ring:
                continue  # it has begun anew meanwhile, and this head may be older than that
            if head.is_known and head.is_ours and head.epoch == self._epoch:
                return head
            if head.is_known:
                self._begin(head)
            else:
                await self._begin_again(newest)

    def _begin(self, head: Head) -> Tick:
        """Go on from the head of the stream, wherever that is; listeners find out by the epoch."""
        if not head.is_ours:
            raise StreamUnsettled
        self._epoch, self._newest, self._ring = head.epoch, head.newest, Ring(head.newest.end)
        self._past.forget()
        self._waiting.wake_all()
        return head.newest

    async def _catch_up(self, newest: Tick) -> None:
        count, ring = TICKS_AT_ONCE, self._ring
        while count == TICKS_AT_ONCE and ring is self._ring:
            news = await self._stream.news(newest, TICKS_AT_ONCE)
            if ring is not self._ring:  # a listener found another history meanwhile
                return
            if not news.is_ours or news.epoch != self._epoch or not news.is_known:
                await self._begin_again(newest)
                return
            try:
                for ticks in portions(news.ticks):
                    await self._append(ticks, ring)
                    if ring is not self._ring:
                        return
                    self._newest = newest = ticks[-1]
            except TickGone:
                head = await self._stream.head()
                if ring is self._ring:
                    logger.warning("events were dropped before they were read")
                    self._begin(head)
                return
            count = len(news.ticks)

    async def _append(self, ticks: list[Tick], ring: Ring) -> None:
        """Read ticks into the ring, or what is missing of them since the last time failed."""
        async with aclosing(self._reader.read(self._epoch, ticks, ring.end, is_hot=True)) as pages:
            async for page in pages:
                if ring is not self._ring:
                    return
                ring.append(page)
                self._waiting.wake(page)

    async def _begin_again(self, newest: Tick) -> None:
        """The stream is not the one it was. If it was set back unnoticed, tell everybody."""
        epoch, ring = self._epoch, self._ring
        head = await self._stream.head()
        if head.is_ours and head.epoch == epoch and head.oldest_tick <= newest.tick:
            await self._stream.begin_epoch(epoch)
            head = await self._stream.head()
        if ring is self._ring:  # otherwise somebody was quicker
            self._begin(head)
            logger.warning("the stream of events has begun anew: listeners start over")

    def _reset(self, reason: str) -> Reset:
        return Reset(reason=reason, position=f"{self._epoch}.{self._ring.end}")

    async def _wait_for_hint(self) -> None:
        try:
            async with asyncio.timeout(POLL):
                await self._hint.wait()
        except TimeoutError:
            return
        self._hint.clear()
