"""A job in the hands of a worker, and what the worker hands back: reports, and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ..jobs.status import JobStatus


@dataclass(slots=True, frozen=True)
class ClaimedJob:
    """A job with its lease. The payload is text: one that is no good costs only its own job."""

    id: UUID
    lease: int
    attempt: int
    job_type: str
    queue: str
    max_attempts: int
    unique_key: str | None
    payload: str


@dataclass(slots=True, frozen=True)
class Settlement:
    """The outcome of one attempt. `delay` is in seconds, None for at once.

    With `kept` false the job was never started: it goes back uncharged, without a trace. With
    `may_be_done` its handler has completed it in a transaction of its own, and only the database
    knows whether that was committed.
    """

    job: ClaimedJob
    outcome: str
    status: JobStatus
    delay: float | None = None
    error: str | None = None
    result: str | None = None
    kept: bool = True
    may_be_done: bool = False


@dataclass(slots=True, frozen=True)
class Report:
    """What the handler of a running attempt has reported, at moments of `time.monotonic()`.

    `progress` is JSON, or None. A line is its number in the attempt, its moment, level, message.
    """

    job_id: UUID
    lease: int
    progress: str | None
    progress_at: float
    lines: Sequence[tuple[int, float, str, str]]
