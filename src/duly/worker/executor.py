"""Runs claimed jobs, as many at once as there are slots; hands every outcome to the settler."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import replace
from uuid import UUID

from ..handlers.context import Context
from ..store.claimed import ClaimedJob, Settlement
from . import judge
from .caller import Caller, Running
from .completer import Completer
from .reporter import Reporter
from .settler import Settler
from .stall_watch import log_stall

PREFETCH_SECONDS = 0.075
MOST_PREFETCHED = 1_000
SMOOTHING = 0.05


class Executor:
    """`slots` running attempts at most, and a small prefetch that is worth 75 ms of work."""

    def __init__(
        self,
        caller: Caller,
        settler: Settler,
        reporter: Reporter,
        slots: int,
    ) -> None:
        self._caller = caller
        self._settler = settler
        self._reporter = reporter
        self._completer = Completer(reporter, self._job_of)
        self._slots = slots
        self._prefetched: deque[ClaimedJob] = deque()
        self._running = caller.in_hand
        self._room_made = asyncio.Event()
        self._mean_seconds = 1.0

    @property
    def room(self) -> int:
        """How many jobs may be claimed now."""
        prefetch = int(self._slots * PREFETCH_SECONDS / max(self._mean_seconds, 1e-6))
        allowed = self._slots + min(MOST_PREFETCHED, prefetch)
        return max(0, allowed - len(self._running) - len(self._prefetched))

    @property
    def running(self) -> int:
        """How many attempts are running."""
        return len(self._running)

    @property
    def leases(self) -> set[int]:
        """The leases of all jobs that this worker knows it has in hand."""
        prefetched = {job.lease for job in self._prefetched}
        return prefetched | self._running.keys() | self._settler.leases

    async def room_made(self, stop: asyncio.Event) -> None:
        """Return when there is room for a worthwhile claim, or `stop` is set and a job ended."""
        while not stop.is_set() and (
            self.room == 0 or (self._prefetched and len(self._prefetched) > self.room)
        ):
            self._room_made.clear()
            await self._room_made.wait()

    def wake(self) -> None:
        """Let `room_made` look again."""
        self._room_made.set()

    def start(self, job: ClaimedJob) -> None:
        """Run the job now if a slot is free, otherwise as soon as one is."""
        if len(self._running) < self._slots:
            self._begin(job)
        else:
            self._prefetched.append(job)

    def release_prefetched(self) -> None:
        """Give back, uncharged, what was claimed and never started."""
        while self._prefetched:
            self._settler.add(judge.released(self._prefetched.popleft(), kept=False))

    def cancel(self, job_id: UUID) -> None:
        """End the running attempt at this job because somebody asked for it."""
        for running in list(self._running.values()):
            if running.job.id == job_id:
                _end(running, "cancel")
        waiting = [job for job in self._prefetched if job.id == job_id]
        for job in waiting:
            self._prefetched.remove(job)
            self._settler.add(judge.cancelled(job))

    def end_all(self, ending: str) -> None:
        """End every running attempt: `release` gives the jobs back, `drop` writes nothing."""
        if ending == "drop":
            self._prefetched.clear()
        for running in list(self._running.values()):
            _end(running, ending)
            if ending == "drop":
                self._reporter.drop(running.ctx)

    async def finished(self) -> None:
        """Return when nothing is running."""
        while self._running:
            tasks = [one.task for one in self._running.values() if one.task is not None]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    def abandon(self) -> None:
        """Settle, as it was asked to end, what would not end; what it does now counts no more."""
        for running in self._running.values():
            settlement = _ended(running)
            running.ending = "drop"
            self._reporter.end(running.ctx)
            if settlement is not None:
                self._settler.add(_in_doubt(settlement, running.ctx))

    def close(self) -> bool:
        """Let the threads go; answers whether all of them had ended."""
        self._caller.close()
        return not self._running

    def _job_of(self, lease: int) -> ClaimedJob | None:
        running = self._running.get(lease)
        return None if running is None or running.ending == "drop" else running.job

    def _begin(self, job: ClaimedJob) -> None:
        ctx = Context(
            job_id=job.id,
            job_type=job.job_type,
            queue=job.queue,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            lease=job.lease,
            announce=self._reporter.announce,
            completer=self._completer,
        )
        running = Running(job, ctx)
        self._running[job.lease] = running
        running.task = asyncio.create_task(self._run(running))

    async def _run(self, running: Running) -> None:
        started = time.monotonic()
        settlement: Settlement | None = None
        try:
            settlement = await self._caller.attempt(running)
        except asyncio.CancelledError:
            settlement = _ended(running)
        finally:
            self._mean_seconds += SMOOTHING * (time.monotonic() - started - self._mean_seconds)
            del self._running[running.job.lease]
            if settlement is not None and running.ending != "drop":
                if running.ctx.notebook is not None:
                    self._reporter.end(running.ctx)
                self._settler.add(_in_doubt(settlement, running.ctx))
            while self._prefetched and len(self._running) < self._slots:
                self._begin(self._prefetched.popleft())
            self._room_made.set()


def blame(running: Running | None, seconds: float, where: str) -> None:
    """Tell which attempt has blocked the event loop, in the log and in the job's own."""
    if running is None:
        log_stall("something", "unknown", seconds, where)
        return
    job = running.job
    sentence = log_stall(f"job {job.id} ({job.job_type})", job.job_type, seconds, where)
    running.ctx.log(sentence, level="warning")


def _end(running: Running, ending: str) -> None:
    if running.ending is None or ending == "drop":
        running.ending = ending
        running.ctx.stop()
        if running.task is not None:
            running.task.cancel()


def _in_doubt(settlement: Settlement, ctx: Context) -> Settlement:
    return replace(settlement, may_be_done=True) if ctx.is_completed else settlement


def _ended(running: Running) -> Settlement | None:
    if running.ending == "cancel":
        return judge.cancelled(running.job)
    if running.ending == "release":
        return judge.released(running.job, kept=True)
    return None
