"""Job ids: UUIDs of version 7 (RFC 9562), whose first 48 bits are the milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from ..errors import JobNotFound


def parse_job_id(text: str) -> UUID:
    """The job id in `text`; what is no UUID names no job, so JobNotFound is raised."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise JobNotFound(job_id=text[:80])


def first_id_at(moment: datetime) -> UUID:
    """The smallest id of a job that was made at `moment` or later."""
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return UUID(int=milliseconds << 80)


def made_at(job_id: UUID) -> datetime:
    """When the id was made, to the millisecond."""
    return datetime.fromtimestamp((job_id.int >> 80) / 1000, UTC)
