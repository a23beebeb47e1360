"""Replaces worker processes that have done enough, or have grown too large."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from .child import Child

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "statm").exists()
LOOK_EVERY = 1.0
MIB = 1_048_576
# A process that cannot be replaced, as when new code does not start, is not tried all the time.
PAUSE_AFTER_FAILURE = 30.0

logger = logging.getLogger("duly.supervisor")


class Recycler:
    """`replace(child)` starts another one in its place, and answers whether that worked."""

    def __init__(
        self,
        children: Callable[[], Collection[Child]],
        replace: Callable[[Child], Awaitable[bool]],
        *,
        most_attempts: int | None,
        most_memory: int | None,
    ) -> None:
        self._children = children
        self._replace = replace
        self._most_attempts = most_attempts
        self._most_memory = most_memory

    async def run(self) -> None:
        """Look until cancelled; there may be nothing to look for."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for child in self._children():
                reason = await self._reason(child)
                if reason is None or child.was_stopped:
                    continue
                logger.info("worker process %d is replaced: %s", child.pid, reason)
                if not await self._replace(child):
                    await asyncio.sleep(PAUSE_AFTER_FAILURE)

    async def _reason(self, child: Child) -> str | None:
        if self._most_attempts is not None and child.attempts >= self._most_attempts:
            return f"{child.attempts} attempts have ended in it"
        if self._most_memory is None or child.ready is None:
            return None
        used = await resident(child.pid) // MIB
        if used <= self._most_memory:
            return None
        return f"it uses {used} MiB of memory"


async def resident(pid: int) -> int:
    """How many bytes of memory a process occupies; 0 when it is gone."""
    return _from_proc(pid) if HAS_PROC else await _from_ps(pid)


def _from_proc(pid: int) -> int:
    try:
        pages = (PROC / str(pid) / "statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def _from_ps(pid: int) -> int:
    asked = await asyncio.create_subprocess_exec(
        "ps", "-o", "rss=", "-p", str(pid), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asked.communicate()
    return int(told.strip() or 0) * 1024
