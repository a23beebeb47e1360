"""Every action on jobs; the library, the HTTP door and the command line all come through here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from .bulk import Bulk, BulkAnswer, agree, disagree, ignore_progress
from .errors import IdempotencyConflict, JobNotFound, RequestRefused
from .handlers.registry import HandlerRegistry, KnownJobType
from .jobs.attempt import Attempt, LogLine
from .jobs.filters import JobFilters
from .jobs.job import Job
from .jobs.status import JobStatus
from .jobs.submission import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_QUEUE,
    Idempotency,
    Submission,
)
from .postgres.notifier import Notifier
from .store.jobs import Made
from .store.store import Store

READY, SCHEDULED, CANCELLED = "duly_ready", "duly_scheduled", "duly_cancel"
SOON = 2.0

Hint = Callable[[str, str], None]


def ignore_hint(_channel: str, _payload: str) -> None:
    """Nobody in this process waits for hints."""


class Client:
    """Makes, shows, cancels and retries jobs.

    `on_hint` is told at once what the other processes are told by a notification: it spares a
    worker in the same process the way through the database.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        on_hint: Hint = ignore_hint,
        registry: HandlerRegistry | None = None,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._on_hint = on_hint
        self._registry = registry or HandlerRegistry()

    async def enqueue(
        self, submission: Submission, *, idempotency: Idempotency | None = None
    ) -> Job:
        """Make one job, durably; concurrent calls share a statement.

        The live job that holds the same unique key, or the job that was made under the same
        idempotency key, is answered instead of a new one. Raises RequestRefused; PayloadRefused,
        where the handler is known and cannot read the payload; and IdempotencyConflict when that
        key came with another fingerprint.
        """
        submission = completed(self._registry, submission.check(), "$")
        (made,) = await self._store.gatherer.enqueue([(submission, idempotency)])
        if made.is_new:
            self._hint(submission, made)
            return new_job(submission, made)
        if made.fingerprint is not None and idempotency is not None:
            _check_fingerprint(made.fingerprint, idempotency)
        return await self.get(made.job_id)

    async def enqueue_many(self, submissions: Sequence[Submission]) -> list[Job]:
        """Make many jobs, all or none, in order. RequestRefused tells which one by `$[index]`."""
        whole = [
            completed(self._registry, one.check(f"$[{index}]"), f"$[{index}]")
            for index, one in enumerate(submissions)
        ]
        made = await self._store.gatherer.enqueue([(one, None) for one in whole])
        old = await self._store.jobs.get([one.job_id for one in made if not one.is_new])
        jobs: list[Job] = []
        for submission, one in zip(whole, made, strict=True):
            if one.is_new:
                self._hint(submission, one)
            jobs.append(new_job(submission, one) if one.is_new else old[one.job_id])
        return jobs

    async def get(self, job_id: UUID) -> Job:
        """One job; raises JobNotFound."""
        found = await self._store.jobs.get([job_id])
        if job_id not in found:
            raise JobNotFound(job_id=job_id)
        return found[job_id]

    async def list(
        self, filters: JobFilters, *, limit: int = 50, before: UUID | None = None
    ) -> list[Job]:
        """At most `limit` jobs, newest first; `before` is the last id of the page before."""
        return await self._store.jobs.list(filters, limit=limit, before=before)

    async def attempts(self, job_id: UUID) -> list[Attempt]:
        """The attempts at a job that have ended, oldest first; raises JobNotFound."""
        await self.get(job_id)
        return await self._store.attempts.list(job_id)

    async def logs(
        self,
        job_id: UUID,
        *,
        limit: int = 1_000,
        after: str | None = None,
        attempt: int | None = None,
    ) -> list[LogLine]:
        """What the handlers of a job have said, oldest first, after the position of a line.

        Raises JobNotFound, and RequestRefused for what is no position.
        """
        place = (0, 0) if after is None else _place(after)
        await self.get(job_id)
        return await self._store.attempts.logs(job_id, after=place, attempt=attempt, most=limit)

    async def cancel(self, job_id: UUID) -> Job:
        """Cancel a pending job, or ask the worker of a running one to stop it.

        A running job is still `processing` when this returns. Raises JobNotFound or NotAllowed.
        """
        if await self._store.jobs.cancel(job_id):
            self._tell(CANCELLED, "")
        return await self.get(job_id)

    async def retry(self, job_id: UUID) -> Job:
        """Start a finished job afresh; its history stays.

        Raises JobNotFound, NotAllowed, or UniqueKeyTaken.
        """
        self._tell(READY, await self._store.jobs.retry(job_id))
        return await self.get(job_id)

    async def cancel_many(
        self,
        which: JobFilters | Collection[UUID],
        *,
        dry_run: bool = False,
        agreed: Callable[[int], bool] = agree,
        on_progress: Callable[[int, int], None] = ignore_progress,
    ) -> BulkAnswer:
        """Cancel the jobs that match now, pending and running ones; or those with these ids.

        Which ones is decided once: `agreed` is told how many, and says whether to go on; a dry run
        does not. Then 1,000 are done at a time, and `on_progress` is told how many of how many.
        Raises RequestRefused for a status that cannot be cancelled.
        """

        async def act(batch: Sequence[UUID], statuses: Sequence[JobStatus]) -> int:
            changed = await self._store.jobs.cancel_many(batch, statuses)
            if any(changed.values()):
                self._tell(CANCELLED, "")
            return len(changed)

        bulk = Bulk(self._store.jobs, "cancel", act)
        return await bulk.do(which, disagree if dry_run else agreed, on_progress)

    async def retry_many(
        self,
        which: JobFilters | Collection[UUID],
        *,
        dry_run: bool = False,
        agreed: Callable[[int], bool] = agree,
        on_progress: Callable[[int, int], None] = ignore_progress,
    ) -> BulkAnswer:
        """Retry the jobs that match now; or those with these ids that have ended.

        Only failed ones match, unless the filters name another status. The rest is as in
        `cancel_many`. A job whose unique key another live job holds is skipped.
        """

        async def act(batch: Sequence[UUID], statuses: Sequence[JobStatus]) -> int:
            changed = await self._store.jobs.retry_many(batch, statuses)
            for queue in set(changed.values()):
                self._tell(READY, queue)
            return len(changed)

        bulk = Bulk(self._store.jobs, "retry", act)
        return await bulk.do(which, disagree if dry_run else agreed, on_progress)

    async def job_types(self) -> list[KnownJobType]:
        """The job types that this process or a live worker knows, by name."""
        counts = Counter(kind for one in await self._store.workers.list() for kind in one.job_types)
        known = {one.job_type: one for one in self._registry.known_types()}
        for job_type, workers in counts.items():
            here = known.get(job_type) or KnownJobType(job_type=job_type)
            known[job_type] = msgspec.structs.replace(here, workers=workers)
        return [known[job_type] for job_type in sorted(known)]

    def _hint(self, submission: Submission, made: Made) -> None:
        if made.run_at is None or made.run_at <= made.created_at:
            self._tell(READY, submission.queue or DEFAULT_QUEUE)
        elif made.run_at - made.created_at < timedelta(seconds=SOON):
            self._tell(SCHEDULED, submission.queue or DEFAULT_QUEUE)

    def _tell(self, channel: str, payload: str) -> None:
        self._on_hint(channel, payload)
        self._notifier.hint(channel, payload)


def completed(registry: HandlerRegistry, submission: Submission, path: str) -> Submission:
    """The submission with what it leaves open, as its handler says where that is known.

    Raises PayloadRefused when the handler is known and cannot read the payload.
    """
    registry.check_payload(submission.job_type, submission.payload, f"{path}.payload")
    if submission.queue is not None and submission.max_attempts is not None:
        return submission
    queue, most = registry.defaults(submission.job_type)
    return msgspec.structs.replace(
        submission,
        queue=submission.queue or queue,
        max_attempts=submission.max_attempts or most,
    )


def _check_fingerprint(fingerprint: bytes, idempotency: Idempotency) -> None:
    if fingerprint != idempotency.fingerprint:
        raise IdempotencyConflict


def _place(position: str) -> tuple[int, int]:
    """The lease and the number in the position of a line."""
    found = re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,9})", position)
    if found is None:
        raise RequestRefused(path="after", reason="is no position: take that of a line as it is")
    return int(found[1]), int(found[2])


def new_job(submission: Submission, made: Made) -> Job:
    """The job as it is right after its submission."""
    created_at = made.created_at.astimezone(UTC)
    return Job(
        id=made.job_id,
        job_type=submission.job_type,
        payload=msgspec.Raw(submission.payload.encode()),
        status=JobStatus.PENDING,
        attempts=0,
        max_attempts=submission.max_attempts or DEFAULT_MAX_ATTEMPTS,
        last_error=None,
        scheduled_at=_utc(made.run_at) or created_at,
        processing_started_at=None,
        created_at=created_at,
        updated_at=created_at,
        queue=submission.queue or DEFAULT_QUEUE,
        priority=submission.priority,
        tags=list(submission.tags),
        unique_key=submission.unique_key,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
