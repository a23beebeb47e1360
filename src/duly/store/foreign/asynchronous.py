"""Connections of async drivers, by what they can do. None of these drivers is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .request import Request


class Asyncpg(Protocol):
    """asyncpg: a Connection, or what a pool lends."""

    async def fetch(self, query: str, /, *arguments: object) -> Sequence[Sequence[Any]]: ...


class AsyncpgConnection:
    """Asks an asyncpg connection."""

    def __init__(self, connection: Asyncpg) -> None:
        self._connection = connection

    async def ask(self, request: Request) -> Sequence[Any]:
        arguments = request.arguments("numbered")
        return [
            row[0] for row in await self._connection.fetch(request.text("numbered"), *arguments)
        ]


class AsyncPsycopgConnection:
    """Asks a psycopg AsyncConnection; with a cursor of our own, whose rows are as we expect."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    async def ask(self, request: Request) -> Sequence[Any]:
        cursor = sys.modules["psycopg"].AsyncCursor(self._connection, row_factory=first_of_row)
        async with cursor:
            await cursor.execute(request.text("format"), request.arguments("format"))
            return await cursor.fetchall()


class AsyncSqlalchemy(Protocol):
    """SQLAlchemy: an AsyncConnection or an AsyncSession."""

    async def execute(self, statement: Any, parameters: Any, /) -> Any: ...


class AsyncSqlalchemyConnection:
    """Asks a connection or session of SQLAlchemy's asyncio extension."""

    def __init__(self, connection: AsyncSqlalchemy) -> None:
        self._connection = connection

    async def ask(self, request: Request) -> Sequence[Any]:
        text = sys.modules["sqlalchemy"].text(request.text("named"))
        result = await self._connection.execute(text, request.named_arguments())
        return result.scalars().all()


def first_of_row(_cursor: object) -> Callable[[Sequence[Any]], Any]:
    """What psycopg calls a row factory: of each row, its first column."""
    return lambda values: values[0]
