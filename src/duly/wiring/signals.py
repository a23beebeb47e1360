"""The signals that end a process: the first asks it to end, the second ends it at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from types import TracebackType
from typing import Self

logger = logging.getLogger("duly")


class Signals:
    """Waits for SIGINT or SIGTERM while the block is entered."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._receive, number)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    async def wait(self) -> None:
        """Return when the first signal has come."""
        await self._asked.wait()

    def _receive(self, number: signal.Signals) -> None:
        if self._asked.is_set():
            logger.warning("stopped at once; running jobs will be rescued")
            logging.shutdown()
            os._exit(128 + number)
        logger.info("stopping: running jobs finish first; a second signal stops at once")
        self._asked.set()
