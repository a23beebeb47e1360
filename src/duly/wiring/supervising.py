"""The process that keeps worker processes alive, speaks for them, and keeps house."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ..client import READY
from ..config import Settings
from ..postgres.notifier import Notifier
from ..postgres.pool import Database
from ..store.workers import Workers
from ..supervisor.coroner import Coroner
from ..supervisor.link import ground_of
from ..supervisor.messages import Ready
from ..supervisor.recycler import Recycler
from ..supervisor.reloader import Reloader
from ..supervisor.speaker import Speaker
from ..supervisor.supervisor import Supervisor
from .engine import Engine, open_engine

# What a process may need beyond its grace period to write what is left.
LAST_PATIENCE = 15.0

logger = logging.getLogger("duly.supervisor")


async def supervise(
    settings: Settings,
    command: Sequence[str],
    *,
    watched: Path | None = None,
    ready: Callable[[Ready], None] = lambda _: None,
) -> int:
    """Run `command` in `settings.processes` worker processes until SIGINT or SIGTERM.

    Each is given a `--link`. SIGHUP, and a change of the Python files in `watched`, replace one
    after another. Answers the exit code; raises what a process was refused for at the start.
    """
    async with (
        open_engine(settings, maintenance=True) as engine,
        _open_voice(engine) as voice,
        _open_notifier(engine) as notifier,
    ):
        coroner = Coroner(
            engine.store.workers, engine.store.house, lambda queue: notifier.hint(READY, queue)
        )
        supervisor = Supervisor(
            command,
            settings.processes or 1,
            coroner,
            patience=settings.grace + settings.worker_ttl + LAST_PATIENCE,
            ground=ground_of(settings),
            on_ready=ready,
        )
        renewal = _Renewal(supervisor)
        agents = [
            Speaker(voice, settings.heartbeat, lambda: supervisor.children).run,
            Recycler(
                lambda: supervisor.children,
                supervisor.replace,
                most_attempts=settings.max_jobs_per_process,
                most_memory=settings.memory_limit,
            ).run,
            renewal.run,
        ]
        if watched is not None:
            agents.append(Reloader(watched, renewal.on_change).run)
        async with _agents(agents):
            _heed_signals(supervisor, renewal)
            return await supervisor.run()


class _Renewal:
    """Replaces all processes when it is asked to; once more, when it is asked meanwhile."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._asked = asyncio.Event()

    def ask(self) -> None:
        logger.info("the worker processes are replaced, one after another")
        self._asked.set()

    def on_change(self) -> None:
        logger.info("Python files have changed")
        self.ask()

    async def run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._supervisor.replace_all()


def _heed_signals(supervisor: Supervisor, renewal: _Renewal) -> None:
    is_second = False

    def end(number: signal.Signals) -> None:
        nonlocal is_second
        if is_second:
            logger.warning("stopped at once; running jobs will be rescued")
            supervisor.kill(128 + number)
            return
        is_second = True
        logger.info("stopping: running jobs finish first; a second signal stops at once")
        supervisor.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, renewal.ask)


@asynccontextmanager
async def _open_voice(engine: Engine) -> AsyncGenerator[Workers]:
    """A connection for heartbeats, and for nothing else."""
    database = Database(engine.dsn, name="heartbeat", size=1)
    await database.open()
    try:
        yield Workers(database)
    finally:
        await database.close()


@asynccontextmanager
async def _open_notifier(engine: Engine) -> AsyncGenerator[Notifier]:
    notifier = Notifier(engine.store.database)
    try:
        yield notifier
    finally:
        await notifier.close()


@asynccontextmanager
async def _agents(loops: Sequence[Callable[[], Awaitable[None]]]) -> AsyncGenerator[None]:
    """Run loops meanwhile; one that breaks is logged and started again."""

    async def keep_running(loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await loop()
            except Exception:
                logger.exception("a loop of the supervisor broke and is started again")
            await asyncio.sleep(random.uniform(0.2, 1.0))

    tasks = [asyncio.create_task(keep_running(loop)) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
