"""From rows to values: the only place that knows how asyncpg hands things over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from ..jobs.attempt import Attempt
from ..jobs.job import Job
from ..jobs.status import JobStatus


def job_from(row: asyncpg.Record) -> Job:
    """A job from a row of `jobs/get` or of a list."""
    values: dict[str, Any] = dict(row)
    values["payload"] = raw(values["payload"])
    values["status"] = JobStatus(values["status"])
    result = values["result"]
    values["result"] = None if result is None else raw(result)
    return Job(**values)


def attempt_from(row: asyncpg.Record) -> Attempt:
    """An attempt from a row of `attempts/list`."""
    values: dict[str, Any] = dict(row)
    values["status"] = JobStatus(values["status"])
    result = values["result"]
    values["result"] = None if result is None else raw(result)
    return Attempt(**values)


def raw(text: str) -> msgspec.Raw:
    """JSON text as it is, to be sent on without being decoded."""
    return msgspec.Raw(text.encode())


def utc(moment: datetime | None) -> datetime | None:
    """The moment in UTC."""
    return None if moment is None else moment.astimezone(UTC)
