"""The event stream in the database: rows, cut into ticks, numbered without gaps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from ..postgres.pool import Database
from .statements import statement

# More events than this are read piece by piece: of a tick that was made after a long while.
MOST_READ = 10_000
ROWS_AT_ONCE = 50


class Tick(NamedTuple):
    """A cut of the stream: its events have the positions `base + 1` to `base + n`."""

    tick: int
    base: int
    n: int
    made_at: datetime

    @property
    def end(self) -> int:
        """The position of its last event."""
        return self.base + self.n


class Head(NamedTuple):
    """Where the stream stands. `is_ours` is false where the stream was written elsewhere.

    Then this is a restored copy, or another server took over, and a new epoch must begin.
    `is_known` is false where the tick that was asked for is not the one it was.
    """

    epoch: str
    is_ours: bool
    is_known: bool
    newest: Tick
    oldest_tick: int
    oldest_position: int


class Ticked(NamedTuple):
    """What came of cutting the stream: no tick when nothing was new, or it `is_ours` no more."""

    epoch: str
    is_ours: bool
    tick: Tick | None


class News(NamedTuple):
    """The next ticks; `is_known` tells whether the tick before them is the one it was."""

    epoch: str
    is_ours: bool
    is_known: bool
    ticks: list[Tick]


class Change(NamedTuple):
    """One change of one job, or what its handler reported, as it was written."""

    position: int
    at: datetime
    change: str
    status: str
    job_id: UUID
    attempt: int
    duration_ms: int | None
    scheduled_at: datetime | None
    error: str | None
    details: str | None


class Traits(NamedTuple):
    """What never changes about a job."""

    job_type: str
    queue: str
    tags: tuple[str, ...]


class Stream:
    """The event stream in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tick(self) -> Ticked:
        """Give positions to what became visible since the last tick.

        Two processes may do this at the same moment: one of them finds nothing new.
        """
        try:
            (row,) = await self._database.fetch(statement("events/tick").text)
        except asyncpg.UniqueViolationError:
            return await self.tick()
        return Ticked(row["epoch"], row["is_ours"], _tick(row) if row["tick"] else None)

    async def begin_epoch(self, epoch: str) -> bool:
        """Begin another history of events; False when somebody did since `epoch`."""
        rows = await self._database.fetch(statement("events/begin_epoch").text, epoch)
        return bool(rows[0]["is_new"])

    async def head(self, known: Tick | None = None) -> Head:
        """Where the stream stands now, and whether it is still the one of a known tick."""
        query = statement("events/head")
        values = _named(known)
        (row,) = await self._database.fetch(query.text, *query.arguments(values))
        return Head(
            row["epoch"],
            row["is_ours"],
            row["is_known"],
            _tick(row),
            row["oldest_tick"],
            row["oldest_position"],
        )

    async def news(self, known: Tick, most: int) -> News:
        """The next ticks after a known one, oldest first."""
        query = statement("events/news")
        values = {**_named(known), "most": most}
        rows = await self._database.fetch(query.text, *query.arguments(values))
        first = rows[0]
        ticks = [_tick(row) for row in rows if row["tick"] is not None]
        return News(first["epoch"], first["is_ours"], first["is_known"], ticks)

    async def ticks_at(self, position: int, known: Tick, most: int) -> list[Tick]:
        """The tick that holds the first event after `position`, or the newest, and the next ones.

        None of them when it was pruned, or when this is no longer the stream of the known tick.
        """
        query = statement("events/ticks_at")
        values = {**_named(known), "position": position, "most": most}
        rows = await self._database.fetch(query.text, *query.arguments(values))
        return [_tick(row) for row in rows]

    async def read(self, ticks: Sequence[Tick], after: int = 0) -> AsyncGenerator[list[Change]]:
        """The changes of these ticks after a position, in their order and in pieces.

        Nothing of a tick that was pruned, or is not the one it was.
        """
        query = statement("events/read")
        numbers, moments = [one.tick for one in ticks], [one.made_at for one in ticks]
        values: dict[str, object] = {"ticks": numbers, "made_ats": moments, "after": after}
        arguments = query.arguments(values)
        if sum(one.n for one in ticks) <= MOST_READ:
            yield _changes(await self._database.fetch(query.text, *arguments), after)
            return
        async with self._database.transaction() as connection:
            rows: list[asyncpg.Record] = []
            async for row in connection.cursor(query.text, *arguments, prefetch=ROWS_AT_ONCE):
                rows.append(row)
                if len(rows) == ROWS_AT_ONCE:
                    yield _changes(rows, after)
                    rows = []
            yield _changes(rows, after)

    async def traits(self, job_ids: Sequence[UUID]) -> dict[UUID, Traits]:
        """Type, queue and tags of these jobs, of those that are still kept."""
        rows = await self._database.fetch(statement("events/traits").text, list(job_ids))
        return {
            row["id"]: Traits(row["job_type"], row["queue"], tuple(row["tags"])) for row in rows
        }


def _tick(row: asyncpg.Record) -> Tick:
    return Tick(row["tick"], row["base"], row["n"], row["made_at"])


def _named(tick: Tick | None) -> dict[str, object]:
    """A tick as an argument: its number alone could be that of another one by now."""
    if tick is None:
        return {"tick": None, "made_at": None}
    return {"tick": tick.tick, "made_at": tick.made_at}


def _changes(rows: list[asyncpg.Record], after: int) -> list[Change]:
    """The changes in these rows that come after a position."""
    changes: list[Change] = []
    for row in rows:
        job_ids = row["job_ids"]
        position = int(row["finish"]) - len(job_ids)
        nothing = [None] * len(job_ids)
        for job_id, attempt, duration, scheduled_at, error, details in zip(
            job_ids,
            row["attempts"] or [0] * len(job_ids),
            row["durations"] or nothing,
            row["scheduled_at"] or nothing,
            row["errors"] or nothing,
            row["details"] or nothing,
            strict=True,
        ):
            position += 1
            if position <= after:
                continue
            changes.append(
                Change(
                    position,
                    row["at"],
                    row["change"],
                    row["status"],
                    job_id,
                    attempt,
                    duration,
                    scheduled_at,
                    error,
                    details,
                )
            )
    return changes
