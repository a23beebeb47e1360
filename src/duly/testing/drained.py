"""What was run by a test, and how each attempt ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload
from uuid import UUID

import msgspec

from ..jobs.job import Job
from ..jobs.status import JobStatus


@dataclass(frozen=True, slots=True)
class Ran:
    """One attempt: the job as it is after it, the verb that ended it, and its error.

    `outcome` is complete, fail, snooze, discard, cancel or release.
    """

    job: Job
    outcome: str
    error: str | None

    @property
    def result(self) -> Any:
        """What the handler has returned, when the job is done."""
        result = self.job.result
        return msgspec.json.decode(result) if isinstance(result, msgspec.Raw) else None

    def check(self) -> None:
        """Raise AssertionError, with the handler's traceback, unless the job is done."""
        if self.job.status is not JobStatus.DONE:
            raise AssertionError(self._told())

    def _told(self) -> str:
        job, reason = self.job, self.error or "it left no error"
        return (
            f"job {job.id} ({job.job_type}) is {job.status.value} after attempt"
            f" {job.attempts}/{job.max_attempts} ({self.outcome}):\n{reason}"
        )


class Drained(Sequence[Ran]):
    """The attempts of a drain, in the order in which they were made."""

    def __init__(self, attempts: Sequence[Ran]) -> None:
        self._attempts = tuple(attempts)

    @property
    def jobs(self) -> list[Job]:
        """The jobs that were run, each once, as their last attempt left them."""
        newest: dict[UUID, Job] = {one.job.id: one.job for one in self._attempts}
        return list(newest.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs are in which status now: `{"done": 2, "pending": 1}`."""
        return dict(Counter(job.status.value for job in self.jobs))

    def check(self) -> None:
        """Raise AssertionError, with the tracebacks, unless every job that was run is done."""
        last = {one.job.id: one for one in self._attempts}
        told: list[str] = []
        for one in last.values():
            try:
                one.check()
            except AssertionError as error:
                told.append(str(error))
        if told:
            raise AssertionError("\n\n".join(told))

    @overload
    def __getitem__(self, index: int) -> Ran: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Ran]: ...
    def __getitem__(self, index: int | slice) -> Ran | Sequence[Ran]:
        return self._attempts[index]

    def __len__(self) -> int:
        return len(self._attempts)

    def __iter__(self) -> Iterator[Ran]:
        return iter(self._attempts)

    def __repr__(self) -> str:
        told = ", ".join(f"{one.job.job_type}: {one.outcome}" for one in self._attempts)
        return f"Drained({told})"
