"""One try at a job that has ended, and what its handler said meanwhile."""

from __future__ import annotations

from datetime import datetime

import msgspec

from .status import JobStatus


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try, numbered from 1 within a life of the job.

    `outcome` is the verb that ended it (complete, fail, snooze, discard, cancel, rescue, release),
    `status` the status of the job right after.
    """

    attempt: int
    lease: int
    outcome: str
    status: JobStatus
    worker: str | None
    started_at: datetime | None
    finished_at: datetime
    error: str | None
    result: msgspec.Raw | None = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what the handler of a job has said. The lines after `position` follow it."""

    position: str
    attempt: int
    at: datetime
    level: str
    message: str
