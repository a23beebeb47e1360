"""`duly db`: the schema of the database: bring it up to date, look at it, print its SQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import click

from ...config import Settings
from ...errors import SchemaTooNew
from ...postgres.embedded import EmbeddedPostgres
from ...postgres.pool import Connection, connect
from ...store import migrate as schema
from ..command import Group, Options, pass_options
from ..environment import read_settings, run
from ..output.terminal import print_json, say

NOT_UP_TO_DATE = 1


@click.group(
    cls=Group,
    short_help="Look after the database schema.",
    examples=["duly db status", "duly db migrate"],
)
def db() -> None:
    """Look after the database schema."""


@db.command(
    examples=["duly db migrate", "DATABASE_URL=postgresql://app@db/app duly db migrate --json"],
)
@pass_options
def migrate(options: Options) -> None:
    """Bring the schema up to date, one process at a time."""
    applied = run(_migrate(read_settings()))
    if options.json:
        print_json({"schema": schema.NEEDED, "applied": applied})
    elif not applied:
        say(f"The schema is up to date ({schema.NEEDED}).")


@db.command(examples=["duly db status", "duly db status --json"])
@pass_options
def status(options: Options) -> None:
    """Show whether the schema is up to date; exit 1 when it is not."""
    report = run(_status(read_settings()))
    if options.json:
        print_json(report)
    else:
        click.echo(f"PostgreSQL  {report['postgresql']}")
        click.echo(f"schema      {report['schema']}, needed is {report['needed']}")
        for name in report["pending"]:
            click.echo(f"pending     {name}")
    if report["schema"] > schema.NEEDED:
        raise SchemaTooNew(found=report["schema"], needed=schema.NEEDED)
    if report["pending"]:
        say("Bring it up to date with: duly db migrate")
        raise click.exceptions.Exit(NOT_UP_TO_DATE)


@db.command(examples=["duly db sql > duly.sql", 'duly db sql | psql "$DATABASE_URL"'])
@pass_options
def sql(options: Options) -> None:
    """Print the SQL of all migrations, to be applied by other tools."""
    text = schema.sql()
    if options.json:
        print_json({"schema": schema.NEEDED, "sql": text})
    else:
        click.echo(text)


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncGenerator[Connection]:
    async with AsyncExitStack() as stack:
        dsn = settings.database_url
        if dsn is None:
            embedded = EmbeddedPostgres(Path(settings.data_dir), say=say)
            # First, so that it is also stopped when its start is interrupted.
            stack.push_async_callback(asyncio.to_thread, embedded.stop)
            dsn = await asyncio.to_thread(embedded.start)
        connection = await connect(dsn, "db")
        stack.callback(connection.terminate)
        yield connection


async def _migrate(settings: Settings) -> list[str]:
    async with _connection(settings) as connection:
        return await schema.migrate(connection, lambda name: say(f"applied {name}"))


async def _status(settings: Settings) -> dict[str, Any]:
    async with _connection(settings) as connection:
        version = connection.get_server_version()
        return {
            "postgresql": f"{version.major}.{version.minor}",
            "schema": await schema.found(connection),
            "needed": schema.NEEDED,
            "pending": await schema.pending(connection),
        }
