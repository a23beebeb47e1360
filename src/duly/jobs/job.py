"""A job as everybody outside sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from .status import JobStatus


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job was when its handler last said so, and what it was doing."""

    done: int | float
    total: int | float | None
    note: str | None
    at: datetime


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work kept in PostgreSQL. The first eleven fields are the public contract.

    `attempts` counts the tries so far, a running one included. `last_error` is the error of the
    newest attempt that had one. `scheduled_at` is the moment before which the job is not started:
    as submitted, or after a back-off the next try. `progress` is the newest that a handler has
    reported, of whichever attempt. All times are aware, UTC.
    """

    id: UUID
    job_type: str
    payload: msgspec.Raw
    status: JobStatus
    attempts: int
    max_attempts: int
    last_error: str | None
    scheduled_at: datetime
    processing_started_at: datetime | None
    created_at: datetime
    updated_at: datetime
    queue: str = "default"
    priority: int = 0
    finished_at: datetime | None = None
    result: Any = None
    tags: list[str] = []
    unique_key: str | None = None
    progress: Progress | None = None
