"""Keeps a number of worker processes alive: starts, restarts, replaces and stops them.

It imports no handler and runs none, so that nothing they do can harm it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DulyError, SettingRefused
from .child import Child
from .coroner import Coroner
from .messages import Ready

FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0
LONG_LIFE = 60.0
START_PATIENCE = 60.0
# How long the last deaths are reported when the supervisor itself ends.
LAST_REPORTS = 5.0

logger = logging.getLogger("duly.supervisor")


@dataclass(slots=True)
class Seat:
    """The place of one process: who has it, and how long to wait before the next is started."""

    child: Child | None = None
    delay: float = FIRST_DELAY
    is_replacing: bool = False


class Supervisor:
    """`patience`: seconds that a process has to end once it was asked to. `ground`: see `Ready`.

    `on_ready` is called once, when every process is at work for the first time.
    """

    def __init__(
        self,
        command: Sequence[str],
        processes: int,
        coroner: Coroner,
        *,
        patience: float,
        ground: str,
        on_ready: Callable[[Ready], None],
    ) -> None:
        self._command = command
        self._seats = [Seat() for _ in range(processes)]
        self._coroner = coroner
        self._patience = patience
        self._ground = ground
        self._on_ready = on_ready
        self._was_ready = False
        self._living: list[Child] = []
        self._watches: set[asyncio.Task[None]] = set()
        self._reports: set[asyncio.Task[None]] = set()
        self._replacing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._exit_code = 0
        self._refusal: DulyError | None = None

    @property
    def children(self) -> list[Child]:
        """The processes that live now."""
        return list(self._living)

    async def run(self) -> int:
        """Keep the processes alive until it is told to stop; answers the exit code.

        Raises what a process was refused for at the start.
        """
        for seat in self._seats:
            self._watch(self._fill(seat))
        await self._stopping.wait()
        while self._watches:
            await asyncio.wait(set(self._watches))
        if self._reports:
            await asyncio.wait(set(self._reports), timeout=LAST_REPORTS)
        if self._refusal is not None:
            raise self._refusal
        return self._exit_code

    def stop(self, exit_code: int = 0) -> None:
        """Ask every process to finish what it runs and to end."""
        if not self._stopping.is_set():
            self._exit_code = exit_code
            self._stopping.set()
        for child in self._living:
            child.stop(self._patience)

    def kill(self, exit_code: int) -> None:
        """End every process at once."""
        self.stop()
        self._exit_code = exit_code
        for child in self._living:
            child.kill()

    async def replace_all(self) -> None:
        """Replace one process after another; the first that does not start ends that."""
        for seat in self._seats:
            if not await self._replace(seat):
                return

    async def replace(self, child: Child) -> bool:
        """Start another process in the place of this one, which then finishes what it runs."""
        for seat in self._seats:
            if seat.child is child:
                return await self._replace(seat)
        return True

    async def _replace(self, seat: Seat) -> bool:
        async with self._replacing:
            if self._stopping.is_set():
                return False
            seat.is_replacing = True
            try:
                new = await self._start(seat)
                if new is None or not await _is_at_work(new):
                    if not self._stopping.is_set():
                        logger.error("a new worker process did not start: the old one stays")
                    return False
                old, seat.child = seat.child, new
            finally:
                seat.is_replacing = False
                if seat.child is None:
                    self._watch(self._fill(seat))
            if old is not None:
                old.stop(self._patience)
                await old.is_gone.wait()
            return True

    async def _fill(self, seat: Seat) -> None:
        """Start processes in this place until one is there."""
        while not self._stopping.is_set():
            seat.child = await self._start(seat)
            if seat.child is not None:
                return
            await self._wait(seat)

    async def _start(self, seat: Seat) -> Child | None:
        child = Child(self._note_ready)
        try:
            await child.start(self._command)
        except OSError as error:
            logger.error("a worker process cannot be started: %s", error)  # noqa: TRY400 - no trace
            return None
        self._living.append(child)
        self._watch(self._attend(seat, child))
        if self._stopping.is_set():
            child.stop(self._patience)
        return child

    async def _attend(self, seat: Seat, child: Child) -> None:
        """From the start of a process to what has to be done about its end."""
        code = await child.ended()
        self._living.remove(child)
        if child.worker is not None:
            report = self._coroner.report(child.worker, crashed=not child.was_killed)
            _keep(report, self._reports)
        if child is not seat.child or self._stopping.is_set():
            _log_end(child, code, None)
            return
        if code > 0 and not self._was_ready:
            _log_end(child, code, None)
            self.stop(code)
            return
        seat.child = None
        if child.age > LONG_LIFE:
            seat.delay = FIRST_DELAY
        _log_end(child, code, seat.delay)
        if not seat.is_replacing:
            await self._wait(seat)
            await self._fill(seat)

    async def _wait(self, seat: Seat) -> None:
        delay, seat.delay = seat.delay, min(LONGEST_DELAY, 2 * seat.delay)
        try:
            async with asyncio.timeout(delay):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _note_ready(self, child: Child) -> None:
        if child.ready is None:
            return
        if child.ready.ground != self._ground:
            self._refusal = SettingRefused(
                variable="DATABASE_URL",
                reason="the app has a database or heartbeats of its own; a supervisor needs them"
                " too: set DATABASE_URL, DULY_HEARTBEAT and DULY_WORKER_TTL in the environment",
            )
            self.stop()
            return
        logger.info("worker process %d is at work", child.pid)
        at_work = [seat for seat in self._seats if seat.child is not None and seat.child.ready]
        if not self._was_ready and len(at_work) == len(self._seats):
            self._was_ready = True
            self._on_ready(child.ready)

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        _keep(work, self._watches)


def _keep(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _is_at_work(child: Child) -> bool:
    try:
        async with asyncio.timeout(START_PATIENCE):
            await child.settled.wait()
    except TimeoutError:
        child.kill()
    return child.ready is not None and not child.is_gone.is_set()


def _log_end(child: Child, code: int, delay: float | None) -> None:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
    next_step = "" if delay is None else f"; another is started in {delay:g} s"
    is_expected = child.was_stopped and code == 0
    level = logging.INFO if is_expected else logging.WARNING
    logger.log(level, "worker process %d %s%s", child.pid, how, next_step)
