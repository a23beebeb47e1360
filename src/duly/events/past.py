"""Events that are no longer in the ring, for listeners that catch up: often many, at one place."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import aclosing

from ..store.stream import MOST_READ, Stream, Tick
from .page import Page
from .reader import Reader, TickGone

MOST_KEPT = 20_000  # events


class Past:
    """Reads ticks from the database, one at a time, and keeps those that were just read."""

    def __init__(self, stream: Stream, reader: Reader) -> None:
        self._stream = stream
        self._reader = reader
        self._kept: OrderedDict[int, list[Page]] = OrderedDict()
        self._alone = asyncio.Lock()

    async def after(self, epoch: str, position: int) -> Page:
        """The next events after a position that others have read already. Raises TickGone."""
        async with self._alone:
            for base, pages in self._kept.items():
                if pages[0].start <= position < pages[-1].end:
                    self._kept.move_to_end(base)
                    return _page_at(pages, position)
            tick = await self._stream.tick_at(position)
            if tick is None or tick.end <= position:
                raise TickGone
            if tick.n > MOST_READ:
                return await self._first_page(epoch, tick, position)
            pages = [page async for page in self._reader.read(epoch, tick, tick.base)]
            self._keep(pages)
            return _page_at(pages, position)

    def forget(self) -> None:
        """Forget everything: this is another history."""
        self._kept.clear()

    async def _first_page(self, epoch: str, tick: Tick, position: int) -> Page:
        async with aclosing(self._reader.read(epoch, tick, position)) as pages:
            async for page in pages:
                return page
        raise TickGone

    def _keep(self, pages: list[Page]) -> None:
        self._kept[pages[0].start] = pages
        while sum(kept[-1].end - kept[0].start for kept in self._kept.values()) > MOST_KEPT:
            self._kept.popitem(last=False)


def _page_at(pages: list[Page], position: int) -> Page:
    return next(page for page in pages if page.end > position).after(position)
