"""Cuts the stream into ticks, as long as it is told to: one process of all does this at a time.

Two at once would do no harm: a tick has one number, and the second insert of it fails.
"""

from __future__ import annotations

import asyncio
import logging

from ..errors import Unavailable
from ..store.stream import Stream

BUSY_PAUSE = 0.015
IDLE_PAUSE = 0.04
BUSY_FOR = 50

logger = logging.getLogger("duly.ticker")


class Ticker:
    """Looks for fresh events often while there are some, and a little less often otherwise."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def run(self) -> None:
        """Tick until cancelled."""
        quiet = BUSY_FOR
        while True:
            try:
                quiet = quiet + 1 if await self._stream.tick() is None else 0
            except Unavailable as error:
                logger.debug("no tick: %s", error)
                await asyncio.sleep(0.5)
            await asyncio.sleep(BUSY_PAUSE if quiet < BUSY_FOR else IDLE_PAUSE)
