"""One verb on many jobs: which ones is decided once, then they are worked off in batches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

import msgspec

from .errors import RequestRefused
from .jobs.filters import JobFilters
from .jobs.lifecycle import BY_VERB, sources_of
from .jobs.status import JobStatus
from .store.jobs import Jobs

BATCH = 1_000

Which = JobFilters | Collection[UUID]
Act = Callable[[list[UUID], list[JobStatus]], Awaitable[int]]
Agree = Callable[[int], bool]
OnProgress = Callable[[int, int], None]


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs matched, how many of them were changed, and how many were not.

    Skipped are those that had moved on before their turn came, those whose unique key another live
    job holds, and, of ids that were given, those whose status does not allow it.
    """

    matched: int
    changed: int
    skipped: int


def agree(_matched: int) -> bool:
    """Whatever matches is acted on."""
    return True


def disagree(_matched: int) -> bool:
    """Nothing is acted on: a dry run."""
    return False


def ignore_progress(_done: int, _total: int) -> None:
    """Nobody watches."""


class Bulk:
    """One verb, cancel or retry. `act` does it to a batch and answers how many were changed."""

    def __init__(self, jobs: Jobs, verb: str, act: Act) -> None:
        self._jobs = jobs
        self._verb = verb
        self._act = act

    async def do(self, which: Which, agreed: Agree, on_progress: OnProgress) -> BulkAnswer:
        """Decide on the set, ask whether that many are meant, and act on each batch of it.

        Jobs that come in, or come to match, after the set was decided are not touched. A batch is
        one transaction: when the database goes away, those that were done stay done.
        """
        statuses = self._statuses(which)
        chosen = await self._choose(which, statuses)
        if not chosen or not agreed(len(chosen)):
            return BulkAnswer(matched=len(chosen), changed=0, skipped=0)
        changed = 0
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            changed += await self._act(batch, statuses)
            on_progress(start + len(batch), len(chosen))
        return BulkAnswer(matched=len(chosen), changed=changed, skipped=len(chosen) - changed)

    async def _choose(self, which: Which, statuses: list[JobStatus]) -> list[UUID]:
        if isinstance(which, JobFilters):
            return await self._jobs.matching(which, statuses)
        return await self._jobs.existing(sorted(set(which)))

    def _statuses(self, which: Which) -> list[JobStatus]:
        """In which statuses the verb is applied. Without a word about it, retry means failed jobs.

        Nobody who says "all jobs of this queue" wants what is done to be done once more.
        """
        allowed = BY_VERB[self._verb].sources
        if not isinstance(which, JobFilters):
            return sorted(allowed)
        if which.status is None:
            return [JobStatus.FAILED] if self._verb == "retry" else sorted(allowed)
        if which.status not in allowed:
            reason = f"{self._verb} is possible only for jobs that are {sources_of(self._verb)}"
            raise RequestRefused(path="status", reason=reason)
        return [which.status]
