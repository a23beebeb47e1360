"""Cuts the stream into ticks, as long as it is told to: one process of all does this at a time.

Two at once would do no harm: a tick has one number, and the second insert of it fails.
"""

from __future__ import annotations

import asyncio
import logging

from ..errors import Unavailable
from ..store.stream import Stream

# Half of what a change may take to appear at rest; a look that finds nothing costs 0.3 ms.
PAUSE = 0.025

logger = logging.getLogger("duly.ticker")


class Ticker:
    """Looks for fresh events every `pause` seconds, however many there are."""

    def __init__(self, stream: Stream, pause: float = PAUSE) -> None:
        self._stream = stream
        self._pause = pause

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            try:
                ticked = await self._stream.tick()
                if not ticked.is_ours and await self._stream.begin_epoch(ticked.epoch):
                    logger.warning(
                        "the events go on elsewhere than they began: listeners start over"
                    )
            except Unavailable as error:
                logger.debug("no tick: %s", error)
                await asyncio.sleep(0.5)
            await asyncio.sleep(self._pause)
