"""Writes outcomes in batches: at once when idle, otherwise when the batch in flight is written.

An outcome is kept until the database has accepted or refused it, however long that takes. What its
attempt has reported is written before it. One that a handler may have written in a transaction of
its own is written apart: if that is still open, only this one waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace

from ..errors import Unavailable
from ..jobs.status import JobStatus
from ..store.attempts import Attempts, Fence
from ..store.claimed import Settlement
from .metrics import ATTEMPTS, STALE_WRITES
from .reporter import Reporter

MOST_AT_ONCE = 500
LONGEST_PAUSE = 2.0

logger = logging.getLogger("duly.settler")


def ignore_return(_queue: str, _delay: float | None) -> None:
    """Nobody in this process waits for jobs that go back."""


class Settler:
    """`on_back` is called for each job that went back to wait, with its delay (seconds) or None."""

    def __init__(
        self,
        attempts: Attempts,
        reporter: Reporter,
        on_back: Callable[[str, float | None], None] = ignore_return,
    ) -> None:
        self._attempts = attempts
        self._reporter = reporter
        self._on_back = on_back
        self._waiting: list[Settlement] = []
        self._flushing: asyncio.Task[None] | None = None
        self._apart: set[asyncio.Task[None]] = set()
        self._unwritten: set[int] = set()
        self.stale_writes = 0

    @property
    def leases(self) -> set[int]:
        """The leases whose outcomes are not written yet."""
        return set(self._unwritten)

    def add(self, settlement: Settlement) -> None:
        """Write this outcome soon."""
        self._unwritten.add(settlement.job.lease)
        if settlement.may_be_done:
            task = asyncio.create_task(self._write([settlement]))
            self._apart.add(task)
            task.add_done_callback(self._apart.discard)
            return
        self._waiting.append(settlement)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())

    async def flush(self) -> None:
        """Return when everything that was added has been written."""
        while self._flushing is not None:
            await asyncio.shield(self._flushing)
        while self._apart:
            await asyncio.wait(self._apart)

    async def _flush(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(0)
                batch = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                await self._write(batch)
        finally:
            self._flushing = None

    async def _write(self, batch: list[Settlement]) -> None:
        failures = 0
        while True:
            try:
                if self._reporter.is_behind:
                    await self._reporter.catch_up({one.job.lease for one in batch})
                accepted = await self._attempts.settle(batch)
                refused = [one for one in batch if _fence(one) not in accepted]
                doubtful = [_fence(one) for one in refused if failures or one.may_be_done]
                recorded = await self._attempts.recorded(doubtful) if doubtful else set[Fence]()
                break
            except Unavailable as error:
                failures += 1
                if failures == 1:
                    logger.warning("%d outcomes wait for the database: %s", len(batch), error)
                await asyncio.sleep(random.uniform(0.02, min(LONGEST_PAUSE, 0.1 * 2**failures)))
            except Exception as error:
                logger.exception("outcomes could not be written")
                await self._write_apart(batch, error)
                return
        accepted |= recorded
        for one in batch:
            is_done = one.may_be_done and _fence(one) in recorded
            self._account(_done_before(one) if is_done else one, accepted=_fence(one) in accepted)

    async def _write_apart(self, batch: list[Settlement], error: Exception) -> None:
        """Find the outcome that cannot be stored and fail its job; its neighbours go through."""
        if len(batch) > 1:
            half = len(batch) // 2
            await self._write(batch[:half])
            await self._write(batch[half:])
            return
        (one,) = batch
        plain = f"its outcome could not be stored ({type(error).__name__})"
        if one.error == plain:
            await asyncio.sleep(LONGEST_PAUSE)
        await self._write(
            [
                replace(
                    one,
                    outcome="fail",
                    status=JobStatus.FAILED,
                    error=plain,
                    result=None,
                    kept=True,
                )
            ]
        )

    def _account(self, one: Settlement, *, accepted: bool) -> None:
        self._unwritten.discard(one.job.lease)
        if not accepted:
            self.stale_writes += 1
            STALE_WRITES.labels(one.job.job_type).inc()
            logger.warning(
                "stale write refused: %s of job %s (%s, lease %d) came too late; %d so far",
                one.outcome,
                one.job.id,
                one.job.job_type,
                one.job.lease,
                self.stale_writes,
            )
            return
        ATTEMPTS.labels(one.outcome).inc()
        if one.status is JobStatus.PENDING:
            self._on_back(one.job.queue, one.delay)


def _fence(one: Settlement) -> Fence:
    return one.job.id, one.job.lease


def _done_before(one: Settlement) -> Settlement:
    """What the transaction of the handler has written, instead of what the handler did later."""
    if one.outcome != "complete":
        logger.warning(
            "job %s (%s) is done, committed by its handler: that it then ended with %s changes"
            " nothing (%s)",
            one.job.id,
            one.job.job_type,
            one.outcome,
            (one.error or "").partition("\n")[0],
        )
    return replace(one, outcome="complete", status=JobStatus.DONE)
