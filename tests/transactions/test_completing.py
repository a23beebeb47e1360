"""Jobs that their handlers complete inside their own transactions."""

from __future__ import annotations

import asyncio

import asyncpg
import msgspec
import psycopg
import pytest
from eventually import eventually
from working import working

from duly.errors import LeaseLost, PayloadRefused
from duly.handlers.context import Context
from duly.jobs.status import JobStatus

from .doors import (
    Asyncpg,
    AsyncPsycopg,
    AsyncSqlalchemySession,
    Django,
    Psycopg,
    Psycopg2,
    SqlalchemySession,
)

DONE, FAILED, PROCESSING = JobStatus.DONE, JobStatus.FAILED, JobStatus.PROCESSING
KEEP = "insert into ledger default values"


class Pause:
    """A place where a handler waits for the test."""

    def __init__(self):
        self.reached = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self):
        self.reached.set()
        await self.over.wait()


@pytest.fixture
async def ledger(connection):
    """What handlers write; answers how many have."""
    await connection.execute("create table ledger (id integer generated always as identity)")

    async def count():
        return await connection.fetchval("select count(*) from ledger")

    return count


@pytest.mark.parametrize("kind", [Asyncpg, AsyncPsycopg, AsyncSqlalchemySession])
async def test_a_job_is_done_exactly_when_the_transaction_commits(
    settings, database_url, ledger, kind
):
    pause = Pause()

    async def book(_, ctx):
        door = kind(database_url)
        await door.open()
        await door.begin()
        await door.say(KEEP)
        await ctx.complete(door.conn, {"by": 'the "transaction"'})
        await pause()
        await door.commit()
        await door.close()
        return "nobody reads this"

    async with working(settings, {"book": book}) as work:
        job = await work.enqueue("book")
        await pause.reached.wait()
        before = (await work.client.get(job.id)).status, await ledger()
        pause.over.set()
        done = await work.ends(job)
        await work.engine.worker.settler.flush()

        assert before == (PROCESSING, 0)
        assert (done.status, await ledger()) == (DONE, 1)
        assert msgspec.json.decode(done.result) == {"by": 'the "transaction"'}
        assert [one.status for one in await work.client.attempts(job.id)] == [DONE]
        assert work.engine.worker.settler.stale_writes == 0


@pytest.mark.parametrize("kind", [Psycopg, Psycopg2, SqlalchemySession, Django])
async def test_a_handler_in_a_thread_completes_its_job_with_a_sync_driver(
    settings, database_url, ledger, kind
):
    def book(payload, ctx):
        door = kind(database_url)
        door.conn = door.connected()
        door.execute(KEEP)
        ctx.log("before")
        ctx.complete_sync(door.conn, "booked")
        if payload["commit"]:
            door.conn.commit()
        else:
            door.conn.rollback()
        door.disconnect()
        return "returned"

    async with working(settings, {"book": book}) as work:
        booked = await work.ends(await work.enqueue("book", {"commit": True}))
        returned = await work.ends(await work.enqueue("book", {"commit": False}))

        assert (booked.status, msgspec.json.decode(booked.result)) == (DONE, "booked")
        assert (returned.status, msgspec.json.decode(returned.result)) == (DONE, "returned")
        assert [line.message for line in await work.client.logs(booked.id)] == ["before"]
        assert await ledger() == 1
        assert work.engine.worker.settler.stale_writes == 0


async def test_a_job_whose_transaction_was_rolled_back_ends_as_its_handler_does(
    settings, connection, ledger
):
    async def book(payload, ctx):
        async with connection.transaction():
            await connection.execute(KEEP)
            await ctx.complete(connection)
            raise KeyError(payload["key"])

    async with working(settings, {"book": book}) as work:
        job = await work.enqueue("book", {"key": "missing"}, max_attempts=1)
        failed = await work.ends(job)

        assert failed.status is FAILED
        assert failed.last_error.startswith("KeyError: 'missing'")
        assert await ledger() == 0
        assert work.engine.worker.settler.stale_writes == 0


async def test_what_a_handler_does_after_its_commit_changes_nothing(settings, connection, caplog):
    async def book(_, ctx):
        async with connection.transaction():
            await ctx.complete(connection, "booked")
        raise KeyError("too late")

    async with working(settings, {"book": book}) as work:
        job = await work.enqueue("book")
        await eventually(lambda: "committed by its handler" in caplog.text, "the warning")
        await work.engine.worker.settler.flush()
        done = await work.client.get(job.id)

        assert (done.status, done.attempts, done.last_error) == (DONE, 1, None)
        assert work.engine.worker.settler.stale_writes == 0
        assert "KeyError: 'too late'" in caplog.text


async def test_an_attempt_that_lost_its_lease_cannot_complete_the_job(settings, connection, ledger):
    pause, refused = Pause(), asyncio.Queue()

    async def book(_, ctx):
        await pause()
        try:
            async with connection.transaction():
                await connection.execute(KEEP)
                await ctx.complete(connection)
        except LeaseLost as error:
            refused.put_nowait(str(error))
            raise

    async with working(settings, {"book": book}) as work:
        job = await work.enqueue("book", max_attempts=1)
        await pause.reached.wait()
        await work.sql.execute("update duly.running set lease = nextval('duly.lease')")
        pause.over.set()
        sentence = await refused.get()
        await eventually(lambda: work.engine.worker.settler.stale_writes, "the refusal")

        assert str(job.id) in sentence
        assert (await work.client.get(job.id)).status is PROCESSING
        assert await ledger() == 0


async def test_nobody_waits_for_a_transaction_that_a_handler_left_open(settings, database_url):
    conn, reached = await asyncpg.connect(database_url), asyncio.Event()

    async def careless(_, ctx):
        await conn.execute("begin")
        ctx.log("kept")
        await ctx.complete(conn)
        ctx.log("ignored")
        reached.set()

    async def neighbour(_, ctx):
        ctx.log("is heard")

    async with working(settings, {"careless": careless, "neighbour": neighbour}) as work:
        try:
            job = await work.enqueue("careless")
            await reached.wait()
            await eventually(lambda: work.engine.worker.executor.running == 0, "its end")
            other = await work.ends(await work.enqueue("neighbour"))
            heard = await work.client.logs(other.id)
            before = (await work.client.get(job.id)).status
            await conn.execute("commit")
        finally:
            await conn.close()
        done = await work.ends(job)

        assert (before, done.status) == (PROCESSING, DONE)
        assert [line.message for line in heard] == ["is heard"]
        assert [line.message for line in await work.client.logs(job.id)] == ["kept"]
        assert work.engine.worker.settler.stale_writes == 0


async def test_a_result_that_cannot_be_stored_is_refused_and_the_transaction_goes_on(
    settings, connection
):
    async def book(_, ctx):
        async with connection.transaction():
            with pytest.raises(PayloadRefused, match=r"^result: "):
                await ctx.complete(connection, object())
            await ctx.complete(connection, "fine")

    async with working(settings, {"book": book}) as work:
        done = await work.ends(await work.enqueue("book"))

        assert (done.status, done.last_error) == (DONE, None)
        assert msgspec.json.decode(done.result) == "fine"


async def test_a_coroutine_cannot_complete_its_job_with_a_sync_driver(settings, database_url):
    async def book(_, ctx):
        with psycopg.connect(database_url) as conn:
            ctx.complete_sync(conn)

    async with working(settings, {"book": book}) as work:
        failed = await work.ends(await work.enqueue("book", max_attempts=1))

        assert failed.last_error.startswith("RuntimeError: the event loop of the worker runs here")


async def test_a_context_without_a_worker_cannot_complete(connection):
    ctx = Context(job_id=None, job_type="book", queue="default", attempt=1, max_attempts=1, lease=1)

    with pytest.raises(RuntimeError, match="where its worker runs it"):
        await ctx.complete(connection)
