"""Commands are run as processes of their own, in a directory of their own, and inherit nothing."""

from __future__ import annotations

import pytest

from .programs import CommandLine, running_server

TASKS = """
import asyncio
from pathlib import Path

from duly.app import Duly

app = Duly()
not_an_app = 3


@app.handler("hello")
async def hello(payload):
    return {"greeting": f"Hello {payload['name']}"}


@app.handler("boom")
def boom(payload):
    raise ValueError("\\x1b[31mred\\x1b[0m boom")


@app.handler("report")
async def report(payload, ctx):
    ctx.progress(1, 4, "first page")
    ctx.log("\\x1b[31mbegun\\nin two lines")
    while "gate" in payload and not Path(payload["gate"]).exists():
        await asyncio.sleep(0.01)
    ctx.log("careful", level="warning")
    ctx.progress(4, 4)
"""


@pytest.fixture(scope="module")
def database_url(postgres):
    """One database for the tests of a file: they share a server as well."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def duly(database_url, tmp_path):
    """The command line in an empty directory that holds `tasks.py`."""
    (tmp_path / "tasks.py").write_text(TASKS)
    return CommandLine(tmp_path, {"DATABASE_URL": database_url})


@pytest.fixture(scope="module")
def server(database_url, tmp_path_factory):
    """A `duly serve tasks:app` that is up; its URL is `server.url`."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "tasks.py").write_text(TASKS)
    with running_server(CommandLine(folder, {"DATABASE_URL": database_url}), "tasks:app") as up:
        yield up
