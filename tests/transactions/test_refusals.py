"""What is refused, what the errors are, and in which state the caller's transaction is left."""

from __future__ import annotations

import asyncio
import sqlite3

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from duly import Duly
from duly.config import Secret, Settings
from duly.errors import DatabaseUnreachable, PayloadRefused, RequestRefused, SchemaTooOld
from duly.jobs.filters import JobFilters

from .doors import Asyncpg, AsyncPsycopg, Psycopg, Psycopg2, SqlalchemyPsycopg2, sqlalchemy_url

ONE_ASYNC = pytest.mark.parametrize("door", [Asyncpg, AsyncPsycopg], indirect=True)
ONE_SYNC = pytest.mark.parametrize("door", [Psycopg, Psycopg2], indirect=True)


@ONE_ASYNC
async def test_a_payload_that_does_not_fit_is_refused_before_the_transaction_hears_of_it(app, door):
    await door.begin()
    kept = await door.enqueue(app, "noted")

    with pytest.raises(PayloadRefused, match=r"^\$\.payload"):
        await door.enqueue(app, "noted", ["no", "dict"])
    with pytest.raises(PayloadRefused, match=r"^\$\[1\]\.payload"):
        await door.enqueue_many(app, "noted", [{}, 7])
    with pytest.raises(RequestRefused, match=r"^\$\.queue"):
        await door.enqueue(app, "noted", queue="!")

    await door.commit()
    assert [one.id for one in await app.client.list(JobFilters())] == [kept.id]


async def test_options_that_there_are_not_are_type_errors(app, connection):
    with pytest.raises(TypeError, match="dely"):
        await app.enqueue("noted", dely=3)
    with pytest.raises(TypeError, match="dely"):
        app.enqueue_many_sync("noted", [{}], dely=3, conn=connection)
    with pytest.raises(RequestRefused, match="unique_keys, one per payload"):
        await app.enqueue_many("noted", [{}], unique_key="for all")
    with pytest.raises(RequestRefused, match="must be 2, one per payload"):
        await app.enqueue_many("noted", [{}, {}], unique_keys=["one"])


@pytest.mark.parametrize(
    ("door", "error"),
    [
        (Asyncpg, asyncpg.InFailedSQLTransactionError),
        (AsyncPsycopg, psycopg.errors.InFailedSqlTransaction),
        (Psycopg, psycopg.errors.InFailedSqlTransaction),
        (SqlalchemyPsycopg2, sqlalchemy.exc.InternalError),
    ],
    indirect=["door"],
)
async def test_a_statement_that_fails_raises_the_error_of_the_driver(app, door, error):
    await door.begin()
    with pytest.raises(Exception, match="division by zero"):
        await door.say("select 1/0")

    with pytest.raises(error, match="current transaction is aborted"):
        await door.enqueue(app, "noted")

    await door.rollback()
    assert await door.enqueue(app, "noted")
    await door.rollback()


@ONE_SYNC
async def test_a_sync_connection_is_not_for_the_event_loop(app, door):
    with pytest.raises(RequestRefused, match="would block the event loop: call the method that"):
        await app.enqueue("noted", conn=door.conn)


@ONE_ASYNC
async def test_an_async_connection_is_not_for_sync_code(app, door):
    with pytest.raises(RequestRefused, match="is of an async driver: await the method without"):
        app.enqueue_sync("noted", conn=door.conn)


async def test_what_no_transaction_can_be_open_on_is_refused(app, database_url):
    engine = create_async_engine(sqlalchemy_url(database_url, "asyncpg"))
    pool = await asyncpg.create_pool(database_url, min_size=0)
    sqlite = sqlite3.connect(":memory:")

    for conn in (engine, pool, sqlite, database_url, 7):
        with pytest.raises(RequestRefused, match="must be a connection or a session of asyncpg"):
            await app.enqueue("noted", conn=conn)
        with pytest.raises(RequestRefused, match="that a transaction is open on, not "):
            app.enqueue_sync("noted", conn=conn)

    sqlite.close()
    await pool.close()
    await engine.dispose()


def test_a_connection_to_another_kind_of_database_is_refused():
    engine = sqlalchemy.create_engine("sqlite://")

    with engine.connect() as conn, pytest.raises(RequestRefused, match="a connection to sqlite:"):
        Duly(Settings()).enqueue_sync("noted", conn=conn)
    with sqlalchemy.orm.Session(engine) as conn, pytest.raises(RequestRefused, match="to sqlite:"):
        Duly(Settings()).enqueue_sync("noted", conn=conn)


async def test_sync_code_without_a_connection_makes_durable_jobs_that_wake_a_worker(app):
    closed = Duly(app.settings)

    async with app.worker():
        one = await asyncio.to_thread(closed.enqueue_sync, "noted", {"n": 1}, unique_key="one")
        many = await asyncio.to_thread(closed.enqueue_many_sync, "noted", [{"n": 2}, {"n": 3}])
        ended = [await (await app.job(job.id)).result(timeout=20) for job in (one, *many)]

    assert ended == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_a_running_loop_is_not_blocked_by_a_submission_without_a_connection(app):
    with pytest.raises(RuntimeError, match="await the method without `_sync`"):
        app.enqueue_sync("noted")


def test_sync_code_is_told_that_the_database_is_away_or_has_no_schema(database_url):
    away = Settings(database_url=Secret("postgresql://duly@127.0.0.1:1/duly"))
    bare = Settings(database_url=Secret(database_url), migrate=False)
    with psycopg.connect(database_url) as conn:
        conn.execute("drop schema duly cascade")

    with pytest.raises(DatabaseUnreachable):
        Duly(away).enqueue_sync("noted")
    with pytest.raises(SchemaTooOld):
        Duly(bare).enqueue_sync("noted")
