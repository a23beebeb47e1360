"""One worker: its claimer, executor, reporter, settler and heartbeat, from start to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

from ..config import Secret, Settings
from ..errors import DulyError
from ..handlers.registry import HandlerRegistry
from ..store.store import Store
from .caller import Caller
from .claiming.claimer import Claimer
from .claiming.lanes import Lanes
from .claiming.wakeup import Wakeup
from .executor import Executor, blame
from .heartbeat import Heartbeat, MakeBeating
from .metrics import LOST
from .reporter import Reporter
from .settler import Settler, ignore_return
from .stall_watch import StallWatch
from .strangers import Strangers

LAST_WAIT = 5.0

logger = logging.getLogger("duly.worker")


class Worker:
    """Runs jobs of some queues (of all when `queues` is None) until it is stopped.

    `on_back(queue, delay)` is told of jobs that went back to wait, for hints to others.
    """

    def __init__(
        self,
        store: Store,
        registry: HandlerRegistry,
        settings: Settings,
        dsn: Secret,
        *,
        queues: Sequence[str] | None = None,
        on_back: Callable[[str, float | None], None] = ignore_return,
        heartbeat: MakeBeating = Heartbeat,
    ) -> None:
        self._store = store
        self._registry = registry
        self._settings = settings
        self._queues = queues
        self.name = f"{socket.gethostname()}/{os.getpid()}-{secrets.token_hex(2)}"
        strangers = Strangers(store.workers, settings.unknown_job_types)
        self.reporter = Reporter(store.attempts)
        self.settler = Settler(store.attempts, self.reporter, on_back)
        self._caller = Caller(registry, strangers, settings.slots)
        self.executor = Executor(self._caller, self.settler, self.reporter, settings.slots)
        lanes = Lanes(store.attempts, queues, strangers)
        self.claimer = Claimer(lanes, self.executor, Wakeup(settings.poll))
        self.heartbeat = heartbeat(
            dsn,
            interval=settings.heartbeat,
            ttl=settings.worker_ttl,
            on_lost=self._lost,
            on_cancelled=self._cancel,
        )
        self._watch = StallWatch(settings.stall_seconds, self._caller.attempt_of, blame)
        self._open = AsyncExitStack()
        self._stop = asyncio.Event()
        self._claiming: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self.id: int | None = None

    async def start(self) -> None:
        """Open what the handlers want, register, and begin to claim. Raises DatabaseUnreachable."""
        self._caller.resources = await self._open.enter_async_context(
            self._registry.open_resources()
        )
        try:
            await self._join()
        except BaseException:
            await self._open.aclose()
            raise
        self._claiming = asyncio.create_task(self.claimer.run(self._stop))
        self._watch.start()

    async def stop(self, grace: float) -> bool:
        """Stop claiming, give back what was not started, let running handlers finish.

        After `grace` seconds the rest is cancelled and released uncharged. Every outcome is written
        before this returns. Answers whether every handler had really ended.
        """
        self._stop.set()
        self.executor.wake()
        self.claimer.hint("")
        if self._claiming is not None:
            await self._claiming
        self.executor.release_prefetched()
        if not await self._finished_within(grace):
            logger.warning(
                "%d jobs are given back: the grace period is over", self.executor.running
            )
            self.executor.end_all("release")
        is_clean = await self._finished_within(LAST_WAIT)
        self.executor.abandon()
        await self._watch.stop()
        await self._say_goodbye()
        try:
            await self._open.aclose()
        except Exception:
            logger.exception("a resource could not be closed")
        return self.executor.close() and is_clean

    def hint(self, queue: str) -> None:
        """There may be jobs in `queue` (empty: in any)."""
        self.claimer.hint(queue)

    def look_for_cancellations(self) -> None:
        """Somebody may have asked for a running job to be cancelled."""
        self._run_errand(self._cancel_asked())

    def reasons_not_ready(self) -> list[str]:
        """Why this worker cannot do its work now; empty when it can."""
        reasons: list[str] = []
        if self.id is None:
            reasons.append("the worker is not registered")
        if self.heartbeat.age > 2 * self._settings.heartbeat + 1:
            reasons.append(f"no heartbeat was confirmed for {self.heartbeat.age:.0f} s")
        if self._claiming is not None and self._claiming.done() and not self._stop.is_set():
            reasons.append("the claim loop has ended")
        return reasons

    async def _join(self) -> None:
        self.id = await self._store.workers.register(
            self.name,
            slots=self._settings.slots,
            queues=self._queues,
            job_types=list(self._registry),
        )
        self.claimer.worker = self.id
        self.heartbeat.start(self.id)
        self.claimer.hint("")

    async def _finished_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.executor.finished()
        except TimeoutError:
            return False
        return True

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(LAST_WAIT + self._settings.worker_ttl):
                await self.settler.flush()
                # Who has left is dead to the database: a beat after that would look like a loss.
                await self.heartbeat.stop()
                if self.id is not None:
                    await self._store.workers.leave(self.id)
        except (DulyError, TimeoutError) as error:
            logger.warning("the worker could not say goodbye: %s", error)
        await self.heartbeat.stop()
        await self.reporter.close()

    def _lost(self) -> None:
        """Others may take the jobs now: end every handler, write nothing, start over."""
        LOST.inc()
        old, self.id = self.id, None
        self.claimer.worker = None
        self.executor.end_all("drop")
        self._run_errand(self._rejoin(old))

    async def _rejoin(self, old: int | None) -> None:
        while not self._stop.is_set():
            try:
                if old is not None:
                    await self._store.workers.leave(old)
                await self._join()
            except DulyError:
                await asyncio.sleep(random.uniform(0.1, 2.0))
            else:
                logger.info("the worker has started over as %d", self.id)
                return

    async def _cancel_asked(self) -> None:
        try:
            if self.id is not None:
                self._cancel(await self._store.workers.asked_to_stop(self.id))
        except DulyError as error:
            logger.debug("the next heartbeat will tell what to cancel: %s", error)

    def _cancel(self, job_ids: list[UUID]) -> None:
        for job_id in job_ids:
            self.executor.cancel(job_id)

    def _run_errand(self, errand: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
