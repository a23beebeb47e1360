"""Who keeps house: one process at a time, and another as soon as that one is gone."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from eventually import eventually

from duly.maintenance.leader import DUTY, Leader
from duly.wiring import open_engine

HOLD = """
insert into duly.leader (duty, holder, held_until)
values ($1, 'stranger', now() + make_interval(secs => $2))
on conflict (duty) do update set holder = excluded.holder, held_until = excluded.held_until
"""


@pytest.fixture
async def workers(settings):
    async with open_engine(settings, migrate=False) as engine:
        yield engine.store.workers


class Chore:
    """A duty that never ends, and counts how often it was begun and ended."""

    def __init__(self):
        self.begun = self.ended = 0

    async def __call__(self):
        self.begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1


@asynccontextmanager
async def leading(workers, *duties):
    leader = Leader(workers, duties)
    task = asyncio.create_task(leader.run())
    try:
        yield leader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_of_two_processes_one_keeps_house_and_the_other_when_that_has_left(
    workers, connection
):
    first, second = Chore(), Chore()
    async with leading(workers, second) as waiting:
        await eventually(lambda: second.begun, "one leads")
        async with leading(workers, first) as late:
            await _renewed(connection, 3)
            assert (waiting.is_leading, late.is_leading) == (True, False)
        assert (first.begun, second.begun, second.ended) == (0, 1, 0)

    async with leading(workers, first) as late:
        await eventually(lambda: late.is_leading, "the other leads", seconds=3)
    assert (second.ended, first.begun, first.ended) == (1, 1, 1)


async def test_the_lead_of_a_process_that_died_runs_out(workers, connection):
    await connection.execute(HOLD, DUTY, 1.0)
    chore = Chore()

    async with leading(workers, chore) as leader:
        await eventually(lambda: chore.begun, "another leads", seconds=5)
        assert leader.is_leading


async def test_a_leader_that_is_not_one_any_more_keeps_house_no_longer(workers, connection):
    chore = Chore()
    async with leading(workers, chore) as leader:
        await eventually(lambda: chore.begun, "it leads")

        await connection.execute(HOLD, DUTY, 3600.0)

        await eventually(lambda: chore.ended, "it has stopped")
        assert not leader.is_leading


async def test_a_duty_that_breaks_is_begun_again_and_disturbs_no_other(workers, caplog):
    chore, breaks = Chore(), []

    async def brittle():
        breaks.append(1)
        raise ValueError("a bad row")

    async with leading(workers, brittle, chore):
        await eventually(lambda: len(breaks) == 3, "it was begun again")

    assert (chore.begun, chore.ended) == (1, 1)
    assert "a duty of the house broke and is started again" in caplog.messages


async def _renewed(connection, times):
    """The lead is renewed so often."""
    look = "select held_until from duly.leader where duty = $1 and held_until is distinct from $2"
    seen = None
    for _ in range(times):
        seen = await eventually(lambda: connection.fetchval(look, DUTY, seen), "a renewal")  # noqa: B023
