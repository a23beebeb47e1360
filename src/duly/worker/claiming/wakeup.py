"""What wakes an idle worker: a hint, or the poll that never relies on hints."""

from __future__ import annotations

import asyncio
import random


class Wakeup:
    """Set by hints from anywhere on the event loop; waited for by the claimer."""

    def __init__(self, poll: float) -> None:
        self._poll = poll
        self._event = asyncio.Event()
        self.was_hinted = True

    def hint(self) -> None:
        """There may be work."""
        self.was_hinted = True
        self._event.set()

    async def wait(self, longest: float | None = None) -> None:
        """Return at the next hint, or after about `poll` seconds (`longest` if that is sooner)."""
        patience = self._poll * random.uniform(0.8, 1.2)
        if longest is not None:
            patience = min(patience, longest)
        try:
            async with asyncio.timeout(patience):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()
