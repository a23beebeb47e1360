"""Which lanes a worker looks at, and how far it came in each: the cursors.

A cursor spares the scan over dead index entries. It is only an accelerator: a job that was
committed late lies behind it, so that from time to time everything is looked at from the start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from itertools import groupby

from ...store.attempts import Attempts, Claim, Lane
from ...store.claimed import ClaimedJob
from ..strangers import Strangers
from .suspects import Suspects

SCAN_EVERY = 1.0
LEAST_PAUSE = 0.05
COST_SHARE = 20.0
MOST_REMEMBERED = 16
START = -1


class Lanes:
    """Claims from the lanes of one worker, highest priority first, neighbours taking turns."""

    def __init__(
        self, attempts: Attempts, queues: Sequence[str] | None, strangers: Strangers
    ) -> None:
        self._attempts = attempts
        self._strangers = strangers
        self._queues = queues
        self._cursors: dict[Lane, int] = {}
        self._scanned_at = 0.0
        self._scan_cost = 0.0
        self._turn = 0
        self._suspects = Suspects()
        self.looked_everywhere = False

    async def claim(
        self, worker: int, most: int, *, eager: bool, in_hand: Callable[[], Container[int]]
    ) -> Claim:
        """Up to `most` jobs. With `eager`, an empty look is followed by one from the start at once.

        A look from the start is made about every second, and less often when it takes long;
        `looked_everywhere` says whether this call made one. `in_hand` tells the leases of the jobs
        that the worker has: of suspects, it gets one at a time.
        """
        self.looked_everywhere = False
        self._suspects.look(in_hand)
        if self._is_scan_due(SCAN_EVERY):
            await self._scan()
        claim = await self._claim_from_lanes(worker, most)
        if claim.jobs or self.looked_everywhere or not eager:
            return claim
        if self._is_scan_due(LEAST_PAUSE):
            await self._scan()
            claim = await self._claim_from_lanes(worker, most)
        return claim

    async def held(self, worker: int) -> list[ClaimedJob]:
        """The jobs that the worker has in hand, whether it knows of them or not."""
        return await self._attempts.held(worker)

    def serves(self, queue: str) -> bool:
        """Whether jobs of this queue are for this worker."""
        return self._queues is None or queue in self._queues

    @property
    def seconds_to_scan(self) -> float:
        """Seconds until the next look from the start is allowed to an eager claim."""
        pause = max(LEAST_PAUSE, COST_SHARE * self._scan_cost)
        return max(0.0, self._scanned_at + pause - time.monotonic())

    def _is_scan_due(self, pause: float) -> bool:
        waited = time.monotonic() - self._scanned_at
        return waited >= max(pause, COST_SHARE * self._scan_cost)

    @property
    def has_suspects_waiting(self) -> bool:
        """Whether a job was not claimed because another suspect is in hand."""
        return self._suspects.are_waiting

    async def _scan(self) -> None:
        started = time.monotonic()
        found = await self._attempts.lanes(self._queues)
        fresh = dict.fromkeys(found, START)
        # A lane that is empty now is likely to be the next to get a job: go on looking at it.
        for lane, cursor in list(self._cursors.items())[-MOST_REMEMBERED:]:
            fresh.setdefault(lane, cursor)
        self._cursors = fresh
        self.looked_everywhere = True
        is_first, self._scanned_at = self._scanned_at == 0.0, time.monotonic()
        # The first look also pays for opening a connection and planning.
        self._scan_cost = 0.0 if is_first else self._scanned_at - started

    async def _claim_from_lanes(self, worker: int, most: int) -> Claim:
        jobs: Claim = Claim([], START)
        for lane in self._in_turn():
            if not (room := self._suspects.room(lane, most - len(jobs.jobs))):
                continue
            claim = await self._attempts.claim(
                lane,
                worker=worker,
                cursor=self._cursors[lane],
                most=room,
                left=self._strangers.left,
            )
            self._suspects.note(lane, claim)
            self._cursors[lane] = claim.cursor
            jobs.jobs.extend(claim.jobs)
            if len(jobs.jobs) >= most:
                break
        return jobs

    def _in_turn(self) -> list[Lane]:
        self._turn += 1
        order: list[Lane] = []
        lanes = sorted(self._cursors, key=lambda lane: (-lane.priority, lane.queue))
        for _, group in groupby(lanes, key=lambda lane: lane.priority):
            neighbours = list(group)
            first = self._turn % len(neighbours)
            order += neighbours[first:] + neighbours[:first]
        return order
