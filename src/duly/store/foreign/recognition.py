"""Whose connection it is, by the name of its class: no driver is needed that is not installed."""

from __future__ import annotations

from typing import Any

from ...errors import RequestRefused
from .asynchronous import AsyncpgConnection, AsyncPsycopgConnection, AsyncSqlalchemyConnection
from .dialogue import AsyncConnection, SyncConnection
from .synchronous import (
    DjangoConnection,
    Psycopg2Connection,
    PsycopgConnection,
    SqlalchemyConnection,
)

# The package and the class, which a subclass of the user's own has among its bases.
ASYNC: dict[tuple[str, str], Any] = {
    ("asyncpg", "Connection"): AsyncpgConnection,
    ("asyncpg", "PoolConnectionProxy"): AsyncpgConnection,
    ("psycopg", "AsyncConnection"): AsyncPsycopgConnection,
    ("sqlalchemy", "AsyncConnection"): AsyncSqlalchemyConnection,
    ("sqlalchemy", "AsyncSession"): AsyncSqlalchemyConnection,
    ("sqlalchemy", "async_scoped_session"): AsyncSqlalchemyConnection,
}
SYNC: dict[tuple[str, str], Any] = {
    ("psycopg", "Connection"): PsycopgConnection,
    ("psycopg2", "connection"): Psycopg2Connection,
    ("sqlalchemy", "Connection"): SqlalchemyConnection,
    ("sqlalchemy", "Session"): SqlalchemyConnection,
    ("sqlalchemy", "scoped_session"): SqlalchemyConnection,
    ("django", "ConnectionProxy"): DjangoConnection,
    ("django", "BaseDatabaseWrapper"): DjangoConnection,
}


def async_connection(conn: object) -> AsyncConnection:
    """The connection to ask; raises RequestRefused when `conn` is none of an async driver."""
    if (adapter := _adapter(conn, ASYNC)) is not None:
        return adapter(conn)
    if _adapter(conn, SYNC) is not None:
        raise _refused(
            f"{_name(conn)} would block the event loop: call the method that ends in `_sync`, from"
            " a thread, or give the connection of an async driver"
        )
    raise _refused(_unknown(conn))


def sync_connection(conn: object) -> SyncConnection:
    """The connection to ask; raises RequestRefused when `conn` is none of a sync driver."""
    if (adapter := _adapter(conn, SYNC)) is not None:
        return adapter(conn)
    if _adapter(conn, ASYNC) is not None:
        raise _refused(
            f"{_name(conn)} is of an async driver: await the method without `_sync`, or give the"
            " connection of a sync driver"
        )
    raise _refused(_unknown(conn))


def _adapter(conn: object, known: dict[tuple[str, str], Any]) -> Any:
    bases = [(kind.__module__.partition(".")[0], kind.__name__) for kind in type(conn).__mro__]
    adapter = next((known[base] for base in bases if base in known), None)
    if adapter is not None and (system := _system(conn)) != "postgresql":
        raise _refused(f"is a connection to {system}: jobs are kept in PostgreSQL")
    return adapter


def _system(conn: Any) -> str:
    """What kind of database it is; a driver that knows only one does not say."""
    if hasattr(conn, "vendor"):
        return str(conn.vendor)
    if hasattr(conn, "get_bind"):
        return str(conn.get_bind().dialect.name)
    return str(conn.dialect.name) if hasattr(conn, "dialect") else "postgresql"


def _unknown(conn: object) -> str:
    return (
        "must be a connection or a session of asyncpg, psycopg, psycopg2, SQLAlchemy or Django,"
        f" that a transaction is open on, not {_name(conn)}"
    )


def _name(conn: object) -> str:
    kind = type(conn)
    return f"{kind.__module__}.{kind.__qualname__}"


def _refused(reason: str) -> RequestRefused:
    return RequestRefused(path="conn", reason=reason)
