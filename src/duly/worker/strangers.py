"""Jobs of a type that this worker has no handler for, as during a deployment."""

from __future__ import annotations

import random
import time

from ..config import UnknownTypes
from ..errors import Unavailable, UnknownJobType
from ..store.claimed import ClaimedJob, Settlement
from ..store.workers import Workers
from . import judge

LOOK_EVERY = 1.0
LEFT_FOR = 5.0
LEFT = (0.1, 0.5)
PARKED = (30.0, 60.0)


class Strangers:
    """Leaves them to a live worker that knows the type; without one, they fail or are parked.

    To leave a job once is not enough: whoever is nearest to it would claim it again and again.
    """

    def __init__(self, workers: Workers, policy: UnknownTypes) -> None:
        self._workers = workers
        self._policy = policy
        self._known: frozenset[str] = frozenset()
        self._looked_at = 0.0
        self._left: dict[str, float] = {}

    @property
    def left(self) -> list[str] | None:
        """The types that are not worth claiming for a while; None when there are none."""
        if not self._left:
            return None
        now = time.monotonic()
        self._left = {kind: until for kind, until in self._left.items() if until > now}
        return list(self._left) or None

    async def settle(self, job: ClaimedJob, error: UnknownJobType) -> Settlement:
        """What becomes of a job that cannot be done here; uncharged where it may be elsewhere."""
        if await self._is_known_elsewhere(job.job_type):
            self._left[job.job_type] = time.monotonic() + LEFT_FOR
            return judge.left(job, random.uniform(*LEFT))
        if self._policy == "park":
            return judge.left(job, random.uniform(*PARKED))
        return judge.discarded(job, str(error))

    async def _is_known_elsewhere(self, job_type: str) -> bool:
        """Whether any live worker knows the type; while the database is away, perhaps."""
        now = time.monotonic()
        if job_type in self._known and now - self._looked_at < LOOK_EVERY:
            return True
        try:
            live = await self._workers.list()
        except Unavailable:
            return True
        self._known = frozenset(kind for one in live for kind in one.job_types)
        self._looked_at = now
        return job_type in self._known
