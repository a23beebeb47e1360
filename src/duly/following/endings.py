"""Waits for jobs to end, by the event stream: those who wait cost the database nothing.

Only the beginning and the end of a wait look at the job, so that nothing can be missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from ..client import Client
from ..errors import AppClosed, Unavailable
from ..events.event import Event, EventFilters, Reset
from ..jobs.attempt import Attempt
from ..jobs.job import Job
from .following import Following
from .live_stream import LiveStream

Answer = TypeVar("Answer")
Show = Callable[[Event], None]


def show_nothing(_event: Event) -> None:
    """Nobody wants to see what happens until then."""


class Endings:
    """How jobs end. A job that is retried afterwards has ended all the same."""

    def __init__(self, client: Client, live: LiveStream) -> None:
        self._client = client
        self._live = live

    async def wait(self, job_id: UUID, timeout: float | None = None) -> Job:
        """The job as it ended; at once when it has ended already.

        While the database is away this goes on waiting. Raises JobNotFound; TimeoutError after
        `timeout` seconds, while the job goes on; and AppClosed.
        """
        if timeout is not None and timeout <= 0:
            return await self._look_once(job_id)
        async with _patience(job_id, timeout):
            return await self._wait(job_id)

    async def here(self) -> str:
        """The position in the stream from which `watch` can tell all of a job made after this."""
        async with self._live.follow() as following:
            return following.position or ""

    async def watch(self, job: Job, *, after: str, show: Show, timeout: float | None = None) -> Job:
        """The same for a job that is alive; its events after a position are given to `show`.

        What its handler reports is among them.
        """
        filters = EventFilters(job_id=job.id, progress=True, log=True)
        async with (
            _patience(job.id, timeout),
            self._live.follow(filters, after=after) as following,
        ):
            return await self._follow(job.id, following, show, since=job.updated_at)

    async def _look_once(self, job_id: UUID) -> Job:
        job = await self._client.get(job_id)
        if job.status.is_final:
            return job
        raise TimeoutError(f"job {job_id} has not ended yet: it goes on")

    async def _wait(self, job_id: UUID) -> Job:
        if not self._live.is_open and (job := await self._look(job_id)).status.is_final:
            return job
        # First listens and then looks: an end in between is heard.
        async with self._live.follow(EventFilters(job_id=job_id)) as following:
            job = await self._look(job_id)
            if job.status.is_final:
                return job
            return await self._follow(job_id, following, show_nothing, since=job.updated_at)

    async def _follow(self, job_id: UUID, following: Following, show: Show, since: datetime) -> Job:
        """The job at its first end after `since`, when it was seen alive."""
        async for event in following:
            if isinstance(event, Reset):
                job = await self._look(job_id)
                if job.status.is_final:
                    return job
                since = job.updated_at
                continue
            show(event)
            if event.status.is_final and (ended := await self._at(event, since)) is not None:
                return ended
        raise AppClosed

    async def _at(self, end: Event, since: datetime) -> Job | None:
        """The job at this end; None when it was retried since, and seen alive after that.

        The stream may be behind what a look at the job shows.
        """
        job = await self._look(end.job_id)
        is_old = end.at <= since
        if job.finished_at == end.at or (is_old and job.status.is_final):
            return job
        if is_old:
            return None
        attempts = await self._insist(lambda: self._client.attempts(end.job_id))
        return job_at(end, job, attempts)

    async def _look(self, job_id: UUID) -> Job:
        return await self._insist(lambda: self._client.get(job_id))

    async def _insist(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of the database, also when it is away for a while."""
        while True:
            try:
                return await ask()
            except Unavailable:
                await self._live.pause()


def job_at(end: Event, job: Job, attempts: list[Attempt]) -> Job:
    """A job as it was at an earlier end, from its attempts of up to now, oldest first."""
    until_then = [one for one in attempts if one.finished_at <= end.at]
    errors = [one.error for one in until_then if one.error is not None]
    last = until_then[-1] if until_then and until_then[-1].finished_at == end.at else None
    return msgspec.structs.replace(
        job,
        status=end.status,
        attempts=end.attempt,
        last_error=errors[-1] if errors else None,
        processing_started_at=None,
        updated_at=end.at,
        finished_at=end.at,
        result=None if last is None else last.result,
    )


@asynccontextmanager
async def _patience(job_id: UUID, timeout: float | None) -> AsyncGenerator[None]:
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        sentence = f"job {job_id} has not ended within {timeout:g} s: it goes on"
        raise TimeoutError(sentence) from None
