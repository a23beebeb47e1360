"""A small pool of connections with a deadline on every call, and one error for a lost database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from ..config import Secret
from .failures import AWAY, REPEATABLE, unreachable

DEADLINE = 30.0
CONNECT_DEADLINE = 10.0
REPEATS = 5

# Just-in-time compilation costs more than any statement of ours; times are compared in UTC.
SESSION = {"timezone": "UTC", "jit": "off", "search_path": "pg_catalog, public"}

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def connect(dsn: Secret, name: str) -> Connection:
    """One connection outside of any pool. Raises DatabaseUnreachable or DatabaseAddressRefused."""
    try:
        return await asyncpg.connect(
            dsn.reveal(),
            timeout=CONNECT_DEADLINE,
            command_timeout=DEADLINE,
            server_settings={**SESSION, "application_name": f"duly {name}"},
        )
    except AWAY as error:
        raise unreachable(error) from None
    except ValueError as error:
        raise unreachable(asyncpg.ClientConfigurationError(str(error))) from None


class Database:
    """Connections for one purpose: none can starve another. `name` shows in PostgreSQL."""

    def __init__(self, dsn: Secret, *, name: str, size: int) -> None:
        self._dsn = dsn
        self._name = name
        self._size = size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Make the pool and prove that the database answers."""
        (await connect(self._dsn, self._name)).terminate()
        self._pool = await asyncpg.create_pool(
            self._dsn.reveal(),
            min_size=0,
            max_size=self._size,
            timeout=CONNECT_DEADLINE,
            command_timeout=DEADLINE,
            max_inactive_connection_lifetime=60.0,
            server_settings={**SESSION, "application_name": f"duly {self._name}"},
        )

    async def close(self) -> None:
        """Close every connection; those that are busy get five seconds."""
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except AWAY:
                self._pool.terminate()

    async def fetch(self, text: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows of one statement in a transaction of its own.

        A deadlock or a serialization failure is tried again; when the database is away, raises
        DatabaseUnreachable, and then nobody knows whether the statement was committed.
        """
        for repeat in range(REPEATS):
            try:
                async with self.connection() as connection:
                    return await connection.fetch(text, *arguments)
            except REPEATABLE:
                if repeat == REPEATS - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.02 * 2**repeat))
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """One connection for a while. Errors of the connection become DatabaseUnreachable."""
        if self._pool is None:
            raise RuntimeError("the database is not open")
        try:
            async with self._pool.acquire(timeout=CONNECT_DEADLINE) as connection:
                yield _plain(connection)
        except AWAY as error:
            raise unreachable(error) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """One transaction: committed at the end of the block, rolled back when it raises."""
        async with self.connection() as connection, connection.transaction():
            yield connection


def _plain(connection: Any) -> Connection:
    return connection
