"""The newest events of the stream in memory; without gaps, so finding a position is a search."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter

from .page import Page

HEAVIEST = 16 * 1024 * 1024
HOT_PAGES = 8

_start = attrgetter("start")


class Ring:
    """Holds the pages of events with the positions `start + 1` to `end`."""

    def __init__(self, position: int) -> None:
        self.start = position
        self.end = position
        self._pages: list[Page] = []
        self._weight = 0

    def append(self, page: Page) -> None:
        """Append the next events, and forget the oldest when there are far too many."""
        self._pages.append(page)
        self.end = page.end
        self._weight += page.weight
        if len(self._pages) > HOT_PAGES:
            self._pages[-HOT_PAGES - 1].cool()
        if self._weight > HEAVIEST:
            self._forget()

    def find(self, position: int) -> Page | None:
        """The events after `position`, which must not be before `start`; None when it is the end.

        Others may follow in the next page.
        """
        index = bisect_right(self._pages, position, key=_start) - 1
        if index < 0 or position >= self._pages[index].end:
            return None
        return self._pages[index].after(position)

    def _forget(self) -> None:
        """Forget half of it at once, which costs less than a page each time."""
        count = 0
        while self._weight > HEAVIEST // 2 and count < len(self._pages) - 1:
            self._weight -= self._pages[count].weight
            count += 1
        del self._pages[:count]
        self.start = self._pages[0].start
