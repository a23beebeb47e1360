"""The signals that end a process: the first asks it to end, the second ends it at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

NUMBERS = (signal.SIGINT, signal.SIGTERM)

logger = logging.getLogger("duly")


class Signals:
    """Waits for SIGINT or SIGTERM while the block is entered.

    The signals come to the interpreter and not to the event loop: the second one must work also
    when a handler blocks the loop.
    """

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._before: dict[int, Any] = {}
        self._is_second = False

    async def __aenter__(self) -> Self:
        for number in NUMBERS:
            self._before[number] = signal.signal(number, self._receive)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    async def wait(self) -> None:
        """Return when the first signal has come."""
        await self._asked.wait()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._is_second:
            _end_at_once(number)
        self._is_second = True
        self._loop.call_soon_threadsafe(self._ask)

    def _ask(self) -> None:
        logger.info("stopping: running jobs finish first; a second signal stops at once")
        self._asked.set()


def _end_at_once(number: int) -> None:
    try:
        logger.warning("stopped at once; running jobs will be rescued")
        logging.shutdown()
    finally:
        os._exit(128 + number)
