"""Every committed change reaches every client exactly once and in order, whatever goes on."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress

import pytest
from spec.faults import kill_postgres

from .machines import start
from .storm.servers import HttpDoor, servers
from .storm.storm import Storm, chosen_seed


def check(verdict):
    print(verdict)
    assert not verdict.problems, verdict
    assert verdict.rolled_back, verdict


async def test_every_client_is_told_every_committed_change_once_and_in_order(database_url):
    async with servers(database_url, all_tick=True) as doors:
        verdict = await Storm(seconds=7).blow(database_url, doors)

    check(verdict)


async def test_nothing_is_lost_or_told_twice_when_postgres_is_killed_in_the_middle(own_postgres):
    dsn = await start(own_postgres)

    async def kill_and_start():
        kill_postgres(own_postgres)
        await asyncio.to_thread(own_postgres.start)

    async with servers(dsn) as doors:
        verdict = await Storm(seconds=4, longest=1.0).blow(dsn, doors, kill_and_start)

    check(verdict)
    assert verdict.writers["lost"], verdict  # transactions that the kill has ended


@pytest.mark.chaos
async def test_a_minute_of_it_with_postgres_killed_and_started_four_times(own_postgres):
    dsn = await start(own_postgres)

    async def kill_and_start():
        for _ in range(4):
            kill_postgres(own_postgres)
            await asyncio.to_thread(own_postgres.start)
            await asyncio.sleep(5)

    async with servers(dsn, all_tick=True) as doors:
        verdict = await Storm(seconds=40, patience=60, changes=5_000).blow(
            dsn, doors, kill_and_start
        )

    check(verdict)


@asynccontextmanager
async def killing(doors, seed):
    """Real servers, of which one is killed every few seconds and started again."""
    chance = random.Random(f"{seed}/servers")

    async def kill_again_and_again():
        while True:
            await asyncio.sleep(chance.uniform(1, 6))
            door = chance.choice(doors)
            await asyncio.to_thread(door.kill)
            await asyncio.to_thread(door.start)

    try:
        await asyncio.gather(*(asyncio.to_thread(door.start) for door in doors))
        task = asyncio.create_task(kill_again_and_again())
        yield
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    finally:
        for door in doors:
            door.kill()


@pytest.mark.chaos
async def test_a_minute_of_it_with_real_servers_over_http_that_are_killed(database_url, tmp_path):
    seed = chosen_seed()
    doors = [HttpDoor(database_url, tmp_path, number) for number in range(3)]

    async with killing(doors, seed):
        verdict = await Storm(60, seed, patience=60, changes=5_000).blow(database_url, doors)

    check(verdict)
