"""Databases for tests: copies of one that has the schema, cleaned from test to test."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from urllib.parse import urlsplit

import asyncpg

from ...config import Secret
from ...postgres.pool import Connection, connect
from .. import migrate as migrations
from ..statements import statement

PREFIX = "duly_test_"
LOCK = 7_305_814_218


class Databases:
    """Databases on the server at `address`, made by a role that may make them.

    A copy costs hundreds of files and cleaning one costs nothing: make few, clean them often.
    """

    def __init__(self, address: Secret) -> None:
        self._address = address

    async def make(self) -> Secret:
        """The address of a fresh database that has the schema."""
        name = f"{PREFIX}{os.getpid()}_{secrets.token_hex(3)}"
        connection = await connect(self._address, "testing")
        try:
            template = await self._template(connection)
            await connection.execute(f"create database {name} template {template}")
        finally:
            await connection.close()
        return self._address_of(name)

    async def clean(self, database: Secret) -> bool:
        """Make a database as it was when it was new; False when that cannot be done."""
        connection = await connect(database, "testing")
        try:
            await connection.execute(statement("testing/clean").text)
        except asyncpg.PostgresError:
            return False
        finally:
            await connection.close()
        return True

    async def drop(self, database: Secret) -> None:
        """Drop a database, whoever is connected to it."""
        await self._execute(f"drop database if exists {name_of(database)} with (force)")

    async def sweep(self) -> None:
        """Drop what test runs left behind that were killed; only on a server of this machine."""
        connection = await connect(self._address, "testing")
        try:
            rows = await connection.fetch("select datname from pg_database")
            for name in (str(row["datname"]) for row in rows):
                found = re.fullmatch(rf"{PREFIX}([0-9]+)_[0-9a-f]+", name)
                if found is not None and not _is_alive(int(found[1])):
                    await connection.execute(f"drop database if exists {name} with (force)")
        finally:
            await connection.close()

    async def hurry(self) -> None:
        """Let a server that holds nothing but tests not wait for its disk."""
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            await self._execute(f"alter system set {setting} = off")
        await self._execute("select pg_reload_conf()")

    async def _template(self, connection: Connection) -> str:
        """The name of the database that copies are made of; made by whoever comes first."""
        version = hashlib.sha256(migrations.sql().encode()).hexdigest()[:12]
        name, fresh = f"{PREFIX}template_{version}", f"{PREFIX}template_{version}_new"
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
            await connection.execute(f"drop database if exists {fresh} with (force)")
            await connection.execute(f"create database {fresh}")
            inside = await connect(self._address_of(fresh), "testing")
            try:
                await migrations.migrate(inside)
            finally:
                await inside.close()
            await connection.execute(f"alter database {fresh} rename to {name}")
        await connection.execute("select pg_advisory_unlock($1)", LOCK)
        return name

    async def _execute(self, text: str) -> None:
        connection = await connect(self._address, "testing")
        try:
            await connection.execute(text)
        finally:
            await connection.close()

    def _address_of(self, name: str) -> Secret:
        return Secret(urlsplit(self._address.reveal())._replace(path=f"/{name}").geturl())


def name_of(database: Secret) -> str:
    """The name of the database at an address."""
    return urlsplit(database.reveal()).path.removeprefix("/")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
