"""Transactions as the users of each driver have them, all behind one door for the tests."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import asyncpg
import django
import psycopg
import psycopg2
import psycopg2.extras
import sqlalchemy
from django.conf import settings as django_settings
from django.db.utils import ConnectionHandler
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session


class AsyncDoor:
    """`conn` is what the user gives to duly; a subclass knows how it begins and ends."""

    conn = None

    def __init__(self, url):
        self.url = url

    async def open(self):
        """Connect."""

    async def close(self):
        await self.conn.close()

    async def enqueue(self, app, *arguments, **options):
        return (await app.enqueue(*arguments, **options, conn=self.conn)).job

    async def enqueue_many(self, app, *arguments, **options):
        handles = await app.enqueue_many(*arguments, **options, conn=self.conn)
        return [handle.job for handle in handles]

    async def begin(self):
        await self.say("begin")

    async def commit(self):
        await self.say("commit")

    async def rollback(self):
        await self.say("rollback")

    async def say(self, text):
        await self.conn.execute(text)


class Asyncpg(AsyncDoor):
    """With a codec of the user's own for JSON, as many have it."""

    async def open(self):
        self.conn = await asyncpg.connect(self.url)
        codec = {"encoder": json.dumps, "decoder": json.loads, "schema": "pg_catalog"}
        await self.conn.set_type_codec("jsonb", **codec)


class AsyncpgPool(AsyncDoor):
    async def open(self):
        self.pool = await asyncpg.create_pool(self.url, min_size=1, max_size=1)
        self.conn = await self.pool.acquire()

    async def close(self):
        await self.pool.release(self.conn)
        await self.pool.close()


class AsyncPsycopg(AsyncDoor):
    """With rows that are dictionaries."""

    async def open(self):
        self.conn = await psycopg.AsyncConnection.connect(self.url, row_factory=dict_row)

    async def begin(self):
        """The driver does."""

    async def commit(self):
        await self.conn.commit()

    async def rollback(self):
        await self.conn.rollback()


class AsyncSqlalchemy(AsyncDoor):
    driver = "asyncpg"

    async def open(self):
        self.engine = create_async_engine(sqlalchemy_url(self.url, self.driver))
        self.conn = await self.connected()

    async def connected(self):
        return await self.engine.connect()

    async def close(self):
        await self.conn.close()
        await self.engine.dispose()

    async def begin(self):
        """SQLAlchemy does."""

    async def commit(self):
        await self.conn.commit()

    async def rollback(self):
        await self.conn.rollback()

    async def say(self, text):
        await self.conn.execute(sqlalchemy.text(text))


class AsyncSqlalchemyPsycopg(AsyncSqlalchemy):
    driver = "psycopg"


class AsyncSqlalchemySession(AsyncSqlalchemy):
    async def connected(self):
        return AsyncSession(self.engine)


class SyncDoor:
    """The same for sync drivers: everything happens in one thread of its own."""

    conn = None

    def __init__(self, url):
        self.url = url
        self.thread = ThreadPoolExecutor(1)

    async def in_thread(self, function, *arguments, **options):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, lambda: function(*arguments, **options))

    async def open(self):
        self.conn = await self.in_thread(self.connected)

    async def close(self):
        await self.in_thread(self.disconnect)
        self.thread.shutdown()

    async def enqueue(self, app, *arguments, **options):
        return await self.in_thread(app.enqueue_sync, *arguments, **options, conn=self.conn)

    async def enqueue_many(self, app, *arguments, **options):
        return await self.in_thread(app.enqueue_many_sync, *arguments, **options, conn=self.conn)

    async def begin(self):
        """The driver does."""

    async def commit(self):
        await self.in_thread(self.conn.commit)

    async def rollback(self):
        await self.in_thread(self.conn.rollback)

    async def say(self, text):
        await self.in_thread(self.execute, text)

    def connected(self):
        raise NotImplementedError

    def disconnect(self):
        self.conn.close()

    def execute(self, text):
        self.conn.execute(text)


class Psycopg(SyncDoor):
    """With cursors that want $1 instead of %s."""

    def connected(self):
        return psycopg.connect(self.url, cursor_factory=psycopg.RawCursor)


class Psycopg2(SyncDoor):
    """With rows that are dictionaries."""

    def connected(self):
        return psycopg2.connect(self.url, cursor_factory=psycopg2.extras.RealDictCursor)

    def execute(self, text):
        with self.conn.cursor() as cursor:
            cursor.execute(text)


class Sqlalchemy(SyncDoor):
    driver = "psycopg"

    def connected(self):
        self.engine = sqlalchemy.create_engine(sqlalchemy_url(self.url, self.driver))
        return self.engine.connect()

    def disconnect(self):
        self.conn.close()
        self.engine.dispose()

    def execute(self, text):
        self.conn.execute(sqlalchemy.text(text))


class SqlalchemyPsycopg2(Sqlalchemy):
    driver = "psycopg2"


class SqlalchemySession(Sqlalchemy):
    def connected(self):
        return Session(super().connected().engine)


class Django(Psycopg2):
    def connected(self):
        if not django_settings.configured:
            django_settings.configure(USE_TZ=True, LOGGING_CONFIG=None)
            django.setup()
        connection = ConnectionHandler({"default": django_database(self.url)})["default"]
        connection.set_autocommit(False)
        return connection


ASYNC = [
    *(Asyncpg, AsyncpgPool, AsyncPsycopg),
    *(AsyncSqlalchemy, AsyncSqlalchemyPsycopg, AsyncSqlalchemySession),
]
SYNC = [Psycopg, Psycopg2, Sqlalchemy, SqlalchemyPsycopg2, SqlalchemySession, Django]


def parts(url):
    """Host (a folder, for a socket), user, password and name of the database."""
    split = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(split.query).items()}
    return {
        "host": query.get("host", split.hostname),
        "port": query.get("port", split.port),
        "user": query.get("user", split.username),
        "password": query.get("password", split.password),
        "name": split.path.removeprefix("/"),
    }


def sqlalchemy_url(url, driver):
    given = parts(url)
    # A host that is a folder can only stand in the query.
    return sqlalchemy.URL.create(
        f"postgresql+{driver}",
        username=given["user"],
        password=given["password"],
        database=given["name"],
        query={"host": given["host"], **({"port": str(given["port"])} if given["port"] else {})},
    )


def django_database(url):
    given = {name.upper(): value or "" for name, value in parts(url).items()}
    return {"ENGINE": "django.db.backends.postgresql", **given}
