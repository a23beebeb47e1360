"""The same as Testing for tests that are not asynchronous."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from ..app import Duly
from ..jobs.job import Job
from .apart import run_apart
from .drained import Drained, Ran
from .testing import Identified, Testing, Typed


class SyncTesting:
    """Every call returns when it is done. Handlers run on a loop in a thread of its own.

    Jobs to begin with are submitted with the app's `enqueue_sync`. `asynchronous` is the Testing
    that does the work, and describes every call.
    """

    def __init__(self, asynchronous: Testing) -> None:
        self.asynchronous = asynchronous

    @property
    def app(self) -> Duly:
        """The app whose jobs these are."""
        return self.asynchronous.app

    def enqueued(self, job_type: str | Typed | None = None) -> list[Job]:
        """The jobs that wait, due or not, of one type or of all, in the order of submission."""
        return run_apart(self.asynchronous.enqueued(job_type))

    def assert_enqueued(
        self,
        job_type: str | Typed,
        payload: Any | Callable[[Any], bool] = None,
        *,
        queue: str | None = None,
        tags: Collection[str] = (),
        count: int | None = None,
    ) -> list[Job]:
        """Answer the jobs that wait and are as described; AssertionError when there are none."""
        asked = self.asynchronous.assert_enqueued(
            job_type, payload, queue=queue, tags=tags, count=count
        )
        return run_apart(asked)

    def drain(
        self,
        *,
        queues: Sequence[str] | None = None,
        scheduled: bool = False,
        timeout: float = 30.0,
        most: int = 1_000,
    ) -> Drained:
        """Run all jobs that are due, and with `scheduled` those that wait, to the end."""
        drained = self.asynchronous.drain(
            queues=queues, scheduled=scheduled, timeout=timeout, most=most
        )
        return run_apart(drained)

    def run_job(self, job: Identified | UUID, *, timeout: float = 30.0) -> Ran:
        """Run one job that waits, due or not, once."""
        return run_apart(self.asynchronous.run_job(job, timeout=timeout))

    def advance(self, seconds: float) -> None:
        """Move the clock of the jobs on."""
        run_apart(self.asynchronous.advance(seconds))
