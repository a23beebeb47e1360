"""Duly: the object that a program makes, to register handlers, to submit jobs and to run them."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Literal, Self
from uuid import UUID

from .config import Settings
from .events.event import EventFilters
from .following.following import Following
from .following.handle import JobHandle
from .handler_function import Decorator, HandlerFunction
from .handlers.failure_policy import Backoff, OnError
from .handlers.handler import Handler
from .handlers.registry import HandlerRegistry
from .handlers.surroundings import Middleware, Resource
from .jobs.job import Job
from .jobs.status import JobStatus
from .jobs.submission import DEFAULT_MAX_ATTEMPTS, DEFAULT_QUEUE
from .submitter import Submitter
from .wiring import Engine, built_in_handlers, ignore_engine, open_engine
from .worker.worker import Worker


class Duly(Submitter):
    """Handlers, and the way to the database.

    Settings come from the environment unless they are given. Use it with `async with` to submit
    jobs; `async with app.worker()` runs a worker in this process.
    """

    def __init__(
        self, settings: Settings | None = None, *, environment: Mapping[str, str] | None = None
    ) -> None:
        given = os.environ if environment is None else environment
        super().__init__(settings or Settings.from_environment(given), HandlerRegistry())
        for handler in built_in_handlers(self.settings):
            self.registry.register(handler)
        self._closing: AsyncExitStack | None = None

    def handler(
        self,
        job_type: str,
        *,
        queue: str = DEFAULT_QUEUE,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        timeout: float | None = None,
        aliases: Sequence[str] = (),
        backoff: Backoff | None = None,
        on_error: OnError | None = None,
    ) -> Decorator:
        """Register the decorated function, `async` or plain, as the handler of a job type.

        It takes the payload, and the context when it has a second argument. What was a function can
        be called as before, and has an `enqueue(payload)` of its own. `timeout`: in seconds.
        `aliases` are further job types that it does, such as its old names. `backoff` gives the
        seconds to wait after attempt n failed, as a function or a list. `on_error` says what kinds
        of errors mean: `{UserGone: Discard("no such user"), Busy: lambda e: RetryAfter(e.wait)}`.
        """

        def register(function: Callable[..., Any], /) -> HandlerFunction[Any, Any]:
            self.registry.add(
                job_type,
                function,
                queue=queue,
                max_attempts=max_attempts,
                timeout=timeout,
                aliases=aliases,
                backoff=backoff,
                on_error=on_error,
            )
            return HandlerFunction(job_type, function, self)

        return register

    def resource(self, open_resource: Resource) -> Resource:
        """Register something that a worker holds open for its handlers, by its function's name.

        Decorate a function with `@asynccontextmanager` and then with this: `async with` of what it
        answers is entered once per worker. A handler gets it by a keyword-only parameter of that
        name: `async def fetch(payload, *, http): …`.
        """
        self.registry.surroundings.resources[open_resource.__name__] = open_resource
        return open_resource

    def middleware(self, function: Middleware) -> Middleware:
        """Register what is done around every handler: `async def timed(payload, ctx, call_next)`.

        It awaits `call_next()` and answers what that answers, or something else. What was
        registered first is outermost. The timeout of a handler is for the handler alone.
        """
        self.registry.surroundings.middleware.append(function)
        return function

    def register(self, handler: Handler) -> None:
        """Register an object with a `job_type` and an `execute` method."""
        self.registry.register(handler)

    async def job(self, job_id: UUID) -> JobHandle[Any]:
        """A handle of one job, to wait for it or to act on it; raises JobNotFound."""
        return self._handle(await self.client.get(job_id))

    async def get(self, job_id: UUID) -> Job:
        """One job; raises JobNotFound."""
        return await self.client.get(job_id)

    def events(
        self,
        *,
        after: str | None = None,
        job_id: UUID | None = None,
        status: JobStatus | None = None,
        job_type: str | None = None,
        queue: str | None = None,
        tag: str | None = None,
        include: Collection[Literal["progress", "log"]] = (),
    ) -> Following:
        """What happens to jobs, live and in order: `async for event in app.events(): …`.

        Starts now, or after the position of an earlier event, or with "0" at the oldest event that
        is kept. A Reset among the events says that some may be missing. What running handlers
        report comes only when it is included. While the database is away this waits, and then
        misses nothing; it ends when the app is closed.
        """
        filters = EventFilters(
            job_id=job_id,
            status=None if status is None else JobStatus(status),
            job_type=job_type,
            queue=queue,
            tag=tag,
            progress="progress" in include,
            log="log" in include,
        )
        return self._opened.live.follow(filters, after=after)

    @asynccontextmanager
    async def worker(
        self, *, slots: int | None = None, queues: Sequence[str] | None = None
    ) -> AsyncGenerator[Worker]:
        """A worker in this process, with the housekeeping that it needs.

        Its heartbeat comes from a thread of this process: a handler in C that holds the interpreter
        for longer than the time to live silences it.
        """
        settings = replace(self.settings, slots=slots) if slots else self.settings
        is_open = self._engine is not None
        try:
            async with open_engine(
                settings,
                self.registry,
                worker=True,
                maintenance=True,
                queues=queues,
                opened=ignore_engine if is_open else self.adopt,
            ) as engine:
                if engine.worker is None:
                    raise RuntimeError("the engine was opened without a worker")
                yield engine.worker
        finally:
            if not is_open:
                self._engine = None

    def adopt(self, engine: Engine) -> None:
        """Be open with an engine that somebody else opened and closes, as `duly serve` does.

        Handlers submit jobs by their app: it has to be open where they run.
        """
        self._engine = engine

    async def __aenter__(self) -> Self:
        self._closing = AsyncExitStack()
        self._engine = await self._closing.enter_async_context(
            open_engine(self.settings, self.registry)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._engine = None
        if self._closing is not None:
            await self._closing.aclose()
