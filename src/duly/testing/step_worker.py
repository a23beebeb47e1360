"""A real worker that claims nothing by itself: it does one job at a time, when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from ..config import Settings
from ..errors import NotAllowed
from ..handlers.registry import HandlerRegistry
from ..store.claimed import ClaimedJob
from ..store.store import Store
from ..store.testing.laboratory import Laboratory
from ..wiring import Engine, open_engine
from ..worker.worker import Worker
from .drained import Ran

FROM_THE_START = -1
AT_ONCE = 1_000
A_MOMENT = 0.001  # a job is due a moment after its moment


class StepWorker:
    """Claims as workers do: the highest priority first, then by queue, then in order."""

    def __init__(self, engine: Engine, worker: Worker, number: int) -> None:
        self._store: Store = engine.store
        self._worker = worker
        self._number = number
        self._laboratory = Laboratory(engine.store.database)
        self._client = engine.client

    async def next_job(self, queues: Sequence[str] | None) -> ClaimedJob | None:
        """Take the first job that is due, if there is one."""
        while await self._store.house.promote(AT_ONCE):
            pass
        for lane in await self._store.attempts.lanes(queues):
            claim = await self._store.attempts.claim(
                lane, worker=self._number, cursor=FROM_THE_START, most=1
            )
            if claim.jobs:
                return claim.jobs[0]
        return None

    async def job(self, job_id: UUID) -> ClaimedJob:
        """Take this job, due or not; raises JobNotFound, and NotAllowed unless it waits."""
        claimed = await self._laboratory.claim(job_id, self._number)
        if claimed is None:
            status = (await self._client.get(job_id)).status.value
            raise NotAllowed(job_id=job_id, job_status=status, verb="claim", allowed="pending")
        return claimed

    async def advance_to_next(self) -> bool:
        """Move the clock to when the next job is due; False when none waits for its moment."""
        seconds = await self._store.house.next_due()
        if seconds is None:
            return False
        await self._laboratory.advance(max(seconds, 0.0) + A_MOMENT)
        return True

    async def do(self, job: ClaimedJob, timeout: float) -> Ran:
        """Run the handler to its end and write the outcome; TimeoutError after `timeout` s."""
        self._worker.executor.start(job)
        try:
            async with asyncio.timeout(timeout):
                await self._worker.executor.finished()
        except TimeoutError:
            reason = f"job {job.id} ({job.job_type}) still runs after {timeout:g} s"
            raise TimeoutError(reason) from None
        await self._worker.settler.flush()
        attempts = await self._client.attempts(job.id)
        ended = next((one for one in attempts if one.lease == job.lease), None)
        after = await self._client.get(job.id)
        if ended is None:  # given back before it was started: nothing is kept of that
            return Ran(after, "release", None)
        return Ran(after, ended.outcome, ended.error)


@asynccontextmanager
async def step_worker(settings: Settings, registry: HandlerRegistry) -> AsyncGenerator[StepWorker]:
    """Start one, with everything that a worker holds open; it is stopped at the end."""
    async with open_engine(settings, registry, worker=True, queues=[], migrate=False) as engine:
        if engine.worker is None or engine.worker.id is None:
            raise RuntimeError("the engine was opened without a worker")
        yield StepWorker(engine, engine.worker, engine.worker.id)
