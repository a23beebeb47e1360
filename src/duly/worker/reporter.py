"""Writes what handlers report: a few times per second, in one statement for all of them.

What an attempt has reported is written before its outcome; what is not written yet stays in the
notebooks, which are bounded. No handler waits for any of this.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from ..errors import Unavailable
from ..handlers.context import Context
from ..handlers.notebook import LONGEST_NOTE, Line, Mark, Notebook, stored
from ..store.attempts import Attempts
from ..store.claimed import Report
from .metrics import STALE_WRITES

PAUSE = 0.25
PATIENCE = 2.0
LONGEST_PAUSE = 2.0
MOST_LINES = 2_000  # in one statement

logger = logging.getLogger("duly.reporter")


class Taken(NamedTuple):
    """What was read from a notebook to be written. It stays there until it is."""

    ctx: Context
    notebook: Notebook
    mark: Mark | None
    lines: list[Line]


class Reporter:
    """Collects from the attempts of one worker.

    Those that run are written every 250 ms, those that have ended at once.
    """

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._home = asyncio.get_running_loop()
        self._fresh: dict[int, Context] = {}
        self._ended: dict[int, Context] = {}
        self._hurry = asyncio.Event()
        self._round_over = asyncio.Event()
        self._due = 0.0
        self._writing: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_behind(self) -> bool:
        """Whether attempts have ended whose last report is not written."""
        return bool(self._ended)

    def announce(self, ctx: Context) -> None:
        """A handler has reported something. Safe from every thread."""
        with contextlib.suppress(RuntimeError):  # the loop was closed while a thread went on
            self._home.call_soon_threadsafe(self._add, ctx)

    def end(self, ctx: Context) -> None:
        """The attempt is over: write what is left, and ignore what comes later."""
        notebook = ctx.open_notebook()
        notebook.close()
        self._fresh.pop(ctx.lease, None)
        if not notebook.is_empty:
            self._ended[ctx.lease] = ctx
            self._hurry.set()
            self._start()

    def drop(self, ctx: Context) -> None:
        """The lease was lost: write nothing more."""
        ctx.open_notebook().discard()
        self._fresh.pop(ctx.lease, None)

    async def catch_up(self, leases: set[int]) -> None:
        """Return when the last reports of these attempts are written, or after two seconds."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not leases.isdisjoint(self._ended):
                    self._round_over.clear()
                    await self._round_over.wait()
        except TimeoutError:
            logger.debug("outcomes do not wait any longer for the last reports")

    async def close(self) -> None:
        """Write nothing more."""
        self._is_closed = True
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    def _add(self, ctx: Context) -> None:
        if ctx.lease not in self._ended:
            self._fresh[ctx.lease] = ctx
        self._start()

    def _start(self) -> None:
        if self._writing is None and not self._is_closed:
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        failures = 0
        try:
            while self._fresh or self._ended:
                await self._until_due()
                try:
                    await self._write(self._next())
                    failures = 0
                except Unavailable as error:
                    failures += 1
                    if failures == 1:
                        logger.warning("reports of handlers wait for the database: %s", error)
                    pause = min(LONGEST_PAUSE, 0.1 * 2**failures)
                    await asyncio.sleep(random.uniform(0.02, pause))
        finally:
            self._writing = None

    async def _until_due(self) -> None:
        """Return when the next round is due, or an attempt has ended."""
        self._hurry.clear()
        if not self._ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._due):
                    await self._hurry.wait()

    def _next(self) -> list[Context]:
        """Whose turn it is: those that have ended always, the others if their round is due."""
        contexts = list(self._ended.values())
        now = self._home.time()
        if now >= self._due:
            contexts += self._fresh.values()
            self._due = now + PAUSE
        return contexts

    async def _write(self, contexts: list[Context]) -> None:
        taken = list(_take(contexts))
        try:
            if taken:
                current = await self._attempts.report([_report(one) for one in taken])
                _refuse(one.ctx for one in taken if one.ctx.lease not in current)
        except Unavailable:
            raise
        except Exception:
            logger.exception("reports of handlers could not be stored: they are dropped")
        for one in taken:
            one.notebook.forget(one.mark, one.lines)
        for ctx in contexts:
            self._let_go(ctx)
        self._round_over.set()

    def _let_go(self, ctx: Context) -> None:
        """Forget an attempt that has nothing more to be written.

        What is reported after the first line is announced, what was reported before is seen.
        """
        notebook = ctx.open_notebook()
        notebook.is_announced = False
        if notebook.is_empty:
            self._fresh.pop(ctx.lease, None)
            self._ended.pop(ctx.lease, None)


def _take(contexts: Iterable[Context]) -> Iterable[Taken]:
    room = MOST_LINES
    for ctx in contexts:
        notebook = ctx.open_notebook()
        notebook.is_announced = False
        if not notebook.is_empty:
            lines = notebook.lines(room)
            room -= len(lines)
            yield Taken(ctx, notebook, notebook.newest, lines)


def _report(one: Taken) -> Report:
    mark = one.mark
    if mark is None:
        return Report(one.ctx.job_id, one.ctx.lease, None, 0.0, one.lines)
    note = None if mark.note is None else stored(mark.note, LONGEST_NOTE)
    progress = msgspec.json.encode({"done": mark.done, "total": mark.total, "note": note})
    return Report(one.ctx.job_id, one.ctx.lease, progress.decode(), mark.at, one.lines)


def _refuse(late: Iterable[Context]) -> None:
    for ctx in late:
        ctx.open_notebook().discard()
        STALE_WRITES.labels(ctx.job_type).inc()
        logger.warning(
            "stale report refused: job %s (%s, lease %d) is no longer in this worker's hands",
            ctx.job_id,
            ctx.job_type,
            ctx.lease,
        )
