"""The stream of events: every committed change once, in order, at the same position everywhere."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from working import working

from duly.events.event import EventFilters, Reset
from duly.jobs.status import JobStatus

PATIENCE = 20.0


async def nothing(payload: object) -> None:
    pass


@pytest.fixture
async def work(settings):
    async with working(settings, {"nothing": nothing}, feed=True) as opened:
        yield opened


async def take(subscription, wanted):
    """The next events, until `wanted` of them have come."""
    taken = []
    while len(taken) < wanted:
        event = await subscription.next(PATIENCE)
        assert event is not None, f"only {len(taken)} of {wanted} events came"
        taken.append(event)
    return taken


async def take_ends(subscription, job_ids):
    """The next events, until each of these jobs was told to be done."""
    taken, left = [], set(job_ids)
    while left:
        (event,) = await take(subscription, 1)
        taken.append(event)
        if event.status is JobStatus.DONE:
            left.discard(event.job_id)
    return taken


async def is_quiet(subscription):
    return await subscription.next(0.2) is None


def numbers(events):
    return [int(event.position.partition(".")[2]) for event in events]


async def submit(dsn, count, *, is_committed):
    """Make jobs in one transaction of a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        made = [await connection.fetchval("select duly.enqueue('nothing')") for _ in range(count)]
        await (transaction.commit() if is_committed else transaction.rollback())
    finally:
        await connection.close()
    return made if is_committed else []


@asynccontextmanager
async def late_transaction(dsn):
    """A connection in a transaction that has made one job; the block decides when it commits."""
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        yield transaction, await connection.fetchval("select duly.enqueue('nothing')")
    finally:
        await connection.close()


async def test_every_committed_change_is_told_once_and_in_order(work, settings):
    dsn = settings.database_url.reveal()
    async with (
        work.engine.feed.follow(after="0") as subscription,
        late_transaction(dsn) as (late, late_id),
    ):
        groups = await asyncio.gather(
            *(submit(dsn, 5, is_committed=n % 3 != 0) for n in range(12)),
        )
        early_ids: list[UUID] = [job_id for group in groups for job_id in group]
        early = await take_ends(subscription, early_ids)
        await late.commit()
        events = early + await take_ends(subscription, [late_id])
        assert await is_quiet(subscription)

    assert numbers(events) == list(range(1, len(events) + 1))
    story = defaultdict(list)
    for event in events:
        story[event.job_id].append(event.change)
    assert story == {job_id: ["enqueue", "claim", "complete"] for job_id in [*early_ids, late_id]}
    assert late_id not in {event.job_id for event in early}


async def test_two_servers_tell_the_same_positions(work, settings):
    async with (
        working(settings, {"nothing": nothing}, feed=True) as other,
        work.engine.feed.follow() as here,
        other.engine.feed.follow() as there,
    ):
        jobs = [await (work, other)[n % 2].enqueue("nothing") for n in range(40)]

        seen_here = await take_ends(here, [job.id for job in jobs])
        seen_there = await take_ends(there, [job.id for job in jobs])

    assert seen_here == seen_there and len(seen_here) == 3 * len(jobs)


async def told(work, count):
    """The events of some jobs that were done."""
    async with work.engine.feed.follow() as subscription:
        jobs = [await work.enqueue("nothing") for _ in range(count)]
        return await take_ends(subscription, [job.id for job in jobs])


async def test_a_listener_goes_on_where_it_left(work):
    events = await told(work, 10)

    async with work.engine.feed.follow(after=events[6].position) as subscription:
        assert await take(subscription, len(events) - 7) == events[7:]
        assert await is_quiet(subscription)


async def test_a_listener_goes_on_at_a_server_that_has_just_started(work, settings):
    events = await told(work, 10)

    async with working(settings, {}, worker=False, feed=True) as other:
        for left in (0, 6, len(events) - 1):
            async with other.engine.feed.follow(after=events[left].position) as subscription:
                rest = events[left + 1 :]
                assert await take(subscription, len(rest)) == rest
        async with other.engine.feed.follow(after="0") as subscription:
            assert await take(subscription, len(events)) == events
            more = await told(work, 1)
            assert await take(subscription, len(more)) == more


async def test_a_listener_is_told_to_start_over_where_its_position_means_nothing(work):
    events = await told(work, 3)
    epoch, _, newest = events[-1].position.partition(".")
    cases = {
        f"abcd1234.{newest}": "another history",
        f"{epoch}.{int(newest) + 1}": "future",
        f"{epoch}.{10**30}": "not one of this stream",
        f"{epoch}.x": "not one of this stream",
        "nonsense": "another history|not one of this stream",
    }

    for after, reason in cases.items():
        async with work.engine.feed.follow(after=after) as subscription:
            (reset,) = await take(subscription, 1)

            assert isinstance(reset, Reset)
            assert any(one in reset.reason for one in reason.split("|")), (after, reset)
            assert reset.position == events[-1].position
            assert await is_quiet(subscription)


async def test_a_listener_that_left_too_long_ago_is_told_to_start_over(work):
    events = await told(work, 10)
    ticks = await work.sql.fetch("select tick, base, n from duly.event_tick order by tick")
    oldest = ticks[len(ticks) // 2]
    await work.sql.execute("delete from duly.event_tick where tick < $1", oldest["tick"])
    epoch = events[0].position.partition(".")[0]
    end = oldest["base"] + oldest["n"]

    async with work.engine.feed.follow(after=f"{epoch}.{end - 1}") as subscription:
        (reset,) = await take(subscription, 1)
        assert isinstance(reset, Reset) and "no longer kept" in reset.reason
        assert reset.position == events[-1].position
    async with work.engine.feed.follow(after=f"{epoch}.{end}") as subscription:
        assert await take(subscription, len(events) - end) == events[end:]


async def test_a_listener_hears_what_it_asked_for(work):
    async with work.engine.feed.follow() as subscription:
        plain = await work.enqueue("nothing")
        tagged = await work.enqueue("nothing", tags=("red", "round"))
        other = await work.enqueue("nobody-does-this", queue="elsewhere")
        await work.ends(other)
        events = await take(subscription, 9)
    start = f"{events[0].position.partition('.')[0]}.{numbers(events)[0] - 1}"
    cases = {
        EventFilters(): {plain.id: 3, tagged.id: 3, other.id: 3},
        EventFilters(job_id=plain.id): {plain.id: 3},
        EventFilters(tag="red"): {tagged.id: 3},
        EventFilters(tag="blue"): {},
        EventFilters(queue="elsewhere"): {other.id: 3},
        EventFilters(job_type="nothing"): {plain.id: 3, tagged.id: 3},
        EventFilters(job_type="nothing", status=JobStatus.DONE): {plain.id: 1, tagged.id: 1},
        EventFilters(status=JobStatus.FAILED): {other.id: 1},
    }

    for filters, wanted in cases.items():
        async with work.engine.feed.follow(filters, after=start) as subscription:
            heard = await take(subscription, sum(wanted.values()))
            assert Counter(event.job_id for event in heard) == wanted, filters
            assert await is_quiet(subscription)


async def test_a_feed_that_closes_ends_its_listeners(work):
    async with work.engine.feed.follow() as subscription:
        listening = asyncio.create_task(subscription.next(PATIENCE))

        work.engine.feed.close()

        with pytest.raises(StopAsyncIteration):
            await listening
