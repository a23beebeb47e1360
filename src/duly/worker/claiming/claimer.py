"""Claims jobs in batches, for as many slots as are free."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from ...errors import DulyError
from ..executor import Executor
from .lanes import Lanes
from .wakeup import Wakeup

MOST_AT_ONCE = 1_000
LONGEST_PAUSE = 5.0
DOUBT = 60.0  # a statement whose answer we did not wait for may still be committed so much later
DOUBT_EVERY = 5.0
SUSPECT_PAUSE = 0.1  # no hint comes when the suspect before has ended

logger = logging.getLogger("duly.claimer")


class Claimer:
    """The loop that brings jobs to the executor.

    `worker` is the id that claims are made for; None while the worker has no right to claim.
    """

    def __init__(self, lanes: Lanes, executor: Executor, wakeup: Wakeup) -> None:
        self._lanes = lanes
        self._executor = executor
        self._wakeup = wakeup
        self.worker: int | None = None
        self.ticked_at = time.monotonic()
        self._doubtful_until = 0.0
        self._adopted_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Claim until `stop` is set; a claim in flight is brought home first."""
        failures = 0
        while not stop.is_set():
            self.ticked_at = time.monotonic()
            try:
                await self._executor.room_made(stop)
                if stop.is_set():
                    return
                await self._claim()
                failures = 0
            except Exception as error:
                failures += 1
                self._doubtful_until, self._adopted_at = time.monotonic() + DOUBT, 0.0
                if not isinstance(error, DulyError):
                    logger.exception("claiming broke, trying again")
                elif failures == 1:
                    logger.warning("claiming stopped, trying again: %s", error)
                pause = min(LONGEST_PAUSE, 0.1 * 2**failures)
                await self._wakeup.wait(random.uniform(0.02, pause))

    def hint(self, queue: str) -> None:
        """There may be jobs in `queue` (empty: in any)."""
        if not queue or self._lanes.serves(queue):
            self._wakeup.hint()

    async def _claim(self) -> None:
        worker = self.worker
        if worker is None:
            await self._wakeup.wait()
            return
        if time.monotonic() < self._doubtful_until:
            await self._adopt(worker)
        hinted, self._wakeup.was_hinted = self._wakeup.was_hinted, False
        room = min(MOST_AT_ONCE, self._executor.room)
        claim = await self._lanes.claim(
            worker, room, eager=hinted, in_hand=lambda: self._executor.leases
        )
        if worker != self.worker:
            logger.warning("%d claimed jobs are left to be rescued", len(claim.jobs))
            return
        for job in claim.jobs:
            self._executor.start(job)
        if claim.jobs:
            return
        if hinted and not self._lanes.looked_everywhere:
            # The hint came too soon after a look from the start: it gets its look when allowed.
            self._wakeup.was_hinted = True
            await self._wakeup.wait(self._lanes.seconds_to_scan)
        elif self._lanes.has_suspects_waiting:
            await self._wakeup.wait(SUSPECT_PAUSE)
        else:
            await self._wakeup.wait()

    async def _adopt(self, worker: int) -> None:
        """A claim whose answer was lost may have been committed: do the jobs that it brought."""
        if time.monotonic() - self._adopted_at < DOUBT_EVERY:
            return
        # Looked up first: what the database shows later and is not in here was never known.
        known = self._executor.leases
        lost = [job for job in await self._lanes.held(worker) if job.lease not in known]
        self._adopted_at = time.monotonic()
        if worker != self.worker:
            return
        if lost:
            logger.warning("%d jobs are done whose claim was not answered", len(lost))
        for job in lost:
            self._executor.start(job)
