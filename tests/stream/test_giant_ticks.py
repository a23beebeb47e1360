"""Where the kept events begin, and ticks that hold far more events than others."""

from __future__ import annotations

import tracemalloc

import pytest

from duly.events import ring
from duly.events.event import Reset
from duly.store.stream import MOST_READ

from .storm.clients import number_of
from .storm.servers import server

PATIENCE = 20.0
MANY = 30_000
MANY_ROWS = """
insert into duly.event (change, status, n, job_ids, attempts)
select 'enqueue', 'pending', 1, array[duly.make_id()], array[n::smallint]
from generate_series(1, $1) as n
"""


async def take(subscription, count):
    """So many events; only what is wanted of them is kept."""
    taken = []
    while len(taken) < count:
        event = await subscription.next(PATIENCE)
        assert event is not None and not isinstance(event, Reset), (event, len(taken))
        taken.append((number_of(event.position), event.attempt))
    return taken


async def make(connection, jobs):
    for _ in range(jobs):
        await connection.execute("select duly.enqueue('kept')")


@pytest.fixture
async def giant(connection):
    """The positions of the events of a tick that is made when nobody has ticked for long."""
    await make(connection, 3)
    await connection.execute(MANY_ROWS, MANY)
    assert MANY > 2 * MOST_READ
    return MANY + 3


async def test_a_giant_tick_is_told_whole_and_in_order(database_url, giant):
    async with server(database_url) as door, door.follow("0") as subscription:
        told = await take(subscription, giant)
        assert await subscription.next(0.2) is None

    assert [position for position, _ in told] == list(range(1, giant + 1))
    assert [n for _, n in told[3:]] == list(range(1, MANY + 1))


@pytest.fixture
async def late_server(database_url, giant):
    """A server that starts when the giant tick is there: it has to read it from the database."""
    async with server(database_url) as early, early.follow("0") as subscription:
        await subscription.next(PATIENCE)
    async with server(database_url) as late:
        async with late.follow(None) as subscription:
            assert number_of(subscription.position) == giant
        yield late


async def test_a_listener_goes_on_in_the_middle_of_a_giant_tick_anywhere(late_server, giant):
    async with late_server.follow(None) as subscription:
        epoch = subscription.position.partition(".")[0]

    for place in (1, 2, 3, 4, 255, 256, MOST_READ, MOST_READ + 3, 20_000, giant - 1, giant):
        async with late_server.follow(f"{epoch}.{place}") as subscription:
            count = min(300, giant - place)
            told = await take(subscription, count)
            assert [position for position, _ in told] == [place + n + 1 for n in range(count)]
    async with late_server.follow(f"{epoch}.12345") as subscription:
        told = await take(subscription, giant - 12_345)
        assert await subscription.next(0.2) is None

    assert [n for _, n in told] == list(range(12_346 - 3, MANY + 1))


async def peak_of(subscription, end):
    """The most memory that is taken while everything up to `end` is read, in MiB."""
    tracemalloc.start()
    try:
        seen = 0
        while seen < end:
            event = await subscription.next(PATIENCE)
            assert event is not None and not isinstance(event, Reset), (event, seen)
            assert number_of(event.position) == seen + 1
            seen += 1
        return tracemalloc.get_traced_memory()[1] / 1024**2
    finally:
        tracemalloc.stop()


async def test_a_giant_tick_goes_through_the_ring_in_bounded_memory(
    database_url, giant, monkeypatch
):
    monkeypatch.setattr(ring, "HEAVIEST", 1024 * 1024)

    async with server(database_url) as door, door.follow("0") as subscription:
        peak = await peak_of(subscription, giant)

    print(f"a giant tick through the ring: at most {peak:.1f} MiB")
    assert peak < 10


async def test_a_giant_tick_is_caught_up_with_in_bounded_memory(late_server, giant):
    async with late_server.follow("0") as subscription:
        peak = await peak_of(subscription, giant)

    print(f"a giant tick from the past: at most {peak:.1f} MiB")
    assert peak < 40


async def test_from_before_what_is_kept_a_listener_is_told_to_start_over(database_url, connection):
    async with server(database_url) as door, door.follow("0") as subscription:
        for _ in range(6):
            await make(connection, 2)
            told = await take(subscription, 2)
        epoch = subscription.position.partition(".")[0]
        ticks = await connection.fetch("select tick, base + n as end from duly.event_tick")
        oldest = sorted(ticks)[len(ticks) // 2]
        await connection.execute("delete from duly.event_tick where tick < $1", oldest["tick"])
        start, end = oldest["end"], told[-1][0]

        async with door.follow(f"{epoch}.{start}") as at_start:
            kept = await take(at_start, end - start)
        async with door.follow("0") as at_zero:
            assert await take(at_zero, end - start) == kept
        async with door.follow(f"{epoch}.{start - 1}") as before:
            reset = await before.next(PATIENCE)
            assert isinstance(reset, Reset) and "no longer kept" in reset.reason
            assert reset.position == f"{epoch}.{end}"
            await make(connection, 1)
            assert [position for position, _ in await take(before, 1)] == [end + 1]

    assert [position for position, _ in kept] == list(range(start + 1, end + 1))
