"""From rows to values: the only place that knows how asyncpg hands things over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from ..jobs.attempt import Attempt, LogLine
from ..jobs.job import Job, Progress
from ..jobs.status import JobStatus

_progress = msgspec.json.Decoder(Progress).decode


def job_from(row: asyncpg.Record | Mapping[str, Any]) -> Job:
    """A job from a row of `jobs/get` or of a list."""
    values: dict[str, Any] = dict(row)
    values["payload"] = raw(values["payload"])
    values["status"] = JobStatus(values["status"])
    result = values["result"]
    values["result"] = None if result is None else raw(result)
    progress = values["progress"]
    values["progress"] = None if progress is None else _progress(progress)
    return Job(**values)


def attempt_from(row: asyncpg.Record) -> Attempt:
    """An attempt from a row of `attempts/list`."""
    values: dict[str, Any] = dict(row)
    values["status"] = JobStatus(values["status"])
    result = values["result"]
    values["result"] = None if result is None else raw(result)
    return Attempt(**values)


def line_from(row: asyncpg.Record) -> LogLine:
    """A line from a row of `attempts/logs`."""
    return LogLine(
        position=f"{row['lease']}.{row['n']}",
        attempt=row["attempt"],
        at=row["at"],
        level=row["level"],
        message=row["message"],
    )


def raw(text: str) -> msgspec.Raw:
    """JSON text as it is, to be sent on without being decoded."""
    return msgspec.Raw(text.encode())


def utc(moment: datetime | None) -> datetime | None:
    """The moment in UTC."""
    return None if moment is None else moment.astimezone(UTC)
