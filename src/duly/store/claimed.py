"""A job in the hands of a worker, and the outcome that the worker hands back."""

from __future__ import annotations

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

    With `kept` false the job was never started: it goes back uncharged, without a trace.
    """

    job: ClaimedJob
    outcome: str
    status: JobStatus
    delay: float | None = None
    error: str | None = None
    result: str | None = None
    kept: bool = True
