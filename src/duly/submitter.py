"""What submits jobs by name: one or many, async or sync, in the caller's transaction or not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Unpack

from . import transactions
from .client import Client, completed
from .config import Settings
from .errors import RequestRefused
from .following.handle import JobHandle
from .handler_function import BulkOptions, EnqueueOptions
from .handlers.registry import HandlerRegistry
from .jobs.job import Job
from .jobs.payload import encode_payload
from .jobs.submission import Submission
from .wiring import Engine, open_connection


class Submitter:
    """The part of an app that submits. The methods that end in `_sync` need no event loop.

    `conn` is a connection or session of the caller's, of asyncpg, psycopg, psycopg2, SQLAlchemy or
    Django: the job is made by its transaction, exists when that commits, and never when it is
    rolled back. Nobody here commits, rolls back or closes it; errors of the driver come as they
    are. Without `conn` a job is durable when the call returns.
    """

    def __init__(self, settings: Settings, registry: HandlerRegistry) -> None:
        self.settings = settings
        self.registry = registry
        self._engine: Engine | None = None

    @property
    def client(self) -> Client:
        """Every action on jobs; there while the app is open."""
        return self._opened.client

    async def enqueue(
        self, job_type: str, payload: Any = None, **options: Unpack[EnqueueOptions]
    ) -> JobHandle[Any]:
        """Submit one job. Await its `result()` if you like, but not before `conn` has committed.

        Queue and `max_attempts` default to those of the handler, where it is registered here.
        Raises PayloadRefused or RequestRefused with the path of what does not fit, and
        DatabaseUnreachable.
        """
        client, conn = self.client, options.pop("conn", None)
        submission = _submission(job_type, payload, options)
        if conn is None:
            return self._handle(await client.enqueue(submission))
        (job,) = await transactions.enqueue(conn, [self._whole(submission, "$")])
        return self._handle(job)

    async def enqueue_many(
        self,
        job_type: str,
        payloads: Iterable[Any],
        *,
        unique_keys: Sequence[str | None] | None = None,
        **options: Unpack[BulkOptions],
    ) -> list[JobHandle[Any]]:
        """Submit a job for each payload, all or none, in order and in one statement.

        `unique_keys` has one for each payload. Raises what `enqueue` raises; the path says which of
        them does not fit: `$[17].payload.name`.
        """
        client, conn = self.client, options.pop("conn", None)
        submissions = _submissions(job_type, payloads, unique_keys, options)
        if conn is None:
            jobs = await client.enqueue_many(submissions)
        else:
            jobs = await transactions.enqueue(conn, self._all_whole(submissions))
        return [self._handle(job) for job in jobs]

    def enqueue_sync(
        self, job_type: str, payload: Any = None, **options: Unpack[EnqueueOptions]
    ) -> Job:
        """Submit one job from sync code; the app need not be open.

        Without `conn` this opens a connection of its own, for this one statement. Raises what
        `enqueue` raises.
        """
        conn = options.pop("conn", None)
        submission = self._whole(_submission(job_type, payload, options), "$")
        (job,) = self._make_sync(conn, [submission])
        return job

    def enqueue_many_sync(
        self,
        job_type: str,
        payloads: Iterable[Any],
        *,
        unique_keys: Sequence[str | None] | None = None,
        **options: Unpack[BulkOptions],
    ) -> list[Job]:
        """Submit a job for each payload, as `enqueue_many` does, from sync code."""
        conn = options.pop("conn", None)
        submissions = _submissions(job_type, payloads, unique_keys, options)
        return self._make_sync(conn, self._all_whole(submissions))

    def _make_sync(self, conn: object, submissions: Sequence[Submission]) -> list[Job]:
        if conn is not None:
            return transactions.enqueue_sync(conn, submissions)
        _refuse_running_loop()
        return asyncio.run(self._make_alone(submissions))

    async def _make_alone(self, submissions: Sequence[Submission]) -> list[Job]:
        async with open_connection(self.settings) as connection:
            return await transactions.enqueue(connection, submissions)

    def _whole(self, submission: Submission, path: str) -> Submission:
        return completed(self.registry, submission.check(path), path)

    def _all_whole(self, submissions: Sequence[Submission]) -> list[Submission]:
        return [self._whole(one, f"$[{index}]") for index, one in enumerate(submissions)]

    @property
    def _opened(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("open the app first: `async with app:`")
        return self._engine

    def _handle(self, job: Job) -> JobHandle[Any]:
        return JobHandle(job, self._opened.client, self._opened.endings)


def _submission(
    job_type: str, payload: Any, options: EnqueueOptions, path: str = "$.payload"
) -> Submission:
    """The submission that these options ask for; raises TypeError for what is no option."""
    fields: dict[str, Any] = {**options, "tags": tuple(options.get("tags", ()))}
    encoded = encode_payload({} if payload is None else payload, path)
    return Submission(job_type=job_type, payload=encoded, **fields)


def _submissions(
    job_type: str,
    payloads: Iterable[Any],
    unique_keys: Sequence[str | None] | None,
    options: BulkOptions,
) -> list[Submission]:
    if "unique_key" in options:
        raise RequestRefused(path="unique_key", reason="give unique_keys, one per payload")
    whole = list(payloads)
    keys = [None] * len(whole) if unique_keys is None else unique_keys
    if len(keys) != len(whole):
        raise RequestRefused(path="unique_keys", reason=f"must be {len(whole)}, one per payload")
    return [
        _submission(job_type, payload, {**options, "unique_key": key}, f"$[{index}].payload")
        for index, (payload, key) in enumerate(zip(whole, keys, strict=True))
    ]


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("an event loop runs here: await the method without `_sync`")
