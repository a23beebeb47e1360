"""Reports the death of a worker process at once, and takes its jobs back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..errors import DulyError
from ..store.house import House
from ..store.workers import Workers

AT_ONCE = 500
# A statement of the dead that was on its way may still take or settle jobs after the first look.
LOOKS = (0.0, 0.2)
RETRY_EVERY = 0.5

logger = logging.getLogger("duly.supervisor")


class Coroner:
    """`on_ready` is told of the queues that jobs went back to."""

    def __init__(self, workers: Workers, house: House, on_ready: Callable[[str], None]) -> None:
        self._workers = workers
        self._house = house
        self._on_ready = on_ready

    async def report(self, worker: int, *, crashed: bool) -> None:
        """Bury the worker and rescue its jobs; while the database is away, try again.

        With `crashed`, the jobs that it held are under suspicion and are not charged.
        """
        while True:
            try:
                await (self._workers.crash if crashed else self._workers.leave)(worker)
                for pause in LOOKS:
                    await asyncio.sleep(pause)
                    await self._rescue()
            except DulyError as error:
                logger.debug("a death could not be reported yet: %s", error)
                await asyncio.sleep(RETRY_EVERY)
            else:
                return

    async def _rescue(self) -> None:
        while rescued := await self._house.rescue(AT_ONCE):
            for queue, count in rescued.items():
                logger.warning("%d jobs of dead workers were rescued in queue %s", count, queue)
                self._on_ready(queue)
