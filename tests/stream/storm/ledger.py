"""What the writers of a storm know to be committed. It is kept in memory, beside the database."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from typing import NamedTuple
from uuid import UUID


class Change(NamedTuple):
    """A change of one job. `error` marks it, where a change can carry a mark."""

    job_id: UUID
    change: str
    attempt: int
    error: str | None = None


class Note(NamedTuple):
    """A change that was made, in the order in which the database let it be made.

    Who changes a job holds a lock on it until the end of the transaction. So the next change of it
    is noted later, whoever makes it.
    """

    order: int
    change: Change
    queue: str


class Commit(NamedTuple):
    """A transaction, and when the writer knew about it."""

    notes: list[Note]
    at: float


class Ledger:
    """All transactions of a storm by their outcome."""

    def __init__(self) -> None:
        self.committed: list[Commit] = []
        self.unknown: list[Commit] = []
        self.rolled_back: list[Note] = []
        self._orders = itertools.count(1)

    def note(self, change: Change, queue: str) -> Note:
        """Called as soon as the statement has come back."""
        return Note(next(self._orders), change, queue)

    def commit(self, notes: list[Note]) -> None:
        self.committed.append(Commit(notes, time.monotonic()))

    def roll_back(self, notes: list[Note]) -> None:
        self.rolled_back += notes

    def lose_sight_of(self, notes: list[Note]) -> None:
        """The answer to the commit was lost."""
        if notes:
            self.unknown.append(Commit(notes, time.monotonic()))

    def stories(self, queue: str | None = None) -> dict[UUID, list[tuple[Change, float]]]:
        """The committed changes of each job in their order, and when each was known."""
        notes = [(note, commit.at) for commit in self.committed for note in commit.notes]
        told: dict[UUID, list[tuple[Change, float]]] = defaultdict(list)
        for note, at in sorted(notes):
            if queue in (None, note.queue):
                told[note.change.job_id].append((note.change, at))
        return told

    def learn(self, seen: dict[UUID, list[Change]]) -> None:
        """Decide what nobody knows by what somebody has seen: all of a transaction, or nothing."""
        unknown, self.unknown = self.unknown, []
        for commit in unknown:
            first = commit.notes[0].change
            known = [change for change, _ in self.stories().get(first.job_id, [])]
            if seen.get(first.job_id, []).count(first) > known.count(first):
                self.committed.append(commit)
            else:
                self.roll_back(commit.notes)
