"""What can be said inside somebody's transaction: make jobs, look at them, complete one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from ...jobs.job import Job
from ...jobs.submission import Submission
from ..attempts import settle_values
from ..claimed import Settlement
from ..jobs import Made, enqueue_values
from ..rows import job_from
from .dialogue import Dialogue
from .request import Request

MOMENTS = ("scheduled_at", "processing_started_at", "created_at", "updated_at", "finished_at")


class _Row(msgspec.Struct):
    """One row of `jobs/enqueue`, whose columns came as JSON."""

    n: int
    job_id: UUID
    is_new: bool
    created_at: datetime
    run_at: datetime | None


_read_row = msgspec.json.Decoder(_Row).decode


def enqueue(submissions: Sequence[Submission]) -> Dialogue[list[Made]]:
    """Make jobs that exist when the transaction commits; workers are told by that commit."""
    values = enqueue_values([(one, None) for one in submissions], notify=True)
    rows = [_read_row(text) for text in (yield Request("jobs/enqueue", values))]
    rows.sort(key=lambda row: row.n)
    return [Made(row.job_id, row.is_new, None, row.created_at, row.run_at) for row in rows]


def get(job_ids: Sequence[UUID]) -> Dialogue[dict[UUID, Job]]:
    """The jobs with these ids as the transaction sees them."""
    if not job_ids:
        return {}
    jobs = [_job(text) for text in (yield Request("jobs/get", {"job_ids": list(job_ids)}))]
    return {job.id: job for job in jobs}


def settle(settlement: Settlement) -> Dialogue[bool]:
    """Write the outcome of an attempt; answers whether its lease is the current one."""
    rows = yield Request("attempts/settle", settle_values([settlement]), as_json=False)
    return len(rows) == 1


def _job(text: str) -> Job:
    values: dict[str, Any] = msgspec.json.decode(text)
    values["id"] = UUID(values["id"])
    for name in MOMENTS:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name]).astimezone(UTC)
    return job_from(values)
