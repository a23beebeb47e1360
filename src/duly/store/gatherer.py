"""Concurrent submissions, gathered into one durable statement.

Flushes at once when idle, otherwise when the flush in flight returns: nobody waits for a timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Unavailable
from ..jobs.submission import Idempotency, Submission
from .jobs import Jobs, Made

MOST_JOBS = 1_000

Asked = Sequence[tuple[Submission, Idempotency | None]]


@dataclass(slots=True)
class _Request:
    asked: Asked
    answer: asyncio.Future[list[Made]]


class Gatherer:
    """One statement in flight; whoever comes meanwhile shares the next one."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._waiting: deque[_Request] = deque()
        self._flushing: asyncio.Task[None] | None = None

    async def enqueue(self, asked: Asked) -> list[Made]:
        """Make these jobs, all or none; answers in the same order, when they are durable."""
        request = _Request(asked, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return await request.answer

    async def _flush(self) -> None:
        try:
            while self._waiting:
                await self._write(self._next_batch())
        finally:
            self._flushing = None

    def _next_batch(self) -> list[_Request]:
        batch: list[_Request] = []
        jobs = 0
        while self._waiting and (not batch or jobs + len(self._waiting[0].asked) <= MOST_JOBS):
            request = self._waiting.popleft()
            jobs += len(request.asked)
            batch.append(request)
        return batch

    async def _write(self, batch: list[_Request]) -> None:
        try:
            made = await self._jobs.enqueue([one for request in batch for one in request.asked])
        except Exception as error:  # whatever it is belongs to those who asked
            await self._blame(batch, error)
            return
        start = 0
        for request in batch:
            end = start + len(request.asked)
            if not request.answer.done():
                request.answer.set_result(made[start:end])
            start = end

    async def _blame(self, batch: list[_Request], error: Exception) -> None:
        """Find the request that broke the statement; its neighbours go through without it."""
        if len(batch) > 1 and not isinstance(error, Unavailable):
            half = len(batch) // 2
            await self._write(batch[:half])
            await self._write(batch[half:])
            return
        for request in batch:
            if not request.answer.done():
                request.answer.set_exception(error)
