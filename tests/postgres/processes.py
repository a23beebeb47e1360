"""Processes that use the embedded PostgreSQL, and what tests ask the server and the system."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg

PATIENCE = 60.0
PROGRAM = """
import sys
from pathlib import Path
from duly.postgres.embedded import EmbeddedPostgres

home, binaries = sys.argv[1:]
server = EmbeddedPostgres(Path(home), binaries=Path(binaries), say=lambda text: print(text))
server.start()
print("ready", flush=True)
sys.stdin.read()
server.stop()
"""


class Process:
    """A process of its own that uses the server in `home` until it is let go, or killed."""

    def __init__(self, home, binaries):
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home), str(binaries)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said = []

    def await_ready(self):
        for line in self._process.stdout:
            if line == "ready\n":
                return
            self.said.append(line.strip())
        self.kill()
        raise AssertionError(self.said)

    def finish(self):
        self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0

    def kill(self):
        self._process.kill()
        self._process.communicate()


def as_another(uid, work):
    """What `work` returns, as text, or the error that it raises, in a process of the user `uid`.

    Forked and not started: the Python that runs the tests may be out of that user's reach.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = "it was not done"
        try:
            if uid is not None:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            answer = str(work())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            answer = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, answer.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def pid_of(server):
    """The number of the server's process, as its pid file has it."""
    return int((server.data / "postmaster.pid").read_text().split()[0])


def is_alive(pid):
    """Whether it runs. A zombie that nobody has reaped yet does not."""
    command = ["ps", "-p", str(pid), "-o", "stat="]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return state.strip()[:1] not in {"", "Z"}


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))


def ask(dsn, *statements):
    """The first value that the last statement returns."""

    async def answer():
        connection = await asyncpg.connect(dsn.reveal())
        try:
            return [await connection.fetchval(one) for one in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(answer())


def end_servers(home):
    """Kill what a test left in `home`, and nothing else."""
    for file in Path(home).rglob("postmaster.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError, IndexError):
            pid, data = file.read_text().splitlines()[:2]
            command = subprocess.run(
                ["ps", "-p", pid, "-o", "args="], capture_output=True, text=True, check=False
            ).stdout
            if data in command and "cluster_name=duly-" in command:
                kill(int(pid))
