"""Completes jobs inside transactions of their handlers: done exactly when those commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from ..errors import LeaseLost, PayloadRefused
from ..handlers.context import Context
from ..store.claimed import ClaimedJob, Settlement
from ..store.foreign.dialogue import hold, hold_sync
from ..store.foreign.recognition import async_connection, sync_connection
from ..store.foreign.statements import settle
from . import judge
from .reporter import Reporter


class Completer:
    """`job_of` tells the job that this worker has under a lease, None when it has it no more.

    The last reports of the attempt are written first: they would wait for the transaction, and all
    others with them. What is reported later is ignored.
    """

    def __init__(self, reporter: Reporter, job_of: Callable[[int], ClaimedJob | None]) -> None:
        self._reporter = reporter
        self._job_of = job_of
        self._home = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    async def complete(self, ctx: Context, conn: object, result: Any) -> None:
        """On a connection of an async driver; see `Context.complete`."""
        connection, settlement = async_connection(conn), self._settlement(ctx, result)
        await self._last_reports(ctx)
        ctx.is_completed = True
        if not await hold(settle(settlement), connection):
            raise LeaseLost(job_id=ctx.job_id)

    def complete_sync(self, ctx: Context, conn: object, result: Any) -> None:
        """On a connection of a sync driver, in a thread of the handler's."""
        connection, settlement = sync_connection(conn), self._settlement(ctx, result)
        if threading.get_ident() == self._thread:
            raise RuntimeError("the event loop of the worker runs here: `await ctx.complete(…)`")
        asyncio.run_coroutine_threadsafe(self._last_reports(ctx), self._home).result()
        ctx.is_completed = True
        if not hold_sync(settle(settlement), connection):
            raise LeaseLost(job_id=ctx.job_id)

    def _settlement(self, ctx: Context, result: Any) -> Settlement:
        job = self._job_of(ctx.lease)
        if job is None:
            raise LeaseLost(job_id=ctx.job_id)
        settlement = judge.completed(job, result)
        if settlement.outcome != "complete":
            raise PayloadRefused(path="result", reason=settlement.error or "is no result")
        return settlement

    async def _last_reports(self, ctx: Context) -> None:
        self._reporter.end(ctx)
        await self._reporter.catch_up({ctx.lease})
