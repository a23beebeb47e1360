"""Listeners that wait, by what they wait for: only those are woken for whom there is something."""

from __future__ import annotations

import asyncio

from .event import EventFilters
from .page import Page


class Waiting:
    """Who waits, and for what."""

    def __init__(self) -> None:
        self._futures: dict[EventFilters, set[asyncio.Future[int]]] = {}

    async def wait(self, filters: EventFilters, timeout: float) -> int | None:
        """The start of the first page that holds something wanted; None after `timeout` seconds."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        group = self._futures.setdefault(filters, set())
        group.add(future)
        try:
            await asyncio.wait({future}, timeout=timeout)
        finally:
            group.discard(future)
            if not group and self._futures.get(filters) is group:
                del self._futures[filters]
        return future.result() if future.done() else None

    def wake(self, page: Page) -> None:
        """Wake those for whom there is something in this page."""
        for filters in [one for one in self._futures if page.matching(one)]:
            _release(self._futures.pop(filters), page.start)

    def wake_all(self) -> None:
        """Wake everybody, to look again from where they are."""
        groups, self._futures = self._futures, {}
        for group in groups.values():
            _release(group, 0)


def _release(group: set[asyncio.Future[int]], position: int) -> None:
    for future in group:
        if not future.done():
            future.set_result(position)
