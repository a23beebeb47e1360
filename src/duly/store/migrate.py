"""The schema's way from one version to the next: plain SQL files, applied in order.

One process at a time, each file in a transaction of its own. A schema that is newer than the code
is refused, never touched.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import asyncpg

from ..errors import SchemaTooNew, SchemaTooOld
from ..postgres.pool import Connection

LOCK = 7_305_814_217
DAYS_AHEAD = 8


def migrations() -> list[tuple[int, str, str]]:
    """Every migration as (number, name, text), in order."""
    folder = files("duly.store") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [
        (int(name.split("_")[0]), name.removesuffix(".sql"), (folder / name).read_text())
        for name in names
    ]


NEEDED = migrations()[-1][0]


def sql() -> str:
    """All migrations as one text, for people who apply them with their own tools."""
    parts = [
        f"-- {name}\nbegin;\n{text.strip()}\n"
        f"insert into duly.migration (number, name) values ({number}, '{name}');\n"
        f"{_partitions()};\ncommit;\n"
        for number, name, text in migrations()
    ]
    return "\n".join(parts)


async def found(connection: Connection) -> int:
    """The number of the newest migration that the database has had; 0 for none."""
    if await connection.fetchval("select to_regclass('duly.migration')") is None:
        return 0
    newest = await connection.fetchval("select coalesce(max(number), 0) from duly.migration")
    return int(newest)


async def pending(connection: Connection) -> list[str]:
    """The names of the migrations that the database has not had."""
    here = await found(connection)
    return [name for number, name, _ in migrations() if number > here]


async def check(connection: Connection) -> None:
    """Raise SchemaTooOld or SchemaTooNew unless the database has just what this code needs."""
    here = await found(connection)
    if here > NEEDED:
        raise SchemaTooNew(found=here, needed=NEEDED)
    if here < NEEDED:
        raise SchemaTooOld(found=here, needed=NEEDED)


async def migrate(
    connection: Connection, say: Callable[[str], None] = lambda _name: None
) -> list[str]:
    """Bring the schema up to date; answers the names of the migrations that were applied.

    `say` is called with each name after it was applied. Waits while another process migrates.
    Raises SchemaTooNew when the database is ahead of this code.
    """
    applied: list[str] = []
    for number, name, text in migrations():
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
            here = await found(connection)
            if here > NEEDED:
                raise SchemaTooNew(found=here, needed=NEEDED)
            if here >= number:
                continue
            await _apply(connection, number, name, text)
        applied.append(name)
        say(name)
    return applied


async def _apply(connection: asyncpg.Connection, number: int, name: str, text: str) -> None:
    await connection.execute(text)
    await connection.execute(
        "insert into duly.migration (number, name) values ($1, $2)", number, name
    )
    await connection.execute(_partitions())


def _partitions() -> str:
    return f"select duly.make_partitions((now() at time zone 'UTC')::date - 1, {DAYS_AHEAD + 1})"
