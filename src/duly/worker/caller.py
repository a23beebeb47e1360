"""Calls the handler of a job, on the loop or in a thread, and judges what it did."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..errors import PayloadRefused, UnknownJobType
from ..handlers.context import Context
from ..handlers.registry import HandlerRegistry, Registration
from ..jobs.outcome import Outcome
from ..store.claimed import ClaimedJob, Settlement
from . import judge
from .strangers import Strangers


@dataclass(slots=True)
class Running:
    """One running attempt. `ending` says why it was asked to end: cancel, release or drop."""

    job: ClaimedJob
    ctx: Context
    task: asyncio.Task[None] | None = None
    ending: str | None = None


class Caller:
    """`resources` are given to the handlers that want them; plain functions run in threads."""

    def __init__(self, registry: HandlerRegistry, strangers: Strangers, slots: int) -> None:
        self._registry = registry
        self._strangers = strangers
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="duly-handler")
        self.resources: Mapping[str, Any] = {}
        self.in_hand: dict[int, Running] = {}  # by lease

    def close(self) -> None:
        """Let the threads go; what is still running in them is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def attempt_of(self, task: asyncio.Task[Any]) -> Running | None:
        """The attempt that runs in a task. May be asked from another thread."""
        return next((one for one in tuple(self.in_hand.values()) if one.task is task), None)

    async def attempt(self, running: Running) -> Settlement:
        """What becomes of the job; CancelledError when the attempt was asked to end."""
        job = running.job
        try:
            registration = self._registry.lookup(job.job_type)
            payload = registration.decode(job.payload)
        except UnknownJobType as error:
            return await self._strangers.settle(job, error)
        except PayloadRefused as error:
            return judge.discarded(job, str(error))
        try:
            if self._registry.surroundings.middleware:
                answer = await self._registry.surroundings.call(
                    lambda: self._call(registration, payload, running), payload, running.ctx
                )
            else:
                answer = await self._call(registration, payload, running)
            return judge.completed(job, answer)
        except Outcome as answer:
            return judge.answered(job, answer)
        except asyncio.CancelledError:
            if running.ending is not None:
                raise
            return judge.failed(job, "the handler cancelled itself")
        except TimeoutError as error:
            if running.ending is None and running.ctx.should_stop:
                text = f"ran longer than its timeout of {registration.timeout:g} s"
                return judge.raised(job, error, registration.failures, text)
            return judge.raised(job, error, registration.failures)
        except BaseException as error:  # a handler may raise what it likes, even SystemExit
            return judge.raised(job, error, registration.failures)

    async def _call(self, registration: Registration, payload: Any, running: Running) -> Any:
        ctx, timeout = running.ctx, registration.timeout
        if timeout is not None:
            ctx.deadline = time.monotonic() + timeout
        if not registration.is_async:
            return await self._call_in_thread(registration, payload, running)
        if timeout is None:
            return await registration.call(payload, ctx, self.resources)
        scope = asyncio.timeout(timeout)
        try:
            async with scope:
                return await registration.call(payload, ctx, self.resources)
        except TimeoutError:
            if scope.expired():
                ctx.stop()
            raise

    async def _call_in_thread(
        self, registration: Registration, payload: Any, running: Running
    ) -> Any:
        """A thread cannot be ended: it is asked to, and its slot is taken until it has."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(
            self._threads, registration.call, payload, running.ctx, self.resources
        )
        try:
            done, _ = await asyncio.wait({future}, timeout=registration.timeout)
            if done:
                return future.result()
            running.ctx.stop()
            await asyncio.wait({future})
            raise TimeoutError
        finally:
            await _thread_ended(future)


async def _thread_ended(future: asyncio.Future[Any]) -> None:
    """Return when a handler's thread has ended, however often this wait is cancelled."""
    while not future.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({future})
    if not future.cancelled():
        future.exception()  # looked at, so that nobody complains that it was not
