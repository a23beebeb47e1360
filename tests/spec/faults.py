"""Faults that tests inject, and the storm of submissions that goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp

PATIENCE = 60.0
PROGRAM = """
import os
import sys

from duly.config import Settings
from duly.handlers.registry import HandlerRegistry
from duly.wiring import run, serve

async def nothing(payload: object) -> None:
    pass

registry = HandlerRegistry()
registry.add("nothing", nothing)
settings = Settings.from_environment(os.environ)
sys.exit(run(serve(settings, registry, ready=lambda url: print(url, flush=True))))
"""


@contextmanager
def serving(dsn, folder):
    """A process of its own with the HTTP server and a worker; it must end well when asked to."""
    log = folder / "server.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={"DATABASE_URL": dsn, "PORT": "0", "PATH": os.environ["PATH"], "DULY_POLL": "0.5"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        url = process.stdout.readline().strip() if ready else ""
        assert url, log.read_text()
        yield url
        assert process.poll() is None, log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def kill_postgres(embedded):
    """kill -9 of its first process, which the others do not survive for long."""
    pid = int((embedded.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)


@dataclass
class Storm:
    """Clients that submit jobs as fast as they are answered, and write down every answer."""

    url: str
    accepted: list[str] = field(default_factory=list)
    answers: Counter = field(default_factory=Counter)
    is_over: bool = False

    async def blow(self, clients):
        """Until `is_over`. A refused or broken connection raises."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        connector = aiohttp.TCPConnector(limit=clients)
        async with (
            aiohttp.ClientSession(self.url, timeout=timeout, connector=connector) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(clients):
                group.create_task(self._submit(session))

    async def _submit(self, session):
        while not self.is_over:
            async with session.post("/jobs", json={"job_type": "nothing", "payload": {}}) as answer:
                self.answers[answer.status, answer.content_type] += 1
                told = await answer.json(content_type=None)
                if answer.status == 201:
                    self.accepted.append(told["id"])
