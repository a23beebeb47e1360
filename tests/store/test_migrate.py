"""The schema's way to its present form."""

from __future__ import annotations

import asyncio
from importlib.resources import files

import asyncpg
import pytest

from duly.errors import SchemaTooNew, SchemaTooOld
from duly.store import migrate as migrations

SHAPE = """
select 'column', table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
  || coalesce(column_default, '') || ' ' || ordinal_position as what
from information_schema.columns where table_schema = 'duly'
union all select 'index', indexdef from pg_indexes where schemaname = 'duly'
union all
  select 'constraint', conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
from pg_constraint where connamespace = 'duly'::regnamespace and contype <> 'n'
union all select 'function', pg_get_functiondef(oid)
from pg_proc where pronamespace = 'duly'::regnamespace
union all select 'view', pg_get_viewdef(c.oid)
from pg_class c where relnamespace = 'duly'::regnamespace and relkind = 'v'
union all select 'options', relname || ' ' || coalesce(reloptions::text, '') || relpersistence::text
from pg_class where relnamespace = 'duly'::regnamespace
order by 1, 2
"""


async def test_the_migrations_arrive_at_the_schema_that_is_written_to_be_read(postgres):
    with_migrations, with_schema = "shape_a", "shape_b"
    shapes = []

    for name in (with_migrations, with_schema):
        await _admin(postgres, f"create database {name}")
        connection = await asyncpg.connect(postgres.url(name))
        if name == with_migrations:
            await migrations.migrate(connection)
        else:
            await connection.execute((files("duly.store") / "schema.sql").read_text())
            await connection.fetch(
                "select duly.make_partitions((now() at time zone 'UTC')::date - 1, $1)",
                migrations.DAYS_AHEAD + 1,
            )
        shapes.append([tuple(row) for row in await connection.fetch(SHAPE)])
        await connection.close()
        await _admin(postgres, f"drop database {name}")

    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 100


async def test_many_processes_that_start_at_once_apply_each_migration_once(postgres):
    await _admin(postgres, "create database at_once")
    connections = [await asyncpg.connect(postgres.url("at_once")) for _ in range(8)]

    try:
        applied = await asyncio.gather(*(migrations.migrate(one) for one in connections))
    finally:
        for one in connections:
            await one.close()
        await _admin(postgres, "drop database at_once")

    assert all(some == sorted(some) for some in applied)
    assert sorted(name for some in applied for name in some) == [
        name for _, name, _ in migrations.migrations()
    ]


async def test_a_schema_that_is_newer_than_the_code_is_refused(connection):
    newer = migrations.NEEDED + 7
    await connection.execute("insert into duly.migration (number, name) values ($1, 'x')", newer)

    with pytest.raises(SchemaTooNew, match="install a newer duly"):
        await migrations.migrate(connection)
    with pytest.raises(SchemaTooNew):
        await migrations.check(connection)


async def test_a_schema_that_is_older_than_the_code_is_named_with_the_command_that_helps(
    connection,
):
    await connection.execute("delete from duly.migration")

    with pytest.raises(SchemaTooOld, match="duly db migrate"):
        await migrations.check(connection)


async def test_the_schema_as_text_can_be_applied_by_other_tools(postgres):
    await _admin(postgres, "create database by_hand")
    connection = await asyncpg.connect(postgres.url("by_hand"))

    await connection.execute(migrations.sql())

    assert await migrations.pending(connection) == []
    assert await connection.fetchval("select duly.enqueue('email')") is not None
    await connection.close()
    await _admin(postgres, "drop database by_hand")


async def _admin(postgres, text):
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute(text)
    await connection.close()
