"""Databases and servers that are copied, restored, set back and promoted."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from eventually import eventually

from duly.postgres.binaries import find_binaries
from duly.postgres.embedded import SHARED
from duly.postgres.owner import owner_of
from duly.store.migrate import migrate

BURN = "do $$ begin for i in 1..{} loop perform pg_current_xact_id(); commit; end loop; end $$"


@asynccontextmanager
async def connected(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def start(embedded):
    """Start a server of our own, with the schema; answers its address."""
    dsn = (await asyncio.to_thread(embedded.start)).reveal()
    async with connected(dsn) as connection:
        await migrate(connection)
    return dsn


def run(program, *arguments, home=None):
    """Run a program of PostgreSQL with success: as ourselves, or as the owner of `home`."""
    owner = owner_of(home or Path("/nowhere"))
    given = os.environ.get("DULY_TEST_BIN")
    found = find_binaries(Path(given) if given else None, owner, SHARED, lambda _: None)
    command = [found.program(program), *map(str, arguments)]
    if home is not None:
        done = owner.run(command)
    else:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (program, done.stderr)


async def burn(dsn, count):
    """Use up transaction ids."""
    async with connected(dsn) as connection:
        await connection.execute(BURN.format(count))


async def newest_xid(dsn):
    async with connected(dsn) as connection:
        return await connection.fetchval("select pg_current_xact_id()::text::bigint")


def name_in(dsn):
    return urlsplit(dsn).path.removeprefix("/")


async def alone(admin, dsn, text):
    """Run a statement that wants nobody connected to a database; servers come back at once."""
    terminate = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"

    async def try_it():
        await admin.fetch(terminate, name_in(dsn))
        try:
            await admin.execute(text)
        except asyncpg.ObjectInUseError:
            return False
        return True

    await eventually(try_it, text)


async def copy_by_template(admin, dsn, copy):
    await alone(admin, dsn, f"create database {name_in(copy)} template {name_in(dsn)}")


async def copy_by_dump(admin, dsn, copy):
    await admin.execute(f"create database {name_in(copy)}")
    with tempfile.NamedTemporaryFile() as file:
        await asyncio.to_thread(dump, dsn, file.name)
        await asyncio.to_thread(restore, file.name, copy)


def dump(dsn, file, *options):
    run("pg_dump", "--format=custom", "--file", file, *options, "-d", dsn)


def restore(file, dsn, *options):
    run("pg_restore", "--exit-on-error", *options, "-d", dsn, file)


async def swap(admin, dsn, copy):
    """The copy takes the place of the database, which is dropped."""
    await admin.execute(f"drop database {name_in(dsn)} with (force)")
    await alone(admin, copy, f"alter database {name_in(copy)} rename to {name_in(dsn)}")


class Standby:
    """A copy of a running server that follows it until it is promoted."""

    def __init__(self, folder, primary_dsn):
        self.folder = folder / "standby"
        self._data = self.folder / "pg"
        owner = owner_of(folder)
        self.folder.mkdir()
        owner.give(self.folder)
        options = ("--write-recovery-conf", "--checkpoint=fast", "-d", primary_dsn)
        run("pg_basebackup", "-D", self._data, *options, home=self.folder)
        places = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c port=5432"
        log = self.folder / "log"
        run("pg_ctl", "-D", self._data, "-l", log, "-w", "-o", places, "start", home=self.folder)
        password = urlsplit(primary_dsn).password
        self.dsn = f"postgresql://duly:{password}@/duly?host={self.folder}&port=5432"

    async def has_all_of(self, primary_dsn):
        """Wait until it has replayed what the primary has written so far."""
        async with connected(primary_dsn) as primary, connected(self.dsn) as standby:
            here = await primary.fetchval("select pg_current_wal_insert_lsn()::text")
            text = "select pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
            await eventually(lambda: standby.fetchval(text, here), "the standby has it")

    async def stop_following(self):
        async with connected(self.dsn) as standby:
            await standby.execute("alter system set primary_conninfo = ''")
            await standby.execute("select pg_reload_conf()")
            text = "select count(*) = 0 from pg_stat_wal_receiver"
            await eventually(lambda: standby.fetchval(text), "the standby follows nobody")

    async def promote(self):
        async with connected(self.dsn) as standby:
            assert await standby.fetchval("select pg_promote(true, 60)")

    def close(self):
        run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop", home=self.folder)
        shutil.rmtree(self.folder)
