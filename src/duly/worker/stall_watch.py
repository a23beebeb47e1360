"""Finds the handler that blocks the event loop, and the line at which it does.

A thread asks the loop for a sign of life again and again. While none comes, it looks at what the
loop's thread is doing.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, Generic, TypeVar

from .metrics import STALLS

LOOK_EVERY = 0.1
MOST_FRAMES = 5
OURS = ("/duly/worker/", "/duly/handlers/registry.py", "/asyncio/", "/uvloop/")
HELD = "not seen: something held the interpreter"

Culprit = TypeVar("Culprit")

logger = logging.getLogger("duly.stalls")


class StallWatch(Generic[Culprit]):
    """Calls `on_stall(culprit, seconds, where)` once for each stall longer than `limit` seconds.

    The culprit is what `find` answers for the task that was running: it is asked from a thread
    while the loop stands still. None when there is none, or it was not seen. The watch is made and
    started on the loop that it watches; `on_stall` is called there, when the stall is over.
    """

    def __init__(
        self,
        limit: float,
        find: Callable[[asyncio.Task[Any]], Culprit | None],
        on_stall: Callable[[Culprit | None, float, str], None],
    ) -> None:
        self._limit = limit
        self._find = find
        self._on_stall = on_stall
        self._loop = asyncio.get_running_loop()
        self._ident = threading.get_ident()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="duly-stall-watch", daemon=True)

    def start(self) -> None:
        """Watch from now on."""
        self._thread.start()

    async def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 2.0)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY):
            answered = threading.Event()
            asked = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(answered.set)
                if not answered.wait(self._limit):
                    self._report(asked, answered)
                elif (silence := time.monotonic() - asked) > self._limit:
                    self._tell(None, silence, HELD)
            except RuntimeError:  # the loop is closed
                return

    def _report(self, asked: float, answered: threading.Event) -> None:
        task = asyncio.current_task(self._loop)
        culprit = None if task is None else self._find(task)
        frame = sys._current_frames().get(self._ident)  # pyright: ignore[reportPrivateUsage] # noqa: SLF001 - documented
        where = HELD if answered.is_set() or frame is None else place_of(frame)
        while not answered.wait(LOOK_EVERY):
            if self._stopped.is_set():
                return
        self._tell(culprit, time.monotonic() - asked, where)

    def _tell(self, culprit: Culprit | None, seconds: float, where: str) -> None:
        self._loop.call_soon_threadsafe(self._on_stall, culprit, seconds, where)


def place_of(frame: FrameType) -> str:
    """Where a thread is, the innermost call last, without the frames that called the handler."""
    frames = traceback.extract_stack(frame)
    ours = [n for n, one in enumerate(frames) if any(part in one.filename for part in OURS)]
    own = frames[ours[-1] + 1 :] if ours else frames
    return " > ".join(
        f"{one.filename}:{one.lineno} in {one.name}" for one in (own or frames)[-MOST_FRAMES:]
    )


def log_stall(job: str, job_type: str, seconds: float, where: str) -> str:
    """Log and count a stall; answers the sentence."""
    STALLS.labels(job_type).inc()
    sentence = f"blocked the event loop for {seconds:.1f} s at {where}"
    logger.warning("%s %s", job, sentence)
    return sentence
