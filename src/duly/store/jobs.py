"""Jobs as they come in, are shown, and change by the word of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from ..errors import JobNotFound, NotAllowed, UniqueKeyTaken
from ..jobs.filters import JobFilters
from ..jobs.ids import first_id_at
from ..jobs.job import Job
from ..jobs.lifecycle import is_allowed, sources_of
from ..jobs.status import JobStatus
from ..jobs.submission import Idempotency, Submission
from ..postgres.pool import Database
from .rows import job_from
from .statements import statement

FIRST_ID = UUID(int=0)
BEYOND_ALL = UUID(int=(1 << 128) - 1)
LISTS = {
    None: "jobs/list_all",
    JobStatus.PENDING: "jobs/list_pending",
    JobStatus.PROCESSING: "jobs/list_processing",
    JobStatus.DONE: "jobs/list_done",
    JobStatus.FAILED: "jobs/list_failed",
    JobStatus.CANCELLED: "jobs/list_failed",
}

MATCHES = {
    None: "jobs/match_live",
    JobStatus.PENDING: "jobs/match_live",
    JobStatus.PROCESSING: "jobs/match_live",
    JobStatus.DONE: "jobs/match_done",
    JobStatus.FAILED: "jobs/match_failed",
    JobStatus.CANCELLED: "jobs/match_failed",
}


class Made(NamedTuple):
    """What became of a submission: a new job, or one that was there already."""

    job_id: UUID
    is_new: bool
    fingerprint: bytes | None
    created_at: datetime
    run_at: datetime | None


class Jobs:
    """Jobs in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enqueue(self, asked: Sequence[tuple[Submission, Idempotency | None]]) -> list[Made]:
        """Make many jobs durably, all or none, in one statement; answers in the same order."""
        query = statement("jobs/enqueue")
        values = enqueue_values(asked, notify=False)
        rows = await self._database.fetch(query.text, *query.arguments(values))
        return [Made(*tuple(row)[1:]) for row in rows]

    async def get(self, job_ids: Sequence[UUID]) -> dict[UUID, Job]:
        """The jobs with these ids, those that exist."""
        query = statement("jobs/get")
        rows = await self._database.fetch(query.text, list(job_ids))
        return {row["id"]: job_from(row) for row in rows}

    async def list(self, filters: JobFilters, *, limit: int, before: UUID | None) -> list[Job]:
        """At most `limit` jobs, newest first, that were made before the job `before`."""
        values = {**_filter_values(filters, before), "most": limit}
        query = statement(LISTS[filters.status])
        wanted = {name: values[name] for name in query.parameters}
        rows = await self._database.fetch(query.text, *query.arguments(wanted))
        return [job_from(row) for row in rows]

    async def matching(self, filters: JobFilters, statuses: Sequence[JobStatus]) -> list[UUID]:
        """The ids of the jobs in one of these statuses that match at this moment, in order.

        `statuses` are pending and processing, one of them, or one of the others.
        """
        status = statuses[0] if len(statuses) == 1 else None
        values = {**_filter_values(filters, None), "status": status}
        query = statement(MATCHES[status])
        wanted = {name: values[name] for name in query.parameters}
        rows = await self._database.fetch(query.text, *query.arguments(wanted))
        return [row["id"] for row in rows]

    async def existing(self, job_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these ids that are jobs, in order."""
        rows = await self._database.fetch(statement("jobs/match_ids").text, list(job_ids))
        return [row["id"] for row in rows]

    async def cancel(self, job_id: UUID) -> bool:
        """Cancel a pending job, or ask the worker of a running one to stop it.

        Answers whether a worker was asked. Raises JobNotFound or NotAllowed.
        """
        for _ in range(5):
            if await self._one("jobs/cancel_pending", job_id):
                return False
            if await self._one("jobs/cancel_running", job_id):
                return True
            await self._refuse_unless("cancel", job_id)
        raise NotAllowed(job_id=job_id, job_status="busy", verb="cancel", allowed="at rest")

    async def retry(self, job_id: UUID) -> str:
        """Put an ended job back into `ready`; answers its queue.

        Raises JobNotFound, NotAllowed, or UniqueKeyTaken when another live job holds its key.
        """
        async with self._database.transaction() as connection:
            await connection.execute(statement("jobs/lock").text, job_id)
            row = await connection.fetchrow(statement("jobs/retry").text, job_id)
        if row is not None:
            return str(row["queue"])
        await self._refuse_unless("retry", job_id)
        job = (await self.get([job_id]))[job_id]
        holder = await self._database.fetch(statement("jobs/key_holder").text, job.unique_key)
        raise UniqueKeyTaken(
            unique_key=job.unique_key, job_id=holder[0]["job_id"] if holder else "another"
        )

    async def cancel_many(
        self, job_ids: Sequence[UUID], statuses: Sequence[JobStatus]
    ) -> dict[UUID, bool]:
        """Cancel the jobs that still have one of these statuses, as `cancel` does.

        Answers those that were changed, and whether the worker of each was asked.
        """
        query = statement("jobs/cancel_many")
        changed: dict[UUID, bool] = {}
        for _ in range(3):  # a job that is on its way from one place to another is in neither
            left = [job_id for job_id in job_ids if job_id not in changed]
            values: dict[str, object] = {"job_ids": left, "statuses": statuses}
            rows = await self._database.fetch(query.text, *query.arguments(values))
            changed |= {row["job_id"]: row["is_running"] for row in rows}
            if len(rows) == len(left):
                break
        return changed

    async def retry_many(
        self, job_ids: Sequence[UUID], statuses: Sequence[JobStatus]
    ) -> dict[UUID, str]:
        """Retry the jobs that still have one of these statuses, and whose unique key is free.

        Answers those that were changed, with their queues.
        """
        query = statement("jobs/retry_many")
        values: dict[str, object] = {"job_ids": list(job_ids), "statuses": statuses}
        async with self._database.transaction() as connection:
            await connection.execute(statement("jobs/lock_many").text, list(job_ids))
            rows = await connection.fetch(query.text, *query.arguments(values))
        return {row["job_id"]: row["queue"] for row in rows}

    async def _one(self, name: str, job_id: UUID) -> bool:
        return bool(await self._database.fetch(statement(name).text, job_id))

    async def _refuse_unless(self, verb: str, job_id: UUID) -> None:
        job = (await self.get([job_id])).get(job_id)
        if job is None:
            raise JobNotFound(job_id=job_id)
        if not is_allowed(verb, job.status):
            raise NotAllowed(
                job_id=job_id, job_status=job.status.value, verb=verb, allowed=sources_of(verb)
            )


def enqueue_values(
    asked: Sequence[tuple[Submission, Idempotency | None]], *, notify: bool
) -> dict[str, Any]:
    """What `jobs/enqueue` is given. With `notify` the commit tells the workers by itself."""
    submissions = [submission for submission, _ in asked]
    return {
        "job_types": [one.job_type for one in submissions],
        "payloads": [one.payload for one in submissions],
        "queues": [one.queue for one in submissions],
        "priorities": [one.priority for one in submissions],
        "run_ats": [one.run_at for one in submissions],
        "delays": [one.delay for one in submissions],
        "max_attempts": [one.max_attempts for one in submissions],
        "unique_keys": [one.unique_key for one in submissions],
        "tags": [_tags(one) for one in submissions],
        "idempotency_keys": [None if one is None else one.key for _, one in asked],
        "fingerprints": [None if one is None else one.fingerprint for _, one in asked],
        "notify": notify,
    }


def _filter_values(filters: JobFilters, before: UUID | None) -> dict[str, object]:
    high = before or BEYOND_ALL
    if filters.created_before is not None:
        high = min(high, first_id_at(filters.created_before))
    since = FIRST_ID if filters.created_after is None else first_id_at(filters.created_after)
    return {
        "before": high,
        "since": since,
        "job_type": filters.job_type,
        "queue": filters.queue,
        "tag": filters.tag,
        "status": filters.status,
    }


def _tags(submission: Submission) -> str | None:
    return msgspec.json.encode(submission.tags).decode() if submission.tags else None
