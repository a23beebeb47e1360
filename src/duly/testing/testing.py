"""Testing: what a test asks of the jobs of an app, and what it lets happen to them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

from ..app import Duly
from ..config import Secret, Settings
from ..jobs.filters import JobFilters
from ..jobs.job import Job
from ..jobs.status import JobStatus
from ..postgres.pool import Database
from ..store.store import Store
from ..store.testing.databases import name_of
from ..store.testing.laboratory import Laboratory
from ..worker.worker import Worker
from .drained import Drained, Ran
from .expectation import Expectation
from .step_worker import AT_ONCE, step_worker
from .worker_under_test import WorkerUnderTest

MOST_WAITING = 10_000
POLL = 0.05


class Typed(Protocol):
    """A handler: what `@app.handler` makes of a function, or an object with an `execute`."""

    @property
    def job_type(self) -> str: ...


class Identified(Protocol):
    """A job, or a handle of one."""

    @property
    def id(self) -> UUID: ...


class Testing:
    """The jobs of one app in a database that is for tests; for tests that are asynchronous.

    Every call opens what it needs and closes it again, so that nothing is left to be closed. The
    name of the database must have `test` in it: jobs are run here, and clocks moved.
    """

    __test__ = False  # pytest would take the name for that of tests

    def __init__(self, app: Duly, database: str) -> None:
        self.app = app
        self._dsn = Secret(database)
        self._silent: set[int] = set()
        if "test" not in name_of(self._dsn):
            reason = f"{name_of(self._dsn)!r} is not the name of a database for tests: it has no"
            raise ValueError(f'{reason} "test" in it')

    @contextmanager
    def in_place(self) -> Generator[None]:
        """Let the app use this database, whatever its settings say, until the end of the block."""
        before = self.app.settings
        self.app.settings = replace(before, database_url=self._dsn, migrate=False)
        try:
            yield
        finally:
            self.app.settings = before

    async def enqueued(self, job_type: str | Typed | None = None) -> list[Job]:
        """The jobs that wait, due or not, of one type or of all, in the order of submission."""
        kind = None if job_type is None else _name(job_type)
        filters = JobFilters(status=JobStatus.PENDING, job_type=kind)
        async with self._opened() as store:
            newest_first = await store.jobs.list(filters, limit=MOST_WAITING, before=None)
        return newest_first[::-1]

    async def assert_enqueued(
        self,
        job_type: str | Typed,
        payload: Any | Callable[[Any], bool] = None,
        *,
        queue: str | None = None,
        tags: Collection[str] = (),
        count: int | None = None,
    ) -> list[Job]:
        """Answer the jobs that wait and are as described; AssertionError when there are none.

        `payload` is what must be in the payload, objects at any depth may hold more; or a function
        that is given the payload and says whether it fits. `count` asks for just so many: 0 for
        none. The error shows the jobs that came nearest, and in what they differ.
        """
        expected = Expectation(job_type=_name(job_type), payload=payload, queue=queue, tags=tags)
        waiting = await self.enqueued()
        matching = [job for job in waiting if not expected.misses(job)]
        if len(matching) != count if count is not None else not matching:
            raise AssertionError(expected.explain(waiting, len(matching), count))
        return matching

    async def drain(
        self,
        *,
        queues: Sequence[str] | None = None,
        scheduled: bool = False,
        timeout: float = 30.0,
        most: int = 1_000,
    ) -> Drained:
        """Run all jobs that are due, and those that they enqueue, one after the other, to the end.

        With `scheduled`, those as well that wait for their moment or for another attempt: the clock
        is moved on to each. Nothing is raised for a job that fails: see what comes back, or call
        its `check()`. TimeoutError for a handler that runs for `timeout` seconds, AssertionError
        after `most` attempts: jobs that beget jobs have no end.
        """
        ran: list[Ran] = []
        async with step_worker(self._settings(slots=1), self.app.registry) as worker:
            while True:
                job = await worker.next_job(queues)
                if job is None:
                    if scheduled and await worker.advance_to_next():
                        continue
                    return Drained(ran)
                if len(ran) == most:
                    raise AssertionError(f"no end after {most} attempts: {Drained(ran[-10:])}")
                ran.append(await worker.do(job, timeout))

    async def run_job(self, job: Identified | UUID, *, timeout: float = 30.0) -> Ran:
        """Run one job that waits, due or not, once.

        Raises JobNotFound, NotAllowed when it does not wait, and TimeoutError.
        """
        job_id = job if isinstance(job, UUID) else job.id
        async with step_worker(self._settings(slots=1), self.app.registry) as worker:
            return await worker.do(await worker.job(job_id), timeout)

    async def advance(self, seconds: float) -> None:
        """Move the clock of the jobs on; those that are due then may be claimed from now on.

        It is the clock of the database, `duly.now()`. That of Python goes on as it was.
        """
        async with self._opened() as store:
            await Laboratory(store.database).advance(seconds)
            while await store.house.promote(AT_ONCE):
                pass

    @asynccontextmanager
    async def worker(
        self, *, slots: int | None = None, queues: Sequence[str] | None = None
    ) -> AsyncGenerator[WorkerUnderTest]:
        """A worker that runs beside the test, which may kill or freeze it."""
        settings = self._settings(slots=slots or self.app.settings.slots)
        async with self._opened(size=3) as store:
            worker = Worker(store, self.app.registry, settings, self._dsn, queues=queues)
            await worker.start()
            try:
                yield WorkerUnderTest(worker, store.database, self._silent.add)
            finally:
                await worker.stop(0)

    async def rescue(self) -> int:
        """Take back the jobs of workers that were killed or frozen, as if their time was up.

        Answers how many. A worker that is heard keeps its jobs.
        """
        ttl, rescued = self.app.settings.worker_ttl, 0
        async with self._opened() as store:
            await Laboratory(store.database).let_silence_pass(self._silent, ttl)
            await store.workers.bury(ttl)
            self._silent.clear()
            while taken := sum((await store.house.rescue(AT_ONCE)).values()):
                rescued += taken
        return rescued

    def _settings(self, *, slots: int) -> Settings:
        return replace(
            self.app.settings,
            database_url=self._dsn,
            migrate=False,
            slots=slots,
            poll=POLL,
            grace=0.0,
        )

    @asynccontextmanager
    async def _opened(self, size: int = 1) -> AsyncGenerator[Store]:
        database = Database(self._dsn, name="testing", size=size)
        await database.open()
        try:
            yield Store(database)
        finally:
            await database.close()


def _name(job_type: str | Typed) -> str:
    return job_type if isinstance(job_type, str) else job_type.job_type
