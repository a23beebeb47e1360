"""Jobs that are submitted by the handler that does them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from duly import Duly
from duly.errors import PayloadRefused

from .doors import Asyncpg, Psycopg


@pytest.mark.parametrize("door", [Asyncpg], indirect=True)
async def test_a_handler_submits_one_and_many_jobs_in_a_transaction(settings, door):
    app = Duly(replace(settings, poll=60.0))

    @app.handler("double")
    async def double(payload: int) -> int:
        return 2 * payload

    async with app, app.worker():
        await door.begin()
        one = await double.enqueue(1, conn=door.conn)
        many = await double.enqueue_many([2, 3], unique_keys=["two", "three"], conn=door.conn)
        with pytest.raises(PayloadRefused, match=r"^\$\[1\]\.payload"):
            await double.enqueue_many([4, "five"], conn=door.conn)
        await door.commit()

        assert [await job.result(timeout=20) for job in (one, *many)] == [2, 4, 6]


@pytest.mark.parametrize("door", [Psycopg], indirect=True)
async def test_a_handler_submits_from_sync_code(settings, door, connection):
    app = Duly(settings)

    @app.handler("double", queue="arithmetic")
    def double(payload: int) -> int:
        return 2 * payload

    one = await door.in_thread(double.enqueue_sync, 1, conn=door.conn)
    many = await door.in_thread(double.enqueue_many_sync, [2, 3], priority=7, conn=door.conn)
    await door.commit()

    rows = await connection.fetch("select id, queue, priority from duly.job order by payload")
    made = [(one.id, "arithmetic", 0), *((job.id, "arithmetic", 7) for job in many)]
    assert [tuple(row) for row in rows] == made
