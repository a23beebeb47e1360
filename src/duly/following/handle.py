"""A job in the hands of the program that submitted it: its end, and its result."""

from __future__ import annotations

from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from ..client import Client
from ..errors import JobCancelled, JobFailed
from ..handlers.payload_type import PayloadType
from ..jobs.job import Job
from ..jobs.status import JobStatus
from .endings import Endings

R_co = TypeVar("R_co", covariant=True)

_FIELDS = frozenset(Job.__struct_fields__)


class JobHandle(Generic[R_co]):
    """One job, and what can be done with it while the app is open.

    `job` is the job as it was when it was last looked at; its fields can be read from the handle as
    well: `handle.status` is `handle.job.status`. Only `result` is a method here.
    """

    def __init__(
        self, job: Job, client: Client, endings: Endings, result: PayloadType | None = None
    ) -> None:
        self.job = job
        self._client = client
        self._endings = endings
        self._result = result or PayloadType()

    @property
    def id(self) -> UUID:
        """The id of the job."""
        return self.job.id

    def __getattr__(self, name: str) -> Any:
        if name in _FIELDS:
            return getattr(self.job, name)
        raise AttributeError(f"a job has no {name!r}", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<JobHandle {self.job.id} {self.job.job_type} {self.job.status.value}>"

    async def refresh(self) -> Job:
        """Look at the job again. Raises JobNotFound."""
        self.job = await self._client.get(self.id)
        return self.job

    async def wait(self, timeout: float | None = None) -> Job:
        """The job as it ended, done or not; at once when it has ended already.

        Raises TimeoutError after `timeout` seconds, while the job goes on; JobNotFound for one that
        was pruned; and AppClosed. A database that is away for a while is waited for.
        """
        self.job = await self._endings.wait(self.id, timeout)
        return self.job

    def reading(self, result: PayloadType) -> JobHandle[Any]:
        """A handle of the same job that reads its result as another type."""
        return JobHandle(self.job, self._client, self._endings, result)

    async def result(self, timeout: float | None = None) -> R_co:
        """What the handler has returned, once the job is done; as it is annotated, where known.

        Raises PayloadRefused when it cannot be read as that, JobFailed with the last error,
        JobCancelled, and whatever `wait` raises.
        """
        job = await self.wait(timeout)
        if job.status is JobStatus.CANCELLED:
            raise JobCancelled(job_id=job.id, last_error=job.last_error)
        if job.status is JobStatus.FAILED:
            error = (job.last_error or "").strip()
            reason = error.splitlines()[0] if error else "it left no error"
            raise JobFailed(
                job_id=job.id, attempts=job.attempts, reason=reason, last_error=job.last_error
            )
        text = bytes(job.result).decode() if isinstance(job.result, msgspec.Raw) else "null"
        return self._result.decode(text, "$.result")

    async def cancel(self) -> Job:
        """Cancel the job if it is pending, or ask its worker to stop it.

        A running job is still `processing` when this returns. Raises JobNotFound or NotAllowed.
        """
        self.job = await self._client.cancel(self.id)
        return self.job

    async def retry(self) -> Job:
        """Start the job afresh when it has ended; its history stays.

        Raises JobNotFound, NotAllowed, or UniqueKeyTaken.
        """
        self.job = await self._client.retry(self.id)
        return self.job
