"""Events that are no longer in the ring, for listeners that catch up: often many, at one place."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import aclosing

from ..store.stream import MOST_READ, Stream, Tick
from .page import Page
from .reader import Reader, TickGone, portions
from .subscription import Place

MOST_KEPT = 20_000  # events
TICKS_AT_ONCE = 100


class Past:
    """Reads ticks from the database, a few at a time, and keeps those that were just read."""

    def __init__(self, stream: Stream, reader: Reader) -> None:
        self._stream = stream
        self._reader = reader
        self._kept: OrderedDict[Place, list[Page]] = OrderedDict()
        self._alone = asyncio.Lock()

    async def after(self, place: Place, known: Tick) -> Page:
        """The next events after a place that others have passed already.

        `known` is a tick that must not have changed meanwhile. Raises TickGone.
        """
        async with self._alone:
            for start, pages in self._kept.items():
                if start.epoch == place.epoch and _hold(pages, place.position):
                    self._kept.move_to_end(start)
                    return _page_at(pages, place.position)
            found = await self._stream.ticks_at(place.position, known, TICKS_AT_ONCE)
            ticks = next(portions(found), None)
            if ticks is None or ticks[-1].end <= place.position:
                raise TickGone
            start = place if ticks[0].n > MOST_READ else Place(place.epoch, ticks[0].base)
            pages = await self._read(start, ticks)
            self._keep(start, pages)
            return _page_at(pages, place.position)

    def forget(self) -> None:
        """Forget everything: this is another history."""
        self._kept.clear()

    async def _read(self, start: Place, ticks: list[Tick]) -> list[Page]:
        """What comes after a place: the rest of the ticks, or a good piece of it."""
        pages: list[Page] = []
        async with aclosing(self._reader.read(start.epoch, ticks, start.position)) as coming:
            async for page in coming:
                pages.append(page)
                if page.end - start.position >= MOST_READ:
                    break
        return pages

    def _keep(self, start: Place, pages: list[Page]) -> None:
        self._kept[start] = pages
        while sum(kept[-1].end - kept[0].start for kept in self._kept.values()) > MOST_KEPT:
            self._kept.popitem(last=False)


def _hold(pages: list[Page], position: int) -> bool:
    return pages[0].start <= position < pages[-1].end


def _page_at(pages: list[Page], position: int) -> Page:
    return next(page for page in pages if page.end > position).after(position)
