"""Takes back the jobs of workers that died. It looks at their heartbeats and at nothing else.

How long a job has been running is never a reason.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from ..store.house import House
from ..store.workers import Workers

LOOK_EVERY = 1.0
SWEEP_EVERY = 5.0
AT_ONCE = 500

logger = logging.getLogger("duly.rescuer")


class Rescuer:
    """Buries silent workers and rescues their jobs."""

    def __init__(
        self, workers: Workers, house: House, ttl: float, on_ready: Callable[[str], None]
    ) -> None:
        self._workers = workers
        self._house = house
        self._ttl = ttl
        self._on_ready = on_ready

    async def run(self) -> None:
        """Rescue until cancelled or until the database is away.

        It starts with patience: after a time without a database, living workers need a moment to
        be heard before anybody counts as silent.
        """
        swept_at = 0.0
        patient_until = time.monotonic() + min(self._ttl / 3, 5.0)
        while True:
            buried: list[str] = []
            if time.monotonic() >= patient_until:
                buried = await self._workers.bury(self._ttl)
            for name in buried:
                logger.warning("worker %s is dead: no heartbeat for %g s", name, self._ttl)
            if buried or time.monotonic() - swept_at >= SWEEP_EVERY:
                await self._sweep()
                swept_at = time.monotonic()
            await asyncio.sleep(LOOK_EVERY * random.uniform(0.8, 1.2))

    async def _sweep(self) -> None:
        while True:
            rescued = await self._house.rescue(AT_ONCE)
            for queue, count in rescued.items():
                logger.warning("%d jobs of dead workers were rescued in queue %s", count, queue)
                self._on_ready(queue)
            if sum(rescued.values()) < AT_ONCE:
                return
