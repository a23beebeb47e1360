"""Moves scheduled jobs to `ready` when they are due, to the millisecond of the database's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..store.house import House

LONGEST_SLEEP = 1.0
LEAST_SLEEP = 0.001
AT_ONCE = 1_000


class Promoter:
    """Sleeps until the next job is due. `hint` says that one was scheduled that is due soon."""

    def __init__(self, house: House, on_ready: Callable[[str], None]) -> None:
        self._house = house
        self._on_ready = on_ready
        self._hint = asyncio.Event()

    def hint(self) -> None:
        """A job was scheduled that may be due before the one that is waited for."""
        self._hint.set()

    async def run(self) -> None:
        """Promote until cancelled."""
        while True:
            self._hint.clear()
            due_in = await self._house.next_due()
            if due_in is not None and due_in <= 0 and await self._promote():
                continue
            longest = LONGEST_SLEEP if due_in is None else due_in
            await self._sleep(min(max(longest, LEAST_SLEEP), LONGEST_SLEEP))

    async def _promote(self) -> bool:
        """Answers whether any job was moved: others may hold those that are due."""
        promoted = await self._house.promote(AT_ONCE)
        for queue in promoted:
            self._on_ready(queue)
        return bool(promoted)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hint.wait()
        except TimeoutError:
            return
