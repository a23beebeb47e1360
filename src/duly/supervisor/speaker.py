"""Says that workers are alive: one statement for all the processes of a supervisor.

No handler runs here, so that nothing they do can silence it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

from ..errors import DulyError
from ..store.workers import Workers
from ..worker.heartbeat import since_boot
from .child import Child
from .messages import Confirmed, Denied

logger = logging.getLogger("duly.supervisor")


class Speaker:
    """Beats every `interval` seconds for the processes that live then, and lets each know."""

    def __init__(
        self, workers: Workers, interval: float, children: Callable[[], Collection[Child]]
    ) -> None:
        self._workers = workers
        self._interval = interval
        self._children = children

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            try:
                async with asyncio.timeout(max(self._interval, 1.0)):
                    await self._beat()
                pause = self._interval
            except (DulyError, TimeoutError) as error:
                logger.debug("heartbeats were not confirmed: %s", error)
                pause = min(self._interval, 0.5)
            await asyncio.sleep(pause)

    async def _beat(self) -> None:
        spoken_for = {one.worker: one for one in self._children() if one.worker is not None}
        if not spoken_for:
            return
        sent_at = since_boot()
        for worker, pulse in (await self._workers.beat_for(list(spoken_for))).items():
            if pulse.is_alive:
                spoken_for[worker].tell(Confirmed(worker, sent_at, pulse.cancelled))
            else:
                spoken_for[worker].tell(Denied(worker))
