"""Chooses one process of all to keep house: a lease that is renewed every second.

Nothing depends on there being only one: every duty is safe in two processes at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence

from ..errors import DulyError
from ..store.workers import Workers

DUTY = "house"
TERM = 4.0
RENEW_EVERY = 1.0

logger = logging.getLogger("duly.leader")

Duty = Callable[[], Awaitable[None]]


class Leader:
    """While this process leads, every one of `duties` runs; they are cancelled when it does not."""

    def __init__(self, workers: Workers, duties: Sequence[Duty]) -> None:
        self._workers = workers
        self._duties = duties
        self._holder = secrets.token_hex(8)
        self._running: list[asyncio.Task[None]] = []
        self._held_until = 0.0

    @property
    def is_leading(self) -> bool:
        """Whether this process keeps house now."""
        return bool(self._running)

    async def run(self) -> None:
        """Try to lead until cancelled; gives the lead up at the end."""
        try:
            while True:
                await self._renew()
                await asyncio.sleep(RENEW_EVERY * random.uniform(0.8, 1.2))
        finally:
            await self._step_down()
            await self._resign()

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(TERM / 2):
                leads = await self._workers.hold(DUTY, self._holder, TERM)
        except (DulyError, TimeoutError) as error:
            logger.debug("the lead could not be renewed: %s", error)
            leads = time.monotonic() < self._held_until and self.is_leading
        else:
            self._held_until = asked_at + TERM if leads else 0.0
        if leads and not self._running:
            logger.info("this process keeps house now")
            self._running = [asyncio.create_task(_keep(duty)) for duty in self._duties]
        elif not leads:
            await self._step_down()

    async def _step_down(self) -> None:
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _resign(self) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self._workers.resign(DUTY, self._holder)
        except (DulyError, TimeoutError) as error:
            logger.debug("the lead will run out by itself: %s", error)


async def _keep(duty: Duty) -> None:
    """Run a duty again whenever it breaks: the house must not stop because of one bad row."""
    while True:
        try:
            await duty()
        except DulyError as error:
            logger.debug("a duty waits for the database: %s", error)
        except Exception:
            logger.exception("a duty of the house broke and is started again")
        await asyncio.sleep(random.uniform(0.2, 1.0))
