"""Makes the partitions of the coming days and drops those whose time is over."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from ..store.house import House

LOOK_EVERY = 600.0
BUSY_PAUSE = 5.0
DAYS_AHEAD = 7
AT_ONCE = 1_000

logger = logging.getLogger("duly.pruner")


class Pruner:
    """Finished jobs are kept for `keep_days`, events for `event_hours`."""

    def __init__(self, house: House, *, keep_days: int, event_hours: int) -> None:
        self._house = house
        self._keep_days = keep_days
        self._event_hours = event_hours

    async def run(self) -> None:
        """Prune until cancelled."""
        while True:
            await self.prune(datetime.now(UTC))
            await asyncio.sleep(LOOK_EVERY)

    async def prune(self, now: datetime) -> None:
        """One round. `now` only chooses the days to look at; the database decides on each job."""
        while (made := await self._house.make_partitions(DAYS_AHEAD)) is None:
            logger.info("partitions are made later: the tables are busy")
            await asyncio.sleep(BUSY_PAUSE)
        if made:
            logger.info("%d partitions were made", made)
        await self._prune_events(now)
        await self._prune_jobs(now)
        while await self._house.prune_carried(self._keep_days, AT_ONCE) == AT_ONCE:
            continue
        await self._house.prune_keys(self._keep_days)

    async def _prune_events(self, now: datetime) -> None:
        last_kept = (now - timedelta(hours=self._event_hours)).date()
        for day in await self._house.partition_days("event"):
            if day < last_kept and await self._house.prune_events(day):
                logger.info("the events of %s were dropped", day)

    async def _prune_jobs(self, now: datetime) -> None:
        last_kept = (now - timedelta(days=self._keep_days)).date()
        for day in await self._house.partition_days("job"):
            if day >= last_kept:
                continue
            carried = await self._house.prune_day(day, self._keep_days)
            if carried is None:
                logger.info("the jobs of %s are dropped later: the tables are busy", day)
                return
            logger.info("the jobs of %s were dropped, %d were carried over", day, carried)
