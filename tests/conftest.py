"""A real PostgreSQL for the whole run, and a database of its own for each test that asks for one.

`DULY_TEST_BIN` names the folder of the PostgreSQL programs to test with, instead of the wheel's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from duly.config import Secret, Settings
from duly.postgres.embedded import EmbeddedPostgres
from duly.store.migrate import migrate

TEMPLATE = "duly_template"


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio", {"use_uvloop": True}


def binaries() -> Path | None:
    given = os.environ.get("DULY_TEST_BIN")
    return Path(given) if given else None


class Server:
    """The PostgreSQL of this run: makes and drops databases."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._numbers = itertools.count(1)

    def url(self, name: str) -> str:
        return self.dsn.replace("/duly?", f"/{name}?")

    def make_template(self) -> None:
        self.run(f"create database {TEMPLATE}")
        asyncio.run(_migrate(self.url(TEMPLATE)))

    def make(self, template: str = TEMPLATE) -> str:
        """The address of a fresh database that has the schema."""
        name = f"test_{next(self._numbers)}"
        self.run(f"create database {name} template {template}")
        if template == TEMPLATE:
            # In a copy another history of events begins: here, and not in the middle of the test.
            begin = "select duly.begin_epoch(epoch) from duly.event_epoch"
            asyncio.run(_execute(self.url(name), begin))
        return self.url(name)

    def drop(self, url: str) -> None:
        name = urlsplit(url).path.removeprefix("/")
        self.run(f"drop database {name} with (force)")

    def run(self, text: str) -> None:
        asyncio.run(_execute(self.dsn, text))

    @contextlib.contextmanager
    def database(self, template: str = TEMPLATE):
        url = self.make(template)
        try:
            yield url
        finally:
            self.drop(url)


async def _execute(dsn: str, text: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(text)
    finally:
        await connection.close()


async def _migrate(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await migrate(connection)
    finally:
        await connection.close()


@contextlib.contextmanager
def embedded_postgres():
    """A private server in a folder of its own, removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="duly-test-"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home, binaries=binaries(), say=lambda _: None)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)


@pytest.fixture
def tmp_path():
    """A folder that others may enter: run by root, PostgreSQL belongs to somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="duly-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres():
    """The server that all tests share."""
    with embedded_postgres() as embedded:
        server = Server(embedded.start().reveal())
        # Nobody pulls the plug on this one; tests of what survives have servers of their own.
        server.run("alter system set fsync = off")
        server.run("select pg_reload_conf()")
        server.make_template()
        yield server


@pytest.fixture
def own_postgres():
    """A server for one test, which may kill it. It has not been started."""
    with embedded_postgres() as embedded:
        yield embedded


@pytest.fixture
def database_url(postgres):
    """The address of a fresh database."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def settings(database_url):
    """Settings for a fresh database, with short times."""
    return Settings(database_url=Secret(database_url), poll=0.5)


@pytest.fixture
async def connection(database_url):
    """A connection to the fresh database."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()
