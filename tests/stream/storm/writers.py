"""Writers of a storm: transactions of every length that make, claim, settle, cancel and retry jobs.

They use the product's own SQL, each on a connection of its own, and keep the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from uuid import UUID

import asyncpg

from duly.jobs.status import JobStatus
from duly.postgres.failures import AWAY
from duly.store.attempts import Attempts, Lane
from duly.store.claimed import ClaimedJob, Settlement
from duly.store.statements import statement

from .ledger import Change, Ledger, Note

QUEUES = [f"q{n}" for n in range(8)]
IN_THE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)
OUTCOMES = [
    # outcome, status, kept
    ("complete", JobStatus.DONE, True),
    ("complete", JobStatus.DONE, True),
    ("fail", JobStatus.PENDING, True),
    ("fail", JobStatus.FAILED, True),
    ("discard", JobStatus.FAILED, True),
    ("release", JobStatus.PENDING, False),
]


class OneConnection:
    """Lets the store speak inside a transaction of ours."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.fetch = connection.fetch


class Hands:
    """What all writers share: who has seen which job commit, so that others may go on with it."""

    def __init__(self) -> None:
        self.claimed: list[ClaimedJob] = []
        self.pending: list[tuple[UUID, str]] = []
        self.ended: list[tuple[UUID, str]] = []
        self.worker = 0
        self.counts: Counter[str] = Counter()


class Writer:
    """One connection that writes transaction after transaction until the storm is over."""

    def __init__(self, number: int, seed: str, ledger: Ledger, hands: Hands, longest: float):
        self._number = number
        self._random = random.Random(f"{seed}/writer/{number}")
        self._ledger = ledger
        self._hands = hands
        self._longest = longest
        self._marks = 0
        self._steps = [self._enqueue, self._enqueue_many, self._claim, self._settle, self._settle]
        self._steps += [self._claim, self._cancel, self._retry]

    async def run(self, dsn: str, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            with contextlib.suppress(*AWAY):
                connection = await asyncpg.connect(
                    dsn, timeout=5, server_settings={"lock_timeout": "300ms"}
                )
                try:
                    while not is_over.is_set():
                        await self._write(connection)
                finally:
                    connection.terminate()
            await asyncio.sleep(0.05)

    async def _write(self, connection: asyncpg.Connection) -> None:
        """One transaction. Whatever it has taken from the shared hands goes back unless it ends."""
        self._notes: list[Note] = []
        self._claims: list[ClaimedJob] = []
        self._taken: list[ClaimedJob] = []
        transaction = connection.transaction()
        is_wanted = self._random.random() >= 0.2
        try:
            await transaction.start()
            await self._steps_of_one(connection)
            if not is_wanted:
                await transaction.rollback()
        except IN_THE_WAY:
            await transaction.rollback()
            is_wanted = False
        except AWAY:
            self._roll_back("lost")
            raise
        if not is_wanted:
            self._roll_back("rolled back")
            return
        try:
            await transaction.commit()
        except AWAY:
            self._ledger.lose_sight_of(self._notes)
            self._hands.counts["unknown"] += 1
            raise
        self._commit()

    async def _steps_of_one(self, connection: asyncpg.Connection) -> None:
        """Some steps, with pauses that make the transaction as long as it is to be."""
        count = self._random.randint(1, 6)
        length = self._random.choice([0, 0, 1, 1]) * self._longest * self._random.random()
        for _ in range(count):
            step = self._random.choice(self._steps)
            if self._random.random() < 0.4:
                await self._in_savepoint(connection, step)
            else:
                await step(connection)
            await asyncio.sleep(length / count * self._random.uniform(0.5, 1))

    async def _in_savepoint(self, connection: asyncpg.Connection, step) -> None:
        notes, claims, taken = len(self._notes), len(self._claims), len(self._taken)
        savepoint = connection.transaction()
        await savepoint.start()
        await step(connection)
        if self._random.random() < 0.5:
            await savepoint.commit()
            return
        await savepoint.rollback()
        self._hands.counts["savepoints rolled back"] += 1
        self._ledger.roll_back(self._notes[notes:])
        self._hands.claimed += self._taken[taken:]
        del self._notes[notes:], self._claims[claims:], self._taken[taken:]

    def _commit(self) -> None:
        self._hands.counts["committed"] += 1
        self._ledger.commit(self._notes)
        self._hands.claimed += self._claims
        for note in self._notes:
            place = (note.change.job_id, note.queue)
            if note.change.change in ("enqueue", "retry"):
                self._hands.pending.append(place)
            elif note.change.change in ("complete", "discard", "cancel"):
                self._hands.ended.append(place)

    def _roll_back(self, why: str) -> None:
        self._hands.counts[why] += 1
        self._ledger.roll_back(self._notes)
        self._hands.claimed += self._taken

    def _tell(self, queue: str, *change) -> None:
        self._notes.append(self._ledger.note(Change(*change), queue))

    async def _enqueue(self, connection: asyncpg.Connection) -> None:
        queue = self._random.choice(QUEUES)
        job_id = await connection.fetchval("select duly.enqueue('storm', queue => $1)", queue)
        self._tell(queue, job_id, "enqueue", 0)

    async def _enqueue_many(self, connection: asyncpg.Connection) -> None:
        queue = self._random.choice(QUEUES)
        count = self._random.choice([2, 3, 4] * 20 + [130])  # a row of events holds a hundred
        rows = await connection.fetch(
            "select job_id from duly.enqueue_many(array_fill('storm'::text, array[$1::int]),"
            " queues => array_fill($2::text, array[$1::int])) order by n",
            count,
            queue,
        )
        for row in rows:
            self._tell(queue, row["job_id"], "enqueue", 0)

    async def _claim(self, connection: asyncpg.Connection) -> None:
        lane = Lane(self._random.choice(QUEUES), 0)
        most = self._random.choice([1, 2, 5])
        attempts = Attempts(OneConnection(connection))
        claim = await attempts.claim(lane, worker=self._hands.worker, cursor=0, most=most)
        for job in claim.jobs:
            self._claims.append(job)
            self._tell(lane.queue, job.id, "claim", job.attempt)

    async def _settle(self, connection: asyncpg.Connection) -> None:
        count = min(len(self._hands.claimed), self._random.choice([1, 2, 5]))
        settlements: list[Settlement] = []
        for _ in range(count):
            job = self._hands.claimed.pop(self._random.randrange(len(self._hands.claimed)))
            outcome, status, kept = self._random.choice(OUTCOMES)
            error = self._mark() if outcome in ("fail", "discard") else None
            settlements.append(Settlement(job, outcome, status, error=error, kept=kept))
            self._taken.append(job)
        accepted = await Attempts(OneConnection(connection)).settle(settlements)
        for one in settlements:
            assert (one.job.id, one.job.lease) in accepted, "the current lease was refused"
            self._tell(one.job.queue, one.job.id, one.outcome, one.job.attempt, one.error)

    def _mark(self) -> str:
        self._marks += 1
        return f"mark {self._marks} of writer {self._number}"

    async def _cancel(self, connection: asyncpg.Connection) -> None:
        made = [one for one in self._notes if one.change.change == "enqueue"]
        fresh = [(one.change.job_id, one.queue) for one in made]
        if not fresh and not self._hands.pending:
            return
        job_id, queue = self._random.choice(fresh or self._hands.pending)
        attempt = await connection.fetchval(
            "select attempt from duly.ready where job_id = $1 for update skip locked", job_id
        )
        text = statement("jobs/cancel_pending").text
        if attempt is not None and await connection.fetch(text, job_id):
            self._tell(queue, job_id, "cancel", attempt)

    async def _retry(self, connection: asyncpg.Connection) -> None:
        if not self._hands.ended:
            return
        job_id, queue = self._random.choice(self._hands.ended)
        await connection.execute(statement("jobs/lock").text, job_id)
        if await connection.fetch(statement("jobs/retry").text, job_id):
            self._tell(queue, job_id, "retry", 0)
