"""Connections of sync drivers, by what they can do. None of these drivers is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .asynchronous import first_of_row
from .request import Request


class Cursor(Protocol):
    """A cursor as DB-API has it."""

    def execute(self, query: str, arguments: Sequence[str], /) -> Any: ...
    def fetchall(self) -> Sequence[Sequence[Any]]: ...


class PsycopgConnection:
    """Asks a psycopg Connection; with a cursor of our own, whose rows are as we expect."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def ask(self, request: Request) -> Sequence[Any]:
        with sys.modules["psycopg"].Cursor(self._connection, row_factory=first_of_row) as cursor:
            cursor.execute(request.text("format"), request.arguments("format"))
            return cursor.fetchall()


class Psycopg2(Protocol):
    """psycopg2: a connection."""

    def cursor(self, *, cursor_factory: Any) -> AbstractContextManager[Cursor]: ...


class Psycopg2Connection:
    """Asks a psycopg2 connection, with a plain cursor: theirs may answer dictionaries."""

    def __init__(self, connection: Psycopg2) -> None:
        self._connection = connection

    def ask(self, request: Request) -> Sequence[Any]:
        plain = sys.modules["psycopg2.extensions"].cursor
        with self._connection.cursor(cursor_factory=plain) as cursor:
            return _first_columns(cursor, request)


class Django(Protocol):
    """Django: `connection`, or one of `connections`."""

    def cursor(self) -> AbstractContextManager[Cursor]: ...


class DjangoConnection:
    """Asks a connection of Django."""

    def __init__(self, connection: Django) -> None:
        self._connection = connection

    def ask(self, request: Request) -> Sequence[Any]:
        with self._connection.cursor() as cursor:
            return _first_columns(cursor, request)


class Sqlalchemy(Protocol):
    """SQLAlchemy: a Connection or a Session."""

    def execute(self, statement: Any, parameters: Any, /) -> Any: ...


class SqlalchemyConnection:
    """Asks a connection or session of SQLAlchemy."""

    def __init__(self, connection: Sqlalchemy) -> None:
        self._connection = connection

    def ask(self, request: Request) -> Sequence[Any]:
        text = sys.modules["sqlalchemy"].text(request.text("named"))
        return self._connection.execute(text, request.named_arguments()).scalars().all()


def _first_columns(cursor: Cursor, request: Request) -> Sequence[Any]:
    cursor.execute(request.text("format"), request.arguments("format"))
    return [row[0] for row in cursor.fetchall()]
