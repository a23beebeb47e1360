"""An engine with a worker and a housekeeper in this process, for the handlers of one test."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from eventually import eventually

from duly.config import Settings
from duly.handlers.registry import HandlerRegistry
from duly.jobs.attempt import Attempt
from duly.jobs.job import Job
from duly.jobs.payload import encode_payload
from duly.jobs.status import JobStatus
from duly.jobs.submission import Submission
from duly.wiring import Engine, open_engine


class Work:
    """What a test does with an open engine. `sql` is a connection to the same database."""

    def __init__(self, engine: Engine, sql: asyncpg.Connection) -> None:
        self.engine = engine
        self.client = engine.client
        self.sql = sql

    async def enqueue(self, job_type: str, payload: Any = None, **options: Any) -> Job:
        text = encode_payload({} if payload is None else payload)
        return await self.client.enqueue(Submission(job_type=job_type, payload=text, **options))

    async def becomes(self, job: Job | UUID, *statuses: JobStatus, attempts: int = 0) -> Job:
        """The job, once it has one of these statuses and at least so many attempts."""
        job_id = job if isinstance(job, UUID) else job.id

        async def look() -> Job | None:
            seen = await self.client.get(job_id)
            return seen if seen.status in statuses and seen.attempts >= attempts else None

        return await eventually(look, f"job {job_id} {'/'.join(statuses)}")

    async def ends(self, job: Job | UUID) -> Job:
        return await self.becomes(job, JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)

    async def last_attempt(self, job: Job, *, of: int = 1) -> Attempt:
        """The newest attempt, once there are `of` of them."""

        async def look() -> list[Attempt] | None:
            attempts = await self.client.attempts(job.id)
            return attempts if len(attempts) >= of else None

        return (await eventually(look, f"attempt {of} at {job.id}"))[-1]

    async def advance(self, seconds: float) -> None:
        """Set the database's clock so many seconds ahead of the real one."""
        await self.sql.execute(
            "create or replace function duly.now() returns timestamptz language sql stable"
            f" parallel safe as $$ select now() + interval '{seconds} seconds' $$"
        )


@asynccontextmanager
async def working(
    settings: Settings, handlers: dict[str, Callable[..., Any]], **options: Any
) -> AsyncGenerator[Work]:
    """An engine whose worker does these job types; `options` are those of `open_engine`.

    A handler may be a pair: the function, and the options of its registration.
    """
    registry = HandlerRegistry()
    for job_type, given in handlers.items():
        function, registered = given if isinstance(given, tuple) else (given, {})
        registry.add(job_type, function, **registered)
    parts = {"worker": True, "maintenance": True, "migrate": False, **options}
    assert settings.database_url is not None
    sql = await asyncpg.connect(settings.database_url.reveal())
    try:
        async with open_engine(settings, registry, **parts) as engine:
            yield Work(engine, sql)
    finally:
        await sql.close()
