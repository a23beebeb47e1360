"""Streams that are broken on purpose, each in a way that is easy to write: the storm must tell."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from duly.events.event import Reset
from duly.events.feed import Feed
from duly.events.subscription import Place
from duly.store import stream as streams
from duly.store.statements import statement
from duly.store.stream import Change, Stream, Tick, Ticked

# (a) What is new has a higher number than what was seen: `eseq > last`. `test_cursor` remembers
# how far each tick came. Everything else is as it should be.
CURSOR = """
create table test_cursor (tick bigint primary key, eseq bigint not null);
insert into test_cursor select max(tick), 0 from duly.event_tick;
"""
TICK_BY_CURSOR = """
with last as (
  select * from duly.event_tick inner join test_cursor using (tick) order by tick desc limit 1
),
fresh as (
  select coalesce(sum(event.n), 0)::int as n, max(event.eseq) as eseq
  from last, duly.event where event.eseq > last.eseq
),
made as (
  insert into duly.event_tick (tick, base, n, snap)
  select last.tick + 1, last.base + last.n, fresh.n, pg_current_snapshot() from last, fresh
  where fresh.n > 0
  returning tick, base, n, made_at
),
noted as (insert into test_cursor select made.tick, fresh.eseq from made, fresh)
select *, pg_notify('duly_tick', '') from made
"""
READ_BY_CURSOR = """
select tick.base + sum(event.n) over (partition by tick.tick order by event.eseq) as finish, event.*
from duly.event_tick as tick
inner join test_cursor as this using (tick)
inner join test_cursor as before on before.tick = tick.tick - 1
inner join duly.event on event.eseq > before.eseq and event.eseq <= this.eseq
  and pg_visible_in_snapshot(event.xid, tick.snap)
where tick.tick = any($1)
order by tick.tick, event.eseq
"""

# (b) The events are counted, and the snapshot is taken after that.
COUNT = """
select last.tick, count.n
from (select * from duly.event_tick order by tick desc limit 1) as last
cross join lateral (
  select coalesce(sum(event.n), 0)::int as n from duly.event
  where not pg_visible_in_snapshot(event.xid, last.snap)
) as count
"""
TICK_LATE = """
with made as (
  insert into duly.event_tick (tick, base, n, snap)
  select tick + 1, base + n, $2, pg_current_snapshot() from duly.event_tick where tick = $1
  returning tick, base, n, made_at
)
select *, pg_notify('duly_tick', '') from made
"""


class NumbersInsteadOfTicks(Stream):
    """Loses what commits after something that was numbered later."""

    async def tick(self) -> Ticked:
        async with self._database.transaction() as connection:
            await connection.execute("lock table duly.event_tick in share row exclusive mode")
            if await connection.fetchval("select to_regclass('test_cursor') is null"):
                await connection.execute("set local search_path to public")
                await connection.execute(CURSOR)
            row = await connection.fetchrow(TICK_BY_CURSOR)
        return Ticked("", True, Tick(*row[:4]) if row else None)

    async def read(self, ticks, after: int = 0) -> AsyncGenerator[list[Change]]:
        rows = await self._database.fetch(READ_BY_CURSOR, [tick.tick for tick in ticks])
        yield streams._changes(rows, after)


class SnapshotAfterCount(Stream):
    """Loses, or tells twice, what commits in between."""

    async def tick(self) -> Ticked:
        async with self._database.transaction() as connection:
            await connection.execute("lock table duly.event_tick in share row exclusive mode")
            counted = await connection.fetchrow(COUNT)
            row = counted["n"] and await connection.fetchrow(
                TICK_LATE, counted["tick"], counted["n"]
            )
        return Ticked("", True, Tick(*row[:4]) if row else None)


class ForgetfulBuffer(Feed):
    """Keeps the newest pages only, and goes on from there when a client was slower."""

    async def after(self, place: Place):
        pages = self._ring._pages
        if len(pages) > 2 and place.epoch == self._epoch:
            place = Place(place.epoch, max(place.position, pages[-2].start))
        return await super().after(place)


class OneTooMany(Feed):
    """Begins with the event that the client has seen already."""

    async def place(self, after: str | None) -> Place | Reset:
        place = await super().place(after)
        if isinstance(place, Reset) or place.position == 0:
            return place
        return Place(place.epoch, place.position - 1)


class OneTooFew(Feed):
    """Skips the event after the one that the client has seen."""

    async def place(self, after: str | None) -> Place | Reset:
        place = await super().place(after)
        if isinstance(place, Reset) or place.position >= self._ring.end:
            return place
        return Place(place.epoch, place.position + 1)


class UnorderedRead(Stream):
    """Tells the events of a tick in another order."""

    async def read(self, ticks, after: int = 0) -> AsyncGenerator[list[Change]]:
        async for changes in super().read(ticks, after):
            numbers = [change.position for change in changes]
            backwards = reversed(changes)
            yield [
                change._replace(position=number)
                for number, change in zip(numbers, backwards, strict=True)
            ]


class WaitingForOthers(Stream):
    """Loses nothing, but waits until no transaction of the cluster is older than the events."""

    async def tick(self) -> Ticked:
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read"),
        ):
            is_early = await connection.fetchval(
                "select exists (select from duly.event"
                " where xid >= pg_snapshot_xmin(pg_current_snapshot()))"
            )
            if not is_early:
                await connection.fetch(statement("events/tick").text)
        return Ticked("", True, None)
